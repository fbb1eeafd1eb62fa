"""Files as libraries write them, each by the library whose layout it is: all make the same trials."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from seedbench.errors import TrialSetError
from seedbench.trialset import load_trials
from seedbench.trialset.importing import ImportOptions, import_curves
from tests.trialset.known_runs import LAYOUTS, POINTS, SCORES, read, text


def test_a_folder_of_trainer_states(tmp_path):
    options = {"score": "eval_accuracy", "validation_loss": "eval_loss", "train_loss": "loss"}
    table, done = read(LAYOUTS / "trainer", tmp_path / "set", **options)
    assert table.step.tolist() == [10, 20, 30] and table.metric == "eval_accuracy"
    assert table.weight_init_seeds.tolist() == [1, 2, 3]  # of the folders' names
    log = json.loads((LAYOUTS / "trainer/run-seed2/trainer_state.json").read_text())["log_history"]
    first = [entry["loss"] for entry in log if "loss" in entry][:2]
    assert table.train_loss[1, 0] == pytest.approx(sum(first) / 2)
    (loss,) = [entry["eval_loss"] for entry in log if entry["step"] == 30 and "eval_loss" in entry]
    assert table.validation_loss[1, 2] == pytest.approx(loss)
    assert any("3 rows left out (the first: run-seed1/trainer_state.json entry 10)" in note for note in done.notes)


def test_checkpoints_of_one_run_are_one_run(tmp_path):
    """A Trainer saves its state with each checkpoint: the same entries again."""
    for seed in (1, 2, 3):
        state = json.loads((LAYOUTS / f"trainer/run-seed{seed}/trainer_state.json").read_text())
        for step in (10, 20):
            early = {"log_history": [entry for entry in state["log_history"] if entry["step"] <= step]}
            folder = tmp_path / f"runs/seed-{seed}/checkpoint-{step}"
            folder.mkdir(parents=True)
            (folder / "trainer_state.json").write_text(json.dumps(early))
        (folder.parent / "trainer_state.json").write_text(json.dumps(state))
    _, done = read(tmp_path / "runs", tmp_path / "set", score="eval_accuracy")
    assert any("rows the same as another in every column" in note for note in done.notes)


@pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="TensorBoard is not installed")
def test_a_folder_of_event_files(tmp_path):
    """Their float32 0.61 is 0.6100000143: what was logged is meant."""
    table, _ = read(LAYOUTS / "events", tmp_path / "set", score="eval/accuracy", validation_loss="eval/loss")
    assert table.step.tolist() == [10, 20, 30] and table.validation_loss[0] == pytest.approx([0.39, 0.38, 0.37])


def test_what_reads_event_files_is_said_where_it_lacks(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard.backend.event_processing.event_file_loader", None)
    with pytest.raises(TrialSetError, match="event files are read by TensorBoard: pip install tensorboard$"):
        import_curves(LAYOUTS / "events", tmp_path / "set", ImportOptions())


def test_mlflow_s_metrics(tmp_path):
    """Hex run ids: each run is a seed of its own, since the table of metrics knows no other."""
    options = {"score": "eval_accuracy", "validation_loss": "eval_loss"}
    frame = pd.read_csv(LAYOUTS / "mlflow/metrics.csv")
    order = frame[frame["key"] == "eval_accuracy"].groupby("run_uuid")["value"].max().sort_index()
    done = import_curves(
        LAYOUTS / "mlflow/metrics.csv", tmp_path / "set", ImportOptions(model="m", task="rte", recipe="r", **options)
    )
    (table,) = load_trials(tmp_path / "set").tables
    assert table.score.max(axis=1).tolist() == order.tolist() and table.ended_at.sum() == 8
    assert table.trial_id.tolist() == [f"m/r/{run}/{run}" for run in order.index]
    assert done.notes[1] == "one seed a trial (run) for both weight initialisation and data order"


def test_one_key_of_mlflow_s_metrics(tmp_path):
    table, _ = read(
        _mlflow_with_seeds(tmp_path), tmp_path / "set", where=("key=eval_accuracy",), score="value", layout="long"
    )
    assert table.metric == "value"


def _mlflow_with_seeds(folder: Path) -> Path:
    """The metrics joined with the parameter."""
    rows = [[key, value, seed, step] for seed, _, step, value in POINTS for key in ("eval_accuracy", "other")]
    (folder / "joined.csv").write_text(text([["key", "value", "seed", "step"], *rows]))
    return folder / "joined.csv"


def test_mlflow_s_database_knows_the_seeds(tmp_path):
    seeds = {"weight_init_seed": "params.seed", "data_order_seed": "params.seed"}
    table, _ = read(LAYOUTS / "mlflow/mlflow.db", tmp_path / "set", score="eval_accuracy", status="status", **seeds)
    assert table.weight_init_seeds.tolist() == [1, 2, 3]


def test_mlflow_writes_zero_for_nan(tmp_path):
    rows = [["acc", 0.5, "a", 1, 0], ["acc", 0.7, "b", 1, "False"], ["acc", 0, "b", 2, 1], ["acc", 0.6, "a", 2, 0]]
    (tmp_path / "metrics.csv").write_text(text([["key", "value", "run_uuid", "step", "is_nan"], *rows]))
    import_curves(tmp_path / "metrics.csv", tmp_path / "set", ImportOptions(model="m", task="rte", recipe="r"))
    (table,) = load_trials(tmp_path / "set").tables
    assert table.score.tolist() == [[0.5, 0.6], [0.7, 0.5]] and table.status.tolist() == [None, "failed"]


def test_keras_counts_epochs_from_zero(tmp_path):
    """The training accuracy, 0.99, is beside: nobody takes it for the dev set's."""
    table, done = read(LAYOUTS / "keras", tmp_path / "set", score="val_accuracy", validation_loss="val_loss")
    assert table.step.tolist() == [1, 2, 3] and "m/rte/r: epoch is counted from 0: 1 is added" in done.notes


def test_lightning_s_logs_stand_in_folders(tmp_path):
    table, _ = read(LAYOUTS / "lightning", tmp_path / "set", score="val_acc", train_loss="train_loss")
    assert table.step.tolist() == [10, 20, 30] and (table.train_loss == 0.5).all()


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An Optuna study of the three runs, and of one that failed before it was measured."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = f"sqlite:///{tmp_path_factory.mktemp('optuna') / 'study.db'}"
    study = optuna.create_study(storage=url, study_name="s", direction="maximize")

    def objective(trial: optuna.Trial) -> float:
        seed = trial.suggest_int("seed", trial.number + 1, trial.number + 1)
        if seed == 4:
            raise RuntimeError
        for its, number, _, value in POINTS:
            if its == seed:
                trial.report(value, number - 1)
        if seed == 3:
            raise optuna.TrialPruned
        return value

    study.optimize(objective, n_trials=4, catch=RuntimeError)
    return url


@pytest.mark.parametrize("source", ["frame", "study", "file"])
def test_optuna(tmp_path, storage, source):
    import optuna

    if source == "frame":
        attributes = ("number", "value", "params", "state", "intermediate_values")
        frame = optuna.load_study(study_name="s", storage=storage).trials_dataframe(attrs=attributes)
        frame.to_csv(tmp_path / "trials.csv")
    path = {"frame": tmp_path / "trials.csv", "study": storage, "file": storage.removeprefix("sqlite:///")}[source]
    seeds = {"weight_init_seed": "params_seed", "data_order_seed": "params_seed", "status": "state"}
    import_curves(path, tmp_path / "set", ImportOptions(model="m", task="rte", recipe="r", **seeds))
    (table,) = load_trials(tmp_path / "set").tables
    assert table.score.tolist() == [*SCORES, [0.61] * 3] and table.ended_at.tolist() == [3, 3, 2, 0]
    assert table.status.tolist() == [None, None, None, "failed"] and table.step.tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", ["mlflow", "optuna"])
def test_a_database_under_a_path_that_is_no_url(tmp_path, storage, kind):
    """What has a meaning in a URL, or in Optuna's, is in the name of the folder; beside the file nothing is written."""
    source = LAYOUTS / "mlflow/mlflow.db" if kind == "mlflow" else Path(storage.removeprefix("sqlite:///"))
    folder = tmp_path / "runs#1?a=b%41{c}"
    folder.mkdir()
    shutil.copy(source, folder / "runs.db")
    score = "eval_accuracy" if kind == "mlflow" else "intermediate_value"
    options = ImportOptions(model="m", task="rte", recipe="r", score=score)
    assert import_curves(folder / "runs.db", tmp_path / "set", options).trials == (3 if kind == "mlflow" else 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name, "set"]
    assert [path.name for path in folder.iterdir()] == ["runs.db"]


def test_a_study_knows_its_direction(tmp_path):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = f"sqlite:///{tmp_path / 'study.db'}"
    for name in ("one", "two"):
        study = optuna.create_study(storage=url, study_name=name, direction="minimize")
        study.add_trial(optuna.trial.create_trial(value=0.5, intermediate_values={0: 0.7, 1: 0.5}))
    options = {"model": "m", "task": "lm", "recipe": "r"}
    with pytest.raises(TrialSetError, match="must hold one study, or --study says which; found one, two"):
        import_curves(url, tmp_path / "set", ImportOptions(**options))
    import_curves(url, tmp_path / "set", ImportOptions(**options, study="two"))
    (table,) = load_trials(tmp_path / "set").tables
    assert (table.sign, table.score.tolist()) == (-1, [[-0.7, -0.5]])


def test_what_reads_a_study_is_said_where_it_lacks(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(TrialSetError, match="a study is read by Optuna: pip install optuna$"):
        import_curves("sqlite:///none.db", tmp_path / "set", ImportOptions())
