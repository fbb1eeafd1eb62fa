"""A file of curves -> a trial set.

One row is one log line of one trial. A row with a score is a checkpoint. One without, as a Trainer or an experiment
tracker writes it between two evaluations, counts for the losses.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from seedbench.errors import TrialSetError
from seedbench.text import counted
from seedbench.trialset import write_trials
from seedbench.trialset.importing.accounts import Accounts
from seedbench.trialset.importing.measures import Measures, find_measures, require, score_column
from seedbench.trialset.importing.naming import Naming, name_trials
from seedbench.trialset.importing.options import ImportOptions
from seedbench.trialset.importing.public import Part, read_public
from seedbench.trialset.importing.reading import CurveFile
from seedbench.trialset.importing.rows import Seeds, TableRows
from seedbench.trialset.importing.sources import read_source
from seedbench.trialset.importing.trials import trial_rows
from seedbench.trialset.importing.units import direction_note, without_percent

_NOT_IN_AN_ID = re.compile(r"[^\w.+=-]", re.ASCII)
_SHOWN = 8
#: What can be said of a published set, whose layout is known.
_OF_PUBLIC = {"majority_score", "common_steps", "empty_is_nan", "where", "keep", "fields", "name", "version"}


@dataclass(frozen=True)
class Imported:
    """What was made of a file.

    Attributes:
        trials: number of trials written.
        tables: number of trial tables.
        rows: number of rows read.
        notes: what was left out, and what was made of the rest.
    """

    trials: int
    tables: int
    rows: int
    notes: tuple[str, ...]


def import_curves(source: str | os.PathLike[str], out: str | os.PathLike[str], options: ImportOptions) -> Imported:
    """Makes a trial set of anybody's curves.

    Args:
        source: a file, a folder of runs, or the URL of an Optuna storage.
        out: the new folder.
        options: how to read it.

    Raises:
        TrialSetError: it cannot be read, with file, column and line, or makes no trial set. Nothing was written.
    """
    if Path(out).exists():
        raise TrialSetError(f"{out}: exists already; a trial set is written to a new folder")
    return _written([(read_source(os.fspath(source), options), options)], out, options)


def import_public(
    name: str, folder: str | os.PathLike[str], out: str | os.PathLike[str], options: ImportOptions
) -> Imported:
    """Makes a trial set of a set of curves that others published, one of `PUBLIC_SETS`.

    Args:
        name: of it.
        folder: where it lies.
        out: the new folder.
        options: those that are not about the layout, `_OF_PUBLIC`.

    Raises:
        TrialSetError: as `import_curves`.
    """
    if Path(out).exists():
        raise TrialSetError(f"{out}: exists already; a trial set is written to a new folder")
    default = ImportOptions()
    given = (one.name for one in fields(options) if getattr(options, one.name) != getattr(default, one.name))
    if told := [f"--{one.replace('_', '-')}" for one in given if one not in _OF_PUBLIC]:
        raise TrialSetError(f"--from {name}: it is known how that is read; leave {', '.join(told)} out")
    return _written(read_public(name, Path(folder), options), out, options)


def _written(parts: Sequence[Part], out: str | os.PathLike[str], options: ImportOptions) -> Imported:
    """Makes a trial set of rows that were read."""
    rows: dict[str, list[dict[str, Any]]] = {}
    tables, notes = 0, []
    for read, its_options in parts:
        of_part, said = _rows(read, its_options)
        tables += len({(row["model"], row["task"], row["recipe"]) for row in of_part})
        notes += said
        for row in of_part:
            rows.setdefault(row["task"], []).append(row)
    write_trials(out, {"trials": rows}, name=options.name or Path(out).resolve().name, version=options.version)
    read_rows = sum(len(read.place) for read, _ in parts)
    return Imported(sum(map(len, rows.values())), tables, read_rows, tuple(dict.fromkeys(notes)))


def _rows(read: CurveFile, options: ImportOptions) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows of the schema's `trials`, and what is to be said of them."""
    file = _once(_where(read, options), options.keep)
    if not file.place:
        raise TrialSetError(f"{file.path}: no row is left that --where asks for")
    require(file, options)
    scores = (score_column(file, options), options.test_score)
    file = without_percent(file, [column for column in scores if column in file.columns], options.scale)
    measures, naming = find_measures(file, options), name_trials(file, options)
    accounts = Accounts(file.place)
    rows: list[dict[str, Any]] = []
    for (model, task, recipe), trials in _by_table(naming).items():
        table = TableRows(file, measures, options, f"{model}/{task}/{recipe}", trials, naming.labels, accounts)
        for trial in trial_rows(table):
            seeds = trial["weight_init_seed"], trial["data_order_seed"]
            names = {"trial_id": f"{model}/{recipe}/{_own_name(seeds, naming)}", "model": model, "task": task}
            rows.append({**names, "recipe": recipe, **trial})
    accounts.close()
    direction = direction_note(measures.score, measures.negated)
    return rows, [
        *filter(None, [direction]),
        *file.notes,
        *naming.notes,
        *accounts.notes,
        *_unused(file, measures, naming),
    ]


def _where(file: CurveFile, options: ImportOptions) -> CurveFile:
    """The rows that were asked for."""
    kept: Iterable[int] = range(len(file.place))
    for column, equal, value in options.conditions:
        if column not in file.columns:
            raise file.absent(column, "--where")
        kept = [row for row in kept if _is(file.columns[column][row], value) == equal]
    rows = list(kept)
    if gone := len(file.place) - len(rows):
        asked = " and ".join(options.where)
        file = replace(file, notes=(*file.notes, f"{counted(gone, 'row')} left out: not {asked}"))
    return file.rows(rows)


def _is(value: Any, wanted: str) -> bool:
    """Whether a value is what was asked for: as text, or as a number, so that 3 is 3.0."""
    if value is None:
        return wanted == ""
    if str(value) == wanted:
        return True
    try:
        return float(str(value)) == float(wanted)
    except ValueError:
        return False


def _once(file: CurveFile, keep: str | None) -> CurveFile:
    """Of the rows of a run that are the same in every column the first, or where so asked the last."""
    runs: Sequence[str | None] = file.run or [None] * len(file.place)
    places: dict[tuple[str, ...], int] = {}
    for row, key in enumerate(zip(runs, *file.columns.values(), strict=True)):
        known = tuple(map(repr, key))
        places[known] = row if keep == "last" else places.get(known, row)
    kept = set(places.values())
    if twice := len(file.place) - len(kept):
        again = next(row for row in range(len(file.place)) if row not in kept)
        note = (
            f"{counted(twice, 'row')} the same as another in every column (the first: {file.place[again]}): taken once"
        )
        file = replace(file, notes=(*file.notes, note))
    return file.rows(sorted(kept))


def _by_table(naming: Naming) -> dict[tuple[str, str, str], dict[Seeds, list[int]]]:
    """Model, task, recipe -> seeds of a trial -> its rows, all in the file's order."""
    tables: dict[tuple[str, str, str], dict[Seeds, list[int]]] = {}
    for row, (table, seeds) in enumerate(zip(naming.table, naming.seeds, strict=True)):
        tables.setdefault(table, {}).setdefault(seeds, []).append(row)
    return tables


def _own_name(seeds: Seeds, naming: Naming) -> str:
    """A trial's seeds in its id: the labels that they were made of, as far as an id can hold them, where those are
    still as many."""
    texts = []
    for labels, seed in zip(naming.labels, seeds, strict=True):
        short = {number: _NOT_IN_AN_ID.sub("_", text) for number, text in labels.items()}
        texts.append(short[seed] if labels and len(set(short.values())) == len(short) else str(seed))
    return ("/" if any(naming.labels) else "-").join(texts)


def _unused(file: CurveFile, measures: Measures, naming: Naming) -> Iterable[str]:
    unused = [name or "(without a name)" for name in file.columns if name not in {*measures.columns, *naming.columns}]
    if unused:
        more = f" and {len(unused) - _SHOWN} more" if len(unused) > _SHOWN else ""
        yield f"columns not used: {', '.join(unused[:_SHOWN])}{more}"
