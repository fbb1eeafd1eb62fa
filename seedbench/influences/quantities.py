"""Quantities of one table that are linear in its scores: their estimate, and every seed's influence on it.

Means over budgets and differences of rules are sums c_k S_k over a table's campaigns, and what is linear has linear
influences: psi_i = mean_p sum_k c_k (S_kp - mean) a_kpi. Best-of-n on the same order is the control variate: its true
mean R and its true influences phi_i are known, and replace the estimated ones with the weight beta that leaves least
noise. A quantity may hold exact terms e_n R(n) as well, whose influences are e_n phi_i.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seedbench.influences.baselines import Baseline
from seedbench.influences.campaigns import Campaigns, Moments, moments
from seedbench.influences.grid import Floats, Ints
from seedbench.metrics import ROUNDING

_MOST_SEEDS = 12  # that count towards the degrees of freedom


@dataclass(frozen=True, eq=False)
class TableSample:
    """A table's campaigns, reduced to moments.

    Attributes:
        baseline: best-of-n of the table.
        budgets: ascending.
        moments: of all campaigns, best-of-n's included.
        control: int [budgets], which of the campaigns is best-of-n on the same orders.
        rules: int [rules, budgets], which of them is whose.
    """

    baseline: Baseline
    budgets: tuple[int, ...]
    moments: Moments
    control: Ints
    rules: Ints


def table_sample(
    baseline: Baseline,
    budgets: Sequence[int],
    control: Sequence[Campaigns],
    rules: Sequence[Sequence[Campaigns]],
) -> TableSample:
    """Reduces campaigns on the same P replicates.

    Args:
        baseline: of the table, its `sizes` with the budgets among them.
        budgets: ascending.
        control: [budgets], best-of-B on each replicate's order: it has seen the first B cells.
        rules: [rules][budgets].
    """
    found = moments([*control, *(one for rule in rules for one in rule)])
    place = found.place.reshape(1 + len(rules), len(budgets))
    return TableSample(baseline, tuple(budgets), found, place[0], place[1:])


def only_best_of_n(baseline: Baseline) -> TableSample:
    """A table without campaigns, of which nothing is asked but best-of-n."""
    nothing, no_rule = np.zeros((0, 0)), np.zeros((0, 0), dtype=np.intp)
    influence = np.zeros((0, baseline.rows.shape[1])), np.zeros((0, baseline.columns.shape[1]))
    none = Moments(0, no_rule.ravel(), np.zeros(0), nothing, influence, (nothing, nothing))
    return TableSample(baseline, (), none, no_rule.ravel(), no_rule)


@dataclass(frozen=True, eq=False)
class Part:
    """A linear quantity of one table; `seedbench.influences.totals` makes intervals of one or of several.

    Attributes:
        estimate: T.
        influence: for rows and columns, [seeds]: psi_i, times the root of (seeds - 1) / seeds.
        noise: for rows and columns, what the replicates' noise adds to the sum of `influence` squared.
        residual: [K], weights of the table's campaigns after control; what is left of replicates' noise is theirs.
        replicate_variance: s^2 / P.
        share: rho, of V_row + V_col that is the cells' own variance counted twice.
        sample: whose it is.
    """

    estimate: float
    influence: tuple[Floats, Floats]
    noise: tuple[float, float]
    residual: Floats
    replicate_variance: float
    share: float
    sample: TableSample

    @property
    def variances(self) -> tuple[float, float]:
        """V_row and V_col, the replicates' noise taken off: either may be below 0."""
        rows, columns = (float(psi @ psi) - noise for psi, noise in zip(self.influence, self.noise, strict=True))
        return rows, columns

    @property
    def variance_of_sum(self) -> float:
        """(1 - rho) (V_row + V_col)."""
        return (1 - self.share) * sum(self.variances)

    @property
    def variance(self) -> float:
        """V: no less than either axis alone, and no less than `unseen`."""
        return max(*self.variances, self.variance_of_sum, unseen(self.noise, self.degrees_of_freedom))

    @property
    def degrees_of_freedom(self) -> int:
        """The seeds of the shorter axis that varies, at most 12, less one."""
        return min(*(psi.size for psi in self.influence if psi.size > 1), _MOST_SEEDS, _MOST_SEEDS) - 1


def unseen(noise: Iterable[float], degrees_of_freedom: float) -> float:
    """The variance of seeds that replicates' noise hides: a standard error of that noise, of the axis with more of it.

    A sum of squares of so many degrees of freedom has a relative variance of two over them. Less the noise's mean it
    is as often too small as too large, and with few replicates near 0 by chance: nothing says that seeds matter less
    than this.
    """
    return math.sqrt(2 / degrees_of_freedom) * max(noise)


def quantity(sample: TableSample, coefficients: ArrayLike, exact: Mapping[int, float] | None = None) -> Part:
    """Sum over rules s and budgets B of c_sB T_sB, plus the sum over n of e_n R(n).

    Args:
        sample: a table's campaigns.
        coefficients: c [rules, budgets].
        exact: n -> e_n; n among the baseline's `sizes`.
    """
    base, found, coefficients = sample.baseline, sample.moments, np.asarray(coefficients, dtype=np.float64)
    number = found.mean.size
    of_rules = np.bincount(sample.rules.ravel(), coefficients.ravel(), number).astype(np.float64)
    # A budget weighs in the control as much as in the rules: a difference at one budget has that budget's alone.
    by_budget = np.abs(coefficients).sum(axis=0)
    of_control = np.bincount(sample.control, by_budget, number).astype(np.float64)
    known = np.zeros(len(base.sizes))
    known[[base.sizes.index(budget) for budget in sample.budgets]] = by_budget

    beta = _control_weight(found.covariance, of_rules, of_control)
    residual = of_rules - beta * of_control
    exact_weights = _exact_weights(base, exact)
    curve = base.curve[np.array(base.sizes) - 1]
    freedom = found.replicates - 2

    influence, noise = [], []
    for psi, products, phi in zip(found.influence, found.products, (base.rows, base.columns), strict=True):
        share = (psi.shape[1] - 1) / psi.shape[1]
        of_axis = _control_weight(products, of_rules, of_control)
        of_seeds = of_rules - of_axis * of_control
        influence.append(np.sqrt(share) * (of_seeds @ psi + (of_axis * known + exact_weights) @ phi))
        noise.append(share * max(float(of_seeds @ products @ of_seeds), 0.0) / freedom)
    used = (known != 0) | (exact_weights != 0)
    return Part(
        estimate=float(residual @ found.mean + (beta * known + exact_weights) @ curve),
        influence=(influence[0], influence[1]),
        noise=(noise[0], noise[1]),
        residual=residual,
        replicate_variance=max(float(residual @ found.covariance @ residual), 0.0) / freedom,
        share=float(base.shares[used].min(initial=base.shares[0])),
        sample=sample,
    )


def _exact_weights(base: Baseline, exact: Mapping[int, float] | None) -> Floats:
    """n -> e_n, as [sizes]."""
    found = np.zeros(len(base.sizes))
    for n, weight in (exact or {}).items():
        found[base.sizes.index(n)] += weight
    return found


def _control_weight(covariance: Floats, of_rules: Floats, of_control: Floats) -> float:
    """beta: the covariance of rules and control over the control's variance; 0 where that does not vary."""
    variance = float(of_control @ covariance @ of_control)
    return float(of_rules @ covariance @ of_control) / variance if variance > ROUNDING**2 else 0.0


# --- the quantities of a board ----------------------------------------------------------------------------------------


def unit(sample: TableSample, rule: int, budget: int | None = None) -> Floats:
    """c [rules, budgets] of one rule at a budget, or in the mean over the table's budgets."""
    found = np.zeros(sample.rules.shape)
    if budget is None:
        found[rule] = 1 / len(sample.budgets)
    else:
        found[rule, sample.budgets.index(budget)] = 1
    return found


def score(sample: TableSample, rule: int, budget: int | None = None) -> Part:
    """T of a rule at a budget, or in the mean over the table's budgets."""
    return quantity(sample, unit(sample, rule, budget))


def over_best_of_n(sample: TableSample, rule: int, budget: int | None = None) -> Part:
    """T - R(B), likewise; 0 ± 0 for best-of-n itself."""
    budgets = sample.budgets if budget is None else (budget,)
    return quantity(sample, unit(sample, rule, budget), dict.fromkeys(budgets, -1 / len(budgets)))


def difference(sample: TableSample, rule: int, other: int, budget: int | None = None) -> Part:
    """T of one rule less T of another, likewise: above 0 where the first is better."""
    return quantity(sample, unit(sample, rule, budget) - unit(sample, other, budget))


def best_of_n(sample: TableSample, n: int) -> Part:
    """R(n)."""
    return quantity(sample, np.zeros(sample.rules.shape), {n: 1.0})


def to_win(sample: TableSample) -> Part:
    """Ceiling - floor, the ceiling's n held fixed."""
    ceiling = sample.baseline.ceiling_trials
    exact = {1: -1.0, ceiling: 1.0} if ceiling > 1 else {}
    return quantity(sample, np.zeros(sample.rules.shape), exact)


def has_signal(sample: TableSample) -> bool | None:
    """Whether ceiling - floor is two of its standard errors or more; None where the table has no intervals."""
    if sample.baseline.grid.no_interval is not None:
        return None
    gap = to_win(sample)
    return gap.estimate > ROUNDING and gap.estimate >= 2 * math.sqrt(gap.variance)
