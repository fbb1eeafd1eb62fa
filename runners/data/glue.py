"""A task as token arrays: what it trains on, is validated on and is tested on.

A test set that does not come with the data is held out of the training file before anything else
(``runners.data.held_out``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from runners.data import seeds
from runners.data.dataset import Dataset
from runners.data.frames import DataError, Frames
from runners.data.held_out import split, split_sizes
from runners.data.reading import first_texts, num_rows, read_frames
from runners.data.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


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
        task: its name.
        train, validation: the training examples and the dev set.
        test: the test set; None: there is none.
        test_rows: int64 [test examples], their rows in the training file, or in the file that the test set came in.
        labels: the names of the labels.
    """

    task: str
    train: Examples
    validation: Examples
    test: Examples | None = None
    test_rows: np.ndarray | None = None
    labels: tuple[str, ...] = ("0", "1")

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


def load_task(task: str, source: str | Dataset, tokenizer: PreTrainedTokenizerBase, recipe: Recipe) -> TaskData:
    """Reads, checks and tokenises one task, its test set held out.

    Args:
        task: a key of `seedbench.tasks.TASKS`, or the name that the `Dataset` has been given.
        source: where it is read, as of `runners.data.reading.read_frames`.
        tokenizer: a transformers tokenizer.
        recipe: its ``max_length`` and training subset.

    Raises:
        DataError: no such task, file or column; no rows; a text or label that cannot be.
    """
    return encode_task(read_task(task, source), tokenizer, recipe)


@dataclass(frozen=True)
class ReadTask:
    """A task as it was read.

    Attributes:
        task: its name.
        frames: its examples.
        train: int64, rows of the training file that recipes train on.
        test: int64, rows of the test set, in the file that it came in or else in the training file.
    """

    task: str
    frames: Frames
    train: np.ndarray
    test: np.ndarray


def read_task(task: str, source: str | Dataset) -> ReadTask:
    """Reads and checks a task and parts its training file; arguments and errors as of `load_task`."""
    frames = read_frames(task, source)
    if frames.test is not None:
        return ReadTask(task, frames, np.arange(len(frames.train)), np.arange(len(frames.test)))
    parts = split(task, frames.train[frames.text[0]].tolist())
    return ReadTask(task, frames, parts.train, parts.test)


def encode_task(read: ReadTask, tokenizer: PreTrainedTokenizerBase, recipe: Recipe) -> TaskData:
    """Tokenises what a recipe trains on and the dev and test examples; arguments and errors as of `load_task`."""
    frames, rows = read.frames, read.train
    if recipe.train_examples is not None:
        if recipe.train_examples > len(rows):
            raise DataError(
                f"recipe {recipe.name!r} trains on {recipe.train_examples} examples, {read.task} has {len(rows)} "
                "beside its test set: lower train_examples"
            )
        rows = rows[seeds.train_subset(recipe.train_subset_seed, len(rows), recipe.train_examples)]

    def encode(chosen: pd.DataFrame) -> Examples:
        return _encode(chosen, frames.text, tokenizer, recipe.max_length)

    tested = frames.train if frames.test is None else frames.test
    test = encode(tested.iloc[read.test]) if len(read.test) else None
    return TaskData(
        task=read.task,
        train=encode(frames.train.iloc[rows]),
        validation=encode(frames.validation),
        test=test,
        test_rows=None if test is None else read.test,
        labels=frames.labels,
    )


def train_size(task: str, source: str | Dataset, recipe: Recipe) -> int:
    """Examples that a trial trains on; the texts are read only where they decide it.

    Raises:
        DataError: no such file, or not readable.
    """
    if recipe.train_examples is not None:
        return recipe.train_examples
    if isinstance(source, Dataset):
        return len(read_task(task, source).train)
    if task == "sst2":
        return len(split(task, first_texts(task, source)).train)
    return split_sizes(task, num_rows(task, source))[0]


def _encode(
    frame: pd.DataFrame, text: tuple[str, ...], tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Examples:
    texts = [frame[column].tolist() for column in text]
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
