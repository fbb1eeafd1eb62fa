"""The application, to which the modules beside this one add their commands, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from seedbench.commands import INTERRUPTED, application, exit_code

app = application("Scores rules for choosing among fine-tuning trials that differ only in their random seeds.")
NAME = "seedbench"


def main() -> None:
    """Runs the command line. What a user did wrong is one line on stderr, and exit code 2."""
    # Progress bars are for a terminal; the Hub's client reads this when it is imported.
    if sys.stderr is None or not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    signal.signal(signal.SIGTERM, _interrupt)  # what is half-written goes, and so do processes that were started
    code = exit_code(app, NAME)
    if code == INTERRUPTED:
        print(f"{NAME}: interrupted; no result was written", file=sys.stderr)
    sys.exit(code)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from seedbench import __version__

        print(f"{NAME} {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)
