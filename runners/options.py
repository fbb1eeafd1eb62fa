"""What several commands share: options (``model: Annotated[str | None, MODEL] = None``), and how a refusal ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from runners.data.recipe import RECIPES
from runners.errors import RunnerError
from seedbench.commands import count, natural, open_console
from seedbench.errors import SeedbenchError
from seedbench.text import counted, visible

MODEL = typer.Option(metavar="DIR|HUB_ID", help="A transformers folder or Hub name.")
MODEL_NAME = typer.Option(metavar="NAME", help="Public name of the model in a local folder.")
GLUE = typer.Option(metavar="DIR|HUB_ID", help="A folder laid out like nyu-mll/glue, or a Hub dataset.")
RECIPE = typer.Option(metavar="R", help=f"One of {', '.join(RECIPES)}.")
CHANGES = typer.Option("--set", metavar="NAME=VALUE", help="A changed recipe field; may be repeated.")
DATA_ORDER_SEEDS = typer.Option(metavar="SEEDS", help="Columns of the grid.")
STACK = typer.Option(metavar="N", parser=count, help="Trials the stacked engine trains together.")
COMPILED = typer.Option("--compile/--no-compile", help="Compile the stacked engine; on CPUs only.")
DEVICES = typer.Option(metavar="DEVICE", help="cpu, cuda:0, …; repeat for more processes.")
WORKERS = typer.Option(metavar="N", parser=count, help="Processes per device.")
THREADS = typer.Option(metavar="N", parser=natural, help="CPU threads of each process; 0: torch's default.")
APPEND = typer.Option("--append", help="Add the new trials to the set that is there.")

RESUMABLE = "finished trials are kept, run the same command again to go on"


@contextmanager
def reporting(interrupted: str = "") -> Iterator[None]:
    """Ends a command with exit code 2 and one line on stderr for what a user can cause, as a full disk is.

    Args:
        interrupted: what is said of what was done before somebody interrupted it, and how to go on.
    """
    console = open_console(stderr=True)
    try:
        yield
    except (RunnerError, SeedbenchError, OSError) as error:
        if frames := getattr(error, "frames", ""):
            console.print(visible(frames), soft_wrap=True, highlight=False)
        console.print(f"error: {visible(str(error))}", style="red", soft_wrap=True, highlight=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        if not interrupted:
            raise
        console.print(f"interrupted; {interrupted}")
        raise typer.Exit(130) from None


def check_device(name: str, *, here: bool = True) -> None:
    """Whether ``--device`` names one.

    Args:
        name: what was given, or is the default.
        here: whether it is to train on this machine, and so must be there.

    Raises:
        RunnerError: it is no device's name, or this machine has no such device.
    """
    if not re.fullmatch(r"cpu|cuda(:(0|[1-9]\d*))?", name, re.ASCII):
        raise RunnerError(f"--device {name!r}: expected cpu, cuda, cuda:0, …")
    if here and name != "cpu":
        import torch

        there = torch.cuda.device_count()
        if not there:
            raise RunnerError(f"--device {name!r}: torch finds no CUDA device here; give --device cpu")
        if int(name.partition(":")[2] or 0) >= there:
            raise RunnerError(
                f"--device {name!r}: torch finds {counted(there, 'CUDA device')} here, the last is cuda:{there - 1}; "
                "give one of them"
            )
