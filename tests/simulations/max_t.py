"""Step-down max-t, to which Holm's procedure is compared here.

With the joint influences of all quantities (Romano and Wolf 2005, JASA 100; Westfall and Young 1993): every seed's
influences on all of them are multiplied by one normal number, which is a draw from a normal distribution with the
influences' covariance. Quantities may have different degrees of freedom, so each p-value is turned into the normal
deviate that has it, and the largest deviates are compared.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from seedbench.influences import Total

DRAWS = 20_000


def max_t(p: np.ndarray, covariance: np.ndarray, *, rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """p-values [Q] of each alone, and the joint covariance [Q, Q] -> [Q] of all together."""
    order = np.argsort(p, kind="stable")
    raw = _step_down(p[order], covariance[np.ix_(order, order)], rng, draws)
    found = np.empty(p.size)
    found[order] = np.minimum(np.maximum.accumulate(raw), 1)
    return found


def _step_down(p: np.ndarray, covariance: np.ndarray, rng: np.random.Generator, number: int) -> np.ndarray:
    """Ascending p-values [Q], covariance [Q, Q] -> [Q], the chance that it or one after it deviates as much."""
    error = np.sqrt(np.diag(covariance))
    correlation = covariance / np.maximum(np.outer(error, error), np.finfo(float).tiny)
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    draws = np.abs(rng.standard_normal((number, p.size)) @ (vectors * np.sqrt(np.maximum(values, 0))).T)
    largest = np.maximum.accumulate(draws[:, ::-1], axis=1)[:, ::-1]
    reached = np.count_nonzero(largest >= -ndtri(p / 2), axis=0)
    # The one observed counts as a draw (Davison and Hinkley 1997, section 4.2), and no chance is below its own p. What
    # is nothing has no deviate.
    return np.where(p < 1, np.maximum((reached + 1) / (number + 1), p), 1.0)


def joint_covariance(totals: Sequence[Total]) -> np.ndarray:
    """[Q, Q]: of the seeds' influences, and of the replicates where quantities share a table's campaigns."""
    places: dict[object, int] = {}
    for total in totals:
        for seed in total.seeds:
            places.setdefault(seed, len(places))
    influence = np.zeros((len(totals), len(places)))
    for number, total in enumerate(totals):
        influence[number, [places[seed] for seed in total.seeds]] = total.influence
    found = influence @ influence.T
    samples = {id(part.sample): part.sample for total in totals for part in total.parts}
    for sample in samples.values():
        residual = np.zeros((len(totals), sample.moments.mean.size))
        for number, total in enumerate(totals):
            for weight, part in zip(total.weights, total.parts, strict=True):
                if part.sample is sample:
                    residual[number] += weight * part.residual
        found += residual @ sample.moments.covariance @ residual.T / (sample.moments.replicates - 2)
    return found
