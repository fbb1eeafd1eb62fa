"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer


def integer(text: str | int, lowest: int = 0) -> int:
    """An integer from the command line (or a default, which is one already)."""
    if not str(text).isdecimal() or int(text) < lowest:
        raise typer.BadParameter(f"must be a whole number from {lowest} on, found {str(text)!r}.")
    return int(text)


def count(text: str | int) -> int:
    """An integer above zero."""
    return integer(text, lowest=1)


STRATEGY = Annotated[str, typer.Argument(metavar="STRATEGY", help="A file.py, file.py:name, or a shipped strategy.")]
TRIALS = Annotated[
    str | None, typer.Option(metavar="DIR|HUB_ID", help="A trial set; without it, the one that is bundled.")
]
REVISION = Annotated[str | None, typer.Option(metavar="TAG", help="Tag, branch or commit of a trial set on the Hub.")]
TRACK = Annotated[
    str,
    typer.Option(metavar="NAME", help="cold; or transfer: strategies are shown the trials of the model's other tasks."),
]
