"""What changed between two versions of a trial set, line by line, and the number that it asks for."""

import copy
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seedbench import TrialSetError
from seedbench.trialset import read_manifest, to_arrow, write_trials
from seedbench.trialset.changes import changes, unlike
from seedbench.trialset.versions import Level, next_version, parse
from seedbench.trialset.write import write_manifest
from tests.synthetic import additive_predictions, configs_of, split_like_training, split_of, write

PREDICTED = additive_predictions(3, 3)
FEW = split_of(PREDICTED)
OTHER = split_like_training(2, 2, test_examples=0, recipe="other")
RTE = split_like_training(2, 2, test_examples=0, task="rte")


def lines(tmp_path, old, new):
    """(level, line) of what changed between two trial sets, given as splits."""
    folders = [write(tmp_path / name, *splits) for name, splits in (("old", old), ("new", new))]
    return [(change.level, str(change)) for change in changes(*folders)]


def test_the_number_after():
    assert [next_version("1.2.3", level) for level in Level] == ["1.2.4", "1.3.0", "2.0.0"]
    assert sorted(["1.10.0", "1.9.9", "1.2.10"], key=parse) == ["1.2.10", "1.9.9", "1.10.0"]
    with pytest.raises(ValueError, match=r"must be like 1\.0\.0, found '1\.0'"):
        parse("1.0")


def test_nothing_but_the_version_changed(tmp_path):
    assert lines(tmp_path, [FEW, RTE], [FEW, RTE]) == []


def test_tables_and_trials_that_come_and_go(tmp_path):
    less = split_of(PREDICTED, missing=[(0, 0), (2, 1)])
    assert lines(tmp_path / "a", [less, OTHER], [FEW, RTE]) == [
        (Level.MINOR, "+ table mini/rte/few: 4 trials"),
        (Level.MINOR, "+ table mini/sst2/few: 2 trials more"),
        (Level.MAJOR, "- table mini/sst2/other: 4 trials"),
    ]
    one_less = split_of(PREDICTED, missing=[(1, 1)])
    assert lines(tmp_path / "b", [FEW], [one_less]) == [(Level.PATCH, "- table mini/sst2/few: 1 trial withdrawn")]


def test_data_that_are_fixed_are_named_by_column(tmp_path):
    fixed = copy.deepcopy(FEW)
    fixed.trials[2]["train_loss"] = fixed.trials[2]["train_loss"] + 1
    fixed.trials[4]["device"] = "another"
    fixed.predictions[4]["predicted_label"] = fixed.predictions[4]["predicted_label"].copy()
    fixed.predictions[4]["predicted_label"][0, 0] ^= 1
    assert lines(tmp_path, [FEW], [fixed]) == [
        (Level.PATCH, "~ table mini/sst2/few: 2 trials changed (predicted_label, train_loss, device)")
    ]


def test_other_recipes_steps_and_labels_are_another_meaning(tmp_path):
    recipe = copy.deepcopy(FEW)
    for row in recipe.trials:
        row["learning_rate"] = 3e-5
    assert lines(tmp_path / "a", [FEW], [recipe]) == [
        (Level.MAJOR, "~ table mini/sst2/few: learning_rate 3e-05, was 2e-05")
    ]
    assert lines(tmp_path / "b", [FEW], [split_of(PREDICTED, steps_between=4)]) == [
        (Level.MAJOR, "~ table mini/sst2/few: num_steps 20, was 15"),
        (Level.MAJOR, "~ table mini/sst2/few: step [4, 8, 12, 16, 20], was [3, 6, 9, 12, 15]"),
    ]
    label = np.array([example["label"] for example in FEW.examples])
    label[0] = 1 - label[0]
    found = lines(tmp_path / "c", [FEW], [split_of(PREDICTED, label=label)])
    assert (Level.MAJOR, "~ validation examples of sst2: others than before") in found


def test_configs_that_come_and_go(tmp_path):
    steps = {"sst2": [{"trial_id": row["trial_id"], "step_train_loss": np.ones(15)} for row in FEW.trials]}
    without, with_steps = write(tmp_path / "without", FEW), tmp_path / "with"
    write_trials(with_steps, configs_of(FEW) | {"steps": steps}, name="x", version="1.0.0")
    assert [(change.level, str(change)) for change in changes(without, with_steps)] == [
        (Level.MINOR, "+ steps of sst2")
    ]
    assert [(change.level, str(change)) for change in changes(with_steps, without)] == [
        (Level.MAJOR, "- steps of sst2")
    ]


def test_columns_that_come_and_go(tmp_path):
    """Those that the schema does not know; it is the same for all of its own."""
    trials = to_arrow("trials", FEW.trials)
    number = trials.num_rows
    for name, columns in (
        ("old", {"energy": pa.array([1.0] * number), "host": pa.array([1] * number), "note": pa.array(["a"] * number)}),
        (
            "new",
            {"water": pa.array([1.0] * number), "host": pa.array(["b"] * number), "note": pa.array(["a"] * number)},
        ),
    ):
        table = trials
        for column, values in columns.items():
            table = table.append_column(column, values)
        write_trials(tmp_path / name, {"trials": {"sst2": table}}, name="a/b", version="1.0.0")
    assert [(change.level, str(change)) for change in changes(tmp_path / "old", tmp_path / "new")] == [
        (Level.MAJOR, "- column energy of trials of sst2: double"),
        (Level.MAJOR, "~ column host of trials of sst2: string, was int64"),
        (Level.MINOR, "+ column water of trials of sst2: double"),
    ]


def test_only_the_files_of_tasks_that_changed_are_needed(tmp_path):
    old, new = write(tmp_path / "old", FEW, RTE), write(tmp_path / "new", FEW, OTHER, RTE)
    tasks, needed = unlike(read_manifest(old), read_manifest(new))
    assert tasks == {"sst2"}
    for path in old.glob("*/*.parquet"):
        if path.relative_to(old).as_posix() not in needed:
            path.unlink()
    assert [path.name for path in sorted(old.glob("*/*"))] == ["sst2-00000-of-00001.parquet"] * 3
    assert [str(change) for change in changes(old, new)] == ["+ table mini/sst2/other: 4 trials"]


def test_another_schema_is_another_meaning_column_by_column(tmp_path):
    old, new = write(tmp_path / "old", FEW), write(tmp_path / "new", FEW)
    path = old / "trials" / "sst2-00000-of-00001.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["device"]).rename_columns({"recipe": "settings"}), path)
    write_manifest(old, name="x", version="1.0.0")
    manifest = json.loads((old / "manifest.json").read_text())
    (old / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 0}))
    assert [(change.level, str(change)) for change in changes(old, new)] == [
        (Level.MAJOR, "~ schema 2, was 0"),
        (Level.MAJOR, "+ column device of trials: string"),
        (Level.MAJOR, "+ column recipe of trials: string"),
        (Level.MAJOR, "- column settings of trials: string"),
    ]
    (old / "manifest.json").write_text("{}")
    with pytest.raises(TrialSetError, match="names no schema_version"):
        changes(old, new)
