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

    Raises:
        RunnerError: not such a file, or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            table, stored = file.read(), (file.metadata.metadata or {})[_EXAMPLES]
        examples = pa.ipc.open_stream(base64.b64decode(stored)).read_all()
        found = {name: table.select(arrow_schema(name).names) for name in CONFIGS[:2]} | {"examples": examples}
        return {name: rows.replace_schema_metadata(None).cast(arrow_schema(name)) for name, rows in found.items()}
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RunnerError(f"{path}: not what runners.export --compact writes ({reason}); fetch it again") from None
