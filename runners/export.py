"""Turns trial logs into a trial set: ``python -m runners.export LOGS OUT --name … --version …``.

``--compact`` makes small files of them instead, which become the same trial set on another machine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import typer
from rich.progress import track

from runners.compact import SUFFIX, Splits, read_compact, write_compact
from runners.errors import RunnerError
from runners.options import APPEND, reporting
from runners.trial_log import TrialLog, read_log
from seedbench import metrics
from seedbench.commands import open_console, run
from seedbench.tasks import TASKS
from seedbench.text import counted
from seedbench.trialset import (
    add_trials,
    load_trials,
    majority_score_of,
    read_manifest,
    to_arrow,
    write_trials,
)
from seedbench.trialset.files import with_all_columns
from seedbench.trialset.rows import different
from seedbench.trialset.schema import CONFIGS

Rows = dict[str, dict[str, list[dict[str, Any]]]]


def trial_row(log: TrialLog) -> dict[str, Any]:
    """The row of a log in the config ``trials``.

    Of a task that is not GLUE's the score is the accuracy. A trial is "diverged" where a loss or a logit is not finite,
    or where it ends no better than a constant prediction.
    """
    record, label = log.record, log.label
    predicted = predicted_label(log)
    metric, counts = _metric(record.task), metrics.correct_counts(predicted, label)
    score = metrics.metric_score(metric, *counts)
    labels = log.outcome.logits.shape[-1]
    beside = ("accuracy", "f1", "matthews_correlation") if labels == 2 else metrics.OF_ANY_LABELS
    finite = np.isfinite(log.outcome.step_train_loss).all() and np.isfinite(log.outcome.logits).all()
    known = {column.name for column in CONFIGS["trials"].columns}
    provenance = {name: value for name, value in vars(record).items() if name in known}
    return {
        **provenance,
        **{name: value for name, value in record.recipe_fields.items() if name in known},
        "trial_id": f"{record.model}/{record.recipe}/{record.weight_init_seed}-{record.data_order_seed}",
        "status": "finished" if finite and score[-1] > metrics.constant_score(metric, counts[1]) else "diverged",
        "score_name": None if record.task in TASKS else metric,
        "majority_score": majority_score_of(metric, label),
        "num_labels": None if record.task in TASKS else labels,
        "num_steps": record.step[-1],
        "step": np.array(record.step, np.int32),
        "train_loss": _means_between(log.outcome.step_train_loss, record.step),
        "validation_loss": _losses(log.outcome.logits, label).mean(axis=1).astype(np.float32),
        **{name: metrics.metric_score(name, *counts) for name in beside},
        "score": score,
        **_on_test_set(log),
    }


def _metric(task: str) -> str:
    """What the score of a task is."""
    return TASKS[task].metric if task in TASKS else "accuracy"


def _on_test_set(log: TrialLog) -> dict[str, np.ndarray]:
    """Score and mean loss at each checkpoint; nothing where there is no test set."""
    predicted = predicted_test_label(log)
    if predicted is None or log.test_label is None or log.outcome.test_logits is None:
        return {}
    return {
        "test_score": metrics.metric_score(
            _metric(log.record.task), *metrics.correct_counts(predicted, log.test_label)
        ),
        "test_loss": _losses(log.outcome.test_logits, log.test_label).mean(axis=1).astype(np.float32),
    }


def predicted_test_label(log: TrialLog) -> np.ndarray | None:
    """int8 [checkpoints, test examples], as `predicted_label`; None where there is no test set."""
    return None if log.outcome.test_logits is None else _labels(log.outcome.test_logits)


def predicted_label(log: TrialLog) -> np.ndarray:
    """int8 [checkpoints, dev examples]; -1 where a logit is not finite."""
    return _labels(log.outcome.logits)


def _labels(logits: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(logits).all(axis=-1), logits.argmax(axis=-1), -1).astype(np.int8)


def _losses(logits: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Cross entropy of each example, float64 [checkpoints, examples], nats; NaN where a logit is not finite."""
    logits = logits.astype(np.float64)
    with np.errstate(invalid="ignore"):
        top = logits.max(axis=-1, keepdims=True)
        total = np.log(np.exp(logits - top).sum(axis=-1)) + top[..., 0]
        loss = total - np.take_along_axis(logits, label.astype(int)[None, :, None], axis=-1)[..., 0]
    return np.where(np.isfinite(logits).all(axis=-1), loss, np.nan)


def _means_between(step_values: np.ndarray, step: list[int]) -> np.ndarray:
    parts = np.split(step_values.astype(np.float64), step[:-1])
    return np.array([part.mean() for part in parts], np.float32)


def rows_of(logs: Iterable[TrialLog], steps: bool = False, logits: bool = False) -> Rows:
    """Rows of every config, by task; ``steps`` and ``logits`` are optional and large.

    Raises:
        RunnerError: two logs of a task have other dev or test examples.
    """
    rows: Rows = defaultdict(lambda: defaultdict(list))
    examples: dict[str, list[dict[str, Any]]] = {}
    for log in logs:
        task, row = log.record.task, trial_row(log)
        if (its := _examples(log)) != examples.setdefault(task, its):
            raise RunnerError(f"{row['trial_id']}: other examples of {task} than in other logs; keep data sets apart")
        rows["trials"][task].append(row)
        identity = {"trial_id": row["trial_id"]}
        predictions = {
            "predicted_label": predicted_label(log),
            "test_predicted_label": predicted_test_label(log),
        }
        rows["predictions"][task].append(identity | predictions)
        if steps:
            arrays = {"step_train_loss": log.outcome.step_train_loss, "gradient_norm": log.outcome.gradient_norm}
            rows["steps"][task].append({**identity, **arrays})
        if logits:
            rows["logits"][task].append({**identity, "logits": log.outcome.logits})
    rows["examples"].update(examples)
    return rows


def _examples(log: TrialLog) -> list[dict[str, Any]]:
    """The rows of ``examples`` that a log is about."""
    dev = [("validation", row, label) for row, label in enumerate(log.label.tolist())]
    test = []
    if log.test_rows is not None and log.test_label is not None:
        test = [
            ("test", row, label) for row, label in zip(log.test_rows.tolist(), log.test_label.tolist(), strict=True)
        ]
    return [
        {"task": log.record.task, "split": split, "example": row, "label": label} for split, row, label in dev + test
    ]


def files_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """Every trial log below ``folder``, and every file that ``--compact`` wrote; each sorted.

    Raises:
        RunnerError: there is none of either.
    """
    logs, compact = (sorted(folder.rglob(pattern)) for pattern in ("wi*-do*.npz", f"*{SUFFIX}"))
    if not logs and not compact:
        raise RunnerError(f"{folder}: no trial logs (wi<seed>-do<seed>.npz), and no *{SUFFIX}, below it")
    return logs, compact


def splits_of(rows: Rows, compact: Iterable[Path] = ()) -> Splits:
    """Rows of logs and of compact files together, as Arrow tables; a trial that several files have is there once.

    Raises:
        RunnerError: one of the files is damaged, of other dev or test examples than the rest, or has another trial of
            the same name.
    """
    splits = {
        config: {task: to_arrow(config, of_task) for task, of_task in by_task.items()}
        for config, by_task in rows.items()
    }
    for task in splits.get("trials", {}):
        _keep_once(splits, task, "trial logs")
    for path in compact:
        found, task = read_compact(path), path.name.removesuffix(SUFFIX)
        for config, its in found.items():
            of_config = splits.setdefault(config, {})
            if config != "examples":
                both = [of_config[task], its] if task in of_config else [its]
                try:
                    of_config[task] = with_all_columns(config, pa.concat_tables(both, promote_options="default"))
                except pa.ArrowException as error:  # a column that is not known has another type there
                    raise RunnerError(
                        f"{path}: does not go with other files ({' '.join(str(error).split())})"
                    ) from None
            elif not of_config.setdefault(task, its).equals(its):
                raise RunnerError(f"{path}: other examples of {task} than in other files; keep data sets apart")
        _keep_once(splits, task, path)
    return splits


def _keep_once(splits: Splits, task: str, where: object) -> None:
    """Keeps one of a task's trials of the same name, such as those of logs and of the compact file made of them.

    Raises:
        RunnerError: two of the same name differ; ``where`` is what has the second.
    """
    names = splits["trials"][task].column("trial_id").to_pylist()
    row_of: dict[str, int] = {}
    first = [row_of.setdefault(name, row) for row, name in enumerate(names)]
    again = [row for row, before in enumerate(first) if row != before]
    if not again:
        return
    for config in splits.keys() - {"examples"}:
        table = splits[config][task]
        ours, theirs = table.take([first[row] for row in again]), table.take(again)
        for name in table.column_names:
            if (odd := different(ours.column(name), theirs.column(name))).any():
                raise RunnerError(
                    f"{where}: column {name!r} of trial {names[again[int(odd.argmax())]]} is another one than in other "
                    "files; the same seeds must be the same trial: leave one of the two out"
                )
        splits[config][task] = table.take(list(row_of.values()))


def append(splits: Splits, folder: Path, *, name: str | None, version: str | None) -> str:
    """Adds the trials that the trial set in ``folder`` does not hold yet; returns its manifest's SHA-256.

    Args:
        splits: of the logs.
        folder: of the trial set. Where it holds all of them, nothing is written.
        name: what it is called, if that is to be checked: it keeps its name.
        version: of the data from now on, above that of before; None: the next minor one.

    Raises:
        RunnerError: the trial set has another name.
        TrialSetError: the folder is no trial set, or cannot be written, or something collides with what it holds; it is
            as it was.
    """
    held = read_manifest(folder)
    if name not in (None, held.name):
        raise RunnerError(f"--name {name}: {folder} is {held.name}, and keeps its name; leave --name out")
    return add_trials(folder, [splits], version=version).sha256


def main(
    logs: Annotated[
        Path, typer.Argument(metavar="LOGS_DIR", help="Folder of trial logs, or of what --compact made of them.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Folder of the trial set.")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name of the trial set, such as owner/name on the Hub.")
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            metavar="X.Y.Z", help="Semantic version of the data; with --append the next minor one, if not given."
        ),
    ] = None,
    append_: Annotated[bool, APPEND] = False,
    steps: Annotated[bool, typer.Option(help="With the loss and gradient norm of every step.")] = False,
    logits: Annotated[bool, typer.Option(help="With the logits of every checkpoint.")] = False,
    compact: Annotated[
        bool, typer.Option("--compact", help="No trial set: a small file a task, to be exported elsewhere.")
    ] = False,
) -> None:
    """Turn trial logs into a trial set, or into a few small files that become the same trial set elsewhere."""
    console = open_console(stderr=True)
    with reporting():
        if compact and (steps or logits or append_ or name or version):
            raise RunnerError("--compact: leaves steps and logits behind, and names nothing; give it alone")
        if not compact and not append_ and not (name and version):
            raise RunnerError("--name and --version: a trial set has both; or give --compact")
        files, compacts = files_below(logs)
        if compacts and (steps or logits):
            raise RunnerError(f"{compacts[0]}: has neither steps nor logits; leave --steps and --logits out")
        rows = rows_of(
            (read_log(path) for path in track(files, "reading logs", console=console)), steps=steps, logits=logits
        )
        splits = splits_of(rows, compacts)
        if compact:
            for path in write_compact(out, splits):
                size = path.stat().st_size
                trials = counted(pq.read_metadata(path).num_rows, "trial")
                console.print(f"{path}: {trials}, {size:,} bytes", soft_wrap=True)
            return
        if append_:
            digest = append(splits, out, name=name, version=version)
        else:
            digest = write_trials(out, splits, name=name or "", version=version or "")
    for table in load_trials(out).tables:
        checkpoints = counted(table.num_checkpoints, "checkpoint")
        console.print(f"{table.name}: {counted(table.num_trials, 'trial')} × {checkpoints}", soft_wrap=True)
    console.print(f"{out}: manifest sha256 {digest}", soft_wrap=True)


if __name__ == "__main__":
    run(main, "python -m runners.export")
