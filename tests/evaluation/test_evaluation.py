"""`evaluate` from end to end on small tables, against numbers from paper and against closed forms; what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from seedbench import SeedbenchError, SelectionError, StrategyFailed, evaluate
from seedbench.evaluation import LeftOut
from seedbench.evaluation.words import words
from seedbench.strategy import load_strategy
from tests.evaluation.small_tables import table_from_predictions, table_of_scores, trial_set

# --- by hand ----------------------------------------------------------------------------------------------------------


def test_three_by_three_by_hand():
    """Scores .1 ... .9, each reached at the second of two checkpoints; the test score is .05 less everywhere.

    A full trial scores .45 on average. A budget of 1 is best-of-1.
    """
    scores = np.linspace(0.1, 0.9, 9).reshape(3, 3)
    scores = np.stack([scores / 2, scores], axis=-1)
    result = evaluate("full_trials", trial_set(table_of_scores(scores, test=scores - 0.05)), budgets=[1], replicates=4)
    (row,) = result.rows
    assert (row.score, row.best_of_n, row.floor) == pytest.approx((0.45, 0.45, 0.45), abs=5e-3)
    assert row.floor < row.ceiling <= row.oracle + 1e-9 <= 0.85
    assert (row.difference, row.compute_multiplier, row.compute_multiplier_bound) == (0, 1, None)
    assert row.optimism == pytest.approx(0)  # as much too high as any trial
    assert (row.trials_started, row.budget_spent, row.validations, row.validation_seconds) == (1, 1, 2, 2)
    assert (row.no_interval, row.no_signal, row.score_low) == ("few_rows", None, None)
    assert result.summary.gap_closed is None and result.summary.tables == 0
    assert result.campaigns["checkpoint"].tolist() == [1] * 4
    assert result.campaigns["validations"].tolist() == [2] * 4


def test_full_trials_is_best_of_n_itself(two_tables):
    """The closed form on the table, for every n; what the replicates' luck adds is taken off exactly."""
    result = evaluate("full_trials", two_tables, replicates=20)
    for row in result.rows:
        assert row.score == row.best_of_n and row.difference == 0
        assert (row.difference_low, row.difference_high, row.difference_p) == (0, 0, 1)
        assert row.compute_multiplier == pytest.approx(1)
    assert (result.summary.difference, result.summary.difference_p) == (0, 1)


def test_with_enough_replicates_the_mean_of_campaigns_is_the_closed_form(two_tables):
    result = evaluate("full_trials", two_tables, replicates=2000, tasks="rte")
    by_budget = result.campaigns["score"].reshape(3, 2000)
    error = by_budget.std(axis=1, ddof=1) / np.sqrt(2000)
    assert np.all(np.abs(by_budget.mean(axis=1) - [row.best_of_n for row in result.rows]) <= 4 * error)


def test_trials_that_are_noise_have_no_signal_and_decide_nothing(two_tables):
    """A table whose dev scores say nothing of its test scores prints no gap and no multiplier, and is in no summary."""
    rng = np.random.default_rng(5)
    noise = table_of_scores(rng.normal(0.5, 0.02, (8, 8, 3)), task="mrpc", test=rng.normal(0.5, 0.02, (8, 8, 3)))
    alone = evaluate("last_checkpoint", trial_set(noise), replicates=20)
    for row in alone.rows:
        assert row.no_signal is True and row.score_low < row.score < row.score_high
        assert row.best_of_n_low < row.best_of_n < row.best_of_n_high
        assert row.gap_closed is row.compute_multiplier is row.compute_multiplier_low is None
        assert row.optimism == pytest.approx(0, abs=0.05)
    assert alone.summary.tables == 0 and alone.summary.gap_closed is alone.summary.compute_multiplier is None
    beside = evaluate("last_checkpoint", trial_set(*two_tables.tables, noise), replicates=20)
    assert beside.summary == evaluate("last_checkpoint", two_tables, replicates=20).summary


def test_a_rule_that_recognises_small_grids_wins_nothing(two_tables):
    """Every pool has the same size: there are no smaller ones in which to play best-of-n."""

    def recognises(campaign):
        grids.add((campaign.grid, campaign.unstarted))
        return chosen(campaign)

    grids = set()
    chosen = load_strategy("last_checkpoint").build()
    found = evaluate(recognises, two_tables, tasks="rte", replicates=20)
    assert grids == {((6, 6), 36)}
    plain = evaluate("last_checkpoint", two_tables, tasks="rte", replicates=20)
    assert found.rows == plain.rows


# --- several strategies -----------------------------------------------------------------------------------------------


def test_a_strategy_is_compared_with_once(two_tables):
    """Twice it would count twice among the lines that hold together; with other parameters it is another."""
    with pytest.raises(SelectionError, match="against: start_many is there twice; name it once"):
        evaluate("asha", two_tables, replicates=4, against=["start_many", "full_trials", "start_many"])
    many = ["start_many", "start_many(fraction=0.5)"]
    assert [one.name for one in evaluate("asha", two_tables, replicates=4, against=many).against] == many


def test_a_strategy_does_not_differ_from_itself(two_tables):
    (same,) = evaluate("full_trials", two_tables, replicates=4, against=["full_trials"]).against
    assert {(d.score, d.score_low, d.score_high, d.gap_closed) for d in same.differences} == {(0, 0, 0, 0)}


def test_the_same_rule_under_another_name_is_never_marked(two_tables):
    """Over three budgets, a third of each: what rounding leaves is no difference."""

    def one_after_the_other(campaign):
        while campaign.remaining >= 1:
            campaign.advance([campaign.start()], campaign.checkpoints_per_trial)

    found = evaluate("full_trials", two_tables, replicates=20, against=one_after_the_other)
    (same,) = found.against
    assert {one.difference_p for one in (found.summary, same.summary)} == {1.0}
    assert same.summary_difference.gap_closed_p == 1.0
    assert {row.difference_p for row in same.rows} == {difference.score_p for difference in same.differences} == {1.0}


NAMELESS = """
def strategy(campaign):
    trial = campaign.start()
    while not trial.complete:
        trial.advance()
{more}"""


def test_files_of_one_name_are_told_apart(tmp_path):
    """Else one takes the other's place in a figure, and in what to run again after a failure."""
    files = []
    for folder, more in (("a", ""), ("b", "    campaign.start()\n"), ("c", "    raise ValueError\n")):
        (tmp_path / folder).mkdir()
        files.append(tmp_path / folder / "mine.py")
        files[-1].write_text(NAMELESS.format(more=more))
    first, second, raises = files
    how = {"recipes": "few128-all", "protocol": "dodge2020", "replicates": 3, "budgets": 2}
    found = evaluate(first, against=[second, "full_trials"], **how)
    assert [one.name for one in found.against] == ["mine.py (second)", "full_trials"]
    with pytest.raises(StrategyFailed) as failed:
        evaluate(first, against=[second, raises], **how)
    assert failed.value.strategy == "mine.py (third)" and f"evaluate {raises} " in failed.value.again


def test_two_without_a_source_are_not_said_to_be_one(two_tables):
    bound = {}
    exec(NAMELESS.format(more=""), bound)  # as at a prompt
    found = evaluate(bound["strategy"], two_tables, against=bound["strategy"], replicates=4, budgets=2)
    assert found.strategy.sha256 is None and not any("is the same strategy" in said for said in words(found))


# --- tables that lack something ---------------------------------------------------------------------------------------


def test_one_seed_a_run_has_intervals_of_its_own_and_says_what_is_held_fixed():
    rows = evaluate("start_many", trial_set(table_from_predictions(1, 40)), replicates=20).rows
    assert [row.budget for row in rows] == [2, 4]  # pools of 20 of 40 runs
    for row in rows:
        assert row.axis_held_fixed and row.no_interval is None and row.score_low < row.score < row.score_high


def test_few_seeds_have_no_interval_and_the_reason():
    (row,) = evaluate("full_trials", trial_set(table_from_predictions(4, 5)), replicates=4).rows
    assert row.gap_closed is not None and row.no_interval == "few_rows"
    assert row.score_low is None and row.gap_closed_high is None and row.no_signal is None
    assert row.difference_p is None and row.difference_detectable is None


def test_equal_trials_leave_no_gap_to_close():
    result = evaluate(
        "full_trials", trial_set(table_of_scores(np.full((5, 5, 2), 0.7))), replicates=4, protocol="dodge2020"
    )
    row = result.rows[0]
    assert row.no_signal is True
    assert row.gap_closed is None and result.summary.gap_closed is None
    assert (row.score, row.compute_multiplier, row.optimism) == (pytest.approx(0.7), None, None)


def test_tables_too_small_for_every_budget_are_said_to_be_left_out():
    small = trial_set(table_from_predictions(), table_from_predictions(2, 3, task="sst2"))
    result = evaluate("full_trials", small, replicates=4)
    assert {row.task for row in result.rows} == {"rte"}
    assert result.left_out == (LeftOut("m/sst2/r", "too few trials"),)


def test_tables_without_test_scores_are_said_to_be_left_out():
    some = trial_set(table_from_predictions(), table_of_scores(np.random.default_rng(0).random((5, 5, 2)), task="sst2"))
    result = evaluate("full_trials", some, replicates=4)
    assert {row.task for row in result.rows} == {"rte"}
    assert result.left_out == (LeftOut("m/sst2/r", "no test scores"),)
    both = evaluate("full_trials", some, replicates=4, protocol="dodge2020")
    assert {row.task for row in both.rows} == {"rte", "sst2"} and both.left_out == ()
    with pytest.raises(SelectionError, match="table m/sst2/r has no test scores, .* --protocol dodge2020 chooses and"):
        evaluate("full_trials", some, replicates=4, tasks="sst2")


def test_a_budget_that_one_table_is_too_small_for_is_refused(two_tables):
    with pytest.raises(
        SelectionError, match="needs pools of 32 trials.*; m/sst2/r has 30 .* enough for a budget of 5;"
    ):
        evaluate("full_trials", two_tables, budgets=[8])


# --- what it is called with -------------------------------------------------------------------------------------------


def test_progress_rises_to_its_total(two_tables):
    seen = []
    evaluate("full_trials", two_tables, replicates=4, against=["asha"], progress=lambda *step: seen.append(step))
    done, totals = zip(*seen, strict=True)
    assert list(done) == sorted(done)
    assert set(totals) == {done[-1]}


@pytest.mark.parametrize("replicates", [0, 1, 2, -2])
def test_too_few_replicates(two_tables, replicates):
    with pytest.raises(SelectionError, match=f"replicates must be at least 3, .*; found {replicates}"):
        evaluate("full_trials", two_tables, replicates=replicates)


def test_unknown_names_are_refused(two_tables):
    with pytest.raises(SelectionError, match="unknown task 'mnli'"):
        evaluate("full_trials", two_tables, tasks=["mnli"])
    with pytest.raises(SelectionError, match="unknown protocol 'held-out-1'"):
        evaluate("full_trials", two_tables, protocol="held-out-1")


def test_a_loaded_trial_set_has_no_other_revision(two_tables):
    with pytest.raises(SelectionError, match="revision 'v1' is of a Hub dataset"):
        evaluate("full_trials", two_tables, revision="v1")


def test_one_alone_and_numpy_s_integers_mean_what_they_mean_elsewhere(two_tables):
    plain = evaluate(
        "asha", two_tables, models=["m"], tasks=["rte"], recipes=["r"], budgets=[2, 8], replicates=4, seed=3,
        against=["full_trials"],
    )  # fmt: skip
    numpy = evaluate(
        "asha", two_tables, models="m", tasks="rte", recipes="r", budgets=np.array([8, 2]), replicates=np.int64(4),
        seed=np.int32(3), processes=np.int64(1), against="full_trials",
    )  # fmt: skip
    assert numpy.to_json() == plain.to_json()
    for alone in (8, np.int64(8), np.array(8)):
        (row,) = evaluate("asha", two_tables, tasks="rte", budgets=alone, replicates=4).rows
        assert row.budget == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": 1.0}, "seed must be an integer, found 1.0"),
        ({"seed": None}, "seed must be an integer, found None"),
        ({"replicates": 4.0}, "replicates must be at least 3, or nothing is known of their noise; found 4.0"),
        ({"processes": "2"}, "processes must be at least 1, found '2'"),
        ({"budgets": 8.0}, "a budget must be a whole number of full trials from 1, found 8.0"),
        ({"budgets": np.array([2.0])}, "a budget must be a whole number"),
        ({"tasks": 3}, "a task is selected by its name, found 3"),
        ({"models": [None]}, "a model is selected by its name, found None"),
        ({"trials": 5}, "a trial set is a folder, a Hub id owner/name, or what load_trials returned; found int"),
        ({"trials": ["a"]}, "a trial set is a folder, a Hub id owner/name, or what load_trials returned; found list"),
    ],
)
def test_what_is_of_another_type_is_one_line(two_tables, options, message):
    with pytest.raises(SeedbenchError) as caught:
        evaluate("full_trials", **{"trials": two_tables} | options)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("budget", [0, -1, 1.5, 100])
def test_budgets_that_cannot_be_are_refused(two_tables, budget):
    with pytest.raises(SelectionError, match="budget"):
        evaluate("full_trials", two_tables, budgets=[budget])
