"""Trial sets that were damaged: files rewritten so that no checksum tells."""

import pyarrow as pa
import pyarrow.parquet as pq

from seedbench.trialset import read_manifest
from seedbench.trialset.write import write_manifest

TRIALS, PREDICTIONS, EXAMPLES = (
    f"{config}/sst2-00000-of-00001.parquet" for config in ("trials", "predictions", "examples")
)


def rewrite(folder, path, change):
    """Changes an Arrow table on disk, and the manifest with it: damage that no checksum tells."""
    pq.write_table(change(pq.read_table(folder / path)), folder / path)
    manifest = read_manifest(folder)
    write_manifest(folder, name=manifest.name, version=manifest.version)


def set_cell(name, row, value):
    def change(table):
        values = table.column(name).to_pylist()
        values[row] = value
        at = table.schema.get_field_index(name)
        return table.set_column(at, name, pa.array(values, table.schema.field(name).type))

    return change
