"""How the leaderboard's commands say what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from seedbench.errors import SeedbenchError


@contextmanager
def one_line(command: str) -> Iterator[None]:
    """Says what is wrong in one line, and exits with 2."""
    try:
        yield
    except SeedbenchError as error:
        line = f"{command}: error: {error}"
        Console(stderr=True, markup=False, soft_wrap=True, highlight=False).print(line)
        raise typer.Exit(2) from None
