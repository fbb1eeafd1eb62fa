"""Trials in little space, for a small transfer: one parquet file a task, to be exported later like the logs it is from.

It has the rows of ``trials``, with their predictions beside, compressed with zstd; the examples are in its metadata.
What a trial set can have beyond that, the logits and the losses of every step, is left behind.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from runners.errors import RunnerError
from seedbench.files import make_folder, write_file
from seedbench.trialset.files import with_all_columns
from seedbench.trialset.schema import CONFIGS as SCHEMAS
from seedbench.trialset.schema import arrow_schema

SUFFIX = ".compact.parquet"
CONFIGS = ("trials", "predictions", "examples")
_EXAMPLES = b"examples"

Splits = dict[str, dict[str, pa.Table]]  # config -> task -> rows


def write_compact(folder: Path, splits: Mapping[str, Mapping[str, pa.Table]]) -> list[Path]:
    """Writes ``<task>.compact.parquet`` for every task; returns the files.

    Args:
        folder: where; made where it is not there.
        splits: rows of `CONFIGS`, those of the first two in the same order.
    """
    make_folder(folder)
    paths = []
    for task, trials in splits["trials"].items():
        predictions = splits["predictions"][task]
        for name in predictions.column_names:
            if name not in trials.column_names:
                trials = trials.append_column(predictions.schema.field(name), predictions.column(name))
        sink = pa.BufferOutputStream()
        packed = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_stream(sink, splits["examples"][task].schema, options=packed) as stream:
            stream.write_table(splits["examples"][task])
        content = pa.BufferOutputStream()
        with pq.ParquetWriter(
            content, trials.schema, compression="zstd", compression_level=19, store_schema=False
        ) as writer:
            writer.write_table(trials)
            writer.add_key_value_metadata({_EXAMPLES: base64.b64encode(sink.getvalue().to_pybytes())})
        paths.append(folder / f"{task}{SUFFIX}")
        write_file(paths[-1], content.getvalue().to_pybytes())
    return paths


def read_compact(path: Path) -> dict[str, pa.Table]:
    """Rows of every config of `CONFIGS` of one task.

    As in a trial set, a nullable column may be absent, in a file from before there was one; one that is not known is
    kept.

    Raises:
        RunnerError: not such a file, or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            table, stored = file.read(), (file.metadata.metadata or {})[_EXAMPLES]
        examples = pa.ipc.open_stream(base64.b64decode(stored)).read_all()
        beside = [name for name in arrow_schema("predictions").names[1:] if name in table.column_names]
        found = {"trials": table.drop_columns(beside), "predictions": table.select(["trial_id", *beside])}
        return {name: _whole(name, rows) for name, rows in (found | {"examples": examples}).items()}
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunnerError(f"{path}: not what runners.export --compact writes ({reason}); fetch it again") from None


def _whole(config: str, rows: pa.Table) -> pa.Table:
    """All columns of the config, of its types, then those that it does not know.

    Raises:
        KeyError: one is absent that is never null.
    """
    for column in SCHEMAS[config].columns:
        if column.name not in rows.column_names and not column.nullable:
            raise KeyError(column.name)
    rows = with_all_columns(config, rows.replace_schema_metadata(None))
    known = arrow_schema(config)
    return rows.cast(pa.schema([*known, *list(rows.schema)[len(known) :]]))
