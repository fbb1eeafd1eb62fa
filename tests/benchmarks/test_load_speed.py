"""How fast a trial set of the paper's size loads: 2,100 trials × 30 checkpoints on four tasks, ready for replay.

    SEEDBENCH_SLOW=1 pytest tests/benchmarks/test_load_speed.py --benchmark-enable

Wanted: 0.1 seconds for the scores, and for all, predictions included, 2 seconds and 1 GiB. The peer reads the same
files: their SHA-256, and every column as an Arrow table. Without SEEDBENCH_SLOW a fifteenth of the trials, as a test
that it works.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seedbench.trialset import load_trials, read_manifest
from tests.synthetic import split_like_training, write

ROOT = Path(__file__).parents[2]
FULL = os.environ.get("SEEDBENCH_SLOW") == "1"
CHECKPOINTS = 30
DEV_EXAMPLES = {"cola": 1043, "mrpc": 408, "rte": 277, "sst2": 872}
GRID = {task: (25 if task != "sst2" else 15) // (1 if FULL else 4) for task in DEV_EXAMPLES}
MEBIBYTES = 1024

# What a process needs in all, most of which is Python, NumPy and Arrow themselves where the trial set is small.
_LOAD = "import sys, seedbench\nfrom tests.benchmarks.memory import peak_mebibytes\n"
_LOAD += "seedbench.load_trials(sys.argv[1], predictions=True)\nprint(peak_mebibytes())"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    splits = [
        split_like_training(GRID[task], GRID[task], task=task, checkpoints=CHECKPOINTS, examples=examples)
        for task, examples in DEV_EXAMPLES.items()
    ]
    return write(tmp_path_factory.mktemp("paper") / "set", *splits)


@pytest.mark.benchmark(group="scores")
def test_load_scores(benchmark, folder):
    trials = benchmark(lambda: load_trials(folder))
    assert sum(table.num_trials for table in trials.tables) == sum(size**2 for size in GRID.values())
    assert all(table.predicted_label is None for table in trials.tables)


@pytest.mark.benchmark(group="load")
def test_load(benchmark, folder):
    trials = benchmark(lambda: load_trials(folder, predictions=True))
    assert sum(table.num_trials for table in trials.tables) == sum(size**2 for size in GRID.values())
    for table in trials.tables:
        assert table.predicted_label.shape == (table.num_trials, CHECKPOINTS, DEV_EXAMPLES[table.task])
    sizes = [path.stat().st_size for path in folder.rglob("*.parquet")]
    benchmark.extra_info["mebibytes_on_disk"] = round(sum(sizes) / 2**20, 1)
    peak = subprocess.run(
        [sys.executable, "-c", _LOAD, folder], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    benchmark.extra_info["peak_mebibytes"] = int(peak)
    assert int(peak) <= MEBIBYTES


@pytest.mark.benchmark(group="scores")
def test_peer_scores(benchmark, folder):
    read_as_arrow(benchmark, folder, ("trials/", "examples/"))


@pytest.mark.benchmark(group="load")
def test_peer(benchmark, folder):
    read_as_arrow(benchmark, folder, ("",))


def read_as_arrow(benchmark, folder, configs):
    """SHA-256 and pyarrow, and no array."""
    import pyarrow.parquet as pq

    paths = [folder / path for path in read_manifest(folder).files if path.startswith(configs)]
    rows = benchmark(
        lambda: sum(len(hashlib.sha256(p.read_bytes()).hexdigest()) + pq.read_table(p).num_rows for p in paths)
    )
    assert rows > 0
