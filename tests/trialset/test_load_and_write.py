"""Trial sets: what is written is what is read."""

import hashlib
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from seedbench import SelectionError, TrialSetError, load_trials
from seedbench.trialset import curve_words, to_arrow, validate_folder, write_trials
from seedbench.trialset.sanity import rising, same_curves
from tests.synthetic import additive_predictions, configs_of, split_like_training, split_of, write
from tests.trialset.damage import PREDICTIONS

# --- round trip -------------------------------------------------------------------------------------------------------


def test_what_is_written_is_what_is_read(write_set):
    predicted = additive_predictions(3, 4)
    predicted[2, 1, -1, :7] = -1
    split = split_of(predicted, missing=[(0, 2)], seeds=([40, 7, 2**62], [5, 3, 9, 1]))
    folder = write_set(split)
    trials = load_trials(folder, predictions=True)
    assert (trials.name, trials.version, trials.revision) == ("synthetic", "1.0.0", None)
    assert trials.sha256 == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    (table,) = trials.tables
    assert table.name == "mini/sst2/few"
    assert (table.grid, table.num_trials, table.num_checkpoints, table.num_steps) == ((3, 4), 11, 5, 15)
    # Rows by ascending weight-init seed 7, 40, 2**62; columns by ascending data-order seed 1, 3, 5, 9.
    assert table.weight_init_seeds.tolist() == [7, 40, 2**62]
    assert table.data_order_seeds.tolist() == [1, 3, 5, 9]
    sorted_predictions = predicted[[1, 0, 2]][:, [3, 1, 0, 2]]
    assert table.cell.tolist() == [[0, 1, 2, 3], [4, 5, 6, -1], [7, 8, 9, 10]]  # seeds (40, 9) are missing
    np.testing.assert_array_equal(
        table.predicted_label, sorted_predictions.reshape(12, 5, 60)[[*range(7), *range(8, 12)]]
    )
    # Trial 8 has no prediction for some examples at its end; trial 5 ends no better than the majority's 36 of 60.
    assert table.diverged.tolist() == [trial in (5, 8) for trial in range(11)]
    assert (table.score[:, -1] <= 0.6).tolist() == [trial == 5 for trial in range(11)]
    right = table.predicted_label == table.label
    np.testing.assert_allclose(table.score, right.mean(axis=-1))
    assert np.isnan(table.validation_loss[8, -1]) and np.isfinite(np.delete(table.validation_loss, 8, axis=0)).all()
    assert table.fields["learning_rate"] == 2e-5 and table.fields["dropout"] is None
    assert validate_folder(folder) == []


def test_arrays_are_read_only(trials_folder):
    table = load_trials(trials_folder, predictions=True).tables[0]
    for name in ("score", "predicted_label", "label", "train_loss"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(table, name)[0] = 0


def test_several_tables_share_a_split_and_are_ordered(trials):
    assert [table.name for table in trials.tables] == ["mini/mrpc/few", "mini/sst2/few", "mini/sst2/other"]
    assert [table.num_trials for table in trials.tables] == [19, 36, 16]


def test_a_split_may_be_in_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr("seedbench.trialset.write._ROW_GROUP_BYTES", 4096)  # a few trials
    split = split_like_training(5, 5)
    folder = write(tmp_path / "many", split, max_file_bytes=700)
    names = sorted(path.name for path in (folder / "predictions").iterdir())
    count = len(names)
    assert count > 2 and names == [f"sst2-{number:05d}-of-{count:05d}.parquet" for number in range(count)]
    many, one = load_trials(folder, predictions=True), load_trials(write(tmp_path / "one", split), predictions=True)
    for name in ("score", "predicted_label", "cell"):
        np.testing.assert_array_equal(getattr(many.tables[0], name), getattr(one.tables[0], name))


def test_without_predictions_there_are_none(write_set):
    folder = write_set(split_like_training(3, 3), name="curves", predictions=False)
    (table,) = load_trials(folder, predictions=True).tables
    assert table.predicted_label is None and table.label is None
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "trials"]
    assert load_trials(folder).undefined_share == {}


def test_predictions_are_read_where_they_are_asked_for(write_set):
    """A damaged file of them stops nobody who needs scores alone; what only they tell is in the manifest."""
    folder = write_set(split_like_training(3, 3))
    (with_them,) = load_trials(folder, predictions=True).tables
    (folder / PREDICTIONS).write_bytes(b"x")
    scores = load_trials(folder)
    assert scores.tables[0].predicted_label is None and scores.tables[0].label is not None
    np.testing.assert_array_equal(scores.tables[0].score, with_them.score)
    assert scores.undefined_share == {"mini/sst2/few": (with_them.predicted_label == -1).any(axis=-1).mean()}
    with pytest.raises(TrialSetError, match="is damaged or was changed"):
        load_trials(folder, predictions=True)


def test_optional_configs_are_checked_by_the_validator(tmp_path):
    split = split_like_training(2, 2)
    names = [row["trial_id"] for row in split.trials]
    steps = [{"trial_id": name, "step_train_loss": np.ones(15), "gradient_norm": None} for name in names]
    logits = [{"trial_id": name, "logits": np.zeros((5, 60, 2), np.float16)} for name in names]
    good = configs_of(split) | {"steps": {"sst2": steps}, "logits": {"sst2": logits[::-1]}}
    write_trials(tmp_path / "good", good, name="x", version="1.0.0")
    assert validate_folder(tmp_path / "good") == []
    steps[2] = {"trial_id": names[2], "step_train_loss": np.ones(14), "gradient_norm": None}
    write_trials(tmp_path / "short", good, name="x", version="1.0.0")
    (problem,) = validate_folder(tmp_path / "short")
    assert problem.endswith(f"column 'step_train_loss': trial {names[2]!r} must have 15 entries, found 14")


def test_the_same_rows_give_the_same_bytes(tmp_path):
    split = split_like_training(3, 3)
    shuffled = configs_of(split)
    shuffled["trials"]["sst2"] = shuffled["trials"]["sst2"][::-1]
    first = write_trials(tmp_path / "a", configs_of(split), name="x", version="1.0.0")
    assert write_trials(tmp_path / "b", shuffled, name="x", version="1.0.0") == first
    assert write_trials(tmp_path / "c", configs_of(split), name="x", version="1.0.1") != first


def test_select(trials):
    assert [table.name for table in trials.select(tasks=["sst2"], recipes=["few"]).tables] == ["mini/sst2/few"]
    assert trials.select().tables == trials.tables
    with pytest.raises(SelectionError, match="unknown task 'rte': trial set synthetic has mrpc, sst2"):
        trials.select(tasks=["sst2", "rte"])
    with pytest.raises(
        SelectionError, match="no trial table of trial set synthetic fits the selection; it has mini/mrpc/few, "
    ):
        trials.select(tasks=["mrpc"], recipes=["other"])


# --- rows and bytes ---------------------------------------------------------------------------------------------------


def test_rows_become_arrow_tables_of_exactly_the_schema():
    split = split_like_training(2, 2)
    table = to_arrow("predictions", split.predictions)
    assert table.schema.names == ["trial_id", "predicted_label", "test_predicted_label"]
    assert table.column("predicted_label").to_pylist() == [row["predicted_label"].tolist() for row in split.predictions]


def test_parquet_files_are_as_the_hub_wants_them(tmp_path):
    """zstd, a page index, row groups that can be streamed, no Arrow schema beside the parquet one."""
    folder = write(tmp_path / "set", split_like_training(6, 6, examples=200))
    for config in ("trials", "predictions", "examples"):
        metadata = pq.ParquetFile(folder / config / "sst2-00000-of-00001.parquet").metadata
        assert metadata.metadata is None
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            assert group.total_byte_size <= 40 * 2**20
            for column in (group.column(at) for at in range(group.num_columns)):
                assert column.compression == "ZSTD"
                assert column.has_column_index and column.has_offset_index


def test_pages_are_cut_by_content_so_that_added_trials_leave_the_others_their_bytes(tmp_path):
    """What the Hub stores and sends anew of a file with a row more near its beginning: a part, not all that follows.

    Of six files, since now and then no cut of the one falls on a cut of the other.
    """
    predicted = additive_predictions(12, 12)

    def written(seed, name, **missing):
        split = split_of(predicted, steps_between=1_600, **missing)
        loss = np.random.default_rng(seed).lognormal(size=(12, 12, 8_000)).astype(np.float32)
        steps = [
            {"trial_id": row["trial_id"], "step_train_loss": loss[row["weight_init_seed"], row["data_order_seed"]]}
            for row in split.trials
        ]
        folder = tmp_path / f"{name}-{seed}"
        write_trials(folder, configs_of(split) | {"steps": {"sst2": steps}}, name="x", version="1.0.0")
        return (folder / "steps" / "sst2-00000-of-00001.parquet").read_bytes()

    kept = []
    for seed in range(6):
        less, more = written(seed, "less", missing=[(0, 1)]), written(seed, "more")
        windows = [more[at : at + 4096] for at in range(0, len(more), 4096)]
        kept.append(sum(window in less for window in windows) / len(windows))
    assert np.mean(kept) > 0.3, kept  # 0.45; none where pages are cut by size


# --- tasks that are not GLUE's ----------------------------------------------------------------------------------------


def of_own_task(**columns):
    """The configs of a 3 × 3 table of two labels, of a task that nobody knows, with other columns in `trials`."""
    configs = configs_of(split_like_training(3, 3))
    for config in ("trials", "examples"):
        rows = configs[config]["sst2"]
        extra = columns if config == "trials" else {}
        configs[config]["sst2"] = [{**row, "task": "mine", **extra} for row in rows]
    return {config: {"mine": splits["sst2"]} for config, splits in configs.items()}


def test_a_task_of_any_name_may_have_predictions_from_which_its_score_follows(tmp_path):
    write_trials(tmp_path / "set", of_own_task(score_name="accuracy", num_labels=2), name="a/b", version="1.0.0")
    assert validate_folder(tmp_path / "set") == []
    (table,) = load_trials(tmp_path / "set", predictions=True).tables
    assert (table.labels, table.metric, table.scored_by) == (2, "accuracy", "accuracy")
    write_trials(tmp_path / "f1", of_own_task(score_name="f1", num_labels=2), name="a/b", version="1.0.0")
    assert any("score of trial" in problem for problem in validate_folder(tmp_path / "f1"))  # it is the accuracy
    write_trials(tmp_path / "other", of_own_task(score_name="mine", num_labels=2), name="a/b", version="1.0.0")
    assert validate_folder(tmp_path / "other") == []  # whatever that is
    write_trials(tmp_path / "three", of_own_task(score_name="accuracy", num_labels=3), name="a/b", version="1.0.0")
    assert [problem.split(": ")[1] for problem in validate_folder(tmp_path / "three")] == [
        f"{metric} must be null, since the task has 3 labels" for metric in ("f1", "matthews_correlation")
    ]


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"score_name": "accuracy"}, "examples need num_labels"),
        ({"score_name": "accuracy", "num_labels": 1}, "column 'num_labels': must be 2 to 128, found 1"),
        ({"score_name": "f1", "num_labels": 3}, "f1 is of two labels, and the task has 3"),
    ],
)
def test_what_predictions_of_such_a_task_need(tmp_path, columns, rule):
    with pytest.raises(TrialSetError, match=rule):
        write_trials(tmp_path / "set", of_own_task(**columns), name="a/b", version="1.0.0")
    assert not (tmp_path / "set").exists()


def test_a_glue_task_has_its_own_number_of_labels(tmp_path):
    configs = configs_of(split_like_training(3, 3))
    configs["trials"]["sst2"] = [{**row, "num_labels": 3} for row in configs["trials"]["sst2"]]
    with pytest.raises(TrialSetError, match="column 'num_labels': sst2 has 2 labels, found 3"):
        write_trials(tmp_path / "set", configs, name="a/b", version="1.0.0")


# --- before believing it ----------------------------------------------------------------------------------------------


def test_where_curves_start_and_which_are_the_same(tmp_path):
    """Five examples, three of them positive: both labels right at 3 of 5 to begin with; one trial never leaves that."""
    label = np.array([1, 1, 1, 0, 0], dtype=np.int8)
    ones, four = np.ones(5, dtype=np.int8), np.array([1, 1, 1, 1, 0], np.int8)
    rows = [[[ones, label], [ones, ones]], [[ones, four], [ones, label]]]
    (table,) = load_trials(write(tmp_path / "set", split_of(rows, label=label))).tables
    assert rising(table) == 3
    assert same_curves(table) == [["few-0-0", "few-1-1"]]
    assert curve_words(table) == (
        "Curves start at 0.6000 on average (the commoner label: 0.6000); 3 of 4 rise; 1 repeats another, as "
        "few-1-1 does few-0-0."
    )
    loss = table.train_loss.copy()
    loss[0] = 0.5  # the same predictions, and yet another trial
    assert same_curves(replace(table, train_loss=loss)) == []
    assert curve_words(replace(table, train_loss=loss)).endswith("3 of 4 rise; no two are the same.")
