"""Intervals: of one table's quantity, of sums over tables that may share seeds, and of the gap closed."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from seedbench.influences.grid import Floats, NoInterval
from seedbench.influences.quantities import Part, TableSample, quantity, unseen
from seedbench.metrics import ROUNDING

LEVEL = 0.95
POWER = 0.80
_AXES = ("row", "column")


@dataclass(frozen=True)
class SeedNames:
    """What a table's seeds are called, so that tables which share some are known to.

    Attributes:
        rows: [rows], one name each; tables with the same name among theirs share that seed.
        columns: [columns].
    """

    rows: Sequence[Hashable]
    columns: Sequence[Hashable]


@dataclass(frozen=True, eq=False)
class Total:
    """A weighted sum of tables' quantities, or one of them.

    Attributes:
        estimate: T.
        seeds: names of the seeds, rows and columns of all its tables.
        influence: [seeds], psi_i, scaled as in `Part`.
        variance: V, of the finite seeds.
        replicate_variance: of the mean over the replicates.
        degrees_of_freedom: of t.
        parts: the tables' own.
        weights: of them.
        no_interval: why there is none, where one of its tables has none.
    """

    estimate: float
    seeds: tuple[Hashable, ...]
    influence: Floats
    variance: float
    replicate_variance: float
    degrees_of_freedom: float
    parts: tuple[Part, ...]
    weights: tuple[float, ...]
    no_interval: NoInterval | None

    @property
    def standard_error(self) -> float:
        """The root of V + s^2 / P."""
        return math.sqrt(self.variance + self.replicate_variance)


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95% interval; all but the estimate are None where `no_interval` says why.

    Attributes:
        estimate: T.
        standard_error: of it, over other seeds and other replicates.
        low: T less t times the standard error.
        high: T plus the same.
        degrees_of_freedom: of t.
        detectable: the true difference that an interval like this one tells from 0 four times in five.
        no_interval: why there is none.
    """

    estimate: float
    standard_error: float | None
    low: float | None
    high: float | None
    degrees_of_freedom: float | None
    detectable: float | None
    no_interval: NoInterval | None


def interval(total: Total) -> Interval:
    """T ± t(.975) · se, and (t(.975) + t(.80)) · se."""
    if total.no_interval is not None:
        return Interval(total.estimate, None, None, None, None, None, total.no_interval)
    error, freedom = total.standard_error, total.degrees_of_freedom
    outer = t_quantile((1 + LEVEL) / 2, freedom)
    half_width = outer * error
    return Interval(
        estimate=total.estimate,
        standard_error=error,
        low=total.estimate - half_width,
        high=total.estimate + half_width,
        degrees_of_freedom=freedom,
        detectable=(outer + t_quantile(POWER, freedom)) * error,
        no_interval=None,
    )


def t_quantile(probability: float, degrees_of_freedom: float) -> float:
    """The quantile of Student's t."""
    from scipy.special import stdtrit  # scipy.stats has the same quantile, and takes half a second to import

    return float(stdtrit(degrees_of_freedom, probability))


def total(parts: Sequence[Part], weights: ArrayLike = 1.0, names: Sequence[SeedNames] | None = None) -> Total:
    """The weighted sum of quantities of different tables.

    Influences of a seed that several tables share are added before they are squared, so that what is good about it in
    all of them counts as the one draw that it is. The maximum over rows, columns, both and `unseen` is taken once, of
    the sums: it errs upward, and tables' own maxima would add their errors. Influences are noisy, and those of a seed
    that tables share may cancel by chance: a sum with positive weights is not taken to be surer than if they shared
    none.

    Args:
        parts: one a table; of one table alone, the interval is that table's.
        weights: [tables], or one for all.
        names: of each table's seeds; left out, no seed is shared.
    """
    weight = np.broadcast_to(np.asarray(weights, dtype=np.float64), (len(parts),))
    own = [_own_names(number, part) for number, part in enumerate(parts)]
    influence = _shared_influences(parts, weight, names or own)
    freedom = _degrees_of_freedom(parts, weight, names or own)
    variance = _variance(parts, weight, influence, freedom)
    if names and (weight > 0).all():
        variance = max(variance, _variance(parts, weight, _shared_influences(parts, weight, own), freedom))
    return Total(
        estimate=math.fsum(w * part.estimate for w, part in zip(weight, parts, strict=True)),
        seeds=tuple(influence),
        influence=np.array(list(influence.values())),
        variance=variance,
        replicate_variance=math.fsum(w**2 * part.replicate_variance for w, part in zip(weight, parts, strict=True)),
        degrees_of_freedom=freedom,
        parts=tuple(parts),
        weights=tuple(weight.tolist()),
        no_interval=next((why for part in parts if (why := part.sample.baseline.grid.no_interval)), None),
    )


def _variance(
    parts: Sequence[Part], weight: Floats, influence: dict[tuple[str, Hashable], float], degrees_of_freedom: float
) -> float:
    """Of a sum with these influences: the maximum over rows, columns, both less what both count, and `unseen`."""
    axes: list[float] = []
    noise = [sum(w**2 * part.noise[axis] for w, part in zip(weight, parts, strict=True)) for axis in range(len(_AXES))]
    for label, of_axis in zip(_AXES, noise, strict=True):
        psi = np.array([value for (its, _), value in influence.items() if its == label])
        axes.append(float(psi @ psi) - of_axis)
    twice = sum(w**2 * part.share * sum(part.variances) for w, part in zip(weight, parts, strict=True))
    return max(*axes, float(sum(axes) - twice), unseen(noise, degrees_of_freedom))


def _own_names(number: int, part: Part) -> SeedNames:
    rows, columns = (psi.size for psi in part.influence)
    return SeedNames([(number, i) for i in range(rows)], [(number, i) for i in range(columns)])


def _shared_influences(
    parts: Sequence[Part], weight: Floats, names: Sequence[SeedNames]
) -> dict[tuple[str, Hashable], float]:
    """(axis, name of a seed) -> the weighted sum of its influences."""
    found: dict[tuple[str, Hashable], float] = {}
    for w, part, its in zip(weight.tolist(), parts, names, strict=True):
        for axis, labels, psi in zip(_AXES, (its.rows, its.columns), part.influence, strict=True):
            if len(labels) != psi.size:
                raise ValueError(f"a table of {psi.size} {axis}s has {len(labels)} names for them")
            for label, value in zip(labels, (w * psi).tolist(), strict=True):
                found[axis, label] = found.get((axis, label), 0.0) + value
    return found


def _degrees_of_freedom(parts: Sequence[Part], weight: Floats, names: Sequence[SeedNames]) -> float:
    """Satterthwaite 1946 (Biometrics Bulletin 2) over the groups of tables that share seeds.

    A group's variance is told by its seeds, however many tables have them: its degrees of freedom are those of the
    table with the fewest.
    """
    if len(parts) == 1:
        return parts[0].degrees_of_freedom
    groups: list[tuple[set[Hashable], list[int]]] = []
    for number, its in enumerate(names):
        own: set[Hashable] = {("row", name) for name in its.rows} | {("column", name) for name in its.columns}
        members = [number]
        for group in [group for group in groups if group[0] & own]:
            groups.remove(group)
            own, members = own | group[0], [*group[1], *members]
        groups.append((own, members))
    each, freedoms = [], []
    for _, members in groups:
        some = [parts[number] for number in members]
        if len(members) == 1:
            seeds = float(weight[members[0]] ** 2 * some[0].variance)
        else:
            influence = _shared_influences(some, weight[members], [names[number] for number in members])
            seeds = math.fsum(value**2 for value in influence.values())
        each.append(seeds + sum(weight[number] ** 2 * parts[number].replicate_variance for number in members))
        freedoms.append(min(part.degrees_of_freedom for part in some))
    # Only the ratios count, so that a sum of nothing has the degrees of freedom of its groups together.
    shares = np.array(each) / sum(each) if sum(each) > 0 else np.full(len(each), 1 / len(each))
    return float(1 / (shares**2 / np.array(freedoms)).sum())


def gap_closed(
    samples: Sequence[TableSample],
    coefficients: Sequence[ArrayLike],
    names: Sequence[SeedNames] | None = None,
    *,
    over_best_of_n: bool = False,
) -> Total | None:
    """Points won over points to win, summed over tables, by the delta method.

    What is won on a table is the sum of c_sB T_sB less the sum of c_sB times its floor: with coefficients that sum to 1
    a score above the floor, with ones that sum to 0 a difference. The ratio g has the influences of
    (won - g · to win) / to win.

    In these, the ceiling is R(64), or R(m). With the n of the largest R instead, a score near the ceiling would be
    compared with itself, though another table's largest R is at another n: simulated, that covers too little.

    Args:
        samples: tables with signal.
        coefficients: [rules, budgets] of each.
        names: of each table's seeds; left out, no seed is shared.
        over_best_of_n: what is won is that above R(B) in place of the floor: the difference to best-of-n.

    Returns:
        None where there is nothing to win.
    """
    pairs = list(zip(samples, coefficients, strict=True))
    points = math.fsum(sample.baseline.ceiling - sample.baseline.floor for sample in samples)
    if points <= ROUNDING:
        return None
    compared = [_compared_with(sample, c, over_best_of_n) for sample, c in pairs]
    won = [quantity(sample, c, less).estimate for (sample, c), less in zip(pairs, compared, strict=True)]
    ratio = math.fsum(won) / points
    parts = [
        quantity(sample, c, _less_to_win(sample, less, ratio))
        for (sample, c), less in zip(pairs, compared, strict=True)
    ]
    return replace(total(parts, 1 / points, names), estimate=ratio)


def _compared_with(sample: TableSample, coefficients: ArrayLike, over_best_of_n: bool) -> dict[int, float]:
    """What R(n) weighs in the points won: minus the coefficients, on the floor or on each budget."""
    if not over_best_of_n:
        return {1: -float(np.sum(coefficients))}
    of_budgets = np.sum(np.asarray(coefficients, dtype=np.float64), axis=0)
    return dict(zip(sample.budgets, (-of_budgets).tolist(), strict=True))


def _less_to_win(sample: TableSample, won: dict[int, float], ratio: float) -> dict[int, float]:
    """What R(n) weighs in won - ratio · to win."""
    found = {1: 0.0} | won
    found[1] += ratio
    ceiling = sample.baseline.largest_ceiling_trials
    found[ceiling] = found.get(ceiling, 0.0) - ratio
    return found
