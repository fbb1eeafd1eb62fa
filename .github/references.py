"""Writes the references in .github/docs: `commands.md` from the commands' own help, `api.md` from the docstrings, and
`boards.md` from the results of the leaderboard.

    python .github/references.py

A test writes them anew and compares.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import griffe
import typer
from typer.cli import get_docs_for_click

ROOT = Path(__file__).parents[1]
DOCS = ROOT / ".github" / "docs"
BY = "made by `python .github/references.py`"

#: What a module that is a command ends with: `run(main, "python -m runners.sweep")`.
COMMAND = re.compile(r'^ +run\((\w+), "python -m ([\w.]+)"\)', re.MULTILINE)

#: Modules with public names, each with what it is for.
PUBLIC = {
    "seedbench": "Scoring. `import seedbench` is instant: each of these is imported when it is first used.",
    "seedbench.live": "A strategy on your own training: [live.md](live.md).",
    "seedbench.live.transformers": "A `transformers.Trainer` as a training (extra `transformers`).",
    "seedbench.adapters": "Rules of other libraries as strategies (extra `optuna`).",
}


def commands() -> str:
    """Every command with its arguments and options."""
    parts = [f"# Commands\n\nWhat `--help` says, {BY}.\n"]
    for called, application in _applications():
        command = typer.main.get_command(application)
        with command.make_context(called, [], resilient_parsing=True) as context:
            parts.append(get_docs_for_click(obj=command, ctx=context, name=called, title=f"`{called}`", indent=1))
    text = "\n".join(part.strip() + "\n" for part in parts)
    return text.replace(f"{ROOT}/", "")  # defaults that are folders of this one


def _applications() -> Iterator[tuple[str, typer.Typer]]:
    from seedbench.cli import app
    from seedbench.commands import application_of

    yield "seedbench", app
    for package in ("runners", "leaderboard", "dataset_card"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for name, called in COMMAND.findall(path.read_text(encoding="utf-8")):
                module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
                yield f"python -m {called}", application_of(getattr(module, name))


def api() -> str:
    """Every public name with its signature and its docstring."""
    package = griffe.load(
        "seedbench",
        search_paths=[ROOT],
        try_relative_path=False,
        docstring_parser="google",
        resolve_aliases=True,
        docstring_options={"returns_multiple_items": False},
    )
    parts = [f"# Python\n\nAll public names, {BY}. How they are used: [from-python.md](from-python.md)."]
    for name, purpose in PUBLIC.items():
        module = package[name.removeprefix("seedbench").removeprefix(".")] if name != "seedbench" else package
        parts.append(f"## `{name}`\n\n{purpose}")
        for exported in _public(module):
            parts.extend(_described(exported.name, _target(exported)))
    return "\n\n".join(parts) + "\n"


def boards() -> str:
    """The newest board of each track."""
    from dataset_card.markdown import markdown_table
    from leaderboard.boards import RESULTS, SUBMISSIONS, read_boards
    from leaderboard.build import read_sources, read_standing
    from leaderboard.site.board import board_table
    from seedbench.display import Cell, Link

    def text(cell: Any) -> str:
        if isinstance(cell, Cell):
            return text(cell.text)
        return "–" if cell is None else cell.text if isinstance(cell, Link) else str(cell)

    parts = [
        f"# The boards\n\nThe newest of each track, {BY}. `python -m leaderboard.build` draws them, and all others."
    ]
    notes, sources = dict[str, str](), read_sources(SUBMISSIONS)
    newest = {board.track: board for board in reversed(read_boards(RESULTS))}
    for _, board in sorted(newest.items()):
        table = board_table(read_standing(board, sources, RESULTS))
        parts.append(
            f"## {board.name}\n\nProtocol {board.protocol}, track {board.track}, trial set {board.trials.name} "
            f"{board.trials.version}, {board.replicates:,} replicates, seed {board.seed}."
        )
        titles = [column.title for column in table.columns]
        parts.append(markdown_table(titles, ([text(cell) for cell in row] for row in table.rows)))
        notes |= {column.title: column.note for column in table.columns if column.note}
    parts.append("\n".join(f"- *{title}*: {note}" for title, note in notes.items()))
    return "\n\n".join(parts) + "\n"


def _public(module: griffe.Module) -> list[griffe.Object | griffe.Alias]:
    """What it exports, or, where it names nothing, what is defined in it and has no underscore."""
    names = module.exports if module.exports is not None else [n for n, one in module.members.items() if _own(one)]
    found = [module.members[str(name)] for name in names if str(name) != "__version__"]
    return sorted((one for one in found if not one.is_module), key=lambda one: one.name.lower())


def _own(member: griffe.Object | griffe.Alias) -> bool:
    return not member.is_alias and member.is_public and member.has_docstring


def _target(found: griffe.Object | griffe.Alias) -> griffe.Object:
    return found.final_target if isinstance(found, griffe.Alias) else found


def _described(name: str, found: griffe.Object, level: int = 3) -> Iterator[str]:
    yield f"{'#' * level} `{name}`"
    if isinstance(found, griffe.Function):
        yield f"```python\n{_signature(found)}\n```"
    yield from _sections(found)
    if isinstance(found, griffe.Function):
        for parameter in found.parameters:
            if keywords := re.fullmatch(r"Unpack\[(\w+)\]", str(parameter.annotation)):
                yield f"`**{parameter.name}`, all by name:"
                yield "\n".join(_keywords(_target(found.module[keywords[1]])))
    if isinstance(found, griffe.Class):
        for member in found.members.values():
            if not member.name.startswith("_") and member.has_docstring and not member.is_alias:
                yield from _described(f"{name}.{member.name}", member, level + 1)


def _keywords(options: griffe.Class) -> Iterator[str]:
    """A line for each of its attributes, those that it inherits first."""
    for one_of_them in reversed([options, *options.mro()]):
        docstring = one_of_them.docstring
        for section in docstring.parsed if docstring else ():
            if section.kind is griffe.DocstringSectionKind.attributes:
                yield from (_item(one.name, one.description) for one in section.value)


def _signature(function: griffe.Function) -> str:
    """As in the source; an argument a line where they do not stand in one."""
    parameters = [one for one in function.parameters if one.name not in ("self", "cls")]
    shown: list[str] = []
    for one in parameters:
        kind, earlier = one.kind, any(text.startswith("*") for text in shown)
        if kind is griffe.ParameterKind.keyword_only and not earlier:
            shown.append("*")
        star = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(kind, "")
        text = f"{star}{one.name}" + (f": {one.annotation}" if one.annotation else "")
        default = "" if star or one.default is None else f" = {one.default}" if one.annotation else f"={one.default}"
        shown.append(text + default)
    returned = f" -> {function.returns}" if function.returns else ""
    line = f"{function.name}({', '.join(shown)}){returned}"
    if len(line) <= 120:
        return line
    return f"{function.name}(\n" + "".join(f"    {text},\n" for text in shown) + f"){returned}"


def _sections(found: griffe.Object) -> Iterator[str]:
    kinds = griffe.DocstringSectionKind
    for section in found.docstring.parsed if found.docstring else ():
        if section.kind is kinds.text:
            yield section.value
        elif section.kind is kinds.examples:
            yield "\n\n".join(text if kind is kinds.text else f"```python\n{text}\n```" for kind, text in section.value)
        elif section.kind is kinds.admonition:
            yield f"*{section.title}:* {section.value.description}"
        else:
            heading = {"parameters": "Arguments", "raises": "Raises", "attributes": "Attributes", "returns": "Returns"}
            items = (_item(getattr(one, "name", "") or str(one.annotation), one.description) for one in section.value)
            yield f"{heading.get(section.kind.value, section.kind.value.capitalize())}:"
            yield "\n".join(items)


def _item(name: str, description: str) -> str:
    return f"- `{name}`: " + " ".join(description.split())


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    (DOCS / "commands.md").write_text(commands(), encoding="utf-8")
    (DOCS / "api.md").write_text(api(), encoding="utf-8")
    (DOCS / "boards.md").write_text(boards(), encoding="utf-8")
