"""Expected validation performance: how good is the best of n trials, n = 1 ... N?"""

from __future__ import annotations

import numpy as np

from seedbench.analyses.answers import ExpectedPerformance
from seedbench.analyses.common import Floats, Indices, curve, no_interval, over_seeds, plain, values
from seedbench.metrics import best_of_n
from seedbench.trialset import TrialTable


def expected_performance(table: TrialTable) -> ExpectedPerformance:
    """Both estimators, and what the second one owes to the seeds that happened to be drawn."""
    value = values(table)
    published, deviation = best_of_n_with_replacement(value)

    def unbiased(trials: Indices) -> Floats:
        some = best_of_n(value[trials], value[trials])
        return np.concatenate([some, np.full(value.size - some.size, np.nan)])

    interval = over_seeds(unbiased, table)
    best = int(value.argmax())
    notes = []
    if np.ptp(value) == 0:
        notes.append("All trials have the same best score: what others would have cannot be told.")
    elif alone := no_interval(table):
        notes.append(alone)
    return ExpectedPerformance(
        with_replacement=plain(published),
        deviation=plain(deviation),
        without_replacement=plain(interval.estimate),
        standard_error=curve(interval.standard_error),
        low=curve(np.clip(interval.low, *table.score_limits)),
        high=curve(np.clip(interval.high, *table.score_limits)),
        best=float(value[best]),
        best_weight_init_seed=int(table.weight_init_seeds[table.row[best]]),
        best_data_order_seed=int(table.data_order_seeds[table.column[best]]),
        best_step=int(table.step[table.score[best].argmax()]),
        notes=tuple(notes),
    )


def best_of_n_with_replacement(value: Floats) -> tuple[Floats, Floats]:
    """Values [N] -> expectation and standard deviation [N] of the best of n = 1 ... N draws with replacement.

    E[max] = sum over ranks i of ((i/N)^n - ((i-1)/N)^n) v_(i), and so for its square. The expectation is that under the
    empirical distribution, which has no value above the best found: biased downwards for more trials like these.

    Source:
        Dodge et al. 2019, arXiv 1909.03004; used in Dodge et al. 2020, arXiv 2002.06305.
    """
    ranked, size = np.sort(value), value.size
    reached = (np.arange(size + 1) / size)[None, :] ** np.arange(1, size + 1)[:, None]
    weights = np.diff(reached, axis=1)
    # Around the best, so that the variance is no difference of two numbers that are nearly the same.
    below = ranked - ranked[-1]
    mean = weights @ below
    variance = weights @ below**2 - mean**2
    return ranked[-1] + mean, np.sqrt(np.maximum(variance, 0))
