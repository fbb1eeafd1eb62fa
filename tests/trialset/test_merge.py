"""Newly run trials into a trial set: what is new comes in, what is the same stays, what collides is refused whole."""

import copy

import numpy as np
import pyarrow as pa
import pytest

from seedbench import TrialSetError, load_trials
from seedbench.cli import main
from seedbench.trialset import add_trials, validate_folder, write_trials
from seedbench.trialset.rows import different
from tests.synthetic import Split, additive_predictions, configs_of, split_like_training, split_of, write

PREDICTED = additive_predictions(3, 3)


def grid(missing=(), **options):
    """The table of 3 × 3 trials without some of its cells."""
    return split_of(PREDICTED, missing=missing, **options)


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_new_cells_tables_and_tasks_come_in_and_the_version_rises(tmp_path):
    held = write(tmp_path / "set", grid(missing=[(1, 1), (2, 0)]))
    (held / "README.md").write_text("a card that no longer holds")
    cells = write(tmp_path / "cells", grid(missing=[(0, 0), (2, 0)]))  # seven of them are in the set, the same
    table = write(tmp_path / "table", split_like_training(2, 2, recipe="other"))
    task = write(tmp_path / "task", split_like_training(2, 3, task="rte"))
    added = add_trials(held, [cells, table, task])
    assert added.trials == {"mini/sst2/few": 1, "mini/sst2/other": 4, "mini/rte/few": 6}
    assert added.version == "1.1.0"
    merged = load_trials(held)
    assert (merged.version, merged.sha256) == (added.version, added.sha256)
    assert [(found.name, found.num_trials) for found in merged.tables] == [
        ("mini/rte/few", 6),
        ("mini/sst2/few", 8),
        ("mini/sst2/other", 4),
    ]
    whole = load_trials(write(tmp_path / "whole", grid(missing=[(2, 0)])))  # as if run at once
    for name in ("score", "predicted_label", "cell"):
        np.testing.assert_array_equal(getattr(merged.tables[1], name), getattr(whole.tables[0], name))
    assert validate_folder(held) == []
    assert not (held / "README.md").exists()


def test_nothing_new_changes_nothing_and_the_same_trial_may_have_nan(tmp_path):
    predicted = PREDICTED.copy()
    predicted[1, 2, -1, :5] = -1  # its losses are NaN there
    held, again = (write(tmp_path / name, split_of(predicted)) for name in ("set", "again"))
    before = content(held)
    added = add_trials(held, [again, held])
    assert (added.trials, added.version) == ({}, "1.0.0")
    assert content(held) == before


def changed(split: Split, config: str, trial: str, **values) -> Split:
    split = copy.deepcopy(split)
    for row in getattr(split, config):
        if row["trial_id"] == trial:
            row.update(values)
    return split


def collisions():
    new = grid(missing=[(0, 0)])
    accuracy = np.full(5, 0.5)
    yield "content", changed(new, "trials", "few-1-1", accuracy=accuracy), "trials split sst2 column 'accuracy': trial"
    yield "seconds", changed(new, "trials", "few-1-1", train_seconds=3.5), "column 'train_seconds': trial 'few-1-1' is"
    predicted = new.predictions[5]["predicted_label"].copy()
    predicted[4, 59] ^= 1
    trial, where = new.predictions[5]["trial_id"], "column 'predicted_label'"
    yield "prediction", changed(new, "predictions", trial, predicted_label=predicted), f"{where}: trial {trial!r} is"
    steps = split_of(PREDICTED, steps_between=4)
    yield "steps", steps, "column 'num_steps' of table mini/sst2/few is 20, in SET 15; another recipe needs another"
    recipe = copy.deepcopy(new)
    for row in recipe.trials:
        row["learning_rate"] = 3e-5
    yield "recipe", recipe, "column 'learning_rate' of table mini/sst2/few is 3e-05, in SET 2e-05; another recipe needs"
    label = np.array([example["label"] for example in new.examples])
    label[:2] = 1 - label[:2]
    yield (
        "labels",
        split_of(PREDICTED, label=label),
        "other validation examples of sst2 than in SET; keep the two apart",
    )
    name = "few-0-1"
    other = split_of(PREDICTED[:1, :1], recipe="other")
    for rows in (other.trials, other.predictions):
        rows[0]["trial_id"] = name
    yield "name", other, "trial_id 'few-0-1' is of mini other with seeds 0 and 0, in SET of mini few with seeds 0 and 1"


@pytest.mark.parametrize(("split", "message"), [pytest.param(*case, id=name) for name, *case in collisions()])
def test_what_collides_is_refused_and_leaves_everything_as_it_was(tmp_path, split, message):
    held = write(tmp_path / "set", grid(missing=[(2, 2)]))
    fine = write(tmp_path / "fine", split_like_training(2, 2, recipe="fine"))
    new = write(tmp_path / "new", split)
    before = content(held)
    with pytest.raises(TrialSetError) as caught:
        add_trials(held, [fine, new])
    text = str(caught.value)
    assert message in text.replace(str(held), "SET") and text.startswith(f"{new}: ") and "\n" not in text
    assert content(held) == before and sorted(path.name for path in tmp_path.iterdir()) == ["fine", "new", "set"]


def test_all_trials_of_a_task_have_the_same_configs(tmp_path):
    split = grid(missing=[(2, 2)])
    steps = {"sst2": [{"trial_id": row["trial_id"], "step_train_loss": np.ones(15)} for row in split.trials]}
    held = tmp_path / "set"
    write_trials(held, configs_of(split) | {"steps": steps}, name="x", version="1.0.0")
    with pytest.raises(TrialSetError, match="set has steps of sst2, .*new has none; add trials with the same configs"):
        add_trials(held, [write(tmp_path / "new", grid())])
    curves = write(tmp_path / "curves", split_like_training(2, 2, task="rte"), predictions=False)
    with pytest.raises(TrialSetError, match="set has examples of rte, .*curves has none"):
        add_trials(held, [curves])
    assert add_trials(held, [write(tmp_path / "rte", split_like_training(2, 2, task="rte"))]).trials == {
        "mini/rte/few": 4
    }


def test_the_command_says_what_came_in_and_refuses_in_one_line(tmp_path, monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["seedbench", "trials", "add", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    held, new = write(tmp_path / "set", grid(missing=[(2, 2)])), write(tmp_path / "new", grid())
    code, out, err = run(held, new, "--version", "1.2.0")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "mini/sst2/few: 1 new trial"
    assert out.splitlines()[1].startswith(f"{held}: version 1.2.0; its card is to be built again: ")
    code, out, err = run(held, new)
    assert (code, out, err) == (0, f"{held}: holds all of these trials already; nothing was written\n", "")
    code, out, err = run(held, tmp_path / "nowhere")
    assert (code, out) == (2, "") and err.startswith("seedbench: error: ") and len(err.splitlines()) == 1
    (tmp_path / "file").write_text("")
    with pytest.raises(TrialSetError, match="file/set: cannot be written: File exists"):
        write(tmp_path / "file" / "set", grid())


@pytest.mark.parametrize("version", ["1.0", "1.0.0", "0.9.9", "01.1.0", "9" * 5000 + ".0.0"])
def test_a_version_that_does_not_rise_is_refused(tmp_path, version):
    held = write(tmp_path / "set", grid(missing=[(2, 2)]))
    with pytest.raises(TrialSetError, match="must be (above|like)"):
        add_trials(held, [write(tmp_path / "new", grid())], version=version)


def test_rows_are_compared_column_by_column():
    nan = float("nan")
    lists = pa.chunked_array([[[1.0, nan], [], None, [2.0], [nan]]], pa.list_(pa.float32()))
    others = pa.chunked_array([[[1.0, nan], [], []], [[3.0], [nan, 1.0]]], pa.list_(pa.float32()))
    assert different(lists, lists).tolist() == [False] * 5
    assert different(lists, others).tolist() == [False, False, True, True, True]
    seeds = pa.chunked_array([[2**62, None, 3]])
    assert different(seeds, pa.chunked_array([[2**62 + 1, None, None]])).tolist() == [True, False, True]
