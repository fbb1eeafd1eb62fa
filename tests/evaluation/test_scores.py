"""From a replay's arrays to scores, on tables of two by two that can be worked out on paper."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan, sqrt

import numpy as np
import pytest

from seedbench import intervals
from seedbench.evaluation import scores as scoring
from seedbench.replay import TableReplay, undefined_share
from seedbench.trialset import TrialTable

T_1 = 12.7062047  # t(0.975, 1 degree of freedom)


def grid_table(task="rte", model="m", weight_init_seeds=(0, 1), data_order_seeds=(5, 6)):
    rows, columns = len(weight_init_seeds), len(data_order_seeds)
    trials = rows * columns
    row, column = np.divmod(np.arange(trials, dtype=np.int32), columns)
    return TrialTable(
        model=model,
        task=task,
        recipe="r",
        weight_init_seeds=np.array(weight_init_seeds),
        data_order_seeds=np.array(data_order_seeds),
        row=row,
        column=column,
        trial_id=np.array([str(trial) for trial in range(trials)], dtype=object),
        status=np.full(trials, None, dtype=object),
        ended_at=np.ones(trials, dtype=np.int32),
        step=np.array([10]),
        train_loss=np.full((trials, 1), nan, dtype=np.float32),
        validation_loss=np.full((trials, 1), nan, dtype=np.float32),
        score=np.full((trials, 1), 0.5),
        evaluation_seconds=np.full(trials, nan),
    )


def replayed(table, score, test, budgets=(1,), replicates=4, validation=None):
    """A replay in which all replicates agree; trials rank by their test score unless told otherwise."""
    shape = (len(budgets), replicates)
    scores = np.repeat(np.array(score, dtype=float)[:, None], replicates, axis=1)
    pool = np.tile(np.array(test, dtype=float), (replicates, 1))
    ranking = pool if validation is None else np.tile(np.array(validation, dtype=float), (replicates, 1))
    return TableReplay(
        table=table,
        budgets=tuple(budgets),
        score=scores,
        validation_score=scores,
        trial=np.zeros(shape, dtype=np.int32),
        checkpoint=np.zeros(shape, dtype=np.int32),
        trials_started=np.ones(shape, dtype=np.int32),
        steps_spent=np.full(shape, 10),
        best_validation_score=ranking,
        best_test_score=pool,
    )


# --- samples and deletions --------------------------------------------------------------------------------------------


def test_a_deletion_that_one_sample_does_not_know_leaves_it_whole():
    one = scoring.Sample(np.array([1.0, 2.0]), {0: np.array([10.0, 20.0])})
    other = scoring.Sample(np.array([3.0, 4.0]), {1: np.array([30.0, 40.0])})
    both = scoring.combine(np.add, one, other)
    assert both.whole.tolist() == [4, 6]
    assert {number: values.tolist() for number, values in both.deleted.items()} == {0: [13, 24], 1: [31, 42]}


def test_the_same_seeds_are_deleted_in_all_tables_of_a_model_only():
    tables = [grid_table("cola"), grid_table("rte", data_order_seeds=(6, 7)), grid_table("rte", model="other")]
    deletions = scoring.deletions_of(tables)
    assert [(d.model, d.axis, sorted(d.seeds)) for d in deletions] == [
        ("m", "weight_init_seed", [0]),
        ("m", "weight_init_seed", [1]),
        ("m", "data_order_seed", [6]),  # the one that both tables hold is dealt first
        ("m", "data_order_seed", [5]),
        ("m", "data_order_seed", [7]),
        ("other", "weight_init_seed", [0]),
        ("other", "weight_init_seed", [1]),
        ("other", "data_order_seed", [5]),
        ("other", "data_order_seed", [6]),
    ]
    kept = [[deletion.keeps(table).tolist() for table in tables] for deletion in deletions[:4]]
    everything = [True] * 4
    assert kept == [
        [[False, False, True, True], [False, False, True, True], everything],
        [[True, True, False, False], [True, True, False, False], everything],
        [[True, False, True, False], [False, True, False, True], everything],
        [[False, True, False, True], everything, everything],
    ]


# --- the pool ---------------------------------------------------------------------------------------------------------


def test_pool_by_hand():
    """Trials .1 .2 / .3 .4: floor .25, ceiling .4. Without row 0 .35, .4; row 1 .15, .2; column 0 .3, .4; 1 .2, .3."""
    table = grid_table()
    deletions = scoring.deletions_of([table])
    baseline = scoring.baseline_of(replayed(table, [0.3], [0.1, 0.2, 0.3, 0.4]), deletions, 4)
    assert baseline.floor.mean == pytest.approx(0.25)
    assert baseline.gap.mean == pytest.approx(0.15)
    assert [values[0] for values in baseline.floor.deleted.values()] == pytest.approx([0.35, 0.15, 0.3, 0.2])
    assert [values[0] for values in baseline.gap.deleted.values()] == pytest.approx([0.05, 0.05, 0.1, 0.1])
    # V_rows = (0.1² + 0.1²) / 2, V_columns = (0.05² + 0.05²) / 2
    assert scoring.interval(baseline.floor, deletions).standard_error == pytest.approx(sqrt(0.0125))
    assert baseline.no_signal is False
    assert isnan(baseline.undefined_share)


def test_equal_trials_are_no_signal():
    table = grid_table()
    baseline = scoring.baseline_of(replayed(table, [0.3], [0.3, 0.3, 0.3, 0.3]), scoring.deletions_of([table]), 4)
    assert baseline.no_signal is True


def test_a_gap_of_less_than_two_errors_is_no_signal():
    """0 0 / 0 1: gap .75; without either row .5, 0, so V_rows = .25²; so the columns; two errors are .71: a signal.

    0 0 / 1 .4, ranked in this order: ceiling .4, floor .35, gap .05. Without either row -.3, 0, so that V_rows is .15²
    and two errors are .3 at least: none.
    """
    table = grid_table()
    deletions = scoring.deletions_of([table])
    assert scoring.baseline_of(replayed(table, [0.3], [0, 0, 0, 1]), deletions, 4).no_signal is False
    weak = replayed(table, [0.3], [0, 0, 1, 0.4], validation=[1, 2, 3, 4])
    assert scoring.baseline_of(weak, deletions, 4).no_signal is True


def test_a_single_column_cannot_tell_signal_from_none():
    column = grid_table(weight_init_seeds=(0, 1, 2), data_order_seeds=(5,))
    assert scoring.baseline_of(replayed(column, [0.3], [0, 0, 1]), scoring.deletions_of([column]), 4).no_signal is None


def test_undefined_share_counts_constant_and_missing_predictions():
    label = np.array([1, 1, 0, 0], dtype=np.int8)
    predictions = {"constant": [1, 1, 1, 1], "missing": [1, 1, 0, -1], "right": [1, 1, 0, 0], "useless": [1, 0, 1, 0]}
    predicted = np.array(list(predictions.values()), dtype=np.int8)[:, None, :]
    score = np.array([[0.0], [0.5], [1.0], [0.0]])
    table = replace(grid_table("cola"), predicted_label=predicted, label=label, score=score)
    baseline = scoring.baseline_of(replayed(table, [0.3], [0.1, 0.2, 0.3, 0.4]), (), 4)
    assert baseline.undefined_share == 2 / 4
    assert undefined_share(replace(table, task="sst2")) == 1 / 4  # accuracy is never undefined


def test_without_positives_f1_is_undefined():
    predicted, label = np.array([[[0, 0]], [[0, 1]], [[0, 0]], [[1, 1]]], dtype=np.int8), np.zeros(2, dtype=np.int8)
    table = replace(grid_table("mrpc"), predicted_label=predicted, label=label)
    assert undefined_share(table) == 2 / 4


# --- a strategy -------------------------------------------------------------------------------------------------------


def scored(table, score, test, again, budgets=(1,)):
    """`again`: score of each deletion, budgets × 4."""
    deletions = scoring.deletions_of([table])
    whole = replayed(table, score, test, budgets)
    deleted = [replayed(table, values, test, budgets) for values in zip(*again, strict=True)]
    return scoring.table_scores(whole, deleted, scoring.baseline_of(whole, deletions, 4)), deletions


def test_score_and_gap_intervals_by_hand():
    """Score .31, floor .25, ceiling .4, so gap closed .06 / .15 = .4.

    The score without each group is that pool's floor + .02: .37, .17, .32, .22, so V = .0125 as for the floor.
    Linearised: (won - .4 · gap) / .15 is (.02 - .02) / .15 = 0 without either row, (.02 - .04) / .15 without either
    column: each axis is constant, so gap closed has no error.
    """
    scores, deletions = scored(grid_table(), [0.31], [0.1, 0.2, 0.3, 0.4], [[0.37, 0.17, 0.32, 0.22]])
    score, gap = scoring.score_interval(scores, deletions), scoring.gap_interval(scores, deletions)
    assert score.estimate == pytest.approx([0.31])
    assert score.high == pytest.approx([0.31 + T_1 * sqrt(0.0125)])
    assert gap.estimate == pytest.approx([0.4])
    assert gap.low == pytest.approx([0.4]) and gap.high == pytest.approx([0.4])


def test_without_new_campaigns_there_is_no_interval():
    table = grid_table()
    whole, deletions = replayed(table, [0.31], [0.1, 0.2, 0.3, 0.4]), scoring.deletions_of([table])
    scores = scoring.table_scores(whole, [], scoring.baseline_of(whole, deletions, 4))
    gap = scoring.gap_interval(scores, deletions)
    assert gap.estimate == pytest.approx([0.4])
    assert isnan(gap.low[0]) and isnan(scoring.score_interval(scores, deletions).low[0])
    (worth,) = scoring.multipliers(scores, deletions)
    assert isnan(worth.low) and isnan(worth.high)


def test_a_single_row_has_no_interval():
    table = grid_table(weight_init_seeds=(0,), data_order_seeds=(1, 2, 3, 4))
    deletions = scoring.deletions_of([table])
    whole = replayed(table, [0.3], [0.1, 0.2, 0.3, 0.4])
    deleted = [None, *(replayed(table, [0.3], [0.1, 0.2, 0.3, 0.4]) for _ in range(4))]
    scores = scoring.table_scores(whole, deleted, scoring.baseline_of(whole, deletions, 4))
    assert scoring.gap_interval(scores, deletions).estimate == pytest.approx([(0.3 - 0.25) / 0.15])
    for interval in (
        scoring.score_interval(scores, deletions),
        scoring.gap_interval(scores, deletions),
        scoring.summary_gap([scores], deletions),
    ):
        assert isnan(interval.low[0]) and isnan(interval.high[0])


def test_multipliers_by_hand():
    """R of .1 .2 .3 .4 is .25, 1/3, .375, .4: a score of .35 lies 0.4 of the way from n = 2 to n = 3."""
    scores, deletions = scored(grid_table(), [0.35, 0.35], [0.1, 0.2, 0.3, 0.4], [[0.35] * 4] * 2, budgets=(1, 2))
    at_1, at_2 = scoring.multipliers(scores, deletions)
    assert (at_1.estimate, at_2.estimate) == (pytest.approx(2.4), pytest.approx(1.2))
    assert at_1.bound is None


def test_difference_to_itself_is_nothing():
    scores, deletions = scored(grid_table(), [0.31], [0.1, 0.2, 0.3, 0.4], [[0.37, 0.17, 0.32, 0.22]])
    for interval in (
        *scoring.difference_intervals(scores, scores, deletions),
        scoring.summary_difference([scores], [scores], deletions),
    ):
        assert interval.estimate == 0 and interval.low == 0 and interval.high == 0


def test_paired_difference_by_hand():
    """.31 - .28 = .03; without each group always .01, so no error; over the gap of .15 that is .2 of it."""
    test = [0.1, 0.2, 0.3, 0.4]
    one, deletions = scored(grid_table(), [0.31], test, [[0.37, 0.17, 0.32, 0.22]])
    other, _ = scored(grid_table(), [0.28], test, [[0.36, 0.16, 0.31, 0.21]])
    score, gap = scoring.difference_intervals(one, other, deletions)
    assert score.estimate == pytest.approx([0.03])
    assert score.high == pytest.approx(score.low)
    assert gap.estimate == pytest.approx([0.2])


# --- all tables together ----------------------------------------------------------------------------------------------


def two_tables():
    """Points won and to win: .06 of .15, and (budgets .5, .7: mean .6) .1 of .3; together .16 of .45."""
    small, _ = scored(grid_table("rte"), [0.31], [0.1, 0.2, 0.3, 0.4], [[0.31] * 4])
    large, _ = scored(grid_table("sst2"), [0.5, 0.7], [0.2, 0.4, 0.6, 0.8], [[0.5] * 4, [0.7] * 4], budgets=(1, 2))
    return [small, large]


def test_summary_weighs_tables_by_the_points_to_win():
    every = two_tables()
    deletions = scoring.deletions_of([scores.baseline.table for scores in every])
    assert scoring.summary_gap(every, deletions).estimate == pytest.approx([0.16 / 0.45])


def test_summary_multiplier_inverts_the_mean_curve():
    """At budget 1: R is the mean of (.25, 1/3, .375, .4) and (.5, 2/3, .75, .8), the score of .31 and .5: .405.

    R(1) = .375, R(2) = .5, so n = 1 + .03 / .125 = 1.24. At budget 2 only the second table: .7 lies .4 of the way from
    n = 2 to 3, so 2.4 / 2 = 1.2. Their geometric mean is √1.488.
    """
    found = scoring.summary_multipliers(two_tables())
    assert {budget: multiplier for budget, (multiplier, _) in found.items()} == pytest.approx({1: 1.24, 2: 1.2})
    value, bound = scoring.summary_multiplier(found)
    assert (value, bound) == (pytest.approx(sqrt(1.24 * 1.2)), None)


def test_summary_interval_deletes_in_all_tables_of_a_model_at_once():
    """Two tables whose scores move together: each alone has V = .0125 (see above), so together the error doubles."""
    test, again = [0.1, 0.2, 0.3, 0.4], [[0.37, 0.17, 0.32, 0.22]]
    one, deletions = scored(grid_table("rte"), [0.31], test, again)
    other, _ = scored(grid_table("sst2"), [0.31], test, again)
    total = scoring.combine(np.add, one.score, other.score)
    assert scoring.interval(total, deletions).standard_error == pytest.approx([2 * sqrt(0.0125)])


def test_models_are_sampled_independently():
    test, again = [0.1, 0.2, 0.3, 0.4], [[0.37, 0.17, 0.32, 0.22]]
    tables = [grid_table(model="a"), grid_table(model="b")]
    deletions = scoring.deletions_of(tables)
    scores = []
    for number, table in enumerate(tables):
        whole = replayed(table, [0.31], test)
        own = [replayed(table, [value], test) for value in again[0]]
        deleted = [own[at - 4 * number] if at // 4 == number else None for at in range(8)]
        scores.append(scoring.table_scores(whole, deleted, scoring.baseline_of(whole, deletions, 4)))
    total = scoring.combine(np.add, scores[0].score, scores[1].score)
    assert scoring.interval(total, deletions).standard_error == pytest.approx([sqrt(2 * 0.0125)])


# --- the multiplier's interval ----------------------------------------------------------------------------------------


def difference(low, high):
    low, high = np.array(low), np.array(high)
    return intervals.Interval((low + high) / 2, (high - low) / 4, low, high)


def test_trials_a_score_may_be_worth():
    # 0 lies within for n = 2 and 3; the estimate between them; neither end of the grid is touched.
    at = difference([0.1, -0.1, -0.3, -0.5], [0.5, 0.3, 0.1, -0.1])
    assert scoring.full_trials_interval(at, (2.5, None)) == (2.0, 3.0)
    # The estimate belongs to the set even where no whole n does.
    at = difference([0.2, 0.1, -0.2, -0.3], [0.3, 0.2, -0.1, -0.2])
    assert scoring.full_trials_interval(at, (2.5, None)) == (2.5, 2.5)


def test_trials_a_score_may_be_worth_are_open_where_the_grid_ends():
    low, high = scoring.full_trials_interval(difference([-0.1, -0.2, -0.3], [0.2, 0.1, -0.1]), (1.5, None))
    assert isnan(low) and high == 2.0
    low, high = scoring.full_trials_interval(difference([0.1, -0.2, -0.3], [0.2, 0.1, 0.1]), (2.5, None))
    assert low == 2.0 and isnan(high)
    low, high = scoring.full_trials_interval(difference([-0.3, -0.4], [-0.1, -0.2]), (1.0, "<"))
    assert isnan(low) and high == 1.0
    low, high = scoring.full_trials_interval(difference([nan], [nan]), (1.0, None))
    assert isnan(low) and isnan(high)
