"""Sums over tables, with shared seeds and without; the gap closed; many comparisons."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from seedbench.influences import (
    SeedNames,
    adjusted_p_values,
    difference,
    gap_closed,
    interval,
    over_best_of_n,
    p_value,
    quantity,
    score,
    to_win,
    total,
    unit,
)
from seedbench.influences.quantities import unseen
from tests.influences.worlds import sample_of, table
from tests.simulations.max_t import joint_covariance, max_t


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def samples():
    return [sample_of(table(8, 6, seed=seed)) for seed in range(3)]


def names(part, label):
    return SeedNames(*([(label, i) for i in range(psi.size)] for psi in part.influence))


def test_independent_tables_add_variances(samples):
    """No maximum per table: the sum of (1 - rho)(V_row + V_col), or of one axis if that is more; Satterthwaite."""
    parts = [score(sample, 3, 4) for sample in samples]
    found = total(parts, [0.5, 0.3, 0.2])
    assert found.estimate == pytest.approx(sum(w * p.estimate for w, p in zip([0.5, 0.3, 0.2], parts, strict=True)))
    squares = np.array([0.25, 0.09, 0.04])
    of_axes = squares @ [part.variances for part in parts]
    both = squares @ [part.variance_of_sum for part in parts]
    hidden = unseen(squares @ [part.noise for part in parts], found.degrees_of_freedom)
    assert found.variance == pytest.approx(max(*of_axes, both, hidden))
    each = [w**2 * (p.variance + p.replicate_variance) for w, p in zip([0.5, 0.3, 0.2], parts, strict=True)]
    assert found.degrees_of_freedom == pytest.approx(sum(each) ** 2 / sum(v**2 / 5 for v in each))


def test_the_same_table_twice_is_one_table(samples):
    """Seeds shared throughout: influences add, and so do standard errors; nothing is gained by a copy."""
    part = replace(score(samples[0], 3, 4), noise=(0.0, 0.0), replicate_variance=0.0)
    once, shared = total([part]), total([part, part], 0.5, [names(part, "a")] * 2)
    cells = part.share * sum(part.variances) / 2  # each table's own cells are its own
    assert shared.influence == pytest.approx(once.influence)
    assert shared.variance == pytest.approx(max(*part.variances, sum(part.variances) - cells))
    assert shared.degrees_of_freedom == once.degrees_of_freedom == 5
    apart = total([part, part], 0.5)
    assert apart.variance == pytest.approx(part.variance / 2)
    assert apart.degrees_of_freedom == pytest.approx(10)


def test_seeds_with_opposite_effects_cancel(samples):
    part = replace(score(samples[0], 3, 4), noise=(0.0, 0.0), replicate_variance=0.0)
    found = total([part, part], [1.0, -1.0], [names(part, "a")] * 2)
    assert found.estimate == 0 and found.influence == pytest.approx(np.zeros(14)) and found.standard_error == 0


def test_a_sum_is_no_surer_than_one_of_tables_that_share_nothing(samples):
    """Influences of shared seeds that cancel, which with noise they do by chance."""
    part = replace(score(samples[0], 3, 4), noise=(0.0, 0.0), replicate_variance=0.0)
    opposite = replace(part, influence=tuple(-psi for psi in part.influence))
    shared = total([part, opposite], 0.5, [names(part, "a")] * 2)
    assert shared.influence == pytest.approx(np.zeros(14))
    assert shared.variance == total([part, opposite], 0.5).variance == pytest.approx(part.variance / 2)


def test_groups_of_tables_that_share(samples):
    """Two tables of one model and one of another: two groups of seeds, and freedom from both."""
    parts = [score(sample, 3, 4) for sample in samples]
    found = total(parts, 1.0, [names(parts[0], "a"), names(parts[1], "a"), names(parts[2], "b")])
    assert found.influence.size == 2 * 14
    assert 5 <= found.degrees_of_freedom <= 10
    with pytest.raises(ValueError, match="a table of 8 rows has 2 names"):
        total(parts[:1], 1.0, [SeedNames(["x", "y"], [])])


def test_one_without_intervals_leaves_none(samples):
    few = sample_of(table(4, 8), budgets=(1, 2))
    found = interval(total([score(samples[0], 2, 2), score(few, 2, 2)], 0.5))
    assert found.no_interval == "few_rows" and found.low is None and np.isfinite(found.estimate)


def test_gap_closed_is_a_derivative(samples):
    """Its influences are those of numerator and denominator by the quotient rule, the ceiling's those of the last R."""
    sample = samples[1]
    won = quantity(sample, unit(sample, 2, 4), {1: -1.0})
    last = quantity(sample, unit(sample, 2, 4) * 0, {1: -1.0, sample.baseline.curve.size: 1.0})
    found = gap_closed([sample], [unit(sample, 2, 4)])
    assert found is not None
    points = to_win(sample).estimate
    expected = won.estimate / points
    assert found.estimate == pytest.approx(expected)
    for psi, top, bottom in zip(np.split(found.influence, [8]), won.influence, last.influence, strict=True):
        assert psi == pytest.approx((top - expected * bottom) / points, abs=1e-12)


def test_gap_closed_of_best_of_n_is_known_but_for_the_seeds(samples):
    sample = samples[0]
    found = gap_closed([sample], [unit(sample, 0, 4)])
    assert found is not None and found.replicate_variance == 0
    base = sample.baseline
    assert found.estimate == pytest.approx((base.curve[3] - base.floor) / (base.ceiling - base.floor))


def test_gap_closed_over_tables_and_of_a_difference(samples):
    means = [unit(sample, 2) for sample in samples]
    found = gap_closed(samples, means)
    points = sum(to_win(sample).estimate for sample in samples)
    won = sum(score(sample, 2).estimate - sample.baseline.floor for sample in samples)
    assert found is not None and found.estimate == pytest.approx(won / points)
    apart = gap_closed(samples, [unit(sample, 2) - unit(sample, 3) for sample in samples])
    other = sum(difference(sample, 2, 3).estimate for sample in samples) / points
    assert apart is not None and apart.estimate == pytest.approx(other)
    nothing = gap_closed(samples, [unit(sample, 2) - unit(sample, 2) for sample in samples])
    assert nothing is not None and (nothing.estimate, nothing.standard_error) == (0, 0)


# --- many comparisons -------------------------------------------------------------------------------------------------


def normal_totals(example, influences, estimates):
    """Totals with these influences [Q, seeds] and estimates, and no other error."""
    return [
        replace(
            example,
            estimate=estimate,
            seeds=tuple(range(len(psi))),
            influence=psi,
            variance=float((psi**2).sum()),
            replicate_variance=0.0,
            degrees_of_freedom=1e6,
            parts=(),
            weights=(),
        )
        for psi, estimate in zip(influences, estimates, strict=True)
    ]


def test_holm_by_hand(samples):
    """p of 1, 2.5 and 2 normal deviates: .3173, .0124, .0455; times 1, 3, 2, and never below the one before."""
    some = normal_totals(total([score(samples[0], 3, 4)]), np.eye(3), [1.0, 2.5, 2.0])
    assert [p_value(one) for one in some] == pytest.approx([0.3173, 0.0124, 0.0455], abs=1e-4)
    found = adjusted_p_values(some)
    assert found == pytest.approx([0.3173, 0.0373, 0.0910], abs=2e-4)


def by_max_t(some):
    return max_t(np.array([p_value(one) for one in some]), joint_covariance(some), rng=rng())


def test_max_t_of_independent_quantities(samples):
    """With Q independent ones left, the chance that none is as large is (1 - p)^Q."""
    some = normal_totals(total([score(samples[0], 3, 4)]), np.eye(3), [1.0, 2.5, 2.0])
    found = by_max_t(some)
    assert found == pytest.approx([0.3173, 1 - (1 - 0.0124) ** 3, 1 - (1 - 0.0455) ** 2], abs=0.01)


def test_max_t_of_one_quantity_many_times(samples):
    """The same influences: no more than one comparison; Holm counts them all."""
    same = normal_totals(total([score(samples[0], 3, 4)]), np.ones((5, 1)), [2.2] * 5)
    assert by_max_t(same) == pytest.approx(np.full(5, 0.0278), abs=0.005)
    assert adjusted_p_values(same)[0] == pytest.approx(5 * 0.0278, abs=1e-3)


def test_what_is_nothing_is_never_marked_and_costs_nothing_in_max_t(samples):
    sample = samples[0]
    board = [total([over_best_of_n(sample, rule, 4)]) for rule in (0, 2)]
    assert adjusted_p_values(board)[0] == by_max_t(board)[0] == 1
    assert by_max_t(board)[1] == pytest.approx(p_value(board[1]), abs=0.01)
    few = total([score(sample_of(table(4, 8), budgets=(2,)), 2, 2)])
    assert np.isnan(adjusted_p_values([few, *board])[0])


def test_the_joint_error_counts_replicates_too(samples):
    """Correlation of two quantities from influences and from replicates, as in a sum of both."""
    sample = samples[2]
    one, two = (total([over_best_of_n(sample, rule, 4)]) for rule in (1, 2))
    found = joint_covariance([one, two])
    for place, part in enumerate((one, two)):
        own = (part.influence**2).sum() + part.replicate_variance
        assert found[place, place] == pytest.approx(own)
    assert abs(found[0, 1]) < sqrt(found[0, 0] * found[1, 1])


def test_replicates_noise_hides_what_seeds_do():
    """By hand: squares of 4 and 3 less noise of 4 and 6 leave nothing to see; with 5 degrees of freedom √(2/5) · 6."""
    part = score(sample_of(table(8, 6)), 1, 4)
    part = replace(part, influence=(np.full(8, 0.5**0.5), np.full(6, 0.5**0.5)), noise=(4.0, 6.0))
    assert part.variance == total([part]).variance == pytest.approx((2 / 5) ** 0.5 * 6)
    surer = replace(part, noise=(0.4, 0.6))
    assert surer.variance == pytest.approx(max(3.6, (1 - part.share) * (3.6 + 2.4)))
    assert total([surer]).variance == pytest.approx(surer.variance)
