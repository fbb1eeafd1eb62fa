"""seedbench trials import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seedbench.cli.trials import group


@group.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or parquet: a row per trial and logged step.")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="The new folder.")],
    model: Annotated[str | None, typer.Option(metavar="NAME|COLUMN", help="Of the model; else column model.")] = None,
    task: Annotated[str | None, typer.Option(metavar="NAME|COLUMN", help="Of the task; else column task.")] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME|COLUMN", help="Of the recipe; else column recipe.")
    ] = None,
    weight_init_seed: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="May be the same as the other.")
    ] = None,
    data_order_seed: Annotated[str | None, typer.Option(metavar="COLUMN", help="May be the same as the other.")] = None,
    step: Annotated[str | None, typer.Option(metavar="COLUMN", help="Training steps done.")] = None,
    score: Annotated[str | None, typer.Option(metavar="COLUMN", help="On the dev set, higher is better.")] = None,
    train_loss: Annotated[str | None, typer.Option(metavar="COLUMN", help="Since the row before.")] = None,
    validation_loss: Annotated[str | None, typer.Option(metavar="COLUMN", help="On the dev set.")] = None,
    majority_score: Annotated[
        float | None, typer.Option(metavar="X", help="Trials that end no higher than this count as diverged.")
    ] = None,
    skip_incomplete: Annotated[
        bool, typer.Option("--skip-incomplete", help="Leave out trials without the checkpoints that most have.")
    ] = False,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Of the trial set; else the folder's.")] = None,
) -> None:
    """Make a trial set of anybody's curves, exported from a Trainer or an experiment tracker.

    Columns are weight_init_seed, data_order_seed, step and score, unless options name others; rows without a score are
    no checkpoints. Also used where they are there: train_loss, validation_loss, accuracy, f1, matthews_correlation,
    status, and recipe fields. The trial set has no test scores: findings and protocol dodge2020 work on it, held-out-2
    does not.
    """
    from rich.console import Console

    from seedbench.cli.listing import trials_table
    from seedbench.trialset import load_trials
    from seedbench.trialset.importing import import_curves

    given = {
        "model": model,
        "task": task,
        "recipe": recipe,
        "weight_init_seed": weight_init_seed,
        "data_order_seed": data_order_seed,
        "step": step,
        "score": score,
        "train_loss": train_loss,
        "validation_loss": validation_loss,
    }
    imported = import_curves(
        file,
        out,
        columns={meaning: column for meaning, column in given.items() if column is not None},
        majority_score=majority_score,
        skip_incomplete=skip_incomplete,
        name=name,
    )
    console = Console()
    console.print(trials_table(load_trials(out)))
    for note in imported.notes:
        console.print(note, style="yellow", highlight=False, markup=False)
    console.print(f"{out} written: seedbench findings --trials {out}", highlight=False, markup=False)
