"""Options that several commands share: ``model: Annotated[str | None, MODEL] = None``."""

from __future__ import annotations

import typer

from runners.data.recipe import RECIPES
from seedbench.commands import count, natural

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
