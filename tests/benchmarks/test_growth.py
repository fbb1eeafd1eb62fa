"""How the cost of an evaluation grows: with replicates, trials, budget and tables, each × 1, × 10, × 100.

    SEEDBENCH_BENCHMARKS=FOLDER pytest tests/benchmarks/test_growth.py --benchmark-enable --benchmark-only

prints CPU seconds, and the slope on a log-log scale, of `asha`'s campaigns, in one process; and writes them to
FOLDER/growth.json. A slope of 1 is a cost in proportion, 0 one that does not depend on it. Without `--benchmark-enable`
only × 1 runs, as a test that it works.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from time import process_time

import numpy as np
import pytest

from seedbench.replay import ReplayOptions, replay
from seedbench.trialset import TrialTable
from tests.synthetic import additive_predictions, table_by_hand

FACTORS, ROUNDS = (1, 10, 100), 3


@dataclass(frozen=True)
class Size:
    """What is evaluated: so many tables of `rows` × 10 trials with 10 checkpoints and 100 dev examples."""

    replicates: int = 20
    rows: int = 5
    budget: int = 4
    tables: int = 1

    @property
    def trials(self) -> int:
        return self.rows * 10


#: Of each axis the size at × 1, and what grows. The budget needs a table of four times as many trials.
AXES = {
    "replicates": (Size(), "replicates"),
    "trials": (Size(), "rows"),
    "budget": (Size(rows=40, budget=1), "budget"),
    "tables": (Size(), "tables"),
}


@cache
def table(rows: int) -> TrialTable:
    return table_by_hand(additive_predictions(rows, 10, checkpoints=10, examples=100), [1, 0, 1, 0, 1] * 20)


def evaluate(size: Size) -> None:
    tables = [replace(table(size.rows), recipe=f"recipe-{number}") for number in range(size.tables)]
    (found,) = replay(["asha"], tables, [size.budget], options=ReplayOptions(replicates=size.replicates))
    assert len(found.tables) == size.tables
    assert (found.tables[-1].steps_spent == size.budget * 100).all()


def cpu_seconds(size: Size, rounds: int) -> float:
    """The least of some rounds: other work only adds."""
    times = []
    for _ in range(rounds):
        begun = process_time()
        evaluate(size)
        times.append(process_time() - begun)
    return min(times)


@pytest.mark.parametrize("axis", AXES)
def test_growth(benchmark, axis, capsys):
    smallest, field = AXES[axis]
    sizes = [replace(smallest, **{field: factor * getattr(smallest, field)}) for factor in FACTORS]
    evaluate(smallest)
    benchmark.pedantic(evaluate, (smallest,), rounds=ROUNDS)
    if not benchmark.stats:  # benchmarks are disabled
        return
    seconds = [cpu_seconds(size, ROUNDS) for size in sizes]
    slopes = np.diff(np.log10(seconds)) / np.diff(np.log10(FACTORS))
    found = {
        "axis": axis,
        "sizes": [getattr(size, axis) for size in sizes],
        "cpu_seconds": [float(f"{value:.3g}") for value in seconds],
        "slope": round(float(np.polyfit(np.log10(FACTORS), np.log10(seconds), 1)[0]), 2),
        "slopes": [round(float(slope), 2) for slope in slopes],
    }
    with capsys.disabled():
        points = ", ".join(f"{size:,}: {value:.3g} s" for size, value in zip(found["sizes"], seconds, strict=True))
        print(f"\n{axis:11}{points}; slope {found['slope']} ({found['slopes'][0]} and {found['slopes'][1]})")
    benchmark.extra_info["growth"] = found
    if folder := os.environ.get("SEEDBENCH_BENCHMARKS"):
        path = Path(folder, "growth.json")
        table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"axes": []}
        others = [other for other in table["axes"] if other["axis"] != axis]
        table = {"python": platform.python_version(), "axes": [*others, found]}
        path.write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
