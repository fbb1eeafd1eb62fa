"""seedbench evaluate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.common import check_new_folder, check_outputs, prints_to_stderr, progress, write_text
from seedbench.cli.options import HTML, JSON, SET, STRATEGY, with_options
from seedbench.commands import given_options, open_console
from seedbench.errors import SeedbenchError

if TYPE_CHECKING:
    from rich.console import Console

    from seedbench.replay import ReplayOptions
    from seedbench.strategy import Strategy
    from seedbench.trialset import Selection

#: What there is to say of a single campaign.
ONE_CAMPAIGN = ("--set", "--trials", "--revision", "--seed", "--protocol", "--track", "--sandbox", "--time-limit")


@app.command()
@with_options(
    selection="trials revision model task recipe budget",
    options="replicates seed protocol track processes sandbox time_limit",
)
def evaluate(
    context: typer.Context,
    strategy: STRATEGY,
    selection: Selection,
    options: ReplayOptions,
    against: Annotated[
        list[str], typer.Option(metavar="STRATEGY", help="Compare with it, paired; may be repeated.")
    ] = [],  # noqa: B006
    set_: SET = [],  # noqa: B006
    json: JSON = None,
    html: HTML = None,
    replicates_out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every campaign (parquet).")] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the gap closed at each budget (.svg or .png).")
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw what a budget buys, an .svg for each table, in a new folder."),
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="TABLE:BUDGET:REPLICATE", help="Run this one campaign.")] = None,
) -> None:
    """Score a strategy by replaying trials.

    Recorded fine-tuning trials are replayed under a compute budget: the strategy starts, stops and keeps trials, pays
    for every training step, and sees nothing it has not paid for.
    """

    from seedbench.strategy import load_strategy, parse_settings

    inputs = [strategy, *against, str(selection.trials or "")]
    to_stdout = check_outputs(json, inputs=inputs, html=html, replicates_out=replicates_out, figure=figure)
    if figures is not None:
        check_new_folder(figures)
    if any(drawn is not None for drawn in (html, figure, figures)):
        from seedbench import display

        if figure is not None:
            display.check_ending(figure)
        display.require()
    loaded = load_strategy(strategy, parameters=parse_settings(set_), sealed=options.sandbox)
    console = open_console(stderr=to_stdout)
    if only is not None:
        _check_alone(context)
        _one_campaign(loaded, only, selection, options, console)
        return
    others = [load_strategy(name, sealed=options.sandbox) for name in against]
    from seedbench.evaluation import evaluate_selected
    from seedbench.evaluation.report import print_report

    with progress(loaded.name) as advance, prints_to_stderr(to_stdout):
        result = evaluate_selected(loaded, selection, options, against=others, progress=advance)
    write_text(json, result.to_json())
    if html is not None:
        from seedbench.evaluation.page import evaluation_html

        write_text(html, evaluation_html(result))
    if replicates_out is not None:
        result.write_campaigns(replicates_out)
    if figure is not None:
        from seedbench.evaluation.figure import save_figure

        save_figure(result, figure)
    if figures is not None:
        from seedbench.evaluation.table_figure import save_table_figures

        save_table_figures(result, figures)
    print_report(result, console)
    for one in (loaded, *others):
        if options.track == "cold" and one.without_history:
            console.print(f"{one.name} is {one.without_history} here: it looks at history, which --track transfer has.")


def _check_alone(context: typer.Context) -> None:
    """Refuses options that say nothing of a single campaign."""
    for option in given_options(context):
        if option not in ("--only", *ONE_CAMPAIGN):
            *first, last = ONE_CAMPAIGN
            raise SeedbenchError(
                f"--only runs one campaign, of which {option} says nothing: it goes with {', '.join(first)} and {last}"
            )


def _one_campaign(
    strategy: Strategy, only: str, selection: Selection, options: ReplayOptions, console: Console
) -> None:
    from seedbench.cli.listing import campaign_table
    from seedbench.replay import replay_one, saying_how
    from seedbench.trialset import resolve_trials

    name, *numbers = only.rsplit(":", 2)
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise SeedbenchError(f"--only takes TABLE:BUDGET:REPLICATE, as in model/task/recipe:8:17; found {only!r}")
    tables = {table.name: table for table in resolve_trials(selection).tables}
    if name not in tables:
        raise SeedbenchError(f"--only: no trial table {name!r}; there are {', '.join(tables)}")
    budget, replicate = map(int, numbers)
    with saying_how([strategy], selection, options):
        done = replay_one(strategy, tables[name], budget, replicate, options, history=tuple(tables.values()))
    console.print(campaign_table(done, replicate))
