"""Strategies evaluated apart differ as they do when they are evaluated together."""

from __future__ import annotations

import pytest

from seedbench import SelectionError, evaluate
from seedbench.evaluation import paired_difference


@pytest.mark.parametrize("track", ["cold", "transfer"])
def test_evaluated_apart_as_together(trials, track):
    options = {"replicates": 8, "seed": 2, "track": track}
    together = evaluate("full_trials", trials, against="start_many", **options)
    apart = [evaluate(name, trials, **options).pairs for name in ("full_trials", "start_many")]
    expected = together.against[0].summary_difference
    found = paired_difference(*apart)
    assert [found.estimate[0], found.low[0], found.high[0]] == pytest.approx(
        [expected.gap_closed, expected.gap_closed_low, expected.gap_closed_high], rel=1e-9
    )
    assert found.low[0] < found.estimate[0] < found.high[0]


def test_a_strategy_differs_by_nothing_from_itself(trials):
    pairs = evaluate("asha", trials, budgets=[2], replicates=4, intervals=False).pairs
    assert paired_difference(pairs, pairs).estimate.tolist() == [0]
    assert set(pairs) == {"deletion", "model", "axis", "pair", "won", "to_win"}
    assert pairs["deletion"].tolist() == [-1, -1] and pairs["pair"].tolist() == [0, 1]


@pytest.mark.parametrize("other", [{"seed": 1}, {"replicates": 6}, {"intervals": True}])
def test_other_replicates_are_refused(trials, other):
    options = {"budgets": [2], "replicates": 4, "intervals": False}
    one = evaluate("asha", trials, **options).pairs
    another = evaluate("asha", trials, **{**options, **other}).pairs
    with pytest.raises(SelectionError, match="only be compared on the same trials"):
        paired_difference(one, another)
