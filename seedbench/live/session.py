"""A live campaign as questions and answers: it asks for trials to be trained, and is told what was measured.

What the strategy decided is not stored: the log has what was told, and a session is loaded by running the strategy on
it again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from seedbench.errors import LiveError
from seedbench.files import append_line
from seedbench.live.book import Book
from seedbench.live.contract import NOTHING_MEASURED, Ended, Failed, Measurement, Outcome, Request, outcome_of
from seedbench.live.log import UNNAMED, Event, Plan, event, line_of, make_plan, read_log, write_log
from seedbench.live.thread import StrategyThread
from seedbench.live.trial import Kept, LiveTrial
from seedbench.strategy import Strategy, load_strategy, refuse_oracle

GRID = (25, 25)  # as in Dodge et al. (2020); a cell that is not started costs nothing


class Session:
    """A live campaign that somebody else trains for.

    Examples:
        >>> session = Session("my_strategy.py", budget=8, checkpoints=5)     # doctest: +SKIP
        >>> while request := session.ask():
        ...     session.tell(request, score=train_to(request))

    Args:
        strategy: what `seedbench evaluate` takes: a file, a shipped name, a callable.
        budget: in full trials.
        checkpoints: validation points of a full trial, each at the same price; or the training steps at which they
            are, which are the price then.
        grid: numbers of weight-init and of data-order seeds to choose from.
        seed: of the real seeds, their labels and order, and `campaign.rng`; None: drawn.
        name: of what is trained, `model/task/recipe`.
        metric: name of the score, for strategies that want to know; with - in front, of what the score is the negative
            of; None: unknown.
        majority_score: of always predicting the most frequent label; None: unknown.
        dev_examples: examples that scores are of; None: unknown.
        labels: number of different labels; None: unknown.
        failed_score: what a failed trial is shown with. None: the lowest score that was shown before, or 0 where there
            was none.
        training: what trains, for whoever reads the log.
        folder: in which each trial has a folder of its own.
        log: a file that every outcome is added to when it is told, a new one; None: `save` writes one.

    Attributes:
        plan: what the campaign is.
        trials: those asked for, in that order.
        payments: (number of the trial, index of the validation point), in the order in which the strategy saw them.

    Raises:
        LiveError: an argument outside its range; or the log is there, and a campaign that was told something is in it:
            `Session.load(log, strategy, append=True)` goes on with that.
        StrategyFileError: no such strategy, or an oracle.
    """

    def __init__(
        self,
        strategy: str | Path | Callable[..., Any] | Strategy,
        *,
        budget: int,
        checkpoints: int | Sequence[int],
        grid: tuple[int, int] = GRID,
        seed: int | None = None,
        name: str = UNNAMED,
        metric: str | None = None,
        majority_score: float | None = None,
        dev_examples: int | None = None,
        labels: int | None = None,
        failed_score: float | None = None,
        training: str | None = None,
        folder: str | os.PathLike[str] = ".",
        log: str | os.PathLike[str] | None = None,
    ) -> None:
        loaded = load_strategy(strategy)
        plan = make_plan(
            loaded,
            budget=budget,
            checkpoints=checkpoints,
            grid=grid,
            seed=secrets.randbits(31) if seed is None else seed,
            name=name,
            metric=metric,
            majority_score=majority_score,
            dev_examples=dev_examples,
            labels=labels,
            failed_score=failed_score,
            training=training,
        )
        if log and Path(log).exists() and read_log(Path(log))[1]:
            raise LiveError(
                f"{log}: holds a campaign that was told something; go on with it by Session.load(log, strategy, "
                "append=True), or remove it"
            )
        self._open(loaded, plan, [], Path(folder), Path(log) if log else None)
        if self._log:
            self.save(self._log)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        strategy: str | Path | Callable[..., Any] | Strategy,
        *,
        folder: str | os.PathLike[str] = ".",
        append: bool = False,
    ) -> Session:
        """A session from its log, where it was: the strategy runs on it again.

        Args:
            path: the log.
            strategy: the one that it is of.
            folder: in which each trial has a folder of its own.
            append: whether every outcome is added to the log when it is told.

        Raises:
            LiveError: the log is of another strategy, or has what this one does not ask for.
        """
        path, loaded = Path(path), load_strategy(strategy)
        plan, events = read_log(path)
        for what, there, here in (
            ("strategy", plan.strategy, loaded.name),
            ("strategy's source (its SHA-256)", plan.strategy_sha256, loaded.sha256),
        ):
            if there != here:
                raise LiveError(f"{path}: is of another campaign: its {what} is {there}, here it is {here}")
        session = cls.__new__(cls)
        session._open(loaded, plan, events, Path(folder), None)
        session._thread.settle()
        if session._book.recorded:
            cell, checkpoint = next(iter(session._book.recorded))
            session.close()
            raise LiveError(
                f"{path}: has checkpoint {checkpoint} of seeds {cell[0]} and {cell[1]}, which {loaded.name} does not "
                "ask for when it runs again; it must not depend on time, files, or chance other than campaign.rng"
            )
        if append:
            session._log = path
            session.save(path)  # without a line that was left half-written
        return session

    # ---- asking and telling ----------------------------------------------------------------------------------------

    def ask(self) -> Request | None:
        """What is to be trained next; None where the campaign has ended.

        Raises:
            LiveCampaignFailed: the strategy raised, returned something else than it may, or paid for nothing.
            LiveError: all that is open was asked for already, and is to be told first.
        """
        waiting = self.open()
        for request in waiting:
            if request not in self._asked:
                self._asked.add(request)
                return request
        if waiting:
            raise LiveError(f"session.ask: {len(waiting)} requests are open; tell the session what became of one first")
        return None

    def open(self) -> tuple[Request, ...]:
        """All that may be trained now, together, asked for or not, in the order of the trials; () at the end.

        Raises:
            LiveCampaignFailed: as for `ask`.
        """
        self._thread.settle()
        if self._thread.failure is not None:
            raise self._thread.failure
        with self._thread.turn:
            return tuple(self._book.request(trial) for trial in self.trials if self._is_open(trial))

    def tell(
        self,
        request: Request,
        *,
        score: float | None = None,
        step: int | None = None,
        validation_loss: float = float("nan"),
        train_loss: float = float("nan"),
        saved: str | None = None,
        ended: bool = False,
        failed: str | None = None,
    ) -> None:
        """What became of a request: a score, or that the training ended before, or that it failed for good.

        Args:
            request: an open one.
            score: higher is better; one that is not finite is a failure.
            step: training steps done; None: as planned.
            validation_loss: as in `Measurement`.
            train_loss: likewise.
            saved: likewise.
            ended: the training ended by itself before this validation point; it is never asked for again.
            failed: why it failed, in one line; likewise.

        Raises:
            LiveError: the request is not open, or not exactly one of the three is given, or it is no number, or a step
                not above the one before; nothing was told.
            CannotWrite: the log cannot be written; nothing was told.
        """
        if (score is not None) + ended + (failed is not None) != 1:
            raise LiveError("session.tell: give score=, or ended=True, or failed=")
        self._check_open(request)
        try:
            if score is not None:
                step = self.plan.steps[request.checkpoint] if step is None else step
                outcome: Outcome = Measurement(step, score, validation_loss, train_loss, saved)
            else:
                outcome = Ended() if failed is None else Failed(failed)
        except LiveError as error:
            raise LiveError(f"session.tell: {error}") from None
        self.tell_outcome(request, outcome)

    def tell_outcome(self, request: Request, outcome: Outcome, seconds: float | None = None) -> None:
        """The same with the outcome as an object, and how long it took, which is reported."""
        if not isinstance(outcome, Outcome):
            raise LiveError(f"session.tell_outcome: takes a Measurement, Ended or Failed, found {str(outcome)[:40]!r}")
        if isinstance(outcome, Measurement):
            outcome = outcome_of(outcome)
        with self._thread.turn:
            trial = self._check_open(request)
            last = trial.measured[-1].step if trial.measured else -1
            if isinstance(outcome, Measurement) and outcome.step <= last:
                raise LiveError(f"session.tell: step {outcome.step} after step {last} of this trial; steps must ascend")
            if isinstance(outcome, Ended) and not trial.measured:
                outcome = Failed(NOTHING_MEASURED)
            told = event(request, outcome, seconds)
            if self._log:
                append_line(self._log, line_of(told))
            self._events.append(told)
            self._book.take(trial, told)
            self._asked.discard(request)
            self._thread.turn.notify_all()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the log, whole or not at all."""
        with self._thread.turn:
            write_log(Path(path), self.plan, self._events)

    def close(self) -> None:
        """Ends the strategy where it waits. A session that has ended need not be closed."""
        self._thread.close()

    @property
    def kept(self) -> Kept:
        """What the strategy kept, once `ask` has returned None."""
        settled = self._thread.settlement
        if settled is None:
            raise LiveError("session.kept: the campaign has not ended")
        trial = self._book.trial((settled.weight_init_seed, settled.data_order_seed))
        index = min(settled.checkpoint, len(trial.measured) - 1)
        return Kept(trial, max(index, 0), trial.measured[index] if trial.measured else None)

    @property
    def steps_spent(self) -> int:
        """What is paid for so far, in the unit of `plan.steps`."""
        return sum(self.plan.steps[trial.paid - 1] for trial in self.trials if trial.paid)

    def _open(self, strategy: Strategy, plan: Plan, events: list[Event], folder: Path, log: Path | None) -> None:
        refuse_oracle(strategy, "a live campaign")
        self.plan, self.strategy, self.folder, self._log = plan, strategy, folder, log
        self._book = Book(plan, events, folder)
        self.trials, self.payments = self._book.trials, self._book.payments
        self._asked: set[Request] = set()
        self._events = list(events)
        self._thread = StrategyThread(strategy, plan.budget, self._book)

    def _check_open(self, request: Request) -> LiveTrial:
        """The trial of a request that is open; `LiveError` where it is none."""
        known = isinstance(request, Request) and 1 <= request.trial <= len(self.trials)
        trial = self.trials[request.trial - 1] if known else None
        if trial is None or not self._is_open(trial) or request != self._book.request(trial):
            raise LiveError(f"session.tell: {request} is not open; tell what session.ask returned, once")
        return trial

    def _is_open(self, trial: LiveTrial) -> bool:
        return self._book.is_open(trial) and not self._thread.finished
