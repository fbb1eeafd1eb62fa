"""seedbench advise."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.common import check_outputs, progress, write_text
from seedbench.cli.options import (
    JSON,
    MODELS,
    PROCESSES,
    PROTOCOL,
    RECIPES,
    REPLICATES,
    REVISION,
    SEED,
    TASKS,
    TRIALS,
    count,
)


@app.command()
def advise(
    budget: Annotated[int, typer.Option(metavar="B", parser=count, help="In full trials: what can be paid for.")],
    trials: TRIALS = None,
    revision: REVISION = None,
    table: Annotated[
        list[str], typer.Option(metavar="MODEL/TASK/RECIPE", help="This trial table only; may be repeated.")
    ] = [],  # noqa: B006
    model: MODELS = [],  # noqa: B006
    task: TASKS = [],  # noqa: B006
    recipe: RECIPES = [],  # noqa: B006
    score: Annotated[
        float | None, typer.Option(metavar="X", help="How many full trials are needed to expect this score?")
    ] = None,
    replicates: REPLICATES = 200,
    seed: SEED = 0,
    protocol: PROTOCOL = "held-out-1",
    processes: PROCESSES = None,
    json: JSON = None,
) -> None:
    """Say which shipped strategy to use for a budget.

    Shipped strategies in several settings are tried on recorded trials like yours, and told apart from plain best-of-n
    where the data allow it.
    """
    from rich.console import Console

    from seedbench.advice import advise as run
    from seedbench.advice.report import print_advice
    from seedbench.trialset import load_trials

    to_stdout = check_outputs(json, inputs=[trials])
    with progress(f"budget {budget}") as advance:
        result = run(
            budget,
            load_trials(trials, revision=revision),
            table=tuple(table),
            models=tuple(model),
            tasks=tuple(task),
            recipes=tuple(recipe),
            score=score,
            replicates=replicates,
            seed=seed,
            protocol=protocol,
            processes=processes or os.cpu_count() or 1,
            progress=advance,
        )
    write_text(json, result.to_json())
    print_advice(result, Console(stderr=to_stdout))
