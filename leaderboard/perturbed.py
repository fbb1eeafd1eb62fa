"""Trial tables that are like a recorded one, and in which nobody has seen how a trial goes on.

Every trial is put together anew: after each checkpoint it goes on as another recorded trial does that was alike up to
there. What an early measurement says of later ones stays; what it says of the one trial that it was measured in goes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seedbench.trialset import TrialTable

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

NEIGHBOURS = 4
_UNKNOWN = 4.0  # standard deviations: where a loss stands that is no number
_NO_SIZE = 1000  # examples, where it is not known how many the dev set has


def perturbed(table: TrialTable, rng: np.random.Generator) -> TrialTable:
    """A table of the same grid whose trials are put together of recorded ones.

    A trial is at one of the recorded trials; before each of its checkpoints it moves to one of the `NEIGHBOURS` nearest
    in what was measured up to the checkpoint before (before the first: at the first), in the mean of the other trials
    of its row, and of its column, and measures what that one did. Each test score is that of a trial whose score and
    loss are near at that checkpoint. Losses are multiplied by chance, by half of the sampling error that a mean over
    the dev set has where examples scatter as much as their mean. A trial that ended early keeps where it did, and
    moves among those that ended there; after its end it is as a table has it: see `TrialTable`.

    Args:
        table: a trial table.
        rng: what decides.

    Source:
        Lall and Sharma 1996 (Water Resources Research 32), the nearest-neighbour bootstrap of time series.
    """
    state, chosen = _states(table), _chosen_by(table)
    at = np.arange(table.num_trials)
    visited, reported = [], []
    for checkpoint in range(table.num_checkpoints):
        near = _neighbours(state[:, max(checkpoint - 1, 0)], table.ended_at)
        at = _one_of(near, at, rng)
        visited.append(at)
        reported.append(_one_of(_neighbours(chosen[:, checkpoint], table.ended_at), at, rng))
    path, tested = np.stack(visited, axis=1), np.stack(reported, axis=1)
    error = 0.5 / np.sqrt(table.dev_examples or _NO_SIZE)
    changed: dict[str, Any] = {"score": _along(table.score, path)}
    for name in ("validation_loss", "train_loss"):
        loss = _along(getattr(table, name), path)
        changed[name] = (loss * np.exp(rng.normal(0, error, loss.shape))).astype(loss.dtype)
    if table.test_score is not None:
        changed["test_score"] = _along(table.test_score, tested)
    changed = {name: _ended(values, getattr(table, name), table) for name, values in changed.items()}
    return replace(table, **changed, test_loss=None, predicted_label=None, test_predicted_label=None)


def _states(table: TrialTable) -> Floats:
    """[trials, checkpoints, features]: the measurements, the score before, the best so far, what seeds are worth."""
    score = _scaled(table.score)
    best = table.score.max(axis=1)
    seeds = _of_others(best, table.row) + _of_others(best, table.column)
    return np.stack(
        [
            score,
            _scaled(_log(table.validation_loss)),
            _scaled(_log(table.train_loss)),
            np.concatenate([score[:, :1], score[:, :-1]], axis=1),
            _scaled(np.maximum.accumulate(table.score, axis=1)),
            np.broadcast_to(_scaled(seeds)[:, None], score.shape),
        ],
        axis=-1,
    )


def _chosen_by(table: TrialTable) -> Floats:
    """[trials, checkpoints, 2]: score and validation loss."""
    return np.stack([_scaled(table.score), _scaled(_log(table.validation_loss))], axis=-1)


def _scaled(values: np.ndarray) -> Floats:
    """Values of any shape in standard deviations from their mean."""
    known = np.isfinite(values)
    if not known.any():
        return np.zeros(values.shape)
    spread = float(values[known].std()) or 1.0
    return np.where(known, (np.where(known, values, 0.0) - values[known].mean()) / spread, _UNKNOWN)


def _log(loss: np.ndarray) -> Floats:
    return np.log(np.maximum(loss.astype(np.float64), 1e-6))


def _of_others(best: Floats, group: np.ndarray) -> Floats:
    """[trials]: the mean over the other trials of the same row (column); over all where there is no other."""
    number, total = np.bincount(group), np.bincount(group, best)
    others = number[group] - 1
    mean: Floats = np.where(others > 0, (total[group] - best) / np.maximum(others, 1), best.mean())
    return mean


def _neighbours(features: Floats, ended_at: np.ndarray) -> list[Places]:
    """For each trial the nearest others that ended where it did; itself where there are none."""
    from scipy.spatial import cKDTree

    found: list[Places] = [np.array([trial]) for trial in range(len(features))]
    for end in np.unique(ended_at):
        group = np.flatnonzero(ended_at == end)
        if len(group) == 1:
            continue
        near = cKDTree(features[group]).query(features[group], min(NEIGHBOURS + 1, len(group)))[1]
        for trial, places in zip(group, near, strict=True):
            others = group[places]
            found[trial] = others[others != trial][:NEIGHBOURS]
    return found


def _one_of(near: list[Places], at: Places, rng: np.random.Generator) -> Places:
    """[trials]: for each trial's place one of the places near it."""
    return np.array([near[place][rng.integers(len(near[place]))] for place in at])


def _along(values: np.ndarray, path: Places) -> np.ndarray:
    """[trials, checkpoints]: of each checkpoint what the trial measured that the path is at."""
    return np.take_along_axis(values, path, axis=0)


def _ended(values: np.ndarray, recorded: np.ndarray, table: TrialTable) -> np.ndarray:
    """[trials, checkpoints]: after a trial's end its last value again, or what was recorded where it failed."""
    after = np.arange(table.num_checkpoints) >= table.ended_at[:, None]
    last = np.take_along_axis(values, np.maximum(table.ended_at - 1, 0)[:, None], axis=1)
    failed = (table.status == "failed")[:, None]
    return np.where(after, np.where(failed, recorded, last), values)
