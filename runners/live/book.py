"""What happens in a live campaign, written down in order and shown while it goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from runners.trial_log import Cell
from seedbench.campaign import Measurements, shown_loss

Row = dict[str, Any]  # of a trial set's config `trials`


@dataclass
class PaidTrial:
    """A trial with a paid checkpoint.

    Attributes:
        number: from 1, in the order in which they were first paid for.
        cell: its real seeds.
        labels: what the strategy knows them as.
        checkpoints: those paid for.
        row: its row of a trial set; its lists may go beyond what is paid for.
    """

    number: int
    cell: Cell
    labels: tuple[int, int]
    checkpoints: int = 0
    row: Row = field(default_factory=dict)

    @property
    def scores(self) -> list[float]:
        """At the paid checkpoints."""
        return [float(score) for score in self.row["score"][: self.checkpoints]]


class Book:
    """The payments of a campaign.

    Args:
        steps: training steps done at each checkpoint of a trial.
        budget: in full trials.

    Attributes:
        trials: by cell, in the order in which they were first paid for.
        payments: (number of the trial, index of the checkpoint), in order.
        steps_spent: charged so far.
    """

    def __init__(self, steps: list[int], budget: int):
        self.steps, self.budget = steps, budget
        self.trials: dict[Cell, PaidTrial] = {}
        self.payments: list[tuple[int, int]] = []
        self.steps_spent = 0

    def pay(self, cell: Cell, labels: tuple[int, int], row: Row) -> Measurements:
        """Writes down that a trial's next checkpoint is paid for; returns what a strategy sees of it."""
        index = self.checkpoints(cell)
        self.steps_spent += self.steps[index] - self.reached(cell)
        trial = self.trials.setdefault(cell, PaidTrial(len(self.trials) + 1, cell, labels))
        self.payments.append((trial.number, index))
        trial.row, trial.checkpoints = row, index + 1
        validation, train = (float(shown_loss(row[name][index])) for name in ("validation_loss", "train_loss"))
        return Measurements(float(row["score"][index]), validation, train)

    def checkpoints(self, cell: Cell) -> int:
        """Checkpoints of a trial that are paid for."""
        return self.trials[cell].checkpoints if cell in self.trials else 0

    def reached(self, cell: Cell) -> int:
        """Training steps of a trial that are paid for."""
        paid = self.checkpoints(cell)
        return self.steps[paid - 1] if paid else 0

    def status(self, trial: PaidTrial) -> str:
        """ "stopped" before its end; else "finished" or "diverged", as in a trial set."""
        return trial.row["status"] if trial.checkpoints == len(self.steps) else "stopped"


class Display:
    """A bar of the budget above the trials advanced last; without a terminal, one line for each checkpoint."""

    def __init__(self, title: str, book: Book, console: Console):
        self.title, self.book, self.console = title, book, console
        columns = BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), TimeRemainingColumn()
        self.progress = Progress(*columns, console=console)
        self.bar = self.progress.add_task("", total=book.budget * book.steps[-1])
        self.recent: list[PaidTrial] = []
        self.live = Live(self, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Display:
        self.live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.live.stop()

    def step(self, cell: Cell, step: int) -> None:
        """Takes the steps done of the trial in training."""
        self._fill(self.book.steps_spent + step - self.book.reached(cell))

    def checkpoint(self, cell: Cell) -> None:
        """Takes a checkpoint just paid for."""
        trial = self.book.trials[cell]
        self.recent = [other for other in self.recent if other is not trial][-7:] + [trial]
        self._fill(self.book.steps_spent)
        if not self.console.is_terminal:
            self.console.print(
                f"{self._spent()}: trial {trial.number} at checkpoint {trial.checkpoints}/{len(self.book.steps)}, "
                f"score {trial.scores[-1]:.4f}",
                soft_wrap=True,
            )

    def _fill(self, steps: int) -> None:
        self.progress.update(self.bar, completed=steps, description=self._spent())

    def _spent(self) -> str:
        return f"{self.book.steps_spent / self.book.steps[-1]:.2f} of {self.book.budget} trials spent"

    def __rich__(self) -> Group:
        table = Table("trial", "weight init", "data order", "checkpoint", "score", "best", box=None, padding=(0, 2))
        for trial in self.recent:
            table.add_row(
                f"{trial.number}",
                f"{trial.cell.weight_init_seed}",
                f"{trial.cell.data_order_seed}",
                f"{trial.checkpoints}/{len(self.book.steps)}",
                f"{trial.scores[-1]:.4f}",
                f"{max(trial.scores):.4f}",
            )
        return Group(self.title, self.progress, table if self.recent else "")
