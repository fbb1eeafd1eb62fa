"""Patient halving, on campaigns small enough to follow on paper."""

from collections.abc import Callable

import numpy as np
import pytest

from seedbench.campaign import open_campaign
from seedbench.strategies.patient_halving import PatientHalving, bill, promising, spread
from tests.curves import Curves, made, run, started, trained


def campaign_of(source, budget=8):
    return open_campaign(source, budget, rng=lambda: np.random.default_rng(0)).campaign


def test_a_budget_of_two_is_best_of_n():
    source = Curves([[0.1] * 10, [0.5] * 10] + [[0.9] * 10] * 6)
    run("patient_halving", source, 2)
    assert trained(source) == [10, 10]


def test_nobody_is_dropped_by_rank_before_patience_and_then_the_worse_ones_are():
    # The share that goes on after 4 tenths is 1, then (4/5)^2.5 = 0.57, 0.36, 0.25, 0.18, 0.13: of six 3, 2, 1 ...
    # They cost 6 · 0.4 + 6 · 0.1 + 3 · 0.1 + 2 · 0.1 + 3 · 0.1 = 3.8 of 4; seven would cost 4.4.
    curves = [[score] * 10 for score in (0.3, 0.6, 0.2, 0.5, 0.1, 0.4)] + [[0.9] * 10] * 10
    source = Curves(curves)
    run(made("patient_halving", learnt=None), source, 4)
    assert source.log[:24] == list(range(6)) * 4  # side by side
    assert sorted(trained(source)[:6]) == [5, 5, 5, 6, 9, 10] and trained(source)[1] == 10
    share = [1.0] * 5 + [(4 / tenth) ** 2.5 for tenth in range(5, 11)]
    assert bill(6, 6.0, share, [tenth / 10 for tenth in range(11)]) == pytest.approx(3.8)
    assert bill(7, 7.0, share, [tenth / 10 for tenth in range(11)]) > 4


def failing(above: Callable[[int], int]):
    """Odd trials stay at the majority class; even ones leave it at a checkpoint that is given by their number."""
    curves = [[0.8 if number % 2 == 0 and k >= above(number) else 0.5 for k in range(10)] for number in range(24)]
    source = Curves(curves, majority=0.5)
    run("patient_halving", source, 4)
    return trained(source)


def test_failing_trials_go_early_only_where_the_cohort_has_split_for_good():
    split = failing(lambda number: 0)
    assert split[1:6:2] == [3, 3, 3] and len(split) > 6  # at the third look; others are started for them
    splitting = failing(lambda number: 1 + number // 2)  # at each look one more has left it
    assert min(splitting[:6]) >= 4


def test_the_second_cohort_comes_from_the_better_rows():
    # Rows 0 to 5 score by their row alone: what starts after the first part of the budget is of the best rows.
    source = Curves([[0.5 + 0.05 * (number // 6)] * 10 for number in range(36)], columns=6)
    run("patient_halving", source, 8)
    rows = [source.cell(number)[0] for number in started(source)]
    first = 7  # of the first cohort, which has 4.8 of 8: they cost 4.4, as above, and eight would cost 5.2
    assert sorted(rows[: first - 1]) == [0, 1, 2, 3, 4, 5]
    assert len(rows) > first + 4 and np.mean(rows[first:]) > 4


def test_cells_along_diagonals_come_once_and_cover_rows_and_columns_first():
    for rows, columns in ((3, 3), (2, 4), (5, 2), (1, 6)):
        source = Curves([[0.5]] * (rows * columns), columns=columns)
        cells = list(spread(campaign_of(source)))
        assert len(cells) == len(set(cells)) == rows * columns
        longer = cells[: max(rows, columns)]
        assert {row for row, _ in longer} == set(range(rows)) and {at for _, at in longer} == set(range(columns))


def test_promising_cells_are_not_those_begun():
    source = Curves([[0.1], [0.9], [0.1], [0.9]], columns=2)
    campaign = campaign_of(source)
    campaign.advance([campaign.start(0, 0), campaign.start(0, 1)])
    assert list(promising(campaign)) == [(1, 1), (1, 0)]


def test_it_plans_by_training_whatever_the_spacing():
    """Looks late in training that say nothing new change nobody's place: as many start, and the same one is kept."""
    level = np.random.default_rng(1).random(40)
    steps = {"even": list(range(10, 101, 10)), "late": [10, 20, 30, 40, *range(42, 101, 2)]}
    kept = {}
    for spacing, at in steps.items():
        source = Curves([[score] * len(at) for score in level], at, columns=5)
        kept[spacing] = (run("patient_halving", source, 4)[:2], len(started(source)))
    assert kept["even"] == kept["late"]


def test_one_cohort_only_and_ranks_by_one_thing():
    source = Curves([[score / 50] * 10 for score in range(40)], columns=5)
    run(made("patient_halving", first=1.0, learnt=None, rank_by="score"), source, 8)
    assert max(trained(source)) == 10 and len(started(source)) > 10
    assert PatientHalving(rank_by="loss").places([(0.9, -0.5), (0.1, -0.2)]) == [1, 0]
    both = PatientHalving().places([(0.9, -0.5), (0.1, -0.2), (0.1, -0.2)])
    assert both == [0 + 2, 1.5 + 0.5, 1.5 + 0.5]
