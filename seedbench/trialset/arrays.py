"""A trial set's files -> one `TrialTable` a model × task × recipe; all that replay relies on is checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.tasks import TASKS
from seedbench.trialset.examples import with_examples, with_predictions
from seedbench.trialset.files import MANIFEST, Manifest, read_split
from seedbench.trialset.limits import limits, require
from seedbench.trialset.lists import curves_of
from seedbench.trialset.rows import first_twice, require_rows, require_trials
from seedbench.trialset.schema import NAME, NAME_RULE, RECIPE_COLUMNS, STATUSES
from seedbench.trialset.table import TrialTable

if TYPE_CHECKING:
    import pyarrow as pa

#: What all trials of a table share, beside the recipe's fields and the steps. Where some are null, the others do.
OF_TABLE = ("score_name", "num_labels", "majority_score", "model_sha256", "data_sha256")
_LISTS = ("step", "train_loss", "validation_loss", "score", "test_score", "test_loss")
_TEXTS = ("trial_id", "model", "task", "recipe", "status")
_NUMBERS = ("weight_init_seed", "data_order_seed", "num_steps")
#: What a score may be called, in ASCII.
SCORE_NAME = r"-?\w[\w.+/:@=-]{0,79}"
#: In size; squares of scores and their sums must be numbers.
LARGEST_SCORE = 1e100
#: A label is an int8 from 0 on.
MOST_LABELS = 128


def load_tables(folder: Path, manifest: Manifest, *, predictions: bool) -> tuple[TrialTable, ...]:
    """All trial tables of a folder, ordered by model, task, recipe; with the predictions of their examples if asked.

    Raises:
        TrialSetError: the files are no trial set; with the file, the column and the row or trial.
    """
    splits = {config: manifest.shards(config) for config in ("trials", "predictions", "examples")}
    if not splits["trials"]:
        raise TrialSetError(f"{folder / MANIFEST}: lists no trials/<task>-00000-of-0000N.parquet")
    for config in ("predictions", "examples"):
        if splits[config] and set(splits[config]) != set(splits["trials"]):
            raise TrialSetError(
                f"{folder / MANIFEST}: {config} must have the splits of trials "
                f"({', '.join(splits['trials'])}) or none, found {', '.join(splits[config])}"
            )
    if splits["predictions"] and not splits["examples"]:
        raise TrialSetError(f"{folder / MANIFEST}: predictions need examples")
    if predictions and splits["predictions"] and not (folder / "predictions").exists():
        raise TrialSetError(
            f"{folder / 'predictions'}: not here, though {MANIFEST} lists it (an installed seedbench leaves it out); "
            "fetch the trial set from the Hub"
        )
    tables: list[TrialTable] = []
    for task, shards in splits["trials"].items():
        where = f"{folder / 'trials'} split {task}"
        trials = read_split(folder, manifest, "trials", shards)
        if not trials.num_rows:
            raise TrialSetError(f"{where}: has no trials; leave the split out, or record some")
        of_task = _Trials(trials, task, where).tables()
        if splits["examples"]:
            examples = read_split(folder, manifest, "examples", splits["examples"][task])
            of_task = with_examples(of_task, examples, f"{folder / 'examples'} split {task}")
        if predictions and splits["predictions"]:
            predicted = read_split(folder, manifest, "predictions", splits["predictions"][task])
            of_task = with_predictions(of_task, predicted, f"{folder / 'predictions'} split {task}")
        tables += of_task
        require("tables", len(tables), limits().tables, folder)
    tables.sort(key=lambda table: (table.model, table.task, table.recipe))
    check_recipe_names((table.recipe, f"{table.model}/{table.task}", table.fields) for table in tables)
    return tuple(tables)


def check_recipe_names(recipes: Iterable[tuple[str, str, Mapping[str, Any]]]) -> None:
    """A recipe's name stands for the same fields in every task; a field that is null somewhere is unknown there.

    Args:
        recipes: name, table, and fields of each table's recipe.

    Raises:
        TrialSetError: it does not.
    """
    known: dict[tuple[str, str], tuple[str, Any]] = {}
    for recipe, table, fields in recipes:
        for name, value in fields.items():
            if value is None:
                continue
            first, before = known.setdefault((recipe, name), (table, value))
            if before != value:
                raise TrialSetError(
                    f"recipe {recipe!r} has {name} {before!r} in {first} and {value!r} in {table}: a recipe's name "
                    "stands for the same fields in every table; give one of them another name"
                )


class _Trials:
    """The split of one task in `trials`."""

    def __init__(self, split: pa.Table, task: str, where: str) -> None:
        self.split, self.task, self.where = split, task, where
        self.texts = {name: np.array(split.column(name).to_pylist(), dtype=object) for name in _TEXTS}
        texts = self.texts
        require_rows(texts["task"] == task, f"{where} column 'task'", f"must be {task!r}", texts["task"])
        known = np.array([status is None or status in STATUSES for status in texts["status"]], dtype=bool)
        rule = f"must be one of {', '.join(STATUSES)}, or null"
        require_rows(known, f"{where} column 'status'", rule, texts["status"])
        if len(set(texts["trial_id"])) != len(texts["trial_id"]):
            raise TrialSetError(f"{where} column 'trial_id': {first_twice(texts['trial_id'])!r} is there twice")
        for name in ("trial_id", "model", "recipe"):
            plain = np.array([bool(NAME.fullmatch(text)) for text in texts[name]], dtype=bool)
            require_rows(plain, f"{where} column {name!r}", f"must be {NAME_RULE}", texts[name])
        self.numbers = {name: split.column(name).to_numpy() for name in _NUMBERS}
        self.curves = {name: curves_of(split.column(name), f"{where} column {name!r}") for name in _LISTS}

    def tables(self) -> list[TrialTable]:
        """One a model × recipe."""
        models, recipes = self.texts["model"], self.texts["recipe"]
        tables: list[TrialTable] = []
        pairs = sorted(set(zip(models, recipes, strict=True)))
        require("tables", len(pairs), limits().tables, self.where)
        for model, recipe in pairs:
            rows = np.flatnonzero((models == model) & (recipes == recipe))
            wi, do = (self.numbers[name][rows] for name in ("weight_init_seed", "data_order_seed"))
            tables.append(self._table(model, recipe, rows[np.lexsort((do, wi))]))
        return tables

    def _table(self, model: str, recipe: str, rows: np.ndarray) -> TrialTable:
        name, names = f"{model}/{self.task}/{recipe}", self.texts["trial_id"][rows]
        wi, row = np.unique(self.numbers["weight_init_seed"][rows], return_inverse=True)
        do, column = np.unique(self.numbers["data_order_seed"][rows], return_inverse=True)
        twice = np.flatnonzero((np.diff(row) == 0) & (np.diff(column) == 0))
        if twice.size:
            a, b = rows[twice[0]], rows[twice[0] + 1]
            raise TrialSetError(
                f"{self.where}: rows {min(a, b)} and {max(a, b)} are the same cell of {name}: weight_init_seed "
                f"{wi[row[twice[0]]]}, data_order_seed {do[column[twice[0]]]}"
            )
        step = self._steps(rows, names)
        ended_at, failed = self._ended_at(rows, names, len(step)), self.texts["status"][rows] == "failed"
        score, test_score = (self._scores(column, rows, ended_at, failed) for column in ("score", "test_score"))
        if score is None:
            raise TrialSetError(f"{self.where} column 'score': no trial of {name} has one")
        train_loss, validation_loss, test_loss = (
            self._losses(column, rows, ended_at, failed) for column in ("train_loss", "validation_loss", "test_loss")
        )
        shared = {column: self._shared(column, rows, name, nulls=True) for column in OF_TABLE}
        score_name, majority = shared["score_name"], shared["majority_score"]
        if score_name is not None and not re.fullmatch(SCORE_NAME, score_name, re.ASCII):
            rule = "must be letters, digits and _.+/:@=-, at most 80"
            raise TrialSetError(f"{self.where} column 'score_name': {rule}, found {score_name[:90]!r}")
        if majority is not None and not abs(majority) <= LARGEST_SCORE:
            raise TrialSetError(f"{self.where} column 'majority_score': must be finite, found {majority}")
        if self.task in TASKS and score_name is None and not (np.abs(score) <= 1).all():
            trial = names[np.flatnonzero((np.abs(score) > 1).any(axis=1))[0]]
            metric = TASKS[self.task].metric
            raise TrialSetError(f"{self.where} column 'score': {metric} is in [-1, 1]; not so in trial {trial!r}")
        num_labels = shared["num_labels"]
        if num_labels is not None and not 2 <= num_labels <= MOST_LABELS:
            raise TrialSetError(f"{self.where} column 'num_labels': must be 2 to {MOST_LABELS}, found {num_labels}")
        if num_labels is not None and self.task in TASKS and num_labels != len(TASKS[self.task].labels):
            rule = f"{self.task} has {len(TASKS[self.task].labels)} labels"
            raise TrialSetError(f"{self.where} column 'num_labels': {rule}, found {num_labels}")
        empty = np.full((len(rows), len(step)), np.nan, dtype=np.float32)
        return TrialTable(
            model=model,
            task=self.task,
            recipe=recipe,
            weight_init_seeds=wi,
            data_order_seeds=do,
            row=row.astype(np.int32),
            column=column.astype(np.int32),
            trial_id=names,
            status=self.texts["status"][rows],
            ended_at=ended_at,
            step=step,
            train_loss=empty if train_loss is None else train_loss,
            validation_loss=empty if validation_loss is None else validation_loss,
            score=score,
            score_name=score_name,
            num_labels=num_labels,
            majority_score=float("nan") if majority is None else float(majority),
            test_score=test_score,
            test_loss=test_loss,
            evaluation_seconds=self.split.column("evaluation_seconds").take(rows).to_numpy(),
            fields={column.name: self._shared(column.name, rows, name) for column in RECIPE_COLUMNS},
        )

    def _steps(self, rows: np.ndarray, names: np.ndarray) -> np.ndarray:
        """int64 [checkpoints], the same for all trials of a table."""
        curves, where = self.curves["step"], f"{self.where} column 'step'"
        width = int(curves.length[rows[0]])
        if width == 0:
            raise TrialSetError(f"{where}: trial {names[0]} has no checkpoint")
        require_trials(curves.length[rows] == width, where, f"must have the table's {width} checkpoints", names)
        step = curves.filled(rows, width)
        rule = f"must be the same as in trial {names[0]!r} of the table"
        require_trials(np.all(step == step[0], axis=1), where, rule, names)
        require_trials(np.all(np.diff(step, prepend=0) > 0, axis=1), where, "must rise from above 0", names)
        where, rule = f"{self.where} column 'num_steps'", f"must be the last checkpoint's step {step[0, -1]}"
        require_trials(self.numbers["num_steps"][rows] == step[:, -1], where, rule, names)
        first: np.ndarray = step[0].astype(np.int64)
        return first

    def _ended_at(self, rows: np.ndarray, names: np.ndarray, width: int) -> np.ndarray:
        """int32 [trials], own checkpoints of each; none only where it failed."""
        given = self.split.column("ended_at").take(rows).fill_null(width).to_numpy()
        where, failed = f"{self.where} column 'ended_at'", self.texts["status"][rows] == "failed"
        rule = f"must be from 1 to the table's {width} checkpoints, or from 0 where the trial failed"
        require_trials((given >= np.where(failed, 0, 1)) & (given <= width), where, rule, names)
        ends: np.ndarray = given.astype(np.int32)
        return ends

    def _own(self, column: str, rows: np.ndarray, ended_at: np.ndarray) -> np.ndarray | None:
        """[trials, checkpoints] with the last own value repeated, or None where no trial of the table has any."""
        curves = self.curves[column]
        if curves.null[rows].all():
            return None
        width, names, where = int(self.curves["step"].length[rows[0]]), self.texts["trial_id"], self.where
        rule = f"must have the table's {width} checkpoints, or those up to ended_at"
        require_trials(curves.length[rows] == ended_at, f"{where} column {column!r}", rule, names[rows])
        return curves.filled(rows, width)

    def _scores(self, column: str, rows: np.ndarray, ended_at: np.ndarray, failed: np.ndarray) -> np.ndarray | None:
        score = self._own(column, rows, ended_at)
        if score is None or not ended_at.any():
            return None
        own = np.arange(score.shape[1]) < ended_at[:, None]
        # Written so that NaN fails, too.
        finite = (np.abs(score) <= LARGEST_SCORE).all(axis=1)
        where, rule = f"{self.where} column {column!r}", f"must be finite, at most {LARGEST_SCORE:g} in size"
        require_trials(finite, where, rule, self.texts["trial_id"][rows])
        return np.where(~own & failed[:, None], score[own].min(), score)

    def _losses(self, column: str, rows: np.ndarray, ended_at: np.ndarray, failed: np.ndarray) -> np.ndarray | None:
        loss = self._own(column, rows, ended_at)
        if loss is None:
            return None
        return np.where((np.arange(loss.shape[1]) >= ended_at[:, None]) & failed[:, None], np.float32(np.nan), loss)

    def _shared(self, column: str, rows: np.ndarray, name: str, *, nulls: bool = False) -> Any:
        """What all trials of a table have in a column; with `nulls`, all that do not have null."""
        values = self.split.column(column).take(rows).unique().to_pylist()
        if nulls and len(values) > 1:
            values = [value for value in values if value is not None]
        if len(values) > 1:
            raise TrialSetError(
                f"{self.where} column {column!r}: must be the same in all trials of {name}, found "
                f"{str(values[0])[:80]!r} and {str(values[1])[:80]!r}"
            )
        return values[0]
