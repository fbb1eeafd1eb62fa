"""Rows of a file -> the rows of a trial set's `trials`.

One row is one log line of one trial. A row with a score is a checkpoint. One without, as a Trainer or an experiment
tracker writes it between two evaluations, counts for the training loss only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedbench.errors import TrialSetError
from seedbench.trialset import write_trials
from seedbench.trialset.importing.columns import CURVES, LOSSES, SCALARS, Seeds, TableRows
from seedbench.trialset.importing.reading import CurveFile, read_curves
from seedbench.trialset.schema import TASK_NAME

_REQUIRED = ("weight_init_seed", "data_order_seed", "step", "score")
_NAMES = ("model", "task", "recipe")
#: What may be called otherwise in a file.
COLUMNS = (*_REQUIRED, *_NAMES, *LOSSES)

_NAME_RULE = re.compile(r"[\w.+/=-]+", re.ASCII), "letters, digits and ._+=-/"
_NAME_RULES = {"model": _NAME_RULE, "task": (TASK_NAME, "small letters and digits"), "recipe": _NAME_RULE}


@dataclass(frozen=True)
class Imported:
    """What was made of a file.

    Attributes:
        trials: number of trials written.
        tables: number of trial tables.
        notes: what was left out, and why.
    """

    trials: int
    tables: int
    notes: tuple[str, ...]


def import_curves(
    file: str | Path,
    out: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    majority_score: float | None = None,
    skip_incomplete: bool = False,
    name: str | None = None,
    version: str = "1.0.0",
) -> Imported:
    """Makes a trial set of a file of curves.

    Args:
        file: .csv with a header, or .parquet; one row per trial and logged step.
        out: the new folder.
        columns: one of `COLUMNS` -> the file's column, where it is called otherwise. For model, task and recipe also
            the name itself, which is taken where the file has no such column. Both seeds may be the same column.
        majority_score: trials whose last score is not above it count as diverged, beside those that met a NaN loss.
            A column `status` of the file goes before both.
        skip_incomplete: leave out trials whose checkpoints are not those of most trials of their table.
        name: of the trial set; None: that of the folder.
        version: of the data.

    Raises:
        TrialSetError: the file is no such file, with column and line, or makes no trial set. Nothing was written.
    """
    if majority_score is not None and not abs(majority_score) <= 1:  # so that NaN fails, too
        raise TrialSetError(f"--majority-score: must be a number from -1 to 1, as scores are, found {majority_score}")
    curves = read_curves(Path(file))
    if Path(out).exists():
        raise TrialSetError(f"{out}: exists already; a trial set is written to a new folder")
    called = _columns(curves, dict(columns or {}))
    notes: list[str] = []
    rows: dict[str, list[dict[str, Any]]] = {}
    tables = _rows_by_table(curves, called)
    for (model, task, recipe), trials in tables.items():
        table = TableRows(curves, called, f"{model}/{task}/{recipe}", trials)
        kept = table.complete(skip_incomplete, notes)
        for trial in table.trial_rows(kept, majority_score, notes):
            trial_id = f"{model}/{recipe}/{trial['weight_init_seed']}-{trial['data_order_seed']}"
            names = {"trial_id": trial_id, "model": model, "task": task, "recipe": recipe}
            rows.setdefault(task, []).append(names | trial)
    unused = [column for column in curves.columns if column not in {*called.values(), *SCALARS, "status"}]
    if unused:
        notes.append(f"columns not used: {', '.join(column or '(without a name)' for column in unused)}")
    write_trials(out, {"trials": rows}, name=name or Path(out).resolve().name, version=version)
    return Imported(sum(map(len, rows.values())), len(tables), tuple(notes))


def _columns(curves: CurveFile, given: dict[str, str]) -> dict[str, str]:
    """Meaning -> column of the file; of names that are the same in every row, a new column is made."""
    for meaning in given:
        if meaning not in COLUMNS:
            raise TrialSetError(f"no column {meaning!r} can be named: there are {', '.join(COLUMNS)}")
    by_meaning = {}
    known = ", ".join(curves.columns)
    for meaning in (*_REQUIRED, *_NAMES, *CURVES):
        column = given.get(meaning, meaning)
        option = f"--{meaning.replace('_', '-')}"
        if column in curves.columns:
            by_meaning[meaning] = column
        elif meaning in _NAMES and meaning in given:
            pattern, rule = _NAME_RULES[meaning]
            if not pattern.fullmatch(column):
                raise TrialSetError(
                    f"{option}: a {meaning} must be {rule}, found {column!r}, which is no column either"
                )
            curves.columns[option] = [column] * len(curves.place)
            by_meaning[meaning] = option
        elif meaning in given or meaning in _REQUIRED:
            raise TrialSetError(f"{curves.path}: has no column {column!r} ({option} names another), found {known}")
        elif meaning in _NAMES:
            raise TrialSetError(f"{curves.path}: has no column {meaning!r}: give it with {option}; found {known}")
    return by_meaning


def _rows_by_table(curves: CurveFile, called: Mapping[str, str]) -> dict[tuple[str, str, str], dict[Seeds, list[int]]]:
    """Model, task, recipe -> seeds of a trial -> its rows, all in the file's order."""
    tables: dict[tuple[str, str, str], dict[Seeds, list[int]]] = {}
    for row in range(len(curves.place)):
        names = [str(curves.columns[called[name]][row] or "") for name in _NAMES]
        for meaning, name in zip(_NAMES, names, strict=True):
            pattern, rule = _NAME_RULES[meaning]
            if not pattern.fullmatch(name):
                raise curves.error(called[meaning], row, f"a {meaning} must be {rule}")
        seeds = tuple(curves.integer(called[name], row) for name in ("weight_init_seed", "data_order_seed"))
        tables.setdefault(tuple(names), {}).setdefault(seeds, []).append(row)  # type: ignore[arg-type]
    return tables
