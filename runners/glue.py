"""GLUE tasks as token arrays, from a local folder in the layout of ``nyu-mll/glue`` or from the Hub."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from runners import seeds
from runners.errors import RunnerError
from runners.recipe import Recipe

TEXT_COLUMNS = {
    "cola": ("sentence",),
    "mrpc": ("sentence1", "sentence2"),
    "rte": ("sentence1", "sentence2"),
    "sst2": ("sentence",),
}
NUM_LABELS = 2


class GlueError(RunnerError):
    """GLUE data that cannot be used; the message names the file, the column, the row and the rule."""


@dataclass(frozen=True)
class Examples:
    """Tokenised examples, packed one behind the other.

    Attributes:
        token_ids, token_types: int32 [tokens].
        start: int64 [examples + 1]; example i is ``token_ids[start[i]:start[i + 1]]``.
        label: int64 [examples].
        sha256: of the texts and labels they were made from, in order.
    """

    token_ids: np.ndarray
    token_types: np.ndarray
    start: np.ndarray
    label: np.ndarray
    sha256: str

    def __len__(self) -> int:
        return len(self.label)

    @property
    def length(self) -> np.ndarray:
        """Tokens per example, int64 [examples]."""
        return np.diff(self.start)


@dataclass(frozen=True)
class TaskData:
    """What a trial trains on (in the order of the file) and is validated on."""

    task: str
    train: Examples
    validation: Examples


def load_task(task: str, source: str, tokenizer, recipe: Recipe) -> TaskData:
    """Reads, checks and tokenises one task.

    Args:
        task: "cola", "mrpc", "rte" or "sst2".
        source: a folder ``<task>/<split>-00000-of-00001.parquet``, or a Hub dataset such as "nyu-mll/glue".
        tokenizer: a transformers tokenizer.
        recipe: its ``max_length`` and training subset.

    Raises:
        GlueError: no such task, file or column; no rows; a text or label that cannot be.
    """
    if task not in TEXT_COLUMNS:
        raise GlueError(f"no task {task!r}; there are {', '.join(TEXT_COLUMNS)}")
    train = _read(task, "train", source)
    if recipe.train_examples is not None:
        if recipe.train_examples > len(train):
            raise GlueError(
                f"recipe {recipe.name!r} trains on {recipe.train_examples} examples, {task} has {len(train)}: lower "
                "train_examples"
            )
        train = train.iloc[seeds.train_subset(recipe.train_subset_seed, len(train), recipe.train_examples)]
    validation = _read(task, "validation", source)
    return TaskData(
        task,
        _encode(train, task, tokenizer, recipe.max_length),
        _encode(validation, task, tokenizer, recipe.max_length),
    )


def train_size(task: str, source: str, recipe: Recipe) -> int:
    """Examples that a trial trains on, without reading them.

    Raises:
        GlueError: no such file, or not parquet.
    """
    if recipe.train_examples is not None:
        return recipe.train_examples
    path = _file(task, "train", source)
    try:
        return pq.read_metadata(path).num_rows
    except (OSError, ValueError) as error:
        raise GlueError(f"{path}: not a readable parquet file ({error}); download it again") from None


def _file(task: str, split: str, source: str) -> Path:
    name = f"{task}/{split}-00000-of-00001.parquet"
    if Path(source).is_dir():
        path = Path(source) / name
        if not path.is_file():
            raise GlueError(f"{path}: no such file; a GLUE folder holds <task>/<split>-00000-of-00001.parquet")
        return path
    if Path(source).exists() or source.count("/") != 1:
        raise GlueError(f"{source}: neither a folder nor a Hub dataset (owner/name)")
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(source, name, repo_type="dataset"))


def _read(task: str, split: str, source: str) -> pd.DataFrame:
    path = _file(task, split, source)
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise GlueError(f"{path}: not a readable parquet file ({error}); download it again") from None
    if frame.empty:
        raise GlueError(f"{path}: no rows; download it again")
    for column in (*TEXT_COLUMNS[task], "label"):
        if column not in frame:
            raise GlueError(f"{path}: no column {column!r}; {task} has {', '.join((*TEXT_COLUMNS[task], 'label'))}")
    for column in TEXT_COLUMNS[task]:
        bad = ~frame[column].map(lambda text: isinstance(text, str))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise GlueError(f"{path}: row {row}, column {column!r} must be text, got {frame[column].tolist()[row]!r}")
    bad = ~frame["label"].isin(range(NUM_LABELS))
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise GlueError(f"{path}: row {row}, column 'label' must be 0 or 1, got {frame['label'].tolist()[row]!r}")
    if frame["label"].nunique() < NUM_LABELS:
        raise GlueError(f"{path}: every label is {frame['label'].iloc[0]}; a task needs both")
    return frame


def _encode(frame: pd.DataFrame, task: str, tokenizer, max_length: int) -> Examples:
    texts = [frame[column].tolist() for column in TEXT_COLUMNS[task]]
    encoded = tokenizer(*texts, truncation=True, max_length=max_length, return_token_type_ids=True)
    length = [len(ids) for ids in encoded["input_ids"]]
    label = frame["label"].to_numpy(np.int64)
    digest = hashlib.sha256(repr((texts, label.tolist())).encode())
    return Examples(
        token_ids=np.fromiter((i for ids in encoded["input_ids"] for i in ids), np.int32, sum(length)),
        token_types=np.fromiter((i for ids in encoded["token_type_ids"] for i in ids), np.int32, sum(length)),
        start=np.concatenate([[0], np.cumsum(length)]),
        label=label,
        sha256=digest.hexdigest(),
    )
