"""Examples as they were read, before they are tokens: of a GLUE task, or of any data set with texts and labels.

A GLUE task comes from a local folder in the layout of ``nyu-mll/glue`` or from the Hub. Any other data set is a
`Dataset`: a name on the Hub, a folder that ``datasets`` loads, or files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from runners.data.tasks import GLUE
from runners.errors import RunnerError
from seedbench.documents import foreign_json, json_lines
from seedbench.tasks import TASKS
from seedbench.trialset.hub import explain
from seedbench.trialset.schema import TASK_NAME

#: Labels are recorded as int8.
MOST_LABELS = 128
_READERS = {
    ".csv": lambda path, text: pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False),
    ".tsv": lambda path, text: pd.read_csv(path, sep="\t", dtype=dict.fromkeys(text, str), keep_default_na=False),
    ".json": lambda path, text: _read_json(path),
    ".jsonl": lambda path, text: _read_json(path),
    ".parquet": lambda path, text: pd.read_parquet(path),
}


class DataError(RunnerError):
    """Data that cannot be used; the message names the file or data set, the column, the row and the rule."""


@dataclass(frozen=True)
class Dataset:
    """A data set that is not GLUE's.

    Attributes:
        name: on the Hub, as ``owner/name`` or ``owner/name:configuration``; a folder that ``datasets`` loads; or the
            training file: csv, tsv, json, jsonl or parquet.
        text: the columns of its texts, one or two.
        label: the column of its labels, whole numbers or names.
        validation: the split of its dev set, or its file where the data set is one.
        test: the same of its test set; None: one is held out of the training examples.
    """

    name: str
    text: tuple[str, ...]
    label: str = "label"
    validation: str = "validation"
    test: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.text) <= 2 or len(set(self.text)) < len(self.text):
            raise DataError(f"--text {' '.join(self.text)}: give one or two different columns")
        if self.label in self.text:
            raise DataError(
                f"--text {' '.join(self.text)}: {self.label!r} is the column of labels; name another: --label"
            )

    @property
    def is_file(self) -> bool:
        """Whether it is a training file."""
        return Path(self.name).suffix in _READERS and not Path(self.name).is_dir()


def dataset_of(
    name: str | None, text: Sequence[str], label: str | None, validation: str | None, test: str | None
) -> Dataset | None:
    """The data set that the options of a command line describe; None where there are none.

    Files and folders become absolute paths, since a job may start elsewhere.

    Raises:
        DataError: options that do not go together.
    """
    given = {"--text": text, "--label": label, "--validation": validation, "--test": test}
    if name is None:
        if stray := [option for option, value in given.items() if value]:
            raise DataError(f"{stray[0]}: says how a --dataset is read, and none is given")
        return None
    if not text:
        raise DataError(f"--dataset {name}: name its column of texts with --text, or two of them")
    dataset = Dataset(name, tuple(text), label or "label", validation or "validation", test)
    if dataset.is_file and validation is None:
        raise DataError(f"--dataset {name}: a training file; give the file of its dev set with --validation")
    if not dataset.is_file:
        return replace(dataset, name=_located(dataset.name))
    validation, test = _located(dataset.validation), test and _located(test)
    return replace(dataset, name=_located(name), validation=validation, test=test)


def _located(name: str) -> str:
    return str(Path(name).resolve()) if Path(name).exists() else name


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


def check_task(task: str, dataset: Dataset | None) -> None:
    """A task is GLUE's, or has a data set and a name of its own.

    Raises:
        DataError: it is neither.
    """
    if dataset is None and task not in TASKS:
        raise DataError(
            f"--task {task!r}: no such task; there are {', '.join(TASKS)}, or any other with --dataset and --text"
        )
    if dataset is not None and (task in TASKS or not TASK_NAME.fullmatch(task)):
        rule = "is GLUE's" if task in TASKS else "is not of small letters and digits alone"
        raise DataError(f"--task {task!r}: {rule}; give the data set {dataset.name} a name of its own")


def read_frames(task: str, source: str | Dataset) -> Frames:
    """Reads and checks the examples of a task.

    Args:
        task: a key of `seedbench.tasks.TASKS`, or the name of a `Dataset`.
        source: of a GLUE task: a folder ``<task>/<split>-00000-of-00001.parquet``, or a Hub dataset such as
            "nyu-mll/glue"; of another: its `Dataset`.

    Raises:
        DataError: no such task, file, split or column; no rows; a text or label that cannot be.
    """
    if isinstance(source, Dataset):
        return _read_dataset(source)
    check_task(task, None)
    train, validation = (_read_glue(task, split, source) for split in ("train", GLUE[task].validation))
    return Frames(train, validation, None, GLUE[task].text, TASKS[task].labels)


def num_rows(task: str, source: str) -> int:
    """Rows of a GLUE task's training file, which is not read.

    Raises:
        DataError: no such file, or not parquet.
    """
    path = glue_file(task, "train", source)
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


def first_texts(task: str, source: str) -> list[str]:
    """The first text of every row of a GLUE task's training file, of which nothing else is read or checked.

    Raises:
        DataError: no such file, or not parquet with such a column.
    """
    path, column = glue_file(task, "train", source), GLUE[task].text[0]
    try:
        return pd.read_parquet(path, columns=[column])[column].tolist()
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None


# ---- GLUE ----------------------------------------------------------------------------------------------------------


def glue_file(task: str, split: str, source: str) -> Path:
    """Where a split of a GLUE task lies, fetched from the Hub where it is not here.

    Raises:
        DataError: no such file or data set, or the Hub cannot be reached.
    """
    name = f"{task}/{split}-00000-of-00001.parquet"
    if Path(source).is_dir():
        path = Path(source) / name
        if not path.is_file():
            raise DataError(f"{path}: no such file; a GLUE folder holds <task>/<split>-00000-of-00001.parquet")
        return path
    if Path(source).exists() or source.count("/") != 1:
        raise DataError(f"{source}: neither a folder nor a Hub dataset (owner/name)")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(source, name, repo_type="dataset"))
    except Exception as error:  # of the Hub's client or HTTP  # noqa: BLE001
        raise DataError(f"{source}: {name} cannot be had: {explain(error)}") from None


def _read_glue(task: str, split: str, source: str) -> pd.DataFrame:
    path, labels = glue_file(task, split, source), len(TASKS[task].labels)
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from None
    _check_texts(frame, GLUE[task].text, "label", str(path))
    bad = ~frame["label"].isin(range(labels))
    if bad.any():
        row, rule = int(np.flatnonzero(bad)[0]), "0 or 1" if labels == 2 else f"0 to {labels - 1}"
        raise DataError(f"{path}: row {row}, column 'label' must be {rule}, got {frame['label'].tolist()[row]!r}")
    if frame["label"].nunique() < 2:
        raise DataError(f"{path}: every label is {frame['label'].iloc[0]}; a task needs two or more")
    return frame


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: not a readable {path.suffix[1:]} file ({' '.join(str(error).split())[:200]})")


def _check_texts(frame: pd.DataFrame, text: tuple[str, ...], label: str, where: str) -> None:
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


# ---- any other -----------------------------------------------------------------------------------------------------


def _read_dataset(dataset: Dataset) -> Frames:
    read = _read_files if dataset.is_file else _load_splits
    frames, names = read(dataset)
    for split, frame in frames.items():
        _check_texts(frame, dataset.text, dataset.label, split)
    values = {split: _label_values(frame[dataset.label], dataset.label, split) for split, frame in frames.items()}
    if names:
        _check_declared(values, dataset.label, names)
    train, *_ = values
    known = {value: number for number, value in enumerate(sorted(set(values[train])))}
    if not 2 <= len(known) <= MOST_LABELS:
        raise DataError(f"{train}: column {dataset.label!r} must have 2 to {MOST_LABELS} labels, has {len(known)}")
    numbered, text = [], tuple(f"text_{number}" for number, _ in enumerate(dataset.text, 1))  # one may be named label
    for split, frame in frames.items():
        for row, value in enumerate(values[split]):
            if value not in known:
                raise DataError(
                    f"{split}: row {row}, column {dataset.label!r} has label {value!r}, which no training example has"
                )
        label = np.array([known[value] for value in values[split]], np.int64)
        if len(np.unique(label)) < 2:
            raise DataError(f"{split}: every label is {values[split][0]!r}; a set needs two or more")
        numbered.append(frame[list(dataset.text)].set_axis(text, axis=1).assign(label=label))
    labels = tuple(names[value] if names else str(value) for value in known)
    return Frames(numbered[0], numbered[1], numbered[2] if len(numbered) > 2 else None, text, labels)


def _label_values(column: pd.Series, name: str, where: str) -> list[Any]:
    """Labels as whole numbers, or all as names."""
    values = [int(value) if isinstance(value, Integral) else value for value in column.tolist()]
    kind = int if isinstance(values[0], int) else str
    for row, value in enumerate(values):
        if not isinstance(value, kind) or value == "":
            rule = "a whole number, as in row 0" if kind is int else "a whole number or a name"
            raise DataError(f"{where}: row {row}, column {name!r} must be {rule}, got {value!r}")
    return values


def _check_declared(values: dict[str, list[Any]], name: str, names: list[str]) -> None:
    """Labels whose names are declared are numbers of these; -1 is common for an example without a label."""
    for split, labels in values.items():
        for row, value in enumerate(labels):
            if value not in range(len(names)):
                raise DataError(
                    f"{split}: row {row}, column {name!r} must be 0 to {len(names) - 1}, as its {len(names)} names are "
                    f"numbered, got {value!r}; leave out examples without a label"
                )


def _read_files(dataset: Dataset) -> tuple[dict[str, pd.DataFrame], list[str] | None]:
    frames = {}
    for file in (dataset.name, dataset.validation, *([dataset.test] if dataset.test else [])):
        path = Path(file)
        if path.suffix not in _READERS:
            raise DataError(f"{file}: expected a file of {', '.join(_READERS)}, as the training file {dataset.name} is")
        try:
            frames[str(path)] = _READERS[path.suffix](path, dataset.text)
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from None
    if len(frames) < 2 + bool(dataset.test):
        raise DataError(f"{dataset.name}: given for two of training, --validation and --test; each needs its own file")
    return frames, None


def _read_json(path: Path) -> pd.DataFrame:
    text = path.read_text(encoding="utf-8")
    if text.lstrip()[:1] == "[":
        return pd.DataFrame(foreign_json(text))
    return pd.DataFrame([foreign_json(line) for line in json_lines(text) if line.strip()])


def _load_splits(dataset: Dataset) -> tuple[dict[str, pd.DataFrame], list[str] | None]:
    """Splits of what ``datasets`` loads, and the labels' names where they are declared."""
    import datasets

    local = Path(dataset.name).exists()
    name, _, configuration = (dataset.name, "", "") if local else dataset.name.partition(":")
    # Of a folder `datasets` may not see that its files have changed.
    mode = datasets.DownloadMode.FORCE_REDOWNLOAD if local else datasets.DownloadMode.REUSE_DATASET_IF_EXISTS
    try:
        loaded = datasets.load_dataset(name, configuration or None, download_mode=mode)
    except Exception as error:  # datasets, the Hub's client and pyarrow raise kinds of their own  # noqa: BLE001
        raise DataError(f"--dataset {dataset.name}: cannot be loaded ({' '.join(str(error).split())[:300]})") from None
    wanted = {"train": None, dataset.validation: "--validation"}
    wanted |= {dataset.test: "--test"} if dataset.test else {}
    for split, option in wanted.items():
        if split not in loaded:
            advice = f"; name one with {option}" if option else ""
            raise DataError(f"--dataset {dataset.name}: no split {split!r}; there are {', '.join(loaded)}{advice}")
    if len(wanted) < 2 + bool(dataset.test):
        raise DataError(f"--dataset {dataset.name}: training, --validation and --test need a split of their own each")
    feature = loaded["train"].features.get(dataset.label)
    frames = {f"{dataset.name} split {split}": loaded[split].to_pandas() for split in wanted}
    return frames, getattr(feature, "names", None)
