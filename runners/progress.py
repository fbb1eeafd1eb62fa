"""What a person sees of a sweep: a bar with trials per hour and the time left, and the trials that finished last."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table


class Display:
    """A bar above a table of the trials that finished last.

    Args:
        title: what is run.
        total: trials to run.
        seconds: until a time limit, from now; None: there is none.
    """

    def __init__(self, title: str, total: int, seconds: float | None = None) -> None:
        self.title, self.total, self.seconds = title, total, seconds
        self.done, self.in_flight, self.start = 0, 0.0, time.monotonic()
        self.rows: list[tuple[str, ...]] = []

    def tick(self, in_flight: float) -> None:
        """Takes the number of trials' worth of work that is in flight and done."""
        self.in_flight = in_flight

    def add(self, row: dict[str, Any]) -> None:
        """Takes a finished trial, as a row of the trial set."""
        seconds = row["train_seconds"] + row["evaluation_seconds"]
        table, seeds = f"{row['task']}/{row['recipe']}", (f"{row['weight_init_seed']}", f"{row['data_order_seed']}")
        scores = f"{max(row['score']):.4f}", f"{row['score'][-1]:.4f}"
        self.rows.append((table, *seeds, *scores, row["status"], f"{seconds:.1f}"))
        self.done += 1

    def __rich__(self) -> Group:
        elapsed = time.monotonic() - self.start
        worked = self.done + self.in_flight
        line = f"{self.title}  {self.done}/{self.total} trials"
        left = elapsed / worked * (self.total - worked) if worked else None
        if worked:
            line += f"  {3600 * worked / elapsed:,.0f} trials/h"
        if self.seconds is not None:
            line += f"  {clock(max(0.0, self.seconds - elapsed))} to the limit"
        elif left is not None:
            line += f"  {clock(left)} left"
        table = Table("table", "weight init", "data order", "best", "last", "status", "seconds", box=None)
        for row in self.rows[-8:]:
            table.add_row(*row)
        return Group(line, ProgressBar(total=self.total, completed=worked, width=60), table if self.rows else "")


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"
