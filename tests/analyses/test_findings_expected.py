"""Expected validation performance: by hand, against draws, and what the seeds add to it."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from seedbench.analyses.expected import best_of_n_with_replacement, expected_performance
from tests.scores import additive_scores, table_of

T_1 = 12.7062047  # t(0.975, 1 degree of freedom)


def test_three_values_by_hand():
    """Of 0.2, 0.4, 0.6 two draws with replacement: the best is 0.2 in 1 of 9, 0.4 in 3, 0.6 in 5.

    Mean (0.2 + 1.2 + 3.0)/9 = 4.4/9, of squares (0.04 + 0.48 + 1.8)/9 = 2.32/9. Without replacement there are three
    pairs, whose best are 0.4, 0.6, 0.6.
    """
    found = expected_performance(table_of([[0.4, 0.2, 0.6]]))
    assert found.with_replacement[:2] == pytest.approx([0.4, 4.4 / 9])
    assert found.deviation[1] == pytest.approx(sqrt(2.32 / 9 - (4.4 / 9) ** 2))
    assert found.without_replacement == pytest.approx([0.4, 1.6 / 3, 0.6])
    assert (found.best, found.best_weight_init_seed, found.best_data_order_seed) == (0.6, 0, 2)


def test_a_trials_value_is_its_best_checkpoint():
    found = expected_performance(table_of([[[0.5, 0.7, 0.6]]], step=[5, 10, 15], seeds=([3], [8])))
    assert (found.best, found.best_step, found.best_weight_init_seed, found.best_data_order_seed) == (0.7, 10, 3, 8)


def test_error_of_a_two_by_two_grid_by_hand():
    """Cells [[0.1, 0.2], [0.3, 0.6]]: n = 1 is their mean 0.3.

    Without row 0 it is 0.45, without row 1 0.15; without column 0 0.4, without column 1 0.2. V = 1/2 (0.15² + 0.15²) +
    1/2 (0.1² + 0.1²) = 0.0325. Only two trials are left by a deletion, so the best of three has no error.
    """
    found = expected_performance(table_of([[0.1, 0.2], [0.3, 0.6]]))
    assert found.standard_error[0] == pytest.approx(sqrt(0.0325))
    assert (found.low[0], found.high[0]) == (0, 1)  # no accuracy is lower, or higher
    assert found.standard_error[1] is not None
    assert found.standard_error[2:] == found.low[2:] == found.high[2:] == (None, None)
    tenfold = expected_performance(table_of([[1.0, 2.0], [3.0, 6.0]]))  # no shares of 1: nobody knows their limits
    assert tenfold.low[0] == pytest.approx(3 - T_1 * sqrt(3.25))
    assert tenfold.high[0] == pytest.approx(3 + T_1 * sqrt(3.25))


def test_trials_with_two_seeds_of_their_own_are_left_out_once():
    """On a diagonal, leaving out a row is leaving out its column: V = (G-1)/G Σ (T_-g - T̄)², here s²/N of a mean."""
    values = [0.1, 0.2, 0.6]
    diagonal = [[value if row == column else None for column in range(3)] for row, value in enumerate(values)]
    found = expected_performance(table_of(diagonal))
    assert found.standard_error[0] == pytest.approx(np.std(values, ddof=1) / sqrt(3))


def test_both_estimators_agree_with_draws():
    rng = np.random.default_rng(0)
    value = additive_scores(5, 5, rng=rng).max(axis=2).ravel()
    found = expected_performance(table_of(value.reshape(5, 5)))
    draws = 20_000
    with_replacement = value[rng.integers(25, size=(draws, 6))].max(axis=1)
    without = rng.permuted(np.broadcast_to(value, (draws, 25)), axis=1)[:, :6].max(axis=1)
    assert found.with_replacement[5] == pytest.approx(with_replacement.mean(), abs=4 * with_replacement.std() / 141)
    assert found.deviation[5] == pytest.approx(with_replacement.std(), rel=0.03)
    assert found.without_replacement[5] == pytest.approx(without.mean(), abs=4 * without.std() / 141)


def test_with_replacement_is_biased_downwards_and_never_reaches_the_best():
    value = np.random.default_rng(0).normal(0.7, 0.02, 30)
    published, _ = best_of_n_with_replacement(value)
    assert (np.diff(published) > 0).all() and published[-1] < value.max()


def test_equal_values_have_no_spread_and_nobody_knows_the_error():
    found = expected_performance(table_of(np.full((3, 3), 0.5)))
    assert found.without_replacement == (0.5,) * 9 and found.deviation == (0.0,) * 9
    assert found.standard_error == (None,) * 9
    assert found.notes == ("All trials have the same best score: what others would have cannot be told.",)


def test_an_error_of_nothing_is_none():
    """All trials but three of one row have 0.5. The best of four is 0.5 whoever is left out, which does not say that it
    would be with other seeds."""
    score = np.full((4, 4), 0.5)
    score[0, :3] = [0.1, 0.2, 0.3]
    found = expected_performance(table_of(score))
    assert found.without_replacement[3] == pytest.approx(0.5) and found.standard_error[2] > 0
    assert found.standard_error[3:] == found.low[3:] == found.high[3:] == (None,) * 13


def test_a_single_row_says_nothing_about_others():
    found = expected_performance(table_of([[0.4, 0.2, 0.6]]))
    assert found.standard_error == found.low == found.high == (None, None, None)
    assert found.notes == ("A single weight-init seed says nothing about others: no intervals.",)
