"""seedbench evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.common import check_outputs, prints_to_stderr, progress, write_text
from seedbench.cli.options import JSON, SET, STRATEGY, with_options
from seedbench.errors import SeedbenchError

if TYPE_CHECKING:
    from rich.console import Console

    from seedbench.replay import ReplayOptions
    from seedbench.strategy import Strategy
    from seedbench.trialset import Selection


@app.command()
@with_options(
    selection="trials revision model task recipe budget", options="replicates seed protocol track processes sandbox"
)
def evaluate(
    strategy: STRATEGY,
    selection: Selection,
    options: ReplayOptions,
    against: Annotated[list[str], typer.Option(metavar="STRATEGY", help="Compare with it, paired.")] = [],  # noqa: B006
    set_: SET = [],  # noqa: B006
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

    from seedbench.strategy import load_strategy, parse_settings

    inputs = [strategy, *against, str(selection.trials or "")]
    to_stdout = check_outputs(json, inputs=inputs, replicates_out=replicates_out, figure=figure)
    if figure is not None:
        from seedbench import display

        display.check_ending(figure)
        display.require()
    loaded = load_strategy(strategy, parameters=parse_settings(set_), sealed=options.sandbox)
    console = Console(stderr=to_stdout)
    if only is not None:
        given = selection.narrowed or against or json or replicates_out or figure
        if given or options.replicates != 500:
            raise SeedbenchError(
                "--only runs one campaign: it goes with --trials, --revision, --seed, --protocol, --track and "
                "--sandbox alone"
            )
        _one_campaign(loaded, only, selection, options, console)
        return
    others = [load_strategy(name, sealed=options.sandbox) for name in against]
    from seedbench.evaluation import evaluate_selected
    from seedbench.evaluation.report import print_report

    with progress(loaded.name) as advance, prints_to_stderr(to_stdout):
        result = evaluate_selected(loaded, selection, options, against=others, progress=advance)
    write_text(json, result.to_json())
    if replicates_out is not None:
        result.write_campaigns(replicates_out)
    if figure is not None:
        from seedbench.evaluation.figure import save_figure

        save_figure(result, figure)
    print_report(result, console)


def _one_campaign(
    strategy: Strategy, only: str, selection: Selection, options: ReplayOptions, console: Console
) -> None:
    from seedbench.cli.listing import campaign_table
    from seedbench.replay import replay_one
    from seedbench.trialset import resolve_trials

    name, *numbers = only.rsplit(":", 2)
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise SeedbenchError(f"--only takes TABLE:BUDGET:REPLICATE, as in model/task/recipe:8:17; found {only!r}")
    tables = {table.name: table for table in resolve_trials(selection).tables}
    if name not in tables:
        raise SeedbenchError(f"--only: no trial table {name!r}; there are {', '.join(tables)}")
    budget, replicate = map(int, numbers)
    done = replay_one(strategy, tables[name], budget, replicate, options, history=tuple(tables.values()))
    console.print(campaign_table(done, replicate))
