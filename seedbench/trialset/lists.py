"""Arrow's columns of lists <-> arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.trialset.schema import arrow_type

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Curves:
    """A column of lists over checkpoints.

    Attributes:
        values: [checkpoints of all rows, ...].
        start: int [rows], where each row's begin.
        length: int [rows], how many they are.
        null: bool [rows], whether a row has no list at all.
    """

    values: np.ndarray
    start: np.ndarray
    length: np.ndarray
    null: np.ndarray

    def filled(self, rows: np.ndarray, width: int) -> np.ndarray:
        """[rows, width, ...], the last element of a shorter list repeated, and zeros for an empty one."""
        start, length = self.start[rows], self.length[rows]
        if (length == width).all():
            if width and (np.diff(start) == width).all():  # as the writer leaves them: a view, no copy
                return self.values[start[0] : start[0] + len(rows) * width].reshape(len(rows), width, *self._shape)
            table: np.ndarray = self.values[start[:, None] + np.arange(width)]
            return table
        found = np.zeros((len(rows), width, *self._shape), dtype=self.values.dtype)
        some = length > 0
        found[some] = self.values[start[some, None] + np.minimum(np.arange(width), length[some, None] - 1)]
        return found

    @property
    def _shape(self) -> tuple[int, ...]:
        return self.values.shape[1:]


def curves_of(column: pa.ChunkedArray, where: str, width: int | None = None) -> Curves:
    """A column of lists, or with `width` of lists of lists of that length.

    Raises:
        TrialSetError: an element is null, or an inner list of another length.
    """
    values, length = ragged(column, where) if width is None else ragged_matrix(column, width, where)
    return Curves(values, np.cumsum(length) - length, length, column.is_null().to_numpy())


def ragged(column: pa.ChunkedArray, what: str) -> tuple[np.ndarray, np.ndarray]:
    """A list column -> its elements [total] and the length of each row's list [rows]; null rows have length 0.

    Raises:
        TrialSetError: an element is null.
    """
    values, lengths = flatten(column)
    return _leaves(values, what), lengths


def ragged_matrix(column: pa.ChunkedArray, width: int, what: str) -> tuple[np.ndarray, np.ndarray]:
    """A list<list> column -> its elements [total, width] and each row's outer length [rows]; null rows have length 0.

    Args:
        column: nested lists whose inner lists are all equally long.
        width: that length.
        what: file and column, for errors.

    Raises:
        TrialSetError: an inner list of another length, or a null.
    """
    inner, outer_lengths = flatten(column)
    values, lengths = flatten(inner)
    if inner.null_count:
        raise TrialSetError(f"{what}: a checkpoint must not be null")
    if (odd := np.flatnonzero(lengths != width)).size:
        row = int(np.searchsorted(np.cumsum(outer_lengths), odd[0], side="right"))
        length = int(lengths[odd[0]])
        raise TrialSetError(f"{what} row {row}: must hold {width} values at every checkpoint, found {length}")
    return _leaves(values, what).reshape(-1, width), outer_lengths


def flatten(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, np.ndarray]:
    """A list column -> the elements of all its lists, and the length of each row's list; null rows have length 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    chunks = [chunk.flatten() for chunk in column.chunks]
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    return pa.chunked_array(chunks, type=column.type.value_type), lengths


def _leaves(values: pa.ChunkedArray, what: str) -> np.ndarray:
    if values.null_count:
        raise TrialSetError(f"{what}: an element must not be null")
    arrays = [chunk.to_numpy(zero_copy_only=True) for chunk in values.chunks]
    return arrays[0] if len(arrays) == 1 else np.concatenate([np.empty(0, values.type.to_pandas_dtype()), *arrays])


def nested(values: Sequence[np.ndarray | Sequence[Any] | None], type_name: str) -> pa.Array:
    """Arrays, one a row, all of the type's number of dimensions (None: null) -> an Arrow array of nested lists."""
    import pyarrow as pa

    depth = type_name.count("list<")
    leaf = arrow_type(type_name[5 * depth : len(type_name) - depth])
    dtype = leaf.to_pandas_dtype()
    arrays = [None if value is None else np.asarray(value) for value in values]
    for row, array in enumerate(arrays):
        if array is not None and (array.ndim != depth or not np.can_cast(array.dtype, dtype, casting="same_kind")):
            raise TrialSetError(f"row {row}: must be {type_name}, found {array.dtype} of shape {list(array.shape)}")
    present = [array for array in arrays if array is not None]
    flat = [np.ascontiguousarray(array, dtype=dtype).ravel() for array in present]
    out = pa.array(np.concatenate([np.empty(0, dtype), *flat]), leaf)
    for level in range(depth - 1, 0, -1):  # inner lists: one for every index into the dimensions before
        lengths = np.concatenate([[0], *(np.full(int(np.prod(a.shape[:level])), a.shape[level]) for a in present)])
        out = pa.ListArray.from_arrays(pa.array(np.cumsum(lengths), pa.int32()), out)
    ends = np.cumsum([0 if array is None else len(array) for array in arrays])
    missing = [array is None for array in arrays]
    mask = np.array([*missing, False]) if any(missing) else None
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32(), mask=mask)
    return pa.ListArray.from_arrays(offsets, out).cast(arrow_type(type_name))
