"""A trial set's files: the manifest, and parquet files to and from Arrow tables and arrays.

    <folder>/manifest.json                             schema version, dataset version, SHA-256 of every file
    <folder>/<config>/<task>-00000-of-0000N.parquet    one split per task
    <folder>/README.md, …                              `DOCUMENTS` about them; not in the manifest, whose SHA-256 they
                                                       carry

Every file is read once, checked against the manifest, and only then parsed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np

from seedbench.documents import OMIT_EMPTY, Count, Sha256, Share, from_json, read_regular, whole
from seedbench.errors import CannotWrite, TrialSetError
from seedbench.files import settle
from seedbench.trialset.limits import limits, needed, require, text_bytes
from seedbench.trialset.resampled import ExamplesError
from seedbench.trialset.schema import (
    CONFIGS,
    TASK_NAME,
    arrow_schema,
    arrow_type,
)
from seedbench.trialset.versions import VERSION

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "manifest.json"
CARD = "README.md"
CHANGELOG = "CHANGELOG.md"
CROISSANT = "croissant.json"
CITATION = "CITATION.cff"
FIGURE = "gap-closed.svg"  # seedbench evaluate … --figure
EVALUATION = "evaluation.json"  # seedbench evaluate … --json
REPRODUCED = "reproduced.json"  # python -m runners.reproduce … --json
DOCUMENTS = (CARD, CHANGELOG, CITATION, CROISSANT, FIGURE, EVALUATION, REPRODUCED)  # and a picture of every task
KEPT = (CHANGELOG, REPRODUCED)  # what stays true when trials are added
SHARD_NAME = re.compile(r"(?P<config>[a-z]+)/(?P<task>[a-z0-9]+)-(?P<shard>\d{5})-of-(?P<shards>\d{5})\.parquet")
_PICTURE = re.compile(rf"curves-{TASK_NAME.pattern}\.png", re.ASCII)
_SAFE_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")


Configs = dict[str, dict[str, "pa.Table"]]  # config -> task -> split


@dataclass(frozen=True)
class ListedFile:
    """One file of a trial set, as its manifest lists it."""

    bytes: Count
    sha256: Sha256


@dataclass(frozen=True)
class ManifestFile:
    """`manifest.json`; its schema version is its format number."""

    schema_version: Literal[2]
    name: Annotated[str, whole(_SAFE_PATH.pattern, "of letters, digits and ._-/")]
    version: Annotated[str, whole(VERSION.pattern, "like 1.0.0")]
    files: Annotated[dict[str, ListedFile], msgspec.Meta(min_length=1)]
    examples_error: dict[str, ExamplesError] = field(default_factory=dict, metadata={OMIT_EMPTY: True})
    undefined_share: dict[str, Share] = field(default_factory=dict, metadata={OMIT_EMPTY: True})


@dataclass(frozen=True)
class Manifest:
    """What a trial set's folder holds.

    Attributes:
        name: of the trial set; never a path.
        version: semantic version of the data.
        sha256: of `manifest.json` itself; identifies the trial set.
        files: path inside the folder -> SHA-256.
        examples_error: of each table whose predictions were there when it was written, by name.
        undefined_share: of those tables, the share of checkpoints whose score is a convention.
    """

    name: str
    version: str
    sha256: str
    files: dict[str, str]
    examples_error: dict[str, ExamplesError] = field(default_factory=dict)
    undefined_share: dict[str, float] = field(default_factory=dict)

    def shards(self, config: str) -> dict[str, list[str]]:
        """Task -> the paths of its parquet files in that config, in order.

        Raises:
            TrialSetError: a shard of a split is missing.
        """
        by_task: dict[str, list[re.Match[str]]] = {}
        for path in sorted(self.files):
            match = SHARD_NAME.fullmatch(path)
            if match and match["config"] == config:
                by_task.setdefault(match["task"], []).append(match)
        for matches in by_task.values():
            numbers = [(int(match["shard"]), int(match["shards"])) for match in matches]
            if numbers != [(number, len(numbers)) for number in range(len(numbers))]:
                names = ", ".join(match[0] for match in matches)
                raise TrialSetError(f"{MANIFEST}: shards of a split must be 0 … N-1 of N, found {names}")
        return {task: [match[0] for match in matches] for task, matches in by_task.items()}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a trial set's folder, checked; a change of it whose writer was killed is finished or undone.

    Raises:
        TrialSetError: missing, not JSON, of another schema version, or with a path that leaves the folder.
    """
    try:
        settle(folder)
        require("bytes", (folder / MANIFEST).stat().st_size, limits().document, folder / MANIFEST)
        content = read_regular(folder / MANIFEST)
    except CannotWrite as error:
        raise TrialSetError(f"{error}; a change of this trial set was interrupted there") from None
    except OSError as error:
        rule = "a trial set is a folder with a manifest; seedbench trials import makes one of curves"
        raise TrialSetError(f"{folder / MANIFEST}: {error.strerror}; {rule}") from None
    manifest = from_json(content, ManifestFile, str(folder / MANIFEST), error=TrialSetError, open_ended=True)
    for path in manifest.files:
        if problem := _unfit(path):
            raise TrialSetError(f"{folder / MANIFEST}: {problem}, found {path[:200]!r}")
    digests = {path: entry.sha256 for path, entry in manifest.files.items()}
    sha256 = hashlib.sha256(content).hexdigest()
    return Manifest(manifest.name, manifest.version, sha256, digests, manifest.examples_error, manifest.undefined_share)


def _unfit(path: str) -> str | None:
    """The rule that the path of a listed file breaks; None where there is none."""
    shard = SHARD_NAME.fullmatch(path)
    if not _SAFE_PATH.fullmatch(path) or path == MANIFEST or is_document(path):
        return "a file must be a plain path inside the folder"
    if path.endswith(".parquet") and shard is None:
        return "a parquet file must be <config>/<task>-00000-of-0000N.parquet"
    if shard and shard["config"] not in CONFIGS:
        return f"a config must be one of {', '.join(CONFIGS)}"
    return None


def picture_of(task: str) -> str:
    """The name of a task's picture in a trial set."""
    return f"curves-{task}.png"


def is_document(path: str) -> bool:
    """Whether a path inside a trial set is one of its documents, which are not in the manifest."""
    return path in DOCUMENTS or _PICTURE.fullmatch(path) is not None


def read_checked(folder: Path, manifest: Manifest, path: str) -> bytes:
    """The bytes of one file, the same as when the manifest was written.

    Raises:
        TrialSetError: missing, or changed since.
    """
    try:
        content = read_regular(folder / path, limits().bytes)
    except OSError as error:
        raise TrialSetError(f"{folder / path}: {error.strerror}, but {MANIFEST} lists it") from None
    sha256 = hashlib.sha256(content).hexdigest()
    if sha256 != manifest.files[path]:
        raise TrialSetError(
            f"{folder / path}: its SHA-256 is {sha256[:12]}…, {MANIFEST} says {manifest.files[path][:12]}…; "
            "the file is damaged or was changed: fetch it again"
        )
    return content


def read_split(folder: Path, manifest: Manifest, config: str, shards: Sequence[str]) -> pa.Table:
    """One split of one config as an Arrow table: the schema's columns, nulls where one is absent, then any others.

    Raises:
        TrialSetError: damaged, not parquet, or a column of the schema is missing or of another type.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts, allowed, size, rows = [], limits(), 0, 0
    for path in shards:
        content, file_path = read_checked(folder, manifest, path), folder / path
        try:
            metadata = pq.read_metadata(pa.BufferReader(content))
            size, rows = size + needed(content, metadata, file_path), rows + metadata.num_rows
            if config != "examples":
                require("trials", rows, allowed.trials, file_path)
            require("bytes in memory", size, allowed.bytes, file_path)
            size += text_bytes(content, metadata, file_path)
            require("bytes in memory", size, allowed.bytes, file_path)
            file = pq.ParquetFile(pa.BufferReader(content), metadata=metadata)
            _check_columns(file.schema_arrow, config, file_path)
            # Without Arrow's threads: a process that ends soon after they started is aborted now and then.
            parts.append(file.read(use_threads=False))
            parts[-1].validate(full=True)  # offsets in order, text in UTF-8
        except MemoryError:  # which is one of Arrow's, too
            what = "memory ran out while it was read; give this process more, or take a smaller trial set"
            raise TrialSetError(f"{file_path}: {what}") from None
        except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
            reason = " ".join(str(error).split())[:200]
            raise TrialSetError(f"{file_path}: not a readable parquet file ({reason})") from None
    where = folder / shards[0] if len(shards) == 1 else f"{folder / config}/{shards[0].split('/')[1].split('-')[0]}-*"
    try:
        table = with_all_columns(config, pa.concat_tables(parts, promote_options="default"))
    except pa.ArrowException as error:
        raise TrialSetError(f"{where}: columns of one name have two types ({' '.join(str(error).split())})") from None
    for column in CONFIGS[config].columns:
        if not column.nullable and table.column(column.name).null_count:
            row = int(np.flatnonzero(table.column(column.name).is_null().to_numpy())[0])
            raise TrialSetError(f"{where}: column {column.name!r} row {row}: must not be null")
    return table


def _check_columns(found: pa.Schema, config: str, where: Path) -> None:
    if len(set(found.names)) != len(found.names):
        raise TrialSetError(f"{where}: a column is there twice")
    for column in CONFIGS[config].columns:
        if column.name not in found.names:
            if not column.nullable:
                raise TrialSetError(f"{where}: column {column.name!r} is missing")
        elif (its := found.field(column.name).type) != arrow_type(column.type):
            raise TrialSetError(
                f"{where}: column {column.name!r} must be {column.type}, found {' '.join(str(its).split())}"
            )


def with_all_columns(config: str, table: pa.Table) -> pa.Table:
    """The columns of a config's schema in its order, nulls where one is absent, then those that it does not know."""
    import pyarrow as pa

    schema = arrow_schema(config)
    for column in schema:
        if column.name not in table.column_names:
            table = table.append_column(column, pa.nulls(table.num_rows, column.type))
    return table.select([*schema.names, *(name for name in table.column_names if name not in schema.names)])


def read_folder(folder: Path, manifest: Manifest, tasks: Container[str] | None = None) -> Configs:
    """Every split of every config, `steps` and `logits` included: config -> task -> Arrow table.

    Args:
        folder: of the trial set.
        manifest: its manifest.
        tasks: the splits to read; None: all.

    Raises:
        TrialSetError: as `read_split`.
    """
    configs: Configs = {}
    for config in CONFIGS:
        for task, paths in manifest.shards(config).items():
            if tasks is None or task in tasks:
                configs.setdefault(config, {})[task] = read_split(folder, manifest, config, paths)
    return configs
