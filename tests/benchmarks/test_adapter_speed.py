"""What a study of Optuna costs: its median pruner against the shipped rule that makes the same decisions.

    pytest tests/benchmarks/test_adapter_speed.py --benchmark-enable --benchmark-only --benchmark-verbose

`ratio` in the extra info is how many times as long the pruner's campaign takes.
"""

from __future__ import annotations

from time import perf_counter

import pytest
from optuna.pruners import MedianPruner

from seedbench.adapters import from_pruner
from seedbench.replay import Deadline, RecordedTrials, prepare, run_campaign
from seedbench.strategy import load_strategy
from tests.curves import made
from tests.synthetic import additive_predictions, table_by_hand

BUDGET, ROUNDS = 20, 10


@pytest.fixture(scope="module")
def recorded() -> RecordedTrials:
    table = table_by_hand(additive_predictions(10, 10, checkpoints=30, examples=100), [1, 0, 1, 0, 1] * 20)
    return RecordedTrials(prepare(table, seed=0, replicates=range(2)), 0)


def test_a_pruner_against_its_own_rule(benchmark, recorded):
    """One round is one campaign of 600 checkpoints on 100 trials × 30 checkpoints."""
    deadline = Deadline(60)
    theirs = load_strategy(from_pruner(MedianPruner()))
    ours = load_strategy(made("percentile_stopping", percentile=50))
    with deadline.installed():
        settled = benchmark.pedantic(
            lambda: run_campaign(theirs, recorded, BUDGET, deadline=deadline), rounds=ROUNDS, warmup_rounds=1
        )
        times = []
        for _ in range(ROUNDS):
            begun = perf_counter()
            assert run_campaign(ours, recorded, BUDGET, deadline=deadline) == settled
            times.append(perf_counter() - begun)
    if benchmark.stats:  # None where benchmarks are disabled
        benchmark.extra_info["ratio"] = round(benchmark.stats["min"] / min(times), 1)  # other work only adds
        benchmark.extra_info["campaigns_per_second"] = round(1 / benchmark.stats["min"])
