from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer

from runners.compact import SUFFIX, read_compact
from runners.errors import RunnerError
from runners.export import append, predicted_label, predicted_test_label, rows_of, splits_of, trial_row
from runners.export import main as export
from runners.trial_log import Cell, TrialLog, write_log
from seedbench.trialset import load_trials, read_folder, read_manifest, write_trials
from seedbench.trialset.rows import different
from tests.runners.test_trial_log import make_log


def test_the_row_of_a_trial_by_hand() -> None:
    """Checkpoint 1: three of four right, TP 1, FP 0, FN 1. Checkpoint 2: all right."""
    row = trial_row(make_log())
    assert row["accuracy"].tolist() == [0.75, 1.0]
    assert row["f1"].tolist() == pytest.approx([2 / 3, 1.0])
    assert row["matthews_correlation"].tolist() == pytest.approx([2 / 12**0.5, 1.0])
    assert row["score"].tolist() == [0.75, 1.0]  # SST-2: accuracy
    assert row["train_loss"].tolist() == [2.0, 0.5]
    assert row["validation_loss"].tolist() == pytest.approx(
        [(3 * np.log(1 + np.e**-1) + np.log(1 + np.e)) / 4, np.log(1 + np.e**-1)]
    )
    assert row["status"] == "finished"
    assert row["num_steps"] == 4
    assert row["bias_correction"] is True


def test_the_test_set_by_hand() -> None:
    """The dev set's logits once more, of test examples with labels 1, 1, 0, 1: two of four right, then three."""
    log = make_log()
    assert predicted_test_label(log) is None and "test_score" not in trial_row(log)
    outcome = replace(log.outcome, test_logits=log.outcome.logits)
    log = replace(log, outcome=outcome, test_label=np.array([1, 1, 0, 1], np.int8), test_rows=np.arange(4))
    measured = trial_row(log)
    assert measured["test_score"].tolist() == [0.5, 0.75]
    assert predicted_test_label(log).tolist() == [[1, 0, 0, 0], [1, 1, 0, 0]]
    right, wrong = np.log(1 + np.e**-1), np.log(1 + np.e)
    assert measured["test_loss"].tolist() == pytest.approx([(right + wrong) / 2, (3 * right + wrong) / 4])


def test_the_score_is_the_tasks_own() -> None:
    assert trial_row(make_log(task="mrpc"))["score"].tolist() == pytest.approx([(0.75 + 2 / 3) / 2, 1.0])


def test_a_trial_that_ends_at_the_majority_class_diverged() -> None:
    constant = np.broadcast_to(np.array([0, 1], np.float32), (2, 4, 2))
    assert trial_row(make_log(logits=constant))["status"] == "diverged"


def test_a_trial_that_ends_at_the_best_constant_diverged_though_it_beats_the_commoner_label() -> None:
    """One of four positive: by the mean of accuracy and F1 always 0 has 3/8, always 1 (1/4 + 2/5) / 2 = 0.325; two of
    five: 0.3 and about 0.49."""
    for label in ([1, 0, 0, 0], [1, 1, 0, 0, 0]):
        constant = np.broadcast_to(np.array([0, 1], np.float32), (2, len(label), 2))
        log = replace(make_log(logits=constant, task="qqp"), label=np.array(label, np.int8))
        row = trial_row(log)
        assert row["status"] == "diverged"
        assert (row["score"][-1] > row["majority_score"]) == (len(label) == 5)


def test_logits_that_are_not_finite_are_a_wrong_prediction_and_a_nan_loss() -> None:
    logits = np.array(make_log().outcome.logits)
    logits[0, 0] = np.nan
    logits[1, 3, 0] = np.inf
    log = make_log(logits=logits)
    assert predicted_label(log).tolist() == [[-1, 0, 0, 0], [1, 1, 0, -1]]
    row = trial_row(log)
    assert row["score"].tolist() == [0.5, 0.75]
    assert np.isnan(row["validation_loss"]).all()
    assert row["status"] == "diverged"


def test_logs_become_a_trial_set_and_new_ones_are_appended(tmp_path: Path) -> None:
    logs = [make_log(Cell(weight, order)) for weight in range(2) for order in range(2)]
    folder = tmp_path / "set"
    write_trials(folder, rows_of(logs[:2], steps=True, logits=True), name="a/b", version="1.0.0")
    assert load_trials(folder).tables[0].num_trials == 2
    append(splits_of(rows_of(logs, steps=True, logits=True)), folder, name="a/b", version="1.1.0")
    table = load_trials(folder, predictions=True).tables[0]
    assert table.grid == (2, 2)
    assert table.score.tolist() == [[0.75, 1.0]] * 4
    assert table.predicted_label is not None and table.predicted_label.shape == (4, 2, 4)


def test_what_is_appended_is_a_new_version_of_the_same_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its documents stay as long as nothing is new; another name, or a version that is not above, is refused."""
    for column in range(2):
        write_log(tmp_path / "logs" / f"wi0-do{column}.npz", make_log(Cell(0, column)))
    folder = tmp_path / "set"
    write_trials(folder, rows_of([make_log(Cell(0, 0))]), name="a/b", version="1.0.0")
    (folder / "README.md").write_text("its card")
    for options, message in (
        ({"name": "a/c"}, f"--name a/c: {folder} is a/b, and keeps its name"),
        ({"version": "1.0.0"}, "is of version 1.0.0; the new one must be above, found 1.0.0"),
    ):
        with pytest.raises(typer.Exit):
            export(tmp_path / "logs", folder, append_=True, **options)
        assert message in " ".join(capsys.readouterr().err.split())
    assert (folder / "README.md").exists() and read_manifest(folder).version == "1.0.0"
    export(tmp_path / "logs", folder, append_=True)
    assert (read_manifest(folder).name, read_manifest(folder).version) == ("a/b", "1.1.0")
    assert load_trials(folder).tables[0].num_trials == 2 and not (folder / "README.md").exists()
    (folder / "README.md").write_text("its new card")
    export(tmp_path / "logs", folder, append_=True)
    assert read_manifest(folder).version == "1.1.0" and (folder / "README.md").exists()


def test_logs_of_other_dev_labels_are_refused() -> None:
    log = make_log()
    with pytest.raises(RunnerError, match="other examples of sst2"):
        rows_of([log, replace(make_log(Cell(5, 5)), label=np.array([0, 1, 0, 0], np.int8))])


def log_with_a_test_set(cell: Cell, task: str) -> TrialLog:
    """A log with a test set, whose logits follow from its cell; one has none that are finite."""
    rng = np.random.default_rng([cell.weight_init_seed, cell.data_order_seed])
    logits, on_test = rng.normal(size=(2, 4, 2)).astype(np.float32), rng.normal(size=(2, 3, 2)).astype(np.float32)
    if cell.weight_init_seed == 2:
        logits[1] = np.nan
    log = make_log(cell, logits, task)
    outcome = replace(log.outcome, test_logits=on_test)
    return replace(log, outcome=outcome, test_label=np.array([0, 1, 1], np.int8), test_rows=np.array([3, 5, 8]))


def test_compact_files_become_the_trial_set_that_the_logs_are(tmp_path: Path) -> None:
    """Column 1 stays a log, column 0 comes from two compact files a task: rows and manifest are as of all logs."""
    for task in ("mrpc", "sst2"):
        for cell in (Cell(row, column) for row in range(4) for column in range(2)):
            log, name = log_with_a_test_set(cell, task), f"wi{cell.weight_init_seed}-do{cell.data_order_seed}.npz"
            write_log(tmp_path / "logs" / task / name, log)
            part = "rest" if cell.data_order_seed else f"part{cell.weight_init_seed % 2}"
            write_log(tmp_path / part / task / name, log)
    export(tmp_path / "logs", tmp_path / "full", name="a/b", version="1.0.0")
    for part in ("part0", "part1"):
        export(tmp_path / part, tmp_path / "rest" / part, compact=True)
    assert sorted(path.name for path in (tmp_path / "rest" / "part0").iterdir()) == [f"mrpc{SUFFIX}", f"sst2{SUFFIX}"]
    export(tmp_path / "rest", tmp_path / "again", name="a/b", version="1.0.0")
    full, again = (read_folder(folder, read_manifest(folder)) for folder in (tmp_path / "full", tmp_path / "again"))
    assert full.keys() == again.keys() == {"trials", "predictions", "examples"}
    for config, splits in full.items():
        assert all(
            not different(rows[name], again[config][task][name]).any()
            for task, rows in splits.items()
            for name in rows.column_names
        )
    assert read_manifest(tmp_path / "full").sha256 == read_manifest(tmp_path / "again").sha256


def test_a_trial_that_several_files_have_is_exported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two logs, one of them twice, and the compact file made of them beside: two trials, however often it is made."""
    logs = tmp_path / "logs"
    for row in (0, 2):  # one has losses that are not finite
        write_log(logs / f"wi{row}-do0.npz", log_with_a_test_set(Cell(row, 0), "sst2"))
    export(logs, tmp_path / "full", name="a/b", version="1.0.0")
    write_log(logs / "copied" / "wi2-do0.npz", log_with_a_test_set(Cell(2, 0), "sst2"))
    path = logs / f"sst2{SUFFIX}"
    for _ in range(2):
        export(logs, logs, compact=True)
        assert pq.read_metadata(path).num_rows == 2
    export(logs, tmp_path / "again", name="a/b", version="1.0.0")
    assert read_manifest(tmp_path / "again").sha256 == read_manifest(tmp_path / "full").sha256
    other = log_with_a_test_set(Cell(2, 0), "sst2")
    other.outcome.logits[0] *= -1
    write_log(logs / "wi2-do0.npz", other)
    before = path.read_bytes()
    for there, where in ((True, "trial logs"), (False, path)):
        with pytest.raises(typer.Exit):
            export(logs, logs, compact=True)
        said = " ".join(capsys.readouterr().err.split())
        assert f"error: {where}: column '" in said and "of trial someone/tiny/stable/2-0 is another one" in said
        if there:
            (logs / "copied" / "wi2-do0.npz").unlink()
    assert path.read_bytes() == before


def test_a_compact_file_of_another_version_is_read_as_a_trial_set_is(tmp_path: Path) -> None:
    """One from before a nullable column was there, and with one that nobody knows yet; what is never null must be."""
    write_log(tmp_path / "logs" / "wi0-do0.npz", log_with_a_test_set(Cell(0, 0), "sst2"))
    export(tmp_path / "logs", tmp_path / "small", compact=True)
    path = tmp_path / "small" / f"sst2{SUFFIX}"

    def rewrite(change: Callable[[pa.Table], pa.Table]) -> None:
        with pq.ParquetFile(path) as file:
            table, metadata = file.read(), file.metadata.metadata
        with pq.ParquetWriter(path, change(table).schema) as writer:
            writer.write_table(change(table))
            writer.add_key_value_metadata({b"examples": metadata[b"examples"]})

    rewrite(lambda table: table.drop_columns(["device"]))
    rewrite(lambda table: table.append_column("gpu", pa.array(["a card"])))
    other = rows_of([log_with_a_test_set(Cell(1, 0), "sst2")])
    write_trials(tmp_path / "set", splits_of(other, [path]), name="a/b", version="1.0.0")
    rows = pq.read_table(tmp_path / "set" / "trials" / "sst2-00000-of-00001.parquet")
    assert rows["device"].is_null().to_pylist() == [True, False] and rows["gpu"].to_pylist() == ["a card", None]
    rewrite(lambda table: table.drop_columns(["num_steps"]))
    with pytest.raises(RunnerError, match=r"not what runners.export --compact writes \('num_steps'\)"):
        read_compact(path)


def test_what_a_compact_file_cannot_give_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(tmp_path / "logs" / "wi0-do0.npz", log_with_a_test_set(Cell(0, 0), "sst2"))
    write_log(tmp_path / "logs" / "wi1-do0.npz", log_with_a_test_set(Cell(1, 0), "sst2"))
    small = tmp_path / "small"
    export(tmp_path / "logs", small, compact=True)
    for folder, options, message in (
        (small, {"steps": True, "name": "a/b", "version": "1.0.0"}, "has neither steps nor logits"),
        (small, {"compact": True, "logits": True}, "--compact: leaves steps and logits behind"),
        (small, {}, "--name and --version: a trial set has both"),
        (tmp_path / "empty", {"compact": True}, "no trial logs (wi<seed>-do<seed>.npz), and no *.compact.parquet"),
    ):
        with pytest.raises(typer.Exit):
            export(folder, tmp_path / "set", **options)
        assert message in " ".join(capsys.readouterr().err.split())
    path = small / f"sst2{SUFFIX}"
    other = replace(log_with_a_test_set(Cell(2, 0), "sst2"), test_rows=np.array([3, 5, 9]))
    with pytest.raises(RunnerError, match="other examples of sst2 than in other files"):
        splits_of(rows_of([other]), [path])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(RunnerError, match="not what runners.export --compact writes"):
        read_compact(path)
