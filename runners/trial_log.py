"""The log of one trial: one file, written whole or not at all.

A log holds what cannot be computed again without training (logits, losses, norms, times) and where it came from;
predictions and scores follow from it in ``runners.export``. It is an ``.npz`` archive with these arrays: ``record``
(JSON: the fields of `Record`), ``label`` int8 [dev examples], ``logits`` float32 [checkpoints, dev examples, labels],
``step_train_loss`` and ``gradient_norm`` float32 [steps], and where there is a test set ``test_label``,
``test_logits`` likewise and ``test_rows`` int64 [test examples], their rows in GLUE's training file.
"""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal

import numpy as np

from runners.data import seeds
from runners.data.recipe import Recipe
from runners.errors import RunnerError
from seedbench.documents import Count, Positive, Sha256, from_json, to_json
from seedbench.errors import CannotWrite
from seedbench.files import make_folder, write_file

# What reading one may raise, by zipfile (encrypted or packed otherwise, it says), by NumPy's header, by memory.
_DAMAGED = (OSError, EOFError, KeyError, TypeError, ValueError, OverflowError, MemoryError, RuntimeError) + (
    (zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError)
)


class TrialLogError(RunnerError):
    """A log that cannot be used; the message names the file."""


@dataclass(frozen=True)
class Cell:
    """One cell of the seed grid."""

    weight_init_seed: int
    data_order_seed: int

    @property
    def dropout_seed(self) -> int:
        """The seed of the cell's dropout masks, drawn from the pair."""
        return seeds.default_dropout_seed(self.weight_init_seed, self.data_order_seed)


@dataclass(frozen=True)
class Outcome:
    """What an engine returns for one trial.

    Attributes:
        step_train_loss: float32 [steps], mean loss of each batch.
        gradient_norm: float32 [steps], before clipping.
        logits: float32 [checkpoints, dev examples, labels].
        train_seconds, evaluation_seconds: wall time; for trials that ran together, each one's share.
        test_logits: float32 [checkpoints, test examples, labels]; None: there is no test set.
    """

    step_train_loss: np.ndarray
    gradient_norm: np.ndarray
    logits: np.ndarray
    train_seconds: float
    evaluation_seconds: float
    test_logits: np.ndarray | None = None


@dataclass(frozen=True)
class Record:
    """Where a trial came from: everything in a log that is not an array.

    ``drawn`` names the parameters that were drawn from the weight-init seed; in logs from before it was recorded, it
    is empty.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    model: str
    task: str
    recipe: str
    recipe_fields: dict[str, bool | int | float | str | None]
    weight_init_seed: Count
    data_order_seed: Count
    dropout_seed: Count
    step: list[Positive]
    train_seconds: float
    evaluation_seconds: float
    device: str
    engine: str
    seedbench_version: str
    torch_version: str
    transformers_version: str
    model_sha256: Sha256
    data_sha256: Sha256
    drawn: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TrialLog:
    """A log as read.

    Attributes:
        record: where it came from.
        label: int8 [dev examples].
        outcome: what the trial did.
        test_label: int8 [test examples]; None: there is no test set.
        test_rows: int64 [test examples], their rows in GLUE's training file.
    """

    record: Record
    label: np.ndarray
    outcome: Outcome
    test_label: np.ndarray | None = None
    test_rows: np.ndarray | None = None


def log_path(folder: Path, model: str, task: str, recipe: Recipe | str, cell: Cell) -> Path:
    """Where the log of this cell lies below ``folder``."""
    name = recipe if isinstance(recipe, str) else recipe.name
    table = folder / model.replace("/", "--") / task / name
    return table / f"wi{cell.weight_init_seed}-do{cell.data_order_seed}.npz"


def write_log(path: Path, log: TrialLog) -> None:
    """Writes ``log``, whole or not at all.

    Raises:
        TrialLogError: no room, or no permission; nothing is left behind.
    """
    arrays: dict[str, Any] = {
        "record": np.array(to_json(log.record)),
        "label": log.label.astype(np.int8),
        "logits": log.outcome.logits,
        "step_train_loss": log.outcome.step_train_loss,
        "gradient_norm": log.outcome.gradient_norm,
    }
    if log.test_label is not None:
        arrays["test_label"] = log.test_label.astype(np.int8)
        arrays["test_logits"], arrays["test_rows"] = log.outcome.test_logits, log.test_rows
    try:
        write_file(path, lambda file: np.savez(file, **arrays), parents=True)
    except CannotWrite as error:
        raise TrialLogError(
            f"{path}: cannot be written ({error.reason}); what was finished before is kept, run again when there is "
            "room"
        ) from None


def check_writable(folder: Path) -> None:
    """Said before hours of training, not after.

    Raises:
        TrialLogError: no file can be made in ``folder``.
    """
    try:
        make_folder(folder)
        with TemporaryFile(dir=folder):
            pass
    except (CannotWrite, OSError) as error:
        reason = error.reason if isinstance(error, CannotWrite) else error.strerror or error
        raise TrialLogError(f"{folder}: no log can be written there ({reason})") from None


def read_record(path: Path) -> Record:
    """The record of one log, without its arrays.

    Raises:
        TrialLogError: not a log, or damaged.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            return _record(archive)
    except _DAMAGED as error:
        raise _damaged(path, error) from None


def read_log(path: Path) -> TrialLog:
    """Reads one log.

    Raises:
        TrialLogError: not a log, or damaged.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            record = _record(archive)
            test = {name: archive[name] for name in ("test_label", "test_rows", "test_logits") if name in archive}
            outcome = Outcome(
                archive["step_train_loss"],
                archive["gradient_norm"],
                archive["logits"],
                record.train_seconds,
                record.evaluation_seconds,
                test.pop("test_logits", None),
            )
            return TrialLog(record, archive["label"], outcome, **test)
    except _DAMAGED as error:
        raise _damaged(path, error) from None


def _record(archive: Mapping[str, np.ndarray]) -> Record:
    return from_json(str(archive["record"]), Record, "record", error=ValueError)


def _damaged(path: Path, error: Exception) -> TrialLogError:
    return TrialLogError(
        f"{path}: not a trial log ({' '.join(str(error).split())[:200]}); remove it and run the sweep again"
    )
