"""seedbench compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.common import check_outputs, prints_to_stderr, progress, write_text
from seedbench.cli.options import HTML, JSON, with_options
from seedbench.commands import open_console

if TYPE_CHECKING:
    from seedbench.replay import ReplayOptions
    from seedbench.trialset import Selection

ONE = Annotated[
    str,
    typer.Argument(
        metavar="A", help="A file.py, file.py:name, or a shipped strategy; with parameters as asha(rungs=2)."
    ),
]
OTHER = Annotated[str, typer.Argument(metavar="B", help="Another one; differences are A minus B.")]


@app.command()
@with_options(
    selection="trials revision model task recipe budget",
    options="replicates seed protocol track processes sandbox time_limit",
)
def compare(
    one: ONE,
    other: OTHER,
    selection: Selection,
    options: ReplayOptions,
    json: JSON = None,
    html: HTML = None,
) -> None:
    """Compare two strategies: what differs in score, and where their decisions part.

    Both run on the same replicates, so that a difference can be told apart from luck; the replicates in which they
    decide differently say what it won or cost.
    """

    from seedbench.strategy import load_strategy

    to_stdout = check_outputs(json, inputs=[one, other, str(selection.trials or "")], html=html)
    if html is not None:
        from seedbench import display

        display.require()
    first, second = (load_strategy(strategy, sealed=options.sandbox) for strategy in (one, other))
    from seedbench.comparison import compare_selected
    from seedbench.comparison.report import print_comparison

    with progress(f"{one} against {other}") as advance, prints_to_stderr(to_stdout):
        result = compare_selected(first, second, selection, options, progress=advance)
    write_text(json, result.to_json())
    if html is not None:
        from seedbench.comparison.page import comparison_html

        write_text(html, comparison_html(result))
    print_comparison(result, open_console(stderr=to_stdout))
