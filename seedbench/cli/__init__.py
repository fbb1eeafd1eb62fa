"""The command line: one module for each group of commands.

Heavy modules are imported inside the commands, so that `--help` answers at once.
"""

from seedbench.cli import (  # noqa: F401  (each adds its commands)
    advise,
    compare,
    curves,
    evaluate,
    findings,
    live,
    publish,
    schema,
    strategies,
    submit,
    trials,
)
from seedbench.cli.app import app, main
from seedbench.commands import with_whole_lines

with_whole_lines(app)

__all__ = ["main"]
