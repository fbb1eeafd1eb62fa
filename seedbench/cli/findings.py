"""seedbench findings."""

from __future__ import annotations

import sys

from seedbench.cli.app import app
from seedbench.cli.common import check_writable, progress, write_whole
from seedbench.cli.options import HTML, JSON, MODELS, RECIPES, REVISION, SEED, TASKS, TRIALS
from seedbench.errors import SeedbenchError


@app.command()
def findings(
    trials: TRIALS = None,
    revision: REVISION = None,
    model: MODELS = [],  # noqa: B006
    task: TASKS = [],  # noqa: B006
    recipe: RECIPES = [],  # noqa: B006
    seed: SEED = 0,
    json: JSON = None,
    html: HTML = None,
) -> None:
    """Answer the questions of Dodge et al. 2020 for each trial table.

    How good is the best of n trials? Does weight initialisation matter, or data order? Do some seeds do well on every
    task? When do trials diverge, what does an early score tell, and what is it worth to start many, stop early and
    continue some?
    """
    from rich.console import Console

    from seedbench.findings import findings as find
    from seedbench.findings import findings_report
    from seedbench.trialset import load_trials

    to_stdout = str(json) == "-"
    for path in (None if to_stdout else json, html):
        check_writable(path)
    if json is not None and html is not None and json.resolve() == html.resolve():
        raise SeedbenchError(f"{json}: given as --json and as --html; give two files")
    if html is not None:
        from seedbench import figures

        figures.require()
    with progress("findings", "parts") as advance:
        found = find(
            load_trials(trials, revision=revision),
            models=tuple(model),
            tasks=tuple(task),
            recipes=tuple(recipe),
            seed=seed,
            progress=advance,
        )
    if to_stdout:
        sys.stdout.write(found.to_json())
    elif json is not None:
        write_whole(json, lambda part: part.write_text(found.to_json(), encoding="utf-8"))
    if html is not None:
        from seedbench.findings.html import findings_html

        page = findings_html(found)
        write_whole(html, lambda part: part.write_text(page, encoding="utf-8"))
    console = Console(stderr=to_stdout)
    console.print(findings_report(found, console.width))
