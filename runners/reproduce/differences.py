"""Recorded trials against the same trials trained again, checkpoint by checkpoint, and the file that keeps it.

Equal means equal as recorded: predicted labels, scores, and losses in the precision that a trial set has them in, of
the dev set and, where it is recorded, of the test set.
Differences are taken where both values are finite; None is what the record does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from runners.errors import RunnerError
from runners.export import predicted_label, predicted_test_label, trial_row
from runners.trial_log import TrialLog
from seedbench.documents import to_json
from seedbench.errors import CannotWrite
from seedbench.files import locked, write_file
from seedbench.trialset import Reproduction, TrainedAgain, TrialTable, read_reproductions

#: What may differ between two runs of a trial without making it another one.
PROVENANCE = ("engine", "device", "seedbench_version", "torch_version", "transformers_version")


def compare(
    table: TrialTable,
    trial: int,
    log: TrialLog,
    recorded_by: Mapping[str, str | None],
    steps: np.ndarray | None,
) -> TrainedAgain:
    """A recorded trial against the log of the same trial trained again.

    Args:
        table: where it is recorded.
        trial: its place there.
        log: of the same model, data, recipe and seeds.
        recorded_by: the record's ``PROVENANCE``.
        steps: [steps], the recorded loss of every training step; None where not recorded.
    """
    row = trial_row(log)
    pairs = [(table.score[trial], row["score"])]
    changed = losses = means = largest_step = None
    if table.predicted_label is not None:
        predicted = predicted_label(log)
        changed = (table.predicted_label[trial] != predicted).sum(axis=1).tolist()
        pairs.append((table.predicted_label[trial], predicted))
    if not np.isnan(table.validation_loss[trial]).all():
        pairs.append((table.validation_loss[trial], row["validation_loss"]))
        losses = [_largest(*both) for both in zip(*pairs[-1], strict=True)]
    if not np.isnan(table.train_loss[trial]).all():
        pairs.append((table.train_loss[trial], row["train_loss"]))
        means = [_largest(*both) for both in zip(*pairs[-1], strict=True)]
    if steps is not None:
        pairs.append((steps, log.outcome.step_train_loss))
        largest_step = _largest(*pairs[-1])
    scores = labels = None
    if table.test_score is not None and "test_score" in row:
        scores = table.test_score[trial], row["test_score"]
        pairs.append(scores)
    if table.test_loss is not None and "test_loss" in row:
        pairs.append((table.test_loss[trial], row["test_loss"]))
    test_labels = predicted_test_label(log)
    if table.test_predicted_label is not None and test_labels is not None:
        labels = table.test_predicted_label[trial], test_labels
        pairs.append(labels)
    return TrainedAgain(
        model=table.model,
        task=table.task,
        recipe=table.recipe,
        trial_id=str(table.trial_id[trial]),
        weight_init_seed=log.record.weight_init_seed,
        data_order_seed=log.record.data_order_seed,
        equal=all(np.array_equal(*both, equal_nan=True) for both in pairs) and table.status[trial] == row["status"],
        recorded_status=table.status[trial],
        status=row["status"],
        recorded_score=table.score[trial].tolist(),
        score=row["score"].tolist(),
        predictions_changed=changed,
        validation_loss=losses,
        train_loss=means,
        step_train_loss=largest_step,
        recorded_by=dict(recorded_by),
        by={name: getattr(log.record, name) for name in PROVENANCE},
        recorded_test_score=scores and scores[0].tolist(),
        test_score=scores and scores[1].tolist(),
        test_predictions_changed=labels and (labels[0] != labels[1]).sum(axis=1).tolist(),
    )


def _largest(recorded: np.ndarray, again: np.ndarray) -> float | None:
    """The largest difference where both are finite; None where nothing is."""
    both = np.isfinite(recorded) & np.isfinite(again)
    difference = np.abs(np.float64(recorded) - np.float64(again))[both]
    return float(difference.max()) if difference.size else None


# ---- what a person sees --------------------------------------------------------------------------------------------


def report(done: Reproduction) -> Group:
    """The comparisons as a table, and in words."""
    shown = Table("trial", "examples changed, by checkpoint", "score", "loss", "best, recorded", "again", box=None)
    for title in shown.columns[2:]:
        title.justify = "right"
    for one in done.trials:
        changed = "–" if one.predictions_changed is None else " ".join(map(str, one.predictions_changed))
        losses = [loss for loss in one.validation_loss or () if loss is not None]
        shown.add_row(
            f"{one.task} {one.recipe} {one.weight_init_seed}-{one.data_order_seed}",
            changed,
            f"{max(np.abs(np.subtract(one.recorded_score, one.score))):.4f}",
            f"{max(losses):.2g}" if losses else "–",
            f"{max(one.recorded_score):.4f}",
            f"{max(one.score):.4f}",
        )
    legend = "score, loss: the largest difference at a checkpoint, of the score and of the mean dev loss (nats)"
    return Group(shown, Text(legend, style="dim"), *map(Text, words(done)))


def words(done: Reproduction) -> list[str]:
    """How many are equal, how far the others are off, and what differed in how they were run."""
    trials = done.trials
    sentences = [f"{sum(one.equal for one in trials)} of {len(trials)} trials are equal in everything recorded."]
    counts = [count for one in trials for count in one.predictions_changed or ()]
    if counts:
        sentences.append(
            f"At {counts.count(0)} of {len(counts)} checkpoints every dev example is predicted the same; at the others "
            f"{max(counts)} change at most."
            if any(counts)
            else f"At all {len(counts)} checkpoints every dev example is predicted the same."
        )
    tested = [count for one in trials for count in one.test_predictions_changed or ()]
    if tested:
        sentences.append(
            f"Of the test examples {max(tested)} are predicted otherwise at most, and none at {tested.count(0)} of "
            f"{len(tested)} checkpoints."
        )
    off = [abs(max(one.recorded_score) - max(one.score)) for one in trials]
    spread = ", ".join(f"{at.best_score_sd:.4f} ({at.task} {at.recipe})" for at in done.tables if at.best_score_sd)
    beside = f"; between seeds their standard deviation is {spread}" if spread else ""
    sentences.append(f"Best scores are off by {max(off):.4f} at most{beside}.")
    steps = [one.step_train_loss for one in trials if one.step_train_loss is not None]
    if steps:
        sentences.append(f"Losses of training steps differ by {max(steps):.2g} at most.")
    other = [
        f"{one.trial_id} ({one.recorded_status or 'not recorded'}, now {one.status})"
        for one in trials
        if one.status != one.recorded_status
    ]
    if other:
        sentences.append(f"Ended otherwise than recorded: {', '.join(other)}.")
    for name in PROVENANCE:
        runs = {(one.recorded_by[name] or "not recorded", one.by[name]) for one in trials}
        sentences += [f"{name}: recorded {then}, now {now}." for then, now in sorted(runs) if then != now]
    return sentences


# ---- the file that keeps it ----------------------------------------------------------------------------------------


def kept_in(path: Path) -> list[Reproduction]:
    """What ``keep`` wrote; nothing where there is no file.

    Raises:
        RunnerError: it is something else.
    """
    return read_reproductions(path, "no file of reproductions: give another with --json", RunnerError)


def keep(done: Reproduction, path: Path) -> None:
    """Writes a reproduction into the file, beside those that are there; one of the same tables, draw, engine and device
    goes.

    Raises:
        RunnerError: the file is something else, or cannot be written.
    """
    try:
        with locked(path):
            kept = [one for one in kept_in(path) if _which(one) != _which(done)]
            write_file(path, to_json([*kept, done]))
    except CannotWrite as error:
        raise RunnerError(f"{path}: cannot be written ({error.reason})") from None


def _which(one: Reproduction) -> tuple[object, ...]:
    devices = {trial.by["device"] for trial in one.trials}
    return one.engine, devices, one.seed, sorted((table.model, table.task, table.recipe) for table in one.tables)
