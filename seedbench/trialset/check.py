"""What must hold in a trial set beyond what loading it needs: `seedbench trials --validate`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.metrics import correct_counts, task_score
from seedbench.trialset.files import CARD, MANIFEST, Manifest, ragged, read_checked, read_manifest, read_split
from seedbench.trialset.table import TrialTable, load_tables

_TOLERANCE = 1e-6  # the same counts, perhaps divided in float32


def validate_folder(path: str | os.PathLike[str]) -> list[str]:
    """Every problem of a trial set's folder, one line each; empty where it is valid.

    Beyond what `load_trials` checks: every file is listed and unchanged, the recorded scores follow from the recorded
    predictions, no loss is negative, and `steps` and `logits` fit their trials and predictions.
    """
    folder = Path(path)
    try:
        manifest = read_manifest(folder)
        tables = load_tables(folder, manifest)
    except TrialSetError as error:
        return [str(error)]
    problems: list[str] = []

    def attempt(check: Callable[[], None]) -> None:
        try:
            check()
        except TrialSetError as error:
            problems.append(str(error))

    for found in sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()):
        if found not in manifest.files and found not in (MANIFEST, CARD):
            problems.append(f"{folder / found}: not listed in {MANIFEST}")
    for listed in manifest.files:
        attempt(partial(_check_unchanged, folder, manifest, listed))
    for table in tables:
        problems += _score_problems(table)
    for config in ("steps", "logits"):
        attempt(partial(_check_optional, folder, manifest, config, tables))
    card = folder / CARD
    if card.exists() and manifest.sha256 not in card.read_text(encoding="utf-8", errors="replace"):
        problems.append(f"{card}: must carry the manifest's SHA-256 {manifest.sha256}; build the card again")
    return problems


def _check_unchanged(folder: Path, manifest: Manifest, path: str) -> None:
    read_checked(folder, manifest, path)


def _score_problems(table: TrialTable) -> list[str]:
    problems = []
    if table.predicted_label is not None and table.label is not None:
        score = task_score(table.task, *correct_counts(table.predicted_label, table.label))
        for trial, checkpoint in np.argwhere(np.abs(score - table.score) > _TOLERANCE)[:1]:
            problems.append(
                f"{table.name}: score of trial {table.trial_id[trial]!r} at checkpoint {checkpoint} is "
                f"{table.score[trial, checkpoint]:.6f}, its predictions give {score[trial, checkpoint]:.6f}"
            )
    if table.example_loss is not None:
        for trial, checkpoint, example in np.argwhere(table.example_loss < 0)[:1]:
            problems.append(
                f"{table.name}: example_loss of trial {table.trial_id[trial]!r} at checkpoint {checkpoint}, "
                f"example {example} is {table.example_loss[trial, checkpoint, example]}, and a loss is never negative"
            )
        # Means of float16 losses against a mean taken in float32: equal within half a float16 unit of each.
        with np.errstate(invalid="ignore", over="ignore"):
            mean = table.example_loss.mean(axis=2, dtype=np.float64)
            known = np.isfinite(mean) & np.isfinite(table.validation_loss)
            far = known & (np.abs(mean - table.validation_loss) > 1e-3 * np.maximum(1, np.abs(mean)))
        for trial, checkpoint in np.argwhere(far)[:1]:
            problems.append(
                f"{table.name}: validation_loss of trial {table.trial_id[trial]!r} at checkpoint {checkpoint} is "
                f"{table.validation_loss[trial, checkpoint]:.6f}, "
                f"the mean of example_loss is {mean[trial, checkpoint]:.6f}"
            )
    return problems


def _check_optional(folder: Path, manifest: Manifest, config: str, tables: tuple[TrialTable, ...]) -> None:
    for task, shards in manifest.shards(config).items():
        split = read_split(folder, manifest, config, shards)
        where = f"{folder / config} split {task}"
        of_task = [table for table in tables if table.task == task]
        expected = sorted(name for table in of_task for name in table.trial_id)
        if sorted(split.column("trial_id").to_pylist()) != expected:
            raise TrialSetError(f"{where}: must have the {len(expected)} trials of the split, each once")
        position = {name: row for row, name in enumerate(split.column("trial_id").to_pylist())}
        for column in split.column_names[1:]:
            if config == "steps":
                _, lengths = ragged(split.column(column), f"{where} column {column!r}")
            else:
                lengths = split.column(column).combine_chunks().value_lengths().to_numpy()
            for table in of_task:
                wanted = table.num_steps if config == "steps" else table.num_checkpoints
                for name in table.trial_id:
                    found = int(lengths[position[name]])
                    if found != wanted and not (found == 0 and column == "gradient_norm"):
                        rule = f"trial {name!r} must have {wanted} entries, found {found}"
                        raise TrialSetError(f"{where} column {column!r}: {rule}")
