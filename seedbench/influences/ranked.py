"""Best-of-n of ranked trials: for all n at once, and without each trial or each seed."""

from __future__ import annotations

import numpy as np

from seedbench.influences.grid import Floats, Ints
from seedbench.metrics import best_of_n_top_weights, best_of_n_weights, share_ties

_WHOLE = 256  # trials up to which all weights are made once and kept
_NEGLIGIBLE = 40.0  # exp(-40) is below the rounding of 1


def best_of_n_curve(ranked: Floats, largest: int) -> Floats:
    """Test scores [..., N] by rank, ties shared, and m -> R [..., m], n = 1 ... m.

    With many trials the weights of large n lie on the highest ranks: below the J-th, J = 40 N/n, there is less than
    exp(-40) of them. So n goes up in blocks on ever fewer ranks, and 50,000 trials need no table of 50,000 squared.
    """
    trials = ranked.shape[-1]
    if trials <= _WHOLE:
        return ranked @ best_of_n_weights(trials)[:largest].T
    found = np.empty((*ranked.shape[:-1], largest))
    start = 1
    while start <= largest:
        stop = min(max(start + 1, 3 * start // 2), largest + 1)
        top = min(trials, int(_NEGLIGIBLE * trials / start) + 1)
        weights = best_of_n_top_weights(trials, np.arange(start, stop), top)
        found[..., start - 1 : stop - 1] = ranked[..., trials - top :] @ weights.T
        start = stop
    return found


def best_of(validation: Floats, test: Floats, n: int) -> float:
    """Scores [N], [N] in ascending order of the first -> R(n)."""
    return float(share_ties(validation, test) @ _weights(validation.size, n))


def without_each_trial(validation: Floats, test: Floats, n: int) -> Floats:
    """Scores [N], [N] in ascending order of the first -> [N], R(n) without each trial, exactly and in one pass.

    Of N - 1 trials, those that rank below the one left out keep their weights, those above it move down by one; in its
    own group of ties the rest share their mean. n is at most N - 1.
    """
    trials = validation.size
    starts, sizes = _tie_groups(validation)
    weights = _weights(trials - 1, n)
    shared = share_ties(validation, test)
    first, last = np.repeat(starts, sizes), np.repeat(starts + sizes, sizes)
    below = np.concatenate([[0.0], np.cumsum(shared[:-1] * weights)])[first]
    above = np.concatenate([[0.0], np.cumsum((shared[1:] * weights)[::-1]), [0.0]])[:-1][trials - last]
    cumulated = np.concatenate([[0.0], np.cumsum(weights)])
    others = np.repeat(sizes - 1, sizes)
    total = np.repeat(np.add.reduceat(test, starts), sizes)
    own = (cumulated[last - 1] - cumulated[first]) * (total - test) / np.maximum(others, 1)
    values: Floats = below + np.where(others > 0, own, 0.0) + above
    return values


def without_each_seed(validation: Floats, test: Floats, seed: Ints, seeds: int, n: int) -> Floats:
    """Scores [N], [N] in ascending order of the first, the seed of each [N] -> [seeds], R(n) without its trials."""
    found = np.empty(seeds)
    for one in range(seeds):
        others = seed != one
        found[one] = best_of(validation[others], test[others], n)
    return found


def jackknife_variance(without: Floats) -> float:
    """A statistic without each of G units [G] -> (G-1)/G times its sum of squares around the mean (Tukey 1958)."""
    return float((without.size - 1) / without.size * ((without - without.mean()) ** 2).sum())


def _weights(trials: int, n: int) -> Floats:
    weights: Floats = best_of_n_top_weights(trials, [n], trials)[0]
    return weights


def _tie_groups(validation: Floats) -> tuple[Ints, Ints]:
    """Ascending scores [N] -> where each group of equal ones starts, and its size."""
    starts = np.flatnonzero(np.concatenate([[True], validation[1:] != validation[:-1]]))
    return starts, np.diff(np.append(starts, validation.size))
