"""How many of a table's scores are a convention."""

from __future__ import annotations

from seedbench.metrics import correct_counts, undefined
from seedbench.trialset import TrialTable


def undefined_share(table: TrialTable) -> float:
    """Share of a table's checkpoints whose score on the dev set is a convention: undefined, or with a prediction of -1.

    NaN where the table has no predictions.
    """
    predicted, label = table.predicted_label, table.label
    if predicted is None or label is None:
        return float("nan")
    is_undefined = predicted.min(axis=-1) < 0
    # An undefined metric is 0 unless the labels themselves are constant, so few need counting.
    suspects = ~is_undefined & ((table.score == 0) | (label.min() == label.max()))
    is_undefined[suspects] = undefined(table.task, *correct_counts(predicted[suspects], label))
    return float(is_undefined.mean())
