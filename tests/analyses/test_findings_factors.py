"""Weight initialisation against data order: the analysis of variance by hand, and in worlds whose truth is known."""

from __future__ import annotations

from math import atan, pi

import numpy as np
import pytest
from scipy import stats

from seedbench.analyses.factors import difference_interval, factor_tests, factors, permutation_test, variance_components
from tests.scores import additive_scores, table_of

BY_HAND = np.array([[0.1, 0.2], [0.3, 0.6]])


def found_in(table, permutations=99):
    return factors(table, rng=np.random.default_rng(0), permutations=permutations)


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_two_by_two_by_hand():
    """Row means 0.15, 0.45, column means 0.2, 0.4, mean 0.3; residuals ±0.05.

    Sums of squares 2 · 2 · 0.15² = 0.09, 2 · 2 · 0.1² = 0.04, 4 · 0.05² = 0.01, a degree of freedom each. Components
    (0.09 - 0.01)/2, (0.04 - 0.01)/2, 0.01. An F of 9 on 1 and 1 degrees of freedom has p = 1 - 2/π atan √9.
    """
    weight_init, data_order, residual = variance_components(BY_HAND)
    assert [weight_init.variance, data_order.variance, residual.variance] == pytest.approx([0.04, 0.015, 0.01])
    assert [weight_init.mean_square, data_order.mean_square] == pytest.approx([0.09, 0.04])
    assert [weight_init.share, data_order.share] == pytest.approx([0.04 / 0.065, 0.015 / 0.065])
    chi2 = stats.chi2(1)
    assert [residual.low, residual.high] == pytest.approx([0.01 / chi2.ppf(0.975), 0.01 / chi2.ppf(0.025)])
    rows, columns = factor_tests(BY_HAND, rng=np.random.default_rng(0), permutations=9)
    assert (rows.f, columns.f) == pytest.approx((9, 4))
    assert (rows.p_value, columns.p_value) == pytest.approx((1 - 2 / pi * atan(3), 1 - 2 / pi * atan(2)))
    assert rows.degrees_of_freedom == (1, 1)


def test_permutations_of_two_by_two_by_hand():
    """Shuffling within the columns, two of four equally likely arrangements have row sums as far apart: p near 1/2."""
    p_value = permutation_test(BY_HAND, rng=np.random.default_rng(1), permutations=3999)
    assert p_value == pytest.approx(0.5, abs=4 * 0.5 / 63)


def test_a_permutation_p_value_is_never_zero():
    grid = np.arange(10.0)[:, None] + np.zeros((10, 10))
    assert permutation_test(grid, rng=np.random.default_rng(0), permutations=199) == 1 / 200


def test_against_a_mean_square_of_zero_the_interval_is_the_exact_one():
    """MS1 - 0: low = MS1 n / χ²(0.975; n), high = MS1 n / χ²(0.025; n)."""
    low, high = difference_interval(2.0, 5, 0.0, 8)
    assert (low, high) == pytest.approx((2 * 5 / stats.chi2(5).ppf(0.975), 2 * 5 / stats.chi2(5).ppf(0.025)))


# --- worlds whose truth is known --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns", "deviations"), [(8, 8, (0.02, 0.01, 0.02)), (25, 25, (0.01, 0.0, 0.03))])
def test_components_are_unbiased_and_their_intervals_cover(rows, columns, deviations):
    """Of 400 additive tables; an interval that covers 95% does so in 95 ± 4.4% of 400 (four standard errors)."""
    rng = np.random.default_rng(0)
    truth = np.array(deviations) ** 2
    estimates, covered = [], []
    for _ in range(400):
        final = additive_scores(rows, columns, rng=rng, deviations=deviations)[..., -1]
        components = variance_components(final)
        estimates.append([one.variance for one in components])
        covered.append([one.low <= true <= one.high for one, true in zip(components, truth, strict=True)])
    error = np.std(estimates, axis=0) / 20
    assert (np.abs(np.mean(estimates, axis=0) - truth) < 4 * error).all()
    share = np.mean(covered, axis=0)
    assert ((share > 0.905) & ((share < 0.995) | (truth == 0))).all()


def test_without_effects_no_test_finds_one_more_often_than_it_may():
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(200):
        tests = factor_tests(rng.normal(size=(6, 5)), rng=rng, permutations=99)
        p_values.append([[test.p_value, test.permutation_p_value] for test in tests])
    p_values = np.array(p_values)
    assert p_values.mean(axis=0) == pytest.approx(np.full((2, 2), 0.5), abs=4 * 0.29 / 14.1)
    assert ((p_values <= 0.05).mean(axis=0) < 0.05 + 4 * 0.0154).all()


def test_an_effect_is_found_whatever_the_other_factor_does():
    grid = additive_scores(8, 8, rng=np.random.default_rng(3), deviations=(0.03, 0.2, 0.01))[..., -1]
    weight_init, data_order = factor_tests(grid, rng=np.random.default_rng(0), permutations=999)
    assert max(weight_init.p_value, weight_init.permutation_p_value) <= 0.001
    assert max(data_order.p_value, data_order.permutation_p_value) <= 0.001


# --- the table --------------------------------------------------------------------------------------------------------


def test_heatmap_is_sorted_by_the_means_of_what_is_there():
    """Row means 0.15, 0.3 (one cell), 0.5; column means 0.3 and 0.4."""
    found = found_in(table_of([[0.1, 0.2], [0.3, None], [0.5, 0.5]], seeds=([7, 8, 9], [4, 5]))).heatmap
    assert found.weight_init_seeds == (9, 8, 7) and found.data_order_seeds == (5, 4)
    assert found.value == ((0.5, 0.5), (None, 0.3), (0.2, 0.1))
    assert found.weight_init_mean == pytest.approx((0.5, 0.3, 0.15))
    assert found.data_order_mean == pytest.approx((0.35, 0.3))


def test_a_hole_takes_its_row_or_column_out_and_is_said():
    score = np.array(additive_scores(4, 3, rng=np.random.default_rng(0))[..., -1], dtype=object)
    score[1, 2] = None
    found = found_in(table_of(score))
    assert (found.weight_init_seeds, found.data_order_seeds) == (3, 3)
    assert found.components == variance_components(np.delete(score, 1, axis=0).astype(float))
    assert found.notes[0].startswith("Missing cells: 1 of 12. Variances and tests are those of the 3 × 3 seeds")


@pytest.mark.parametrize(
    ("score", "note"),
    [
        ([[0.1, 0.2, 0.5]], "A single weight-init seed: "),
        ([[0.1], [0.2]], "A single data-order seed: "),
        ([[0.1, None], [None, 0.2]], "No two trials share a seed: "),
        ([[0.1, 0.2, None], [0.3, None, 0.2], [None, 0.1, 0.3]], "3 of 9 cells are missing, "),
        (np.full((3, 3), 0.5), "All trials have the same best score"),
    ],
)
def test_what_cannot_be_concluded_is_said_and_has_no_numbers(score, note):
    found = found_in(table_of(score))
    assert found.components == found.tests == ()
    assert found.notes[0].startswith(note)


def test_negative_estimates_are_said_and_count_as_none():
    """Residuals ±0.1 of a 2 × 2 grid without effects: mean squares 0, 0, 0.04; components -0.02, -0.02, 0.04."""
    found = found_in(table_of([[0.5, 0.7], [0.7, 0.5]]))
    assert [one.variance for one in found.components] == pytest.approx([-0.02, -0.02, 0.04])
    assert [one.share for one in found.components] == [0, 0, 1]
    assert "weight-init seed and of the data-order seed is negative" in found.notes[0]
    assert all(one.low >= 0 for one in found.components)


def test_an_additive_table_has_no_residual_to_test_against():
    found = found_in(table_of([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]))
    assert [test.f for test in found.tests] == [test.p_value for test in found.tests] == [None, None]
    assert "exactly additive" in found.notes[0]


def test_densities_of_the_best_and_the_worst_seeds():
    table = table_of(additive_scores(5, 6, rng=np.random.default_rng(0)))
    found = found_in(table)
    by_row = table.score.max(axis=1).reshape(5, 6).mean(axis=1)
    best, second, worse, worst = [one for one in found.densities if one.factor == "weight_init"]
    assert [one.place for one in (best, second, worse, worst)] == ["best", "best", "worst", "worst"]
    assert [best.seed, second.seed, worse.seed, worst.seed] == np.argsort(-by_row)[[0, 1, 3, 4]].tolist()
    assert best.mean == pytest.approx(by_row.max()) and len(best.value) == 6
    for one in found.densities:
        assert np.trapezoid(one.density, found.points) == pytest.approx(1, abs=0.01)


def test_a_seed_without_different_values_has_no_density():
    found = found_in(table_of([[0.5, 0.5, 0.5], [0.6, 0.7, 0.8]]))
    best, worst = (one for one in found.densities if one.factor == "weight_init")
    assert best.density is not None and worst.density is None
    assert "for a density: weight-init seed 0, data-order seed 2, data-order seed 0." in found.notes[-1]
