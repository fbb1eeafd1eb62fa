"""The strategy of a live campaign in a thread of its own, which waits there for what it asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from seedbench.campaign import Around, Labels, Measurements, Settlement
from seedbench.errors import LiveCampaignFailed, LiveError, StrategyFailed, StrategyStopped
from seedbench.live.book import Book
from seedbench.live.trial import LiveTrial
from seedbench.replay import Deadline, run_campaign
from seedbench.strategy import Strategy


class StrategyThread:
    """Runs a strategy from its beginning to its end, as fast as it is told what became of its trials.

    Args:
        strategy: the strategy.
        budget: in full trials.
        book: the campaign's trials, where it writes down what it wants.

    Attributes:
        turn: held by whoever reads or writes the book; to be notified where something was told.
        finished: whether the strategy has ended.
        settlement: what it kept; None before its end, and where it failed.
        failure: why it failed; None where it did not.
    """

    def __init__(self, strategy: Strategy, budget: int, book: Book) -> None:
        self.turn = threading.Condition()
        self.finished = False
        self.settlement: Settlement | None = None
        self.failure: LiveError | LiveCampaignFailed | None = None
        self._strategy, self._budget, self._book = strategy, budget, book
        self._waits_for: tuple[LiveTrial, int] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="strategy", daemon=True)
        self._thread.start()

    def settle(self) -> None:
        """Waits until the strategy waits, or has ended."""
        with self.turn:
            self.turn.wait_for(
                lambda: (
                    self.finished or (self._waits_for is not None and not self._waits_for[0].has(self._waits_for[1]))
                )
            )

    def close(self) -> None:
        """Ends the strategy where it waits."""
        with self.turn:
            self._closed = True
            self.turn.notify_all()
        self._thread.join(1.0)  # one that catches everything is left to the end of this process

    def _run(self) -> None:
        grid = self._book.grid
        source = Around(grid.trials.source(), lambda labels, recorded: self._measure(labels))
        source.task = grid.task
        try:
            settlement = run_campaign(
                self._strategy,
                grid.trials,
                self._budget,
                deadline=Deadline(0),
                source=source,
                ahead=self._ahead,
            )
            self._book.check_end()
            self.settlement = settlement
        except LiveError as error:
            self.failure = error
        except StrategyFailed as error:
            if self.failure is None:
                self.failure = LiveCampaignFailed(*error.args)
        finally:
            with self.turn:
                self.finished = True
                self.turn.notify_all()

    def _ahead(self, coming: Sequence[tuple[Labels, int]]) -> None:
        """Opens what `campaign.advance` is going to ask for, so that it is trained together."""
        with self.turn:
            for labels, number in coming:
                trial = self._book.trial(labels)
                self._book.want(trial, trial.paid + number)

    def _measure(self, labels: Labels) -> Measurements:
        """What a strategy sees at a trial's next validation point; waits until it is told."""
        with self.turn:
            trial = self._book.trial(labels)
            self._book.want(trial, trial.paid + 1)
            self._waits_for = trial, trial.paid
            while not trial.has(trial.paid) and not self._closed and self.failure is None:
                self.turn.notify_all()
                self.turn.wait()
            if self._closed or self.failure is not None:
                raise StrategyStopped("the session was closed")
            self._waits_for = None
            try:
                return self._book.show(trial)
            except LiveError as error:
                self.failure = error
                raise StrategyStopped("no trial can be trained") from None
