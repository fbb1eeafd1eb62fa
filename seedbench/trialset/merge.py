"""Newly run trials into a trial set: whole or not at all, and nothing that is there already is changed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.trialset import arrays
from seedbench.trialset.files import Configs, Manifest, read_folder, read_manifest, with_all_columns
from seedbench.trialset.rows import different, of_trials
from seedbench.trialset.schema import EXAMPLE_SPLITS, RECIPE_COLUMNS
from seedbench.trialset.versions import VERSION, Level, next_version, parse
from seedbench.trialset.write import changing_trials, put_trials

if TYPE_CHECKING:
    import pyarrow as pa

#: What all trials of a table share.
OF_TABLE = (*(column.name for column in RECIPE_COLUMNS), "num_steps", "step", *arrays.OF_TABLE)
_CELL = ("model", "recipe", "weight_init_seed", "data_order_seed")


@dataclass(frozen=True)
class Added:
    """What `add_trials` did.

    Attributes:
        trials: of each table, by name, how many were new.
        version: of the trial set now.
        sha256: of its manifest now.
    """

    trials: dict[str, int]
    version: str
    sha256: str


def add_trials(
    folder: str | os.PathLike[str],
    sources: Sequence[str | os.PathLike[str] | Configs],
    *,
    version: str | None = None,
) -> Added:
    """Adds the trials of other trial sets to the one in a folder. Trials that it holds already, the same, are skipped.

    The card and the other documents, which would say what no longer holds, are removed with the first change; what else
    is in the folder stays.

    Args:
        folder: of the trial set.
        sources: folders of the others; or trials that are in no folder yet, config -> task -> Arrow table.
        version: of the data from now on; None: the next minor one.

    Raises:
        TrialSetError: a folder is no trial set, or something collides; the trial set is as it was.
    """
    folder = Path(folder)
    if version is not None and not VERSION.fullmatch(version):
        raise TrialSetError(f"the version must be like 1.0.0, found {version!r}")
    with changing_trials(folder) as change:
        manifest, held = _read(folder)
        if version is not None and parse(version) <= parse(manifest.version):
            raise TrialSetError(
                f"{folder}: is of version {manifest.version}; the new one must be above, found {version}"
            )
        merged = held
        for source in sources:
            new, name = (
                (source, "the new trials") if isinstance(source, dict) else (_read(Path(source))[1], str(source))
            )
            merged = _merged(merged, new, str(folder), name)
        trials = _trials(merged) - _trials(held)
        if not trials:
            return Added({}, manifest.version, manifest.sha256)
        version = version or next_version(manifest.version, Level.MINOR)
        sha256 = put_trials(change, merged, name=manifest.name, version=version)
    return Added(dict(sorted(trials.items())), version, sha256)


def _read(folder: Path) -> tuple[Manifest, Configs]:
    manifest = read_manifest(folder)
    arrays.load_tables(folder, manifest, predictions=True)  # for all that it checks
    return manifest, read_folder(folder, manifest)


def _merged(held: Configs, new: Configs, folder: str, source: str) -> Configs:
    """One trial set's splits with the trials of another that it does not hold yet.

    Args:
        held: config -> task -> split of the trial set.
        new: of the other.
        folder: what errors call the trial set.
        source: what errors call the other.

    Raises:
        TrialSetError: a trial that is in both is not the same in both; a table, a dev set or the configs differ.
    """
    merged: Configs = {config: dict(splits) for config, splits in held.items()}
    for task, trials in new.get("trials", {}).items():
        known = task in held.get("trials", {})
        _require_same_configs(held, new, task, known, folder, source)
        fresh = np.arange(trials.num_rows)
        if known:
            _require_same_tables(held["trials"][task], trials, task, folder, source)
            if "examples" in held:
                merged["examples"][task] = _with_test_set(held, new, task, folder, source)
            fresh = _unheld(held, new, task, folder, source)
        names = trials.column("trial_id").take(fresh)
        for config, splits in new.items():
            if task not in splits or (known and config == "examples"):
                continue
            split = splits[task] if config == "examples" else of_trials(splits[task], names)
            into = merged.setdefault(config, {})
            where = f"{source}: {config} split {task}"
            into[task] = _concatenated(config, into[task], split, where) if task in into else split
    return merged


def _concatenated(config: str, first: pa.Table, second: pa.Table, where: str) -> pa.Table:
    """Both, with the columns of either; null in the rows of the other."""
    import pyarrow as pa

    if not second.num_rows:
        return first
    try:
        return with_all_columns(config, pa.concat_tables([first, second], promote_options="default"))
    except pa.ArrowException as error:
        reason = " ".join(str(error).split())
        raise TrialSetError(f"{where}: a column of this name has another type there ({reason})") from None


def _with_test_set(held: Configs, new: Configs, task: str, folder: str, source: str) -> pa.Table:
    """The examples of a task of which only one of two trial sets may have a test set.

    Raises:
        TrialSetError: other dev examples, or two test sets.
    """
    import pyarrow.compute as pc

    ours, theirs = (configs["examples"][task] for configs in (held, new))
    for split in EXAMPLE_SPLITS:
        mine, other = (examples.filter(pc.equal(examples.column("split"), split)) for examples in (ours, theirs))
        alone = split == "test" and not (mine.num_rows and other.num_rows)
        if not alone and not mine.equals(other):
            raise TrialSetError(f"{source}: other {split} examples of {task} than in {folder}; keep the two apart")
    return max(ours, theirs, key=len)


def _trials(configs: Configs) -> Counter[str]:
    """Trials of each table, by its name."""
    return Counter(
        f"{model}/{task}/{recipe}"
        for task, split in configs.get("trials", {}).items()
        for model, recipe in _tables(split)
    )


def _tables(trials: pa.Table) -> Iterator[tuple[str, str]]:
    """(model, recipe) of every row."""
    return zip(trials.column("model").to_pylist(), trials.column("recipe").to_pylist(), strict=True)


def _require_same_configs(held: Configs, new: Configs, task: str, known: bool, folder: str, source: str) -> None:
    """A task has a config for all of its trials or for none; predictions are there for all tasks or for none."""
    here = {config for config in held if not known or task in held[config]}
    there = {config for config in new if task in new[config]}
    free = set() if known else {"steps", "logits"}
    for config in sorted((here ^ there) - free):
        has, lacks = (folder, source) if config in here else (source, folder)
        raise TrialSetError(
            f"{source}: {has} has {config} of {task}, {lacks} has none; add trials with the same configs"
        )


def _require_same_tables(held: pa.Table, new: pa.Table, task: str, folder: str, source: str) -> None:
    """The recipe's fields and the checkpoints of tables that both have."""
    first_held, first_new = (first_rows(split) for split in (held, new))
    for table in sorted(first_held.keys() & first_new.keys()):
        for name in OF_TABLE:
            ours, theirs = held.column(name)[first_held[table]].as_py(), new.column(name)[first_new[table]].as_py()
            unknown = name in arrays.OF_TABLE and None in (ours, theirs)
            if ours != theirs and not unknown:
                model, recipe = table
                raise TrialSetError(
                    f"{source}: column {name!r} of table {model}/{task}/{recipe} is {short(theirs)}, in {folder} "
                    f"{short(ours)}; another recipe needs another name"
                )


def first_rows(trials: pa.Table) -> dict[tuple[str, str], int]:
    """(model, recipe) -> the first row of that table."""
    first: dict[tuple[str, str], int] = {}
    for row, table in enumerate(_tables(trials)):
        first.setdefault(table, row)
    return first


def short(value: object) -> str:
    """A value, or its beginning, for a line of text."""
    return str(value) if len(str(value)) <= 60 else f"{str(value)[:60]}…"


def _unheld(held: Configs, new: Configs, task: str, folder: str, source: str) -> np.ndarray:
    """Rows of the new trials that the trial set does not hold; those that it does are the same in every config."""
    ours, theirs = held["trials"][task], new["trials"][task]
    cells = cells_of(ours)
    row_of_cell = {cell: row for row, cell in enumerate(cells)}
    cell_of_name = dict(zip(ours.column("trial_id").to_pylist(), cells, strict=True))
    fresh, common = [], []
    for row, (cell, name) in enumerate(zip(cells_of(theirs), theirs.column("trial_id").to_pylist(), strict=True)):
        if cell in row_of_cell:
            common.append((row_of_cell[cell], row))
        elif name in cell_of_name:
            raise TrialSetError(
                f"{source}: trial_id {name!r} is of {_spoken(cell)}, in {folder} of {_spoken(cell_of_name[name])}; "
                "a trial_id names one trial of a split"
            )
        else:
            fresh.append(row)
    if common:
        rows, new_rows = (list(side) for side in zip(*common, strict=True))
        for config in sorted(held):
            if config != "examples" and task in held[config]:
                ours_there = of_trials(held[config][task], ours.column("trial_id").take(rows))
                theirs_there = of_trials(new[config][task], theirs.column("trial_id").take(new_rows))
                _require_same_rows(ours_there, theirs_there, f"{source}: {config} split {task}", folder)
    return np.array(fresh, dtype=np.int64)


def cells_of(trials: pa.Table) -> list[tuple[Any, ...]]:
    """(model, recipe, weight-init seed, data-order seed) of every row."""
    return list(zip(*(trials.column(name).to_pylist() for name in _CELL), strict=True))


def _spoken(cell: tuple[Any, ...]) -> str:
    model, recipe, weight_init_seed, data_order_seed = cell
    return f"{model} {recipe} with seeds {weight_init_seed} and {data_order_seed}"


def _require_same_rows(ours: pa.Table, theirs: pa.Table, where: str, folder: str) -> None:
    for name in (name for name in ours.column_names if name in theirs.column_names):
        odd = different(ours.column(name), theirs.column(name))
        if odd.any():
            trial = ours.column("trial_id")[int(np.argmax(odd))].as_py()
            raise TrialSetError(
                f"{where} column {name!r}: trial {trial!r} is another one in {folder}; the same seeds must be the same "
                "trial, in every column"
            )
