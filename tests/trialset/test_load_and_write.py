"""Trial sets: what is written is what is read, and everything malformed is one clear line."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seedbench import SelectionError, TrialSetError, load_trials
from seedbench.trialset import curve_words, read_manifest, to_arrow, validate_folder, write_trials
from seedbench.trialset.sanity import rising, same_curves
from seedbench.trialset.write import write_manifest
from tests.synthetic import additive_predictions, configs_of, split_like_training, split_of, write

TRIALS, PREDICTIONS, EXAMPLES = (
    f"{config}/sst2-00000-of-00001.parquet" for config in ("trials", "predictions", "examples")
)


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


# --- writing what is not valid ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[1].update(data_order_seed=0), "rows 0 and 1 are the same cell of mini/sst2/few"),
        (
            lambda rows: rows[1].update(score=np.array([0.1, np.nan, 0, 0, 0])),
            "column 'score': must be finite, at most 1e+100 in size",
        ),
        (lambda rows: rows[1].update(score=np.ones(4)), "column 'score': must have the table's 5 checkpoints"),
        (
            lambda rows: rows[1].update(score=np.ones(5) * 87.3),
            "column 'score': accuracy is in [-1, 1]; not so in trial",
        ),
        (lambda rows: rows[1].pop("score"), "trials: column 'score' row 1: is missing and must not be"),
        (lambda rows: rows[1].update(score="high"), "trials: column 'score' must be list<float64>"),
        (lambda rows: rows[1].update(num_steps=16), "column 'num_steps': must be the last checkpoint's step 15"),
        (lambda rows: rows[1].update(step=np.array([3, 6, 9, 12, 16])), "column 'step': must be the same as in trial"),
        (
            lambda rows: [row.update(step=np.array([3, 6, 6, 12, 15])) for row in rows],
            "column 'step': must rise from above 0",
        ),
        (
            lambda rows: rows[1].update(status="stopped"),
            "column 'status' row 1: must be one of finished, diverged, failed, or null, found 'stopped'",
        ),
        (lambda rows: rows[1].update(learning_rate=1e-4), "column 'learning_rate': must be the same in all trials of"),
        (lambda rows: rows[1].update(trial_id="few-0-0"), "column 'trial_id': 'few-0-0' is there twice"),
        (lambda rows: rows[1].update(model="a model"), "column 'model' row 0: must be letters, digits"),
        (lambda rows: rows[1].update(weight_init_seed=2**63), "trials: column 'weight_init_seed' must be int64"),
        (lambda rows: rows[1].update(colour="red"), "trials: row 1: column 'colour' is not in the schema"),
        (lambda rows: rows[1].update(task="rte"), "column 'task' row 1: must be 'sst2', found 'rte'"),
        (lambda rows: rows.pop(1), "predictions split sst2: must have the same 8 trials as the split's trials"),
    ],
)
def test_rows_that_make_no_trial_set_are_refused_and_leave_nothing(tmp_path, change, message):
    configs = configs_of(split_like_training(3, 3))
    change(configs["trials"]["sst2"])
    with pytest.raises(TrialSetError) as caught:
        write_trials(tmp_path / "new", configs, name="x", version="1.0.0")
    assert message in str(caught.value) and "\n" not in str(caught.value) and str(tmp_path) not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda row: row["predicted_label"].__setitem__((0, 0), 2),
            "column 'predicted_label': must be -1, 0 or 1, found 2",
        ),
        (lambda row: row.update(predicted_label=row["predicted_label"][:4]), "must have the 5 checkpoints of trials"),
        (
            lambda row: row.update(predicted_label=row["predicted_label"][:, :-1]),
            "row 1: must hold 60 values at every checkpoint, found 59",
        ),
        (
            lambda row: row.update(predicted_label=row["predicted_label"] * 0.5),
            "'predicted_label' must be list<list<int8>>",
        ),
        (lambda row: row.update(trial_id="few-0-0"), "predictions split sst2: must have the same 9 trials"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(tmp_path, change, message):
    configs = configs_of(split_like_training(3, 3))
    configs["predictions"]["sst2"][1]["predicted_label"] = configs["predictions"]["sst2"][1]["predicted_label"].copy()
    change(configs["predictions"]["sst2"][1])
    with pytest.raises(TrialSetError) as caught:
        write_trials(tmp_path / "new", configs, name="x", version="1.0.0")
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_never_overwritten_by_accident_and_replaced_whole(tmp_path):
    folder = write(tmp_path / "set", split_like_training(2, 2))
    with pytest.raises(TrialSetError, match="exists already"):
        write(folder, split_like_training(3, 3))
    (folder / "README.md").write_text("card")
    (folder / "CHANGELOG.md").write_text("written by hand")
    write(folder, split_like_training(3, 3), replace=True)
    assert load_trials(folder).tables[0].num_trials == 9
    assert not (folder / "README.md").exists() and (folder / "CHANGELOG.md").read_text() == "written by hand"
    assert validate_folder(folder) == []
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    with pytest.raises(TrialSetError):
        write(folder, split_like_training(3, 3), replace=True, name="not a name!")
    assert load_trials(folder).tables[0].num_trials == 9


# --- reading what was damaged -----------------------------------------------------------------------------------------


def rewrite(folder, path, change):
    """Changes an Arrow table on disk, and the manifest with it: damage that no checksum tells."""
    pq.write_table(change(pq.read_table(folder / path)), folder / path)
    manifest = read_manifest(folder)
    write_manifest(folder, name=manifest.name, version=manifest.version)


def set_cell(name, row, value):
    def change(table):
        values = table.column(name).to_pylist()
        values[row] = value
        at = table.schema.get_field_index(name)
        return table.set_column(at, name, pa.array(values, table.schema.field(name).type))

    return change


@pytest.mark.parametrize(
    ("path", "change", "message"),
    [
        (TRIALS, lambda t: t.drop_columns(["score"]), "column 'score' is missing"),
        (TRIALS, lambda t: t.append_column("score", t.column("score")), "a column is there twice"),
        (
            TRIALS,
            lambda t: t.set_column(0, "trial_id", pa.array(range(9))),
            "column 'trial_id' must be string, found int64",
        ),
        (TRIALS, set_cell("score", 4, [0.5, None, 0.5, 0.5, 0.5]), "column 'score': an element must not be null"),
        (TRIALS, set_cell("score", 4, None), "column 'score' row 4: must not be null"),
        (
            TRIALS,
            set_cell("score", 4, [0.5, float("nan"), 0.5, 0.5, 0.5]),
            "must be finite, at most 1e+100 in size; not so in trial 'few-1-1'",
        ),
        (
            TRIALS,
            set_cell("data_order_seed", 4, 0),
            "rows 3 and 4 are the same cell of mini/sst2/few: weight_init_seed 1, data_order_seed 0",
        ),
        (TRIALS, set_cell("step", 0, []), "column 'step': trial few-0-0 has no checkpoint"),
        (TRIALS, lambda t: t.slice(0, 8), "trial 'few-2-2' is not in trials"),
        (PREDICTIONS, lambda t: t.slice(1), "trial 'few-0-0' is missing"),
        (PREDICTIONS, set_cell("trial_id", 1, "few-0-0"), "column 'trial_id': 'few-0-0' is there twice"),
        (PREDICTIONS, set_cell("predicted_label", 3, [[0] * 60] * 4 + [None]), "a checkpoint must not be null"),
        (
            PREDICTIONS,
            set_cell("predicted_label", 3, [[0] * 60] * 4 + [[0] * 61]),
            "row 3: must hold 60 values at every checkpoint, found 61",
        ),
        (PREDICTIONS, set_cell("predicted_label", 3, [[-2] * 60] * 5), "must be -1, 0 or 1, found -2"),
        (EXAMPLES, lambda t: t.slice(1), "column 'example' row 0: must count the rows of validation from 0, found '1'"),
        (EXAMPLES, set_cell("label", 5, 2), "column 'label' row 5: must be 0 or 1, found '2'"),
        (EXAMPLES, set_cell("task", 5, "rte"), "column 'task' row 5: must be 'sst2', found 'rte'"),
        (EXAMPLES, lambda t: t.slice(0, 0), "column 'label': two labels or more must occur"),
    ],
)
def test_a_malformed_table_is_one_clear_line(write_set, path, change, message):
    folder = write_set(split_like_training(3, 3))
    rewrite(folder, path, change)
    with pytest.raises(TrialSetError) as caught:
        load_trials(folder, predictions=True)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert validate_folder(folder) == [str(caught.value)]


def test_a_truncated_file_is_told_by_its_checksum_and_without_one_by_its_content(write_set):
    folder = write_set(split_like_training(3, 3))
    content = (folder / PREDICTIONS).read_bytes()
    (folder / PREDICTIONS).write_bytes(content[: len(content) // 2])
    with pytest.raises(TrialSetError, match="its SHA-256 is .*, manifest.json says .*fetch it again"):
        load_trials(folder, predictions=True)
    write_manifest(folder, name="x", version="1.0.0")
    with pytest.raises(TrialSetError, match="sst2-00000-of-00001.parquet: not a readable parquet file"):
        load_trials(folder, predictions=True)
    (folder / PREDICTIONS).unlink()
    with pytest.raises(TrialSetError, match="No such file or directory, but manifest.json lists it"):
        load_trials(folder, predictions=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: m.update(schema_version=3),
            "schema_version is 3, which seedbench 0.1.0 does not read; install the seedbench that fits",
        ),
        (lambda m: m.pop("schema_version"), "missing required field `schema_version`"),
        (lambda m: m.update(version="1.0"), "Expected `str` like 1.0.0 - at `$.version`, found '1.0'"),
        (lambda m: m.update(name="../x"), "Expected `str` of letters, digits and ._-/ - at `$.name`, found '../x'"),
        (lambda m: m.update(files=[]), "Expected `object`, got `array` - at `$.files`"),
        (
            lambda m: m["files"].update({"../../etc/passwd": {"bytes": 0, "sha256": "0" * 64}}),
            "a plain path inside the folder, found '../../etc/passwd'",
        ),
        (
            lambda m: m["files"].update({"/etc/passwd": {"bytes": 0, "sha256": "0" * 64}}),
            "a plain path inside the folder, found '/etc/passwd'",
        ),
        (
            lambda m: m["files"].update({"trials/../../x": {"bytes": 0, "sha256": "0" * 64}}),
            "a plain path inside the folder",
        ),
        (
            lambda m: m["files"].update({"manifest.json": {"bytes": 0, "sha256": "0" * 64}}),
            "a plain path inside the folder",
        ),
        (
            lambda m: m["files"].update({"trials/sst2.parquet": {"bytes": 0, "sha256": "0" * 64}}),
            "must be <config>/<task>-00000-of-0000N.parquet",
        ),
        (
            lambda m: m["files"].update({"other/sst2-00000-of-00001.parquet": {"bytes": 0, "sha256": "0" * 64}}),
            "a config must be one of trials, ",
        ),
        (
            lambda m: m["files"].update({"trials/sst2-00001-of-00002.parquet": {"bytes": 0, "sha256": "0" * 64}}),
            "shards of a split must be 0 … N-1 of N",
        ),
        (
            lambda m: m["files"][TRIALS].update(sha256="abc"),
            f"of 64 hexadecimal digits - at `$.files['{TRIALS}'].sha256`, found 'abc'",
        ),
        (lambda m: m["files"].pop(TRIALS), "lists no trials/<task>-00000-of-0000N.parquet"),
        (lambda m: m["files"].pop(EXAMPLES), "predictions need examples"),
    ],
)
def test_a_malformed_manifest_is_one_clear_line(write_set, change, message):
    folder = write_set(split_like_training(2, 2))
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(TrialSetError) as caught:
        load_trials(folder, predictions=True)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b'{"schema_version": NaN}', b"null"]
)
def test_a_manifest_that_is_no_object_is_refused(write_set, content):
    folder = write_set(split_like_training(2, 2))
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(TrialSetError, match=r"manifest\.json: "):
        load_trials(folder, predictions=True)


def test_what_is_not_a_trial_set_is_refused(tmp_path, write_set):
    with pytest.raises(
        TrialSetError, match=r"manifest\.json: No such file or directory; a trial set is a folder with a manifest"
    ):
        load_trials(tmp_path)
    with pytest.raises(
        TrialSetError, match="nowhere: no such folder; give a folder with a manifest.json, or a Hub id owner/name"
    ):
        load_trials("nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(TrialSetError, match="no such folder"):
        load_trials(tmp_path / "file")
    with pytest.raises(TrialSetError, match="revision 'v1': only a Hub repo has revisions"):
        load_trials(write_set(split_like_training(2, 2)), revision="v1")


def test_a_hub_repo_that_cannot_be_had_is_one_clear_line(monkeypatch):
    # Without a network: an address of this machine where nothing listens.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(TrialSetError) as caught:
        load_trials("nobody/no-such-trials", revision="v9")
    text = str(caught.value)
    assert text.startswith("nobody/no-such-trials: neither a folder here nor to be had from the Hub at revision v9 (")
    assert "\n" not in text


# --- the validator ----------------------------------------------------------------------------------------------------


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
