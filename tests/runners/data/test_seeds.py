from __future__ import annotations

import numpy as np

from runners.data import seeds


def test_streams_are_named() -> None:
    assert seeds.stream("head", 1).integers(2**60) == seeds.stream("head", 1).integers(2**60)
    assert seeds.stream("head", 1).integers(2**60) != seeds.stream("order", 1).integers(2**60)
    assert seeds.stream("order", 1, 0).integers(2**60) != seeds.stream("order", 1, 1).integers(2**60)


def test_the_streams_of_the_published_trials_do_not_change() -> None:
    """The values were drawn once; other ones would make new trials incomparable with published ones."""
    assert seeds.data_order(0, 0, 10).tolist() == [7, 6, 1, 0, 5, 8, 4, 9, 3, 2]
    np.testing.assert_allclose(
        seeds.classifier_weights(0, 2, 2, 0.02), [[-0.0294, 0.0124], [-0.0049, 0.0605]], atol=5e-5
    )
    assert seeds.default_dropout_seed(0, 0) == 3036029245182845359
    assert seeds.drawn_seeds("0" * 64, "weight_init_seed", 2) == [8952468435206731121, 5167339262104875814]
    keys = seeds.dropout_keys(np.array([0], np.uint64), 0, 2)
    assert keys.tolist() == [[[-2080962584, -121260499], [1074990813, 1832099095]]]


def test_an_order_is_a_permutation_and_differs_by_epoch_and_seed() -> None:
    order = seeds.data_order(3, 0, 100)
    assert sorted(order) == list(range(100))
    assert not np.array_equal(order, seeds.data_order(3, 1, 100))
    assert not np.array_equal(order, seeds.data_order(4, 0, 100))


def test_the_head_depends_on_the_weight_seed_alone_and_has_the_given_deviation() -> None:
    head = seeds.classifier_weights(5, 2, 5000, 0.02)
    assert head.dtype == np.float32
    assert abs(head.std() - 0.02) < 0.001
    assert np.array_equal(head, seeds.classifier_weights(5, 2, 5000, 0.02))
    assert not np.array_equal(head, seeds.classifier_weights(6, 2, 5000, 0.02))


def test_the_dropout_seed_depends_on_both_seeds() -> None:
    drawn = {seeds.default_dropout_seed(weight, order) for weight in range(20) for order in range(20)}
    assert len(drawn) == 400
    assert all(0 <= seed < 2**63 for seed in drawn)


def test_dropout_keys_do_not_depend_on_the_neighbours() -> None:
    together = seeds.dropout_keys(np.array([7, 8, 9], np.uint64), 4, 5)
    alone = seeds.dropout_keys(np.array([8], np.uint64), 4, 5)
    assert together.shape == (3, 5, 2)
    assert np.array_equal(together[1], alone[0])
    assert (together[..., 1] & 1 == 1).all()


def test_dropout_keys_differ_by_trial_step_and_site() -> None:
    keys = np.concatenate([seeds.dropout_keys(np.arange(10, dtype=np.uint64), step, 20) for step in range(10)])
    assert len({tuple(pair) for pair in keys.reshape(-1, 2)}) == 10 * 10 * 20


def test_a_subset_is_sorted_and_has_no_example_twice() -> None:
    subset = seeds.train_subset(0, 1000, 64)
    assert (np.diff(subset) > 0).all()
    assert len(subset) == 64
