"""What the replicates of a table say about each seed: presence scores, and their moments, all that intervals need.

A campaign that never saw a row is a campaign on the table without that row. Labels being permuted, the seeds that a
replicate has not seen are exchangeable, so P(what happened | row i absent) / P(what happened) is R / (R - k) where row
i was not among the k rows seen, and 0 where it was. With a = 1 - [not seen] R / (R - k), the mean of S a is therefore
T - T(table without row i), without bias, for any rule. Where all rows of a pool are seen this is the infinitesimal
jackknife of a subsampled statistic (Wager, Hastie and Efron 2014, JMLR 15; Wager and Athey 2018, JASA 113); to
condition on what was seen takes out the noise of rows that were present and never looked at (Blackwell 1947). To count
too many rows as seen is valid, too few is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seedbench.influences.grid import Floats, Ints

_BLOCK = 2**22  # numbers held at a time


@dataclass(frozen=True, eq=False)
class Seen:
    """Which seeds of one axis each replicate has seen; make one with `seen` or `seen_pairs`.

    Attributes:
        replicates: P.
        seeds: of the axis, seen or not.
        replicate: int [pairs], of every pair of a replicate and a seed it has seen, each once and by seed.
        seed: int [pairs], ascending.
    """

    replicates: int
    seeds: int
    replicate: Ints
    seed: Ints

    def scores(self, start: int = 0, stop: int | None = None) -> Floats:
        """a [P, stop - start] of a range of seeds; zeros for an axis of one."""
        stop = self.seeds if stop is None else stop
        if self.seeds == 1:
            return np.zeros((self.replicates, stop - start))
        factor = self.seeds / (self.seeds - np.bincount(self.replicate, minlength=self.replicates))
        found = np.repeat((1 - factor)[:, None], stop - start, axis=1)
        inside = slice(*np.searchsorted(self.seed, [start, stop]))
        found[self.replicate[inside], self.seed[inside] - start] = 1.0
        return found


def seen(mask: ArrayLike) -> Seen:
    """bool [P, seeds] -> `Seen`."""
    mask = np.asarray(mask, dtype=bool)
    seed, replicate = np.nonzero(mask.T)
    return _checked(Seen(len(mask), mask.shape[1], replicate, seed))


def seen_pairs(replicate: ArrayLike, seed: ArrayLike, *, replicates: int, seeds: int) -> Seen:
    """Pairs [n], [n] of a replicate and a seed that it has seen, in any order and as often as it may be -> `Seen`.

    For axes of very many seeds, of which a campaign sees few.
    """
    keys = np.unique(np.asarray(seed, dtype=np.int64) * replicates + np.asarray(replicate, dtype=np.int64))
    return _checked(Seen(replicates, seeds, keys % replicates, keys // replicates))


def _checked(found: Seen) -> Seen:
    most = np.bincount(found.replicate, minlength=1).max(initial=0)
    if found.seeds > 1 and most >= found.seeds:
        raise ValueError(f"a replicate sees some of the seeds of its table, at most {found.seeds - 1}; found {most}")
    return found


@dataclass(frozen=True, eq=False)
class Campaigns:
    """One rule at one budget: what each replicate kept, and which seeds it saw.

    Attributes:
        score: [P], the test score of what was kept.
        rows: those of every trial that was started or asked for, missing ones too.
        columns: likewise.
    """

    score: Floats
    rows: Seen
    columns: Seen


@dataclass(frozen=True, eq=False)
class Moments:
    """Of K different campaigns on P replicates: means and covariances of scores S and of X_pi = (S_p - mean S) a_pi.

    Attributes:
        replicates: P.
        place: int [campaigns], in which of the K each of those given is: campaigns that are the same in everything are
            one, so that their difference is exactly nothing.
        mean: [K].
        covariance: [K, K], of the scores, divided by P.
        influence: for rows and columns, [K, seeds]: the mean of X, which estimates T - T(table without seed i).
        products: for rows and columns, [K, K]: the sum over seeds of the covariance of X_i, divided by P.
    """

    replicates: int
    place: Ints
    mean: Floats
    covariance: Floats
    influence: tuple[Floats, Floats]
    products: tuple[Floats, Floats]


def moments(campaigns: Sequence[Campaigns]) -> Moments:
    """Campaigns of one table, on the same P replicates -> `Moments`; memory grows with K seeds, not with P seeds."""
    different: list[Campaigns] = []
    numbers: dict[tuple[bytes, ...], int] = {}
    place = np.empty(len(campaigns), dtype=np.intp)
    for index, one in enumerate(campaigns):
        axes = (one.rows.replicate, one.rows.seed, one.columns.replicate, one.columns.seed)
        key = tuple(np.ascontiguousarray(array).tobytes() for array in (one.score, *axes))
        if key not in numbers:
            numbers[key] = len(different)
            different.append(one)
        place[index] = numbers[key]
    score = np.array([one.score for one in different], dtype=np.float64)
    mean = score.mean(axis=1)
    centred = score - mean[:, None]
    (row_influence, row_products), (column_influence, column_products) = (
        _along(centred, [getattr(one, axis) for one in different]) for axis in ("rows", "columns")
    )
    return Moments(
        replicates=score.shape[1],
        place=place,
        mean=mean,
        covariance=centred @ centred.T / score.shape[1],
        influence=(row_influence, column_influence),
        products=(row_products, column_products),
    )


def _along(centred: Floats, axes: Sequence[Seen]) -> tuple[Floats, Floats]:
    """Centred scores [K, P], what each has seen -> influences [K, seeds], products [K, K]; by blocks of seeds."""
    (number, replicates), seeds = centred.shape, axes[0].seeds
    influence, products = np.zeros((number, seeds)), np.zeros((number, number))
    if seeds == 1:
        return influence, products
    step = max(1, _BLOCK // (number * replicates))
    for start in range(0, seeds, step):
        stop = min(start + step, seeds)
        terms = np.stack([axis.scores(start, stop) for axis in axes])
        terms *= centred[..., None]
        means = terms.mean(axis=1)
        influence[:, start:stop] = means
        flat = terms.reshape(number, -1)
        products += flat @ flat.T / replicates - means @ means.T
    return influence, products
