"""SQLite files of MLflow and Optuna, and any storage of an Optuna study."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from seedbench.errors import TrialSetError
from seedbench.trialset.importing.reading import CurveFile

_SQLITE = b"SQLite format 3\x00"
_METRICS = """
    SELECT m.run_uuid, r.name, r.status, m.key, m.value, m.is_nan, m.step, m.timestamp
    FROM metrics m JOIN runs r ON r.run_uuid = m.run_uuid ORDER BY m.run_uuid, m.key, m.step, m.timestamp
"""


def is_storage(source: str) -> bool:
    """Whether a source is the URL of a database."""
    return "://" in source


def is_database(path: Path) -> bool:
    """Whether a file is one of SQLite."""
    with open(path, "rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def read_database(path: Path, study: str | None) -> CurveFile:
    """MLflow's metrics with the parameters of their runs, or an Optuna study.

    Raises:
        TrialSetError: it is neither, or cannot be read.
    """
    try:
        with _read_only(path) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if {"metrics", "runs", "params"} <= tables:
                rows = database.execute(_METRICS).fetchall()
                params = database.execute("SELECT run_uuid, key, value FROM params").fetchall()
                return _mlflow(path, rows, params)
    except sqlite3.Error as error:
        raise TrialSetError(f"{path}: not a readable SQLite file ({error})") from None
    if {"studies", "trials"} <= tables:
        return read_storage(path, study)
    raise TrialSetError(f"{path}: a database must be MLflow's (table metrics) or Optuna's (table studies)")


def _read_only(path: Path) -> sqlite3.Connection:
    """By a URI of the file, in which #, ? and % of its path are quoted."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _mlflow(path: Path, rows: Sequence[tuple[Any, ...]], params: Sequence[tuple[str, str, str]]) -> CurveFile:
    of_run: dict[str, dict[str, str]] = {}
    for run, key, value in params:
        of_run.setdefault(run, {})[f"params.{key}"] = value
    metrics = tuple(dict.fromkeys(row[3] for row in rows))
    columns: dict[str, list[Any]] = {"run_id": [row[0] for row in rows], "run_name": [row[1] for row in rows]}
    columns |= {"status": [row[2] for row in rows], "step": [row[6] for row in rows]}
    columns["timestamp"] = [row[7] for row in rows]
    for name in dict.fromkeys(name for some in of_run.values() for name in some):
        columns[name] = [of_run.get(row[0], {}).get(name) for row in rows]
    for metric in metrics:
        columns[metric] = [(math.nan if row[5] else row[4]) if row[3] == metric else None for row in rows]
    places = [f"metric {row[3]} of run {row[0]}" for row in rows]
    return CurveFile(path, columns, places, run=columns["run_id"], layout="names", step="step", metrics=metrics)


def read_storage(source: str | Path, study: str | None) -> CurveFile:
    """An Optuna study: a row an intermediate value, and one for a trial without any.

    Args:
        source: URL of a storage, or a file of SQLite.
        study: its name; None: the only one there is.

    Raises:
        TrialSetError: there is no such study, or Optuna is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise TrialSetError(f"{source}: a study is read by Optuna: pip install optuna") from None
    try:
        storage: str | optuna.storages.RDBStorage = str(source)
        if isinstance(source, Path):  # by no URL: versions of SQLAlchemy quote a path in one in different ways
            options = {"creator": partial(_read_only, source)}
            storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)
        names = optuna.get_all_study_names(storage)
        if study is None and len(names) != 1:
            found = ", ".join(names) or "none"
            raise TrialSetError(f"{source}: must hold one study, or --study says which; found {found}")
        loaded = optuna.load_study(study_name=study or names[0], storage=storage)
        trials = loaded.get_trials(deepcopy=False)
        minimize = loaded.direction.name == "MINIMIZE"
    except TrialSetError:
        raise
    except Exception as error:  # SQLAlchemy's, a driver's or Optuna's own  # noqa: BLE001
        raise TrialSetError(f"{source}: not a readable study ({' '.join(str(error).split())[:160]})") from None
    rows: list[tuple[Any, int | None]] = []
    for trial in trials:
        rows += [(trial, step) for step in sorted(trial.intermediate_values)] or [(trial, None)]
    columns: dict[str, list[Any]] = {"number": [trial.number for trial, _ in rows]}
    columns["state"] = [trial.state.name for trial, _ in rows]
    for name in dict.fromkeys(name for trial in trials for name in trial.params):
        columns[f"params_{name}"] = [trial.params.get(name) for trial, _ in rows]
    for name in dict.fromkeys(name for trial in trials for name in trial.user_attrs):
        columns[f"user_attrs_{name}"] = [trial.user_attrs.get(name) for trial, _ in rows]
    columns["step"] = [step for _, step in rows]
    columns["intermediate_value"] = [None if step is None else trial.intermediate_values[step] for trial, step in rows]
    return CurveFile(
        Path(source),
        columns,
        [f"trial {trial.number}" + ("" if step is None else f" step {step}") for trial, step in rows],
        run=[f"trial {trial.number}" for trial, _ in rows],
        layout="optuna",
        step="step",
        metrics=("intermediate_value",),
        from_zero=True,
        minimize=minimize,
    )
