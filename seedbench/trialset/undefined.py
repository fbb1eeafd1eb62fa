"""How many of a table's scores are a convention."""

from __future__ import annotations

from seedbench.metrics import correct_counts, undefined
from seedbench.trialset.table import TrialTable


def undefined_share(table: TrialTable) -> float | None:
    """Share of a table's checkpoints whose score on the dev set is a convention: undefined, or with a prediction of -1.

    None where the table has no predictions, or its score does not follow from them.
    """
    predicted, label = table.predicted_label, table.label
    if predicted is None or label is None or table.scored_by is None:
        return None
    is_undefined = predicted.min(axis=-1) < 0
    # An undefined metric is 0 unless the labels themselves are constant, so few need counting.
    suspects = ~is_undefined & ((table.score == 0) | (label.min() == label.max()))
    is_undefined[suspects] = undefined(table.scored_by, *correct_counts(predicted[suspects], label))
    return float(is_undefined.mean())
