"""A live campaign while it goes on: on a terminal, and line by line in a file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from seedbench.files import append_line
from seedbench.live.contract import Failed, Measurement, Outcome, Request
from seedbench.live.session import Session
from seedbench.live.trial import LiveTrial

_SHOWN = 8  # trials, those advanced last


class LiveProgress:
    """A bar of the budget above the trials advanced last; without a terminal, one line for each validation point.

    Args:
        session: that goes on.
        title: above it.
        console: where it is shown.
        log: file that the lines are added to; None: none.
    """

    def __init__(self, session: Session, title: str, console: Console, log: Path | None = None) -> None:
        self._session, self._title, self._console, self._log = session, title, console, log
        said = TextColumn("{task.description}", markup=False)
        self._bar = Progress(BarColumn(), said, TimeElapsedColumn(), TimeRemainingColumn(), console=console)
        self._task = self._bar.add_task("", total=session.plan.budget * session.plan.steps[-1])
        self._training: set[int] = set()
        self._recent: list[LiveTrial] = []
        self._live = Live(self, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> LiveProgress:
        self.fill(0)
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._live.stop()

    def __call__(self, request: Request, outcome: Outcome | None) -> None:
        """Takes a request that is started (None), or what became of it."""
        trial, of = self._session.trials[request.trial - 1], len(self._session.plan.steps)
        self._recent = [other for other in self._recent if other is not trial][1 - _SHOWN :] + [trial]
        where = f"trial {request.trial}, checkpoint {request.checkpoint + 1}/{of}"
        if outcome is None:
            self._training.add(request.trial)
            seeds = f"weight_init_seed {request.weight_init_seed}, data_order_seed {request.data_order_seed}"
            if request.checkpoint == 0:
                self._say(f"{where}: training ({seeds})")
            return
        self._training.discard(request.trial)
        self.fill(0)
        if isinstance(outcome, Measurement):
            plan = self._session.plan
            name, value = plan.metric_name or "score", plan.as_measured(outcome.score)
            self._say(f"{where}: {name} {value:.4f} at step {outcome.step:,}")
        else:
            self._say(f"{where}: {f'failed: {outcome.reason}' if isinstance(outcome, Failed) else 'ended by itself'}")

    def fill(self, more: int) -> None:
        """Shows what is spent, and so many more steps that are under way."""
        spent, plan = self._session.steps_spent, self._session.plan
        said = f"{spent / plan.steps[-1]:.2f} of {plan.budget} trials spent"
        self._bar.update(self._task, completed=spent + more, description=said)

    def _say(self, line: str) -> None:
        if self._log is not None:
            append_line(self._log, f"{datetime.now().astimezone().isoformat(' ', 'seconds')} {line}", sync=False)
        if not self._console.is_terminal:
            self._console.print(line, soft_wrap=True, highlight=False)

    def __rich__(self) -> Group:
        plan = self._session.plan
        name = plan.metric_name or "score"
        table = Table("trial", "weight init", "data order", "checkpoint", name, "best", "", box=None, padding=(0, 2))
        for trial in self._recent:
            scores = [one.score for one in trial.measured]
            table.add_row(
                f"{trial.number}",
                f"{trial.weight_init_seed}",
                f"{trial.data_order_seed}",
                f"{len(scores)}/{len(plan.steps)}",
                *(f"{plan.as_measured(score):.4f}" for score in (scores[-1], max(scores))) if scores else ("", ""),
                "training" if trial.number in self._training else "failed" if isinstance(trial.end, Failed) else "",
            )
        return Group(self._title, self._bar, table if self._recent else "")
