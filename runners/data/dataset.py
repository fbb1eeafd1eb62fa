"""A data set that is not GLUE's: a name on the Hub, a folder that ``datasets`` loads, or files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from runners.data.frames import DataError, Frames, check_texts, unreadable
from seedbench.documents import foreign_json, json_lines

#: Labels are recorded as int8.
MOST_LABELS = 128
_READERS = {
    ".csv": lambda path, text: pd.read_csv(path, dtype=dict.fromkeys(text, str), keep_default_na=False),
    ".tsv": lambda path, text: pd.read_csv(path, sep="\t", dtype=dict.fromkeys(text, str), keep_default_na=False),
    ".json": lambda path, text: _read_json(path),
    ".jsonl": lambda path, text: _read_json(path),
    ".parquet": lambda path, text: pd.read_parquet(path),
}


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


def read_dataset(dataset: Dataset) -> Frames:
    """Reads and checks its examples.

    Raises:
        DataError: no such file, split or column; no rows; a text or label that cannot be.
    """
    read = _read_files if dataset.is_file else _load_splits
    frames, names = read(dataset)
    for split, frame in frames.items():
        check_texts(frame, dataset.text, dataset.label, split)
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
            raise unreadable(path, error) from None
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
