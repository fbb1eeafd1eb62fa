"""Intervals that hold for many differences at once, and so for the one that was picked because it is the largest.

Choosing the best of many strategies on the data that are then to say how good it is makes it look better than it is.
Choosing on one half of the seeds and reporting on the other would cost half of them, and a budget of B needs 4B trials
in a pool; so the intervals are widened instead, by just so much that all of them hold together with 95%.

Sources: Dunnett 1955, "A Multiple Comparison Procedure for Comparing Several Treatments with a Control", JASA 50; for
estimates with any correlation Hothorn, Bretz and Westfall 2008, "Simultaneous Inference in General Parametric Models",
Biometrical Journal 50. The covariance is that of the two-axis jackknife of `seedbench.intervals`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seedbench.intervals import LEVEL, Floats, Interval, jackknife

DRAWS = 50_000  # from the joint distribution: two digits of the critical value


def simultaneous(pairs: Floats, deleted: Sequence[Floats], *, rng: np.random.Generator) -> tuple[Interval, float]:
    """Values [P, K] of pairs, and [G, P, K] of each axis with group g deleted -> `Interval` of [K], and its quantile.

    The estimates and standard errors are those of `jackknife`. The interval is T ± c · error, where c is the 0.95
    quantile of the largest |t| among K variables of a multivariate Student's t with the estimates' correlation and
    G - 1 degrees of freedom. An error of 0 (a difference that never differs) takes no part.

    What it does not guarantee: 95%, for the reasons given at `jackknife`.

    Args:
        pairs: one value per pair of replicates and quantity.
        deleted: as in `jackknife`.
        rng: for the draws from the joint distribution.

    Returns:
        The interval, NaN where `jackknife` has none, and c, NaN likewise.
    """
    around = jackknife(pairs, deleted)
    error = around.standard_error
    varies = np.flatnonzero(error > 0)
    if not varies.size:
        return around, float("nan")
    fewest = min(len(axis) for axis in deleted)
    covariance = _covariance(pairs[:, varies], [axis[..., varies] for axis in deleted])
    critical = largest_t(covariance / np.outer(error[varies], error[varies]), fewest - 1, rng)
    half_width = critical * error
    return Interval(around.estimate, error, around.estimate - half_width, around.estimate + half_width), critical


def _covariance(pairs: Floats, deleted: Sequence[Floats]) -> Floats:
    """[K, K]: what `jackknife` estimates for one quantity, for all pairs of them."""
    total = np.cov(pairs, rowvar=False, ddof=1).reshape(pairs.shape[1], -1) / len(pairs)
    for axis in deleted:
        groups, replicates = axis.shape[:2]
        deviations = axis - axis.mean(axis=0)  # [G, P, K]
        centred = deviations - deviations.mean(axis=1, keepdims=True)
        of_seeds = np.einsum("gk,gl->kl", deviations.mean(axis=1), deviations.mean(axis=1))
        of_replicates = np.einsum("gpk,gpl->kl", centred, centred) / (replicates - 1) / replicates
        total += (groups - 1) / groups * (of_seeds - of_replicates)
    return total


def largest_t(correlation: Floats, degrees_of_freedom: int, rng: np.random.Generator) -> float:
    """[K, K] -> the `LEVEL` quantile of max |t| over K variables of a multivariate Student's t, by simulation.

    A correlation that is not positive semidefinite, as an estimated one may be, loses its negative eigenvalues.
    """
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0))
    root /= np.maximum(np.sqrt((root**2).sum(axis=1, keepdims=True)), 1e-12)
    largest = np.abs(rng.standard_normal((DRAWS, len(root))) @ root.T).max(axis=1)
    return float(np.quantile(largest / np.sqrt(rng.chisquare(degrees_of_freedom, DRAWS) / degrees_of_freedom), LEVEL))
