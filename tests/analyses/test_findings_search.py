"""Start many, stop early, continue some: combinations on paper, expectations in every order of trials, the search."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from seedbench.analyses.search import search
from seedbench.analyses.started import Combination, combinations, expected_scores
from seedbench.evaluation import evaluate
from seedbench.metrics import best_of_n
from tests.scores import additive_scores, set_of, table_of


def found_in(score, **options):
    return search(table_of(score, **options), rng=np.random.default_rng(0))


# --- combinations -----------------------------------------------------------------------------------------------------


def test_combinations_of_two_full_trials_by_hand():
    """Four checkpoints, budget 2 = 8 quarters. Stop at 1/4: s + 3k = 8: (8, 0), (5, 1). At 2/4: 2s + 2k = 8: (4, 0),
    (3, 1). At 3/4: 3s + k = 8 has no whole s for k = 0 (8/3) nor k = 1 (7/3). And two full trials."""
    assert combinations(2, np.array([10, 20, 30, 40]), trials=100) == [
        Combination(2, 4, 2),
        Combination(3, 2, 1),
        Combination(4, 2, 0),
        Combination(5, 1, 1),
        Combination(8, 1, 0),
    ]


def test_no_more_trials_than_there_are():
    found = combinations(2, np.array([10, 20, 30, 40]), trials=4)
    assert [one.started for one in found] == [2, 3, 4]


def test_steps_rounded_to_whole_ones_count_as_evenly_spaced():
    even = combinations(3, np.array([10, 20, 30]), trials=99)
    assert combinations(3, np.array([11, 23, 35]), trials=99) == even  # thirds of 35, rounded down
    assert combinations(3, np.array([10, 23, 35]), trials=99) != even


def test_uneven_checkpoints_cost_what_they_cost():
    """A stop after 1 of 10 steps: s + 9k = 20: (20, 0), (11, 1). After 8: 8s + 2k = 20: k = 0 no (2.5), k = 1 no."""
    found = combinations(2, np.array([1, 8, 10]), trials=99)
    assert found == [Combination(2, 3, 2), Combination(11, 1, 1), Combination(20, 1, 0)]


# --- expectations -----------------------------------------------------------------------------------------------------


def in_every_order(score: np.ndarray, one: Combination) -> float:
    """The mean over all orders in which trials can be started, those that tie being ranked in that order."""
    so_far = np.maximum.accumulate(score, axis=1)
    results = []
    for started in permutations(range(len(score)), one.started):
        ranked = sorted(started, key=lambda trial: -so_far[trial, one.stop - 1])
        paid = [so_far[trial, one.stop - 1] for trial in started]
        results.append(max(paid + [so_far[trial, -1] for trial in ranked[: one.continued]]))
    return float(np.mean(results))


def test_three_trials_by_hand():
    """Halfway the trials stand at 1, 2, 3 tenths, at the end at 9, 2, 5. Two are started and the better continued: of
    {1, 2} that gives 2, of {1, 3} and of {2, 3} it gives 5."""
    score = np.array([[0.1, 0.9], [0.2, 0.2], [0.3, 0.5]])
    assert expected_scores(score, [Combination(2, 1, 1)]) == pytest.approx([0.4])


@pytest.mark.parametrize("levels", [2, 4, 1000])  # of which the fewer, the more trials tie
def test_every_combination_is_exact(levels):
    score = np.random.default_rng(levels).integers(levels, size=(6, 3)) / levels
    every = [
        Combination(started, stop, continued)
        for started in range(1, 7)
        for stop in (1, 2)
        for continued in range(started + 1)
    ]
    assert expected_scores(score, every) == pytest.approx([in_every_order(score, one) for one in every], abs=1e-12)


def test_more_trials_than_the_pool_has_are_no_combination():
    score = np.array([[0.1, 0.2], [0.3, 0.4]])
    assert np.isnan(expected_scores(score, [Combination(3, 1, 0)])).all()


def test_expectations_agree_with_the_strategy_in_campaigns():
    """A thousand campaigns of `start_many` under the paper's protocol, on trials of which many tie."""
    rng = np.random.default_rng(1)
    noisy = additive_scores(6, 6, rng=rng, checkpoints=10) + rng.normal(0, 0.02, (6, 6, 10))
    table = table_of(np.round(noisy, 2))
    (exact,) = expected_scores(table.score, [Combination(12, 2, 2)])  # 12 · 0.2 + 2 · 0.8 = 4
    from seedbench.strategies.start_many import StartMany

    done = evaluate(
        StartMany(started=12, fraction=0.2, continued=2),
        set_of(table),
        budgets=4,
        replicates=1000,
        protocol="dodge2020",
    )
    error = np.std(done.campaigns["score"]) / np.sqrt(1000)
    assert done.rows[0].score == pytest.approx(exact, abs=4 * error)


# --- the search -------------------------------------------------------------------------------------------------------


def test_where_the_start_tells_all_it_pays_to_start_many():
    """Curves that never cross: the best of all four is known at the first of two checkpoints. Budget 2 buys two full
    trials, or three stopped ones of which one is continued: 3/2 + 1/2 = 2, or four stopped, none continued."""
    end = np.array([[0.6, 0.7], [0.8, 0.9]])
    found = found_in(np.stack([end - 0.1, end], axis=-1))
    row = found.rows[1]
    assert (row.budget, row.started, row.stop, row.continued, row.combinations) == (2, 3, 1, 1, 3)
    # Of three of four trials the best is 0.9 in three of four cases, else 0.8; of two, (0.7 + 2 · 0.8 + 3 · 0.9) / 6.
    assert (row.score, row.best_of_n) == pytest.approx((0.875, 5 / 6))
    assert row.error_reduction == pytest.approx((0.875 - 5 / 6) / (1 / 6))
    assert row.fraction == 0.5


def test_among_equals_plain_best_of_n_is_preferred():
    """The first checkpoint says nothing at all, being the same everywhere."""
    end = np.random.default_rng(0).uniform(0.5, 0.9, (4, 4))
    rows = found_in(np.stack([np.full((4, 4), 0.5), end], axis=-1)).rows
    assert all((row.started, row.stop, row.continued) == (row.budget, 2, row.budget) for row in rows)
    assert {row.error_reduction for row in rows} == {0.0}


def test_every_budget_that_the_pool_carries():
    rng = np.random.default_rng(0)
    found = found_in(additive_scores(4, 5, rng=rng) + rng.normal(0, 0.01, (4, 5, 5)))
    value = table_of(additive_scores(4, 5, rng=np.random.default_rng(0))).score
    assert [row.budget for row in found.rows] == list(range(1, 21)) and len(value) == 20
    assert "Budgets end at 20: there are no more trials." in found.notes
    assert all(row.score >= row.best_of_n - 1e-12 for row in found.rows)
    assert [row.held_out_score is None for row in found.rows] == [row.budget > 8 for row in found.rows]


def test_hindsight_flatters_and_the_other_half_of_the_seeds_does_not():
    """Early scores that are pure noise: with hindsight some combination always wins, on other seeds it loses.

    Over 12 worlds: what is promised is above 0 in each; what is kept is below 0 on average by more than two errors.
    """
    promised, kept = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        rows = found_in(rng.normal(0.7, 0.02, (6, 6, 4))).rows
        promised.append(rows[7].error_reduction)
        kept.append(rows[7].held_out_error_reduction)
    assert min(promised) >= 0 and np.mean(promised) > 0.01
    assert np.mean(kept) < np.mean(promised) - 2 * np.std(kept) / np.sqrt(12)


def test_where_early_scores_tell_the_other_half_confirms_it():
    score = additive_scores(8, 8, rng=np.random.default_rng(0), checkpoints=10)  # curves that never cross
    row = found_in(score).rows[3]
    assert row.started > 4 and row.held_out_error_reduction > 0.05
    assert row.low < row.score < row.high


def test_best_of_n_is_that_of_metrics():
    score = additive_scores(3, 4, rng=np.random.default_rng(0))
    value = score.max(axis=2).ravel()
    assert [row.best_of_n for row in found_in(score).rows] == pytest.approx(best_of_n(value, value))


@pytest.mark.parametrize(
    ("score", "note"),
    [
        (np.full((3, 3, 4), 0.5), "All trials have the same best score: there is nothing to search for."),
        (
            np.linspace(0.1, 0.9, 9).reshape(3, 3),
            "A single checkpoint: nothing can be stopped early, so only plain best-of-n is left.",
        ),
        ([[[0.1, 0.2], [0.3, 0.4]]], "A single weight-init seed says nothing about others: no intervals."),
    ],
)
def test_what_cannot_be_concluded_is_said(score, note):
    assert note in found_in(score).notes


def test_an_error_of_zero_cannot_be_reduced():
    rows = found_in([[[0.5, 1.0], [0.6, 1.0]], [[0.5, 1.0], [0.9, 0.9]]]).rows
    assert rows[1].best_of_n == pytest.approx(1.0) and rows[1].error_reduction is None
    assert rows[0].error_reduction is not None


def test_scores_below_zero_have_an_error_above_one():
    """Matthews correlations -0.5 and 0.5: one trial is expected at 0, an error of 1; two at 0.5, an error of 0.5.

    Budget 1 also buys two trials stopped halfway, none continued, which by then have their best."""
    rows = found_in([[[-0.5, -0.5], [0.5, 0.5]]], task="cola").rows
    assert (rows[0].best_of_n, rows[0].score) == pytest.approx((0.0, 0.5))
    assert rows[0].error_reduction == pytest.approx(0.5)
