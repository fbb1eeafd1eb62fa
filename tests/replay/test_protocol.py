"""Which budgets, tables and replicates can be asked for."""

from dataclasses import replace

import numpy as np
import pytest

from seedbench import SelectionError
from seedbench.replay import ReplayOptions, admitted_budgets, replay, replay_one
from tests.replay.small import additive, full_trials, three_by_three
from tests.scores import table_of


def test_budgets_that_a_table_has_enough_trials_for():
    small, large = additive(4, 4), additive(8, 8)  # pools of 9 and 36
    assert admitted_budgets([small, large], ()) == [(2,), (2, 4, 8)]
    assert admitted_budgets([large, large], (2, 8)) == [(2, 8), (2, 8)]
    (result,) = replay([full_trials], [three_by_three(), small], options=ReplayOptions(replicates=4))
    assert [part.budgets for part in result.tables] == [(), (2,)]
    assert result.tables[0].score.shape == (0, 4) and result.tables[0].first.shape == (0, 4)


def test_a_budget_asked_for_that_one_of_the_tables_cannot_take_is_refused_not_left_out():
    large, small = additive(8, 8), additive(4, 4, recipe="small")
    with pytest.raises(SelectionError) as caught:
        replay([full_trials], [large, small], (2, 4), options=ReplayOptions(replicates=4))
    assert str(caught.value) == (
        "budget 4 needs pools of 16 trials, as of 5 × 5 seeds without a missing cell; mini/sst2/small has 16 trials on "
        "4 × 4 seeds, of which a pool has 9, enough for a budget of 2; leave that table out, or the budget"
    )
    with pytest.raises(SelectionError, match="as of 10 runs; .* a pool has 6, enough for a budget of 1$"):
        replay([full_trials], [additive(1, 8)], (2,), options=ReplayOptions(replicates=4))


def test_a_table_too_small_for_any_budget_and_one_without_test_scores():
    tiny = table_of(np.full((2, 2, 2), 0.5))
    with pytest.raises(
        SelectionError, match="budget 2 needs pools of 8 trials, as of 4 × 4 .*, too few for any budget"
    ):
        replay([full_trials], [tiny], options=ReplayOptions(replicates=4))
    unscored = replace(additive(4, 4), test_score=None)
    with pytest.raises(
        SelectionError, match="table mini/sst2/few has no test scores, .*; --protocol dodge2020 chooses"
    ):
        replay([full_trials], [unscored], options=ReplayOptions(replicates=4))
    (result,) = replay([full_trials], [unscored], options=ReplayOptions(replicates=4, protocol="dodge2020"))
    assert np.isfinite(result.tables[0].score).all()
    with pytest.raises(SelectionError, match="a replicate must be a whole number from 0, found -1"):
        replay_one(full_trials, three_by_three(), 1, -1)
