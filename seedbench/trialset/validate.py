"""What must hold in a trial set beyond what loading it needs: `seedbench trials --validate`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.memory import require_room
from seedbench.metrics import METRICS, OF_ANY_LABELS, constant_score, correct_counts, metric_score
from seedbench.trialset.arrays import load_tables
from seedbench.trialset.files import CARD, MANIFEST, Manifest, read_checked, read_manifest, read_split
from seedbench.trialset.lists import curves_of, flatten, ragged
from seedbench.trialset.schema import CONFIGS
from seedbench.trialset.table import TrialTable, majority_score_of
from seedbench.trialset.write import data_files

if TYPE_CHECKING:
    import pyarrow as pa

_COLUMNS = [column.name for column in CONFIGS["trials"].columns if column.name in METRICS]

_TOLERANCE = 1e-6  # the same counts, perhaps divided in float32


def validate_folder(path: str | os.PathLike[str], *, without_predictions: bool = False) -> list[str]:
    """Every problem of a trial set's folder, one line each; empty where it is valid.

    Args:
        path: of the folder.
        without_predictions: they are known not to be here, as in an installed seedbench.

    Beyond what `load_trials` checks: every file is listed and unchanged, the recorded scores, test scores, metrics,
    majority score and status follow from the recorded predictions, labels and losses, no loss is negative, and `steps`
    and `logits` have the lengths that their trials, examples and labels ask for. Whether predictions are the largest of
    the logits is not checked: these may be recorded less precisely than what was predicted from. Files and folders
    whose names begin with a dot are no part of a trial set.

    Raises:
        SeedbenchError: this process may not take what reading takes, see `require_room`.
    """
    require_room()
    folder = Path(path)
    try:
        manifest = read_manifest(folder)
    except TrialSetError as error:
        return [str(error)]
    problems: list[str] = []

    def attempt(check: Callable[[], None]) -> None:
        try:
            check()
        except TrialSetError as error:
            problems.append(str(error))

    problems += [
        f"{folder / file}: not listed in {MANIFEST}" for file in data_files(folder) if file not in manifest.files
    ]
    unlisted = len(problems)
    for listed in manifest.files:
        if without_predictions and listed.startswith("predictions/"):
            continue
        attempt(partial(_check_unchanged, folder, manifest, listed))
    if len(problems) > unlisted:  # what is in a damaged file says nothing
        return problems
    try:
        tables = load_tables(folder, manifest, predictions=not without_predictions)
    except TrialSetError as error:
        return [*problems, str(error)]
    for table in tables:
        problems += [*_score_problems(table), *_status_problems(table), *_loss_problems(table)]
    for task, shards in manifest.shards("trials").items():
        split = read_split(folder, manifest, "trials", shards)
        for table in tables:
            for name in _COLUMNS if table.task == task else ():
                attempt(partial(_check_metric, table, name, split, f"{folder / 'trials'} split {task}"))
    for config in ("steps", "logits"):
        attempt(partial(_check_optional, folder, manifest, config, tables))
    card = folder / CARD
    if card.exists() and manifest.sha256 not in card.read_text(encoding="utf-8", errors="replace"):
        problems.append(f"{card}: must carry the manifest's SHA-256 {manifest.sha256}; build the card again")
    return problems


def _check_unchanged(folder: Path, manifest: Manifest, path: str) -> None:
    read_checked(folder, manifest, path)


def _score_problems(table: TrialTable) -> Iterator[str]:
    if table.scored_by is None:  # measured by something else
        return
    for name, stated, predicted, label in (
        ("score", table.score, table.predicted_label, table.label),
        ("test_score", table.test_score, table.test_predicted_label, table.test_label),
    ):
        if stated is not None and predicted is not None and label is not None:
            score = metric_score(table.scored_by, *correct_counts(predicted, label))
            # What stands in the place of a failed trial's scores was not predicted.
            own = np.arange(table.num_checkpoints) < table.ended_at[:, None]
            yield from _different(table, name, np.arange(table.num_trials), stated, np.where(own, score, stated))
    if table.label is not None:
        majority = majority_score_of(table.scored_by, table.label)
        if not abs(table.majority_score - majority) <= _TOLERANCE:
            yield (
                f"{table.name}: majority_score is {table.majority_score:.6f}, the labels of the dev set give "
                f"{majority:.6f}"
            )


def _check_metric(table: TrialTable, name: str, split: pa.Table, where: str) -> None:
    """A metric that a table may record beside its score: one value a checkpoint, and the one its predictions give."""
    column = split.column(name)
    curves = curves_of(column, f"{where} column {name!r}")
    position = {trial: row for row, trial in enumerate(split.column("trial_id").to_pylist())}
    rows = np.array([position[trial] for trial in table.trial_id])
    recorded = np.flatnonzero(~curves.null[rows])
    for trial in recorded[curves.length[rows[recorded]] != table.ended_at[recorded]][:1]:
        raise TrialSetError(
            f"{table.name}: {name} of trial {table.trial_id[trial]!r} must have its {table.ended_at[trial]} "
            f"checkpoints, found {curves.length[rows[trial]]}"
        )
    recorded = recorded[table.ended_at[recorded] > 0]
    if recorded.size and (table.labels or 2) > 2 and name not in OF_ANY_LABELS:
        raise TrialSetError(f"{table.name}: {name} must be null, since the task has {table.labels} labels")
    if table.predicted_label is not None and table.label is not None and recorded.size:
        stated = curves.filled(rows[recorded], table.num_checkpoints)
        expected = METRICS[name](*correct_counts(table.predicted_label[recorded], table.label))
        for problem in _different(table, name, recorded, stated, expected):
            raise TrialSetError(problem)


def _different(table: TrialTable, name: str, trials: np.ndarray, stated: np.ndarray, expected: np.ndarray) -> list[str]:
    """The first of the values [trials, checkpoints] that is not what the predictions give; NaN never is."""
    return [
        f"{table.name}: {name} of trial {table.trial_id[trials[at]]!r} at checkpoint {checkpoint} is "
        f"{stated[at, checkpoint]:.6f}, its predictions give {expected[at, checkpoint]:.6f}"
        for at, checkpoint in np.argwhere(~(np.abs(stated - expected) <= _TOLERANCE))[:1]
    ]


def _status_problems(table: TrialTable) -> Iterator[str]:
    """Diverged: met a NaN, or ended no better than a constant prediction. Judged by what is recorded of a trial, where
    its status is known and it did not fail."""
    met_nan = np.zeros(table.num_trials, dtype=bool)
    no_better = np.zeros(table.num_trials, dtype=bool)
    has_train_loss = not np.isnan(table.train_loss).all()
    if has_train_loss:
        met_nan |= ~np.isfinite(table.train_loss).all(axis=1)
    if not np.isnan(table.validation_loss).all():
        met_nan |= np.isnan(table.validation_loss).any(axis=1)
    if table.predicted_label is not None and table.label is not None and table.scored_by is not None:
        met_nan |= (table.predicted_label == -1).any(axis=(1, 2))
        right, examples = correct_counts(table.predicted_label[:, -1], table.label)
        no_better = metric_score(table.scored_by, right, examples) <= constant_score(table.scored_by, examples)
    for trial in np.flatnonzero((table.status == "finished") & (met_nan | no_better))[:1]:
        what = "met a NaN" if met_nan[trial] else "ended no better than a constant prediction"
        yield f"{table.name}: status of trial {table.trial_id[trial]!r} is finished, and it {what}: must be diverged"
    if has_train_loss and table.predicted_label is not None:  # else it may have met a NaN that is not recorded
        for trial in np.flatnonzero(table.diverged & ~met_nan & ~no_better)[:1]:
            yield (
                f"{table.name}: status of trial {table.trial_id[trial]!r} is diverged, and it met no NaN and ended "
                "better than a constant prediction: must be finished"
            )


def _loss_problems(table: TrialTable) -> Iterator[str]:
    for name, loss in (("train_loss", table.train_loss), ("validation_loss", table.validation_loss)):
        for trial, checkpoint in np.argwhere(loss < 0)[:1]:
            yield (
                f"{table.name}: {name} of trial {table.trial_id[trial]!r} at checkpoint {checkpoint} is "
                f"{loss[trial, checkpoint]}, and a loss is never negative"
            )


def _check_optional(folder: Path, manifest: Manifest, config: str, tables: tuple[TrialTable, ...]) -> None:
    for task, shards in manifest.shards(config).items():
        split = read_split(folder, manifest, config, shards)
        where = f"{folder / config} split {task}"
        of_task = [table for table in tables if table.task == task]
        expected = sorted(name for table in of_task for name in table.trial_id)
        if sorted(split.column("trial_id").to_pylist()) != expected:
            raise TrialSetError(f"{where}: must have the {len(expected)} trials of the split, each once")
        position = {name: row for row, name in enumerate(split.column("trial_id").to_pylist())}
        for column in (column.name for column in CONFIGS[config].columns if column.name != "trial_id"):
            if config == "steps":
                values, lengths = ragged(split.column(column), f"{where} column {column!r}")
                if (values < 0).any():
                    raise TrialSetError(
                        f"{where} column {column!r}: must not be negative, found {values[values < 0][0]}"
                    )
            else:
                lengths = flatten(split.column(column))[1]
            for table in of_task:
                done = np.concatenate([[0], table.step])[table.ended_at]
                for trial, name in enumerate(table.trial_id):
                    length, ended = int(lengths[position[name]]), int(table.ended_at[trial])
                    if length == 0 and column == "gradient_norm":
                        continue
                    # A trial that ended early may have gone on for some steps after its last checkpoint.
                    wanted = int(done[trial]) if config == "steps" else ended
                    more = table.num_steps if config == "steps" and ended < table.num_checkpoints else wanted
                    if not wanted <= length <= more:
                        rule = f"trial {name!r} must have {wanted} entries, found {length}"
                        raise TrialSetError(f"{where} column {column!r}: {rule}")
            if config == "logits":
                _check_logits(split, column, where, {name: table for table in of_task for name in table.trial_id})


def _check_logits(split: pa.Table, column: str, where: str, table_of: Mapping[str, TrialTable]) -> None:
    """At every checkpoint the examples of the dev set, of each its labels; where these numbers are known."""
    names = split.column("trial_id").to_pylist()
    tables = [table_of[name] for name in names]
    inner, checkpoints = flatten(split.column(column))
    values, examples = flatten(inner)
    trial = np.repeat(np.arange(len(names)), checkpoints)
    for what, lengths, trials, expected in (
        ("examples at every checkpoint", examples, trial, [_dev_examples(table) for table in tables]),
        ("logits of every example", flatten(values)[1], np.repeat(trial, examples), [table.labels for table in tables]),
    ):
        wanted = np.array([-1 if number is None else number for number in expected])[trials]
        for at in np.flatnonzero((lengths != wanted) & (wanted >= 0))[:1]:
            rule = f"trial {names[trials[at]]!r} must have {wanted[at]} {what}, found {lengths[at]}"
            raise TrialSetError(f"{where} column {column!r}: {rule}")


def _dev_examples(table: TrialTable) -> int | None:
    return table.dev_examples if table.predicted_label is None else table.predicted_label.shape[2]
