"""Scores, each against a number that can be worked out on paper or by listing every subset."""

from __future__ import annotations

from itertools import combinations
from math import comb, isnan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedbench import metrics
from seedbench.tasks import TASKS

# --- scores of predictions --------------------------------------------------------------------------------------------

LABEL = np.array([1, 1, 1, 1, 0, 0])
MEAN = "mean_of_accuracy_and_f1"


def scores_of(predicted, label=LABEL):
    counts = metrics.correct_counts(np.array(predicted), np.asarray(label))
    return {
        "accuracy": float(metrics.accuracy(*counts)),
        "f1": float(metrics.f1(*counts)),
        "matthews": float(metrics.matthews_correlation(*counts)),
    }


def test_counts():
    predicted = np.array([[1, 1, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0], [-1, -1, 1, 1, -1, 0]])
    right, examples = metrics.correct_counts(predicted, LABEL)
    assert right.tolist() == [[1, 3], [2, 0], [1, 2]]
    assert examples.tolist() == [2, 4]


def test_three_labels_by_hand():
    """Of two, three and one examples one, two and none are right: accuracy 3/6. Always 1 scores 3/6, 0 scores 2/6."""
    right, examples = metrics.correct_counts(np.array([0, 2, 1, 1, -1, 0]), np.array([0, 0, 1, 1, 1, 2]))
    assert (right.tolist(), examples.tolist()) == ([1, 2, 0], [2, 3, 1])
    assert metrics.metric_score("accuracy", right, examples) == 3 / 6
    assert metrics.majority_score("accuracy", examples) == metrics.constant_score("accuracy", examples) == 3 / 6
    assert not metrics.undefined("accuracy", right, examples)
    for metric in ("f1", "matthews_correlation", "mean_of_accuracy_and_f1"):
        with pytest.raises(ValueError, match="a metric of two labels, not of 3"):
            metrics.metric_score(metric, right, examples)


def test_metrics_by_hand():
    """TP 3, FN 1, FP 1, TN 1: accuracy 4/6, F1 6/8, Matthews (3·1 - 1·1) / √(4·4·2·2) = 2/8."""
    assert scores_of([1, 1, 1, 0, 0, 1]) == pytest.approx({"accuracy": 4 / 6, "f1": 6 / 8, "matthews": 2 / 8})


def test_the_commoner_label_by_hand():
    """Three positives of five: accuracy 3/5, F1 6/8; one of four: accuracy 3/4; no correlation ever."""
    assert metrics.majority_score("accuracy", [2, 3]) == 3 / 5
    assert metrics.majority_score(MEAN, [2, 3]) == pytest.approx((3 / 5 + 6 / 8) / 2)
    assert metrics.majority_score("accuracy", [3, 1]) == 3 / 4
    assert metrics.majority_score(MEAN, [2, 2]) == pytest.approx((1 / 2 + 4 / 6) / 2)  # label 1, where they tie
    assert metrics.majority_score("matthews_correlation", [2, 3]) == 0


def test_the_best_constant_need_not_be_the_commoner_label():
    """Two of five positive: always 0 has accuracy 3/5 and F1 0; always 1 has 2/5 and 4/7, which is more in the mean."""
    assert metrics.majority_score(MEAN, [3, 2]) == pytest.approx(3 / 10)
    assert metrics.constant_score(MEAN, [3, 2]) == pytest.approx((2 / 5 + 4 / 7) / 2)


def test_perfect_and_inverted():
    assert scores_of(LABEL) == {"accuracy": 1, "f1": 1, "matthews": 1}
    assert scores_of(1 - LABEL) == {"accuracy": 0, "f1": 0, "matthews": -1}


def test_constant_predictions():
    """All 1: TP 4, FP 2, so F1 8/10; a margin is empty, so Matthews is 0. All 0: no true positive, so F1 is 0."""
    assert scores_of([1] * 6) == pytest.approx({"accuracy": 4 / 6, "f1": 0.8, "matthews": 0})
    assert scores_of([0] * 6) == pytest.approx({"accuracy": 2 / 6, "f1": 0, "matthews": 0})


def test_labels_without_positives():
    assert scores_of([0, 0], label=[0, 0]) == {"accuracy": 1, "f1": 0, "matthews": 0}


def test_no_prediction_is_a_wrong_prediction_under_every_metric():
    """-1 on a positive is a false negative, on a negative a false positive."""
    assert scores_of([1, 1, 1, -1, 0, -1]) == scores_of([1, 1, 1, 0, 0, 1])
    assert scores_of([-1] * 6) == {"accuracy": 0, "f1": 0, "matthews": -1}


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=12),
    st.sampled_from(sorted(metrics.METRICS)),
)
def test_no_prediction_never_beats_a_prediction(examples, metric):
    label, predicted = (np.array(column) for column in zip(*examples, strict=True))
    missing = predicted.copy()
    missing[0] = -1
    with_it, without = (metrics.metric_score(metric, *metrics.correct_counts(p, label)) for p in (predicted, missing))
    # Where a prediction is constant the correlation is 0 by convention, and any other may fall below it or rise above.
    if metric != "matthews_correlation" or not metrics.undefined(metric, *metrics.correct_counts(predicted, label)):
        assert without <= with_it + 1e-12


@pytest.mark.parametrize(
    ("task", "expected"), [("cola", 2 / 8), ("mrpc", (4 / 6 + 6 / 8) / 2), ("rte", 4 / 6), ("qqp", (4 / 6 + 6 / 8) / 2)]
)
def test_task_scores(task, expected):
    counts = metrics.correct_counts(np.array([1, 1, 1, 0, 0, 1]), LABEL)
    assert metrics.metric_score(TASKS[task].metric, *counts) == pytest.approx(expected)


def test_unknown_metric_is_named():
    with pytest.raises(ValueError, match="unknown metric 'mnli'; known: accuracy, f1, matthews_correlation, mean_of"):
        metrics.metric_score("mnli", [1, 1], [1, 1])


def test_scores_of_any_leading_shape_are_those_of_single_ones():
    rng = np.random.default_rng(0)
    label, predicted = rng.integers(0, 2, 30), rng.integers(-1, 2, (4, 3, 30))
    for metric in metrics.METRICS:
        together = metrics.metric_score(metric, *metrics.correct_counts(predicted, label))
        assert together.shape == (4, 3)
        for i, j in np.ndindex(4, 3):
            assert together[i, j] == metrics.metric_score(metric, *metrics.correct_counts(predicted[i, j], label))


def test_narrow_counts_do_not_overflow():
    right = np.array([[300, 500]], dtype=np.int16)
    expected = (500 * 300 - 43 * 22) / sqrt((500 + 43) * (300 + 22) * 522 * 343)
    assert metrics.matthews_correlation(right, [343, 522]) == pytest.approx(expected)


def test_where_a_score_is_zero_by_convention_only():
    predicted = np.array([[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0]])
    counts = metrics.correct_counts(predicted, LABEL)
    assert metrics.undefined("matthews_correlation", *counts).tolist() == [True, True, False]
    assert metrics.undefined(MEAN, *counts).tolist() == [False, False, False]
    assert metrics.undefined(MEAN, *metrics.correct_counts(np.zeros(4), np.zeros(4))).tolist() is True
    assert metrics.undefined("accuracy", *counts).tolist() == [False, False, False]


def test_best_checkpoint_is_the_earliest_of_the_best():
    assert metrics.best_checkpoint([[0.1, 0.7, 0.7], [0.5, 0.5, 0.4]]).tolist() == [1, 0]


# --- best of n --------------------------------------------------------------------------------------------------------


def by_listing_every_subset(validation, test):
    """The definition itself: all sets of n trials, the best of each by validation score, ties drawn from evenly."""
    curve = []
    for n in range(1, len(validation) + 1):
        results = []
        for chosen in combinations(range(len(validation)), n):
            best = max(validation[trial] for trial in chosen)
            results.append(np.mean([test[trial] for trial in chosen if validation[trial] == best]))
        curve.append(np.mean(results))
    return curve


def test_best_of_n_by_hand():
    """Validation 1 < 2 < 3 with test 10, 30, 20. n=1: 20. n=2: {1,2} 30, {1,3} 20, {2,3} 20, mean 70/3. n=3: 20."""
    assert metrics.best_of_n([1, 2, 3], [10, 30, 20]).tolist() == pytest.approx([20, 70 / 3, 20])


def test_tied_trials_share_their_mean():
    """Validation 1, 2, 2 with test 0, 4, 8. n=1: 4. n=2: {0,4} 4, {0,8} 8, {4,8} 6, mean 6. n=3: 6."""
    assert metrics.best_of_n([1, 2, 2], [0, 4, 8]).tolist() == pytest.approx([4, 6, 6])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-8, 8)), min_size=1, max_size=8))
def test_best_of_n_equals_every_subset(trials):
    validation, test = zip(*trials, strict=True)
    assert metrics.best_of_n(validation, test).tolist() == pytest.approx(by_listing_every_subset(validation, test))


def test_best_of_n_of_replicates_is_that_of_each():
    rng = np.random.default_rng(1)
    validation, test = rng.integers(0, 5, (6, 9)), rng.normal(size=(6, 9))
    together = metrics.best_of_n(validation, test)
    for replicate in range(6):
        assert together[replicate] == pytest.approx(metrics.best_of_n(validation[replicate], test[replicate]))


def test_ranks_of_a_large_table_follow_their_closed_form():
    """With scores 1 ... N, the expected maximum of n of them is n (N + 1) / (n + 1)."""
    trials = 625
    n = np.arange(1, trials + 1)
    scores = np.arange(1, trials + 1, dtype=float)
    assert metrics.best_of_n(scores, scores) == pytest.approx(n * (trials + 1) / (n + 1), rel=1e-12)


def test_weights_of_a_large_table_equal_exact_integers():
    weights = metrics.best_of_n_weights(625)
    assert weights.sum(axis=1) == pytest.approx(np.ones(625), rel=1e-14)
    for n, i in ((1, 1), (2, 300), (64, 500), (320, 450), (624, 624), (625, 625)):
        assert weights[n - 1, i - 1] == pytest.approx(comb(i - 1, n - 1) / comb(625, n), rel=1e-11)


def test_one_trial():
    assert metrics.best_of_n([[0.5]], [[0.25]]).tolist() == [[0.25]]


# --- scores of a strategy ---------------------------------------------------------------------------------------------


CURVE = [0.5, 0.7, 0.6, 0.7, 0.9]  # R dips at 3; R* is 0.5, 0.7, 0.7, 0.7, 0.9


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (0.4, (1.0, "<")),
        (0.5, (1.0, None)),
        (0.6, (1.5, None)),
        (0.7, (2.0, None)),  # the smallest n that reaches it
        (0.75, (4.25, None)),
        (0.9, (5.0, None)),
        (0.95, (5.0, ">")),
    ],
)
def test_full_trials_needed(score, expected):
    needed, bound = metrics.full_trials_needed(score, CURVE)
    assert (pytest.approx(needed), bound) == expected


def test_rounding_makes_no_bound():
    """Where all trials are equal, one is enough, although means of a third differ in their last bit."""
    third = metrics.best_of_n(np.arange(7.0), np.full(7, 1 / 3))
    assert metrics.full_trials_needed(float(np.mean([1 / 3] * 10)), third) == (1.0, None)


def test_geometric_mean_of_multipliers():
    value, bound = metrics.geometric_mean([(2.0, None), (8.0, None)])
    assert (pytest.approx(value), bound) == (4.0, None)
    assert metrics.geometric_mean([(2.0, ">"), (8.0, None)])[1] == ">"
    assert metrics.geometric_mean([(0.5, "<"), (0.25, "<")])[1] == "<"


def test_bounds_in_both_directions_have_no_mean():
    value, bound = metrics.geometric_mean([(2.0, ">"), (0.5, "<")])
    assert isnan(value) and bound is None


def test_a_score_that_is_none_has_no_rank():
    for broken in ([0.5, float("nan")], [0.5, float("inf")]):
        with pytest.raises(ValueError, match="best-of-n needs finite scores"):
            metrics.best_of_n(broken, [0.5, 0.6])
