"""seedbench evaluate."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.common import check_outputs, prints_to_stderr, progress, write_text
from seedbench.cli.options import (
    BUDGETS,
    JSON,
    MODELS,
    PROCESSES,
    PROTOCOL,
    RECIPES,
    REPLICATES,
    REVISION,
    SANDBOX,
    SEED,
    STRATEGY,
    TASKS,
    TRACK,
    TRIALS,
)
from seedbench.errors import SeedbenchError

if TYPE_CHECKING:
    from rich.console import Console

    from seedbench.strategy import Strategy


@app.command()
def evaluate(
    strategy: STRATEGY,
    trials: TRIALS = None,
    revision: REVISION = None,
    model: MODELS = [],  # noqa: B006
    task: TASKS = [],  # noqa: B006
    recipe: RECIPES = [],  # noqa: B006
    budget: BUDGETS = [],  # noqa: B006
    replicates: REPLICATES = 200,
    seed: SEED = 0,
    protocol: PROTOCOL = "held-out-1",
    track: TRACK = "cold",
    processes: PROCESSES = None,
    against: Annotated[list[str], typer.Option(metavar="STRATEGY", help="Compare with it, paired.")] = [],  # noqa: B006
    no_intervals: Annotated[
        bool, typer.Option("--no-intervals", help="Scores without their intervals: faster.")
    ] = False,
    sandbox: SANDBOX = False,
    json: JSON = None,
    replicates_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every campaign (parquet).")] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the gap closed at each budget (.svg or .png).")
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="TABLE:BUDGET:REPLICATE", help="Run this one campaign.")] = None,
) -> None:
    """Score a strategy by replaying trials.

    Recorded fine-tuning trials are replayed under a compute budget: the strategy starts, stops and keeps trials, pays
    for every training step, and sees nothing it has not paid for.
    """
    from rich.console import Console

    from seedbench.strategy import load_strategy

    to_stdout = check_outputs(json, inputs=[strategy, *against, trials], replicates_out=replicates_out, figure=figure)
    if figure is not None:
        from seedbench import display

        display.check_ending(figure)
        display.require()
    loaded = load_strategy(strategy, sealed=sandbox)
    console = Console(stderr=to_stdout)
    if only is not None:
        given = model or task or recipe or budget or against or json or replicates_out or figure
        if given or replicates != 200 or no_intervals:
            raise SeedbenchError(
                "--only runs one campaign: it goes with --trials, --revision, --seed, --protocol, --track and "
                "--sandbox alone"
            )
        _one_campaign(loaded, only, trials, revision, seed, protocol, track, console)
        return
    others = [load_strategy(name, sealed=sandbox) for name in against]
    from seedbench.evaluation import evaluate as run
    from seedbench.evaluation.report import print_report
    from seedbench.trialset import load_trials

    with progress(loaded.name) as advance, prints_to_stderr(to_stdout):
        result = run(
            loaded,
            load_trials(trials, revision=revision),
            models=tuple(model),
            tasks=tuple(task),
            recipes=tuple(recipe),
            budgets=tuple(budget),
            replicates=replicates,
            seed=seed,
            protocol=protocol,
            track=track,
            processes=processes or os.cpu_count() or 1,
            against=tuple(others),
            intervals=not no_intervals,
            sandbox=sandbox,
            progress=advance,
        )
    write_text(json, result.to_json())
    if replicates_out is not None:
        result.write_campaigns(replicates_out)
    if figure is not None:
        from seedbench.evaluation.figure import save_figure

        save_figure(result, figure)
    print_report(result, console)


def _one_campaign(
    strategy: Strategy,
    only: str,
    trials: str | None,
    revision: str | None,
    seed: int,
    protocol: str,
    track: str,
    console: Console,
) -> None:
    from seedbench.cli.listing import campaign_table
    from seedbench.replay import history_of_track, replay_one
    from seedbench.trialset import load_trials

    name, *numbers = only.rsplit(":", 2)
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise SeedbenchError(f"--only takes TABLE:BUDGET:REPLICATE, as in model/task/recipe:8:17; found {only!r}")
    tables = {table.name: table for table in load_trials(trials, revision=revision).tables}
    if name not in tables:
        raise SeedbenchError(f"--only: no trial table {name!r}; there are {', '.join(tables)}")
    budget, replicate = map(int, numbers)
    history = history_of_track(track, tuple(tables.values()))
    done = replay_one(strategy, tables[name], budget, replicate, seed=seed, protocol=protocol, history=history)
    console.print(campaign_table(done, replicate))
