"""seedbench advise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.common import check_outputs, progress, write_text
from seedbench.cli.options import JSON, with_options
from seedbench.commands import count, number, open_console, positive

if TYPE_CHECKING:
    from seedbench.replay import ReplayOptions
    from seedbench.trialset import Selection


@app.command()
@with_options(selection="trials revision table model task recipe", options="seed protocol processes")
def advise(
    *,
    budget: Annotated[
        int | None,
        typer.Option(
            metavar="B", parser=count, help="In full trials: what can be paid for; without it, one is advised."
        ),
    ] = None,
    min_gain: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            parser=positive,
            help="Without --budget: what one more full trial must win to be worth it; 0.005 if not given.",
        ),
    ] = None,
    train_examples: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            parser=count,
            help="No trials yet: how many examples yours will train on; the nearest tables are used.",
        ),
    ] = None,
    bias_correction: Annotated[
        bool | None, typer.Option(help="No trials yet: whether your Adam corrects the bias of its moments.")
    ] = None,
    selection: Selection,
    score: Annotated[
        float | None,
        typer.Option(metavar="X", parser=number, help="How many full trials are needed to expect this score?"),
    ] = None,
    replicates: Annotated[
        int | None,
        typer.Option(
            metavar="N", parser=count, help="Campaigns per table; 500 if not given, or fewer on more than four tables."
        ),
    ] = None,
    options: ReplayOptions,
    json: JSON = None,
) -> None:
    """Say what to do with a budget: recipe, seeds, strategy.

    Which fault of the recipe to mend first, how many seeds to train and by which strategy, and what that is expected to
    win. Shipped strategies in several settings are tried on recorded trials like yours, and told apart from plain
    best-of-n where the data allow it.
    """

    from seedbench.advice import advise_selected, situation_of
    from seedbench.advice.report import print_advice

    to_stdout = check_outputs(json, inputs=[str(selection.trials or "")])
    situation = situation_of(train_examples, bias_correction)
    with progress(f"budget {budget}" if budget else "advise") as advance:
        result = advise_selected(
            replace(selection, budgets=() if budget is None else (budget,)),
            options,
            replicates=replicates,
            score=score,
            min_gain=min_gain,
            situation=situation,
            progress=advance,
        )
    write_text(json, result.to_json())
    print_advice(result, open_console(stderr=to_stdout))
