"""Small trial sets made for tests: known worlds, written by the real writer and read by the real loader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seedbench.metrics import accuracy, constant_score, correct_counts, f1, matthews_correlation, metric_score
from seedbench.tasks import TASKS
from seedbench.trialset import TrialTable, majority_score_of, write_trials

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Split:
    """One table's rows for the writer, by config."""

    task: str
    trials: Rows
    predictions: Rows
    examples: Rows


def labels_of(task: str, examples: int) -> np.ndarray:
    """int8 [examples]: three of five positive, the same for all tables of a task, as it must be."""
    return (
        (np.arange(examples) * 7 % 5 < 3).astype(np.int8)
        if examples > 4
        else np.array([1, 1, 0, 0], np.int8)[:examples]
    )


def split_of(
    predicted: Sequence[Sequence[Any]] | np.ndarray,
    *,
    task: str = "sst2",
    model: str = "mini",
    recipe: str = "few",
    label: np.ndarray | None = None,
    steps_between: int = 3,
    missing: Iterable[tuple[int, int]] = (),
    test: np.ndarray | None = None,
    seeds: tuple[Sequence[int], Sequence[int]] | None = None,
) -> Split:
    """A table from its predictions, [rows, columns, checkpoints, examples]; everything else follows from them.

    The loss of an example is 0.25 where the prediction is right, 2 where it is wrong, NaN where there is none. `test`
    are those on the test set, whose examples are the rows 0, 10, 20 ... of the training file.
    """
    predicted = np.asarray(predicted, dtype=np.int8)
    rows, columns, checkpoints, examples = predicted.shape
    label = labels_of(task, examples) if label is None else np.asarray(label, dtype=np.int8)
    row_seeds, column_seeds = seeds or (range(rows), range(columns))
    skipped = set(missing)
    metric = TASKS[task].metric
    majority = constant_score(metric, correct_counts(label, label)[1])
    trials, predictions = [], []
    for row in range(rows):
        for column in range(columns):
            if (row, column) in skipped:
                continue
            name = f"{recipe}-{row_seeds[row]}-{column_seeds[column]}"
            cell = predicted[row, column]
            loss = np.where(cell == -1, np.nan, np.where(cell == label, 0.25, 2.0)).astype(np.float16)
            counts = correct_counts(cell, label)
            trials.append(
                {
                    "trial_id": name,
                    "model": model,
                    "task": task,
                    "recipe": recipe,
                    "epochs": 1,
                    "learning_rate": 2e-5,
                    "weight_init_seed": row_seeds[row],
                    "data_order_seed": column_seeds[column],
                    "status": "diverged"
                    if (cell == -1).any() or metric_score(metric, *counts)[-1] <= majority
                    else "finished",
                    "num_steps": checkpoints * steps_between,
                    "step": np.arange(1, checkpoints + 1) * steps_between,
                    "train_loss": np.linspace(0.7, 0.1, checkpoints),
                    "validation_loss": loss.mean(axis=1, dtype=np.float32),
                    "accuracy": accuracy(*counts),
                    "f1": f1(*counts),
                    "matthews_correlation": matthews_correlation(*counts),
                    "score": metric_score(metric, *counts),
                }
            )
            predictions.append({"trial_id": name, "predicted_label": cell})
            if test is not None:
                trials[-1] |= _on_test_set(task, test[row, column])
                predictions[-1]["test_predicted_label"] = test[row, column]
    if test is not None:
        test_label = labels_of(task, test.shape[-1])
        on_test = [
            {"task": task, "split": "test", "example": 10 * n, "label": int(v)} for n, v in enumerate(test_label)
        ]
    else:
        on_test = []
    dev = [
        {"task": task, "split": "validation", "example": number, "label": int(value)}
        for number, value in enumerate(label)
    ]
    return Split(task, trials, predictions, dev + on_test)


def _on_test_set(task: str, predicted: np.ndarray) -> dict[str, np.ndarray]:
    label = labels_of(task, predicted.shape[-1])
    loss = np.where(predicted == label, np.float32(0.25), np.float32(2.0)).mean(axis=1)
    return {"test_score": metric_score(TASKS[task].metric, *correct_counts(predicted, label)), "test_loss": loss}


def additive_predictions(
    rows: int, columns: int, *, task: str = "sst2", checkpoints: int = 5, examples: int = 60, seed: int = 0
) -> np.ndarray:
    """int8 [rows, columns, checkpoints, examples]: a trial's accuracy rises to a level of row + column + own effect."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.06, (rows, 1)) + rng.normal(0, 0.06, (1, columns)) + rng.normal(0, 0.05, (rows, columns))
    level = np.clip(0.78 + level, 0.5, 1.0)
    risen = 0.5 + (level - 0.5)[..., None] * np.linspace(0.2, 1.0, checkpoints)
    label = labels_of(task, examples)
    # One number per trial and example: an example once right stays right, as in training.
    hard = rng.random((rows, columns, 1, examples))
    return np.where(hard < risen[..., None], label, 1 - label).astype(np.int8)


def split_like_training(rows: int, columns: int, *, task: str = "sst2", **kind: Any) -> Split:
    """A table of `additive_predictions`, with `test_examples` those on a test set; other arguments go where they
    belong."""
    world = {name: kind.pop(name) for name in ("checkpoints", "examples", "seed") if name in kind}
    on_test = {"task": task, **world, "examples": kind.pop("test_examples", 50)}
    test = additive_predictions(rows, columns, **on_test) if on_test["examples"] else None
    return split_of(additive_predictions(rows, columns, task=task, **world), task=task, test=test, **kind)


def by_runners(split: Split) -> Split:
    """A table of which the runners' own record is there, too."""
    record = {"engine": "stacked", "device": "a core", "seedbench_version": "0.2.0", "torch_version": "2.9.0"}
    record |= {"transformers_version": "5.0.0", "model_sha256": "a" * 64, "data_sha256": "b" * 64}
    trials = [{**trial, **record, "dropout_seed": 7} for trial in split.trials]
    return replace(split, trials=trials)


def configs_of(*splits: Split, predictions: bool = True) -> dict[str, dict[str, Rows]]:
    """What `write_trials` takes; tables of one task go into one split."""
    configs: dict[str, dict[str, Rows]] = {"trials": {}, "predictions": {}, "examples": {}}
    for split in splits:
        configs["trials"].setdefault(split.task, []).extend(split.trials)
        configs["predictions"].setdefault(split.task, []).extend(split.predictions)
        configs["examples"][split.task] = max(configs["examples"].get(split.task, []), split.examples, key=len)
    return configs if predictions else {"trials": configs["trials"]}


def write(folder: Path, *splits: Split, predictions: bool = True, **manifest: Any) -> Path:
    """Writes a trial set and returns its folder."""
    write_trials(
        folder, configs_of(*splits, predictions=predictions), **{"name": "synthetic", "version": "1.0.0"} | manifest
    )
    return folder


def table_by_hand(
    predicted: Any, label: Sequence[int], *, task: str = "sst2", step: Sequence[int] | None = None
) -> TrialTable:
    """A table without files from predictions [rows, columns, checkpoints, examples]; None for a missing cell.

    Its test scores are its scores on the dev set.
    """
    cells = {
        (row, column): cell
        for row, line in enumerate(predicted)
        for column, cell in enumerate(line)
        if cell is not None
    }
    found = np.array(list(cells.values()), dtype=np.int8)
    row, column = (np.array(axis, dtype=np.int32) for axis in zip(*cells, strict=True))
    checkpoints = found.shape[1]
    truth = np.array(label, dtype=np.int8)
    loss = np.where(found == -1, np.nan, np.where(found == truth, 0.25, 2.0)).astype(np.float16)
    score = metric_score(TASKS[task].metric, *correct_counts(found, truth))
    return TrialTable(
        model="mini",
        task=task,
        recipe="by-hand",
        weight_init_seeds=np.arange(len(predicted)) + 100,
        data_order_seeds=np.arange(len(predicted[0])) + 200,
        row=row,
        column=column,
        trial_id=np.array([f"{r}-{c}" for r, c in cells], dtype=object),
        status=np.full(len(row), "finished", dtype=object),
        ended_at=np.full(len(row), checkpoints, dtype=np.int32),
        step=np.array(step if step is not None else np.arange(1, checkpoints + 1) * 10),
        train_loss=np.full((len(row), checkpoints), 0.5, dtype=np.float32),
        validation_loss=loss.mean(axis=2, dtype=np.float32),
        score=score,
        test_score=score.copy(),
        majority_score=majority_score_of(TASKS[task].metric, truth),
        evaluation_seconds=np.full(len(row), np.nan),
        predicted_label=found,
        label=truth,
    )
