"""What choosing among full trials is expected to win over one: of a rule, of best-of-n, and of nothing but luck."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from seedbench.advice.recipes import FAILS, diverged_share
from seedbench.evaluation.scores import TableScores, seed_names
from seedbench.influences import Part, TableSample, Total, quantity, total, unit


def mean_over(every: Sequence[TableScores], part: Callable[[TableSample], Part]) -> Total:
    """A quantity of each table, in the mean over the tables."""
    return total([part(one.sample) for one in every], 1 / len(every), seed_names(every))


def rule_gain(sample: TableSample, rule: int, budget: int) -> Part:
    """What a rule scores above one full trial."""
    return quantity(sample, unit(sample, rule, budget), {1: -1.0})


def best_gain(sample: TableSample, n: int) -> Part:
    """What the best of n full trials scores above one."""
    return best_of_several(sample, {1: -1.0, n: 1.0} if n > 1 else {})


def most_gain(sample: TableSample) -> Part:
    """The same of 64 full trials, or of as many as a pool has."""
    return best_gain(sample, sample.baseline.largest_ceiling_trials)


def best_of_several(sample: TableSample, weights: Mapping[int, float]) -> Part:
    """The sum over n of w_n R(n)."""
    return quantity(sample, np.zeros(sample.rules.shape), weights)


def gain_by_luck(every: Sequence[TableScores], protocol: str) -> float | None:
    """What `most_gain` could be by the luck of the dev examples alone, in the mean over tables; see `Advice`."""
    found = []
    for one in every:
        table, base, failed = one.table, one.baseline, diverged_share(one.table)
        if protocol != "dodge2020" or table.scored_by != "accuracy" or table.dev_examples is None:
            return None
        if failed is None or failed >= FAILS:
            return None
        error = math.sqrt(base.floor * (1 - base.floor) / table.dev_examples)
        found.append(error * expected_largest(base.largest_ceiling_trials))
    return float(np.mean(found))


def expected_largest(n: int) -> float:
    """Of n independent standard normal numbers: the integral of 1 - Phi^n above 0 less that of Phi^n below."""
    from scipy.integrate import quad
    from scipy.special import ndtr

    return float(quad(lambda x: 1 - ndtr(x) ** n - ndtr(-x) ** n, 0, math.inf)[0])
