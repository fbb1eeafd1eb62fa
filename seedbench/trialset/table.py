"""One trial table as arrays; how it is read from a trial set's files, and all that replay relies on checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.metrics import majority_score
from seedbench.trialset.files import MANIFEST, Manifest, ragged, ragged_matrix, read_split
from seedbench.trialset.schema import RECIPE_COLUMNS, STATUSES

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class TrialTable:
    """All trials of one model × task × recipe, ordered by weight-init seed, then data-order seed. Arrays are read-only.

    Attributes:
        model: name of the pretrained model.
        task: GLUE task.
        recipe: name of the recipe.
        weight_init_seeds: int64 [rows], ascending: the rows of the seed grid.
        data_order_seeds: int64 [columns], ascending: its columns.
        row: int32 [trials], the grid row of each trial.
        column: int32 [trials], its grid column.
        cell: int32 [rows, columns], the trial in each cell, -1 where there is none.
        trial_id: object [trials].
        diverged: bool [trials].
        step: int64 [checkpoints], training steps done at each checkpoint; the same for all trials.
        train_loss: float32 [trials, checkpoints], nats; NaN where not finite or not recorded.
        validation_loss: float32 [trials, checkpoints], nats, over the whole dev set; NaN likewise.
        score: float64 [trials, checkpoints], the task's metric on the whole dev set.
        predicted_label: int8 [trials, checkpoints, examples], -1 where the logits were not finite; None where the trial
            set has no predictions.
        example_loss: float16 [trials, checkpoints, examples], nats; None where not recorded.
        label: int8 [examples]; None where the trial set has no predictions.
        fields: the recipe's fields, by column name of the schema.
    """

    model: str
    task: str
    recipe: str
    weight_init_seeds: np.ndarray
    data_order_seeds: np.ndarray
    row: np.ndarray
    column: np.ndarray
    cell: np.ndarray
    trial_id: np.ndarray
    diverged: np.ndarray
    step: np.ndarray
    train_loss: np.ndarray
    validation_loss: np.ndarray
    score: np.ndarray
    predicted_label: np.ndarray | None = None
    example_loss: np.ndarray | None = None
    label: np.ndarray | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def name(self) -> str:
        """`model/task/recipe`, as errors and `--only` write it."""
        return f"{self.model}/{self.task}/{self.recipe}"

    @property
    def num_trials(self) -> int:
        return len(self.row)

    @property
    def num_checkpoints(self) -> int:
        return len(self.step)

    @property
    def num_steps(self) -> int:
        """Training steps of one full trial: what one unit of budget buys."""
        return int(self.step[-1])

    @property
    def majority_score(self) -> float:
        """Score of always predicting the commoner label of the dev set; NaN where the labels are unknown."""
        if self.label is None:
            return float("nan")
        return majority_score(self.task, *np.bincount(self.label, minlength=2)[::-1])

    @property
    def grid(self) -> tuple[int, int]:
        """Numbers of weight-init seeds and of data-order seeds."""
        return len(self.weight_init_seeds), len(self.data_order_seeds)


def load_tables(folder: Path, manifest: Manifest) -> tuple[TrialTable, ...]:
    """All trial tables of a folder, ordered by model, task, recipe."""
    splits = {config: manifest.shards(config) for config in ("trials", "predictions", "examples")}
    if not splits["trials"]:
        raise TrialSetError(f"{folder / MANIFEST}: lists no trials/<task>-00000-of-0000N.parquet")
    for config in ("predictions", "examples"):
        if splits[config] and set(splits[config]) != set(splits["trials"]):
            raise TrialSetError(
                f"{folder / MANIFEST}: {config} must have the splits of trials "
                f"({', '.join(splits['trials'])}) or none, found {', '.join(splits[config])}"
            )
    if bool(splits["predictions"]) != bool(splits["examples"]):
        raise TrialSetError(f"{folder / MANIFEST}: predictions and examples must be there together")
    tables: list[TrialTable] = []
    for task, shards in splits["trials"].items():
        where = f"{folder / 'trials'} split {task}"
        trials = read_split(folder, manifest, "trials", shards)
        if not trials.num_rows:
            raise TrialSetError(f"{where}: has no trials; leave the split out, or record some")
        loaded = _load_trials(trials, task, where)
        if splits["predictions"]:
            where = f"{folder / 'examples'} split {task}"
            label = _load_labels(read_split(folder, manifest, "examples", splits["examples"][task]), task, where)
            where = f"{folder / 'predictions'} split {task}"
            predictions = read_split(folder, manifest, "predictions", splits["predictions"][task])
            loaded = _with_predictions(loaded, predictions, label, where)
        tables += loaded
    return tuple(sorted(tables, key=lambda table: (table.model, table.task, table.recipe)))


def _load_trials(split: pa.Table, task: str, where: str) -> list[TrialTable]:
    columns = {name: split.column(name) for name in split.column_names}
    texts = {
        name: np.array(columns[name].to_pylist(), dtype=object)
        for name in ("trial_id", "model", "task", "recipe", "status")
    }
    _require_rows(texts["task"] == task, f"{where} column 'task'", f"must be {task!r}", texts["task"])
    rule = f"must be one of {', '.join(STATUSES)}"
    _require_rows(np.isin(texts["status"], STATUSES), f"{where} column 'status'", rule, texts["status"])
    if len(set(texts["trial_id"])) != len(texts["trial_id"]):
        raise TrialSetError(f"{where} column 'trial_id': {_first_twice(texts['trial_id'])!r} is there twice")
    for name in ("trial_id", "model", "recipe"):
        plain = np.array([bool(re.fullmatch(r"[\w.+/=-]+", text, re.ASCII)) for text in texts[name]], dtype=bool)
        _require_rows(plain, f"{where} column {name!r}", "must be letters, digits and ._+=-/", texts[name])
    seeds = {name: columns[name].to_numpy() for name in ("weight_init_seed", "data_order_seed", "num_steps")}
    lists = {
        name: ragged(columns[name], f"{where} column {name!r}")
        for name in ("step", "train_loss", "validation_loss", "score")
    }
    starts = {name: np.cumsum(lengths) - lengths for name, (_, lengths) in lists.items()}

    def matrix(name: str, rows: np.ndarray, width: int) -> np.ndarray:
        values, lengths = lists[name]
        nothing = columns[name].null_count and not lengths[rows].any()
        if nothing:  # recorded for none of the table's trials
            return np.full((len(rows), width), np.nan, dtype=values.dtype)
        rule = f"must have the table's {width} checkpoints"
        _require_trials(lengths[rows] == width, f"{where} column {name!r}", rule, texts["trial_id"][rows])
        return values[starts[name][rows, None] + np.arange(width)]

    tables = []
    for model, recipe in sorted(set(zip(texts["model"], texts["recipe"], strict=True))):
        rows = np.flatnonzero((texts["model"] == model) & (texts["recipe"] == recipe))
        rows = rows[np.lexsort((seeds["data_order_seed"][rows], seeds["weight_init_seed"][rows]))]
        names = texts["trial_id"][rows]
        wi, row = np.unique(seeds["weight_init_seed"][rows], return_inverse=True)
        do, column = np.unique(seeds["data_order_seed"][rows], return_inverse=True)
        twice = np.flatnonzero((np.diff(row) == 0) & (np.diff(column) == 0))
        if twice.size:
            a, b = rows[twice[0]], rows[twice[0] + 1]
            raise TrialSetError(
                f"{where}: rows {min(a, b)} and {max(a, b)} are the same cell of {model}/{task}/{recipe}: "
                f"weight_init_seed {seeds['weight_init_seed'][a]}, data_order_seed {seeds['data_order_seed'][a]}"
            )
        cell = np.full((len(wi), len(do)), -1, dtype=np.int32)
        cell[row, column] = np.arange(len(rows))
        width = int(lists["step"][1][rows[0]])
        if width == 0:
            raise TrialSetError(f"{where} column 'step': trial {names[0]} has no checkpoint")
        step = matrix("step", rows, width)
        what = f"{where} column 'step'"
        rule = f"must be the same as in trial {names[0]!r} of the table"
        _require_trials(np.all(step == step[0], axis=1), what, rule, names)
        _require_trials(np.all(np.diff(step, prepend=0) > 0, axis=1), what, "must rise from above 0", names)
        what, rule = f"{where} column 'num_steps'", f"must be the last checkpoint's step {step[0, -1]}"
        _require_trials(seeds["num_steps"][rows] == step[:, -1], what, rule, names)
        score = matrix("score", rows, width)
        # Written so that NaN fails, too.
        what = f"{where} column 'score'"
        _require_trials((np.abs(score) <= 1).all(axis=1), what, "must be finite and in [-1, 1]", names)
        fields = {}
        for field_column in RECIPE_COLUMNS:
            values = columns[field_column.name].take(rows).unique().to_pylist()
            if len(values) > 1:
                raise TrialSetError(
                    f"{where} column {field_column.name!r}: must be the same in all trials of {model}/{task}/{recipe}, "
                    f"found {values[0]!r} and {values[1]!r}"
                )
            fields[field_column.name] = values[0]
        tables.append(
            TrialTable(
                model=model,
                task=task,
                recipe=recipe,
                weight_init_seeds=wi,
                data_order_seeds=do,
                row=row.astype(np.int32),
                column=column.astype(np.int32),
                cell=cell,
                trial_id=names,
                diverged=texts["status"][rows] == "diverged",
                step=step[0].astype(np.int64),
                train_loss=matrix("train_loss", rows, width),
                validation_loss=matrix("validation_loss", rows, width),
                score=score,
                fields=fields,
            )
        )
    return tables


def _load_labels(split: pa.Table, task: str, where: str) -> np.ndarray:
    example = split.column("example").to_numpy()
    _require_rows(
        example == np.arange(len(example)), f"{where} column 'example'", "must count the rows from 0", example
    )
    tasks = np.array(split.column("task").to_pylist(), dtype=object)
    _require_rows(tasks == task, f"{where} column 'task'", f"must be {task!r}", tasks)
    label = split.column("label").to_numpy()
    _require_rows((label == 0) | (label == 1), f"{where} column 'label'", "must be 0 or 1", label)
    if len(set(label.tolist())) < 2:
        raise TrialSetError(f"{where} column 'label': both labels must occur")
    return label.copy()


def _with_predictions(tables: list[TrialTable], split: pa.Table, label: np.ndarray, where: str) -> list[TrialTable]:
    names = split.column("trial_id").to_pylist()
    position = {name: row for row, name in enumerate(names)}
    if len(position) != len(names):
        raise TrialSetError(f"{where} column 'trial_id': {_first_twice(names)!r} is there twice")
    known = {name for table in tables for name in table.trial_id}
    for missing, what in ((known - set(position), "is missing"), (set(position) - known, "is not in trials")):
        if missing:
            raise TrialSetError(f"{where}: trial {min(missing)!r} {what}")
    predicted, counts = ragged_matrix(split.column("predicted_label"), len(label), f"{where} column 'predicted_label'")
    if predicted.size and (predicted.min() < -1 or predicted.max() > 1):
        worst = max(predicted.min(), predicted.max(), key=abs)
        raise TrialSetError(f"{where} column 'predicted_label': must be -1, 0 or 1, found {worst}")
    loss, loss_counts = ragged_matrix(split.column("example_loss"), len(label), f"{where} column 'example_loss'")

    def stacked(values: np.ndarray, counts: np.ndarray, table: TrialTable, name: str) -> np.ndarray:
        rows = np.array([position[trial] for trial in table.trial_id])
        rule = f"must have the {table.num_checkpoints} checkpoints of trials"
        _require_trials(counts[rows] == table.num_checkpoints, f"{where} column {name!r}", rule, table.trial_id)
        starts = (np.cumsum(counts) - counts)[rows]
        shape = (table.num_trials, table.num_checkpoints, len(label))
        if (np.diff(starts) == table.num_checkpoints).all():  # as the writer leaves them: a view, no copy
            return values[starts[0] : starts[0] + shape[0] * shape[1]].reshape(shape)
        return values[starts[:, None] + np.arange(shape[1])]

    complete = []
    for table in tables:
        rows = [position[trial] for trial in table.trial_id]
        has_loss = bool(loss_counts[rows].any())
        complete.append(
            replace(
                table,
                predicted_label=stacked(predicted, counts, table, "predicted_label"),
                example_loss=stacked(loss, loss_counts, table, "example_loss") if has_loss else None,
                label=label,
            )
        )
    return complete


def _require_rows(holds: np.ndarray, where: str, rule: str, values: Sequence[object] | np.ndarray) -> None:
    """One clear line for the first row that breaks a rule; `values` is what stands in each row."""
    if not holds.all():
        row = int(np.flatnonzero(~holds)[0])
        raise TrialSetError(f"{where} row {row}: {rule}, found {str(values[row])[:80]!r}")


def _require_trials(holds: np.ndarray, where: str, rule: str, names: np.ndarray) -> None:
    """One clear line for the first trial of a table that breaks a rule."""
    if not holds.all():
        raise TrialSetError(f"{where}: {rule}; not so in trial {names[np.flatnonzero(~holds)[0]]!r}")


def _first_twice(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    raise ValueError("all names differ")
