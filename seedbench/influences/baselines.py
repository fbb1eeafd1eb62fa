"""A table's baseline, from its data alone: best-of-n on sub-grids, what each seed adds to it, floor and ceiling."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from seedbench.influences.grid import Floats, SubGrids, TrialGrid, pool_size, subgrid_size
from seedbench.influences.ranked import (
    best_of_n_curve,
    jackknife_variance,
    without_each_seed,
    without_each_trial,
)
from seedbench.metrics import CEILING_TRIALS, Bound, by_rank, full_trials_needed, share_ties

_CHUNK = 2**17  # cells of sub-grids that are looked at together: few enough for a processor's cache


@dataclass(frozen=True, eq=False)
class Baseline:
    """Best-of-n of one table.

    Attributes:
        grid: the table's trials.
        curve: R [m], the mean over sub-grids of best-of-n, n = 1 ... m.
        sizes: the n whose influences are known, ascending: 1, the ceiling's, the largest that it may have, and the
            budgets that are in `curve`.
        rows: [sizes, rows], phi: what R(n) is above what it would be without a row.
        columns: [sizes, columns].
        shares: [sizes], rho: the share of V_row + V_col that is the cells' own variance, counted twice.
        oracle: the best test score in a sub-grid, in the mean over sub-grids.
    """

    grid: TrialGrid
    curve: Floats
    sizes: tuple[int, ...]
    rows: Floats
    columns: Floats
    shares: Floats
    oracle: float

    @property
    def floor(self) -> float:
        """R(1), one full trial."""
        return float(self.curve[0])

    @property
    def ceiling_trials(self) -> int:
        """The n of the ceiling, at most 64: choosing by a small dev set can lose in the end."""
        return ceiling_trials(self.curve)

    @property
    def largest_ceiling_trials(self) -> int:
        """The largest n that the ceiling may have: 64, or m."""
        return min(CEILING_TRIALS, self.curve.size)

    @property
    def ceiling(self) -> float:
        """The largest R(n), n at most 64."""
        return float(self.curve[self.ceiling_trials - 1])


def ceiling_trials(curve: Floats) -> int:
    """R [m] -> the n, at most 64, of its maximum; the smallest, where several have it."""
    return int(np.argmax(curve[:CEILING_TRIALS])) + 1


def baseline(grid: TrialGrid, budgets: Iterable[int], subgrids: SubGrids) -> Baseline:
    """Best-of-n on every sub-grid, all its cells used, and its mean over them.

    Where one seed a run varies, the mean over all samples of r of R trials is best-of-n on the whole table, and phi_i
    its difference to best-of-n without trial i: both are given exactly, and `subgrids` is not looked at. Elsewhere
    phi_i = mean over q of (R_q - R) a_qi (the covariance of Wager, Hastie and Efron 2014, JMLR 15).

    Args:
        grid: the table's trials.
        budgets: those of the campaigns; the ones above m are left out.
        subgrids: of `draw_subgrids`.

    Raises:
        ValueError: there is a sub-grid without a trial.
    """
    curve, of_rows, of_columns, oracle = _one_seed(grid) if grid.one_seed else _on_subgrids(grid, subgrids)
    wanted = {
        1,
        ceiling_trials(curve),
        min(CEILING_TRIALS, curve.size),
        *(budget for budget in budgets if budget <= curve.size),
    }
    sizes = tuple(sorted(wanted))
    places = np.array(sizes) - 1
    if grid.one_seed:
        rows, columns = _one_seed_influences(grid, sizes)
    else:
        rows, columns = of_rows[places], of_columns[places]
    shares = np.array([cells_share(grid, n) for n in sizes])
    shares = np.minimum(np.minimum(shares, shares[0]), 0.5)
    oracle = max(oracle, float(curve.max()))  # no R(n) is above it, but for the rounding of either
    return Baseline(grid, curve, sizes, rows, columns, shares, oracle)


def _on_subgrids(grid: TrialGrid, subgrids: SubGrids) -> tuple[Floats, Floats, Floats, float]:
    """-> R [m], phi [m, rows], phi [m, columns], oracle."""
    pool = pool_size(grid, subgrids)
    if pool < 1:
        raise ValueError("a sub-grid has no trial: too many cells of the table are missing")
    order, validation, test = by_rank(grid.validation, grid.test)
    row, column, tied = grid.row[order], grid.column[order], bool((validation[1:] == validation[:-1]).any())
    # Centred, so that little is lost where sums of products are subtracted from each other.
    centre = test.mean()
    total, of_rows, of_columns = np.zeros(pool), np.zeros((pool, grid.rows)), np.zeros((pool, grid.columns))
    best, number, step = 0.0, len(subgrids.rows), max(1, _CHUNK // order.size)
    for start in range(0, number, step):
        rows, columns = subgrids.rows[start : start + step], subgrids.columns[start : start + step]
        inside = rows[:, row] & columns[:, column]  # cells from worst to best, so that a sub-grid's are in order too
        sizes = np.count_nonzero(inside, axis=1)
        for size in np.unique(sizes):
            of_size = np.flatnonzero(sizes == size)
            # `np.nonzero`, which takes five times as long, would name the sub-grids, too.
            cells = np.flatnonzero(inside[of_size]).reshape(-1, size)
            cells -= np.arange(0, of_size.size * order.size, order.size)[:, None]
            ranked = test[cells] - centre
            best += ranked.max(axis=1).sum()
            values = best_of_n_curve(share_ties(validation[cells], ranked) if tied else ranked, pool)
            total += values.sum(axis=0)
            of_rows += values.T @ rows[of_size]
            of_columns += values.T @ columns[of_size]
    mean = total / number
    found = []
    for products, present in ((of_rows, subgrids.rows), (of_columns, subgrids.columns)):
        seeds = present.shape[1]
        factor = seeds / (seeds - subgrid_size(seeds))  # a_qi = 1 - factor + factor [in q]
        found.append(factor * (products / number - mean[:, None] * present.mean(axis=0)))
    return mean + centre, found[0], found[1], float(best / number + centre)


def _one_seed(grid: TrialGrid) -> tuple[Floats, Floats, Floats, float]:
    """-> R [m], two arrays of nothing, oracle: r trials drawn from all."""
    pool = subgrid_size(grid.row.size)
    _, validation, test = by_rank(grid.validation, grid.test)
    curve = best_of_n_curve(share_ties(validation, test), pool)
    nothing = np.empty((0, 0))
    best = best_of_n_curve(np.sort(test), pool)[-1]
    return curve, nothing, nothing, float(best)


def _one_seed_influences(grid: TrialGrid, sizes: tuple[int, ...]) -> tuple[Floats, Floats]:
    """-> phi [sizes, rows], [sizes, columns]; 0 along the axis that does not vary."""
    order, validation, test = by_rank(grid.validation, grid.test)
    found = np.zeros((len(sizes), order.size))
    for place, n in enumerate(sizes):
        if order.size > 1:
            without = without_each_trial(validation, test, n)
            # The mean over the trials left out is R(n) itself.
            found[place, grid.seed_of_one[order]] = without.mean() - without
    other = np.zeros((len(sizes), 1))
    return (other, found) if grid.rows == 1 else (found, other)


def cells_share(grid: TrialGrid, n: int) -> float:
    """rho_n: V_cell / (V_row + V_col) of best-of-n on the whole table, by exact jackknives over each.

    Rows and columns both hold the cells' own variance, so their sum counts it twice (Owen 2007, Annals of Applied
    Statistics 1; Cameron, Gelbach and Miller 2011, JBES 29). 0 where one seed a run varies; 0 also where nothing does.
    """
    if grid.one_seed:
        return 0.0
    order, validation, test = by_rank(grid.validation, grid.test)
    of_rows = without_each_seed(validation, test, grid.row[order], grid.rows, n)
    of_columns = without_each_seed(validation, test, grid.column[order], grid.columns, n)
    both = jackknife_variance(of_rows) + jackknife_variance(of_columns)
    return jackknife_variance(without_each_trial(validation, test, n)) / both if both > 0 else 0.0


@dataclass(frozen=True)
class Multiplier:
    """Full trials that best-of-n needs per trial of budget, and the same at the ends of an interval.

    Attributes:
        estimate: with `bound` "<": at most this; ">": at least.
        bound: None where best-of-n reaches the score and its floor is not above it.
        low: likewise at the lower end; None without an interval.
        low_bound: of it.
        high: likewise at the upper end.
        high_bound: of it.
    """

    estimate: float
    bound: Bound | None
    low: float | None = None
    low_bound: Bound | None = None
    high: float | None = None
    high_bound: Bound | None = None


def multiplier(curve: Floats, budget: int, score: float, difference: tuple[float, float] | None = None) -> Multiplier:
    """R [m], a budget, a score, and the ends of the interval of score - R(B) -> `Multiplier`.

    The ends are R* inverted at R(B) plus the ends of that difference: what the table's luck adds to both is no part
    of it.
    """
    needed, bound = full_trials_needed(score, curve)
    if difference is None:
        return Multiplier(needed / budget, bound)
    (low, low_bound), (high, high_bound) = (full_trials_needed(curve[budget - 1] + end, curve) for end in difference)
    return Multiplier(needed / budget, bound, low / budget, low_bound, high / budget, high_bound)


def summary_multiplier(
    curves: Sequence[Floats],
    scores: Sequence[float],
    budget: int,
    difference: tuple[float, float] | None = None,
) -> Multiplier:
    """R [m] and a score of each table, a budget -> mean R, n up to the smallest m, inverted at the mean score.

    With the ends of the interval of the mean difference to R(B), as in `multiplier`, it has an interval too.
    """
    smallest = min(curve.size for curve in curves)
    mean = np.mean([curve[:smallest] for curve in curves], axis=0)
    return multiplier(mean, budget, math.fsum(scores) / len(scores), difference)
