"""seedbench advise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.common import check_outputs, progress, write_text
from seedbench.cli.options import JSON, REPLICATES, count, with_options
from seedbench.commands import open_console

if TYPE_CHECKING:
    from seedbench.replay import ReplayOptions
    from seedbench.trialset import Selection


@app.command()
@with_options(selection="trials revision table model task recipe", options="seed protocol processes")
def advise(
    *,
    budget: Annotated[int, typer.Option(metavar="B", parser=count, help="In full trials: what can be paid for.")],
    selection: Selection,
    score: Annotated[
        float | None, typer.Option(metavar="X", help="How many full trials are needed to expect this score?")
    ] = None,
    replicates: REPLICATES = 500,
    options: ReplayOptions,
    json: JSON = None,
) -> None:
    """Say which shipped strategy to use for a budget.

    Shipped strategies in several settings are tried on recorded trials like yours, and told apart from plain best-of-n
    where the data allow it.
    """

    from seedbench.advice import advise_selected
    from seedbench.advice.report import print_advice

    to_stdout = check_outputs(json, inputs=[str(selection.trials or "")])
    options = replace(options, replicates=replicates)
    with progress(f"budget {budget}") as advance:
        result = advise_selected(replace(selection, budgets=(budget,)), options, score=score, progress=advance)
    write_text(json, result.to_json())
    print_advice(result, open_console(stderr=to_stdout))
