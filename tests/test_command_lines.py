"""Every command line ends alike: what a user did wrong is one line on standard error, and exit code 2."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer

from seedbench.cli.app import app as seedbench_app
from seedbench.commands import INTERRUPTED, exit_code, natural, number, run
from seedbench.errors import SeedbenchError
from tests.test_pins import ROOT, app_of, entry_points


def ended(capsys, command, *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command in this process."""
    sys.argv[1:] = arguments
    code = exit_code(command, "python -m tests.example")
    return code, *capsys.readouterr()


@pytest.fixture(autouse=True)
def arguments(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "argv", ["example"])


def greet(name: str, times: int = 1) -> None:
    """Says hello."""
    if not name:
        raise SeedbenchError("name: must not be empty")
    if name == "nobody":
        raise KeyboardInterrupt
    if name == "three":
        raise typer.Exit(3)
    print(f"hello {name} " * times)


def test_what_is_said_and_how_it_ends(capsys):
    assert ended(capsys, greet, "you", "--times", "2") == (0, "hello you hello you \n", "")
    assert ended(capsys, greet, "") == (2, "", "tests.example: error: name: must not be empty\n")
    assert ended(capsys, greet, "three") == (3, "", "")
    assert ended(capsys, greet, "nobody") == (INTERRUPTED, "", "")
    code, out, err = ended(capsys, greet, "--bogus")
    said = "tests.example: error: No such option: --bogus. See: python -m tests.example --help\n"
    assert (code, out, err) == (2, "", said)
    code, out, err = ended(capsys, greet, "you", "--times", "often")
    assert (code, out, err.count("\n")) == (2, "", 1) and "Invalid value for '--times'" in err


def test_it_ends_the_process(capsys):
    sys.argv[1:] = ["you"]
    with pytest.raises(SystemExit) as end:
        run(greet, "python -m tests.example")
    assert end.value.code == 0


@pytest.mark.parametrize(("name", "path"), entry_points().items())
def test_an_entry_point_refuses_in_one_line(capsys, name: str, path: Path):
    if name.startswith("runners."):
        pytest.importorskip("torch")
    if name == "runners.cluster":
        pytest.importorskip("submitit")
    module = import_module(f"{name}.__main__" if path.stem == "__main__" else name)
    code, out, err = ended(capsys, getattr(module, "app", None) or module.main, "--bogus")
    assert (code, out) == (2, "") and err.startswith("tests.example: error: No such option: --bogus"), err
    assert err.count("\n") == 1
    assert path.read_text(encoding="utf-8").endswith(f', "python -m {name}")\n')


def numbers_of(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The options that take numbers, of a command and of those below it, each as the words that lead to it."""
    for name, below in getattr(command, "commands", {}).items():
        yield from numbers_of(below, (*words, name))
    for parameter in command.params:
        if re.search("int|float", str(parameter.type_descriptor.annotation)):
            yield *words, parameter.opts[0]


@pytest.mark.parametrize(("name", "path"), {"seedbench": None, **entry_points()}.items())
def test_what_is_no_number_is_refused_by_its_rule(capsys, name: str, path: Path | None):
    """No option leaves it to a library to say so, in words of its own."""
    if name.startswith("runners."):
        pytest.importorskip("torch")
    if name == "runners.cluster":
        pytest.importorskip("submitit")
    app = app_of(name, path) if path else seedbench_app
    for *words, option in numbers_of(typer.main.get_command(app)):
        code, out, err = ended(capsys, app, *words, option, "much")
        said = (
            rf"tests.example: error: Invalid value for '{option}': must be [\w ]*number[\w ]*, found 'much'\. See: .*\n"
        )
        assert (code, out) == (2, "") and re.fullmatch(said, err), err


def repeat(
    times: Annotated[float, typer.Option(parser=number)] = 1, whole: Annotated[int, typer.Option(parser=natural)] = 0
) -> None:
    """Says how often."""
    if whole:
        raise SeedbenchError("whole must be even" if whole == 1 else "whole_number must be even")
    print(times)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--times", "nan"], "Invalid value for '--times': must be a finite number, found 'nan'. See: python -m"),
        (["--times", "-inf"], "Invalid value for '--times': must be a finite number, found '-inf'. See: python -m"),
        (
            ["--whole", "-1"],
            "Invalid value for '--whole': must be a whole number from 0 on, found '-1'. See: python -m",
        ),
        (
            ["--whole", "\u0663"],
            "Invalid value for '--whole': must be a whole number from 0 on, found '\u0663'. See: python",
        ),
        (["--whole", "1"], "--whole must be even\n"),
        (["--whole=1"], "--whole must be even\n"),
        (["--whole", "2"], "whole_number must be even\n"),
    ],
)
def test_numbers_and_their_options(capsys, arguments, said):
    code, out, err = ended(capsys, repeat, *arguments)
    assert (code, out) == (2, "") and err.startswith(f"tests.example: error: {said}"), err


def test_a_module_that_is_run_refuses_in_one_line():
    command = [sys.executable, "-m", "leaderboard.amend"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = "leaderboard.amend: error: Missing command. See: python -m leaderboard.amend --help\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
