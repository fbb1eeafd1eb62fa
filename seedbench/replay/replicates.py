"""The hidden side of replay: who is on which half, what is called what, and all scores on the halves at once.

Hidden randomness is keyed by (seed, table, replicate) and by nothing else, so every strategy meets the same world.
Replicates 2p and 2p + 1 are a pair: the second exchanges the halves of the first. Nothing else is shared within a pair,
nor between pairs: labels, order and `campaign.rng` are drawn for every replicate anew. Given the table, the means of
the pairs are therefore independent and alike, which makes the pair the unit of replicate error; exchanging the halves
cancels much of what one lucky split does to a score, and fresh orders average out where shared ones would not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from seedbench.metrics import best_checkpoint, correct_counts, majority_score, task_score, undefined
from seedbench.randomness import stream
from seedbench.replay.protocol import require_predictions
from seedbench.trialset import TrialTable

_CHUNK_ELEMENTS = 2**22  # predictions turned into floats at a time: 32 MiB as float64


def pair_halves(label: np.ndarray, *, seed: int, table: str, pairs: range) -> np.ndarray:
    """The validation half of the first member of each pair; the second member has the others.

    Args:
        label: int8 [examples].
        seed: of the evaluation.
        table: name of the table.
        pairs: numbers of the pairs.

    Returns:
        bool [pairs, examples]. Of every label, half the examples are in the half; the odd one is with equal chance.
    """
    halves = np.zeros((len(pairs), len(label)), dtype=bool)
    by_label = [np.flatnonzero(label == value) for value in np.unique(label)]
    for half, pair in zip(halves, pairs, strict=True):
        rng = stream(seed, table, pair, "halves")
        for examples in by_label:
            size = (len(examples) + int(rng.integers(2))) // 2
            half[rng.permutation(examples)[:size]] = True
    return halves


@dataclass(frozen=True, eq=False)
class Replicates:
    """A batch of replicates of one table, ready to be replayed.

    Attributes:
        table: whose replicates they are.
        seed: of the evaluation.
        replicates: their numbers.
        validation_score: float64 [replicates, trials, checkpoints], what a strategy sees.
        validation_loss: float64 [replicates, trials, checkpoints], likewise; nats, NaN where not recorded.
        test_score: float64 [replicates, trials, checkpoints], what is reported.
        majority_score: float64 [replicates], on the validation half; NaN where the labels are unknown.
        row_label: int64 [replicates, rows], the label that a strategy sees for each row of the grid.
        column_label: int64 [replicates, columns].
        order: int64 [replicates, trials], the order in which trials are started.
    """

    table: TrialTable
    seed: int
    replicates: range
    validation_score: np.ndarray
    validation_loss: np.ndarray
    test_score: np.ndarray
    majority_score: np.ndarray
    row_label: np.ndarray
    column_label: np.ndarray
    order: np.ndarray

    def best_checkpoints(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each trial's best checkpoint (the earliest among ties): validation and test score [replicates, trials]."""
        best = best_checkpoint(self.validation_score)[..., None]
        validation = np.take_along_axis(self.validation_score, best, axis=-1)[..., 0]
        return validation, np.take_along_axis(self.test_score, best, axis=-1)[..., 0]


def prepare(table: TrialTable, *, seed: int, replicates: range, protocol: str = "held-out-1") -> Replicates:
    """Everything hidden of a batch of replicates, at once.

    Args:
        table: a trial table.
        seed: of the evaluation, any integer.
        replicates: their numbers: whole pairs, so that it starts and ends on an even one.
        protocol: one of `PROTOCOLS`.

    Raises:
        SelectionError: the table has no predictions to take halves of.
    """
    require_predictions(table, protocol)
    if replicates.start % 2 or replicates.stop % 2 or replicates.step != 1:
        raise ValueError(f"replicates come in pairs: a batch must start and end on an even number, found {replicates}")
    count = len(replicates)
    rows, columns = table.grid
    row_label = np.empty((count, rows), dtype=np.int64)
    column_label = np.empty((count, columns), dtype=np.int64)
    order = np.empty((count, table.num_trials), dtype=np.int64)
    for index, replicate in enumerate(replicates):
        rng = stream(seed, table.name, replicate, "labels and order")
        row_label[index] = rng.permutation(rows)
        column_label[index] = rng.permutation(columns)
        order[index] = rng.permutation(table.num_trials)
    if protocol == "dodge2020":
        shape = (count, table.num_trials, table.num_checkpoints)
        validation_score = test_score = np.broadcast_to(table.score, shape)
        validation_loss = np.broadcast_to(table.validation_loss.astype(np.float64), shape)
        majority = np.full(count, table.majority_score)
    else:
        pairs = range(replicates.start // 2, replicates.stop // 2)
        halves = pair_halves(_predictions(table)[1], seed=seed, table=table.name, pairs=pairs)
        scores, majority = _scores_on_halves(table, halves)
        validation_loss = _losses_on_halves(table, halves)
        # Member 0 of a pair validates on its half and tests on the rest; member 1 the other way round.
        validation_score, test_score = scores, scores.reshape(len(pairs), 2, -1)[:, ::-1].reshape(scores.shape)
    return Replicates(
        table=table,
        seed=seed,
        replicates=replicates,
        validation_score=validation_score,
        validation_loss=validation_loss,
        test_score=test_score,
        majority_score=majority,
        row_label=row_label,
        column_label=column_label,
        order=order,
    )


def undefined_share(table: TrialTable) -> float:
    """Share of a table's checkpoints whose score on the dev set is a convention: undefined, or with a prediction of -1.

    NaN where the table has no predictions.
    """
    if table.predicted_label is None:
        return float("nan")
    predicted, label = _predictions(table)
    is_undefined = predicted.min(axis=-1) < 0
    # An undefined metric is 0 unless the labels themselves are constant, so few need counting.
    suspects = ~is_undefined & ((table.score == 0) | (label.min() == label.max()))
    is_undefined[suspects] = undefined(table.task, *correct_counts(predicted[suspects], label))
    return float(is_undefined.mean())


def _predictions(table: TrialTable) -> tuple[np.ndarray, np.ndarray]:
    """Predicted labels [trials, checkpoints, examples] and labels [examples] of a table that has them."""
    assert table.predicted_label is not None and table.label is not None
    return table.predicted_label, table.label


def _scores_on_halves(table: TrialTable, halves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Halves [pairs, examples] -> scores on them and the rest, float64 [2 * pairs, trials, checkpoints]; majority's.

    Right predictions are counted by one matrix product per label. Counts are exact in float32 below 2**24, so neither
    the library nor how the work is split can change a bit; a score is then looked up by its two counts.
    """
    predicted, label = _predictions(table)
    predicted = predicted.reshape(-1, len(label))
    classes = [(value, np.flatnonzero(label == value)) for value in (1, 0)]
    weights = [halves[:, examples].astype(np.float32) for _, examples in classes]
    positives, negatives = (_both(halves[:, examples].sum(axis=1), len(examples)) for _, examples in classes)
    # Halves differ by at most one example of either label, so there are at most four look-up tables.
    lookups = {}
    for p, n in set(zip(positives.ravel().tolist(), negatives.ravel().tolist(), strict=True)):
        true_positives, true_negatives = np.indices((p + 1, n + 1))
        lookups[p, n] = task_score(table.task, true_positives, true_negatives, p, n).ravel()
    scores = np.empty((len(halves), 2, len(predicted)))
    for rows in _chunks(predicted):
        counts = []
        for weight, (value, examples) in zip(weights, classes, strict=True):
            right = (predicted[rows, examples] == value).astype(np.float32)
            counts.append(_both(weight @ right.T, right.sum(axis=1)))
        for half in np.ndindex(len(halves), 2):
            lookup = lookups[int(positives[half]), int(negatives[half])]
            index = counts[0][half] * (negatives[half] + 1) + counts[1][half]
            scores[half][rows] = lookup[index.astype(np.int64)]
    majority = [majority_score(table.task, *sizes) for sizes in zip(positives.flat, negatives.flat, strict=True)]
    return scores.reshape(-1, table.num_trials, table.num_checkpoints), np.array(majority)


def _losses_on_halves(table: TrialTable, halves: np.ndarray) -> np.ndarray:
    """Halves [pairs, examples] -> mean losses on them and on the rest, float64 [2 * pairs, trials, checkpoints].

    A float16 is a multiple of 2**-24 below 2**16: sums of 8,192 of them are exact in float64, in any order. A loss that
    is not finite must not spoil the half it is not in (0 times NaN is NaN), so those are counted apart.
    """
    shape = (2 * len(halves), table.num_trials, table.num_checkpoints)
    if table.example_loss is None:
        return np.full(shape, np.nan)
    loss = table.example_loss.reshape(-1, halves.shape[1])
    sizes = _both(halves.sum(axis=1), halves.shape[1])[..., None]
    weights = halves.astype(np.float64)
    means = np.empty((len(halves), 2, len(loss)))
    for rows in _chunks(loss):
        chunk = loss[rows].astype(np.float64)
        finite = np.isfinite(chunk)
        odd = np.flatnonzero(~finite.all(axis=1))
        spoilt = chunk[odd]
        chunk[~finite] = 0
        sums = _both(weights @ chunk.T, chunk.sum(axis=1))
        if odd.size:
            for value, is_value in ((np.inf, np.isinf(spoilt)), (np.nan, np.isnan(spoilt))):
                weight = _both(weights @ is_value.T, is_value.sum(axis=1))
                sums[..., odd] = np.where(weight > 0, value, sums[..., odd])
        means[..., rows] = sums / sizes
    return means.reshape(shape)


def _both(first: np.ndarray, total: np.ndarray | int) -> np.ndarray:
    """What falls on the first half [pairs, ...], and the total -> what falls on either half [pairs, 2, ...]."""
    return np.stack([first, total - first], axis=1)


def _chunks(values: np.ndarray) -> Iterator[slice]:
    """Slices of the rows of a matrix, few enough at a time to be turned into floats."""
    size = max(1, _CHUNK_ELEMENTS // values.shape[1])
    return (slice(start, start + size) for start in range(0, len(values), size))
