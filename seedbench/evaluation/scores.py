"""From the arrays of a replay to scores: best-of-n of each table, gap closed, multiplier, their intervals, the summary.

Values are carried as `Sample`s: one per pair of replicates, on the whole table and with each group of seeds deleted.
What holds for a table holds for sums over tables too, so rows, differences and the summary go the same way.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add, sub

import numpy as np
from numpy.typing import NDArray

from seedbench.intervals import Interval, jackknife, pair_means, ratio_jackknife, seed_groups
from seedbench.metrics import (
    CEILING_TRIALS,
    ROUNDING,
    Bound,
    best_of_n_of_ranked,
    best_of_n_weights,
    by_rank,
    compute_multiplier,
    full_trials_needed,
    gap_closed,
    geometric_mean,
    share_ties,
)
from seedbench.replay import Deletion, TableReplay, undefined_share
from seedbench.trialset import TrialTable

Floats = NDArray[np.float64]
AXES = ("weight_init_seed", "data_order_seed")


# --- samples ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Sample:
    """One value [P, ...] per pair of replicates.

    Attributes:
        whole: [P, ...], with all seeds.
        deleted: number of a deletion -> [p, ...] without its seeds, for the first p of the pairs; there is none for a
            deletion that changes nothing.
    """

    whole: Floats
    deleted: Mapping[int, Floats]

    @property
    def mean(self) -> Floats:
        return self.whole.mean(axis=0)

    def without_deletions(self) -> Sample:
        return Sample(self.whole, {})


def combine(function: Callable[..., Floats], *samples: Sample) -> Sample:
    """A function of samples of the same pairs; a deletion that one of them does not know leaves that one whole."""
    numbers = sorted({number for sample in samples for number in sample.deleted})
    deleted = {}
    for number in numbers:
        pairs = next(len(sample.deleted[number]) for sample in samples if number in sample.deleted)
        deleted[number] = function(*(sample.deleted.get(number, sample.whole[:pairs]) for sample in samples))
    return Sample(function(*(sample.whole for sample in samples)), deleted)


def interval(sample: Sample, deletions: Sequence[Deletion], groups: int | None = None) -> Interval:
    """The jackknife of a sample [P, ...] -> `Interval` of [...]; `groups` as there."""
    return jackknife(sample.whole, by_axis(sample, deletions), groups)


def by_axis(sample: Sample, deletions: Sequence[Deletion] | Mapping[int, Deletion]) -> list[Floats]:
    """What a sample is without each group of seeds, axis by axis: the second argument of `jackknife`."""
    axes: dict[tuple[str, str], list[Floats]] = {}
    for number, values in sample.deleted.items():
        axes.setdefault((deletions[number].model, deletions[number].axis), []).append(values)
    return [np.stack(groups) for groups in axes.values()]


# --- deletions --------------------------------------------------------------------------------------------------------


def deletions_of(tables: Sequence[TrialTable]) -> tuple[Deletion, ...]:
    """Every group of seeds to delete: of each model, the rows of all its tables together, then the columns."""
    deletions = []
    for model in dict.fromkeys(table.model for table in tables):
        for axis in AXES:
            labels = [getattr(table, f"{axis}s").tolist() for table in tables if table.model == model]
            groups = seed_groups(labels)
            for group in range(max(groups.values()) + 1):
                seeds = frozenset(seed for seed, its_group in groups.items() if its_group == group)
                deletions.append(Deletion(model, axis, seeds))
    return tuple(deletions)


# --- best of n --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Baseline:
    """What a table itself says, whatever the strategy.

    Attributes:
        table: the trial table.
        ranked: test scores [P, N] by rank of the validation score, from which all of best-of-n follows.
        floor: R(1) [P].
        gap: ceiling - floor [P], the points there are to win.
        no_signal: whether that gap is below two of its standard errors; None where no error can be given.
        undefined_share: share of the table's checkpoints whose score is a convention; NaN without predictions.
    """

    table: TrialTable
    ranked: Sample
    floor: Sample
    gap: Sample
    no_signal: bool | None
    undefined_share: float

    @property
    def fewest(self) -> int:
        """Trials that every deletion leaves."""
        return min(values.shape[1] for values in (self.ranked.whole, *self.ranked.deleted.values()))


def baseline_of(replay: TableReplay, deletions: Sequence[Deletion], deletion_replicates: int) -> Baseline:
    """Ranks a table's trials once, and for the first replicates again without each group of seeds."""
    table = replay.table
    order, validation, test = by_rank(replay.best_validation_score, replay.best_test_score)

    def ranked(keep: NDArray[np.bool_], replicates: int) -> Floats:
        if not keep.any():  # a table of one row or column: nothing is left of it, and it has no interval
            return np.full((replicates // 2, table.num_trials), np.nan)
        left = keep[order[:replicates]]
        left_scores = (scores[:replicates][left].reshape(replicates, -1) for scores in (validation, test))
        return pair_means(share_ties(*left_scores))

    keeps = {number: deletion.keeps(table) for number, deletion in enumerate(deletions)}
    sample = Sample(
        pair_means(share_ties(validation, test)),
        {number: ranked(keep, deletion_replicates) for number, keep in keeps.items() if not keep.all()},
    )
    floor = combine(lambda scores: scores @ best_of_n_weights(scores.shape[1])[0], sample)
    ceiling = combine(_ceiling, sample)
    gap = combine(sub, ceiling, floor)
    error = float(interval(gap, deletions).standard_error)
    no_signal = None if math.isnan(error) else bool(gap.mean < max(2 * error, ROUNDING))
    return Baseline(table, sample, floor, gap, no_signal, undefined_share(table))


def _ceiling(ranked: Floats) -> Floats:
    return ranked @ best_of_n_weights(ranked.shape[1])[min(CEILING_TRIALS, ranked.shape[1]) - 1]


# --- a strategy -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class TableScores:
    """One strategy on one table: its replay, and its scores [P, budgets]."""

    replay: TableReplay
    baseline: Baseline
    score: Sample

    @property
    def won(self) -> Sample:
        """Score - floor [P, budgets]."""
        return combine(lambda score, floor: score - floor[:, None], self.score, self._matched(self.baseline.floor))

    @property
    def gap(self) -> Sample:
        """Ceiling - floor [P, 1], for the same deletions as `won`: on the transfer track, some change that alone."""
        return combine(lambda gap, _: gap[:, None], self._matched(self.baseline.gap), self.score)

    def _matched(self, sample: Sample) -> Sample:
        """Of the baseline, what there is of the strategy: nothing deleted where its campaigns were not run again."""
        return sample if self.score.deleted else sample.without_deletions()

    def groups(self, deletions: Sequence[Deletion]) -> int:
        """The fewest groups of an axis that the table's own seeds are in: others change no more than its history."""
        axes = Counter((deletions[number].model, deletions[number].axis) for number in self.baseline.ranked.deleted)
        return min(axes.values(), default=0)


def table_scores(replay: TableReplay, deleted: Sequence[TableReplay | None], baseline: Baseline) -> TableScores:
    """Pairs up a strategy's scores; `deleted` has the campaigns that were run again, by number of the deletion."""
    again = {number: pair_means(part.score.T) for number, part in enumerate(deleted) if part is not None}
    if again:  # of a table of one row nothing is left to run again
        nothing = np.full_like(next(iter(again.values())), np.nan)
        again = {number: again.get(number, nothing) for number in sorted({*baseline.ranked.deleted, *again})}
    return TableScores(replay, baseline, Sample(pair_means(replay.score.T), again))


def score_interval(scores: TableScores, deletions: Sequence[Deletion]) -> Interval:
    """-> `Interval` of [budgets]."""
    return interval(scores.score, deletions, scores.groups(deletions))


def gap_interval(scores: TableScores, deletions: Sequence[Deletion]) -> Interval:
    """-> `Interval` of gap closed [budgets]; NaN where there is no gap."""
    return ratio_interval(scores.won, scores.gap, deletions, scores.groups(deletions))


def difference_intervals(
    scores: TableScores, other: TableScores, deletions: Sequence[Deletion]
) -> tuple[Interval, Interval]:
    """Two strategies on the same replicates -> intervals [budgets] of the differences in score and in gap closed."""
    difference = combine(sub, scores.score, other.score)
    groups = scores.groups(deletions)
    return interval(difference, deletions, groups), ratio_interval(difference, scores.gap, deletions, groups)


@dataclass(frozen=True)
class Multiplier:
    """Full trials that best-of-n needs per trial of the budget, its bound, and its interval (NaN where it is open)."""

    estimate: float
    bound: Bound | None
    low: float
    high: float


def multipliers(scores: TableScores, deletions: Sequence[Deletion]) -> list[Multiplier]:
    """The compute multiplier at each budget.

    Its interval holds all n for which 0 lies in the interval of score - R(n), and the estimate itself. n runs up to
    what every deletion leaves; the interval is open where it runs out of the n that there are.
    """
    curve = combine(best_of_n_of_ranked, scores._matched(scores.baseline.ranked))
    mean_curve, mean_scores, fewest = curve.mean, scores.score.mean, scores.baseline.fewest
    at_budgets = []
    for number, budget in enumerate(scores.replay.budgets):
        difference = combine(lambda score, r, at=number: score[:, at, None] - r[:, :fewest], scores.score, curve)
        needed = full_trials_needed(float(mean_scores[number]), mean_curve)
        low, high = full_trials_interval(interval(difference, deletions, scores.groups(deletions)), needed)
        at_budgets.append(Multiplier(needed[0] / budget, needed[1], low / budget, high / budget))
    return at_budgets


def full_trials_interval(difference: Interval, needed: tuple[float, Bound | None]) -> tuple[float, float]:
    """Intervals [N] of score - R(n), and what `full_trials_needed` gave -> smallest and largest n; NaN where open."""
    estimate, bound = needed
    if np.isnan(difference.low).any():
        return math.nan, math.nan
    inside = np.flatnonzero((difference.low <= ROUNDING) & (difference.high >= -ROUNDING)) + 1
    low = min(estimate, inside.min(initial=difference.low.size))
    high = max(estimate, inside.max(initial=1))
    return (
        math.nan if bound == "<" or low <= 1 else float(low),
        math.nan if bound == ">" or high >= difference.low.size else float(high),
    )


# --- all tables together ----------------------------------------------------------------------------------------------


def summary_gap(every: Sequence[TableScores], deletions: Sequence[Deletion]) -> Interval:
    """Points won over points to win, all tables together -> `Interval` of a number."""
    return ratio_interval(*summary_points(every), deletions)


def summary_points(every: Sequence[TableScores]) -> tuple[Sample, Sample]:
    """Points won (the mean over budgets) and to win, summed over the tables: [P, 1] each."""
    return _total([_over_budgets(scores.won) for scores in every]), _total([scores.gap for scores in every])


def summary_gap_at(every: Sequence[TableScores], budget: int, deletions: Sequence[Deletion]) -> Interval:
    """The same at one budget, of the tables that have it -> `Interval` of a number."""
    with_it = [scores for scores in every if budget in scores.replay.budgets]
    won = [_column(scores.won, scores.replay.budgets.index(budget)) for scores in with_it]
    return ratio_interval(_total(won), _total([scores.gap for scores in with_it]), deletions)


def summary_difference(
    every: Sequence[TableScores], others: Sequence[TableScores], deletions: Sequence[Deletion]
) -> Interval:
    """The difference of two strategies in that -> `Interval` of a number."""
    gap = _total([scores.gap for scores in every])
    pairs = zip(every, others, strict=True)
    won = _total([_over_budgets(combine(sub, scores.score, other.score)) for scores, other in pairs])
    return ratio_interval(won, gap, deletions)


def summary_multipliers(every: Sequence[TableScores]) -> dict[int, tuple[float, Bound | None]]:
    """Budget -> compute multiplier of the tables that have it: their mean R inverted at their mean score."""
    by_budget = {}
    for budget in sorted({budget for scores in every for budget in scores.replay.budgets}):
        with_it = [scores for scores in every if budget in scores.replay.budgets]
        trials = min(scores.baseline.table.num_trials for scores in with_it)
        curves = [best_of_n_of_ranked(scores.baseline.ranked.mean)[:trials] for scores in with_it]
        scores_at = [float(scores.score.mean[scores.replay.budgets.index(budget)]) for scores in with_it]
        by_budget[budget] = compute_multiplier(math.fsum(scores_at) / len(with_it), np.mean(curves, axis=0), budget)
    return by_budget


def summary_multiplier(by_budget: Mapping[int, tuple[float, Bound | None]]) -> tuple[float, Bound | None]:
    """The geometric mean over the budgets, and its bound."""
    return geometric_mean(list(by_budget.values()))


def _over_budgets(sample: Sample) -> Sample:
    return combine(lambda values: values.mean(axis=1, keepdims=True), sample)


def _column(sample: Sample, at: int) -> Sample:
    return combine(lambda values: values[:, [at]], sample)


def _total(samples: Sequence[Sample]) -> Sample:
    """Sum over tables; a table of another model is whole when seeds of this one are deleted."""
    return reduce(lambda one, other: combine(add, one, other), samples)


def ratio_interval(
    won: Sample, to_win: Sample, deletions: Sequence[Deletion] | Mapping[int, Deletion], groups: int | None = None
) -> Interval:
    """Points won over points to win, of the same shape -> `Interval` of the gap closed; NaN where there is no gap."""
    around = ratio_jackknife(won.whole, to_win.whole, by_axis(won, deletions), by_axis(to_win, deletions), groups)
    estimate = gap_closed(won.mean, to_win.mean)
    half_width = around.high - around.estimate
    return Interval(estimate, around.standard_error, estimate - half_width, estimate + half_width)


def known(value: float) -> float | None:
    """A number for a result, where what is undefined is None and not NaN."""
    return None if math.isnan(value) else float(value)
