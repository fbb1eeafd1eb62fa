"""seedbench new, check and strategies."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.options import SET, STRATEGY, with_options
from seedbench.commands import open_console
from seedbench.errors import SeedbenchError
from seedbench.files import write_new_file

if TYPE_CHECKING:
    from seedbench.replay import ReplayOptions
    from seedbench.trialset import Selection

VERDICTS = {True: ("ok    ", "green"), False: ("failed", "red"), None: ("note  ", "yellow")}


@app.command()
def new(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it, my_strategy.py say.")]) -> None:
    """Write a strategy to start from: commented, and it runs."""
    from importlib.resources import files

    if file.suffix != ".py":
        raise SeedbenchError(f"{file}: a strategy file's name ends in .py")
    named = shlex.quote(str(file))
    text = (files("seedbench.strategies") / "_template.py").read_text(encoding="utf-8").replace("FILE", named)
    if not write_new_file(file, text):
        raise SeedbenchError(f"{file}: exists already, and is left as it is; give another name")
    print(f"{file} written. Score it: seedbench evaluate {named}")


@app.command()
@with_options(selection="trials revision", options="protocol track")
def check(
    strategy: STRATEGY,
    selection: Selection,
    options: ReplayOptions,
    set_: SET = [],  # noqa: B006
) -> None:
    """Check whether a strategy keeps what it must promise.

    It loads; it does the same when run again, in another process and another order; and what it does depends on nothing
    but what it has paid for. That is tried in some campaigns, and passing is no proof.
    """
    from rich.table import Table
    from rich.text import Text

    from seedbench.checks import check_selected
    from seedbench.strategy import load_strategy, parse_settings

    loaded = load_strategy(strategy, parameters=parse_settings(set_))
    results = check_selected(loaded, selection, options)
    console = open_console()
    for finding in results:
        line = Table.grid(padding=(0, 1))
        line.add_row(Text(*VERDICTS[finding.passed]), Text(finding.text))
        console.print(line)
    if any(finding.passed is False for finding in results):
        raise typer.Exit(1)


@app.command()
def strategies(
    strategy: Annotated[
        str | None, typer.Argument(metavar="STRATEGY", help="Show this one's source and parameters.")
    ] = None,
) -> None:
    """List the strategies that ship with seedbench.

    Or show one: its source, its parameters and their values.
    """

    from seedbench.cli.listing import parameters_table, strategies_table
    from seedbench.strategy import load_strategy

    console = open_console()
    if strategy is None:
        console.print(strategies_table())
        return
    loaded = load_strategy(strategy)
    print(loaded.source)
    console.print(parameters_table(loaded))
