"""GLUE tasks as token arrays, from a local folder in the layout of ``nyu-mll/glue`` or from the Hub.

A task's test set is held out of its training file before anything else (``runners.data.held_out``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from runners.data import seeds
from runners.data.held_out import split
from runners.data.recipe import Recipe
from runners.errors import RunnerError

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
        pad_id: the token that fills up a padded batch.
        inputs: what the tokenizer calls the arrays of a batch; a model is given these and no others.
    """

    token_ids: np.ndarray
    token_types: np.ndarray
    start: np.ndarray
    label: np.ndarray
    sha256: str
    pad_id: int = 0
    inputs: tuple[str, ...] = ("input_ids", "token_type_ids", "attention_mask")

    def __len__(self) -> int:
        return len(self.label)

    @property
    def length(self) -> np.ndarray:
        """Tokens per example, int64 [examples]."""
        return np.diff(self.start)


@dataclass(frozen=True)
class TaskData:
    """What a trial trains on (in the order of the file), is validated on and is tested on.

    Attributes:
        task: the GLUE task.
        train, validation: the training examples and GLUE's dev set.
        test: the test set; None: there is none.
        test_rows: int64 [test examples], their rows in GLUE's training file.
    """

    task: str
    train: Examples
    validation: Examples
    test: Examples | None = None
    test_rows: np.ndarray | None = None

    @cached_property
    def evaluated(self) -> Examples:
        """The dev examples, then the test examples: what an engine evaluates in one pass."""
        return self.validation if self.test is None else _join(self.validation, self.test)

    @property
    def sha256(self) -> str:
        """Of train, dev and test together."""
        parts = (self.train, self.validation, *([] if self.test is None else [self.test]))
        return hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest()


def _join(first: Examples, second: Examples) -> Examples:
    return Examples(
        token_ids=np.concatenate([first.token_ids, second.token_ids]),
        token_types=np.concatenate([first.token_types, second.token_types]),
        start=np.concatenate([first.start, first.start[-1] + second.start[1:]]),
        label=np.concatenate([first.label, second.label]),
        sha256="",
        pad_id=first.pad_id,
        inputs=first.inputs,
    )


def load_task(task: str, source: str, tokenizer, recipe: Recipe) -> TaskData:
    """Reads, checks and tokenises one task, its test set held out.

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
    frame = _read(task, "train", source)
    parts = split(task, frame[TEXT_COLUMNS[task][0]].tolist())
    rows = parts.train
    if recipe.train_examples is not None:
        if recipe.train_examples > len(rows):
            raise GlueError(
                f"recipe {recipe.name!r} trains on {recipe.train_examples} examples, {task} has {len(rows)} beside "
                "its test set: lower train_examples"
            )
        rows = rows[seeds.train_subset(recipe.train_subset_seed, len(rows), recipe.train_examples)]

    def encode(chosen: pd.DataFrame) -> Examples:
        return _encode(chosen, task, tokenizer, recipe.max_length)

    test = encode(frame.iloc[parts.test]) if len(parts.test) else None
    validation = encode(_read(task, "validation", source))
    return TaskData(task, encode(frame.iloc[rows]), validation, test, parts.test if test else None)


def train_size(task: str, source: str, recipe: Recipe) -> int:
    """Examples that a trial trains on; the texts are read only where they decide it.

    Raises:
        GlueError: no such file, or not parquet.
    """
    if recipe.train_examples is not None:
        return recipe.train_examples
    path = _file(task, "train", source)
    try:
        if task == "sst2":
            return len(split(task, pd.read_parquet(path, columns=["sentence"])["sentence"].tolist()).train)
        return len(split(task, [""] * pq.read_metadata(path).num_rows).train)
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
    encoded = tokenizer(*texts, truncation=True, max_length=max_length)
    length = [len(ids) for ids in encoded["input_ids"]]
    types = encoded.get("token_type_ids") or ([0] * size for size in length)  # a model without types has one
    label = frame["label"].to_numpy(np.int64)
    digest = hashlib.sha256(repr((texts, label.tolist())).encode())
    return Examples(
        token_ids=np.fromiter((i for ids in encoded["input_ids"] for i in ids), np.int32, sum(length)),
        token_types=np.fromiter((i for ids in types for i in ids), np.int32, sum(length)),
        start=np.concatenate([[0], np.cumsum(length)]),
        label=label,
        sha256=digest.hexdigest(),
        pad_id=tokenizer.pad_token_id or 0,
        inputs=tuple(tokenizer.model_input_names),
    )
