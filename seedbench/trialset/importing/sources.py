"""What a person points at - a file, a folder of runs, a database - as one file of curves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any

from seedbench.errors import TrialSetError
from seedbench.text import counted
from seedbench.trialset.importing.databases import is_database, is_storage, read_database, read_storage
from seedbench.trialset.importing.events import EVENTS, read_events, require_tensorboard
from seedbench.trialset.importing.layouts import in_rows
from seedbench.trialset.importing.options import ImportOptions
from seedbench.trialset.importing.reading import CurveFile, read_table

_STATE = "trainer_state.json"
_TABLES = re.compile(r".+\.(csv|tsv|parquet|jsonl|ndjson)(\.gz)?", re.IGNORECASE)
_SHOWN = 5
_A_FILE_A_RUN = ("trainer", "scalars")
_CHECKPOINT = re.compile(r"checkpoint-\d+")


def read_source(source: str, options: ImportOptions) -> CurveFile:
    """Reads all that is there, as rows of one trial and one step each.

    Raises:
        TrialSetError: it is not there, is of no known layout, or cannot be read.
    """
    try:
        file = read_storage(source, options.study) if is_storage(source) else _read(Path(source), options)
    except OSError as error:  # a folder that may not be looked into, a name that is too long
        raise TrialSetError(f"{source}: {error.strerror or error}") from None
    if not file.place or not file.columns:
        raise TrialSetError(f"{source}: has no rows")
    return _without(file, options)


def _read(path: Path, options: ImportOptions) -> CurveFile:
    if path.is_file() and is_database(path):
        return read_database(path, options.study)
    if options.leave_out and not path.is_dir():
        raise TrialSetError(
            f"--leave-out {options.leave_out[0]}: {path} is no folder; --where leaves out rows of a file"
        )
    if options.study is not None:
        raise TrialSetError(f"--study {options.study}: {path} is no storage of an Optuna study; leave --study out")
    if path.is_dir():
        return _folder(path, options)
    if path.is_file() and EVENTS in path.name:
        return in_rows(read_events(path), options.layout)
    file = _table(path, options)
    if file.layout in _A_FILE_A_RUN and file.run is None:
        name = (
            path.resolve().parent.name if file.layout == "trainer" else path.name.removesuffix(".gz").rpartition(".")[0]
        )
        file = replace(file, run=[name] * len(file.place))
    return file


def _table(path: Path, options: ImportOptions) -> CurveFile:
    return in_rows(_without(read_table(path), options), options.layout, options.empty_is_nan)


def _without(file: CurveFile, options: ImportOptions) -> CurveFile:
    columns = {name: values for name, values in file.columns.items() if name not in options.ignore}
    return replace(file, columns=columns, metrics=tuple(name for name in file.metrics if name in columns))


def _folder(folder: Path, options: ImportOptions) -> CurveFile:
    """All files of the first kind that there is: states of Trainers, event files, tables; the run is the folder of
    the first two, and the file of the last."""
    found = (path for path in folder.rglob("*") if path.is_file())
    files = sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))
    files, unread = _left_out(folder, [path for path in files if _kind(path)], options.leave_out)
    kinds = {kind: [path for path in files if _kind(path) == kind] for kind in ("trainer", "events", "tables")}
    wanted = options.layout if options.layout in kinds else None if options.layout is None else "tables"
    kind = next((name for name in kinds if kinds[name] and wanted in (None, name)), None)
    if kind is None:
        raise TrialSetError(
            f"{folder}: must hold {_STATE}, {EVENTS}*, .csv, .tsv, .jsonl or .parquet files, found none of them"
        )
    chosen, passed = kinds[kind], {name: paths for name, paths in kinds.items() if paths and name != kind}
    notes = [f"{counted(len(paths), 'file')} of layout {name} beside them not read" for name, paths in passed.items()]
    if kind == "events":
        require_tensorboard(chosen[0])
    parts = [_of_many(folder, path, kind, options) for path in chosen]
    names = [_run(folder, path, kind == "tables" and len({path.name for path in chosen}) > 1) for path in chosen]
    empty = [path for path, part in zip(chosen, parts, strict=True) if not part.place]
    notes += _named("without a row, and so no trial", folder, empty)
    notes += _named("left out by --leave-out", folder, unread)
    whole = [(part, name) for part, name in zip(parts, names, strict=True) if part.place]
    joined = _joined(folder, *map(list, zip(*whole, strict=True))) if whole else replace(parts[0], path=folder)
    return replace(joined, notes=(*notes, *joined.notes))


def _kind(path: Path) -> str | None:
    """Of a file in a folder, by its name; None: it has no curves."""
    if path.name == _STATE:
        return "trainer"
    return "events" if EVENTS in path.name else "tables" if _TABLES.fullmatch(path.name) else None


def _left_out(folder: Path, files: Sequence[Path], patterns: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """The files that are to be read, and those that are not."""
    out: set[Path] = set()
    for pattern in patterns:
        wanted = pattern.rstrip("/")
        some = {path for path in files if _is_called(path, folder, wanted)}
        if not some:
            raise TrialSetError(f"--leave-out {pattern}: there is no such file of curves in {folder}")
        out |= some
    return [path for path in files if path not in out], [path for path in files if path in out]


def _is_called(path: Path, folder: Path, wanted: str) -> bool:
    """Whether a file, or a folder that it is in, is called so: in the folder that is read, or as errors name it."""
    inside = path.relative_to(folder)
    whole = (one.as_posix() == wanted for one in (path, *path.parents[: len(inside.parts) - 1]))
    return any(whole) or any(fnmatchcase(one.as_posix(), wanted) for one in (inside, *inside.parents[:-1]))


def _named(what: str, folder: Path, files: Sequence[Path]) -> list[str]:
    """A note that says which files these are."""
    if not files:
        return []
    shown = ", ".join(path.relative_to(folder).as_posix() for path in files[:_SHOWN])
    return [f"{counted(len(files), 'file')} {what}: {shown}{', …' * (len(files) > _SHOWN)}"]


def _of_many(folder: Path, path: Path, kind: str, options: ImportOptions) -> CurveFile:
    """One file of a folder; if it is broken, it is said how to go on without it."""
    try:
        return in_rows(read_events(path), options.layout) if kind == "events" else _table(path, options)
    except TrialSetError as error:
        name = path.relative_to(folder).as_posix()
        raise TrialSetError(f"{error}: mend that file, or go on without it by --leave-out '{name}'") from None


def _run(folder: Path, path: Path, by_file: bool) -> str:
    """The name of a file's run: its folders, and its own name where those of a folder are of several runs."""
    parts = [part for part in path.relative_to(folder).parts[:-1] if not _CHECKPOINT.fullmatch(part)]
    own = [path.name.removesuffix(".gz").rpartition(".")[0]] if by_file else []
    return "/".join((*parts, *own)) or folder.resolve().name


def _own_runs(part: CurveFile, name: str) -> Sequence[str]:
    """The run of each row of one file of several; Optuna numbers the trials of each of its files from 0."""
    if part.run is None or part.layout == "events":
        return [name] * len(part.place)
    return [f"{name}/{run}" for run in part.run] if part.layout == "optuna" else part.run


def _joined(folder: Path, parts: Sequence[CurveFile], names: Sequence[str]) -> CurveFile:
    """The rows of all files, one after the other; a row's place names its file."""
    layouts = {part.layout for part in parts}
    if len(layouts) > 1:
        other = next(part for part in parts if part.layout != parts[0].layout)
        raise TrialSetError(
            f"{other.path}: is of layout {other.layout}, but {parts[0].path} of {parts[0].layout}: import them apart, "
            "give one --layout, or --leave-out the others"
        )
    columns: dict[str, list[Any]] = {}
    done = 0
    for part in parts:
        for name, values in part.columns.items():
            columns.setdefault(name, [None] * done).extend(values)
        done += len(part.place)
        for values in columns.values():
            values.extend([None] * (done - len(values)))
    places = [f"{part.path.relative_to(folder)} {place}" for part in parts for place in part.place]
    runs = [run for part, name in zip(parts, names, strict=True) for run in _own_runs(part, name)]
    first = parts[0]
    return replace(
        first,
        path=folder,
        columns=columns,
        place=places,
        run=runs,
        metrics=tuple(dict.fromkeys(chain.from_iterable(part.metrics for part in parts))),
        decimal_comma=any(part.decimal_comma for part in parts),
        notes=tuple(dict.fromkeys(chain.from_iterable(part.notes for part in parts))),
    )
