"""seedbench findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seedbench.cli.app import app
from seedbench.cli.common import check_outputs, progress, write_text
from seedbench.cli.options import HTML, JSON, SEED, with_options
from seedbench.commands import open_console

if TYPE_CHECKING:
    from seedbench.trialset import Selection


@app.command()
@with_options(selection="trials revision model task recipe")
def findings(
    selection: Selection,
    seed: SEED = 0,
    json: JSON = None,
    html: HTML = None,
) -> None:
    """Answer the questions of Dodge et al. 2020 for each trial table.

    How good is the best of n trials? Does weight initialisation matter, or data order? Do some seeds do well on every
    task? When do trials diverge, what does an early score tell, and what is it worth to start many, stop early and
    continue some?
    """

    from seedbench.analyses import findings_report, findings_selected

    to_stdout = check_outputs(json, inputs=[str(selection.trials or "")], html=html)
    if html is not None:
        from seedbench import display

        display.require()
    with progress("findings", "parts") as advance:
        result = findings_selected(selection, seed=seed, progress=advance)
    write_text(json, result.to_json())
    if html is not None:
        from seedbench.analyses.html import findings_html

        write_text(html, findings_html(result))
    console = open_console(stderr=to_stdout)
    console.print(findings_report(result, console.width))
