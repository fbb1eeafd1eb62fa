"""Early against late: what does a trial's score at a checkpoint say about the best it will ever reach?"""

from __future__ import annotations

import numpy as np

from seedbench.analyses.answers import Curve, EarlyLate
from seedbench.analyses.common import Floats, Indices, curve, no_interval, over_seeds, values
from seedbench.text import counted
from seedbench.trialset import TrialTable


def early_late(table: TrialTable) -> EarlyLate:
    """Spearman correlations of the score, and of the best so far, at every checkpoint with the trial's value.

    Intervals come from leaving out groups of rows and of columns (`seedbench.analyses.jackknife`), on Fisher's scale
    atanh(rho), where the error is more nearly the same everywhere. In simulated additive 8 × 8 and 25 × 25 tables they
    covered in 98 to 100%; those of Bonett and Wright (2000), which take trials that share a seed for independent, in 61
    to 84%. Dev examples are held fixed. What they do not cover: scores at two checkpoints of
    one dev set share the luck of its examples, so that the correlation is higher than it would be with a final score on
    other examples; and the value is the best of all checkpoints, this one among them.

    Source:
        Dodge et al. 2020, arXiv 2002.06305, for the question.
    """
    value, so_far = values(table), np.maximum.accumulate(table.score, axis=1)
    correlations: list[Curve] = []
    for early in (table.score, so_far):

        def transformed(trials: Indices, early: Floats = early) -> Floats:
            rho = spearman(early[trials], value[trials])
            return np.arctanh(np.where(np.abs(rho) < 1 - 1e-12, rho, np.nan))

        interval = over_seeds(transformed, table)
        correlations += [curve(spearman(early, value)), curve(np.tanh(interval.low)), curve(np.tanh(interval.high))]
    constant = int((np.ptp(table.score, axis=0) == 0).sum())
    notes = []
    if table.num_trials == 1:
        notes.append("A single trial: there is nothing to correlate.")
    elif np.ptp(value) == 0:
        notes.append("All trials have the same best score: no correlation with it is defined.")
    else:
        if constant:
            notes.append(
                f"At {counted(constant, 'checkpoint')} all trials have the same score: no correlation is defined there."
            )
        if alone := no_interval(table):
            notes.append(alone)
        elif not any(low is not None for low in correlations[1]):
            notes.append("No intervals: the trials are too few, or the correlations exactly 1.")
    score, score_low, score_high, best_so_far, best_so_far_low, best_so_far_high = correlations
    return EarlyLate(
        score=score,
        score_low=score_low,
        score_high=score_high,
        best_so_far=best_so_far,
        best_so_far_low=best_so_far_low,
        best_so_far_high=best_so_far_high,
        constant=constant,
        notes=tuple(notes),
    )


def spearman(early: Floats, late: Floats) -> Floats:
    """Values [N, C] and [N] -> Spearman's correlation [C] of each column with the other; NaN where one is constant."""
    from scipy.stats import rankdata

    if len(late) < 2:
        return np.full(early.shape[1], np.nan)
    first, second = rankdata(early, axis=0), rankdata(late)
    first, second = first - first.mean(axis=0), second - second.mean()
    spread = np.sqrt((first**2).sum(axis=0) * (second**2).sum())
    correlation: Floats = np.clip(second @ first / np.where(spread > 0, spread, np.nan), -1, 1)
    return correlation
