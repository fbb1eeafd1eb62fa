"""Scores: the tasks' own metrics, best-of-n, and how many full trials a score takes.

Everything here is a pure function of arrays, on numpy alone. Task metrics come from integer counts, elementwise, so
they have the same bits however the work was split, and predictions that tie in truth tie as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bound = Literal["<", ">"]

#: `ceiling` is the best of this many full trials, or of all of them where a table has fewer.
CEILING_TRIALS = 64

# Means of the same scores, added in another order, differ in their last bits; no real difference is this small.
ROUNDING = 1e-12


# --- scores of predictions --------------------------------------------------------------------------------------------
# A prediction of -1 (logits not finite) is wrong: of two labels, on a positive example a false negative, on a negative
# one a false positive. How many of each label are predicted right therefore fixes all four cells of their confusion
# matrix.


def correct_counts(predicted: ArrayLike, label: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Predictions [..., examples], labels [examples] -> right predictions [..., labels]; examples [labels].

    Args:
        predicted: labels, or -1 where there is no prediction, which is counted as wrong.
        label: from 0 on; there are two at least, and no more than the largest here.

    Returns:
        Numbers of examples of each label: the two arguments that the metrics below take.
    """
    predicted, label = np.asarray(predicted), np.asarray(label)
    masks = [label == value for value in range(max(2, int(label.max(initial=0)) + 1))]
    right = [np.count_nonzero(predicted[..., mask] == value, axis=-1) for value, mask in enumerate(masks)]
    return np.stack(right, axis=-1), np.array([np.count_nonzero(mask) for mask in masks])


def accuracy(right: ArrayLike, examples: ArrayLike) -> Floats:
    """Counts [..., labels] -> [...], the share of examples predicted right, in [0, 1]."""
    right, examples = _integers(right, examples)
    share: Floats = right.sum(axis=-1) / examples.sum(axis=-1)
    return share


def f1(right: ArrayLike, examples: ArrayLike) -> Floats:
    """Counts [..., 2] -> [...], F1 of label 1: 2TP / (2TP + FP + FN), 0 without positives (van Rijsbergen 1979)."""
    tp, tn, p, n = _of_two(right, examples)
    denominator = tp + p + (n - tn)  # 2TP + FN + FP
    return 2 * tp / np.maximum(denominator, 1)


def matthews_correlation(right: ArrayLike, examples: ArrayLike) -> Floats:
    """Counts [..., 2] -> [...], correlation of prediction and label; 0 where either is constant (Matthews 1975)."""
    tp, tn, p, n = _of_two(right, examples)
    fp, fn = n - tn, p - tp
    # Exact in integers up to about 55,000 examples of either label, so that equal counts give equal bits.
    squared = (tp + fp) * (tn + fn) * p * n
    return np.where(squared > 0, (tp * tn - fp * fn) / np.sqrt(np.maximum(squared, 1).astype(np.float64)), 0.0)


def mean_of_accuracy_and_f1(right: ArrayLike, examples: ArrayLike) -> Floats:
    """Counts [..., 2] -> [...], the mean of both, as Dodge et al. 2020 score MRPC."""
    return (accuracy(right, examples) + f1(right, examples)) / 2


#: Every metric that follows from predictions, by the name that `seedbench.tasks` and `score_name` give it.
METRICS: dict[str, Callable[[ArrayLike, ArrayLike], Floats]] = {
    "accuracy": accuracy,
    "f1": f1,
    "matthews_correlation": matthews_correlation,
    "mean_of_accuracy_and_f1": mean_of_accuracy_and_f1,
}
#: The lowest and the highest score of each.
LIMITS = {name: (-1.0 if name == "matthews_correlation" else 0.0, 1.0) for name in METRICS}
#: Those of any number of labels; the others are of two.
OF_ANY_LABELS = ("accuracy",)


def metric_score(metric: str, right: ArrayLike, examples: ArrayLike) -> Floats:
    """Counts [..., labels] -> [...], the score of this name.

    Args:
        metric: a key of `METRICS`.
        right: examples of each label that are predicted as such.
        examples: examples of each label; broadcast against `right`.

    Returns:
        Always finite: a metric that is undefined is 0, as in GLUE's own scripts; `undefined` says where.

    Raises:
        ValueError: no such metric, or one of two labels for more.
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; known: {', '.join(METRICS)}")
    return METRICS[metric](right, examples)


def undefined(metric: str, right: ArrayLike, examples: ArrayLike) -> NDArray[np.bool_]:
    """Counts [..., labels] -> bool [...], where a metric is 0 by convention only (constant, or without positives)."""
    if metric in OF_ANY_LABELS:
        right, examples = _integers(right, examples)
        return np.zeros(np.broadcast_shapes(right.shape, examples.shape)[:-1], dtype=bool)
    tp, tn, p, n = _of_two(right, examples)
    if metric == "matthews_correlation":
        return np.asarray((tp + n - tn) * (tn + p - tp) * p * n == 0)
    return np.asarray(tp + p + (n - tn) == 0)


def majority_score(metric: str, examples: ArrayLike) -> float:
    """Examples of each label [labels] -> the score of always predicting the commonest; where some tie, the last."""
    examples = np.asarray(examples)
    return float(_constant_scores(metric, examples)[examples.size - 1 - np.argmax(examples[::-1])])


def constant_score(metric: str, examples: ArrayLike) -> float:
    """Examples of each label [labels] -> the best score of always predicting one label, whichever.

    With F1 that need not be the commonest: without a positive prediction F1 is 0.
    """
    return float(_constant_scores(metric, np.asarray(examples)).max())


def _constant_scores(metric: str, examples: NDArray[np.int64]) -> Floats:
    return metric_score(metric, np.diag(examples), examples)


def best_checkpoint(validation: ArrayLike) -> NDArray[np.intp]:
    """Scores [..., checkpoints] -> index [...] of the best checkpoint, the earliest among ties."""
    chosen: NDArray[np.intp] = np.argmax(np.asarray(validation), axis=-1)
    return chosen


# --- best of n --------------------------------------------------------------------------------------------------------


def best_of_n(validation: ArrayLike, test: ArrayLike) -> Floats:
    """Scores [..., N] and [..., N] -> R [..., N]: column n-1 is the expected test score of the best of n trials.

    The expectation is over all C(N, n) sets of n different trials; the best of a set is the one with the highest
    validation score, and trials that tie in it are drawn from with equal chance. With `test` the same as `validation`
    this is the expected best validation score, in the unbiased form without replacement.

    Source:
        Dodge et al. 2019 (arXiv 1909.03004) for expected validation performance with replacement; without replacement
        and with another score for the result it is a linear rank statistic:
        R(n) = sum over ranks i of C(i-1, n-1) / C(N, n) t_(i).

    Raises:
        ValueError: a score that is not finite, which has no rank.
    """
    validation, test = np.asarray(validation, dtype=np.float64), np.asarray(test, dtype=np.float64)
    if not (np.isfinite(validation).all() and np.isfinite(test).all()):
        raise ValueError("best-of-n needs finite scores: leave failed trials out, or give them the worst score")
    ranked = share_ties(*by_rank(validation, test)[1:])
    return ranked @ best_of_n_weights(ranked.shape[-1]).T


def by_rank(validation: Floats, test: Floats) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Scores [..., N], [..., N] -> trials [..., N] from worst to best validation score, both scores in that order."""
    order = np.argsort(validation, axis=-1, kind="stable")
    return order, np.take_along_axis(validation, order, axis=-1), np.take_along_axis(test, order, axis=-1)


def share_ties(validation: Floats, test: Floats) -> Floats:
    """Scores [..., N], [..., N] by rank -> test scores [..., N], those of equal validation score sharing their mean."""
    starts_group = np.ones(validation.shape, dtype=bool)
    np.not_equal(validation[..., 1:], validation[..., :-1], out=starts_group[..., 1:])
    flat = starts_group.ravel()
    starts = np.flatnonzero(flat)
    sizes = np.diff(np.append(starts, flat.size))
    return np.repeat(np.add.reduceat(test.ravel(), starts) / sizes, sizes).reshape(test.shape)


@lru_cache(maxsize=256)
def best_of_n_weights(trials: int) -> Floats:
    """N -> [N, N], read-only: row n-1 holds C(i-1, n-1) / C(N, n) for ranks i = 1 ... N and sums to 1."""
    return best_of_n_top_weights(trials, np.arange(1, trials + 1), trials)


def best_of_n_top_weights(trials: int, n: ArrayLike, top: int) -> Floats:
    """N, n [k], J -> [k, J], read-only: C(i-1, n-1) / C(N, n) for the J highest ranks i = N-J+1 ... N.

    Built as products of ratios from the largest rank down, n/N, then (i-n+1)/i at each step, so that nothing overflows
    and the relative error stays near N times that of one rounding. A row is made to sum to 1: what lies below the J
    highest ranks, at most (1 - n/N)^J of the whole, must be nothing.
    """
    column = np.asarray(n, dtype=np.float64)[:, None]
    i = np.arange(trials - 1, trials - top, -1, dtype=np.float64)[None, :]
    factors = np.concatenate([column / trials, np.maximum(i - column + 1, 0) / i], axis=1)
    weights = np.cumprod(factors, axis=1)[:, ::-1]
    weights = np.where(weights < 1e-200, 0.0, weights)  # far below any rounding, and subnormal numbers are slow
    weights /= weights.sum(axis=1, keepdims=True)
    weights = np.ascontiguousarray(weights)
    weights.flags.writeable = False
    return weights


# --- scores of a strategy ---------------------------------------------------------------------------------------------


def full_trials_needed(score: float, best_of_n: ArrayLike) -> tuple[float, Bound | None]:
    """A score and R [N] -> the full trials that best-of-n needs for that score, and its bound.

    R itself need not rise with n (winner's curse), so it is inverted through R*(n) = max over m <= n of R(m), linear
    in between.

    Returns:
        n and None; or 1 and "<" for a score below R(1); or N and ">" for one that no n reaches.
    """
    reached = np.maximum.accumulate(np.asarray(best_of_n, dtype=np.float64))
    above = int(np.searchsorted(reached, score - ROUNDING, side="left"))
    if above == reached.size:
        return float(reached.size), ">"
    if above == 0:
        return 1.0, "<" if score < reached[0] - ROUNDING else None
    low, high = reached[above - 1], reached[above]
    return min(float(above + (score - low) / (high - low)), above + 1.0), None


def geometric_mean(multipliers: list[tuple[float, Bound | None]]) -> tuple[float, Bound | None]:
    """Multipliers with their bounds -> geometric mean and its bound; NaN where bounds point in both directions."""
    bounds = {bound for _, bound in multipliers if bound is not None}
    if not multipliers or len(bounds) > 1:
        return math.nan, None
    mean = math.exp(math.fsum(math.log(value) for value, _ in multipliers) / len(multipliers))
    return mean, next(iter(bounds), None)


def _of_two(right: ArrayLike, examples: ArrayLike) -> tuple[NDArray[np.int64], ...]:
    """Counts [..., 2] -> true positives and negatives, positives and negatives, each [...]."""
    right, examples = _integers(right, examples)
    if right.shape[-1] != 2 or examples.shape[-1] != 2:
        raise ValueError(f"a metric of two labels, not of {right.shape[-1]}; of any number: {', '.join(OF_ANY_LABELS)}")
    return right[..., 1], right[..., 0], examples[..., 1], examples[..., 0]


def _integers(*counts: ArrayLike) -> tuple[NDArray[np.int64], ...]:
    return tuple(np.asarray(count).astype(np.int64) for count in counts)
