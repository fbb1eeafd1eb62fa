"""What anybody may lean on, pinned as text: the public names, and the `--help` of every command.

A change of either is a difference in `tests/pins/`, to be read like any other: run this file with SEEDBENCH_PIN=1 to
write them anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

import seedbench
from seedbench.cli.app import app as seedbench_app

ROOT = Path(__file__).parents[1]
PINS = Path(__file__).parent / "pins"
WIDTH = 1000  # an option is one line, whatever the length of the paths among its defaults
NAMES = "public-names.txt"


def entry_points() -> dict[str, Path]:
    """What `python -m` runs -> its file; but for what speaks with a program, and has no command line."""
    found = {}
    for folder in ("dataset_card", "leaderboard", "runners"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            source = path.read_text(encoding="utf-8")
            if 'if __name__ == "__main__":' in source and "import typer" in source:
                found[".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")] = path
    return found


def app_of(name: str, path: Path) -> typer.Typer:
    """The application of an entry point: its own, or what `typer.run(main)` makes."""
    module = import_module(f"{name}.__main__" if path.stem == "__main__" else name)
    if hasattr(module, "app"):
        return module.app
    app = typer.Typer(add_completion=False)
    app.command()(module.main)
    return app


def pages(command: Any, name: str, parent: Any = None) -> Iterator[str]:
    """The help of a command, and of those below it, as it is without rich: no colour, no boxes."""
    command.rich_markup_mode = None
    context = command.context_class(
        command, info_name=name, parent=parent, terminal_width=WIDTH, max_content_width=WIDTH
    )
    text = command.get_help(context).replace(str(ROOT), "…")
    yield f"$ {context.command_path} --help\n\n{text.rstrip()}\n"
    for below in getattr(command, "commands", {}).values():
        yield from pages(below, below.name, context)


def help_of(app: typer.Typer, name: str) -> str:
    return "\n\n".join(pages(typer.main.get_command(app), name))


def check_pin(file: str, text: str) -> None:
    """Compares with the file, or writes it."""
    path = PINS / file
    if os.environ.get("SEEDBENCH_PIN") == "1":
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"{path} is missing; run this file with SEEDBENCH_PIN=1, and read what it writes"
    assert text == path.read_text(encoding="utf-8"), f"not as in {path}; where that is meant, SEEDBENCH_PIN=1 writes it"


def test_the_public_names():
    check_pin(NAMES, "\n".join(sorted(seedbench.__all__)) + "\n")


def test_the_help_of_seedbench():
    check_pin("seedbench.txt", help_of(seedbench_app, "seedbench"))


@pytest.mark.parametrize(("name", "path"), entry_points().items())
def test_the_help_of_an_entry_point(name: str, path: Path):
    if name.startswith("runners."):
        pytest.importorskip("torch")
    if name == "runners.cluster":
        pytest.importorskip("submitit")
    check_pin(f"{name}.txt", help_of(app_of(name, path), f"python -m {name}"))


def test_every_pin_is_of_something():
    there = {path.name for path in PINS.iterdir()}
    assert there == {NAMES, "seedbench.txt", *(f"{name}.txt" for name in entry_points())}


def test_no_pin_knows_the_machine_that_wrote_it():
    for path in PINS.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?<![\w….])/(home|root|tmp|usr|work|opt)/", text) and "\x1b" not in text, path
