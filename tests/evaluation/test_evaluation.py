"""`evaluate` from end to end on small tables, against numbers from paper and against closed forms."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from seedbench import Evaluation, SeedbenchError, SelectionError, evaluate, metrics
from seedbench.evaluation import Row
from seedbench.trialset import TrialSet, TrialTable


def table_of_scores(scores, task="rte", model="m", examples=None):
    """A table without predictions from scores [rows, columns, checkpoints], for protocol dodge2020."""
    scores = np.asarray(scores, dtype=float)
    rows, columns, checkpoints = scores.shape
    row, column = np.divmod(np.arange(rows * columns, dtype=np.int32), columns)
    flat = scores.reshape(-1, checkpoints)
    none = np.full(flat.shape, np.nan, dtype=np.float32)
    return TrialTable(
        model=model,
        task=task,
        recipe="r",
        weight_init_seeds=np.arange(rows) + 100,
        data_order_seeds=np.arange(columns) + 200,
        row=row,
        column=column,
        trial_id=np.array([str(trial) for trial in range(rows * columns)], dtype=object),
        status=np.full(rows * columns, None, dtype=object),
        ended_at=np.full(rows * columns, checkpoints, dtype=np.int32),
        step=np.arange(1, checkpoints + 1) * 10,
        train_loss=none,
        validation_loss=none,
        score=flat,
        evaluation_seconds=np.full(rows * columns, np.nan),
    )


def table_of_predictions(rows=6, columns=6, checkpoints=4, task="rte", model="m", seed=0, examples=120, spread=0.4):
    """A table whose trials differ by row, column and luck, and learn from checkpoint to checkpoint."""
    rng = np.random.default_rng(seed)
    label = (np.arange(examples) % 2).astype(np.int8)
    skill = spread * (rng.normal(size=(rows, 1)) + rng.normal(size=(1, columns)) + rng.normal(size=(rows, columns)))
    skill = skill.reshape(-1, 1, 1) + np.linspace(0.2, 0.8, checkpoints)[:, None]
    right = skill + rng.normal(size=examples) + rng.normal(size=(rows * columns, checkpoints, examples)) > 0
    predicted = np.where(right, label, 1 - label).astype(np.int8)
    score = metrics.task_score(task, *metrics.correct_counts(predicted, label))
    table = table_of_scores(score.reshape(rows, columns, checkpoints), task, model)
    return replace(table, predicted_label=predicted, label=label)


def trial_set(*tables):
    ordered = sorted(tables, key=lambda table: (table.model, table.task, table.recipe))
    return TrialSet("small", "1.0.0", "ab" * 32, None, tuple(ordered))


@pytest.fixture(scope="module")
def two_tables():
    """36 trials of one task and 16 of another: budgets 2, 4, 8 and 2, 4."""
    return trial_set(table_of_predictions(), table_of_predictions(4, 4, task="sst2", seed=1))


@pytest.fixture(scope="module")
def evaluation(two_tables):
    return evaluate("start_many", two_tables, replicates=20, against=["full_trials"])


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_two_by_two_by_hand():
    """Best scores .2 .4 / .6 .8 (the second is reached early). Four full trials find .8, the best there is.

    floor = (.2 + .4 + .6 + .8) / 4 = .5, ceiling = R(4) = .8; so all of the gap, for as many trials as best-of-n needs.
    """
    scores = [[[0.1, 0.2], [0.4, 0.3]], [[0.5, 0.6], [0.7, 0.8]]]
    result = evaluate(
        "full_trials", trial_set(table_of_scores(scores)), budgets=[4], replicates=4, protocol="dodge2020"
    )
    (row,) = result.rows
    assert (row.score, row.floor, row.ceiling) == pytest.approx((0.8, 0.5, 0.8))
    assert (row.gap_closed, row.compute_multiplier, row.compute_multiplier_bound) == (pytest.approx(1), 1, None)
    assert (row.optimism, row.trials_started, row.budget_spent) == (0, 4, 4)
    assert result.summary.gap_closed == pytest.approx(1)
    assert result.campaigns["weight_init_seed"].tolist() == [101, 101]
    assert result.campaigns["data_order_seed"].tolist() == [201, 201]
    assert result.campaigns["checkpoint"].tolist() == [1, 1]
    assert result.campaigns["steps_spent"].tolist() == [80, 80]


def test_full_trials_in_dodge2020_is_the_expected_best_validation_score():
    """For every n: the mean over random orders lies within 4.5 standard errors of the formula; at N it is exact."""
    rng = np.random.default_rng(0)
    scores = rng.choice(np.linspace(0.5, 0.9, 9), size=(3, 4, 3))  # with ties
    best = scores.max(axis=2).ravel()
    closed_form = metrics.best_of_n(best, best)
    result = evaluate(
        "full_trials",
        trial_set(table_of_scores(scores)),
        budgets=range(1, 13),
        replicates=2000,
        protocol="dodge2020",
    )
    assert [row.budget for row in result.rows] == list(range(1, 13))
    by_budget = result.campaigns["score"].reshape(12, 2000)
    error = by_budget.std(axis=1, ddof=1) / np.sqrt(2000)
    assert np.all(np.abs(by_budget.mean(axis=1) - closed_form) <= 4.5 * error + 1e-12)
    assert result.rows[-1].score == pytest.approx(best.max())
    assert [row.floor for row in result.rows] == pytest.approx([best.mean()] * 12)


def test_full_trials_are_worth_themselves():
    """Best-of-n by a strategy is best-of-n by the formula: the compute multiplier is near 1, R(B) within the error."""
    result = evaluate("full_trials", trial_set(table_of_predictions(8, 8, seed=3)), replicates=1000)
    for row, budget in zip(result.rows, (2, 4, 8, 16), strict=True):
        assert row.budget == budget
        assert row.compute_multiplier == pytest.approx(1, abs=0.2)
        assert row.optimism > 0  # chosen on the validation half


def test_scores_are_of_the_half_that_was_not_chosen_on():
    """Labels and predictions at random: nothing is to be won, though the best of many looks better than it is."""
    table = table_of_predictions(8, 8, examples=400, spread=0)
    rng = np.random.default_rng(5)
    predicted = rng.integers(0, 2, table.predicted_label.shape, dtype=np.int8)
    score = metrics.task_score("rte", *metrics.correct_counts(predicted, table.label))
    result = evaluate("full_trials", trial_set(replace(table, predicted_label=predicted, score=score)), budgets=[16])
    (row,) = result.rows
    assert row.no_signal
    assert row.optimism > 0.05
    assert row.score == pytest.approx(0.5, abs=0.02)


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_rows_are_ordered_and_budgets_fit_their_table(evaluation):
    assert [(row.task, row.budget) for row in evaluation.rows] == [
        *(("rte", budget) for budget in (2, 4, 8)),
        *(("sst2", budget) for budget in (2, 4)),
    ]


def test_intervals_hold_their_estimate(evaluation):
    for row in evaluation.rows:
        assert row.score_low < row.score < row.score_high
        assert row.gap_closed_low < row.gap_closed < row.gap_closed_high
        assert row.budget_spent <= row.budget
        for end, holds in ((row.compute_multiplier_low, "__le__"), (row.compute_multiplier_high, "__ge__")):
            assert end is None or getattr(end, holds)(row.compute_multiplier)
    assert evaluation.summary.gap_closed_low < evaluation.summary.gap_closed < evaluation.summary.gap_closed_high


def test_summary_is_that_of_the_rows(evaluation):
    """Points won over points to win, both over tables, from the numbers of the rows."""
    won = to_win = 0.0
    for task in ("rte", "sst2"):
        rows = [row for row in evaluation.rows if row.task == task]
        won += np.mean([row.score for row in rows]) - rows[0].floor
        to_win += rows[0].ceiling - rows[0].floor
    assert evaluation.summary.gap_closed == pytest.approx(won / to_win)
    by_budget = [at.compute_multiplier for at in evaluation.summary.budgets]
    assert evaluation.summary.compute_multiplier == pytest.approx(np.exp(np.mean(np.log(by_budget))))


def test_the_gap_at_a_budget_is_that_of_the_rows(evaluation, two_tables):
    """Of all tables that have the budget; one table alone has its own gap and its own interval."""
    for at in evaluation.summary.budgets:
        rows = [row for row in evaluation.rows if row.budget == at.budget]
        won, to_win = sum(row.score - row.floor for row in rows), sum(row.ceiling - row.floor for row in rows)
        assert at.gap_closed == pytest.approx(won / to_win)
        assert at.gap_closed_low < at.gap_closed < at.gap_closed_high
    last, (row,) = evaluation.summary.budgets[-1], [row for row in evaluation.rows if row.budget == 8]
    alone = (row.gap_closed, row.gap_closed_low, row.gap_closed_high)
    assert (last.gap_closed, last.gap_closed_low, last.gap_closed_high) == pytest.approx(alone)


def test_without_intervals_the_numbers_are_the_same(two_tables, evaluation):
    plain = evaluate("start_many", two_tables, replicates=20)
    for row, full in zip(plain.rows, evaluation.rows, strict=True):
        undefined = {"score_low", "score_high", "gap_closed_low", "gap_closed_high"}
        undefined |= {"compute_multiplier_low", "compute_multiplier_high"}
        for item in fields(Row):
            expected = None if item.name in undefined else getattr(full, item.name)
            assert getattr(row, item.name) == expected, item.name


def test_against_is_paired(evaluation):
    (other,) = evaluation.against
    assert other.name == "full_trials"
    for row, its, difference in zip(evaluation.rows, other.rows, other.differences, strict=True):
        assert difference.score == pytest.approx(row.score - its.score)
        assert difference.gap_closed == pytest.approx(row.gap_closed - its.gap_closed)
        assert (row.floor, row.ceiling) == (its.floor, its.ceiling)
    difference = other.summary_difference.gap_closed
    assert difference == pytest.approx(evaluation.summary.gap_closed - other.summary.gap_closed)


def test_a_strategy_does_not_differ_from_itself(two_tables):
    (same,) = evaluate("full_trials", two_tables, replicates=4, against=["full_trials"]).against
    assert {(d.score, d.score_low, d.score_high, d.gap_closed) for d in same.differences} == {(0, 0, 0, 0)}


def test_another_strategy_beside_it_moves_nothing(two_tables, evaluation):
    assert evaluate("start_many", two_tables, replicates=20).rows == evaluation.rows


def test_re_runs_for_the_intervals_are_the_first_200_replicates(two_tables):
    """Twice as many replicates move the score, and hardly the width, which is mostly that of the seeds."""
    few, many = (evaluate("last_checkpoint", two_tables, budgets=[2], replicates=count) for count in (200, 400))
    for one, other in zip(few.rows, many.rows, strict=True):
        assert one.score != other.score
        assert other.score_high - other.score == pytest.approx(one.score_high - one.score, rel=0.1)


def test_a_single_row_of_seeds_has_no_interval():
    (row, _) = evaluate("full_trials", trial_set(table_of_predictions(1, 16)), replicates=4).rows
    assert row.gap_closed is not None
    assert row.score_low is None and row.gap_closed_high is None and row.no_signal is None


def test_equal_trials_leave_no_gap_to_close():
    result = evaluate(
        "full_trials", trial_set(table_of_scores(np.full((4, 4, 2), 0.7))), replicates=4, protocol="dodge2020"
    )
    row = result.rows[0]
    assert row.no_signal is True
    assert row.gap_closed is None and result.summary.gap_closed is None
    assert (row.score, row.compute_multiplier) == (pytest.approx(0.7), 1 / row.budget)


def test_tables_too_small_for_every_budget_are_said_to_be_left_out():
    small = trial_set(table_of_predictions(), table_of_predictions(2, 3, task="sst2"))
    result = evaluate("full_trials", small, replicates=4)
    assert {row.task for row in result.rows} == {"rte"}
    assert result.left_out == ("m/sst2/r",)


def test_a_budget_that_one_table_is_too_small_for_is_refused(two_tables):
    with pytest.raises(SelectionError, match="needs .* 32 trials .*; m/sst2/r has 16, enough for a budget of 4;"):
        evaluate("full_trials", two_tables, budgets=[8])


# --- bytes, files and frames ------------------------------------------------------------------------------------------


def test_json_has_the_shape_it_is_documented_with(evaluation):
    content = json.loads(evaluation.to_json())
    identity = ["format", "protocol", "track", "trials", "strategy", "seed", "replicates", "seedbench"]
    assert list(content) == [*identity, "rows", "summary", "against", "left_out"]
    assert content["trials"] == {"name": "small", "version": "1.0.0", "sha256": "ab" * 32, "revision": None}
    assert set(content["strategy"]) == {"name", "sha256", "oracle"}
    assert {
        *("model", "task", "recipe", "budget", "score", "score_low", "score_high", "floor", "ceiling"),
        *("gap_closed", "gap_closed_low", "gap_closed_high", "compute_multiplier", "compute_multiplier_bound"),
        *("optimism", "trials_started", "budget_spent", "no_signal"),
    } <= set(content["rows"][0])
    assert {"gap_closed", "gap_closed_low", "gap_closed_high", "compute_multiplier"} <= set(content["summary"])
    assert {"name", "sha256", "rows", "differences"} <= set(content["against"][0])


def test_json_there_and_back(evaluation):
    text = evaluation.to_json()
    again = Evaluation.from_json(text)
    assert again == evaluation
    assert again.to_json() == text
    with pytest.raises(SeedbenchError, match="no campaigns"):
        again.write_campaigns("nowhere.parquet")


def test_undefined_is_null():
    result = evaluate("full_trials", trial_set(table_of_predictions(1, 16)), replicates=4)
    assert "NaN" not in result.to_json()
    assert json.loads(result.to_json())["rows"][0]["score_low"] is None
    assert Evaluation.from_json(result.to_json()) == result


def test_json_without_a_format_is_of_the_first(evaluation):
    content = json.loads(evaluation.to_json())
    assert content.pop("format") == 1
    assert Evaluation.from_json(json.dumps(content)) == evaluation


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"rows": 3}', "nonsense", "NaN", '{"seed": 1e999}', "\ud800", "[" * 100_000]
)
def test_other_json_is_refused_in_one_line(text):
    with pytest.raises(SeedbenchError, match="not the JSON of an evaluation") as refusal:
        Evaluation.from_json(text)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("rows", 0, "score"), "high", "Expected `float`, got `str` - at `$.rows[0].score`, found 'high'"),
        (("rows", 1, "budget"), 2.5, "Expected `int`, got `float` - at `$.rows[1].budget`, found 2.5"),
        (("rows", 0, "compute_multiplier_bound"), "=", "Invalid enum value '='"),
        (("rows", 0, "no_signal"), 1, "`$.rows[0].no_signal`, found 1"),
        (("rows", 0, "wow"), 1, "Object contains unknown field `wow` - at `$.rows[0]`"),
        (("rows",), {}, "Expected `array`, got `object` - at `$.rows`"),
        (("summary", "gap_closed"), [], "`$.summary.gap_closed`"),
        (("summary", "budgets", 0, "budget"), None, "`$.summary.budgets[0].budget`"),
        (("against", 0, "differences", 0, "score"), True, "`$.against[0].differences[0].score`, found True"),
        (("against", 0, "summary_difference", "gap_closed"), "0", "`$.against[0].summary_difference.gap_closed`"),
        (("trials", "version"), 1, "`$.trials.version`, found 1"),
        (("strategy", "oracle"), "no", "`$.strategy.oracle`, found 'no'"),
        (("left_out",), "none", "`$.left_out`, found 'none'"),
        (("campaigns",), None, "Object contains unknown field `campaigns` - at `$`"),
        (("seed",), True, "`$.seed`, found True"),
        (("format",), 2, "format is 2, which seedbench 0.1.0 does not read; install the seedbench that fits"),
    ],
)
def test_a_field_of_another_type_is_refused_with_its_place_rule_and_value(evaluation, place, value, said):
    content = json.loads(evaluation.to_json())
    at = content
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    with pytest.raises(SeedbenchError, match="not the JSON of an evaluation") as refusal:
        Evaluation.from_json(json.dumps(content))
    assert said in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_same_call_gives_the_same_bytes(two_tables, evaluation):
    assert evaluate("start_many", two_tables, replicates=20, against=["full_trials"]).to_json() == evaluation.to_json()


def test_any_number_of_processes_gives_the_same_bytes(two_tables, evaluation):
    split = evaluate("start_many", two_tables, replicates=20, against=["full_trials"], processes=3)
    assert split.to_json() == evaluation.to_json()
    for name, values in evaluation.campaigns.items():
        np.testing.assert_array_equal(split.campaigns[name], values)


def test_another_seed_is_another_result(two_tables, evaluation):
    assert evaluate("start_many", two_tables, replicates=20, seed=1).rows != evaluation.rows


def test_pandas_has_a_line_per_row(evaluation):
    frame = evaluation.to_pandas()
    assert list(frame.columns) == [item.name for item in fields(Row)]
    assert frame["score"].tolist() == [row.score for row in evaluation.rows]
    assert frame["compute_multiplier_low"].dtype == "float64"
    assert frame["budget"].dtype == "int64"


def test_campaigns_add_up_to_the_rows(evaluation, tmp_path):
    evaluation.write_campaigns(tmp_path / "campaigns.parquet")
    frame = pq.read_table(tmp_path / "campaigns.parquet").to_pandas()
    assert len(frame) == len(evaluation.rows) * 20
    means = frame.groupby(["model", "task", "recipe", "budget"])[["score", "trials_started"]].mean()
    assert means["score"].tolist() == pytest.approx([row.score for row in evaluation.rows])
    assert means["trials_started"].tolist() == pytest.approx([row.trials_started for row in evaluation.rows])
    assert set(frame["weight_init_seed"]) <= set(range(100, 106))
    assert set(frame["data_order_seed"]) <= set(range(200, 206))


def test_progress_rises_to_its_total(two_tables):
    seen = []
    evaluate("full_trials", two_tables, replicates=4, against=["asha"], progress=lambda *step: seen.append(step))
    done, totals = zip(*seen, strict=True)
    assert list(done) == sorted(done)
    assert set(totals) == {done[-1]}


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("replicates", [0, 1, 7, -2])
def test_replicates_come_in_pairs(two_tables, replicates):
    with pytest.raises(SelectionError, match=f"even number of at least 2, not {replicates}"):
        evaluate("full_trials", two_tables, replicates=replicates)


def test_unknown_names_are_refused(two_tables):
    with pytest.raises(SelectionError, match="unknown task 'mnli'"):
        evaluate("full_trials", two_tables, tasks=["mnli"])
    with pytest.raises(SelectionError, match="unknown protocol 'held-out-2'"):
        evaluate("full_trials", two_tables, protocol="held-out-2")


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
        ({"replicates": 4.0}, "replicates come in pairs: give an even number of at least 2, not 4.0"),
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
