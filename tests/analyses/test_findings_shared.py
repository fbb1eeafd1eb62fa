"""Seeds that do well on every task: ranks and their test by hand, and in worlds with and without such seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from seedbench.analyses.shared import best_rank_test, shared_seeds, spearman_interval
from tests.scores import table_of


def found_in(*tables, permutations=999):
    return shared_seeds(tables, rng=np.random.default_rng(0), permutations=permutations)


def test_two_tasks_by_hand():
    """Row means 0.2, 0.3, 0.4 in the one task and 0.6, 0.5, 0.7 in the other: ranks 3, 2, 1 and 2, 3, 1.

    Mean ranks 2.5, 2.5, 1. Differences of ranks 1, -1, 0: Spearman 1 - 6 · 2 / (3 · 8) = 0.5; of three pairs two agree,
    one does not: Kendall 1/3.
    """
    one = table_of([[0.1, 0.3], [0.3, 0.3], [0.5, 0.3]], task="cola", seeds=([4, 5, 6], [0, 1]))
    other = table_of([[0.6, 0.6], [0.5, 0.5], [0.7, 0.7]], task="rte", seeds=([4, 5, 6], [8, 9]))
    found = found_in(one, other)
    weight_init = found.factors[0]
    assert found.tasks == ("cola", "rte")
    assert weight_init.seeds == (6, 4, 5)
    assert weight_init.mean == (pytest.approx((0.4, 0.2, 0.3)), pytest.approx((0.7, 0.6, 0.5)))
    assert weight_init.rank == ((1, 3, 2), (1, 2, 3)) and weight_init.mean_rank == (1, 2.5, 2.5)
    (correlation,) = weight_init.correlations
    assert (correlation.spearman, correlation.kendall) == pytest.approx((0.5, 1 / 3))
    assert (correlation.spearman_low, correlation.spearman_high) == (None, None)  # three seeds are too few


def test_the_test_by_hand():
    """Three seeds, two tasks. The best mean rank is 1 in 2 of the 6 equally likely orders, 1.5 in 3, and 2 in 1.

    (Orders of the second task's ranks against 1, 2, 3: 123 and 132 give 1; 213, 231 and 312 give 1.5; 321 gives 2.)
    """
    first = np.array([1.0, 2.0, 3.0])
    rng = np.random.default_rng(0)
    expected, p_value = best_rank_test(np.array([first, [1, 3, 2]]), rng=rng, permutations=5999)
    assert expected == pytest.approx((2 * 1 + 3 * 1.5 + 2) / 6, abs=4 * 0.35 / 77)
    assert p_value == pytest.approx(1 / 3, abs=4 * 0.47 / 77)
    _, p_value = best_rank_test(np.array([first, [3, 2, 1]]), rng=rng, permutations=99)
    assert p_value == 1


def test_only_seeds_that_all_tasks_have_are_compared():
    one = table_of([[0.1, 0.3], [0.3, 0.4], [0.5, 0.3]], task="cola", seeds=([1, 2, 3], [0, 1]))
    other = table_of([[0.6, 0.6], [0.5, 0.5]], task="rte", seeds=([3, 2], [5, 6]))
    found = found_in(one, other)
    assert [factor.factor for factor in found.factors] == ["weight_init"]
    assert sorted(found.factors[0].seeds) == [2, 3]
    assert found.notes[0].startswith("Data-order seeds: fewer than two")


def test_seeds_left_out_for_holes_are_said_and_few_seeds_say_little():
    """Row 2 of the one task has a hole; of the three rows two are left, whose correlation is always 1 or -1."""
    one = table_of([[0.1, 0.3], [0.3, 0.4], [0.5, None]], task="cola")
    found = found_in(one, table_of([[0.6, 0.6], [0.5, 0.5], [0.4, 0.4]], task="rte"))
    assert found.notes == ("1 weight-init seed left out: in some task trials of theirs are missing.",)
    assert found.factors[0].seeds == (1, 0) or found.factors[0].seeds == (0, 1)
    assert [factor.notes[0] for factor in found.factors] == [
        "Correlations of 2 seeds say little: no intervals.",
        "In rte all seeds have the same mean: nothing to rank them by, so no correlation and no test.",
    ]


def test_a_single_task_cannot_tell():
    found = found_in(table_of([[0.1, 0.3], [0.3, 0.4]]))
    assert found.factors == () and "It takes two tasks" in found.notes[0]


def test_a_task_without_differences_has_nothing_to_rank_by():
    constant = table_of(np.full((3, 3), 0.5), task="rte")
    found = found_in(table_of(np.linspace(0.1, 0.9, 9).reshape(3, 3), task="cola"), constant)
    for factor in found.factors:
        assert factor.p_value is None and factor.correlations[0].spearman is None
        assert factor.notes[0].startswith("In rte all seeds have the same mean")


def test_good_seeds_are_found_and_luck_is_not():
    """One row is 0.1 better in all three tasks; columns are noise."""
    rng = np.random.default_rng(0)
    tables = []
    for task in ("cola", "mrpc", "rte"):
        score = rng.normal(0.7, 0.02, (8, 8))
        score[5] += 0.1
        tables.append(table_of(score, task=task))
    weight_init, data_order = found_in(*tables).factors
    assert weight_init.seeds[0] == 5 and weight_init.mean_rank[0] == 1 and weight_init.p_value < 0.05
    assert data_order.p_value > 0.05
    assert len(weight_init.correlations) == 3


def test_p_values_of_luck_alone_are_spread_evenly():
    """Mean 1/2 with a standard error of 0.29 / √200; ties of mean ranks only raise them."""
    rng = np.random.default_rng(0)
    ranks = [np.array([rng.permutation(8) + 1.0 for _ in range(4)]) for _ in range(200)]
    p_values = np.array([best_rank_test(rank, rng=rng, permutations=199)[1] for rank in ranks])
    assert 0.5 - 4 * 0.0205 < p_values.mean() < 0.6
    assert (p_values <= 0.05).mean() < 0.05 + 4 * 0.0154


def test_spearman_interval_by_hand_and_by_coverage():
    """0.5 over 12 pairs: atanh(0.5) ± 1.96 √(1.125 / 9). Normal pairs of correlation r have 6/π asin(r/2)."""
    half = 1.959964 * math.sqrt(1.125 / 9)
    expected = (math.tanh(math.atanh(0.5) - half), math.tanh(math.atanh(0.5) + half))
    assert spearman_interval(0.5, 12) == pytest.approx(expected)
    assert all(math.isnan(end) for end in (*spearman_interval(1.0, 12), *spearman_interval(0.5, 4)))
    rng = np.random.default_rng(0)
    truth, hits = 6 / math.pi * math.asin(0.3), 0
    for _ in range(300):
        one, own = rng.normal(size=(2, 25))
        low, high = spearman_interval(stats.spearmanr(one, 0.6 * one + 0.8 * own).statistic, 25)
        hits += low <= truth <= high
    assert hits / 300 == pytest.approx(0.95, abs=4 * 0.0126)
