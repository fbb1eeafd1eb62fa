"""Curves that end early, say a thing twice or not at all: nothing leaves quietly, and nothing is claimed that is not
known."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from seedbench.errors import TrialSetError
from seedbench.trialset.importing import ImportOptions, import_curves
from tests.trialset.curve_files import grid_lines, imported, write_csv

# --- nothing leaves quietly -------------------------------------------------------------------------------------------


def test_trials_that_stopped_early_stay(tmp_path):
    """Four of seven runs stop at the third checkpoint of four; the best of all is one of the complete ones."""
    lines = [f"{seed},{step},0.{5 + seed}{step}" for seed in range(4) for step in (1, 2, 3)]
    lines += [f"{seed},{step},0.{seed}{step}" for seed in (5, 6, 7) for step in (1, 2, 3, 4)]
    table, done = imported(tmp_path, *lines)
    assert table.num_trials == 7 and table.step.tolist() == [1, 2, 3, 4]
    assert table.ended_at.tolist() == [3, 3, 3, 3, 4, 4, 4]
    assert table.score[0].tolist() == [0.51, 0.52, 0.53, 0.53] and table.score.max() == 0.83
    assert "m/qnli/r: 4 of 7 trials ended before the last of 4 checkpoints, and are kept" in done.notes


def test_common_steps_cut_all_and_say_what_goes(tmp_path):
    lines = ["1,10,0.5", "1,15,0.9", "1,20,0.6", "2,10,0.5", "2,20,0.7", "2,30,0.8"]
    table, done = imported(tmp_path, *lines, common_steps=True)
    assert table.step.tolist() == [10, 20] and table.score.tolist() == [[0.5, 0.6], [0.5, 0.7]]
    gone = "m/qnli/r: steps 15 and 30 are not shared by all trials that did not fail; scores 0.8 to 0.9"
    assert f"2 rows left out (the first: line 3): {gone}" in done.notes


def test_losses_of_checkpoints_that_are_cut_are_of_the_next_one(tmp_path):
    lines = ["1,10,0.5,4", "1,15,0.9,3", "1,20,0.6,1", "2,10,0.5,4", "2,20,0.7,2"]
    table, _ = imported(tmp_path, *lines, header="seed,step,acc,loss", common_steps=True, train_loss="loss")
    assert table.train_loss.tolist() == [[4, 2], [4, 2]]


@pytest.mark.parametrize("nothing", ["nan", "NaN", "inf", "-inf"])
def test_a_score_that_is_no_number_to_the_end_is_a_failed_trial(tmp_path, nothing):
    lines = ["1,10,0.4", "1,20,0.9", "2,10,0.6", f"2,20,{nothing}", f"3,10,{nothing}", f"3,20,{nothing}"]
    table, done = imported(tmp_path, *lines)
    assert table.status.tolist() == [None, "failed", "failed"] and table.ended_at.tolist() == [2, 1, 0]
    assert table.score.tolist() == [[0.4, 0.9], [0.6, 0.4], [0.4, 0.4]]
    assert "2 of 3 trials end without a score that is a number" in done.notes[1]


def test_of_a_measure_that_is_better_low_the_worst_is_the_highest(tmp_path):
    table, _ = imported(tmp_path, "1,10,4", "1,20,2", "2,10,3", "2,20,nan", minimize=True)
    assert table.score.tolist() == [[-4, -2], [-3, -4]]


def test_a_score_that_is_no_number_for_a_while_is_the_worst(tmp_path):
    """The correlation of a constant prediction, from which the trial recovers: it has not failed."""
    table, done = imported(tmp_path, "1,10,nan", "1,20,0.6", "2,10,0.3", "2,20,0.7")
    assert table.score.tolist() == [[0.3, 0.6], [0.3, 0.7]] and table.unknown.all()
    assert "1 score without a number" in done.notes[1] and "taken for 0.3" in done.notes[1]


def test_a_run_without_any_score_is_a_failed_trial(tmp_path):
    table, _ = imported(tmp_path, "1,10,0.4,0.5", "2,5,,0.6", header="seed,step,acc,loss", train_loss="loss")
    assert table.status.tolist() == [None, "failed"] and table.ended_at.tolist() == [1, 0]


def test_the_same_row_twice_is_one_row(tmp_path):
    table, done = imported(tmp_path, "1,10,0.4", "1,10,0.4", "1,20,0.5")
    assert table.score.tolist() == [[0.4, 0.5]]
    assert "1 row the same as another in every column (the first: line 3): taken once" in done.notes


def test_the_same_score_at_the_same_step_is_one(tmp_path):
    """Logged at two times: what a Trainer's evaluate() after train() adds."""
    table, done = imported(tmp_path, "1,10,0.4,8:00", "1,10,0.40,8:01", header="seed,step,acc,time")
    assert table.score.tolist() == [[0.4]]
    assert done.notes[1] == "1 row left out (the first: line 3): the same score of the same trial and step again"


@pytest.mark.parametrize(("keep", "score"), [("first", 0.4), ("last", 0.6)])
def test_which_of_two_scores_is_kept(tmp_path, keep, score):
    table, done = imported(tmp_path, "1,10,0.4", "1,10,0.6", keep=keep)
    assert table.score.tolist() == [[score]] and f"score {1 - score:g} are not" in done.notes[1]


@pytest.mark.parametrize("name", ["test_score", "validation_loss", "f1"])
def test_two_values_of_a_measure_at_one_step(tmp_path, name):
    """As of two scores: refused, or the one that `keep` says; never their mean, 0.7."""
    lines = ["1,10,0.4,0.2", "1,20,0.5,", "1,20,,0.5", "1,20,,0.9"]
    options = {"header": "seed,step,acc,other", **({"fields": {name: "other"}} if name == "f1" else {name: "other"})}
    rule = f"line 5: step 20 of this trial has a {name} already, in line 4 (--keep first or last), found '0.9'"
    with pytest.raises(TrialSetError, match=re.escape(rule)):
        imported(tmp_path, *lines, **options)
    for keep, values in (("first", [0.2, 0.5]), ("last", [0.2, 0.9])):
        shutil.rmtree(tmp_path / "set", ignore_errors=True)
        _, done = imported(tmp_path, *lines, **options, keep=keep)
        trials = pyarrow.parquet.read_table(next(tmp_path.glob("set/trials/*.parquet")))
        assert trials.column(name).to_pylist() == [pytest.approx(values)]
        line, gone = (5, 0.9) if keep == "first" else (4, 0.5)
        why = f"m/qnli/r: another {name} of the same step is kept; value {gone}"
        assert f"1 row left out (the first: line {line}): {why}" in done.notes


def test_two_test_scores_beside_one_score(tmp_path):
    """A row with the same score again: its other test score is not lost without a word."""
    options = {"header": "seed,step,acc,test", "test_score": "test"}
    with pytest.raises(TrialSetError, match="has a test_score already, in line 2"):
        imported(tmp_path, "1,10,0.4,0.5", "1,10,0.4,0.9", **options)
    table, done = imported(tmp_path, "1,10,0.4,0.5", "1,10,,0.9", "1,20,0.5,0.6", keep="last", **options)
    assert table.test_score.tolist() == [[0.9, 0.6]]
    note = "m/qnli/r: 1 value not used (the first: line 2): another test_score of the same step is kept; value 0.5"
    assert note in done.notes


def test_every_test_score_that_another_one_replaces_is_named(tmp_path):
    """Of a row of which the score is used, and of one of which nothing is."""
    lines = ["1,10,0.4,0.5", "1,10,,0.9", "1,10,,0.8", "1,20,0.5,0.6"]
    options = {"header": "seed,step,acc,test", "test_score": "test", "keep": "last"}
    table, done = imported(tmp_path, *lines, **options)
    assert table.test_score.tolist() == [[0.8, 0.6]]
    why = "another test_score of the same step is kept; value"
    assert f"m/qnli/r: 1 value not used (the first: line 2): {why} 0.5" in done.notes
    assert f"1 row left out (the first: line 3): m/qnli/r: {why} 0.9" in done.notes


def test_epochs_are_counted_from_zero(tmp_path):
    table, done = imported(tmp_path, "1,0,0.4", "1,5,0.5", header="seed,epoch,acc", step="epoch")
    assert table.step.tolist() == [1, 6] and "m/qnli/r: epoch is counted from 0: 1 is added" in done.notes


def test_a_score_before_any_training_is_said(tmp_path):
    table, done = imported(tmp_path, "1,0,0.4", "1,50,0.5", "1,100,0.6")
    assert table.step.tolist() == [50, 100]
    assert "1 row left out (the first: line 2): step 0 is before any training; score 0.4" in done.notes


def test_a_loss_known_at_some_checkpoints_only_is_left_out_and_said(tmp_path):
    lines = ["1,10,0.4,0.5", "1,20,0.5,"]
    table, done = imported(tmp_path, *lines, header="seed,step,acc,loss", validation_loss="loss")
    assert np.isnan(table.validation_loss).all()
    left_out = "m/qnli/r: validation_loss (loss) left out of the whole table: 1 of 2 checkpoints has none"
    assert any(note.startswith(left_out) for note in done.notes)


# --- what is not known ------------------------------------------------------------------------------------------------


def test_who_diverged(tmp_path):
    """By a NaN loss; by ending no better than the majority, where that is known; who ended before, nobody knows."""
    lines = [
        "1,10,0.4,0.5",
        "1,20,0.8,nan",
        "2,10,0.4,0.5",
        "2,20,0.5,0.5",
        "3,10,0.9,0.5",
        "3,20,0.9,0.5",
        "4,10,0.2,1",
    ]
    options = {"header": "seed,step,acc,loss", "train_loss": "loss"}
    table, _ = imported(tmp_path, *lines, **options)
    assert table.status.tolist() == ["diverged", None, None, None]
    (tmp_path / "set").rename(tmp_path / "before")
    table, _ = imported(tmp_path, *lines, **options, majority_score=0.5)
    assert table.status.tolist() == ["diverged", "diverged", "finished", None]


@pytest.mark.parametrize("majority", [0.527, 0.5271, 0.527076, 0.52707581227, 146 / 277])
def test_a_majority_of_few_decimals_meets_curves_of_six(tmp_path, majority):
    """146 of 277 is 0.5270758: a file has 0.527076, and whoever gives the score has it with more or fewer decimals."""
    table, _ = imported(tmp_path, "1,10,0.527076", "2,10,0.530686", majority_score=majority)
    assert table.status.tolist() == (["finished"] * 2 if majority == 0.527 else ["diverged", "finished"])


def test_what_trackers_call_the_end_of_a_run(tmp_path):
    words = ["FINISHED", "crashed", "killed", "FAIL", ""]
    lines = [f"{seed},10,0.5,{word}" for seed, word in enumerate(words)]
    table, _ = imported(tmp_path, *lines, header="seed,step,acc,state", status="state")
    assert table.status.tolist() == [None, "failed", None, "failed", None]


def test_that_a_run_finished_says_something_where_others_diverged(tmp_path):
    lines = ["1,10,0.5,finished", "2,10,0.6,diverged"]
    table, _ = imported(tmp_path, *lines, header="seed,step,acc,state", status="state", majority_score=0.55)
    assert table.status.tolist() == ["finished", "diverged"]


@pytest.mark.filterwarnings("error")
def test_a_loss_beyond_float32_is_infinite(tmp_path):
    table, _ = imported(tmp_path, "1,10,0.5,1e300", header="seed,step,acc,loss", validation_loss="loss")
    assert table.diverged.all()


def test_a_column_that_python_has_no_values_for(tmp_path):
    """A date of the year 71,000,000: unused, it does no harm; where a number must be, its type is said."""
    plain = pa.csv.read_csv(write_csv(tmp_path, *grid_lines()))
    dates = pa.array([2**51] * len(plain), pa.timestamp("s"))
    pa.parquet.write_table(plain.append_column("when", dates), tmp_path / "curves.parquet")
    done = import_curves(tmp_path / "curves.parquet", tmp_path / "set", ImportOptions())
    assert done.notes == ("columns not used: when",)
    with pytest.raises(TrialSetError, match=r"column 'when', row 1: must be a number, found 'timestamp\[ms\]'"):
        import_curves(tmp_path / "curves.parquet", tmp_path / "other", ImportOptions(score="when"))


def test_an_index_without_a_name_is_said(tmp_path):
    _, done = imported(tmp_path, "0,1,10,0.5", header=",seed,step,acc")
    assert done.notes[-1] == "columns not used: (without a name)"
