"""A campaign: one search by one strategy on one trial table under one budget. This is all that a strategy sees.

A campaign holds no records. It asks a source to start trials and to train them, pays before it looks, and writes down
what it was told. The source is a recorded table, a pipe out of a sealed process, or live training, and nothing here can
tell which. What is not paid for is behind closures, where ordinary attribute access does not lead; a strategy that
opens those is a matter for a sealed process, in which there is nothing to find.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from seedbench.errors import BudgetSpent, InvalidReturn, StrategyStopped, TrialComplete

if TYPE_CHECKING:
    import numpy as np

#: So many calls in a row that pay for nothing and start nothing end a campaign: the strategy is not going to stop.
IDLE_CALLS = 10_000

Measurements = tuple[float, float, float]  # score, validation loss, train loss


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


class Checkpoint:
    """A validation point of a trial, paid for.

    Attributes:
        trial: whose checkpoint it is.
        index: 0 for the trial's first.
        step: training steps done.
        fraction: share of the whole trial done, in (0, 1].
        score: the task's metric, higher is better; always finite.
        validation_loss: nats; NaN where it is not finite or was not recorded.
        train_loss: nats, mean since the checkpoint before; NaN likewise.
    """

    # Not frozen and without __init__: a campaign makes hundreds, and this is the fastest form there is.
    __slots__ = ("fraction", "index", "score", "step", "train_loss", "trial", "validation_loss")
    trial: Trial
    index: int
    step: int
    fraction: float
    score: float
    validation_loss: float
    train_loss: float

    def __repr__(self) -> str:
        return f"<Checkpoint {self.index} of {self.trial!r}: score {self.score:.4f}>"


class Trial:
    """A started trial.

    Attributes:
        weight_init_seed: label of its row of the grid, from 0; says nothing about the real seed.
        data_order_seed: label of its column, from 0.
        checkpoints: those paid for, in order. Read it, do not change it.
        complete: whether the last checkpoint is paid for.
        advance: trains to the next checkpoint, and pays for it; see below.

    `advance()` takes no argument and returns the new `Checkpoint`. It raises `BudgetSpent` where the steps in between
    cost more than what is left (nothing is charged then), and `TrialComplete` at the end of the trial.
    """

    __slots__ = ("_best", "advance", "checkpoints", "complete", "data_order_seed", "weight_init_seed")
    weight_init_seed: int
    data_order_seed: int
    checkpoints: list[Checkpoint]
    complete: bool
    advance: Callable[[], Checkpoint]
    _best: Checkpoint | None

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
        majority_score: score of always predicting the most frequent label; NaN where unknown.
        history: complete records of other tasks on the transfer track; empty on the cold track.
    """

    __slots__ = (
        "_new_rng",
        "_remaining",
        "_rng",
        "_start",
        "_trials",
        "_unstarted",
        "budget",
        "checkpoints_per_trial",
        "grid",
        "history",
        "majority_score",
    )
    budget: int
    grid: tuple[int, int]
    checkpoints_per_trial: int
    majority_score: float
    history: tuple[Any, ...]
    _start: Callable[[int | None, int | None], Trial]
    _remaining: Callable[[], float]
    _trials: Callable[[], tuple[Trial, ...]]
    _unstarted: Callable[[], int]
    _new_rng: Callable[[], np.random.Generator]
    _rng: np.random.Generator | None

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
        return self._start(weight_init_seed, data_order_seed)

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
    def rng(self) -> np.random.Generator:
        """Random numbers for the strategy's own use: the same in every run of this campaign."""
        if self._rng is None:
            self._rng = self._new_rng()
        return self._rng


class Settlement(NamedTuple):
    """How a campaign ended: the kept checkpoint and what was spent."""

    weight_init_seed: int
    data_order_seed: int
    checkpoint: int
    steps_spent: int
    trials_started: int


class OpenCampaign(NamedTuple):
    """A campaign, and its two ends that only the runner holds; see `open_campaign`."""

    campaign: Campaign
    settle: Callable[[object], Settlement]
    close: Callable[[], None]


def open_campaign(
    source: Source, budget: int, *, rng: Callable[[], np.random.Generator], history: tuple[Any, ...] = ()
) -> OpenCampaign:
    """Opens a campaign.

    Args:
        source: where trials come from.
        budget: in full trials.
        rng: makes `campaign.rng`, when it is first asked for.
        history: `campaign.history`.

    Returns:
        campaign: for the strategy.
        settle: takes what the strategy returned (None where `BudgetSpent` or `PoolExhausted` ended it) and says what is
            kept. It goes by its own books: a strategy that tampers with its objects can keep nothing it has not paid
            for. Raises `InvalidReturn` where nothing was paid for, or where something else was returned than a trial or
            a paid checkpoint of this campaign.
        close: takes the campaign's objects apart, so that they are freed at once instead of by the garbage collector.
    """
    steps = list(source.steps)
    length = len(steps)
    # What each checkpoint costs, its step and its fraction; and one more, into which a complete trial runs.
    marks: list[tuple[float, int, float]] = [
        (after - before, after, after / steps[-1]) for before, after in zip([0, *steps], steps, strict=False)
    ]
    marks.append((float("inf"), 0, 0.0))
    total: int = budget * steps[-1]
    remaining: float = total  # a whole number; float only for the type of an endless cost
    unstarted = source.unstarted
    start_trial = source.start
    idle, idle_since = 0, (remaining, unstarted)
    cells: dict[tuple[int, int], Trial] = {}
    paid: list[Trial] = []  # those with a checkpoint
    books: list[tuple[int, int, list[Checkpoint]]] = []  # of each its labels and a list that no strategy holds

    def count_idle() -> None:
        nonlocal idle, idle_since
        if idle_since != (remaining, unstarted):
            idle, idle_since = 0, (remaining, unstarted)
        idle += 1
        if idle > IDLE_CALLS:
            raise StrategyStopped(
                f"made {IDLE_CALLS:,} calls in a row that paid for nothing; was the budget's end swallowed?"
            )

    def refuse(trial: Trial, index: int) -> BaseException:
        count_idle()
        if index == length:
            return TrialComplete(f"{trial!r} is complete; check trial.complete before trial.advance()")
        return BudgetSpent(f"the next checkpoint of {trial!r} costs {marks[index][0]} steps, and {remaining} are left")

    def start(weight_init_seed: int | None, data_order_seed: int | None) -> Trial:
        nonlocal unstarted
        trial = cells.get((weight_init_seed, data_order_seed))  # type: ignore[arg-type]
        if trial is not None:
            count_idle()
            return trial
        try:
            row, column, train = start_trial(weight_init_seed, data_order_seed)
        except Exception:
            count_idle()
            raise
        unstarted -= 1
        cells[row, column] = trial = new_trial(row, column, train)
        return trial

    def new_trial(row: int, column: int, train: Callable[[], Measurements]) -> Trial:
        index = 0
        best_score = float("-inf")
        trial = Trial()
        trial.weight_init_seed = row
        trial.data_order_seed = column
        checkpoints: list[Checkpoint] = []
        booked: list[Checkpoint] = []
        trial.checkpoints = checkpoints
        trial.complete = False
        trial._best = None

        def advance() -> Checkpoint:
            nonlocal remaining, index, best_score
            cost, step, fraction = marks[index]
            if cost > remaining:
                raise refuse(trial, index)
            remaining -= cost
            checkpoint = Checkpoint()
            checkpoint.trial = trial
            checkpoint.index = index
            checkpoint.step = step
            checkpoint.fraction = fraction
            score, checkpoint.validation_loss, checkpoint.train_loss = train()
            checkpoint.score = score
            if score > best_score:
                if index == 0:
                    paid.append(trial)
                    books.append((row, column, booked))
                best_score = score
                trial._best = checkpoint
            checkpoints.append(checkpoint)
            booked.append(checkpoint)
            index += 1
            if index == length:
                trial.complete = True
            return checkpoint

        trial.advance = advance
        return trial

    def settle(returned: object) -> Settlement:
        if not paid:
            raise InvalidReturn("paid for no checkpoint, so there is none to keep")
        if returned is None:
            checkpoint = max((trial.best for trial in paid), key=lambda best: best.score)  # the first among ties
        elif type(returned) is Trial and returned in paid:
            checkpoint = returned.best
        elif type(returned) is Checkpoint:
            checkpoint = returned
        elif type(returned) is Trial:
            raise InvalidReturn(f"returned {returned!r}, which is not of this campaign or without a paid checkpoint")
        else:
            found = repr(returned) if type(returned) in (bool, int, float, str) else f"a {type(returned).__name__}"
            raise InvalidReturn(f"returned {found:.80}; a strategy returns a Trial, a Checkpoint or None")
        for row, column, booked in books:
            if checkpoint in booked:
                return Settlement(row, column, booked.index(checkpoint), total - int(remaining), len(paid))
        raise InvalidReturn("returned a checkpoint that was not paid for in this campaign")

    def ended() -> Checkpoint:
        raise InvalidReturn("advanced a trial of an earlier campaign; every campaign starts its own")

    def close() -> None:
        for trial in cells.values():
            trial.advance, trial.checkpoints, trial._best = ended, [], None

    campaign = Campaign()
    campaign.budget = budget
    campaign.grid = source.grid
    campaign.checkpoints_per_trial = length
    campaign.majority_score = source.majority_score
    campaign.history = history
    campaign._start = start
    campaign._remaining = lambda: remaining / steps[-1]
    campaign._trials = lambda: tuple(paid)
    campaign._unstarted = lambda: unstarted
    campaign._new_rng = rng
    campaign._rng = None
    return OpenCampaign(campaign, settle, close)
