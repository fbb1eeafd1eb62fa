"""`seedbench trials import`: anybody's curves become a trial set, by the names, units and seeds that they have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seedbench.errors import TrialSetError
from seedbench.trialset import load_trials, validate_folder
from seedbench.trialset.importing import ImportOptions, import_curves
from seedbench.trialset.importing.reading import read_table
from tests.trialset.curve_files import HEADER, grid_lines, imported, only_table, write_csv

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
