"""What is made for a terminal, shown elsewhere: as the text of `print(result)`, and as HTML in a notebook."""

from __future__ import annotations

from importlib import import_module
from io import StringIO
from typing import Any

NOTEBOOK = 118  # columns of a report in a notebook's cell, which scrolls where it has fewer
_HTML = '<pre style="line-height: 1.3; white-space: pre; overflow-x: auto;">{code}</pre>'


def as_text(result: object, report: str) -> str:
    """What a result prints, as plain text as wide as the terminal; 80 columns where there is none.

    Args:
        result: of a call.
        report: dotted name of the function that, given the result and a width, makes what is printed.

    Returns:
        Lines without spaces at their ends, nor a newline at the last.
    """
    from seedbench.commands import open_console

    width = max(60, open_console().width)
    console = open_console(file=StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(_function(report)(result, width), crop=False)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def as_html(result: object, report: str) -> str:
    """The same as HTML for a notebook: colours and weights in its own style attributes, no style sheet."""
    from seedbench.commands import open_console

    # Not Jupyter's: there rich shows by itself whatever is printed, beside what this returns.
    console = open_console(
        file=StringIO(), width=NOTEBOOK, record=True, force_terminal=True, force_jupyter=False, color_system="standard"
    )
    console.print(_function(report)(result, NOTEBOOK), crop=False)
    return console.export_html(inline_styles=True, code_format=_HTML)


def _function(name: str) -> Any:
    module, _, function = name.rpartition(".")
    return getattr(import_module(module), function)
