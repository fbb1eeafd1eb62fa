"""What changed from one version of a trial set to the next, and what that asks of the version number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seedbench.documents import from_json
from seedbench.errors import TrialSetError
from seedbench.text import counted
from seedbench.trialset.files import MANIFEST, SHARD_NAME, Configs, Manifest, read_folder, read_manifest
from seedbench.trialset.merge import OF_TABLE, cells_of, first_rows, short
from seedbench.trialset.rows import different, of_trials
from seedbench.trialset.schema import EXAMPLE_SPLITS, SCHEMA_VERSION
from seedbench.trialset.versions import Level

if TYPE_CHECKING:
    import pyarrow as pa

Table = tuple[str, str]  # model, recipe
Columns = dict[tuple[str, str], Any]  # (config, name) -> Arrow type
Seeds = tuple[int, int]  # weight-init seed, data-order seed


@dataclass(frozen=True)
class Change:
    """One line of what changed; it begins with + for added, - for removed, ~ for changed."""

    level: Level
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class _AnyManifest:
    """What the manifest of every schema version has."""

    schema_version: int


def schema_version(folder: Path) -> int:
    """The schema version that a folder's manifest names, whatever else stands in it.

    Raises:
        TrialSetError: there is none.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise TrialSetError(f"{folder / MANIFEST}: names no schema_version: {error.strerror}") from None
    where = f"{folder / MANIFEST}: names no schema_version"
    return from_json(content, _AnyManifest, where, error=TrialSetError, open_ended=True).schema_version


def unlike(old: Manifest, new: Manifest) -> tuple[set[str], list[str]]:
    """The tasks that are not the same in both, and the old files that `changes` needs to compare them."""

    def by_task(manifest: Manifest) -> dict[str, dict[str, str]]:
        shards: dict[str, dict[str, str]] = {}
        for path, sha256 in manifest.files.items():
            if shard := SHARD_NAME.fullmatch(path):
                shards.setdefault(shard["task"], {})[path] = sha256
        return shards

    before, after = by_task(old), by_task(new)
    tasks = {task for task in before.keys() | after.keys() if before.get(task) != after.get(task)}
    return tasks, sorted(path for task in tasks for path in before.get(task, ()))


def changes(old: Path, new: Path) -> list[Change]:
    """What changed between two versions, table by table; empty where only documents did.

    Args:
        old: folder of the earlier version; only the files that `unlike` names need to be there.
        new: folder of the later one.

    Raises:
        TrialSetError: one of them cannot be read.
    """
    schema = schema_version(old)
    if schema != SCHEMA_VERSION:
        return [
            Change(Level.MAJOR, f"~ schema {SCHEMA_VERSION}, was {schema}"),
            *_column_changes(_columns(old), _columns(new)),
        ]
    manifests = read_manifest(old), read_manifest(new)
    tasks, _ = unlike(*manifests)
    before, after = (
        read_folder(folder, manifest, tasks) for folder, manifest in zip((old, new), manifests, strict=True)
    )
    return [change for task in sorted(tasks) for change in _task_changes(task, before, after)]


def _task_changes(task: str, old: Configs, new: Configs) -> Iterator[Change]:
    tables = [_rows_by_table(configs, task) for configs in (old, new)]
    for table in sorted(tables[0].keys() | tables[1].keys()):
        name = f"{table[0]}/{task}/{table[1]}"
        before, after = (of_task.get(table, {}) for of_task in tables)
        if not before:
            yield Change(Level.MINOR, f"+ table {name}: {_trials(len(after))}")
        elif not after:
            yield Change(Level.MAJOR, f"- table {name}: {_trials(len(before))}")
        else:
            yield from _table_changes(table, task, old, new, before, after)
    shared = [{config for config in configs if task in configs[config]} for configs in (old, new)]
    if all(shared):
        for config in sorted(shared[1] - shared[0]):
            yield Change(Level.MINOR, f"+ {config} of {task}")
        for config in sorted(shared[0] - shared[1]):
            yield Change(Level.MAJOR, f"- {config} of {task}")
        for config in sorted(shared[0] & shared[1]):
            was, now = (
                {(f"{config} of {task}", field.name): field.type for field in of[config][task].schema}
                for of in (old, new)
            )
            yield from _column_changes(was, now, Level.MINOR)
        if "examples" in shared[0] & shared[1]:
            yield from _example_changes(task, old["examples"][task], new["examples"][task])


def _example_changes(task: str, old: pa.Table, new: pa.Table) -> Iterator[Change]:
    import pyarrow.compute as pc

    for split in EXAMPLE_SPLITS:
        before, after = (examples.filter(pc.equal(examples.column("split"), split)) for examples in (old, new))
        if after.num_rows and not before.num_rows:
            yield Change(Level.MINOR, f"+ {split} examples of {task}: {after.num_rows:,}")
        elif not before.equals(after):
            yield Change(Level.MAJOR, f"~ {split} examples of {task}: others than before")


def _rows_by_table(configs: Configs, task: str) -> dict[Table, dict[Seeds, int]]:
    tables: dict[Table, dict[Seeds, int]] = {}
    if task in configs.get("trials", {}):
        for row, (model, recipe, *seeds) in enumerate(cells_of(configs["trials"][task])):
            tables.setdefault((model, recipe), {})[seeds[0], seeds[1]] = row
    return tables


def _table_changes(
    table: Table, task: str, old: Configs, new: Configs, before: dict[Seeds, int], after: dict[Seeds, int]
) -> Iterator[Change]:
    name = f"{table[0]}/{task}/{table[1]}"
    old_trials, new_trials = (configs["trials"][task] for configs in (old, new))
    for field in OF_TABLE:
        was, now = (split.column(field)[first_rows(split)[table]].as_py() for split in (old_trials, new_trials))
        if was is None and now is not None:
            yield Change(Level.MINOR, f"+ table {name}: {field} {short(now)}")
        elif was != now:
            yield Change(Level.MAJOR, f"~ table {name}: {field} {short(now)}, was {short(was)}")
    if added := after.keys() - before.keys():
        yield Change(Level.MINOR, f"+ table {name}: {_trials(len(added))} more")
    if removed := before.keys() - after.keys():
        yield Change(Level.PATCH, f"- table {name}: {_trials(len(removed))} withdrawn")
    common = sorted(before.keys() & after.keys())
    rows = [[of_set[seeds] for seeds in common] for of_set in (before, after)]
    odd, columns = np.zeros(len(common), dtype=bool), []
    for config in sorted(old.keys() & new.keys() - {"examples"}):
        if common and task in old[config] and task in new[config]:
            was, now = (
                of_trials(configs[config][task], configs["trials"][task].column("trial_id").take(of_set))
                for configs, of_set in zip((old, new), rows, strict=True)
            )
            for column in (column for column in was.column_names if column in now.column_names):
                if was.column(column).type != now.column(column).type:
                    continue  # said of the whole split
                unlike_rows = different(was.column(column), now.column(column))
                if unlike_rows.any() and (config == "trials" or column != "trial_id"):
                    odd |= unlike_rows
                    columns.append(column)
    if columns := [column for column in columns if column not in OF_TABLE]:
        yield Change(Level.PATCH, f"~ table {name}: {_trials(int(odd.sum()))} changed ({', '.join(columns)})")


def _trials(number: int) -> str:
    return counted(number, "trial")


def _column_changes(before: Columns, after: Columns, added: Level = Level.MAJOR) -> Iterator[Change]:
    """Columns that come, go or are of another type."""
    for column in sorted(before.keys() | after.keys()):
        config, name = column
        if column not in before:
            yield Change(added, f"+ column {name} of {config}: {after[column]}")
        elif column not in after:
            yield Change(Level.MAJOR, f"- column {name} of {config}: {before[column]}")
        elif before[column] != after[column]:
            yield Change(Level.MAJOR, f"~ column {name} of {config}: {after[column]}, was {before[column]}")


def _columns(folder: Path) -> Columns:
    """Those of all files, whatever their schema."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: Columns = {}
    for path in sorted(folder.glob("*/*.parquet")):
        try:
            schema: pa.Schema = pq.read_schema(path)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise TrialSetError(f"{path}: not a readable parquet file ({' '.join(str(error).split())[:200]})") from None
        columns |= {(path.parent.name, field.name): field.type for field in schema}
    return columns
