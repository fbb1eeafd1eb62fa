"""seedbench compare."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.common import check_outputs, prints_to_stderr, progress, write_text
from seedbench.cli.options import (
    BUDGETS,
    HTML,
    JSON,
    MODELS,
    PROCESSES,
    PROTOCOL,
    RECIPES,
    REPLICATES,
    REVISION,
    SANDBOX,
    SEED,
    TASKS,
    TRACK,
    TRIALS,
)

ONE = Annotated[str, typer.Argument(metavar="A", help="A file.py, file.py:name, or a shipped strategy.")]
OTHER = Annotated[str, typer.Argument(metavar="B", help="Another one; differences are A minus B.")]


@app.command()
def compare(
    one: ONE,
    other: OTHER,
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
    sandbox: SANDBOX = False,
    json: JSON = None,
    html: HTML = None,
) -> None:
    """Compare two strategies: what differs in score, and where their decisions part.

    Both run on the same replicates, so that a difference can be told apart from luck; the replicates in which they
    decide differently say what it won or cost.
    """
    from rich.console import Console

    from seedbench.strategy import load_strategy

    to_stdout = check_outputs(json, inputs=[one, other, trials], html=html)
    if html is not None:
        from seedbench import display

        display.require()
    first, second = load_strategy(one, sealed=sandbox), load_strategy(other, sealed=sandbox)
    from seedbench.comparison import compare as run
    from seedbench.comparison.report import print_comparison
    from seedbench.trialset import load_trials

    with progress(f"{one} against {other}") as advance, prints_to_stderr(to_stdout):
        result = run(
            first,
            second,
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
            sandbox=sandbox,
            progress=advance,
        )
    write_text(json, result.to_json())
    if html is not None:
        from seedbench.comparison.page import comparison_html

        write_text(html, comparison_html(result))
    print_comparison(result, Console(stderr=to_stdout))
