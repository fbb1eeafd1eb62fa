"""What the summary's gap closed is made of, pair by pair of replicates: strategies evaluated apart can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seedbench.errors import SelectionError
from seedbench.evaluation.scores import Sample, TableScores, ratio_interval, summary_points
from seedbench.intervals import Interval
from seedbench.replay import Deletion

Columns = Mapping[str, np.ndarray]

_WHOLE = -1  # in place of a deletion's number: all seeds


def pairs_of(every: Sequence[TableScores], deletions: Sequence[Deletion]) -> dict[str, np.ndarray]:
    """A strategy's points won and those to win, of all tables together, for each deletion and pair of replicates.

    Args:
        every: its scores on each table.
        deletions: what was left out in re-runs, by number.

    Returns:
        Columns of equal length: `deletion` (-1: nothing is left out), `model` and `axis` of its seeds ("" then),
        `pair`, `won` and `to_win`, in that order of deletions and pairs.
    """
    won, to_win = summary_points(every)
    parts = [(_WHOLE, "", "", won.whole, to_win.whole)]
    for number, values in won.deleted.items():
        parts.append((number, deletions[number].model, deletions[number].axis, values, to_win.deleted[number]))
    return {
        "deletion": np.concatenate([np.full(len(values), number) for number, _, _, values, _ in parts]),
        "model": np.concatenate([np.full(len(values), model, dtype=object) for _, model, _, values, _ in parts]),
        "axis": np.concatenate([np.full(len(values), axis, dtype=object) for _, _, axis, values, _ in parts]),
        "pair": np.concatenate([np.arange(len(values)) for _, _, _, values, _ in parts]),
        "won": np.concatenate([values[:, 0] for _, _, _, values, _ in parts]),
        "to_win": np.concatenate([values[:, 0] for _, _, _, _, values in parts]),
    }


def paired_difference(one: Columns, other: Columns) -> Interval:
    """The difference of two strategies in the summary's gap closed -> `Interval` of a number, as `evaluate` gives it.

    Args:
        one: what `pairs_of` gave for the one.
        other: for the other, from the same tables, seeds, budgets and replicates.

    Raises:
        SelectionError: they are not from the same replicates.
    """
    alike = all(np.array_equal(one[key], other[key]) for key in ("deletion", "model", "axis", "pair"))
    if not alike or not np.array_equal(one["to_win"], other["to_win"], equal_nan=True):
        raise SelectionError("two strategies can only be compared on the same trials, budgets, seed and replicates")
    won, deletions = _sample(one, one["won"] - other["won"])
    to_win, _ = _sample(one, one["to_win"])
    return ratio_interval(won, to_win, deletions)


def _sample(columns: Columns, values: np.ndarray) -> tuple[Sample, dict[int, Deletion]]:
    """Values [rows] -> a sample of shape [P, 1], and of each deletion as much as an interval needs."""
    deleted, deletions = {}, {}
    for number in dict.fromkeys(columns["deletion"].tolist()):
        rows = columns["deletion"] == number
        deleted[number] = values[rows][:, None]
        first = int(np.argmax(rows))
        deletions[number] = Deletion(columns["model"][first], columns["axis"][first], frozenset())
    return Sample(deleted.pop(_WHOLE), deleted), deletions
