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

    __slots__ = ("_inside", "_rng", "budget", "checkpoints_per_trial", "grid", "history", "majority_score")
    budget: int
    grid: tuple[int, int]
    checkpoints_per_trial: int
    majority_score: float
    history: tuple[Any, ...]
    _inside: _Inside
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
        return self._inside.start(weight_init_seed, data_order_seed)

    @property
    def remaining(self) -> float:
        """What is left of the budget, in full trials."""
        return self._inside.remaining()

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials with a checkpoint, in the order in which the first was paid for."""
        return self._inside.trials()

    @property
    def unstarted(self) -> int:
        """Trials that were not started yet."""
        return self._inside.unstarted()

    @property
    def rng(self) -> np.random.Generator:
        """Random numbers for the strategy's own use: the same in every run of this campaign."""
        if self._rng is None:
            self._rng = self._inside.rng()
        return self._rng


class Settlement(NamedTuple):
    """How a campaign ended: the kept checkpoint and what was spent."""

    weight_init_seed: int
    data_order_seed: int
    checkpoint: int
    steps_spent: int
    trials_started: int


class _Inside(NamedTuple):
    start: Callable[[int | None, int | None], Trial]
    remaining: Callable[[], float]
    trials: Callable[[], tuple[Trial, ...]]
    unstarted: Callable[[], int]
    rng: Callable[[], np.random.Generator]


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
    fractions = [step / steps[-1] for step in steps]
    # One entry more than there are checkpoints: a complete trial runs into it.
    costs = [after - before for before, after in zip([0, *steps], steps, strict=False)] + [float("inf")]
    total: int = budget * steps[-1]
    remaining: float = total  # a whole number; float only for the type of an endless cost
    unstarted = source.unstarted
    start_trial = source.start
    idle = 0
    cells: dict[tuple[int, int], Trial] = {}
    # Trial -> its labels, and a function that gives its number of paid checkpoints and the index and score of the best.
    paid: dict[Trial, tuple[int, int, Callable[[], tuple[int, int, float]]]] = {}

    def count_idle() -> None:
        nonlocal idle
        idle += 1
        if idle > IDLE_CALLS:
            raise StrategyStopped(
                f"made {IDLE_CALLS:,} calls in a row that paid for nothing; was the budget's end swallowed?"
            )

    def refuse(trial: Trial, index: int) -> BaseException:
        count_idle()
        if index == length:
            return TrialComplete(f"{trial!r} is complete; check trial.complete before trial.advance()")
        return BudgetSpent(f"the next checkpoint of {trial!r} costs {costs[index]} steps, and {remaining} are left")

    def start(weight_init_seed: int | None, data_order_seed: int | None) -> Trial:
        nonlocal unstarted, idle
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
        idle = 0
        index = best_index = 0
        best_score = float("-inf")
        checkpoints: list[Checkpoint] = []
        trial = Trial()
        trial.weight_init_seed = row
        trial.data_order_seed = column
        trial.checkpoints = checkpoints
        trial.complete = False
        trial._best = None

        def advance() -> Checkpoint:
            nonlocal remaining, idle, index, best_index, best_score
            cost = costs[index]
            if cost > remaining:
                raise refuse(trial, index)
            remaining -= cost
            idle = 0
            checkpoint = Checkpoint()
            checkpoint.trial = trial
            checkpoint.index = index
            checkpoint.step = steps[index]
            checkpoint.fraction = fractions[index]
            score, checkpoint.validation_loss, checkpoint.train_loss = train()
            checkpoint.score = score
            if score > best_score:
                if index == 0:
                    paid[trial] = (row, column, lambda: (index, best_index, best_score))
                best_index = index
                best_score = score
                trial._best = checkpoint
            checkpoints.append(checkpoint)
            index += 1
            if index == length:
                trial.complete = True
            return checkpoint

        trial.advance = advance
        cells[row, column] = trial
        return trial

    def settle(returned: object) -> Settlement:
        if not paid:
            raise InvalidReturn("paid for no checkpoint, so there is none to keep")
        if returned is None:
            trial = max(paid, key=lambda trial: paid[trial][2]()[2])  # the first among ties
        elif type(returned) is Trial:
            trial = returned
        elif type(returned) is Checkpoint:
            trial = returned.trial
        else:
            found = repr(returned) if type(returned) in (bool, int, float, str) else f"a {type(returned).__name__}"
            raise InvalidReturn(f"returned {found:.80}; a strategy returns a Trial, a Checkpoint or None")
        if type(trial) is not Trial or trial not in paid:
            what = type(returned).__name__.lower()
            raise InvalidReturn(
                f"returned a {what} that is not of this campaign, or of a trial without a paid checkpoint"
            )
        row, column, state = paid[trial]
        count, best_index, _ = state()
        index = returned.index if type(returned) is Checkpoint else best_index
        if type(index) is not int or not 0 <= index < count:
            raise InvalidReturn(f"returned a checkpoint that was not paid for: {count} of its trial are")
        return Settlement(row, column, index, total - int(remaining), len(paid))

    def close() -> None:
        for trial in cells.values():
            trial.advance = trial.checkpoints = trial._best = None  # type: ignore[assignment]

    campaign = Campaign()
    campaign.budget = budget
    campaign.grid = source.grid
    campaign.checkpoints_per_trial = length
    campaign.majority_score = source.majority_score
    campaign.history = history
    campaign._rng = None
    campaign._inside = _Inside(start, lambda: remaining / steps[-1], lambda: tuple(paid), lambda: unstarted, rng)
    return OpenCampaign(campaign, settle, close)
