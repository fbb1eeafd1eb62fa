"""What preparing 1,000 replicates of the paper's 2,100 trials costs: halves, scores and losses on them, permutations.

    SEEDBENCH_BENCHMARKS=FOLDER pytest tests/benchmarks/test_preparation.py --benchmark-enable --benchmark-only

A process prepares them block by block, as a replay does, and writes CPU seconds and its peak of memory to
FOLDER/preparation.json. Blocks are independent, so two cores take half. Without `--benchmark-enable` one block of
small tables, as a test that it works.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from time import process_time

import numpy as np

from seedbench.replay import prepare
from seedbench.replay.batch import BATCH
from seedbench.trialset import TrialTable
from tests.benchmarks.memory import peak_mebibytes
from tests.synthetic import table_by_hand

ROOT = Path(__file__).parents[2]
CHECKPOINTS, REPLICATES = 30, 1000
#: Grid and dev examples of each task in Dodge et al. (2020).
PAPER = {"cola": (25, 25, 1043), "mrpc": (25, 25, 408), "rte": (25, 25, 277), "sst2": (15, 15, 872)}
SMALL = {"cola": (4, 4, 50), "rte": (3, 3, 40)}


def noise(task: str, rows: int, columns: int, examples: int) -> TrialTable:
    """A table of this size whose predictions are right in four of five cases, with losses."""
    rng = np.random.default_rng(0)
    label = (np.arange(examples) % 5 < 3).astype(np.int8)
    right = rng.random((rows * columns, CHECKPOINTS, examples), dtype=np.float32) < 0.8
    return replace(
        table_by_hand(np.zeros((rows, columns, CHECKPOINTS, 2)), [1, 0], task=task),
        predicted_label=np.where(right, label, 1 - label).astype(np.int8),
        example_loss=rng.random(right.shape, dtype=np.float32).astype(np.float16),
        label=label,
    )


def measure(sizes: dict[str, tuple[int, int, int]], replicates: int) -> dict[str, float]:
    """CPU seconds of preparing so many replicates of each task, and this process's peak of memory, all tables in it."""
    tables = [noise(task, *size) for task, size in sizes.items()]
    found: dict[str, float] = {}
    for table in tables:
        begun = process_time()
        for start in range(0, replicates, BATCH):
            batch = prepare(table, seed=0, replicates=range(start, start + BATCH))
            assert batch.test_score.shape == (BATCH, table.num_trials, CHECKPOINTS)
        found[table.task] = float(f"{process_time() - begun:.3g}")
    found["peak_mebibytes"] = peak_mebibytes()
    return found


def test_preparing_the_papers_trials(benchmark, request, capsys):
    full = request.config.getoption("--benchmark-enable")
    how = "PAPER, REPLICATES" if full else "SMALL, BATCH"
    code = f"import json\nfrom tests.benchmarks.test_preparation import *\nprint(json.dumps(measure({how})))"
    env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", code]
    done = benchmark.pedantic(
        lambda: subprocess.run(run, cwd=ROOT, env=env, capture_output=True, text=True, check=True), rounds=1
    )
    found = json.loads(done.stdout)
    assert found.pop("peak_mebibytes") <= 1024, done.stdout
    assert found.keys() == (PAPER if full else SMALL).keys()
    if not benchmark.stats:  # benchmarks are disabled
        return
    table = {"python": platform.python_version(), "replicates": REPLICATES, "cpu_seconds": found}
    table["peak_mebibytes"] = json.loads(done.stdout)["peak_mebibytes"]
    with capsys.disabled():
        print(f"\n{table}: {sum(found.values()):.3g} CPU seconds; wanted: 20, that is 10 on two cores, and 1,024 MiB")
    if folder := os.environ.get("SEEDBENCH_BENCHMARKS"):
        Path(folder, "preparation.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
