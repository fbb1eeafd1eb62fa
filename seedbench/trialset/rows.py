"""Rows of splits: taken by trial, compared, and held to a rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.trialset.lists import flatten

if TYPE_CHECKING:
    import pyarrow as pa


def of_trials(split: pa.Table, names: pa.ChunkedArray) -> pa.Table:
    """The rows of a split that belong to these trials, in their order; every one must be there."""
    import pyarrow.compute as pc

    column = split.column("trial_id")
    if names.equals(column):
        return split
    return split.take(pc.index_in(names, value_set=column.combine_chunks()))


def different(ours: pa.ChunkedArray, theirs: pa.ChunkedArray) -> np.ndarray:
    """Two columns of one type and length -> bool [rows], where they differ. A NaN is the same as another."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if ours.equals(theirs):  # the common case, and fast; not so where there is a NaN
        return np.zeros(len(ours), dtype=bool)
    nulls = pc.not_equal(ours.is_null(), theirs.is_null()).to_numpy()
    if pa.types.is_list(ours.type):
        return _different_lists(ours, theirs, nulls)
    if pa.types.is_floating(ours.type):
        mine, other = (column.to_numpy() for column in (ours, theirs))
        differs: np.ndarray = ~((mine == other) | (np.isnan(mine) & np.isnan(other)))
    else:
        differs = pc.fill_null(pc.not_equal(ours, theirs), False).to_numpy()
    either: np.ndarray = nulls | differs
    return either


def _different_lists(ours: pa.ChunkedArray, theirs: pa.ChunkedArray, nulls: np.ndarray) -> np.ndarray:
    (mine, lengths), (other, other_lengths) = flatten(ours), flatten(theirs)
    differs: np.ndarray = nulls | (lengths != other_lengths)
    if differs.any():
        comparable = np.flatnonzero(~differs)
        differs[comparable] = different(ours.take(comparable), theirs.take(comparable))
        return differs
    filled = np.flatnonzero(lengths)
    starts = (np.cumsum(lengths) - lengths)[filled]
    if filled.size:
        differs[filled] = np.logical_or.reduceat(different(mine, other), starts)
    return differs


def require_rows(holds: np.ndarray, where: str, rule: str, values: Sequence[object] | np.ndarray) -> None:
    """One clear line for the first row that breaks a rule; `values` is what stands in each row."""
    if not holds.all():
        row = int(np.flatnonzero(~holds)[0])
        raise TrialSetError(f"{where} row {row}: {rule}, found {str(values[row])[:80]!r}")


def require_trials(holds: np.ndarray, where: str, rule: str, names: np.ndarray) -> None:
    """One clear line for the first trial of a table that breaks a rule."""
    if not holds.all():
        raise TrialSetError(f"{where}: {rule}; not so in trial {names[np.flatnonzero(~holds)[0]]!r}")


def first_twice(names: Iterable[str]) -> str:
    """The first name that has been there before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise ValueError("all names differ")
