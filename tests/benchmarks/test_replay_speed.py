"""How fast replay is: campaigns of 600 checkpoints on 625 trials × 30 checkpoints, and preparing replicates.

    pytest tests/benchmarks/test_replay_speed.py --benchmark-enable --benchmark-only --benchmark-verbose

In each benchmark's extra info: `campaigns_per_second`, and `bare_loops`, how many times as long a campaign takes as a
bare loop over the same 600 scores in the same run, each at its fastest: that hardly depends on the machine, nor on what
else it does. Without `--benchmark-enable` everything but the paper's trials runs once, as a test that it works.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from timeit import repeat

import numpy as np
import pytest

from seedbench.blocks import BLOCK, rarely_collected
from seedbench.deadline import Deadline
from seedbench.halves import prepare
from seedbench.recorded import RecordedTrials
from seedbench.run import run_campaign
from seedbench.strategy import load_strategy, shipped
from seedbench.trialset import TrialTable
from tests.synthetic import additive_predictions, table_by_hand

BUDGET, REPLICATES = 20, 20
#: Grid and dev examples of each task in Dodge et al. (2020): 2,100 trials.
PAPER = {"cola": (25, 25, 1043), "mrpc": (25, 25, 408), "rte": (25, 25, 277), "sst2": (15, 15, 872)}


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
    """One round: 20 replicates of 625 trials × 30 checkpoints × 200 examples, scores and losses on both halves."""
    block = benchmark(lambda: prepare(table, seed=0, replicates=range(REPLICATES)))
    assert block.validation_score.shape == (REPLICATES, 625, 30)
    assert np.isfinite(block.validation_loss).all()


@pytest.mark.parametrize("task", PAPER)
def test_preparing_the_papers_trials(benchmark, request, task):
    """One round is one block of replicates, as a replay prepares it; `seconds_per_1000` replicates in extra info."""
    if not request.config.getoption("--benchmark-enable"):
        pytest.skip("a large table: only with --benchmark-enable")
    rows, columns, examples = PAPER[task]
    rng = np.random.default_rng(0)
    label = (np.arange(examples) % 5 < 3).astype(np.int8)
    right = rng.random((rows * columns, 30, examples), dtype=np.float32) < 0.8
    small = table_by_hand(np.zeros((rows, columns, 30, 2)), [1, 0], task=task)
    large = replace(
        small,
        predicted_label=np.where(right, label, 1 - label).astype(np.int8),
        example_loss=rng.random(right.shape, dtype=np.float32).astype(np.float16),
        label=label,
    )
    block = benchmark(lambda: prepare(large, seed=0, replicates=range(BLOCK)))
    assert block.test_score.shape == (BLOCK, rows * columns, 30)
    benchmark.extra_info["seconds_per_1000"] = round(benchmark.stats["median"] * 1000 / BLOCK, 2)
