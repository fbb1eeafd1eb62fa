"""The application, to which the modules beside this one add their commands, and how it ends."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, NoReturn

import typer

from seedbench.errors import SeedbenchError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Scores rules for choosing among fine-tuning trials that differ only in their random seeds.",
)

INTERRUPTED = 130  # exit code of a process that SIGINT ended; SIGTERM ends it in the same way
USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]  # typer does not export it


def main() -> None:
    """Runs the command line. What a user did wrong is one line on stderr, and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show a character shows ? and not a traceback
            stream.reconfigure(errors="replace")
    if not sys.stderr.isatty():  # progress bars are for a terminal; the Hub's client reads this when it is imported
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    signal.signal(signal.SIGTERM, _interrupt)  # what is half-written goes, and so do processes that were started
    try:
        code = app(standalone_mode=False, prog_name="seedbench")
        sys.stdout.flush()
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:  # `seedbench … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except SeedbenchError as error:
        code = refuse(str(error), getattr(error, "frames", ""))
    except USAGE_ERROR as error:
        message = " ".join(error.format_message().split()).rstrip(".")  # type: ignore[attr-defined]
        context = getattr(error, "ctx", None)
        code = refuse(f"{message}. See: {context.command_path if context else 'seedbench'} --help")
    if code == INTERRUPTED:  # which typer returns, or raises as one of the two above, depending on its version
        print("seedbench: interrupted; nothing was written", file=sys.stderr)
    sys.exit(code or 0)


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def refuse(line: str, frames: str = "") -> int:
    """Says on stderr what is wrong; returns the exit code."""
    if frames:
        print(frames, file=sys.stderr)
    print(f"seedbench: error: {line}", file=sys.stderr)
    return 2


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    if version:
        from seedbench import __version__

        print(f"seedbench {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)
