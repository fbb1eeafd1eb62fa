"""What the organisers write down on a board, open or closed: an entry that is `remove`d, a `note` to its readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.boards import RESULTS, Board, changing_board, read_board, write_board
from seedbench.commands import application, run
from seedbench.errors import SeedbenchError
from seedbench.text import is_one_line

BOARD = Annotated[str, typer.Argument(metavar="BOARD", help="Its name, as in held-out-2-cold-1.0.")]
FOLDER = Annotated[Path, typer.Option("--results", metavar="DIR", help="Folder of the boards.")]

app = application("Write something down on a board, open or closed.")


@app.command()
def remove(
    board: BOARD,
    slug: Annotated[str, typer.Argument(metavar="SLUG", help="The entry.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; the board shows it.")],
    results: FOLDER = RESULTS,
) -> None:
    """Take an entry off a board, which keeps its line with the reason; it is not measured again."""
    with _changing(results, board) as current:
        known = {file.stem for file in (results / board / "public").glob("*.json")} | (current.entries or {}).keys()
        if slug not in known:
            raise SeedbenchError(f"{board}: no entry {slug!r}; there are {', '.join(sorted(known)) or 'none'}")
        write_board(results, replace(current, removed=current.removed | {slug: _said(reason, "--reason")}))


@app.command()
def note(
    board: BOARD,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What went wrong, for the board's readers.")],
    results: FOLDER = RESULTS,
) -> None:
    """Add a note to a board: it stands above its table."""
    with _changing(results, board) as current:
        write_board(results, replace(current, notes=(*current.notes, _said(text, "TEXT"))))


@contextmanager
def _changing(results: Path, name: str) -> Iterator[Board]:
    there = sorted(file.parent.name for file in results.glob("*/board.json"))
    if name not in there:
        raise SeedbenchError(f"{results}: no board {name!r}; there are {', '.join(there) or 'none'}")
    with changing_board(results, name):
        yield read_board(results / name)


def _said(text: str, what: str) -> str:
    if not is_one_line(said := text.strip()):
        raise SeedbenchError(f"{what} {ascii(text[:60])}: some words in one line, of characters that are seen")
    return said


if __name__ == "__main__":
    run(app, "python -m leaderboard.amend")
