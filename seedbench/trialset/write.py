"""Writes a trial set: new files, checked by loading them, then put in place. Nothing is ever half-written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seedbench.documents import to_json
from seedbench.errors import CannotWrite, TrialSetError
from seedbench.files import Change, changing, new_folder, write_file
from seedbench.trialset.arrays import load_tables
from seedbench.trialset.files import (
    KEPT,
    MANIFEST,
    ListedFile,
    ManifestFile,
    is_document,
    read_manifest,
    with_all_columns,
)
from seedbench.trialset.lists import nested
from seedbench.trialset.resampled import examples_error
from seedbench.trialset.schema import CONFIGS, SCHEMA_VERSION, TASK_NAME, arrow_schema
from seedbench.trialset.table import TrialTable
from seedbench.trialset.undefined import undefined_share

if TYPE_CHECKING:
    import pyarrow as pa

MAX_FILE_BYTES = 64 * 2**20
Rows = Sequence[Mapping[str, Any]]
_ROW_GROUP_BYTES = 32 * 2**20  # before compression: small enough to stream, large enough to compress well


def write_trials(
    path: str | os.PathLike[str],
    configs: Mapping[str, Mapping[str, Rows | pa.Table]],
    *,
    name: str,
    version: str,
    max_file_bytes: int = MAX_FILE_BYTES,
    replace: bool = False,
) -> str:
    """Writes a trial set to a folder.

    Args:
        path: the folder; must not exist, unless `replace`.
        configs: config -> task -> rows, or an Arrow table of the schema. A row is a mapping from column name to value;
            lists may be NumPy arrays of as many dimensions as the column's type has. A nullable column may be left out.
            Rows of a split may come in any order: they are sorted by model, recipe and seeds.
        name: the trial set's name.
        version: semantic version of the data.
        max_file_bytes: a split goes on in another file once a file is larger than this.
        replace: in the place of the trial set that is there: its data, and its documents but for `KEPT`, are lost, and
            what else is in the folder stays.

    Returns:
        The SHA-256 of the manifest, which identifies the trial set.

    Raises:
        TrialSetError: the rows do not make a valid trial set, or the folder cannot be written; nothing was written.
    """
    target = Path(path)
    if target.exists() and replace:
        with changing_trials(target) as change:
            return put_trials(change, configs, name=name, version=version, max_file_bytes=max_file_bytes)
    if target.exists():
        raise TrialSetError(f"{target}: exists already; a trial set is written to a new folder")
    with _as_trial_set_error(), new_folder(target) as new:
        return _stage(new, configs, name, version, max_file_bytes)


@contextmanager
def changing_trials(folder: Path) -> Iterator[Change]:
    """Nobody else changes a trial set meanwhile; see `put_trials`.

    Raises:
        TrialSetError: there is none, another writer has it, or it cannot be written.
    """
    read_manifest(folder)
    with _as_trial_set_error(), changing(folder) as change:
        yield change


def put_trials(
    change: Change,
    configs: Mapping[str, Mapping[str, Rows | pa.Table]],
    *,
    name: str,
    version: str,
    max_file_bytes: int = MAX_FILE_BYTES,
) -> str:
    """Puts other trials in the place of those of the trial set that is being changed; arguments as of `write_trials`.

    Returns:
        The SHA-256 of the manifest.

    Raises:
        TrialSetError: the rows do not make a valid trial set, or a file that is not of it is in the way; nothing was
            changed.
    """
    sha256 = _stage(change.new, configs, name, version, max_file_bytes)
    documents = {entry.name for entry in change.folder.iterdir() if is_document(entry.name)} - {*KEPT}
    change.commit({MANIFEST, *read_manifest(change.folder).files, *documents})
    return sha256


def _stage(
    folder: Path, configs: Mapping[str, Mapping[str, Rows | pa.Table]], name: str, version: str, max_file_bytes: int
) -> str:
    """Writes a trial set to an empty folder that nobody knows yet, and checks it by loading it."""
    _write_files(folder, configs, max_file_bytes)
    write_manifest(folder, name=name, version=version)
    try:
        tables = load_tables(folder, read_manifest(folder), predictions=True)
    except TrialSetError as error:
        raise TrialSetError(str(error).replace(f"{folder}{os.sep}", "")) from None
    return write_manifest(folder, name=name, version=version, tables=tables)


@contextmanager
def _as_trial_set_error() -> Iterator[None]:
    try:
        yield
    except CannotWrite as error:
        raise TrialSetError(str(error)) from None


def write_manifest(folder: Path, *, name: str, version: str, tables: Sequence[TrialTable] = ()) -> str:
    """Writes a folder's manifest over all its `data_files`, with what only the predictions of `tables` tell.

    Returns:
        The manifest's SHA-256.
    """
    files = {}
    for path in data_files(folder):
        content = (folder / path).read_bytes()
        files[path] = ListedFile(len(content), hashlib.sha256(content).hexdigest())
    errors = {table.name: found for table in tables if (found := examples_error(table)) is not None}
    undefined = {table.name: share for table in tables if (share := undefined_share(table)) is not None}
    content = to_json(ManifestFile(SCHEMA_VERSION, name, version, files, errors, undefined)).encode()
    write_file(folder / MANIFEST, content)
    return hashlib.sha256(content).hexdigest()


def data_files(folder: Path) -> list[str]:
    """Paths inside a folder that belong in its manifest: not itself, no document, and nothing whose name begins with
    a dot, which is Git's or the Hub client's."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    seen = (path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
    return sorted(path for path in seen if path != MANIFEST and not is_document(path))


def to_arrow(config: str, rows: Rows) -> pa.Table:
    """Rows of one config -> an Arrow table of exactly the schema.

    Raises:
        TrialSetError: a column that is missing, unknown or of another type.
    """
    import pyarrow as pa

    columns: dict[str, pa.Array] = {}
    for column in CONFIGS[config].columns:
        values = [row.get(column.name) for row in rows]
        missing = [number for number, value in enumerate(values) if value is None]
        if missing and not column.nullable:
            raise TrialSetError(f"{config}: column {column.name!r} row {missing[0]}: is missing and must not be")
        try:
            if column.type.startswith("list<"):
                columns[column.name] = nested(values, column.type)
            else:
                plain = [value.item() if isinstance(value, np.generic) else value for value in values]
                columns[column.name] = pa.array(plain, arrow_schema(config).field(column.name).type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError, TrialSetError) as error:
            raise TrialSetError(f"{config}: column {column.name!r} must be {column.type} ({error})") from None
    known = {column.name for column in CONFIGS[config].columns}
    for number, row in enumerate(rows):
        if extra := set(row) - known:
            raise TrialSetError(f"{config}: row {number}: column {min(extra)!r} is not in the schema")
    return pa.table(columns, schema=arrow_schema(config))


def _write_files(folder: Path, configs: Mapping[str, Mapping[str, Rows | pa.Table]], max_file_bytes: int) -> None:
    import pyarrow as pa

    for config, splits in configs.items():
        if config not in CONFIGS:
            raise TrialSetError(f"unknown config {config!r}: a trial set has {', '.join(CONFIGS)}")
        for task in splits:
            if not TASK_NAME.fullmatch(task):
                raise TrialSetError(f"a task's name is small letters and digits, found {task!r}")
            if config not in ("trials", "examples") and task not in configs.get("trials", {}):
                raise TrialSetError(f"{config}: split {task!r} has no trials")
    order: dict[str, pa.Table] = {}
    for config in sorted(configs, key=list(CONFIGS).index):  # trials first: their order is everybody's
        for task, rows in sorted(configs[config].items()):
            table = with_all_columns(config, rows) if isinstance(rows, pa.Table) else to_arrow(config, rows)
            if config == "trials":
                keys = ("model", "recipe", "weight_init_seed", "data_order_seed")
                table = table.sort_by([(key, "ascending") for key in keys])
                order[task] = table.select(["trial_id"])
            elif config != "examples":
                table = _in_order(table, order[task], f"{config} split {task}")
            _write_split(folder / config, task, table, config, max_file_bytes)


def _in_order(table: pa.Table, order: pa.Table, where: str) -> pa.Table:
    import pyarrow.compute as pc

    position = pc.index_in(order.column("trial_id"), value_set=table.column("trial_id").combine_chunks())
    if position.null_count or table.num_rows != order.num_rows:
        rule = f"must have the same {order.num_rows} trials as the split's trials"
        raise TrialSetError(f"{where}: {rule}, found {table.num_rows} rows")
    return table.take(position)


def _write_split(folder: Path, task: str, table: pa.Table, config: str, max_file_bytes: int) -> None:
    import pyarrow.parquet as pq

    folder.mkdir(exist_ok=True)
    rows_per_group = max(1, int(_ROW_GROUP_BYTES / max(1.0, table.nbytes / max(1, table.num_rows))))
    # Scores and names repeat, so a dictionary serves them; losses do not. Other encodings are not read by every engine.
    columns = CONFIGS[config].columns
    leaves = {column.name + ".list.element" * column.type.count("list<"): column.type for column in columns}
    dictionary = [leaf for leaf, type_name in leaves.items() if "float32" not in type_name]
    written: list[Path] = []
    start = 0
    while start < table.num_rows or not written:
        part = folder / f"{task}-{len(written)}.part"
        with pq.ParquetWriter(
            part,
            table.schema,
            compression="zstd",
            compression_level=9,
            use_dictionary=dictionary,
            write_page_index=True,
            use_content_defined_chunking=True,
            store_schema=False,
        ) as writer:
            while start < table.num_rows:
                writer.write_table(table.slice(start, rows_per_group), row_group_size=rows_per_group)
                start += rows_per_group
                if part.stat().st_size > max_file_bytes:
                    break
        written.append(part)
    for number, part in enumerate(written):
        part.rename(folder / f"{task}-{number:05d}-of-{len(written):05d}.parquet")
