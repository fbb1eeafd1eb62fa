"""Arguments and options that several commands take."""

from __future__ import annotations

from pathlib import Path
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
MODELS = Annotated[list[str], typer.Option(metavar="M", help="This model only; may be repeated.")]
TASKS = Annotated[list[str], typer.Option(metavar="T", help="This task only; may be repeated.")]
RECIPES = Annotated[list[str], typer.Option(metavar="R", help="This recipe only; may be repeated.")]
BUDGETS = Annotated[list[int], typer.Option(metavar="B", parser=count, help="In full trials; may be repeated.")]
REPLICATES = Annotated[int, typer.Option(metavar="N", parser=count, help="Campaigns per table and budget.")]
SEED = Annotated[int, typer.Option(metavar="N", parser=integer, help="Of all randomness.")]
PROTOCOL = Annotated[str, typer.Option(metavar="NAME", help="held-out-1 or dodge2020.")]
PROCESSES = Annotated[int | None, typer.Option(metavar="N", parser=count, help="Without it, one per core.")]
SANDBOX = Annotated[bool, typer.Option("--sandbox", help="Run strategies in sealed processes; Linux on x86-64.")]
JSON = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result here; - for stdout.")]
HTML = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with figures here.")]
