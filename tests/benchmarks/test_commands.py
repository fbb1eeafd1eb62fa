"""Whole commands, as a user waits for them: Python's start, loading, replay, report.

    SEEDBENCH_BENCHMARKS=FOLDER pytest tests/benchmarks/test_commands.py --benchmark-enable --benchmark-only

prints wall and CPU seconds, those of all its processes together, and writes them to FOLDER/commands.json. Other work on
the machine adds to the first and hardly to the second: on two idle cores a command takes from half of it to all of it.
Without `--benchmark-enable` only the start-up runs, as a test that it works.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.tables import quartiles, shown
from tests.synthetic import split_like_training, write

ROOT = Path(__file__).parents[2]

EVALUATE = "seedbench evaluate start_many --trials eight"
#: Wanted, in seconds on two cores; and rounds.
COMMANDS = {
    "seedbench --version": (0.25, 10),
    "seedbench --help": (0.25, 10),
    f"{EVALUATE} --task rte --recipe few": (2.0, 3),
    EVALUATE: (12.0, 2),
    f"{EVALUATE} --replicates 10000": (100.0, 1),
    "seedbench advise --budget 8 --trials eight --recipe few": (5.0, 2),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the trial set `eight`: four tasks, two recipes, 12 × 12 seeds, 10 checkpoints, no predictions."""
    folder = tmp_path_factory.mktemp("commands")
    splits = [
        split_like_training(
            12, 12, task=task, recipe=recipe, seed=number, checkpoints=10, examples=100, test_examples=400
        )
        for number, (recipe, task) in enumerate(product(("few", "many"), ("cola", "mrpc", "rte", "sst2")))
    ]
    write(folder / "eight", *splits, predictions=False)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_command(benchmark, request, capsys, command):
    wanted, rounds = COMMANDS[command]
    if wanted > 1 and not request.config.getoption("--benchmark-enable"):
        pytest.skip("a whole evaluation: only with --benchmark-enable")
    _, *arguments = command.split()
    folder = request.getfixturevalue("place") if wanted > 1 else None
    environment = os.environ | {"PYTHONPATH": str(ROOT)}

    cpu: list[float] = []

    def once() -> None:
        begun = cpu_seconds()
        run = [sys.executable, "-m", "seedbench", *arguments]
        subprocess.run(run, check=True, capture_output=True, cwd=folder, env=environment)
        cpu.append(cpu_seconds() - begun)

    benchmark.pedantic(once, rounds=rounds, warmup_rounds=1 if wanted < 1 else 0)
    if not benchmark.stats:  # benchmarks are disabled
        return
    found = {
        "command": command,
        "wall_seconds": quartiles(np.array(benchmark.stats.stats.data)),
        "cpu_seconds": quartiles(np.array(cpu[-rounds:])),
        "wanted": wanted,
        "rounds": rounds,
    }
    with capsys.disabled():
        print(f"\n{command}: {shown(found['wall_seconds'])} s, CPU {shown(found['cpu_seconds'])}; wanted {wanted:g}")
    if out := os.environ.get("SEEDBENCH_BENCHMARKS"):
        path = Path(out, "commands.json")
        table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"commands": []}
        others = [other for other in table["commands"] if other["command"] in COMMANDS and other["command"] != command]
        every = sorted([*others, found], key=lambda row: list(COMMANDS).index(row["command"]))
        table = {"python": platform.python_version(), "cores": len(os.sched_getaffinity(0)), "commands": every}
        path.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def cpu_seconds() -> float:
    """Of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
