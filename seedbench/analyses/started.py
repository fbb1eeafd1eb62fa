"""What start many, stop early, continue some can be expected to find: exactly, for any number of combinations.

`started` trials are drawn without replacement and trained up to a checkpoint; the `continued` best of them, by best
score so far, are trained to the end; the result is the best score paid for, that of the stopped ones included. Since a
trial's best score never falls, that is the value of the best of those that were continued, or without any the best
score so far.

No simulation is needed. Order the pool by best score so far. The k-th best of s trials drawn from N is at place p of
that order with probability C(p-1, k-1) C(N-p, s-k) / C(N, s), and given that, the other k-1 that are continued are any
k-1 of the p-1 places before it. So the expectation is a sum over places of that probability, which is the same for all
checkpoints and scores, times the expected best value of place p and k-1 places before it, which is the same for all s;
the latter follows from P(all k values <= x), a ratio of binomials at each value x of the pool. Accuracies tie all the
time: trials that tie are ranked at random, so that k - j of the continued ones come from the tied group around place p
and j from those before it, j being hypergeometric.

Source: the rule is that of Dodge et al. 2020, section 5, who simulate it; the closed form is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seedbench.metrics import best_of_n

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Combination:
    """Train `started` trials up to checkpoint `stop` (from 1), then the best `continued` of them to the end."""

    started: int
    stop: int
    continued: int


def combinations(budget: int, step: NDArray[np.int64], trials: int) -> list[Combination]:
    """All combinations that spend `budget` full trials exactly, with at most `trials` started.

    started · fraction + continued · (1 - fraction) = budget, where fraction is that of the stop. Checkpoints that are
    evenly spaced but for rounding to whole steps count as evenly spaced.

    Args:
        budget: in full trials.
        step: [checkpoints], steps done at each; the last is a full trial.
        trials: in the pool.

    Returns:
        Plain best-of-n first, then by `started`, the later stop first: the order of preference among equals.
    """
    count = len(step)
    places = np.arange(1, count + 1)
    even = np.abs(step * count - places * step[-1]) < count
    done = (places if even.all() else step).tolist()
    full = done[-1]
    early_stopped = []
    for stop, cost in enumerate(done[:-1], start=1):
        for continued in range(budget):
            started, rest = divmod(budget * full - continued * (full - cost), cost)
            if rest == 0 and started <= trials:
                early_stopped.append(Combination(started, stop, continued))
    early_stopped.sort(key=lambda one: (one.started, -one.stop, one.continued))
    return [Combination(budget, count, budget), *early_stopped]


def expected_scores(score: Floats, chosen: Sequence[Combination]) -> Floats:
    """Scores [N, C] of a pool and combinations [M] -> expected best score paid for [M]; NaN where N is too small."""
    trials, checkpoints = score.shape
    so_far = np.maximum.accumulate(score, axis=1)
    value = so_far[:, -1]
    expected = np.full(len(chosen), np.nan)
    by_stop: dict[int, list[int]] = {}
    for at, one in enumerate(chosen):
        if one.started <= trials:
            by_stop.setdefault(one.stop, []).append(at)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, trials + 1)))])
    for stop, members in by_stop.items():
        early = so_far[:, stop - 1]
        best = best_of_n(early, early)
        some: dict[int, list[int]] = {}
        for at in members:
            one = chosen[at]
            if one.continued == 0 or stop == checkpoints:
                expected[at] = best[one.started - 1]
            else:
                some.setdefault(one.continued, []).append(at)
        if some:
            by_place = _best_by_place(early, value, max(some), log_factorial)
            for continued, same in some.items():
                started = np.array([chosen[at].started for at in same])
                places = _place_of_last(trials, started, continued, log_factorial)
                expected[same] = places @ by_place[continued - 1]
    return expected


def _place_of_last(trials: int, started: NDArray[np.int64], continued: int, log_factorial: Floats) -> Floats:
    """[S, N]: probability that the `continued`-th best of s drawn trials is at place p = 1 ... N of the order."""
    place = np.arange(1, trials + 1)
    before = _log_binomial(place - 1, continued - 1, log_factorial)
    after = _log_binomial(trials - place, started[:, None] - continued, log_factorial)
    return np.exp(before + after - _log_binomial(trials, started, log_factorial)[:, None])


def _best_by_place(early: Floats, value: Floats, most: int, log_factorial: Floats) -> Floats:
    """[most, N]: row k-1 is the expected best value of place p and of k-1 places before it; 0 where there are fewer."""
    order = np.argsort(-early, kind="stable")
    early, value = early[order], value[order]
    levels, level = np.unique(value, return_inverse=True)
    gaps = np.diff(levels)
    starts = np.flatnonzero(np.concatenate([[True], early[1:] != early[:-1]]))
    ends = np.append(starts[1:], early.size)
    below = np.zeros(len(gaps))  # of the places before the group, how many have a value of at most each level
    by_place = np.zeros((most, early.size))
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        size = end - start
        inside = np.cumsum(np.bincount(level[start:end], minlength=len(levels)))[:-1].astype(np.float64)
        before = _all_below(below, start, min(most - 1, start))  # j = 0, 1, ...
        within = _all_below(inside, size, min(most, size))[1:]  # i = 1, 2, ...
        best = levels[-1] - before @ (within * gaps).T  # [j, i]
        if size == 1:
            by_place[: len(best), start] = best[:, 0]  # k = j + 1
        else:
            by_place[:, start:end] = _best_in_group(best, start, size, most, log_factorial)
        below += inside
    return by_place


def _all_below(below: Floats, size: int, most: int) -> Floats:
    """[most + 1, levels]: row m is the probability that m of `size`, drawn at random, are all among `below`."""
    drawn = np.arange(most)[:, None]
    probability = np.ones((most + 1, len(below)))
    np.maximum(below - drawn, 0, out=probability[1:])
    probability[1:] /= size - drawn
    return np.cumprod(probability, axis=0, out=probability)


def _best_in_group(best: Floats, start: int, size: int, most: int, log_factorial: Floats) -> Floats:
    """Expected best of j before and i within a tied group [j, i] -> [most, size], by k = j + i and place in the group.

    At the q-th place of the group, which is drawn itself, i - 1 others are drawn from the q - 1 tied places before it
    and k - i from the `start` places before the group.
    """
    continued = np.arange(1, most + 1)[:, None, None]
    place = np.arange(1, size + 1)[None, :, None]
    inside = np.arange(1, best.shape[1] + 1)[None, None, :]
    chance = np.exp(
        _log_binomial(start, continued - inside, log_factorial)
        + _log_binomial(place - 1, inside - 1, log_factorial)
        - _log_binomial(np.maximum(start + place - 1, continued - 1), continued - 1, log_factorial)
    )
    before = np.clip(continued - inside, 0, len(best) - 1)[:, 0, :]
    expected: Floats = np.einsum("kqi,ki->kq", chance, best[before, np.arange(best.shape[1])])
    return expected


def _log_binomial(n: ArrayLike, k: ArrayLike, log_factorial: Floats) -> Floats:
    """log C(n, k), -inf where k < 0 or k > n."""
    n, k = np.broadcast_arrays(np.asarray(n), np.asarray(k))
    possible = (k >= 0) & (k <= n)
    k = np.where(possible, k, 0)
    return np.where(possible, log_factorial[n] - log_factorial[k] - log_factorial[np.maximum(n - k, 0)], -np.inf)
