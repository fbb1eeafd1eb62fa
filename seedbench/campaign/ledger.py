"""The other side of a campaign: its source, the budget, the books, and what is kept in the end.

A campaign asks a source to start trials and to train them, pays before it looks, and writes down what it was told. The
source is a recorded table, a pipe out of a sealed process, or live training, and nothing here can tell which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import index as to_index
from typing import TYPE_CHECKING, NamedTuple

from seedbench.campaign.objects import Campaign, Checkpoint, OracleCampaign, Trial
from seedbench.campaign.source import Labels, Source
from seedbench.errors import BudgetSpent, InvalidReturn, StrategyStopped, TrialComplete, UnknownCell

if TYPE_CHECKING:
    import numpy as np

    from seedbench.campaign.history import PastTable

#: So many calls in a row that pay for nothing and start nothing end a campaign: the strategy is not going to stop.
IDLE_CALLS = 10_000

AXES = ("weight_init_seed", "data_order_seed")


class Settlement(NamedTuple):
    """How a campaign ended: the kept checkpoint and what was spent.

    Attributes:
        weight_init_seed: label of the kept trial.
        data_order_seed: likewise.
        checkpoint: index of the kept checkpoint.
        steps_spent: training steps paid for.
        trials_started: trials with a paid checkpoint.
        validations: checkpoints paid for, but for those that only repeat what was measured at a trial's end.
    """

    weight_init_seed: int
    data_order_seed: int
    checkpoint: int
    steps_spent: int
    trials_started: int
    validations: int


class OpenCampaign(NamedTuple):
    """A campaign, and its two ends that only the runner holds; see `open_campaign`."""

    campaign: Campaign
    settle: Callable[[object], Settlement]
    close: Callable[[], None]


Marks = tuple[tuple[float, int, float], ...]


@lru_cache(maxsize=256)
def marks_of(steps: tuple[int, ...]) -> Marks:
    """What each checkpoint costs, its step and its fraction; and one more, into which a complete trial runs."""
    marks = ((after - before, after, after / steps[-1]) for before, after in zip((0, *steps), steps, strict=False))
    return (*marks, (float("inf"), 0, 0.0))


def open_campaign(
    source: Source,
    budget: int,
    *,
    rng: Callable[[], np.random.Generator],
    history: Callable[[], tuple[PastTable, ...]] = tuple,
    test_scores: Callable[[], Mapping[tuple[int, int], Sequence[float]]] | None = None,
    ahead: Callable[[Sequence[tuple[Labels, int]]], None] | None = None,
) -> OpenCampaign:
    """Opens a campaign.

    Args:
        source: where trials come from.
        budget: in full trials.
        rng: makes `campaign.rng`, when it is first asked for.
        history: gives `campaign.history`, when it is asked for.
        test_scores: gives those of an `OracleCampaign`; None: open an ordinary one.
        ahead: told by `campaign.advance` which trials it is going to train, by their labels and with how many
            checkpoints each, before it asks for the first: those that the budget pays for. They may be trained
            together then. None: nobody wants to know.

    Returns:
        campaign: for the strategy.
        settle: takes what the strategy returned (None where `BudgetSpent` or `PoolExhausted` ended it) and says what is
            kept. It goes by its own books: a strategy that tampers with its objects can keep nothing it has not paid
            for. Raises `InvalidReturn` where nothing was paid for, or where something else was returned than a trial or
            a paid checkpoint of this campaign.
        close: takes the campaign's objects apart, so that they are freed at once instead of by the garbage collector.
    """
    marks = marks_of(tuple(source.steps))
    length, steps_of_trial = len(source.steps), source.steps[-1]
    total: int = budget * steps_of_trial
    remaining: float = total  # a whole number; float only for the type of an endless cost
    unstarted = source.unstarted
    start_trial = source.start
    lowest = float("-inf")
    idle, idle_since = 0, (remaining, unstarted)
    # The trials by their labels, and of each the checkpoints paid for in a list that no strategy holds.
    started: dict[tuple[int, int], tuple[Trial, list[Checkpoint]]] = {}
    paid: list[Trial] = []  # those with a checkpoint

    def count_idle() -> None:
        nonlocal idle, idle_since
        if idle_since != (remaining, unstarted):
            idle, idle_since = 0, (remaining, unstarted)
        idle += 1
        stop_if_idle(idle)

    def refuse(trial: Trial, index: int) -> BaseException:
        count_idle()
        return refusal(trial, marks[index][0], remaining)

    def start(weight_init_seed: int | None, data_order_seed: int | None) -> Trial:
        nonlocal unstarted
        if type(weight_init_seed) is type(data_order_seed) is int and (weight_init_seed, data_order_seed) in started:
            count_idle()
            return started[weight_init_seed, data_order_seed][0]
        try:
            row, column, train = start_trial(weight_init_seed, data_order_seed)
        except Exception:
            count_idle()
            raise
        unstarted -= 1
        index = 0
        best_score = lowest
        checkpoints: list[Checkpoint] = []
        booked: list[Checkpoint] = []
        trial = Trial()
        trial.weight_init_seed = row
        trial.data_order_seed = column
        trial.checkpoints = checkpoints
        trial.complete = False
        trial._best = None
        started[row, column] = trial, booked

        # A replay's time goes here, and to what `start` makes: every variable shared with it costs each trial a cell.
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
            score, checkpoint.validation_loss, checkpoint.train_loss, checkpoint.repeated = train()
            checkpoint.score = score
            if score > best_score:
                if index == 0:
                    paid.append(trial)
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
        checkpoint = chosen(returned, paid)
        for (row, column), (_, booked) in started.items():
            if checkpoint in booked:
                spent, looks = total - int(remaining), sum(map(_validations, started.values()))
                return Settlement(row, column, booked.index(checkpoint), spent, len(paid), looks)
        raise not_paid_for()

    def told_ahead(trials: Sequence[Trial], checkpoints: int) -> None:
        money, coming = remaining, []
        for trial in trials:
            labels = (trial.weight_init_seed, trial.data_order_seed)
            first, number = len(started[labels][1]), 0
            while number < checkpoints and first + number < length and marks[first + number][0] <= money:
                money -= marks[first + number][0]
                number += 1
            coming.append((labels, number))
            if number < min(checkpoints, length - first):
                break
        ahead([(labels, number) for labels, number in coming if number])  # type: ignore[misc]

    def ended() -> Checkpoint:
        raise InvalidReturn("advanced a trial of an earlier campaign; every campaign starts its own")

    def close() -> None:
        for trial, _ in started.values():
            trial.advance, trial.checkpoints, trial._best = ended, (), None

    if test_scores is None:
        campaign = Campaign()
    else:
        campaign = OracleCampaign()
        campaign._test_scores = lambda: test_scores()
    campaign.budget = budget
    campaign.grid = source.grid
    campaign.checkpoints_per_trial = length
    campaign.steps = tuple(source.steps)
    campaign.majority_score, campaign.metric, campaign.dev_examples, campaign.labels = source.task
    campaign._history = lambda: history()  # as it is, it might lead to the records
    campaign._ahead = told_ahead if ahead else None
    campaign._start = start
    campaign._remaining = lambda: remaining / steps_of_trial
    campaign._trials = lambda: tuple(paid)
    campaign._unstarted = lambda: unstarted
    campaign._new_rng = lambda: rng()
    campaign._rng = None
    return OpenCampaign(campaign, settle, close)


def _validations(started: tuple[Trial, list[Checkpoint]]) -> int:
    """The checkpoints of a trial that were measured; what comes after its own end only repeats."""
    _, booked = started
    if booked and booked[-1].repeated:
        return sum(not checkpoint.repeated for checkpoint in booked)
    return len(booked)


def stop_if_idle(calls: int) -> None:
    """Raises `StrategyStopped` after so many calls in a row that paid for nothing and started nothing."""
    if calls > IDLE_CALLS:
        raise StrategyStopped(
            f"made {IDLE_CALLS:,} calls in a row that paid for nothing; was the budget's end swallowed?"
        )


def refusal(trial: Trial, cost: float, remaining: float) -> BudgetSpent | TrialComplete:
    """Why a trial is not advanced for a cost, which is endless at its end."""
    if cost == float("inf"):
        return TrialComplete(f"{trial!r} is complete; check trial.complete before trial.advance()")
    return BudgetSpent(f"the next checkpoint of {trial!r} costs {cost} steps, and {remaining} are left")


def chosen(returned: object, paid: Sequence[Trial]) -> Checkpoint:
    """The checkpoint that a strategy's answer means.

    Args:
        returned: a trial, a checkpoint, or None for the best checkpoint seen.
        paid: the campaign's trials with a checkpoint.

    Raises:
        InvalidReturn: it is something else, of another campaign, or nothing was paid for.
    """
    if not paid:
        raise InvalidReturn("paid for no checkpoint, so there is none to keep")
    if returned is None:
        checkpoint = paid[0].best
        for trial in paid:
            if trial.best.score > checkpoint.score:  # the first among ties
                checkpoint = trial.best
        return checkpoint
    if isinstance(returned, Checkpoint):
        return returned
    if isinstance(returned, Trial):
        if any(returned is trial for trial in paid):
            return returned.best
        raise InvalidReturn(f"returned {returned!r}, which is not of this campaign or without a paid checkpoint")
    shown = repr(returned) if type(returned) in (bool, int, float, str) else f"a {type(returned).__name__}"
    raise InvalidReturn(f"returned {shown:.80}; a strategy returns a Trial, a Checkpoint or None")


def not_paid_for() -> InvalidReturn:
    """Why a checkpoint is not kept."""
    return InvalidReturn("returned a checkpoint that was not paid for in this campaign")


def check_label(axis: int, label: object, size: int) -> int:
    """A label that a strategy gave for one of `AXES` of a grid, as a plain integer.

    Raises:
        UnknownCell: there is no such label.
    """
    try:
        number = int(to_index(label))  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if not 0 <= number < size:
        raise UnknownCell(f"{AXES[axis]} must be a whole number from 0 to {size - 1}, found {str(label)[:40]}")
    return number
