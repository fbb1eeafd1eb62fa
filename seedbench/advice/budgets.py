"""Which budget: what plain best-of-n is expected to score with more and more full trials, and where one more wins
little."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from seedbench.advice.gains import best_of_several, mean_over
from seedbench.documents import Positive
from seedbench.errors import SelectionError
from seedbench.evaluation.rows import ends
from seedbench.evaluation.scores import best_of_n_scores
from seedbench.influences import interval
from seedbench.metrics import CEILING_TRIALS
from seedbench.replay import TRIALS_PER_BUDGET, admitted_budgets, pool_size_of
from seedbench.trialset import TrialTable

#: Half a point, where scores are shares.
MIN_GAIN = 0.005
#: Budgets of which a person is told.
_SAID = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True)
class Worth:
    """What plain best-of-n is expected to score with n full trials, and what one more adds: means over the tables."""

    full_trials: Positive
    score: float
    score_low: float | None
    score_high: float | None
    one_more: float
    one_more_low: float | None
    one_more_high: float | None


@dataclass(frozen=True)
class BudgetChoice:
    """The budget that was chosen, where none was given: from it on one more full trial wins less than `min_gain`.

    Attributes:
        min_gain: in the score's unit.
        reached: whether there is such a budget up to `largest`; else it is `largest`.
        low: lower end of a 95% interval of the budget, from the interval of what one more wins at each n.
        high: upper end; None where that is open, or where there are no intervals.
        largest: budget that was looked at: 64, or what all tables can be replayed with.
        worths: of n full trials, ascending.
    """

    min_gain: float
    reached: bool
    low: Positive | None
    high: Positive | None
    largest: Positive
    worths: tuple[Worth, ...]


def choose_budget(tables: Sequence[TrialTable], protocol: str, min_gain: float) -> tuple[int, BudgetChoice]:
    """The smallest budget from which on one more full trial is expected to win less than `min_gain`.

    Means over the tables that admit any budget, up to the largest budget that all of these admit.

    Raises:
        SelectionError: no table has enough trials for any budget, or `min_gain` is not above 0.
    """
    if not (math.isfinite(min_gain) and min_gain > 0):
        raise SelectionError(f"min_gain must be above 0, as 0.005, found {min_gain:g}")
    fitting = [table for table in tables if pool_size_of(table).admits(1)]
    if not fitting:
        admitted_budgets(tables, [1])  # says of the largest what it lacks
    sizes = [pool_size_of(table).trials for table in fitting]
    largest = min(CEILING_TRIALS, min(sizes) // TRIALS_PER_BUDGET)
    scores = [best_of_n_scores(table, protocol, range(1, largest + 2)) for table in fitting]
    numbers = range(1, largest + 1)
    expected = {n: mean_over(scores, partial(best_of_several, weights={n: 1.0})) for n in numbers}
    more = [interval(mean_over(scores, partial(best_of_several, weights={n + 1: 1.0, n: -1.0}))) for n in numbers]
    budget = _first([one.estimate for one in more], min_gain)
    low = _first([one.low for one in more], min_gain)
    high = _first([one.high for one in more], min_gain)
    chosen = budget or largest
    said = sorted({*_SAID, chosen} & {*numbers})
    return chosen, BudgetChoice(
        min_gain=min_gain,
        reached=budget is not None,
        low=low,
        high=high,
        largest=largest,
        worths=tuple(Worth(n, **ends("score", expected[n]), **ends("one_more", more[n - 1])) for n in said),
    )


def _first(values: Sequence[float | None], min_gain: float) -> int | None:
    """The smallest n from which on one more wins less, as far as was looked; None where there is none that is known.

    The dev set chooses, so what one more wins on test examples need not fall with n, and may rise again.
    """
    wins = [n for n, value in enumerate(values, 1) if value is None or value >= min_gain]
    last = max(wins, default=0)
    return last + 1 if last < len(values) else None
