"""Rows that make no trial set, and folders that are none or were damaged: each is one clear line."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seedbench import TrialSetError, load_trials
from seedbench.trialset import validate_folder, write_trials
from seedbench.trialset.write import write_manifest
from tests.synthetic import configs_of, split_like_training, write
from tests.trialset.damage import EXAMPLES, PREDICTIONS, TRIALS, rewrite, set_cell

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


def listing(name: str) -> Callable[[dict[str, Any]], None]:
    """Has a manifest list an empty file."""
    return lambda manifest: manifest["files"].update({name: {"bytes": 0, "sha256": "0" * 64}})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: m.update(schema_version=3),
            "schema_version is 3, which seedbench 0.2.0 does not read; install the seedbench that fits",
        ),
        (lambda m: m.pop("schema_version"), "missing required field `schema_version`"),
        (lambda m: m.update(version="1.0"), "Expected `str` like 1.0.0 - at `$.version`, found '1.0'"),
        (lambda m: m.update(name="../x"), "Expected `str` of letters, digits and ._-/ - at `$.name`, found '../x'"),
        (lambda m: m.update(files=[]), "Expected `object`, got `array` - at `$.files`"),
        (
            listing("../../etc/passwd"),
            "a plain path inside the folder, found '../../etc/passwd'",
        ),
        (
            listing("/etc/passwd"),
            "a plain path inside the folder, found '/etc/passwd'",
        ),
        (
            listing("trials/../../x"),
            "a plain path inside the folder",
        ),
        (
            listing("manifest.json"),
            "a plain path inside the folder",
        ),
        (
            listing("trials/sst2.parquet"),
            "must be <config>/<task>-00000-of-0000N.parquet",
        ),
        (
            listing("other/sst2-00000-of-00001.parquet"),
            "a config must be one of trials, ",
        ),
        (
            listing("trials/sst2-00001-of-00002.parquet"),
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
