"""Start many, stop early, continue some: the best such rule at every budget, and what of it is hindsight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields

import numpy as np

from seedbench.analyses.answers import Search, SearchRow
from seedbench.analyses.common import Floats, Indices, no_interval, number, over_seeds, remainders, seed_axes, values
from seedbench.analyses.jackknife import Interval
from seedbench.analyses.started import Combination, combinations, expected_scores
from seedbench.metrics import best_of_n
from seedbench.trialset import TrialTable

BUDGETS = range(1, 31)
SPLITS = 4  # of the rows, and of the columns, into halves
_DECIMALS = 12  # expectations that are equal in truth must tie


def parts(table: TrialTable) -> int:
    """How often `search` says that a part of its work is done: each is a search of the table, or of a part of it."""
    splits = [SPLITS for axis in seed_axes(table) if axis.any()]
    return 1 + sum(map(len, remainders(table))) + sum(splits)


def search(table: TrialTable, *, rng: np.random.Generator, done: Callable[[], None] = lambda: None) -> Search:
    """The best combination at every budget that the pool carries.

    Every combination that spends the budget exactly is valued by its exact expectation (`started`), so there is no
    simulation error. The best of them is the best on these trials: with hindsight, and too good to be true, since the
    best of many combinations is taken on the trials that value it. So it is also chosen on the trials of one half of
    the weight-init seeds (then of the data-order seeds) and valued on the other half, over several random halves, and
    reported beside plain best-of-n on those same halves. A half has half of the trials: a combination that starts more
    is not in that comparison, and halves of the rows still share their columns.

    Args:
        table: a trial table, all scores finite.
        rng: draws the halves of the seeds.
        done: called after each of the `parts` of the work.

    Source:
        Dodge et al. 2020, section 5, for the rule, the search and the relative error reduction.
    """
    value = values(table)
    if np.ptp(value) == 0:
        for _ in range(parts(table)):
            done()
        return Search((), ("All trials have the same best score: there is nothing to search for.",))
    budgets = [budget for budget in BUDGETS if budget <= table.num_trials]
    by_budget = [combinations(budget, table.step, table.num_trials) for budget in budgets]
    every = [one for some in by_budget for one in some]
    ends = np.cumsum([len(some) for some in by_budget])
    spans = [slice(int(end) - len(some), int(end)) for some, end in zip(by_budget, ends, strict=True)]
    expected = expected_scores(table.score, every)
    best = [span.start + _best(expected[span]) for span in spans]
    chosen = [every[at] for at in best]

    def score_and_reduction(trials: Indices) -> Floats:
        scores = expected_scores(table.score[trials], chosen)
        plain = _best_of_n(value[trials], budgets)
        done()
        return np.stack([scores, _error_reduction(scores, plain, _perfect(table))])

    interval = over_seeds(score_and_reduction, table)
    halves = []
    for first, second in _halves(table, rng):
        halves += _chosen_and_valued(table.score[first], table.score[second], every, spans)
        done()
    held_out = np.mean(halves, axis=0) if halves else np.full((2, len(budgets)), np.nan)
    plain = _best_of_n(value, budgets)
    rows = []
    for at, budget in enumerate(budgets):
        own = Interval(*(getattr(interval, field.name)[:, at] for field in fields(interval)))
        own.low[0], own.high[0] = np.clip([own.low[0], own.high[0]], *table.score_limits)
        rows.append(_row(budget, len(by_budget[at]), chosen[at], table, float(plain[at]), own, held_out[:, at]))
    return Search(tuple(rows), _notes(table))


def _best(expected: Floats) -> int:
    """The first of the best; NaN is none."""
    return int(np.nanargmax(np.round(expected, _DECIMALS)))


def _best_of_n(value: Floats, budgets: list[int]) -> Floats:
    curve = best_of_n(value, value)
    return np.array([curve[budget - 1] if budget <= value.size else np.nan for budget in budgets])


def _perfect(table: TrialTable) -> float:
    """The perfect score, 1; NaN where scores are no fractions of 1, and no score is known to be perfect."""
    _, highest = table.score_limits
    return highest if table.sign > 0 and np.isfinite(highest) else np.nan


def _error_reduction(score: Floats, best_of_n: Floats, perfect: float) -> Floats:
    """(error of best-of-n - error) / error of best-of-n, error = 1 - score: the distance from a perfect score of 1.

    It is what the paper reports. For a metric that may be negative (Matthews correlation) the error may exceed 1, which
    changes nothing. NaN where best-of-n has no error, or none is known.
    """
    error = perfect - best_of_n
    return (score - best_of_n) / np.where(error > 1e-9, error, np.nan)


def _halves(table: TrialTable, rng: np.random.Generator) -> Iterator[tuple[Indices, Indices]]:
    """Trials of two halves of the rows, then of the columns; the odd seed goes to the second half."""
    for axis in seed_axes(table):
        seeds = int(axis.max()) + 1
        for _ in range(SPLITS if seeds > 1 else 0):
            first = np.isin(axis, rng.permutation(seeds)[: seeds // 2])
            yield np.flatnonzero(first), np.flatnonzero(~first)


def _chosen_and_valued(first: Floats, second: Floats, every: list[Combination], spans: list[slice]) -> list[Floats]:
    """Scores of two halves [n, C] and [m, C] -> [2, budgets], twice: the best combination of one half, and best-of-n,
    valued on the other half; NaN where the smaller half has fewer trials than the budget."""
    smaller = min(len(first), len(second))
    feasible = [at for at, one in enumerate(every) if one.started <= smaller]
    expected = np.full((2, len(every)), np.nan)
    for half, score in enumerate((first, second)):
        expected[half, feasible] = expected_scores(score, [every[at] for at in feasible])
    both_ways = []
    for own, other in (expected, expected[::-1]):
        valued = np.full((2, len(spans)), np.nan)
        for at, span in enumerate(spans):
            if np.isfinite(own[span.start]):  # the first of a span is plain best-of-n
                valued[:, at] = other[span][_best(own[span])], other[span.start]
        both_ways.append(valued)
    return both_ways


def _row(
    budget: int, count: int, one: Combination, table: TrialTable, plain: float, interval: Interval, held_out: Floats
) -> SearchRow:
    """One budget: `interval` of [score, error reduction], `held_out` of [score, best-of-n]."""
    score, reduction = interval.estimate.tolist()
    low, high = interval.low, interval.high
    return SearchRow(
        budget=budget,
        combinations=count,
        started=one.started,
        stop=one.stop,
        fraction=float(table.step[one.stop - 1] / table.num_steps),
        continued=one.continued,
        score=score,
        low=number(low[0]),
        high=number(high[0]),
        best_of_n=plain,
        error_reduction=number(reduction),
        error_reduction_low=number(low[1]),
        error_reduction_high=number(high[1]),
        held_out_score=number(held_out[0]),
        held_out_best_of_n=number(held_out[1]),
        held_out_error_reduction=number(_error_reduction(held_out[0], held_out[1], _perfect(table))),
    )


def _notes(table: TrialTable) -> tuple[str, ...]:
    notes = []
    if table.num_checkpoints == 1:
        notes.append("A single checkpoint: nothing can be stopped early, so only plain best-of-n is left.")
    elif alone := no_interval(table):
        notes.append(alone)
    if np.isnan(_perfect(table)):
        notes.append("Scores are no fractions of 1: no score is known to be perfect, and so no share of an error.")
    if table.num_trials < BUDGETS[-1]:
        notes.append(f"Budgets end at {table.num_trials}: there are no more trials.")
    return tuple(notes)
