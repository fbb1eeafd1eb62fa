"""`seedbench trials import`: anybody's curves become a trial set; what is wrong is one line: file, column, line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from seedbench.errors import TrialSetError
from seedbench.trialset import load_trials, validate_folder
from seedbench.trialset.importing import import_curves

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


def only_table(folder: Path):
    assert validate_folder(folder) == []
    (table,) = load_trials(folder).tables
    return table


# --- what works -------------------------------------------------------------------------------------------------------


def test_a_plain_file(tmp_path):
    lines = grid_lines()
    imported = import_curves(write_csv(tmp_path, *reversed(lines)), tmp_path / "set")
    table = only_table(tmp_path / "set")
    assert (imported.trials, imported.tables, imported.notes) == (6, 1, ())
    assert (table.name, table.grid, table.step.tolist()) == ("bert/rte/mine", (2, 3), [10, 20])
    assert table.score[table.cell[1, 2]].tolist() == [0.63, 0.64]
    assert table.predicted_label is None and not table.diverged.any()
    assert np.isnan(table.train_loss).all()


def test_parquet_and_csv_give_the_same(tmp_path):
    csv = write_csv(tmp_path, *grid_lines())
    pd.read_csv(csv).astype({"step": "float64"}).to_parquet(tmp_path / "curves.parquet")
    for name in ("curves.csv", "curves.parquet"):
        import_curves(tmp_path / name, tmp_path / Path(name).suffix[1:], name="same")
    sha = [load_trials(tmp_path / folder).sha256 for folder in ("csv", "parquet")]
    assert sha[0] == sha[1]


def test_a_trainers_log_needs_no_renaming(tmp_path):
    """One seed for both; losses on rows of their own, every 5 steps; scores every 10. The training loss of a checkpoint
    is the mean of the two since the one before; the learning rate is a schedule's, and no recipe field."""
    lines = []
    for seed in (42, 43):
        for step in (5, 10, 15, 20):
            lines.append(f"{seed},{step},0.5,{0.1 * step},{1 / step},,")
            if step % 10 == 0:
                lines.append(f"{seed},{step}.0,0.5,,,{0.3 + step / 100},{0.6 + seed / 1000}")
    file = write_csv(tmp_path, *lines, header="seed,step,epoch,loss,learning_rate,eval_loss,eval_accuracy")
    columns = {"weight_init_seed": "seed", "data_order_seed": "seed", "score": "eval_accuracy"}
    columns |= {"train_loss": "loss", "validation_loss": "eval_loss", "model": "bert", "task": "sst2", "recipe": "r"}
    imported = import_curves(file, tmp_path / "set", columns=columns)
    table = only_table(tmp_path / "set")
    assert table.grid == (2, 2) and table.num_trials == 2
    assert table.score.tolist() == [[0.642, 0.642], [0.643, 0.643]]
    assert table.train_loss[0] == pytest.approx([0.75, 1.75]) and table.validation_loss[0] == pytest.approx([0.4, 0.5])
    assert imported.notes == (
        "bert/sst2/r: learning_rate left out, since it changes (line 3)",
        "columns not used: epoch",
    )


def test_recipe_fields_and_what_else_there_is(tmp_path):
    lines = [f"{line},3,true,cpu{line.split(',')[3]},0.1" for line in grid_lines()]
    file = write_csv(tmp_path, *lines, header=f"{HEADER},epochs,bias_correction,device,f1")
    import_curves(file, tmp_path / "set")
    assert only_table(tmp_path / "set").fields["epochs"] == 3
    assert only_table(tmp_path / "set").fields["bias_correction"] is True
    row = pd.read_parquet(tmp_path / "set" / "trials").iloc[-1]
    assert row["device"] == "cpu1" and row["f1"].tolist() == [0.1, 0.1]


def test_names_from_columns_make_several_tables_of_any_task(tmp_path):
    lines = [*grid_lines(start="a,mnli,x"), *grid_lines(start="b,mnli,x"), *grid_lines(start="b,cola,x")]
    imported = import_curves(write_csv(tmp_path, *lines), tmp_path / "set")
    assert imported.tables == 3 and validate_folder(tmp_path / "set") == []
    assert [table.name for table in load_trials(tmp_path / "set").tables] == ["a/mnli/x", "b/cola/x", "b/mnli/x"]


def test_who_diverged(tmp_path):
    """By a NaN loss; by ending no better than the majority, where that is known; or by the file's own word."""
    header = f"{HEADER},train_loss"
    lines = [f"{line},{'nan' if line.startswith('bert,rte,mine,0,1,20') else 0.5}" for line in grid_lines()]
    import_curves(write_csv(tmp_path, *lines, header=header), tmp_path / "nan")
    table = only_table(tmp_path / "nan")
    assert table.diverged.tolist() == [False, True, False, False, False, False]
    assert np.isnan(table.train_loss[1, 1])
    import_curves(write_csv(tmp_path, *lines, header=header), tmp_path / "majority", majority_score=0.53)
    assert only_table(tmp_path / "majority").diverged.tolist() == [True, True, False, False, False, False]
    lines = [f"{line},{'diverged' if ',1,2,' in line else 'finished'}" for line in grid_lines()]
    import_curves(write_csv(tmp_path, *lines, header=f"{HEADER},status"), tmp_path / "status", majority_score=0.9)
    assert only_table(tmp_path / "status").diverged.tolist() == [False] * 5 + [True]


@pytest.mark.filterwarnings("error")
def test_a_loss_beyond_float32_is_infinite(tmp_path):
    lines = [f"{line},{1e300 if number == 1 else 0.5}" for number, line in enumerate(grid_lines())]
    import_curves(write_csv(tmp_path, *lines, header=f"{HEADER},train_loss"), tmp_path / "set")
    assert only_table(tmp_path / "set").diverged.tolist() == [True, False, False, False, False, False]


def test_a_column_that_python_has_no_values_for(tmp_path):
    """A date of the year 71,000,000: unused, it does no harm; where a number must be, its type is said."""
    plain = pa.csv.read_csv(write_csv(tmp_path, *grid_lines()))
    dates = pa.array([2**51] * len(plain), pa.timestamp("s"))
    pa.parquet.write_table(plain.append_column("when", dates), tmp_path / "curves.parquet")
    imported = import_curves(tmp_path / "curves.parquet", tmp_path / "set")
    assert imported.notes == ("columns not used: when",)
    with pytest.raises(TrialSetError, match=r"column 'when', row 1: must be a number, found 'timestamp\[ms\]'"):
        import_curves(tmp_path / "curves.parquet", tmp_path / "other", columns={"score": "when"})


def test_an_index_without_a_name_is_said(tmp_path):
    lines = [f"{number},{line}" for number, line in enumerate(grid_lines())]
    imported = import_curves(write_csv(tmp_path, *lines, header=f",{HEADER}"), tmp_path / "set")
    assert imported.notes == ("columns not used: (without a name)",)


def test_a_loss_known_at_some_checkpoints_only_is_left_out_and_said(tmp_path):
    lines = [f"{line},{'' if number == 3 else 0.5}" for number, line in enumerate(grid_lines())]
    file = write_csv(tmp_path, *lines, header=f"{HEADER},validation_loss")
    imported = import_curves(file, tmp_path / "set")
    assert np.isnan(only_table(tmp_path / "set").validation_loss).all()
    assert imported.notes == ("bert/rte/mine: validation_loss left out, not known at every checkpoint (line 5)",)


def test_trials_cut_short_are_left_out_on_demand(tmp_path):
    imported = import_curves(write_csv(tmp_path, *grid_lines()[:-1]), tmp_path / "set", skip_incomplete=True)
    assert only_table(tmp_path / "set").num_trials == 5
    assert imported.notes == ("bert/rte/mine: 1 of 6 trials left out, having other checkpoints",)


def test_rows_before_training_are_no_checkpoints(tmp_path):
    import_curves(write_csv(tmp_path, *grid_lines(steps=(0, 10, 20))), tmp_path / "set")
    assert only_table(tmp_path / "set").step.tolist() == [10, 20]


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
    assert code == 0 and "16 trials, 4 × 4 seeds, 2 checkpoints, score: score" in out
    quick = ("--replicates", 4, "--processes", 1)
    code, out, _ = run("evaluate", "start_many", "--trials", "set", "--protocol", "dodge2020", *quick)
    assert code == 0 and "m · qnli · r" in out
    code, _, err = run("evaluate", "start_many", "--trials", "set", *quick)
    assert code == 2 and len(err.splitlines()) == 1
    assert "m/qnli/r has no test scores" in err and "--protocol dodge2020" in err


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
        (changed(4, 6, "nan"), "column 'score', line 4: a score must be a number from -1 to 1, "),
        (changed(4, 6, "87.5"), "column 'score', line 4: a score must be a number from -1 to 1, "),
        (changed(3, 3, "1.5"), "column 'weight_init_seed', line 3: must be a whole number, found '1.5'"),
        (changed(3, 3, "1_0"), "column 'weight_init_seed', line 3: must be a number, found '1_0'"),
        (changed(3, 3, str(2**63)), "line 3: must be a whole number that 64 bits hold, found '9223372036854775808'"),
        (changed(3, 5, str(2**31)), "column 'step', line 3: must be a whole number from 0 on that 32 bits hold, found"),
        (changed(3, 4, ""), "column 'data_order_seed', line 3: must be a whole number, found nothing"),
        (changed(5, 5, "-1"), "column 'step', line 5: must be a whole number from 0 on, found '-1'"),
        (changed(3, 5, "10"), "column 'score', line 3: step 10 of this trial has a score already, in line 2, "),
        (changed(2, 1, "SST-2"), "column 'task', line 2: a task must be small letters and digits, found 'SST-2'"),
        (changed(2, 0, "my model"), "column 'model', line 2: a model must be letters, digits and ._+=-/, found"),
        (changed(13, 6, ""), "column 'step', line 13: the trials of bert/rte/mine must have the same checkpoints; "),
        (changed(12, 6, ""), "most have 2 (10 to 20); step 10 has no score: complete it, or --skip-incomplete"),
        (changed(12, 5, "15"), "column 'step', line 12: the trials of bert/rte/mine must have the same checkpoints; "),
        (changed(12, 5, "15"), "; step 15 is none of theirs: complete it"),
        (grid_lines()[:-1], "; step 20 is missing: complete it"),
        ([*grid_lines(), "bert,rte"], "line 14: must have the 7 fields of the header, found 2"),
        ([], "has no rows"),
        (["bert,rte,mine,0,0,0,0.5"], "no trial of bert/rte/mine has a score after step 0"),
    ],
)
def test_bad_rows_are_one_line(tmp_path, lines, rule):
    file = write_csv(tmp_path, *lines)
    with pytest.raises(TrialSetError) as error:
        import_curves(file, tmp_path / "set")
    assert str(error.value).startswith(f"{file}: ") and rule in str(error.value)
    assert "\n" not in str(error.value) and not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("extra", "value", "rule"),
    [
        ("train_loss", "-0.5", "column 'train_loss', line 2: a loss is never negative, found '-0.5'"),
        ("f1", "55", "column 'f1', line 2: must be a number from -1 to 1, as a score is, found '55'"),
        ("status", "crashed", "column 'status', line 2: must be one of finished, diverged, failed, found 'crashed'"),
        ("score", "0.5", "line 1: column 'score' is there twice"),
    ],
)
def test_bad_columns_are_one_line(tmp_path, extra, value, rule):
    file = write_csv(tmp_path, *[f"{line},{value}" for line in grid_lines()], header=f"{HEADER},{extra}")
    with pytest.raises(TrialSetError, match=rule):
        import_curves(file, tmp_path / "set")


def test_a_file_whose_first_line_is_empty(tmp_path):
    file = write_csv(tmp_path, HEADER, *grid_lines(), header="")
    with pytest.raises(TrialSetError, match="line 1: must name the columns, found nothing"):
        import_curves(file, tmp_path / "set")


@pytest.mark.parametrize("share", [2.0, float("nan")])
def test_a_majority_score_that_is_none(tmp_path, share):
    with pytest.raises(TrialSetError, match="^--majority-score: must be a number from -1 to 1, as scores are, found"):
        import_curves(write_csv(tmp_path, *grid_lines()), tmp_path / "set", majority_score=share)


def test_only_columns_that_there_are_can_be_named(tmp_path):
    with pytest.raises(TrialSetError, match="no column 'scores' can be named: there are weight_init_seed, "):
        import_curves(write_csv(tmp_path, *grid_lines()), tmp_path / "set", columns={"scores": "score"})


def test_a_finished_trial_met_no_nan(tmp_path):
    lines = [f"{line},nan,finished" for line in grid_lines()]
    file = write_csv(tmp_path, *lines, header=f"{HEADER},train_loss,status")
    with pytest.raises(
        TrialSetError, match="column 'status', line 2: a trial that met a NaN or infinite loss is diverged"
    ):
        import_curves(file, tmp_path / "set")


def test_bad_files_and_options_are_one_line(refused, tmp_path):
    file = write_csv(tmp_path, *[line.split(",", 1)[1] for line in grid_lines()], header=HEADER.split(",", 1)[1])
    (tmp_path / "curves.json").write_text("{}")
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    (tmp_path / "there").mkdir()

    def refused_import(path, *options, rule, out="set"):
        refused("trials", "import", path, out, *options, rule=rule)

    refused_import(tmp_path / "none.csv", rule="none.csv: No such file or directory")
    refused_import(tmp_path / "curves.json", rule="must be a .csv or a .parquet file")
    refused_import(tmp_path / "bad.csv", rule="bad.csv: line 1 or after: is not UTF-8 text")
    refused_import(tmp_path / "bad.parquet", rule="bad.parquet: not a readable parquet file")
    refused_import(file, rule="has no column 'model': give it with --model; found task, recipe, ")
    refused_import(
        file, "--model", "m", "--score", "acc", rule="has no column 'acc' (--score names another), found task"
    )
    refused_import(file, "--model", "my model", rule="--model: a model must be letters, digits and ._+=-/, found")
    refused_import(file, "--model", "m", out="there", rule="there: exists already")
    refused_import(
        file,
        "--model",
        "m",
        out="my set",
        rule="Expected `str` of letters, digits and ._-/ - at `$.name`, found 'my set'",
    )
