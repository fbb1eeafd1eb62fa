"""The validator names everything that does not fit."""

import numpy as np
import pytest

from seedbench import TrialSetError, load_trials
from seedbench.trialset import read_manifest, validate_folder, write_trials
from seedbench.trialset.write import write_manifest
from tests.synthetic import additive_predictions, configs_of, split_like_training, split_of
from tests.trialset.damage import EXAMPLES, PREDICTIONS, TRIALS, rewrite, set_cell


def test_the_validator_names_scores_losses_and_files_that_do_not_fit(write_set):
    folder = write_set(split_like_training(3, 3))
    rewrite(folder, TRIALS, set_cell("score", 2, [0.123456, 0.5, 0.5, 0.5, 0.5]))
    (folder / "notes.txt").write_text("forgotten")
    (folder / "README.md").write_text("a card without the checksum")
    problems = validate_folder(folder)
    assert [text.split(":", 1)[1] for text in problems][0].startswith(" not listed in manifest.json")
    assert "mini/sst2/few: score of trial 'few-0-2' at checkpoint 0 is 0.123456, its predictions give" in problems[1]
    assert f"must carry the manifest's SHA-256 {read_manifest(folder).sha256}" in problems[2]
    assert len(problems) == 3


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 60, 2), "must have 5 entries, found 4"),
        ((5, 59, 2), "must have 60 examples at every checkpoint, found 59"),
        ((5, 60, 3), "must have 2 logits of every example, found 3"),
        ((5, 60, 0), "must have 2 logits of every example, found 0"),
    ],
)
def test_logits_have_the_lengths_of_trials_examples_and_labels(tmp_path, shape, message):
    split = split_like_training(2, 2)
    rows = [{"trial_id": row["trial_id"], "logits": np.zeros((5, 60, 2), np.float16)} for row in split.trials]
    rows[2]["logits"] = np.zeros(shape, np.float16)
    write_trials(tmp_path / "set", configs_of(split) | {"logits": {"sst2": rows}}, name="x", version="1.0.0")
    (problem,) = validate_folder(tmp_path / "set")
    assert problem.endswith(f"logits split sst2 column 'logits': trial {rows[2]['trial_id']!r} {message}")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("accuracy", [0.0] * 5, "accuracy of trial 'few-1-1' at checkpoint 0 is 0.000000, its predictions give 0.5"),
        ("f1", [float("nan")] * 5, "f1 of trial 'few-1-1' at checkpoint 0 is nan, its predictions give "),
        ("matthews_correlation", [1.0] * 5, "matthews_correlation of trial 'few-1-1' at checkpoint 0 is 1.000000, "),
        ("accuracy", [0.5] * 4, "accuracy of trial 'few-1-1' must have its 5 checkpoints, found 4"),
        ("f1", [], "f1 of trial 'few-1-1' must have its 5 checkpoints, found 0"),
        ("status", "diverged", "status of trial 'few-1-1' is diverged, and it met no NaN and ended better than a"),
        ("train_loss", [0.1, float("nan"), 0.1, 0.1, 0.1], "trial 'few-1-1' is finished, and it met a NaN: must be"),
        ("train_loss", [0.1, -0.5, 0.1, 0.1, 0.1], "train_loss of trial 'few-1-1' at checkpoint 1 is -0.5, and a loss"),
    ],
)
def test_the_validator_names_what_does_not_follow_from_predictions_and_losses(write_set, name, value, message):
    folder = write_set(split_like_training(2, 2))
    rewrite(folder, TRIALS, set_cell(name, 3, value))
    (problem,) = validate_folder(folder)
    assert message in problem and problem.startswith("mini/sst2/few: ")


def test_metrics_and_losses_that_are_not_recorded_are_no_problem(write_set):
    split = split_like_training(2, 2)
    for row in split.trials:
        for name in ("accuracy", "f1", "matthews_correlation", "train_loss", "validation_loss"):
            del row[name]
    assert validate_folder(write_set(split)) == []


def test_a_finished_trial_that_ends_no_better_than_a_constant_prediction_is_named(write_set):
    predicted = additive_predictions(2, 2)
    predicted[1, 0, -1] = 1  # always the commoner label
    split = split_of(predicted)
    assert [row["status"] for row in split.trials] == ["finished", "finished", "diverged", "finished"]
    split.trials[2]["status"] = "finished"
    (problem,) = validate_folder(write_set(split))
    assert "'few-1-0' is finished, and it ended no better than a constant prediction: must be diverged" in problem


def test_every_damaged_file_is_listed(write_set):
    folder = write_set(split_like_training(2, 2))
    for path in (TRIALS, EXAMPLES):
        (folder / path).write_bytes(b"x")
    (folder / PREDICTIONS).unlink()
    problems = validate_folder(folder)
    assert len(problems) == 3
    assert all(any(path in problem for problem in problems) for path in (TRIALS, EXAMPLES, PREDICTIONS))


def test_files_of_git_and_of_the_hub_s_client_are_no_part_of_a_trial_set(write_set):
    folder = write_set(split_like_training(2, 2))
    before = read_manifest(folder)
    for path in (".gitattributes", ".git/config", ".cache/huggingface/download/x.metadata", "trials/.hidden"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text("x")
    assert validate_folder(folder) == []
    write_manifest(folder, name="synthetic", version="1.0.0", tables=load_trials(folder, predictions=True).tables)
    assert read_manifest(folder) == before


def test_a_split_without_trials_is_refused(tmp_path, write_set):
    configs = configs_of(split_like_training(2, 2))
    configs["trials"]["sst2"] = configs["predictions"]["sst2"] = []
    with pytest.raises(TrialSetError, match="split sst2: has no trials"):
        write_trials(tmp_path / "new", configs, name="x", version="1.0.0")
    assert not (tmp_path / "new").exists()
    folder = write_set(split_like_training(2, 2))
    rewrite(folder, TRIALS, lambda table: table.slice(0, 0))
    with pytest.raises(TrialSetError, match="split sst2: has no trials"):
        load_trials(folder)
