"""What a strategy sees: a campaign, which is one search on one trial table under one budget, its trials, checkpoints.

A campaign holds no records: it asks the ledger beside this module, which pays before it looks. What is not paid for is
behind closures, where ordinary attribute access does not lead; a strategy that opens those is a matter for a sealed
process, in which there is nothing to find.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from operator import index as to_index
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from seedbench.campaign.history import PastTable
    from seedbench.campaign.source import Measurements


class Checkpoint:
    """A validation point of a trial, paid for.

    Attributes:
        trial: whose checkpoint it is.
        index: 0 for the trial's first.
        step: training steps done.
        fraction: share of the whole trial done, in (0, 1].
        score: the task's metric, higher is better; always finite.
        validation_loss: nats, with three significant digits; NaN where it is not finite or was not recorded.
        train_loss: nats, mean since the checkpoint before; likewise.
        repeated: whether the trial had ended before, so that this is its last measurement once more.
    """

    # Not frozen and without __init__: a campaign makes hundreds, and this is the fastest form there is.
    __slots__ = ("fraction", "index", "repeated", "score", "step", "train_loss", "trial", "validation_loss")
    trial: Trial
    index: int
    step: int
    fraction: float
    score: float
    validation_loss: float
    train_loss: float
    repeated: bool

    def __repr__(self) -> str:
        return f"<Checkpoint {self.index} of {self.trial!r}: score {self.score:.4f}>"


class Trial:
    """A started trial.

    Attributes:
        weight_init_seed: label of its row of the grid, from 0; says nothing about the real seed.
        data_order_seed: label of its column, from 0.
        complete: whether the last checkpoint is paid for.
        advance: trains to the next checkpoint, and pays for it; see below.

    `advance()` takes no argument and returns the new `Checkpoint`. It raises `BudgetSpent` where the steps in between
    cost more than what is left (nothing is charged then), and `TrialComplete` at the end of the trial.
    """

    __slots__ = ("_best", "_show", "_shown", "advance", "complete", "data_order_seed", "weight_init_seed")
    weight_init_seed: int
    data_order_seed: int
    complete: bool
    advance: Callable[[], Checkpoint]
    _best: Checkpoint | None
    _shown: list[Checkpoint] | None  # the checkpoints, once somebody has looked at them
    _show: Callable[[Trial], list[Checkpoint]]  # makes them

    @property
    def checkpoints(self) -> Sequence[Checkpoint]:
        """Those paid for, in order. Read it, do not change it."""
        if self._shown is None:
            self._shown = self._show(self)
        return self._shown

    @property
    def best(self) -> Checkpoint:
        """The checkpoint with the highest score, the earliest among ties.

        Raises:
            ValueError: no checkpoint is paid for yet.
        """
        if self._best is None:
            raise ValueError(f"{self!r} has no best checkpoint: advance it first")
        return self._best

    def __repr__(self) -> str:
        return f"<Trial weight_init_seed={self.weight_init_seed} data_order_seed={self.data_order_seed}>"


class Campaign:
    """What a strategy works with: trials to start and a budget to train them.

    Attributes:
        budget: in full trials.
        grid: numbers of weight-init and of data-order seeds; labels count from 0. Cells may be missing.
        checkpoints_per_trial: validation points of a full trial.
        steps: training steps of a trial done at each of them, ascending; they need not be evenly spaced.
        majority_score: score of always predicting the most frequent label; NaN where unknown.
        metric: name of the score; None where unknown.
        dev_examples: number of examples that scores are of; None where unknown.
        labels: number of different labels; None where unknown.
    """

    __slots__ = (
        "_advance_by",
        "_ahead",
        "_history",
        "_new_rng",
        "_remaining",
        "_rng",
        "_start",
        "_train",
        "_trials",
        "_unstarted",
        "budget",
        "checkpoints_per_trial",
        "dev_examples",
        "grid",
        "labels",
        "majority_score",
        "metric",
        "steps",
    )
    budget: int
    grid: tuple[int, int]
    checkpoints_per_trial: int
    steps: tuple[int, ...]
    majority_score: float
    metric: str | None
    dev_examples: int | None
    labels: int | None
    _advance_by: Callable[[Trial, int], Checkpoint]  # to its end, where that comes sooner; gives the last one
    _ahead: Callable[[Sequence[Trial], int], None] | None
    _start: Callable[[int | None, int | None], Trial]
    _train: Callable[[Trial, int], list[Measurements]]  # the same without objects, for a campaign in a sealed process
    _remaining: Callable[[], float]
    _trials: Callable[[], tuple[Trial, ...]]
    _unstarted: Callable[[], int]
    _history: Callable[[], tuple[PastTable, ...]]
    _new_rng: Callable[[], np.random.Generator]
    _rng: np.random.Generator | None

    def __repr__(self) -> str:
        rows, columns = self.grid
        trained = f"{len(self.trials)} of {rows} × {columns} trials trained"
        return f"<Campaign: budget {self.budget}, {self.remaining:.2f} left, {trained}>"

    def start(self, weight_init_seed: int | None = None, data_order_seed: int | None = None) -> Trial:
        """Starts a trial, which costs nothing until it is advanced.

        Args:
            weight_init_seed: label of a row of the grid; None: any row.
            data_order_seed: label of a column; None: any column.

        Returns:
            The trial of that cell, also where it was started before; with one label or none, the next unstarted trial
            there, in a random order that is the same for every strategy.

        Raises:
            UnknownCell: no such label, or the cell is missing.
            PoolExhausted: no unstarted trial is left there.
        """
        if weight_init_seed is None and data_order_seed is None:
            return self._start(None, None)
        return self._start(_plain(weight_init_seed), _plain(data_order_seed))

    def advance(self, trials: Iterable[Trial], checkpoints: int = 1) -> tuple[Checkpoint, ...]:
        """Trains several trials together, and pays for it trial by trial, in the order given.

        Args:
            trials: of this campaign, each once, none of them complete.
            checkpoints: how far each is trained: so many checkpoints, or to its end where that comes sooner.

        Returns:
            The last checkpoint of each.

        Raises:
            BudgetSpent: the next checkpoint costs more than what is left; what comes before it is trained and paid.
            TrialComplete: a trial is at its end; nothing is trained.
            ValueError: a trial is there twice, or `checkpoints` is below 1; nothing is trained.
        """
        if isinstance(trials, Trial):
            raise TypeError("campaign.advance takes a list of trials, as campaign.advance([trial], 3); found a trial")
        trials = tuple(trials)
        if len(set(map(id, trials))) < len(trials):
            raise ValueError("campaign.advance: a trial is in the list twice")
        if checkpoints < 1:
            raise ValueError(f"campaign.advance: checkpoints must be at least 1, found {checkpoints}")
        checkpoints = to_index(checkpoints)
        for trial in trials:
            if trial.complete:
                trial.advance()  # says so
        if self._ahead is not None:
            self._ahead(trials, checkpoints)
        return tuple([self._advance_by(trial, checkpoints) for trial in trials])

    def checkpoints_at(self, fraction: float) -> int:
        """How many checkpoints a trial has had after this fraction of its training, or as near to it as there is one.

        At least 1; of two that are equally near, the later.

        Raises:
            ValueError: a fraction that is not from 0 to 1.
        """
        if not 0 <= fraction <= 1:
            raise ValueError(f"campaign.checkpoints_at: a fraction of the training is from 0 to 1, found {fraction:g}")
        steps = self.steps
        wanted = round(fraction * steps[-1], 6)  # so that a tie is one, whatever a product of floats is
        after = bisect(steps, wanted, hi=len(steps) - 1)
        return max(1, after if after and wanted - steps[after - 1] < steps[after] - wanted else after + 1)

    @property
    def remaining(self) -> float:
        """What is left of the budget, in full trials."""
        return self._remaining()

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials with a checkpoint, in the order in which the first was paid for."""
        return self._trials()

    @property
    def unstarted(self) -> int:
        """Trials that were not started yet."""
        return self._unstarted()

    @property
    def history(self) -> tuple[PastTable, ...]:
        """The trials of other tasks of the same model on the transfer track, read-only; empty on the cold track.

        A seed label means the same seed there as here; trials of seeds that are not in `grid` are not shown.
        """
        return self._history()

    @property
    def rng(self) -> np.random.Generator:
        """Random numbers for the strategy's own use: the same in every run of this campaign."""
        if self._rng is None:
            self._rng = self._new_rng()
        return self._rng


class OracleCampaign(Campaign):
    """What an oracle works with: a strategy whose callable has the attribute `oracle = True`.

    It is told what the kept checkpoint is scored by, so it says how far any choice could get, and nothing else.
    """

    __slots__ = ("_test_scores",)
    _test_scores: Callable[[], Mapping[tuple[int, int], Sequence[float]]]

    @property
    def test_scores(self) -> Mapping[tuple[int, int], Sequence[float]]:
        """Of every trial, by its labels of weight-init and data-order seed: the test score of each checkpoint."""
        return self._test_scores()


def _plain(label: int | None) -> int | None:
    """A label as a plain integer, if it is like one (True, or NumPy's): trials are known by such."""
    if label is not None:
        with suppress(TypeError):
            return int(to_index(label))
    return label
