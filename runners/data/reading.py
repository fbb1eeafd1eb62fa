"""Examples as they were read, before they are tokens: of a GLUE task, or of a `Dataset`.

A GLUE task comes from a local folder in the layout of ``nyu-mll/glue`` or from the Hub.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from runners.data.dataset import Dataset, read_dataset
from runners.data.frames import DataError, Frames, check_texts, unreadable
from runners.data.tasks import GLUE
from seedbench.tasks import TASKS
from seedbench.trialset.hub import explain
from seedbench.trialset.schema import TASK_NAME


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
        return read_dataset(source)
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
        raise unreadable(path, error) from None


def first_texts(task: str, source: str) -> list[str]:
    """The first text of every row of a GLUE task's training file, of which nothing else is read or checked.

    Raises:
        DataError: no such file, or not parquet with such a column.
    """
    path, column = glue_file(task, "train", source), GLUE[task].text[0]
    try:
        return pd.read_parquet(path, columns=[column])[column].tolist()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None


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
        raise unreadable(path, error) from None
    check_texts(frame, GLUE[task].text, "label", str(path))
    bad = ~frame["label"].isin(range(labels))
    if bad.any():
        row, rule = int(np.flatnonzero(bad)[0]), "0 or 1" if labels == 2 else f"0 to {labels - 1}"
        raise DataError(f"{path}: row {row}, column 'label' must be {rule}, got {frame['label'].tolist()[row]!r}")
    if frame["label"].nunique() < 2:
        raise DataError(f"{path}: every label is {frame['label'].iloc[0]}; a task needs two or more")
    return frame
