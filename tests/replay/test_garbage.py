"""A campaign that has ended is freed at once: nothing of it waits for the garbage collector."""

import gc
from collections.abc import Iterator

import pytest

from seedbench.replay import Deadline, RecordedTrials, prepare, run_campaign
from seedbench.strategy import load_strategy, shipped
from tests.synthetic import additive_predictions, table_by_hand


@pytest.fixture
def without_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("name", shipped())
def test_nothing_is_left_of_a_campaign(name: str, without_collections: None) -> None:
    table = table_by_hand(additive_predictions(6, 6, checkpoints=6, examples=60), [1, 0, 1, 0, 1, 0] * 10)
    block = prepare(table, seed=0, replicates=range(3))
    strategy, replicates = load_strategy(name), [RecordedTrials(block, one) for one in block.replicates]
    for recorded in replicates:  # what is made on first use, and kept
        run_campaign(strategy, recorded, 8, deadline=Deadline(0))
    gc.collect()
    for recorded in replicates:
        run_campaign(strategy, recorded, 8, deadline=Deadline(0))
    assert gc.collect() == 0
