"""Confidence intervals: a two-axis delete-group jackknife over the seeds, and the error of the replicates.

What is sampled in a trial table are its rows (weight-init seeds) and its columns (data-order seeds), not its trials:
trials of one row share their initialisation. So groups of rows, and then of columns, are deleted, everything is scored
again on what is left, and the spread of those scores is the error from having drawn just these seeds. Dev examples are
held fixed: the intervals speak of other seeds, not of other examples.

Choosing the best of many strategies on the data that are then to say how good it is makes it look better than it is.
Choosing on one half of the seeds and reporting on the other would cost half of them, and a budget of B needs 4B trials
in a pool; so `simultaneous` widens the intervals, by just so much that all of them hold together with 95%.

Sources: Quenouille 1956 and Tukey 1958 for the jackknife; Kott 2001 (J. Official Statistics 17) for deleting groups;
Owen 2007 (Annals of Applied Statistics 1) for why resampling the cells of a two-way layout is wrong;
Dunnett 1955 (JASA 50), and Hothorn, Bretz and Westfall 2008 (Biometrical Journal 50) for many comparisons at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Rows (columns) are deleted in at most this many groups.
MAX_GROUPS = 8
LEVEL = 0.95
DRAWS = 50_000  # from the joint distribution: two digits of the critical value


@dataclass(frozen=True)
class Interval:
    """An estimate [...], its standard error [...] and its 95% interval [...]; NaN where there is none."""

    estimate: Floats
    standard_error: Floats
    low: Floats
    high: Floats


def seed_groups(labels: Sequence[Sequence[int]]) -> dict[int, int]:
    """Seed labels of one axis in each table of a model -> the group, 0 ... G-1, of every label; G = min(8, labels).

    Labels are dealt out in turn, those that most tables hold first and by value among equals: the same labels are
    deleted together in all tables, and every table is spread over as many groups as it has labels for.
    """
    held_by = Counter(label for table in labels for label in set(table))
    groups = min(MAX_GROUPS, len(held_by))
    dealt = sorted(held_by, key=lambda label: (-held_by[label], label))
    return {label: place % groups for place, label in enumerate(dealt)}


def pair_means(values: Floats) -> Floats:
    """Values [R, ...] of replicates -> [R // 2, ...], the means of replicates 2k and 2k+1.

    The two replicates of a pair exchange the halves of the dev set, so they are not independent; pairs are. An odd last
    replicate is left out.
    """
    pairs = len(values) // 2
    return (values[0 : 2 * pairs : 2] + values[1 : 2 * pairs : 2]) / 2


def jackknife(pairs: Floats, deleted: Sequence[Floats], groups: int | None = None) -> Interval:
    """Values [P, ...] of pairs, and [G, P, ...] of each axis with group g deleted -> `Interval` of [...].

    With T the mean over pairs, T_-g the same after deletion of group g, and T̄ the mean of T_-g over the groups:
    V = sum over axes of (G-1)/G sum_g [(T_-g - T̄)² - s_g²/P], where s_g² is the variance over pairs of
    T_-g,r - T̄_r, the part of the spread that is replicate error only. The interval is
    T ± t(0.975, G-1) √(max(V, 0) + s²/P), s² being the variance of T_r over pairs, and G that of the axis with the
    fewest groups.

    What it does not guarantee: 95%. In simulated 8 × 8 tables with additive seeds (tests/test_intervals.py), those of
    best-of-n covered the truth in 94 to 97% for gap closed, 88 to 97% for the score; those of `start_many`, which
    starts all 64 trials at a budget of 16, in 88 to 96% and 86 to 94%, and of the summary's gap closed in 95%. They
    fall short most where the budget is a quarter of the pool and good rows are rare: the best of a few rows is too
    rough a statistic for deletions to show all that other rows could have done.

    Args:
        pairs: one value per pair of replicates, on the whole table.
        deleted: for each axis, one value per deleted group and pair, from the same halves, streams and order.
        groups: the G of t, where it is less than that of the axes: where some groups have no seed of what is scored.

    Returns:
        The mean over pairs; error and bounds are NaN with fewer than two pairs, without an axis, or where an axis has
        fewer than two groups: a single row says nothing about other rows.
    """
    estimate = pairs.mean(axis=0)
    fewest = min((len(axis) for axis in deleted), default=0)
    fewest = fewest if groups is None else min(fewest, groups)
    if len(pairs) < 2 or fewest < 2:
        none = np.full(estimate.shape, np.nan)
        return Interval(estimate, none, none, none)
    seeds = sum(_axis_variance(axis) for axis in deleted)
    replicates = pairs.var(axis=0, ddof=1) / len(pairs)
    error = np.sqrt(np.maximum(seeds, 0) + replicates)
    half_width = _t_quantile(fewest - 1) * error
    return Interval(estimate, error, estimate - half_width, estimate + half_width)


def ratio_jackknife(
    numerator: Floats,
    denominator: Floats,
    deleted_numerator: Sequence[Floats],
    deleted_denominator: Sequence[Floats],
    groups: int | None = None,
) -> Interval:
    """`jackknife` of mean(numerator) / mean(denominator), linearised around that ratio; arguments as there.

    NaN throughout where the mean denominator is not above 0.
    """
    over, under = numerator.mean(axis=0), denominator.mean(axis=0)
    under = np.where(under > 0, under, np.nan)
    ratio = over / under

    def residual(top: Floats, bottom: Floats) -> Floats:
        return (top - ratio * bottom) / under

    around = jackknife(
        residual(numerator, denominator),
        [residual(top, bottom) for top, bottom in zip(deleted_numerator, deleted_denominator, strict=True)],
        groups,
    )
    half_width = around.high - around.estimate
    return Interval(ratio, around.standard_error, ratio - half_width, ratio + half_width)


def simultaneous(pairs: Floats, deleted: Sequence[Floats], *, rng: np.random.Generator) -> tuple[Interval, float]:
    """Values [P, K] of pairs, and [G, P, K] of each axis with group g deleted -> `Interval` of [K], and its quantile.

    The estimates and standard errors are those of `jackknife`. The interval is T ± c · error, where c is the 0.95
    quantile of the largest |t| among K variables of a multivariate Student's t with the estimates' correlation and
    G - 1 degrees of freedom. An error of 0 (a difference that never differs) takes no part.

    What it does not guarantee: 95%, for the reasons given at `jackknife`.

    Args:
        pairs: one value per pair of replicates and quantity.
        deleted: as in `jackknife`.
        rng: for the draws from the joint distribution.

    Returns:
        The interval, NaN where `jackknife` has none, and c, NaN likewise.
    """
    around = jackknife(pairs, deleted)
    error = around.standard_error
    varies = np.flatnonzero(error > 0)
    if not varies.size:
        return around, float("nan")
    fewest = min(len(axis) for axis in deleted)
    covariance = _covariance(pairs[:, varies], [axis[..., varies] for axis in deleted])
    critical = largest_t(covariance / np.outer(error[varies], error[varies]), fewest - 1, rng)
    half_width = critical * error
    return Interval(around.estimate, error, around.estimate - half_width, around.estimate + half_width), critical


def _covariance(pairs: Floats, deleted: Sequence[Floats]) -> Floats:
    """[K, K]: what `jackknife` estimates for one quantity, for all pairs of them."""
    total = np.cov(pairs, rowvar=False, ddof=1).reshape(pairs.shape[1], -1) / len(pairs)
    for axis in deleted:
        groups, replicates = axis.shape[:2]
        deviations = axis - axis.mean(axis=0)  # [G, P, K]
        centred = deviations - deviations.mean(axis=1, keepdims=True)
        of_seeds = np.einsum("gk,gl->kl", deviations.mean(axis=1), deviations.mean(axis=1))
        of_replicates = np.einsum("gpk,gpl->kl", centred, centred) / (replicates - 1) / replicates
        total += (groups - 1) / groups * (of_seeds - of_replicates)
    return total


def largest_t(correlation: Floats, degrees_of_freedom: int, rng: np.random.Generator) -> float:
    """[K, K] -> the `LEVEL` quantile of max |t| over K variables of a multivariate Student's t, by simulation.

    A correlation that is not positive semidefinite, as an estimated one may be, loses its negative eigenvalues.
    """
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0))
    root /= np.maximum(np.sqrt((root**2).sum(axis=1, keepdims=True)), 1e-12)
    largest = np.abs(rng.standard_normal((DRAWS, len(root))) @ root.T).max(axis=1)
    return float(np.quantile(largest / np.sqrt(rng.chisquare(degrees_of_freedom, DRAWS) / degrees_of_freedom), LEVEL))


def _axis_variance(deleted: Floats) -> Floats:
    """Values [G, P, ...] -> [...], what one axis adds to the variance, less the replicates' share; may be negative."""
    groups, pairs = deleted.shape[:2]
    deviations = deleted - deleted.mean(axis=0)
    spread = deviations.mean(axis=1) ** 2 - deviations.var(axis=1, ddof=1) / pairs
    return (groups - 1) / groups * spread.sum(axis=0)


def _t_quantile(degrees_of_freedom: int) -> float:
    from scipy.special import stdtrit  # scipy.stats has the same quantile, and takes half a second to import

    return float(stdtrit(degrees_of_freedom, (1 + LEVEL) / 2))
