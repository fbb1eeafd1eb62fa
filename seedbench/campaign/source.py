"""Where a campaign's trials come from, and what goes around that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Labels = tuple[int, int]  # of a trial's weight-init seed and of its data-order seed


class Measurements(NamedTuple):
    """What a trial shows at a checkpoint: its score, its losses as `shown_loss` gives them, and whether it had ended.

    `repeated` is true after a trial's own end: its last measurement, once more.
    """

    score: float
    validation_loss: float
    train_loss: float
    repeated: bool = False


class TaskFacts(NamedTuple):
    """What is known of a task beforehand.

    Attributes:
        majority_score: of always predicting the most frequent label; NaN where unknown.
        metric: name of the score; None where unknown.
        dev_examples: number of examples that the score is of; None where unknown.
        labels: number of different labels; None where unknown.
    """

    majority_score: float
    metric: str | None = None
    dev_examples: int | None = None
    labels: int | None = None


class Source(Protocol):
    """Where trials come from.

    Attributes:
        grid: numbers of weight-init and of data-order seeds.
        steps: training steps done at each checkpoint, ascending; the same for all trials.
        unstarted: trials that can be started.
        task: what is known of the task.
    """

    grid: tuple[int, int]
    steps: Sequence[int]
    unstarted: int
    task: TaskFacts

    def start(
        self, weight_init_seed: int | None, data_order_seed: int | None
    ) -> tuple[int, int, Iterator[Measurements]]:
        """Starts a trial that was not started before.

        Args:
            weight_init_seed: a label, or None: any.
            data_order_seed: likewise.

        Returns:
            The trial's two labels, and an iterator, each step of which trains it to its next checkpoint and measures it
            there. Its scores are finite.

        Raises:
            UnknownCell: no such label, or no such trial.
            PoolExhausted: no unstarted trial is left there.
        """


class Around:
    """A source that goes around another one: looks on, holds back or replaces what a campaign asks of that one.

    Args:
        source: the other one.
        train: called in place of what trains a trial to its next checkpoint, with the trial's two labels and a function
            that does.
        asked: called with the labels of every start before it happens, those that are refused included.
    """

    def __init__(
        self,
        source: Source,
        train: Callable[[Labels, Callable[[], Measurements]], Measurements],
        asked: Callable[[int | None, int | None], object] = lambda weight_init_seed, data_order_seed: None,
    ) -> None:
        self.grid, self.steps = source.grid, source.steps
        self.unstarted, self.task = source.unstarted, source.task
        self._start, self._train, self._asked = source.start, train, asked

    def start(
        self, weight_init_seed: int | None, data_order_seed: int | None
    ) -> tuple[int, int, Iterator[Measurements]]:
        """See `Source`."""
        self._asked(weight_init_seed, data_order_seed)
        row, column, measurements = self._start(weight_init_seed, data_order_seed)
        return row, column, iter(lambda: self._train((row, column), measurements.__next__), None)


def shown_loss(loss: ArrayLike) -> NDArray[np.float64]:
    """Losses [...] -> [...], with three significant digits; what is not finite stays as it is.

    An exact loss names its trial, and with it a future that is recorded. Rounding makes a look-up dearer, and does not
    make it impossible: several rounded losses name a trial, too.
    """
    exact = np.asarray(loss, dtype=np.float64)
    rounded = np.where(np.isfinite(exact) & (exact != 0), np.abs(exact), 1.0)
    scale = 10.0 ** (2 - np.floor(np.log10(rounded)))
    return np.where(np.isfinite(exact), np.rint(exact * scale) / scale, exact)
