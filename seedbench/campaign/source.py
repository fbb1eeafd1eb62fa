"""Where a campaign's trials come from, and what goes around that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

Measurements = tuple[float, float, float]  # score, validation loss, train loss
Labels = tuple[int, int]  # of a trial's weight-init seed and of its data-order seed


class Source(Protocol):
    """Where trials come from.

    Attributes:
        grid: numbers of weight-init and of data-order seeds.
        steps: training steps done at each checkpoint, ascending; the same for all trials.
        unstarted: trials that can be started.
        majority_score: score of always predicting the most frequent label.
    """

    grid: tuple[int, int]
    steps: Sequence[int]
    unstarted: int
    majority_score: float

    def start(
        self, weight_init_seed: int | None, data_order_seed: int | None
    ) -> tuple[int, int, Callable[[], Measurements]]:
        """Starts a trial that was not started before.

        Args:
            weight_init_seed: a label, or None: any.
            data_order_seed: likewise.

        Returns:
            The trial's two labels, and a function that trains it to its next checkpoint and measures it there. The
            scores it returns are finite.

        Raises:
            UnknownCell: no such label, or no such trial.
            PoolExhausted: no unstarted trial is left there.
        """


class Around:
    """A source that goes around another one: looks on, holds back or replaces what a campaign asks of that one.

    Args:
        source: the other one.
        train: called in place of what trains a trial to its next checkpoint, with the trial's two labels and that.
        asked: called with the labels of every start before it happens, those that are refused included.

    Attributes:
        started: the labels of the trials that were started, in that order.
    """

    def __init__(
        self,
        source: Source,
        train: Callable[[Labels, Callable[[], Measurements]], Measurements],
        asked: Callable[[int | None, int | None], object] = lambda weight_init_seed, data_order_seed: None,
    ) -> None:
        self.grid, self.steps = source.grid, source.steps
        self.unstarted, self.majority_score = source.unstarted, source.majority_score
        self.started: list[Labels] = []
        self._start, self._train, self._asked = source.start, train, asked

    def start(
        self, weight_init_seed: int | None, data_order_seed: int | None
    ) -> tuple[int, int, Callable[[], Measurements]]:
        """See `Source`."""
        self._asked(weight_init_seed, data_order_seed)
        row, column, advance = self._start(weight_init_seed, data_order_seed)
        labels = (row, column)
        self.started.append(labels)
        return row, column, lambda: self._train(labels, advance)
