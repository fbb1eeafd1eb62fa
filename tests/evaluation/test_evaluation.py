"""`evaluate` from end to end on small tables, against numbers from paper and against closed forms."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from seedbench import Evaluation, SeedbenchError, SelectionError, StrategyFailed, evaluate
from seedbench.evaluation import LeftOut, Row
from seedbench.evaluation.words import words
from seedbench.strategy import load_strategy
from seedbench.trialset import TrialSet, TrialTable


def table_of_scores(scores, task="rte", model="m", test=None):
    """A table without predictions from scores [rows, columns, checkpoints]; without `test` it has no test scores."""
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
        test_score=None if test is None else np.asarray(test, dtype=float).reshape(flat.shape),
        evaluation_seconds=np.full(rows * columns, 2.0),
    )


def table_of_predictions(rows=6, columns=6, checkpoints=4, task="rte", model="m", seed=0, examples=120, spread=0.4):
    """A table whose trials differ by row, column and luck, and learn from checkpoint to checkpoint.

    The test set has four times as many examples as the dev set.
    """
    rng = np.random.default_rng(seed)
    skill = spread * (rng.normal(size=(rows, 1)) + rng.normal(size=(1, columns)) + rng.normal(size=(rows, columns)))
    skill = skill.reshape(-1, 1, 1) + np.linspace(0.2, 0.8, checkpoints)[:, None]
    both = []
    for size in (examples, 4 * examples):
        right = skill + rng.normal(size=size) + rng.normal(size=(rows * columns, checkpoints, size)) > 0
        both.append(right.mean(axis=-1).reshape(rows, columns, checkpoints))
    return table_of_scores(both[0], task, model, test=both[1])


def trial_set(*tables):
    ordered = sorted(tables, key=lambda table: (table.model, table.task, table.recipe))
    return TrialSet("small", "1.0.0", "ab" * 32, None, tuple(ordered))


@pytest.fixture(scope="module")
def two_tables():
    """Pools of 36 trials of one task and 20 of another: budgets 2, 4, 8 and 2, 4."""
    return trial_set(table_of_predictions(8, 8), table_of_predictions(6, 5, task="sst2", seed=1))


@pytest.fixture(scope="module")
def evaluation(two_tables):
    return evaluate("start_many", two_tables, replicates=20, against=["full_trials"])


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


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_rows_are_ordered_and_budgets_fit_their_table(evaluation):
    assert [(row.task, row.budget) for row in evaluation.rows] == [
        *(("rte", budget) for budget in (2, 4, 8)),
        *(("sst2", budget) for budget in (2, 4)),
    ]


def test_intervals_hold_their_estimate(evaluation):
    for row in evaluation.rows:
        assert row.score_low < row.score < row.score_high
        assert row.best_of_n_low < row.best_of_n < row.best_of_n_high
        assert row.difference_low < row.difference < row.difference_high
        assert row.difference == pytest.approx(row.score - row.best_of_n)
        assert row.difference_detectable > (row.difference_high - row.difference_low) / 2
        assert 0 <= row.difference_p <= 1
        assert row.gap_closed_low < row.gap_closed < row.gap_closed_high
        assert row.budget_spent <= row.budget and row.validation_seconds == pytest.approx(0.5 * row.validations)
        for end, holds in ((row.compute_multiplier_low, "__le__"), (row.compute_multiplier_high, "__ge__")):
            assert end is None or getattr(end, holds)(row.compute_multiplier)
    summary = evaluation.summary
    assert summary.tables == 2 and summary.gap_closed_low < summary.gap_closed < summary.gap_closed_high
    assert summary.difference_low < summary.difference < summary.difference_high < summary.gap_closed


def test_marks_hold_together(evaluation):
    """Holm's p-values are no smaller than those of each line alone, which the interval is of."""
    for row in evaluation.rows:
        outside = row.difference_low > 0 or row.difference_high < 0
        assert outside or row.difference_p >= 0.05


def test_summary_is_that_of_the_rows(evaluation):
    """Points won over points to win, both over tables, from the numbers of the rows."""
    won = to_win = 0.0
    for task in ("rte", "sst2"):
        rows = [row for row in evaluation.rows if row.task == task]
        won += np.mean([row.score for row in rows]) - rows[0].floor
        to_win += rows[0].ceiling - rows[0].floor
    # The mean over budgets is corrected once, by best-of-n in the mean over budgets.
    assert evaluation.summary.gap_closed == pytest.approx(won / to_win, abs=0.01)
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


def test_a_strategy_is_compared_with_once(two_tables):
    """Twice it would count twice among the lines that hold together; with other parameters it is another."""
    with pytest.raises(SelectionError, match="against: start_many is there twice; name it once"):
        evaluate("asha", two_tables, replicates=4, against=["start_many", "full_trials", "start_many"])
    many = ["start_many", "start_many(fraction=0.5)"]
    assert [one.name for one in evaluate("asha", two_tables, replicates=4, against=many).against] == many


def test_against_is_paired(evaluation):
    (other,) = evaluation.against
    assert other.name == "full_trials"
    for row, its, difference in zip(evaluation.rows, other.rows, other.differences, strict=True):
        assert difference.score == pytest.approx(row.score - its.score)
        assert difference.gap_closed == pytest.approx(row.gap_closed - its.gap_closed)
        assert difference.score_p is not None and difference.score_detectable > 0
        assert (row.floor, row.ceiling) == (its.floor, its.ceiling)
    difference = other.summary_difference.gap_closed
    assert difference == pytest.approx(evaluation.summary.gap_closed - other.summary.gap_closed)


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


def test_another_strategy_beside_it_moves_nothing_but_what_holds_together(two_tables, evaluation):
    alone = evaluate("start_many", two_tables, replicates=20, against=["asha"])
    apart = [[replace(row, difference_p=None) for row in one.rows] for one in (alone, evaluation)]
    for row, other in zip(*apart, strict=True):
        for item in fields(Row):
            one, another = getattr(row, item.name), getattr(other, item.name)
            assert one == (pytest.approx(another) if isinstance(another, float) else another), item.name


def test_one_seed_a_run_has_intervals_of_its_own_and_says_what_is_held_fixed():
    rows = evaluate("start_many", trial_set(table_of_predictions(1, 40)), replicates=20).rows
    assert [row.budget for row in rows] == [2, 4]  # pools of 20 of 40 runs
    for row in rows:
        assert row.axis_held_fixed and row.no_interval is None and row.score_low < row.score < row.score_high


def test_few_seeds_have_no_interval_and_the_reason():
    (row,) = evaluate("full_trials", trial_set(table_of_predictions(4, 5)), replicates=4).rows
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
    small = trial_set(table_of_predictions(), table_of_predictions(2, 3, task="sst2"))
    result = evaluate("full_trials", small, replicates=4)
    assert {row.task for row in result.rows} == {"rte"}
    assert result.left_out == (LeftOut("m/sst2/r", "too few trials"),)


def test_tables_without_test_scores_are_said_to_be_left_out():
    some = trial_set(table_of_predictions(), table_of_scores(np.random.default_rng(0).random((5, 5, 2)), task="sst2"))
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


# --- bytes, files and frames ------------------------------------------------------------------------------------------


def test_json_has_the_shape_it_is_documented_with(evaluation):
    content = json.loads(evaluation.to_json())
    identity = ["format", "protocol", "track", "trials", "strategy", "seed", "replicates", "seedbench"]
    assert list(content) == [*identity, "rows", "summary", "against", "left_out", "not_tried"]
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
    result = evaluate("full_trials", trial_set(table_of_predictions(4, 5)), replicates=4)
    assert "NaN" not in result.to_json()
    assert json.loads(result.to_json())["rows"][0]["score_low"] is None
    assert Evaluation.from_json(result.to_json()) == result


def test_json_names_its_format(evaluation):
    assert json.loads(evaluation.to_json())["format"] == 2


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
        (("format",), 1, "format is 1, which seedbench 0.2.0 does not read; install the seedbench that fits"),
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


LESS = [f"first_less_it{end}" for end in ("", "_low", "_high", "_p", "_detectable")]


def test_pandas_has_a_line_per_row(evaluation):
    frame = evaluation.to_pandas()
    assert list(frame.columns) == ["strategy", *(item.name for item in fields(Row)), *LESS]
    own, others = frame[frame["strategy"] == "start_many"], frame[frame["strategy"] != "start_many"]
    assert own["score"].tolist() == [row.score for row in evaluation.rows] and own["first_less_it"].isna().all()
    assert others["score"].tolist() == [row.score for other in evaluation.against for row in other.rows]
    assert frame["compute_multiplier_low"].dtype == "float64"
    assert frame["budget"].dtype == "int64"


def test_campaigns_add_up_to_the_rows(evaluation, tmp_path):
    evaluation.write_campaigns(tmp_path / "campaigns.parquet")
    frame = pq.read_table(tmp_path / "campaigns.parquet").to_pandas()
    assert len(frame) == len(evaluation.rows) * 20
    means = frame.groupby(["model", "task", "recipe", "budget"])[["score", "trials_started"]].mean()
    # Scores are corrected by what best-of-n on the same orders had of luck; the rest are plain means.
    assert means["score"].tolist() == pytest.approx([row.score for row in evaluation.rows], abs=0.05)
    assert frame["rows_seen"].map(type).eq(bytes).all() and frame["rows_seen"].map(len).eq(1).all()
    assert means["trials_started"].tolist() == pytest.approx([row.trials_started for row in evaluation.rows])
    assert set(frame["weight_init_seed"]) <= set(range(100, 108))
    assert set(frame["data_order_seed"]) <= set(range(200, 208))


def test_progress_rises_to_its_total(two_tables):
    seen = []
    evaluate("full_trials", two_tables, replicates=4, against=["asha"], progress=lambda *step: seen.append(step))
    done, totals = zip(*seen, strict=True)
    assert list(done) == sorted(done)
    assert set(totals) == {done[-1]}


# --- refusals ---------------------------------------------------------------------------------------------------------


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
