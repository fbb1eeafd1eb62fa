"""How far a table's baseline depends on which examples its dev and test sets happen to have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seedbench import metrics
from seedbench.influences import best_of_n_curve
from seedbench.randomness import stream
from seedbench.trialset.table import TrialTable

RESAMPLES = 1_000
BUDGETS = (2, 4, 8, 16, 32)
_CHUNK = 2**24  # counts at a time


@dataclass(frozen=True)
class ExamplesError:
    """Standard errors from the examples alone, in the score's unit: the trials are held fixed.

    Attributes:
        resamples: how often both sets were drawn anew, with replacement.
        floor: of R(1), one full trial.
        ceiling: of the largest R(n), n at most 64, that n held fixed.
        best_of_n: of R(n), by n as text.
    """

    resamples: int
    floor: float
    ceiling: float
    best_of_n: dict[str, float]


def examples_error(table: TrialTable, resamples: int = RESAMPLES) -> ExamplesError | None:
    """The bootstrap over examples of best-of-n on a table; None where its predictions are not recorded.

    Every resample draws the dev examples and, apart from them, the test examples with replacement; each trial's best
    checkpoint on the dev set is found anew, and R(n) is best-of-n of all trials of the table by the test scores there.
    Without a test set what is chosen by is what is reported. Trials that failed are left out.

    Source:
        Efron 1979 (Annals of Statistics 7), the nonparametric bootstrap.
    """
    kept = table.status != "failed"
    if table.predicted_label is None or table.label is None or table.scored_by is None or not kept.any():
        return None
    rng = stream(0, table.name, "examples")
    on_test = None
    if table.test_predicted_label is not None and table.test_label is not None:
        on_test = table.test_predicted_label[kept], table.test_label
    trials, chosen = int(kept.sum()), []
    for start in range(0, resamples, step := max(1, _CHUNK // (trials * table.num_checkpoints))):
        number = min(step, resamples - start)
        dev = _resampled(table.scored_by, table.predicted_label[kept], table.label, number, rng)
        best = metrics.best_checkpoint(dev)[..., None]
        reported = dev if on_test is None else _resampled(table.scored_by, *on_test, number, rng)
        validation, test = (np.take_along_axis(scores, best, axis=-1)[..., 0] for scores in (dev, reported))
        _, validation, test = metrics.by_rank(validation, test)
        chosen.append(metrics.share_ties(validation, test))
    largest = min(trials, metrics.CEILING_TRIALS)
    curves = best_of_n_curve(np.concatenate(chosen), largest)
    error = curves.std(axis=0, ddof=1)
    ceiling = int(np.argmax(curves.mean(axis=0)))
    of_n = {str(n): float(error[n - 1]) for n in BUDGETS if n <= largest}
    return ExamplesError(resamples, float(error[0]), float(error[ceiling]), of_n)


def _resampled(
    metric: str, predicted: np.ndarray, label: np.ndarray, number: int, rng: np.random.Generator
) -> np.ndarray:
    """int8 [trials, checkpoints, examples], int8 [examples] -> scores [number, trials, checkpoints] of resamples."""
    weight = rng.multinomial(label.size, np.full(label.size, 1 / label.size), size=number).astype(np.float32)
    flat, right, examples = predicted.reshape(-1, label.size), [], []
    for value in range(max(2, int(label.max()) + 1)):  # counts below 2**24 are exact in float32
        of = label == value
        right.append(weight[:, of] @ (flat[:, of] == value).T.astype(np.float32))
        examples.append(weight[:, of].sum(axis=1, keepdims=True))
    counts = (np.rint(np.stack(count, axis=-1)).astype(np.int64) for count in (right, examples))
    score = metrics.metric_score(metric, *counts)
    return score.reshape(number, *predicted.shape[:2])
