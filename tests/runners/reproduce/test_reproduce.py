"""Recorded trials trained again: what is the same is said to be, and every difference is counted."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from transformers import BertConfig, BertModel
from typer.testing import CliRunner, Result

from runners.block import BlockRunner
from runners.data.recipe import get_recipe
from runners.export import rows_of
from runners.reproduce.__main__ import draw, main
from runners.reproduce.differences import PROVENANCE, compare, keep, kept_in, words
from runners.table import TableSpec
from runners.trial_log import Cell, TrialLog, read_log, write_log
from seedbench.trialset import Reproduction, TableDrawnFrom, TrainedAgain, load_trials, write_trials
from tests.synthetic import split_like_training, write

torch.set_num_threads(1)
pytestmark = pytest.mark.usefixtures("quick_workers")
CELLS = [Cell(weight, order) for weight in range(2) for order in range(3)]
RECIPE = get_recipe(
    "few256", epochs=2, batch_size=20, max_length=24, learning_rate=1e-2, train_examples=40, precision="fp32"
)  # two steps an epoch, each followed by a validation on 20 examples
NOBODY = dict.fromkeys(PROVENANCE) | {"torch_version": "1.0"}


@pytest.fixture(scope="module")
def spec(tiny_model: str, tiny_glue: str) -> Callable[[Path], TableSpec]:
    return lambda out: TableSpec(
        model=tiny_model,
        model_name="someone/tiny",
        glue=tiny_glue,
        task="sst2",
        recipe=RECIPE,
        engine="reference",
        out=out,
    )


@pytest.fixture(scope="module")
def recorded(spec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial set of six trials by the reference engine, with the loss of every step."""
    folder = tmp_path_factory.mktemp("recorded")
    table = spec(folder / "logs")
    list(BlockRunner(table, "cpu").run(CELLS))
    logs = [read_log(table.log_path(cell)) for cell in CELLS]
    write_trials(folder / "set", rows_of(logs, steps=True), name="a/b", version="1.0.0")
    return folder


def run(recorded: Path, model: str, glue: str, out: Path, *more: str) -> Result:
    app = typer.Typer()
    app.command()(main)
    arguments = ["--trials", str(recorded / "set"), "--model", model, "--glue", glue, "--out", str(out), *more]
    return CliRunner().invoke(app, arguments)


def test_a_reproduced_trial_is_equal_to_the_last_bit_and_trained_once(
    recorded: Path, tiny_model: str, tiny_glue: str, tmp_path: Path
) -> None:
    arguments = (recorded, tiny_model, tiny_glue, tmp_path / "out", "--cells", "2", "--threads", "1")
    first = run(*arguments, "--json", str(tmp_path / "found.json"))
    assert first.exit_code == 0, first.output
    assert "2 of 2 trials are equal in everything recorded." in first.output
    assert "At all 8 checkpoints every dev example is predicted the same." in first.output
    (done,) = json.loads((tmp_path / "found.json").read_text())
    assert (done["name"], done["engine"], done["seed"], done["tables"][0]["trials"]) == ("a/b", "reference", 0, 6)
    for trial in done["trials"]:
        assert trial["equal"] and trial["score"] == trial["recorded_score"]
        assert trial["predictions_changed"] == [0] * 4 and trial["step_train_loss"] == 0
        assert trial["validation_loss"] == trial["train_loss"] == [0] * 4
    logs = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "reference").rglob("*.npz")}
    again = run(*arguments, "--json", str(tmp_path / "found.json"))
    assert "2 of 2 trials are there already" in again.output
    assert {path: path.stat().st_mtime_ns for path in logs} == logs and len(logs) == 2
    assert json.loads((tmp_path / "found.json").read_text()) == [done]  # in the place of the same draw


def test_the_draw_is_seeded_and_a_smaller_one_is_its_beginning(recorded: Path) -> None:
    tables = load_trials(recorded / "set", predictions=True).tables
    drawn = {seed: draw(tables, recorded / "set", 6, seed)[0].cells for seed in range(4)}
    assert all(sorted(map(repr, cells)) == sorted(map(repr, CELLS)) for cells in drawn.values())
    assert len({tuple(cells) for cells in drawn.values()}) > 1
    (two,) = draw(tables, recorded / "set", 2, 3)
    assert two.cells == drawn[3][:2]
    assert [row["trial_id"] for row in two.rows] == [
        f"someone/tiny/few256/{cell.weight_init_seed}-{cell.data_order_seed}" for cell in two.cells
    ]


def test_the_other_engine_is_compared_in_its_own_folder_and_kept_beside(
    recorded: Path, spec, tiny_model: str, tiny_glue: str, tmp_path: Path
) -> None:
    """What both engines trained is there already, so that nothing is trained here: the draw of seed 0 is compared."""
    tables = load_trials(recorded / "set", predictions=True).tables
    cells = draw(tables, recorded / "set", 2, 0)[0].cells
    shutil.copytree(recorded / "logs", tmp_path / "out" / "reference")
    list(BlockRunner(replace(spec(tmp_path / "out" / "stacked"), engine="stacked"), "cpu").run(cells))
    file = tmp_path / "found.json"
    for engine in ("reference", "stacked"):
        more = ("--cells", "2", "--engine", engine, "--json", str(file))
        done = run(recorded, tiny_model, tiny_glue, tmp_path / "out", *more)
        assert done.exit_code == 0, done.output
    assert "engine: recorded reference, now stacked." in done.output
    reference, stacked = json.loads(file.read_text())
    assert (reference["engine"], stacked["engine"]) == ("reference", "stacked")
    assert all(trial["equal"] for trial in reference["trials"])
    assert all(0 < trial["step_train_loss"] < 1e-5 for trial in stacked["trials"])  # other sums, the same trial
    assert not any(trial["equal"] for trial in stacked["trials"])


# --- by hand ----------------------------------------------------------------------------------------------------------


def changed(log: TrialLog, examples: list[int]) -> TrialLog:
    """The log with the logits of these dev examples exchanged at the last checkpoint."""
    logits = log.outcome.logits.copy()
    logits[-1, examples] = logits[-1, examples, ::-1]
    return replace(log, outcome=replace(log.outcome, logits=logits))


def compared(recorded: Path, spec, examples: list[int]) -> TrainedAgain:
    (table,) = load_trials(recorded / "set", predictions=True).tables
    log = read_log(spec(recorded / "logs").log_path(CELLS[4]))
    return compare(table, 4, changed(log, examples), NOBODY, log.outcome.step_train_loss)


def test_what_changed_is_counted_at_its_checkpoint(recorded: Path, spec) -> None:
    """Exchanging the logits a and b of an example changes its loss by |a - b|; here for three examples of 20."""
    log = read_log(spec(recorded / "logs").log_path(CELLS[4]))
    found = compared(recorded, spec, [3, 5, 8])
    assert found.predictions_changed == [0, 0, 0, 3] and not found.equal
    right = log.outcome.logits[-1].argmax(axis=1) == log.label
    won = sum(1 if not right[example] else -1 for example in (3, 5, 8))
    assert found.score[:3] == found.recorded_score[:3]
    assert found.score[3] - found.recorded_score[3] == pytest.approx(won / 20)
    gap = np.diff(log.outcome.logits[-1, [3, 5, 8]], axis=1)[:, 0] * np.where(log.label[[3, 5, 8]] == 1, 1, -1)
    assert found.validation_loss is not None and found.validation_loss[:3] == [0, 0, 0]
    assert found.validation_loss[3] == pytest.approx(abs(gap.sum()) / 20, abs=1e-6)  # a mean over 20
    assert found.train_loss == [0] * 4 and found.step_train_loss == 0
    assert compared(recorded, spec, []).equal


def test_the_test_set_is_compared_where_it_is_recorded(recorded: Path, spec) -> None:
    (table,) = load_trials(recorded / "set", predictions=True).tables
    log = read_log(spec(recorded / "logs").log_path(CELLS[4]))
    found = compare(table, 4, log, NOBODY, None)
    assert found.equal and found.test_predictions_changed == [0] * 4
    assert table.test_score is not None and table.test_predicted_label is not None
    assert found.test_score == found.recorded_test_score == table.test_score[4].tolist()
    other = table.test_predicted_label.copy()
    other[4, 2, :2] = 1 - other[4, 2, :2]
    found = compare(replace(table, test_predicted_label=other), 4, log, NOBODY, None)
    assert not found.equal and found.test_predictions_changed == [0, 0, 2, 0]
    drawn = TableDrawnFrom("someone/tiny", "sst2", "few256", 6, None)
    said = words(Reproduction("a/b", "1.0.0", [drawn], 0, "reference", [found]))
    assert "Of the test examples 2 are predicted otherwise at most, and none at 3 of 4 checkpoints." in said
    found = compare(replace(table, test_score=None, test_predicted_label=None), 4, log, NOBODY, None)
    assert found.equal and found.test_score is None


def test_in_words(recorded: Path, spec) -> None:
    table = TableDrawnFrom("someone/tiny", "sst2", "few256", 6, 0.05)
    trials = [compared(recorded, spec, []), compared(recorded, spec, [3, 5, 8])]
    trials[1] = replace(trials[1], score=[0.5, 0.5, 0.5, 0.9], recorded_score=[0.5, 0.5, 0.5, 0.75], status="finished")
    trials[1] = replace(trials[1], recorded_status="diverged", trial_id="x")
    said = words(Reproduction("a/b", "1.0.0", [table], 0, "reference", trials))
    assert said[:6] == [
        "1 of 2 trials are equal in everything recorded.",
        "At 7 of 8 checkpoints every dev example is predicted the same; at the others 3 change at most.",
        "Of the test examples 0 are predicted otherwise at most, and none at 8 of 8 checkpoints.",
        "Best scores are off by 0.1500 at most; between seeds their standard deviation is 0.0500 (sst2 few256).",
        "Losses of training steps differ by 0 at most.",
        "Ended otherwise than recorded: x (diverged, now finished).",
    ]
    assert "engine: recorded not recorded, now reference." in said
    assert f"torch_version: recorded 1.0, now {torch.__version__}." in said


def test_losses_that_are_nan_in_both_are_the_same(recorded: Path, spec) -> None:
    (table,) = load_trials(recorded / "set", predictions=True).tables
    log = read_log(spec(recorded / "logs").log_path(CELLS[0]))
    loss = table.train_loss.copy()
    loss[0, 1] = np.nan
    steps = log.outcome.step_train_loss.copy()
    steps[1] = np.nan
    broken = replace(log, outcome=replace(log.outcome, step_train_loss=steps))
    status = np.array(["diverged", *table.status[1:]], dtype=object)
    found = compare(replace(table, train_loss=loss, status=status), 0, broken, NOBODY, steps)
    assert found.equal and found.train_loss == [0, None, 0, 0] and found.status == "diverged"


def test_what_ended_otherwise_is_said_and_a_spread_that_is_not_known_is_not(recorded: Path, spec) -> None:
    table = TableDrawnFrom("someone/tiny", "sst2", "few256", 1, None)
    one = replace(compared(recorded, spec, []), recorded_status=None, status="finished", trial_id="x")
    draw = Reproduction("a/b", "1.0.0", [table], 0, "reference", [one])
    said = words(draw)
    assert "Best scores are off by 0.0000 at most." in said
    assert "Ended otherwise than recorded: x (not recorded, now finished)." in said
    keep(draw, recorded / "unknown.json")
    assert kept_in(recorded / "unknown.json") == [draw]
    elsewhere = replace(draw, trials=[replace(one, by={**one.by, "device": "another"})])
    keep(elsewhere, recorded / "unknown.json")
    keep(draw, recorded / "unknown.json")
    assert kept_in(recorded / "unknown.json") == [elsewhere, draw]


def test_a_log_of_other_weights_is_not_taken_for_the_trial_again(
    recorded: Path, tiny_model: str, tiny_glue: str, tmp_path: Path
) -> None:
    """A folder in which somebody has trained a model of the same name, to the last of the trials that are drawn."""
    arguments = (recorded, tiny_model, tiny_glue, tmp_path / "out", "--cells", "1", "--threads", "1")
    assert run(*arguments).exit_code == 0
    (path,) = (tmp_path / "out").rglob("*.npz")
    log = read_log(path)
    write_log(path, replace(log, record=replace(log.record, model_sha256="0" * 64)))
    refused = run(*arguments)
    assert refused.exit_code == 2
    assert re.search(
        r"npz: made with other pretrained weights than trial .*: model_sha256 is 0{64} there", refused.output
    )


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--cells", "7"], "--cells 7: expected 1 to 6"),
        (["--engine", "fast"], "--engine 'fast': expected reference or stacked"),
        (["--stack", "1", "--engine", "stacked"], "--stack 1: the stacked engine trains at least 2 trials together"),
        (["--stack", "4"], "--engine reference trains one trial at a time: leave --stack and --compile out"),
        (["--task", "qnli"], "unknown task 'qnli'"),
        (["--device", "gpu"], "--device 'gpu': expected cpu, cuda, cuda:0, …"),
        (["--trials", "{out}"], "No such file or directory; a trial set is a folder with a manifest"),
        (["--json", "{out}/no/such.json"], "is no folder"),
        (["--json", "{set}/manifest.json"], "no file of reproductions"),
        (["--model", "{other}"], "the pretrained weights are not those of trial .*; check --model and --glue"),
        (["--glue", "{glue}"], "the data are not those of trial"),
        (["--trials", "{curves}"], "is not recorded, so that its trials cannot be trained again"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(
    recorded: Path, tiny_model: str, tiny_glue: str, tmp_path: Path, more: list[str], message: str
) -> None:
    places = {"out": tmp_path / "out", "set": recorded / "set", "other": tmp_path / "m", "glue": tmp_path / "g"}
    if "{other}" in more:
        shutil.copytree(tiny_model, places["other"])
        torch.manual_seed(1)
        BertModel(BertConfig.from_pretrained(tiny_model)).save_pretrained(places["other"])
    if "{glue}" in more:
        shutil.copytree(tiny_glue, places["glue"])
        train = places["glue"] / "sst2" / "train-00000-of-00001.parquet"
        pd.read_parquet(train)[::-1].to_parquet(train)
    if "{curves}" in more:
        write(tmp_path / "curves", split_like_training(3, 3, seed=0, test_examples=0))
    options = [part.format(**places, curves=tmp_path / "curves") for part in more]
    done = run(recorded, tiny_model, tiny_glue, tmp_path / "out", *options)
    assert done.exit_code == 2, done.output
    assert "Traceback" not in done.output
    errors = [line for line in done.output.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and re.search(message, errors[0]), done.output
    assert not (tmp_path / "out").exists()
