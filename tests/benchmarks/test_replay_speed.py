"""How fast replay is: campaigns of 600 checkpoints on 625 trials × 30 checkpoints, and preparing replicates.

    pytest tests/benchmarks/test_replay_speed.py --benchmark-enable --benchmark-only --benchmark-verbose

In each benchmark's extra info: `campaigns_per_second`, and `bare_loops`, how many times as long a campaign takes as a
bare loop over the same 600 scores in the same run, each at its fastest: that hardly depends on the machine, nor on what
else it does. Without `--benchmark-enable` everything runs once, as a test that it works.
"""

from __future__ import annotations

from itertools import cycle
from timeit import repeat

import numpy as np
import pytest

from seedbench.replay import Deadline, RecordedTrials, prepare, run_campaign
from seedbench.replay.batch import rarely_collected
from seedbench.strategy import load_strategy, shipped
from seedbench.trialset import TrialTable
from tests.synthetic import additive_predictions, table_by_hand

BUDGET, REPLICATES = 20, 20


@pytest.fixture(scope="module")
def table() -> TrialTable:
    return table_by_hand(additive_predictions(25, 25, checkpoints=30, examples=200), [1, 0, 1, 0, 1] * 40)


@pytest.fixture(scope="module")
def replicates(table: TrialTable) -> list[RecordedTrials]:
    block = prepare(table, seed=0, replicates=range(REPLICATES))
    every = [RecordedTrials(block, replicate) for replicate in block.replicates]
    for recorded in every:
        recorded.read_ahead()
    return every


def bare_loop(curves: list[list[float]]) -> float:
    """The best of all scores: what `full_trials` is about."""
    best = 0.0
    for curve in curves:
        for score in curve:
            if score > best:
                best = score
    return best


@pytest.mark.parametrize("name", shipped())
def test_campaigns(benchmark, table, replicates, name):
    """One round is one campaign, accounting and hidden future included; the replicates are prepared."""
    strategy, deadline, following = load_strategy(name), Deadline(60), cycle(replicates)
    with deadline.installed(), rarely_collected():
        settled = benchmark(lambda: run_campaign(strategy, next(following), BUDGET, deadline=deadline))
    assert 0 < settled.steps_spent <= BUDGET * 300
    if benchmark.stats:  # None where benchmarks are disabled
        curves = table.score[:BUDGET].tolist()
        loop = min(repeat(lambda: bare_loop(curves), number=1, repeat=1000))
        benchmark.extra_info["campaigns_per_second"] = round(1 / benchmark.stats["median"])
        benchmark.extra_info["bare_loops"] = round(benchmark.stats["min"] / loop, 1)


def test_preparing_replicates(benchmark, table):
    """One round: 20 replicates of 625 trials × 30 checkpoints: pools, labels, orders, rounded losses."""
    block = benchmark(lambda: prepare(table, seed=0, replicates=range(REPLICATES)))
    assert block.order.shape == (REPLICATES, 13 * 13)
    assert np.isfinite(block.validation_loss).all()
