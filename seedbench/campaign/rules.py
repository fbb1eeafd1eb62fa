"""What both ends of a sealed campaign go by: prices, refusals, and what a strategy's answer means."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from functools import lru_cache
from operator import index as to_index

from seedbench.campaign.objects import Checkpoint, Trial
from seedbench.errors import BudgetSpent, InvalidReturn, StrategyStopped, TrialComplete, UnknownCell

#: So many calls in a row that pay for nothing and start nothing end a campaign: the strategy is not going to stop.
IDLE_CALLS = 10_000

AXES = ("weight_init_seed", "data_order_seed")

Marks = tuple[tuple[float, int, float], ...]


@lru_cache(maxsize=256)
def marks_of(steps: tuple[int, ...]) -> Marks:
    """What each checkpoint costs, its step and its fraction; and one more, into which a complete trial runs."""
    marks = ((after - before, after, after / steps[-1]) for before, after in zip((0, *steps), steps, strict=False))
    return (*marks, (float("inf"), 0, 0.0))


def reach(done: Sequence[int], first: int, count: int, remaining: float) -> tuple[int, int]:
    """How far a trial gets.

    Args:
        done: training steps done after so many checkpoints, 0 for none.
        first: checkpoints that it has.
        count: those wanted beyond, 1 or more; none beyond its end.
        remaining: steps that can be paid for.

    Returns:
        The number of checkpoints that it has then, and the number that it would have without a budget.
    """
    wanted = min(first + count, len(done) - 1)
    if done[wanted] - done[first] <= remaining:
        return wanted, wanted
    return bisect(done, done[first] + remaining, first) - 1, wanted


def one_by_one(trial: Trial, count: int) -> Checkpoint:
    """Trains a trial, or what a strategy has put around one, to so many checkpoints from here, or to its end."""
    checkpoint = trial.advance()
    for _ in range(count - 1):
        if trial.complete:
            break
        checkpoint = trial.advance()
    return checkpoint


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
