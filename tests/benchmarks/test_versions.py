"""This seedbench beside an earlier one: the same campaigns, in the same run, each in a process of its own.

    mkdir before && git archive 2b91873 seedbench | tar x -C before
    SEEDBENCH_BEFORE=before SEEDBENCH_BENCHMARKS=FOLDER pytest tests/benchmarks/test_versions.py --benchmark-enable

2b91873 is the last that booked checkpoints one by one. In every round the two run in turn; the ratios are printed, and
written to FOLDER/versions.json. Without SEEDBENCH_BEFORE both are this one, as a test that it works.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from tests.benchmarks.tables import quartiles, shown

STRATEGIES, ROUNDS = ("full_trials", "asha", "successive_halving"), 30
ROOT = Path(__file__).parents[2]


def test_before_and_after(benchmark, capsys):
    folders = {"before": os.environ.get("SEEDBENCH_BEFORE") or str(ROOT), "after": str(ROOT)}
    seconds: dict[tuple[str, str], list[float]] = {(name, when): [] for name in STRATEGIES for when in folders}
    with ExitStack() as stack:
        started = {
            when: stack.enter_context(
                subprocess.Popen(
                    [sys.executable, Path(__file__).with_name("campaigns.py")],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    env=os.environ | {"PYTHONPATH": os.path.abspath(folder)},
                )
            )
            for when, folder in folders.items()
        }

        def one_round() -> None:
            for (name, when), found in seconds.items():
                process = started[when]
                process.stdin.write(f"{name}\n")
                process.stdin.flush()
                every = [float(value) for value in process.stdout.readline().split()]
                assert len(every) == 20
                found.append(sum(every) / len(every))

        benchmark.pedantic(one_round, rounds=ROUNDS, warmup_rounds=1)
    if not benchmark.stats:  # benchmarks are disabled
        return
    rows = []
    for name in STRATEGIES:
        before, after = (np.array(seconds[name, when][1:]) for when in folders)  # the first round is to warm up
        rows.append(
            {
                "strategy": name,
                "before": quartiles(1 / before),
                "after": quartiles(1 / after),
                "times_as_fast": quartiles(before / after),
            }
        )
    table = {"python": platform.python_version(), "rounds": ROUNDS, "rows": rows}
    with capsys.disabled():
        print("\ncampaigns a second: before, after, and how many times as fast\n")
        for row in rows:
            print(f"{row['strategy']:20}", *(f"{shown(row[key]):>24}" for key in ("before", "after", "times_as_fast")))
    benchmark.extra_info["table"] = table
    if folder := os.environ.get("SEEDBENCH_BENCHMARKS"):
        Path(folder, "versions.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
