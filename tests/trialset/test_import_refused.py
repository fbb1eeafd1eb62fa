"""Rows, options and files that no trial set is made of: what is wrong is one line: file, column, line."""

from __future__ import annotations

import pytest

from seedbench.errors import TrialSetError
from seedbench.trialset.importing import ImportOptions, import_curves
from tests.trialset.curve_files import HEADER, grid_lines, imported, write_csv


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
