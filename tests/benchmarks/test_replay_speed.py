"""How fast replay is: campaigns of 600 checkpoints on 625 trials × 30 checkpoints, and preparing replicates.

    pytest tests/benchmarks --benchmark-enable --benchmark-only

`campaigns_per_second` is in each benchmark's extra info (`--benchmark-verbose` or `--benchmark-json`). Without
`--benchmark-enable` everything runs once, as a test that it works.
"""

from __future__ import annotations

from itertools import cycle

import numpy as np
import pytest

from seedbench.blocks import rarely_collected
from seedbench.deadline import Deadline
from seedbench.halves import prepare
from seedbench.recorded import RecordedTrials
from seedbench.run import run_campaign
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
    return [RecordedTrials(block, replicate) for replicate in block.replicates]


@pytest.mark.parametrize("name", shipped())
def test_campaigns(benchmark, replicates, name):
    """One round is one campaign, accounting and hidden future included; the replicates are prepared."""
    strategy, deadline, following = load_strategy(name), Deadline(60), cycle(replicates)
    with deadline.installed(), rarely_collected():
        settled = benchmark(lambda: run_campaign(strategy, next(following), BUDGET, deadline=deadline))
    assert 0 < settled.steps_spent <= BUDGET * 300
    if benchmark.stats:  # None where benchmarks are disabled
        benchmark.extra_info["campaigns_per_second"] = round(1 / benchmark.stats["median"])


def test_preparing_replicates(benchmark, table):
    """One round: 20 replicates of 625 trials × 30 checkpoints × 200 examples, scores and losses on both halves."""
    block = benchmark(lambda: prepare(table, seed=0, replicates=range(REPLICATES)))
    assert block.validation_score.shape == (REPLICATES, 625, 30)
    assert np.isfinite(block.validation_loss).all()
