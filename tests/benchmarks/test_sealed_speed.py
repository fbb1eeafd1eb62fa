"""How fast sealed campaigns are, beside the same in process: 600 checkpoints each, and next to none.

    pytest tests/benchmarks/test_sealed_speed.py --benchmark-enable --benchmark-only

`campaigns_per_second` is in each benchmark's extra info (`--benchmark-verbose` or `--benchmark-json`): wall time, both
processes on one core, so that it is a rate per core. Without `--benchmark-enable` everything runs once, as a test.
"""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest

from seedbench import CannotSeal
from seedbench.replay import Deadline, RecordedTrials, prepare, run_campaign
from seedbench.replay.batch import rarely_collected
from seedbench.sandbox import open_sandbox
from seedbench.strategy import load_strategy
from tests.synthetic import additive_predictions, table_by_hand

BUDGET, REPLICATES = 20, 4

ONE_CHECKPOINT = """
def strategy(campaign):
    trial = campaign.start()
    trial.advance()
    return trial
"""


@pytest.fixture(scope="module")
def replicates() -> list[RecordedTrials]:
    table = table_by_hand(additive_predictions(25, 25, checkpoints=30, examples=100), [1, 0, 1, 0, 1] * 20)
    block = prepare(table, seed=0, replicates=range(REPLICATES))
    return [RecordedTrials(block, replicate) for replicate in block.replicates]


@pytest.fixture(scope="module")
def sandbox():
    try:
        opened = open_sandbox()
    except CannotSeal as reason:
        pytest.skip(str(reason))
    with opened:
        yield opened


@pytest.fixture(scope="module")
def one_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("strategies") / "one_checkpoint.py"
    file.write_text(ONE_CHECKPOINT)
    return file


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "in_process"])
@pytest.mark.parametrize("name", ["full_trials", "successive_halving", "median_stopping"])
def test_campaigns(benchmark, sandbox, replicates, name, sealed):
    """One round is one campaign from the fork to the settled books; `median_stopping` looks at every checkpoint."""
    settled = run(benchmark, sandbox, replicates, name, sealed)
    assert settled.steps_spent == BUDGET * 300


def test_start_up(benchmark, sandbox, replicates, one_checkpoint):
    """One round: a process is forked, sealed and told everything, loads its strategy, pays for a checkpoint, ends."""
    settled = run(benchmark, sandbox, replicates, str(one_checkpoint), sealed=True)
    assert settled.steps_spent == 10


def run(benchmark, sandbox, replicates, name, sealed):
    strategy, deadline, following = load_strategy(name, sealed=sealed), Deadline(0), cycle(replicates)
    if sealed:
        sandbox.load(strategy)
    with rarely_collected():
        settled = benchmark(lambda: run_campaign(strategy, next(following), BUDGET, deadline=deadline, sandbox=sandbox))
    if benchmark.stats:  # None where benchmarks are disabled
        benchmark.extra_info["campaigns_per_second"] = round(1 / benchmark.stats["median"])
    return settled
