"""Examples as data frames: what reading any source gives, and what holds of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from runners.errors import RunnerError


class DataError(RunnerError):
    """Data that cannot be used; the message names the file or data set, the column, the row and the rule."""


@dataclass(frozen=True)
class Frames:
    """What was read: texts in the columns ``text``, labels from 0 in ``label``, which is none of them.

    Attributes:
        train, validation: the whole training file, and the dev set.
        test: a test set that came with it; None: none did.
        text: the columns of the texts.
        labels: the names of the labels.
    """

    train: pd.DataFrame
    validation: pd.DataFrame
    test: pd.DataFrame | None
    text: tuple[str, ...]
    labels: tuple[str, ...]


def unreadable(path: Path, error: Exception) -> DataError:
    """What to raise where a file cannot be read."""
    return DataError(f"{path}: not a readable {path.suffix[1:]} file ({' '.join(str(error).split())[:200]})")


def check_texts(frame: pd.DataFrame, text: tuple[str, ...], label: str, where: str) -> None:
    """There are rows, the columns are there, and all texts are text.

    Raises:
        DataError: it is not so.
    """
    if frame.empty:
        raise DataError(f"{where}: no rows")
    for column in (*text, label):
        if column not in frame:
            raise DataError(f"{where}: no column {column!r}; there are {', '.join(map(str, frame.columns))}")
    for column in text:
        bad = ~frame[column].map(lambda value: isinstance(value, str))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise DataError(f"{where}: row {row}, column {column!r} must be text, got {frame[column].tolist()[row]!r}")
