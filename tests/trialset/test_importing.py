"""`seedbench trials import`: anybody's curves become a trial set; nothing is claimed that is not known, nothing leaves
quietly, and what is wrong is one line: file, column, line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from seedbench.errors import TrialSetError
from seedbench.trialset import TrialTable, load_trials, validate_folder
from seedbench.trialset.importing import Imported, ImportOptions, import_curves
from seedbench.trialset.importing.reading import read_table

HEADER = "model,task,recipe,weight_init_seed,data_order_seed,step,score"


def write_csv(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "curves.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def grid_lines(rows=2, columns=3, steps=(10, 20), start="bert,rte,mine"):
    """Scores 0.5 + 0.1 · row + 0.01 · column + 0.001 · step."""
    return [
        f"{start},{row},{column},{step},{0.5 + 0.1 * row + 0.01 * column + 0.001 * step:.3f}"
        for row in range(rows)
        for column in range(columns)
        for step in steps
    ]


def imported(tmp_path: Path, *lines: str, header: str = "seed,step,acc", **options) -> tuple[TrialTable, Imported]:
    """The one table that a CSV file makes, of task qnli and with score acc unless options say otherwise."""
    options = {"model": "m", "task": "qnli", "recipe": "r", "score": "acc"} | options
    done = import_curves(write_csv(tmp_path, *lines, header=header), tmp_path / "set", ImportOptions(**options))
    return only_table(tmp_path / "set"), done


def only_table(folder: Path) -> TrialTable:
    assert validate_folder(folder) == []
    (table,) = load_trials(folder).tables
    return table


# --- plain files ------------------------------------------------------------------------------------------------------


def test_a_plain_file(tmp_path):
    done = import_curves(write_csv(tmp_path, *reversed(grid_lines())), tmp_path / "set", ImportOptions())
    table = only_table(tmp_path / "set")
    assert (done.trials, done.tables, done.rows, done.notes) == (6, 1, 12, ())
    assert (table.name, table.grid, table.step.tolist()) == ("bert/rte/mine", (2, 3), [10, 20])
    assert table.score[table.cell[1, 2]].tolist() == [0.63, 0.64]
    assert table.predicted_label is None and table.unknown.all()
    assert np.isnan(table.train_loss).all() and np.isnan(table.majority_score)


def test_parquet_and_csv_give_the_same(tmp_path):
    csv = write_csv(tmp_path, *grid_lines())
    pd.read_csv(csv).astype({"step": "float64"}).to_parquet(tmp_path / "curves.parquet")
    for name in ("curves.csv", "curves.parquet"):
        import_curves(tmp_path / name, tmp_path / Path(name).suffix[1:], ImportOptions(name="same"))
    assert load_trials(tmp_path / "csv").sha256 == load_trials(tmp_path / "parquet").sha256


def test_losses_stand_on_rows_of_their_own(tmp_path):
    """Every 5 steps a training loss, every 10 a score: a checkpoint's loss is the mean of the two since the last."""
    lines = []
    for seed in (42, 43):
        for step in (5, 10, 15, 20):
            lines.append(f"{seed},{step},0.5,{0.1 * step},,")
            if step % 10 == 0:
                lines.append(f"{seed},{step}.0,0.5,,{0.3 + step / 100},{0.6 + seed / 1000}")
    header = "seed,step,epoch,loss,eval_loss,acc"
    table, done = imported(tmp_path, *lines, header=header, train_loss="loss", validation_loss="eval_loss")
    assert table.grid == (2, 2) and table.num_trials == 2
    assert table.score.tolist() == [[0.642, 0.642], [0.643, 0.643]]
    assert table.train_loss[0] == pytest.approx([0.75, 1.75]) and table.validation_loss[0] == pytest.approx([0.4, 0.5])
    assert done.notes == (
        "one seed a trial (seed) for both weight initialisation and data order",
        "columns not used: epoch",
    )


def test_names_from_columns_make_several_tables_of_any_task(tmp_path):
    lines = [*grid_lines(start="a,mnli,x"), *grid_lines(start="b,mnli,x"), *grid_lines(start="b,cola,x")]
    done = import_curves(write_csv(tmp_path, *lines), tmp_path / "set", ImportOptions())
    assert done.tables == 3 and validate_folder(tmp_path / "set") == []
    assert [table.name for table in load_trials(tmp_path / "set").tables] == ["a/mnli/x", "b/cola/x", "b/mnli/x"]


def test_a_name_does_not_make_one_task_of_several(tmp_path):
    """Seeds of their own are no collision, so nothing else would tell."""
    own_seeds = [line.replace("cola,x,", "cola,x,7") for line in grid_lines(start="a,cola,x")]
    path = write_csv(tmp_path, *grid_lines(start="a,mnli,x"), *own_seeds)
    rule = "--task mnli would make one task of the 2 that column 'task' has: cola, mnli; leave --task out"
    with pytest.raises(TrialSetError, match=rule):
        import_curves(path, tmp_path / "set", ImportOptions(task="mnli"))
    assert not (tmp_path / "set").exists()
    for name, more in (("some", {"where": ("task=cola",)}), ("all", {"ignore": ("task",)})):
        import_curves(path, tmp_path / name, ImportOptions(task="mnli", **more))
    assert only_table(tmp_path / "some").num_trials == 6 and only_table(tmp_path / "all").num_trials == 12


# --- names, units, direction ------------------------------------------------------------------------------------------


def test_no_column_is_taken_for_what_it_is_called(tmp_path):
    """`precision` is one of a classifier, `status` a tracker's, `accuracy` of the training data, `f1` of whatever."""
    header = "seed,step,acc,precision,status,accuracy,f1,train_loss,learning_rate,majority_score"
    table, done = imported(tmp_path, "1,10,0.7,0.0,RUNNING,0.99,55,-1,1e-5,2", header=header)
    assert table.fields["precision"] is None and table.fields["learning_rate"] is None and table.unknown.all()
    row = pd.read_parquet(tmp_path / "set" / "trials").iloc[0]
    assert row["accuracy"] is None and row["f1"] is None and row["train_loss"] is None
    assert done.notes[-1] == (
        "columns not used: precision, status, accuracy, f1, train_loss, learning_rate, majority_score"
    )


def test_what_is_named_is_taken(tmp_path):
    header = "seed,step,acc,held_out,dev_f1,machine"
    fields = {"learning_rate": "2e-5", "epochs": "3", "bias_correction": "true", "f1": "dev_f1", "device": "machine"}
    table, _ = imported(tmp_path, "1,10,0.7,0.6,0.5,cpu", header=header, fields=fields, test_score="held_out")
    assert (table.fields["learning_rate"], table.fields["epochs"], table.fields["bias_correction"]) == (2e-5, 3, True)
    assert table.test_score.tolist() == [[0.6]]
    row = pd.read_parquet(tmp_path / "set" / "trials").iloc[0]
    assert row["f1"].tolist() == [0.5] and row["device"] == "cpu"


def test_lower_is_better(tmp_path):
    table, _ = imported(
        tmp_path, "1,10,3.5", "1,20,2.5", header="seed,step,perplexity", score="perplexity", minimize=True
    )
    assert (table.metric, table.sign, table.score.tolist()) == ("perplexity", -1, [[-3.5, -2.5]])


def test_percent(tmp_path):
    lines = ["1,10,71.3,70.1", "1,20,50,49"]
    options = {"scale": 0.01, "test_score": "test", "majority_score": 52.7, "task": "rte"}
    table, _ = imported(tmp_path, *lines, header="seed,step,acc,test", **options)
    assert table.score.tolist() == [[0.713, 0.5]] and table.test_score.tolist() == [[0.701, 0.49]]
    assert table.majority_score == 0.527 and table.diverged.tolist() == [True]


def test_a_test_score_must_be_there_at_every_checkpoint(tmp_path):
    """Most people measure it once, at the end: that says nothing of the other checkpoints."""
    table, done = imported(tmp_path, "1,10,0.7,", "1,20,0.8,0.75", header="seed,step,acc,test", test_score="test")
    assert table.test_score is None
    assert (
        "m/qnli/r: test_score (test) left out of the whole table: 1 of 2 checkpoints has none (the first: line 2); it "
        "takes one at every checkpoint"
    ) in done.notes


def test_a_test_score_that_is_no_number_is_the_worst(tmp_path):
    lines = ["1,10,0.7,nan", "1,20,0.8,0.75", "2,10,0.6,0.5", "2,20,0.7,0.6"]
    table, done = imported(tmp_path, *lines, header="seed,step,acc,test", test_score="test")
    assert table.test_score.tolist() == [[0.5, 0.75], [0.5, 0.6]]
    assert "m/qnli/r: 1 test score without a number: taken for 0.5, the worst there is" in done.notes


def test_only_rows_that_are_asked_for(tmp_path):
    lines = ["1,10,a,0.7", "1,10,b,0.9", "2,10.0,a,0.8", "3,10,a,0.1"]
    options = {"where": ("which=a", "seed!=3"), "ignore": ("which",)}
    with pytest.raises(TrialSetError, match="has no column 'which': name the right one with --where"):
        imported(tmp_path, *lines, header="seed,step,which,acc", **options)
    table, done = imported(tmp_path, *lines, header="seed,step,which,acc", where=("which=a", "seed!=3"))
    assert table.score.tolist() == [[0.7], [0.8]]
    assert "2 rows left out: not which=a and seed!=3" in done.notes


# --- seeds ------------------------------------------------------------------------------------------------------------


def test_labels_are_numbered_in_their_natural_order(tmp_path):
    lines = [f"{run},10,0.{number}" for number, run in enumerate(("init-10", "init-2", "init-1"), 5)]
    table, done = imported(tmp_path, *lines, header="init,step,acc", weight_init_seed="init", data_order_seed="init")
    assert table.score.tolist() == [[0.7], [0.6], [0.5]]
    assert table.trial_id.tolist() == ["m/r/init-1/init-1", "m/r/init-2/init-2", "m/r/init-10/init-10"]
    assert done.notes[0] == "init: 3 labels, numbered as seeds: init-1 is 0, init-2 is 1, init-10 is 2"


@pytest.mark.parametrize(
    "pattern", ["wi{weight_init_seed}_do{data_order_seed}", r"i(?P<weight_init_seed>\d+)_do(?P<data_order_seed>\d)"]
)
def test_seeds_from_the_names_of_runs(tmp_path, pattern):
    lines = [f"x-wi{wi}_do{do}-y,10,0.{wi}{do}" for wi in (7, 8) for do in (1, 2)]
    table, _ = imported(tmp_path, *lines, header="Name,step,acc", run="Name", seeds_from=pattern)
    assert table.weight_init_seeds.tolist() == [7, 8] and table.data_order_seeds.tolist() == [1, 2]
    assert table.score.ravel().tolist() == [0.71, 0.72, 0.81, 0.82]


def test_two_runs_are_two_seeds_however_their_numbers_are_written(tmp_path):
    lines = [f"a-seed{seed},{step},0.{seed}{step}" for seed in ("1", "01", "2") for step in (1, 2)]
    table, done = imported(tmp_path, *lines, header="run,step,acc", run="run")
    assert table.num_trials == 3 and table.seed_labels[0] == {0: "01", 1: "1", 2: "2"}
    assert any("01 is 0, 1 is 1, 2 is 2" in note for note in done.notes)


def test_a_pattern_that_is_asked_for_goes_before_a_column(tmp_path):
    options = {"run": "Name", "seeds_from": "s{seed}"}
    table, _ = imported(tmp_path, "s7,1,10,0.5", "s8,1,10,0.6", header="Name,seed,step,acc", **options)
    assert table.weight_init_seeds.tolist() == [7, 8]


def test_all_that_must_be_said_is_asked_at_once(tmp_path):
    """A spreadsheet in German: nothing is recognised, and the columns that there are are named, five at most."""
    header = "Lauf,Epoche,Genauigkeit,Verlust,Rate,Zeit,Gerät"
    file = write_csv(tmp_path, "a,0,0.5,1,1,1,x", header=header)
    with pytest.raises(TrialSetError) as error:
        import_curves(file, tmp_path / "set", ImportOptions(recipe="r"))
    assert str(error.value).endswith(
        "read as layout long; say with --step, --score, --weight-init-seed and --data-order-seed (or --run), --model, "
        "--task what is what: there are Lauf, Epoche, Genauigkeit, Verlust, Rate and 2 more"
    )


def test_the_same_label_is_the_same_seed_in_every_table(tmp_path):
    lines = ["a,qnli,10,0.7", "b,qnli,10,0.8", "b,qqp,10,0.6", "c,qqp,10,0.5"]
    file = write_csv(tmp_path, *lines, header="run,task,step,acc")
    import_curves(file, tmp_path / "set", ImportOptions(model="m", recipe="r", score="acc", run="run"))
    one, other = load_trials(tmp_path / "set").tables
    assert (one.weight_init_seeds.tolist(), other.weight_init_seeds.tolist()) == ([0, 1], [1, 2])
    assert (one.seed_keys[0], other.seed_keys[0]) == (("a", "b"), ("b", "c"))


def test_a_label_that_is_its_own_number_is_the_same_in_a_table_without_labels(tmp_path):
    """0, 1 and x are numbered 0, 1, 2: the table that has no x seems to have no labels."""
    lines = ["0,qnli,10,0.7", "1,qnli,10,0.8", "0,qqp,10,0.6", "x,qqp,10,0.5"]
    file = write_csv(tmp_path, *lines, header="run,task,step,acc")
    import_curves(file, tmp_path / "set", ImportOptions(model="m", recipe="r", score="acc", run="run"))
    assert [table.seed_keys[0] for table in load_trials(tmp_path / "set").tables] == [(0, 1), (0, "x")]


def test_a_label_that_is_a_number_is_the_same_whatever_seed_it_stands_for(tmp_path):
    for name, runs in (("one", "12x"), ("other", "01x")):
        file = write_csv(tmp_path, *(f"{run},{name},10,0.7" for run in runs), header="run,recipe,step,acc")
        import_curves(file, tmp_path / name, ImportOptions(model="m", task="qnli", score="acc", run="run"))
    assert only_table(tmp_path / "one").seed_keys[0] == (1, 2, "x")
    assert only_table(tmp_path / "other").seed_keys[0] == (0, 1, "x")


def test_labels_with_underscores_are_no_numbers(tmp_path):
    """Though Python reads 0_1 as 1."""
    table, _ = imported(tmp_path, "0_1,10,0.5", "0_2,10,0.6", "1_1,10,0.7")
    assert table.seed_labels[0] == {0: "0_1", 1: "0_2", 2: "1_1"}


def test_a_recipe_may_be_called_0(tmp_path):
    rows = [{"model": "m", "task": "qnli", "recipe": 0, "seed": seed, "step": 1, "acc": 0.5} for seed in (1, 2)]
    pd.DataFrame(rows).to_parquet(tmp_path / "curves.parquet")
    import_curves(tmp_path / "curves.parquet", tmp_path / "set", ImportOptions(score="acc"))
    assert only_table(tmp_path / "set").recipe == "0"


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


# --- the command line -------------------------------------------------------------------------------------------------


def test_command_line_and_what_the_set_is_good_for(run, tmp_path):
    rng = np.random.default_rng(0)
    lines = [
        f"{row},{column},{step},{rng.uniform(0.5, 0.9):.3f}"
        for row in range(4)
        for column in range(4)
        for step in (1, 2)
    ]
    file = write_csv(tmp_path, *lines, header="wi,do,at,acc")
    options = ["--weight-init-seed", "wi", "--data-order-seed", "do", "--step", "at", "--score", "acc"]
    code, out, err = run("trials", "import", file, "set", *options, "--model", "m", "--task", "qnli", "--recipe", "r")
    assert (code, err) == (0, "")
    assert "m · qnli · r" in out and "seedbench findings --trials set" in out
    code, out, _ = run("findings", "--trials", "set")
    assert code == 0 and "16 trials, 4 × 4 seeds, 2 checkpoints, score: acc" in out
    quick = ("--replicates", 4, "--processes", 1)
    code, out, _ = run("evaluate", "start_many", "--trials", "set", "--protocol", "dodge2020", *quick)
    assert code == 0 and "m · qnli · r" in out
    code, _, err = run("evaluate", "start_many", "--trials", "set", *quick)
    assert code == 2 and len(err.splitlines()) == 1
    assert "m/qnli/r has no test scores" in err and "--protocol dodge2020" in err


def test_options_of_the_command_line(run, tmp_path):
    file = write_csv(tmp_path, "1,10,60,x", "1,20,70,x", "2,10,50,y", header="seed,step,acc,note")
    options = ["--model", "m", "--task", "rte", "--recipe", "r", "--score", "acc", "--scale", "0.01"]
    more = ["--field", "epochs=3", "--where", "note=x", "--ignore", "note", "--majority-score", "65"]
    code, _, err = run("trials", "import", file, "set", *options, *more[:2], *more[4:])
    assert (code, err) == (0, "")
    table = only_table(tmp_path / "set")
    assert table.fields["epochs"] == 3 and table.status.tolist() == ["finished", None]


# --- what is refused --------------------------------------------------------------------------------------------------


def changed(number: int, field: int, value: str) -> list[str]:
    """The plain file with one field of its line `number` (2 is the first after the header) changed."""
    lines = [line.split(",") for line in grid_lines()]
    lines[number - 2][field] = value
    return [",".join(line) for line in lines]


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        (changed(4, 6, "high"), "column 'score', line 4: must be a number, found 'high'"),
        (
            changed(4, 6, "87.5"),
            "column 'score', line 4: a score of a GLUE task must be from -1 to 1 (--scale 0.01 for",
        ),
        (changed(3, 3, "1.5"), "column 'weight_init_seed', line 3: must be a whole number, found '1.5'"),
        (changed(3, 3, str(2**63)), "line 3: must be a whole number that 64 bits hold, found '9223372036854775808'"),
        (changed(3, 5, str(2**31)), "column 'step', line 3: must be a whole number from 0 on that 32 bits hold, found"),
        (changed(3, 4, ""), "column 'data_order_seed', line 3: must be a seed or a label, found nothing"),
        (changed(5, 5, "-1"), "column 'step', line 5: must be a whole number from 0 on, found '-1'"),
        (changed(5, 5, ""), "column 'step', line 5: must be a whole number from 0 on, found nothing"),
        (changed(5, 5, "1_0"), "column 'step', line 5: must be a number, found '1_0'"),
        (
            changed(3, 5, "10"),
            "line 3: step 10 of this trial has a score already, in line 2 (if it is of another run, name ",
        ),
        (changed(2, 1, "SST-2"), "column 'task', line 2: a task must be small letters and digits (or give it with"),
        (changed(2, 0, "my model"), "column 'model', line 2: a model must be letters, digits and ._+=-/ (or give it"),
        (
            changed(12, 6, ""),
            "column 'step', line 12: the trials of bert/rte/mine must have the same checkpoints, each",
        ),
        (changed(12, 6, ""), "seed 2 has 1, the longest 2 (10 to 20); step 10 has no score: complete it, leave the"),
        (changed(12, 5, "15"), "column 'step', line 12: the trials of bert/rte/mine must have the same checkpoints"),
        (changed(12, 5, "15"), "; step 15 is none of theirs: complete it, leave the trial out with --where, or cut"),
        ([*grid_lines(), "bert,rte"], "line 14: must have the 7 fields of the header, found 2"),
        ([], "has no rows"),
        (["bert,rte,mine,0,0,0,nan"], "no trial of bert/rte/mine has a finite score after step 0"),
    ],
)
def test_bad_rows_are_one_line(tmp_path, lines, rule):
    file = write_csv(tmp_path, *lines)
    with pytest.raises(TrialSetError) as error:
        import_curves(file, tmp_path / "set", ImportOptions())
    assert str(error.value).startswith(f"{file}: ") and rule in str(error.value)
    assert "\n" not in str(error.value) and not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"train_loss": "odd"}, "column 'odd', line 2: a loss is never negative, found '-5'"),
        ({"fields": {"f1": "odd"}}, "column 'odd', line 2: must be a number from -1 to 1, found '-5'"),
        ({"fields": {"learning_rate": "loss"}}, "column 'loss', line 3: learning_rate must be the same in all trials"),
        ({"fields": {"epochs": "many"}}, "--field epochs: must be int32, found 'many'"),
        ({"fields": {"f1": "nowhere"}}, "has no column 'nowhere': name the right one with --field f1=COLUMN"),
        ({"status": "odd"}, "column 'odd', line 2: a status must be one of failed, fail, crashed, error, diverged"),
        ({"score": "accuracy"}, "has no column 'accuracy': name the right one with --score; its columns are acc"),
        ({"layout": "tensorflow"}, "--layout: must be one of long, names, charts, wide, optuna, scalars, trainer"),
        ({"layout": "optuna"}, "layout optuna must have columns number and intermediate_values_<step>; found seed"),
        ({"scale": 0.0}, "--scale: must be a number above 0, found 0"),
        ({"majority_score": float("nan")}, "--majority-score: must be a finite number, found nan"),
        ({"keep": "best"}, "--keep: must be first or last, found 'best'"),
        ({"fields": {"speed": "1"}}, "--field: there is no field 'speed'; there are epochs, batch_size"),
        ({"where": ("seed",)}, "--where: must be COLUMN=VALUE or COLUMN!=VALUE, found 'seed'"),
        ({"where": ("seed=9",)}, "no row is left that --where asks for"),
        ({"seeds_from": "x{seed}"}, "--seeds-from needs names of runs: name their column with --run"),
        ({"run": "step", "seeds_from": "x{seed}"}, "--seeds-from 'x{seed}' must match every run's name, not so '10'"),
        ({"run": "step", "seeds_from": "x{sed}"}, "--seeds-from: must have some of {data_order_seed}, {model}"),
        ({"run": "step", "seeds_from": "(?P<seed>"}, "--seeds-from: not a pattern (missing ), unterminated subpattern"),
    ],
)
def test_bad_options_are_one_line(tmp_path, options, rule):
    with pytest.raises(TrialSetError) as error:
        imported(tmp_path, "1,10,0.5,-5,0.1", "1,20,0.5,-5,0.2", header="seed,step,acc,odd,loss", **options)
    assert rule in str(error.value) and "\n" not in str(error.value) and not (tmp_path / "set").exists()


def test_of_many_columns_the_nearest_five_are_said(tmp_path):
    header = ",".join(["seed", "step", *(f"layer_{number}" for number in range(200)), "eval/accuracy"])
    with pytest.raises(TrialSetError) as error:
        imported(tmp_path, ",".join(["1"] * 203), header=header, score="eval_accuracy")
    assert "of its 203 columns the nearest are eval/accuracy, " in str(error.value)
    assert str(error.value).count(",") == 4


def test_a_file_whose_first_line_is_empty(tmp_path):
    file = write_csv(tmp_path, HEADER, *grid_lines(), header="")
    with pytest.raises(TrialSetError, match="line 1: must name the columns, found nothing"):
        import_curves(file, tmp_path / "set", ImportOptions())


def test_lines_that_end_in_a_carriage_return_alone(tmp_path):
    file = write_csv(tmp_path, HEADER, *grid_lines(), header="")
    file.write_bytes(file.read_bytes().strip().replace(b"\r\n", b"\r").replace(b"\n", b"\r"))
    import_curves(file, tmp_path / "set", ImportOptions())
    assert load_trials(tmp_path / "set").tables[0].num_trials == 6


def test_line_ends_of_unicode_may_stand_in_json_lines(tmp_path):
    """Raw in a string, as JSON allows; lines end as on any system."""
    for end in ("\n", "\r\n", "\r"):
        file = tmp_path / "curves.jsonl"
        rows = [{"seed": seed, "step": 1, "acc": 0.5, "of": "a\u2028b\u0085"} for seed in range(3)]
        file.write_bytes(end.join(json.dumps(row, ensure_ascii=False) for row in rows).encode())
        read = read_table(file)
        assert read.columns["of"] == ["a\u2028b\u0085"] * 3 and read.place == ["line 1", "line 2", "line 3"]


def test_bad_files_are_one_line(refused, tmp_path):
    file = write_csv(tmp_path, *[line.split(",", 1)[1] for line in grid_lines()], header=HEADER.split(",", 1)[1])
    contents = {
        "empty.json": b"{}",
        "bad.json": b'[{"step": 1}, 3]',
        "bad.jsonl": b'{"step": 1}\n{"step"\n',
        "latin.csv": b"a,b\n\xff,1\n",
        "bad.parquet": b"PAR1",
        "no.parquet": b"a,b",
        "bad.csv.gz": b"\x1f\x8b\x08\x00",
        "bad.db": b"SQLite format 3\x00",
        "picture.png": b"\x89PNG\x00",
        "two.csv": b"a,a\n1,1\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "there").mkdir()

    def refused_import(path, *options, rule, out="set"):
        refused("trials", "import", path, out, *options, rule=rule)

    refused_import(tmp_path / "none.csv", rule="none.csv: No such file or directory")
    refused_import(tmp_path / "empty.json", rule="has no rows")
    refused_import(tmp_path / "bad.json", rule="bad.json: entry 2: must be an object of names and values, found '3'")
    refused_import(tmp_path / "bad.jsonl", rule="bad.jsonl: line 2: not JSON (")
    refused_import(tmp_path / "latin.csv", rule="latin.csv: line 2: is not UTF-8 text")
    refused_import(tmp_path / "bad.parquet", rule="bad.parquet: not a readable parquet file")
    refused_import(tmp_path / "no.parquet", rule="no.parquet: not a readable parquet file (it does not begin as one)")
    refused_import(tmp_path / "bad.csv.gz", rule="bad.csv.gz: ")
    refused_import(tmp_path / "bad.db", rule="bad.db: not a readable SQLite file (")
    refused_import(tmp_path / "picture.png", rule="picture.png: line 1: is not UTF-8 text")
    refused_import(tmp_path / "two.csv", rule="two.csv: line 1: column 'a' is there twice")
    refused_import(tmp_path / "there", rule="there: must hold trainer_state.json, events.out.tfevents*, .csv")
    refused_import(file, rule="read as layout long; say with --model what is what: there are task, recipe, weight_init")
    refused_import(file, "--model", "my model", rule="--model: a model must be letters, digits and ._+=-/, found")
    refused_import(file, "--model", "m", out="there", rule="there: exists already")
    refused_import(file, "--field", "epochs", rule="--field: must be NAME=COLUMN or NAME=VALUE, each name once, found")
    refused_import(file, "--from", "imagenet", rule="--from: there are revisit-bert-finetuning; found 'imagenet'")
    refused_import(
        "there", "--from", "revisit-bert-finetuning", rule="there: does not hold revisit-bert-finetuning; get"
    )
    rule = "Expected `str` of letters, digits and ._-/ - at `$.name`, found 'my set'"
    refused_import(file, "--model", "m", out="my set", rule=rule)
