"""What an evaluation holds, and that it is the same in bytes, files and frames."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from seedbench import Evaluation, SeedbenchError, evaluate
from seedbench.evaluation import Row
from tests.evaluation.small_tables import table_from_predictions, trial_set


@pytest.fixture(scope="module")
def evaluation(two_tables):
    return evaluate("start_many", two_tables, replicates=20, against=["full_trials"])


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


def test_another_strategy_beside_it_moves_nothing_but_what_holds_together(two_tables, evaluation):
    alone = evaluate("start_many", two_tables, replicates=20, against=["asha"])
    apart = [[replace(row, difference_p=None) for row in one.rows] for one in (alone, evaluation)]
    for row, other in zip(*apart, strict=True):
        for item in fields(Row):
            one, another = getattr(row, item.name), getattr(other, item.name)
            assert one == (pytest.approx(another) if isinstance(another, float) else another), item.name


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
    result = evaluate("full_trials", trial_set(table_from_predictions(4, 5)), replicates=4)
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
