"""A campaign's trials: what was asked for, what was told, what the strategy was shown. It knows of no threads."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seedbench.campaign import Labels, Measurements, shown_loss
from seedbench.errors import LiveError
from seedbench.live.contract import Failed, Measurement, Request
from seedbench.live.grid import Grid
from seedbench.live.log import Event, Plan
from seedbench.live.trial import LiveTrial

#: So many trials that fail before anything is measured end a campaign: it is the training that is broken.
BROKEN = 3


class Book:
    """The trials of a session, which locks around it.

    Args:
        plan: of the campaign.
        events: what was told before; each is taken when it is asked for again.
        folder: in which each trial has a folder of its own.

    Attributes:
        grid: of which the trials are cells.
        trials: those asked for, in that order.
        payments: (number of the trial, index of the validation point), in the order in which the strategy saw them.
        recorded: by real seeds and index of the validation point, what was told before and not yet asked for again.
    """

    def __init__(self, plan: Plan, events: Iterable[Event], folder: Path) -> None:
        self.grid = Grid(plan)
        self.trials: list[LiveTrial] = []
        self.payments: list[tuple[int, int]] = []
        self.recorded = {((e.weight_init_seed, e.data_order_seed), e.checkpoint): e for e in events}
        self._failed_score, self._folder = plan.failed_score, folder
        self._by_labels: dict[Labels, LiveTrial] = {}
        self._lowest: float | None = None
        self._broken: set[int] = set()  # trials that were shown to have failed

    def trial(self, labels: Labels) -> LiveTrial:
        """The trial of two labels, a new one where they are new."""
        if labels not in self._by_labels:
            self._by_labels[labels] = LiveTrial(len(self.trials) + 1, *self.grid.cell(labels), labels)
            self.trials.append(self._by_labels[labels])
        return self._by_labels[labels]

    def want(self, trial: LiveTrial, checkpoints: int) -> None:
        """Asks for so many validation points of a trial, and takes what was told of them before."""
        trial.wanted = max(trial.wanted, checkpoints)
        while self.recorded and self.is_open(trial):
            key = (trial.weight_init_seed, trial.data_order_seed), len(trial.measured)
            if (told := self.recorded.get(key)) is None or told.trial != trial.number:
                break
            del self.recorded[key]
            self.take(trial, told)

    def take(self, trial: LiveTrial, told: Event) -> None:
        """Takes what became of an open trial."""
        outcome, trial.seconds = told.outcome, trial.seconds + (told.seconds or 0.0)
        if isinstance(outcome, Measurement):
            trial.measured.append(outcome)
        else:
            trial.end = outcome

    def is_open(self, trial: LiveTrial) -> bool:
        """Whether a trial is to be trained further."""
        return len(trial.measured) < trial.wanted and trial.end is None

    def request(self, trial: LiveTrial) -> Request:
        """What is asked for of an open trial."""
        seeds = trial.weight_init_seed, trial.data_order_seed
        folder = self._folder / f"wi{seeds[0]}-do{seeds[1]}"
        return Request(trial.number, *seeds, folder, len(trial.measured), trial.wanted - 1, tuple(trial.measured))

    def show(self, trial: LiveTrial) -> Measurements:
        """What a strategy sees of a trial's next validation point, which it pays for.

        Raises:
            LiveError: it is one trial too many that failed before anything was measured.
        """
        index = trial.paid
        if isinstance(trial.end, Failed) and index >= len(trial.measured):
            self._broken.add(trial.number)
            if self._lowest is None and len(self._broken) >= BROKEN:
                raise self._nothing_works()
            score = self._lowest if self._failed_score is None else self._failed_score
            shown = Measurements(score or 0.0, float("nan"), float("nan"), repeated=True)
        else:
            measured = trial.measured[min(index, len(trial.measured) - 1)]
            self._lowest = measured.score if self._lowest is None else min(self._lowest, measured.score)
            validation, train = (float(shown_loss(loss)) for loss in (measured.validation_loss, measured.train_loss))
            shown = Measurements(measured.score, validation, train, index >= len(trial.measured))
        self.payments.append((trial.number, index))
        trial.paid += 1
        return shown

    def check_end(self) -> None:
        """Raises `LiveError` where a campaign has ended in which nothing was measured."""
        if self._broken and not any(trial.measured for trial in self.trials):
            raise self._nothing_works()

    def _nothing_works(self) -> LiveError:
        *_, reason = (trial.end.reason for trial in self.trials if isinstance(trial.end, Failed))
        number = f"the first {len(self._broken)} trials" if len(self._broken) > 1 else "the only trial"
        return LiveError(
            f"{number} failed before anything was measured: {reason}; that has ended the campaign of this folder: "
            "mend the training and start in a new one"
        )
