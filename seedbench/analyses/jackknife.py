"""The error of any statistic of trials from having drawn just these seeds: groups of them are left out in turn.

Trials of one row share their initialisation, so what is sampled are rows and columns. Scores of campaigns have finer
intervals (`seedbench.influences`); the statistics of the findings are any functions of trials, and have these.

Sources: Quenouille 1956 and Tukey 1958 for the jackknife; Kott 2001 (J. Official Statistics 17) for deleting groups;
Owen 2007 (Annals of Applied Statistics 1) for why resampling the cells of a two-way layout is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Rows (columns) are deleted in at most this many groups.
MAX_GROUPS = 8
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate [...], its standard error [...] and its 95% interval [...]; NaN where there is none."""

    estimate: Floats
    standard_error: Floats
    low: Floats
    high: Floats


def seed_groups(seeds: int) -> NDArray[np.intp]:
    """Number of seeds -> the group, 0 ... G-1, of each; dealt out in turn, G = min(8, seeds)."""
    return np.arange(seeds) % min(MAX_GROUPS, seeds)


def jackknife(estimate: Floats, deleted: Sequence[Floats]) -> Interval:
    """A statistic [...], and what it is without each group of an axis, [G, ...] for each axis -> `Interval` of [...].

    The variance is the sum over axes of (G-1)/G sum_g (T_-g - mean)², the interval T ± t(0.975, G-1) · error with G of
    the axis with the fewest groups. It counts what the cells add by themselves twice, and so errs upward.

    Args:
        estimate: of all trials.
        deleted: at least one axis, each of at least two groups.
    """
    from scipy.special import stdtrit  # scipy.stats has the same quantile, and takes half a second to import

    variance = sum((len(axis) - 1) / len(axis) * ((axis - axis.mean(axis=0)) ** 2).sum(axis=0) for axis in deleted)
    error = np.sqrt(variance)
    half_width = float(stdtrit(min(map(len, deleted)) - 1, (1 + LEVEL) / 2)) * error
    return Interval(estimate, error, estimate - half_width, estimate + half_width)
