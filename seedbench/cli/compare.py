"""seedbench compare."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from seedbench.cli.app import app
from seedbench.cli.common import check_writable, prints_to_stderr, progress, write_whole
from seedbench.cli.options import REVISION, TRACK, TRIALS, count, integer
from seedbench.errors import SeedbenchError

ONE = Annotated[str, typer.Argument(metavar="A", help="A file.py, file.py:name, or a shipped strategy.")]
OTHER = Annotated[str, typer.Argument(metavar="B", help="Another one; differences are A minus B.")]


@app.command()
def compare(
    one: ONE,
    other: OTHER,
    trials: TRIALS = None,
    revision: REVISION = None,
    model: Annotated[list[str], typer.Option(metavar="M", help="This model only; may be repeated.")] = [],  # noqa: B006
    task: Annotated[list[str], typer.Option(metavar="T", help="This task only; may be repeated.")] = [],  # noqa: B006
    recipe: Annotated[list[str], typer.Option(metavar="R", help="This recipe only; may be repeated.")] = [],  # noqa: B006
    budget: Annotated[list[int], typer.Option(metavar="B", parser=count, help="In full trials; may be repeated.")] = [],  # noqa: B006
    replicates: Annotated[int, typer.Option(metavar="N", parser=count, help="Campaigns per table and budget.")] = 200,
    seed: Annotated[int, typer.Option(metavar="N", parser=integer, help="Of all randomness.")] = 0,
    protocol: Annotated[str, typer.Option(metavar="NAME", help="held-out-1 or dodge2020.")] = "held-out-1",
    track: TRACK = "cold",
    processes: Annotated[int | None, typer.Option(metavar="N", parser=count, help="Without it, one per core.")] = None,
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result here; - for stdout.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with figures here.")] = None,
) -> None:
    """Compare two strategies: what differs in score, and where their decisions part.

    Both run on the same replicates, so that a difference can be told apart from luck; the replicates in which they
    decide differently say what it won or cost.
    """
    from rich.console import Console

    from seedbench.strategy import load_strategy

    to_stdout = str(json) == "-"
    for path in (None if to_stdout else json, html):
        check_writable(path)
    if json is not None and html is not None and json.resolve() == html.resolve():
        raise SeedbenchError(f"{json}: given as --json and as --html; give two files")
    if html is not None:
        from seedbench import figures

        figures.require()
    first, second = load_strategy(one), load_strategy(other)
    from seedbench.compare import compare as run
    from seedbench.compare_report import print_comparison
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
            progress=advance,
        )
    text = result.to_json()
    if to_stdout:
        sys.stdout.write(text)
    elif json is not None:
        write_whole(json, lambda part: part.write_text(text, encoding="utf-8"))
    if html is not None:
        from seedbench.compare_html import comparison_html

        page = comparison_html(result)
        write_whole(html, lambda part: part.write_text(page, encoding="utf-8"))
    print_comparison(result, Console(stderr=to_stdout))
