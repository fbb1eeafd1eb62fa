"""A strategy on live trials: the campaign of a replay, pauses that leave no trace, and a folder ready to use."""

from __future__ import annotations

import io
import json
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from huggingface_hub import ModelCard
from jinja2 import UndefinedError
from rich.console import Console
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertModel
from typer.testing import CliRunner

from runners.block import BlockRunner
from runners.data.recipe import get_recipe
from runners.engines import dropout
from runners.engines.reference import ReferenceTrial, finetune, predict
from runners.export import rows_of, trial_row
from runners.live.__main__ import live, main
from runners.live.folder import TEMPLATES
from runners.live.report import Report
from runners.live.trials import LiveTrialError, LiveTrials
from runners.table import TableSpec
from runners.trial_log import Cell, TrialLog, read_log
from seedbench.campaign import Around, shown_loss
from seedbench.errors import StrategyFailed
from seedbench.live import fresh_seeds
from seedbench.replay import Deadline, RecordedTrials, run_campaign, whole_table
from seedbench.strategy import load_strategy
from seedbench.trialset import TrialTable, load_trials, write_trials

torch.set_num_threads(1)
GRID, SEED, BUDGET = (3, 3), 5, 4
CHANGES = {"learning_rate": 2e-3, "epochs": 3, "validations_per_epoch": 2, "batch_size": 20, "max_length": 24}
RECIPE = get_recipe("stable", precision="fp32", **CHANGES)  # 60 examples: 9 steps a trial, checkpoints at 2 3 5 6 8 9
STEPS = 9

MIDDLE = """
def strategy(campaign):
    trial = campaign.start()
    while not trial.complete:
        trial.advance()
    return next(point for point in trial.checkpoints[:-1] if point is not trial.best)
"""
BY_ROW = """
def strategy(campaign):
    for row in campaign.rng.permutation(campaign.grid[0]):
        trial = campaign.start(weight_init_seed=int(row))
        trial.advance()
    best = max(campaign.trials, key=lambda trial: trial.best.score)
    while True:
        trial = campaign.start(weight_init_seed=best.weight_init_seed)
        while not trial.complete:
            trial.advance()
"""


@pytest.fixture(scope="module")
def lively_model(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model with larger random weights, so that its predictions differ between examples and trials."""
    folder = str(tmp_path_factory.mktemp("models") / "lively-bert")
    shutil.copytree(tiny_model, folder)
    torch.manual_seed(0)
    BertModel(BertConfig.from_pretrained(folder, initializer_range=0.3)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def spec(lively_model: str, tiny_glue: str) -> Callable[[Path], TableSpec]:
    return lambda out: TableSpec(
        model=lively_model,
        model_name="tiny/bert",
        glue=tiny_glue,
        task="mrpc",
        recipe=RECIPE,
        engine="reference",
        out=out,
    )


@pytest.fixture(scope="module")
def recorded(spec, tmp_path_factory: pytest.TempPathFactory) -> tuple[TrialTable, dict[Cell, TrialLog]]:
    """The cells that a live campaign of this grid and seed may start, all trained by the runner and exported."""
    folder = tmp_path_factory.mktemp("recorded")
    rows, columns = (
        fresh_seeds(SEED, axis, size) for axis, size in zip(("weight_init_seed", "data_order_seed"), GRID, strict=True)
    )
    cells = [Cell(int(row), int(column)) for row in rows for column in columns]
    table = spec(folder / "logs")
    list(BlockRunner(table, "cpu").run(cells))
    logs = {cell: read_log(table.log_path(cell)) for cell in cells}
    write_trials(folder / "set", rows_of(logs.values()), name="a/b", version="1.0.0")
    (exported,) = load_trials(folder / "set").tables
    assert len(np.unique(exported.score)) > 5  # there is something to decide
    return exported, logs


def run(spec: TableSpec, strategy: str | Path, **options: Any) -> Report:
    console = Console(file=io.StringIO())
    return live(spec, load_strategy(str(strategy)), BUDGET, console=console, **{"grid": GRID, "seed": SEED, **options})


def what_happened(report: Report) -> dict[str, Any]:
    """The report without times, and without the commit, which may change while the tests run."""
    fields = json.loads(report.to_json())
    for name in ("train_seconds", "evaluation_seconds", "provenance"):
        del fields[name]
    return fields


def weights_logits(folder: Path, data: Any) -> np.ndarray:
    """What the kept weights predict in the model that is trained, with our attention: comparable to the last bit."""
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    dropout.install(model, RECIPE.dropout, RECIPE.max_length)
    return predict(model, data.validation, RECIPE, "cpu")


@pytest.mark.parametrize(
    ("strategy", "in_memory"),
    [("asha", 1), ("hyperband", 2), ("median_stopping", 3), ("last_checkpoint", 1), (BY_ROW, 1), (MIDDLE, 1)],
)
def test_replay_equals_life(strategy: str, in_memory: int, spec, recorded, tiny_glue: str, tmp_path: Path) -> None:
    table, logs = recorded
    if "\n" in strategy:
        (tmp_path / "my_strategy.py").write_text(strategy)
        strategy = str(tmp_path / "my_strategy.py")
    whole = whole_table(table, seed=SEED, protocol="dodge2020")  # nothing is held back
    trials, payments = RecordedTrials(whole, 0), []

    def pay(labels: tuple[int, int], advance: Callable[[], Any]) -> Any:
        measured = advance()
        payments.append((*labels, *measured[:3]))
        return measured

    source = Around(trials.source(), pay)
    replayed = run_campaign(load_strategy(strategy), trials, BUDGET, deadline=Deadline(60), source=source)
    kept_trial = trials.trial(replayed.weight_init_seed, replayed.data_order_seed)

    out = tmp_path / "best"
    report = run(spec(out), strategy, in_memory=in_memory)

    trial = {trial.trial: trial for trial in report.trials}
    labels = {number: (trial[number].weight_init_label, trial[number].data_order_label) for number in trial}
    lived = [
        (*labels[c.trial], c.score, float(shown_loss(c.validation_loss)), float(shown_loss(c.train_loss)))
        for c in report.checkpoints
    ]
    assert lived == payments
    assert report.steps_spent == report.steps_trained == replayed.steps_spent
    assert len(report.trials) == replayed.trials_started
    kept = report.kept_trial()
    assert f"{kept.weight_init_seed}-{kept.data_order_seed}" in table.trial_id[kept_trial]
    assert report.kept.checkpoint == replayed.checkpoint
    assert report.kept.score == table.score[kept_trial, replayed.checkpoint]

    seen = logs[Cell(kept.weight_init_seed, kept.data_order_seed)].outcome.logits[report.kept.checkpoint]
    runner = BlockRunner(spec(out), "cpu")
    assert np.array_equal(weights_logits(out, runner.data), seen)
    assert report.kept.retrained == (0.0 if Path(strategy).exists() and "next(" in Path(strategy).read_text() else None)
    assert report.kept.predictions_changed == 0 and report.kept.logits_changed_by < 1e-5
    assert stock_predictions(out, tiny_glue) == seen.argmax(-1).tolist()


def stock_predictions(folder: Path, glue: str) -> list[int]:
    """As somebody would use the folder who knows nothing of this project."""
    frame = pd.read_parquet(Path(glue) / "mrpc" / "validation-00000-of-00001.parquet")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        texts = frame["sentence1"].tolist(), frame["sentence2"].tolist()
        return model(**tokenizer(*texts, padding=True, return_tensors="pt")).logits.argmax(-1).tolist()


@pytest.mark.parametrize(("recipe_name", "precision"), [("dodge2020", "bf16"), ("stable", "fp32")])
def test_a_paused_trial_has_the_bits_of_one_that_was_not(
    spec, recipe_name: str, precision: str, tmp_path: Path
) -> None:
    runner = BlockRunner(spec(tmp_path), "cpu")
    recipe, cell = get_recipe(recipe_name, precision=precision, **CHANGES), Cell(3, 8)
    whole, model = finetune(runner.model, runner.data, recipe, cell)
    for pause_at in (1, 3, 4, 8):  # after the first step, at the end of an epoch, between validation points, at one

        def pause(step: int, at: int = pause_at) -> None:
            if step == at:
                raise KeyboardInterrupt

        first = ReferenceTrial(runner.model, runner.data, recipe, cell)
        with pytest.raises(KeyboardInterrupt):
            while True:
                first.advance(pause)
        torch.save(first.state_dict(), tmp_path / "state.pt")
        torch.manual_seed(pause_at)
        trial = ReferenceTrial(runner.model, runner.data, recipe, cell)
        trial.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
        assert trial.step == pause_at
        while not trial.complete:
            trial.advance()
        for name in ("step_train_loss", "gradient_norm", "logits"):
            assert np.array_equal(getattr(trial.outcome(), name), getattr(whole, name)), (name, pause_at)
        for name, value in trial.model.state_dict().items():
            assert torch.equal(value, model.state_dict()[name]), (name, pause_at)


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Counts the training steps of the process; a real signal arrives in the middle of step number ``at``."""
    counter = SimpleNamespace(steps=0, at=0, signal=signal.SIGINT)
    train_step = ReferenceTrial._train_step

    def counted(trial: ReferenceTrial) -> None:
        counter.steps += 1
        if counter.steps == counter.at:
            signal.raise_signal(counter.signal)
        train_step(trial)

    monkeypatch.setattr(ReferenceTrial, "_train_step", counted)
    yield counter


def test_an_interrupted_campaign_goes_on_where_it_stopped(spec, tmp_path: Path, interrupt_at) -> None:
    whole = what_happened(run(spec(tmp_path / "whole"), "asha"))
    interrupt_at.steps = 0
    for at, number in ((3, signal.SIGINT), (20, signal.SIGTERM)):
        interrupt_at.at, interrupt_at.signal = at, number
        with pytest.raises(KeyboardInterrupt):
            run(spec(tmp_path / "best"), "asha")
        assert interrupt_at.steps == at  # the step was finished, and no other begun
        assert not (tmp_path / "best").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    report = what_happened(run(spec(tmp_path / "best"), "asha", seed=None))  # the seed is in the folder
    assert report == whole
    assert interrupt_at.steps == report["steps_spent"]  # nothing was trained twice
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "whole"]


def test_what_a_killed_process_leaves_is_gone_on_from(
    spec, recorded, tmp_path: Path, interrupt_at, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody pauses the first trials: all there is of them is what was written at their last checkpoint."""
    monkeypatch.setattr("runners.live.trials.WRITE_SECONDS", 0.0)
    cell, log = next(iter(recorded[1].items()))
    runner = BlockRunner(spec(tmp_path), "cpu")
    for checkpoint in range(6):
        row = LiveTrials(runner, tmp_path, 1, lambda cell, step: None).row(cell, checkpoint)
        assert len(row["score"]) == checkpoint + 1
        assert interrupt_at.steps == log.record.step[checkpoint]
    for name, values in trial_row(log).items():
        if not name.endswith("_seconds"):
            assert np.array_equal(row[name], values), name


def test_trials_that_are_kept_are_not_trained_again(spec, tmp_path: Path, interrupt_at) -> None:
    run(spec(tmp_path / "first"), "full_trials", trials=tmp_path / "trials")
    assert interrupt_at.steps == 4 * STEPS
    interrupt_at.steps = 0
    second = run(spec(tmp_path / "second"), "last_checkpoint", trials=tmp_path / "trials")
    assert interrupt_at.steps == 0
    assert second.steps_spent == second.steps_trained == 4 * STEPS
    with pytest.raises(LiveTrialError, match="its seed is 5, here it is 6"):
        run(spec(tmp_path / "third"), "asha", trials=tmp_path / "trials", seed=6)
    damaged = next((tmp_path / "trials").glob("*.pt"))
    damaged.write_bytes(damaged.read_bytes()[:1000])
    with pytest.raises(LiveTrialError, match="not a paused trial"):
        run(spec(tmp_path / "third"), "full_trials", trials=tmp_path / "trials")


def test_a_full_disk_is_said_and_leaves_nothing_half_written(spec, tmp_path: Path) -> None:
    (tmp_path / "ignores.py").write_text(
        "def strategy(campaign):\n"
        "    while campaign.unstarted:\n"
        "        try:\n"
        "            campaign.start().advance()\n"
        "        except Exception:\n"
        "            pass\n"
    )
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(LiveTrialError, match=r"wi\d+-do\d+.pt: cannot be written"):
            run(spec(tmp_path / "best"), tmp_path / "ignores.py", in_memory=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in (tmp_path / "best.trials").iterdir()] == ["campaign.json"]
    assert not (tmp_path / "best").exists()


def test_fresh_seeds_are_different_and_the_campaigns_own() -> None:
    rows = fresh_seeds(5, "weight_init_seed", 25)
    assert len(set(rows.tolist())) == 25 and rows.min() >= 0 and rows.max() < 2**31
    assert rows.tolist() == sorted(fresh_seeds(5, "weight_init_seed", 25).tolist())
    for other in (fresh_seeds(6, "weight_init_seed", 25), fresh_seeds(5, "data_order_seed", 25)):
        assert not set(rows.tolist()) & set(other.tolist())


def test_a_name_without_a_value_is_an_error_in_the_model_card() -> None:
    with pytest.raises(UndefinedError, match="is undefined"):
        TEMPLATES.get_template("model_card.md").render(name="a model")


# ---- the command ---------------------------------------------------------------------------------------------------


def command(tiny_model: str, tiny_glue: str, *arguments: object) -> Any:
    app = typer.Typer()
    app.command()(main)
    fixed = ["--model", tiny_model, "--model-name", "tiny/bert", "--glue", tiny_glue, "--task", "sst2"]
    fixed += ["--recipe", "stable", "--set", "precision=fp32", "--set", "epochs=1", "--set", "validations_per_epoch=2"]
    return CliRunner().invoke(app, [*fixed, *map(str, arguments)])


def test_the_command_leaves_a_model_a_card_and_a_report(tiny_model: str, tiny_glue: str, tmp_path: Path) -> None:
    """Full trials with a budget of 2: two of 4 steps each, nothing saved."""
    out = tmp_path / "deep" / "best"
    result = command(tiny_model, tiny_glue, "full_trials", "--budget", 2, "--grid", "2x2", "--out", f"{out}/")
    assert result.exit_code == 0, result.output
    report = json.loads((out / "report.json").read_text())
    assert report["steps_spent"] == report["steps_of_all_started"] == 8
    assert [trial["checkpoints"] for trial in report["trials"]] == [2, 2]
    assert report["grid"] == [2, 2] and report["seed"] >= 0
    assert (out / "report.txt").read_text() in result.output
    assert "Spent: 8 training steps, 2.00 of the budget's 2 full trials, on 2 trials" in result.output
    card = ModelCard.load(out / "README.md")
    assert card.data.base_model == "tiny/bert" and card.content == (out / "README.md").read_text()
    assert [result.metric_value for result in card.data.eval_results] == [report["kept"]["accuracy"]]
    assert AutoModelForSequenceClassification.from_pretrained(out).config.id2label == {0: "negative", 1: "positive"}
    assert tiny_model not in "".join(path.read_text() for path in out.glob("*.*") if path.suffix != ".safetensors")
    assert sorted(path.name for path in out.parent.iterdir()) == ["best"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["full_trials", "--budget", 5, "--grid", "2x2"], "--budget 5: must be from 1 to 4, the trials of --grid"),
        (["full_trials", "--budget", 1, "--grid", "2"], "--grid '2': must be weight-init seeds x data-order seeds"),
        (["full_trial", "--budget", 1], "no strategy 'full_trial'"),
        (["full_trials", "--budget", 1, "--set", "epoch=2"], "a recipe has no field 'epoch'"),
        (["full_trials", "--budget", 1, "--device", "gpu"], "--device 'gpu': expected cpu, cuda, cuda:0, …"),
    ],
)
def test_a_wrong_command_is_one_line(
    tiny_model: str, tiny_glue: str, tmp_path: Path, arguments: list[object], said: str
) -> None:
    result = command(tiny_model, tiny_glue, *arguments, "--out", tmp_path / "best")
    assert result.exit_code == 2
    assert result.output.startswith("error: ") and said in result.output and result.output.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_out_that_is_there_is_refused(tiny_model: str, tiny_glue: str, tmp_path: Path) -> None:
    result = command(tiny_model, tiny_glue, "full_trials", "--budget", 1, "--out", tmp_path)
    assert result.exit_code == 2 and "is there already" in result.output


def test_a_strategy_that_raises_shows_its_own_lines(tiny_model: str, tiny_glue: str, tmp_path: Path) -> None:
    file = tmp_path / "broken.py"
    file.write_text("def strategy(campaign):\n    campaign.start().advance()\n    return campaign.trials[7]\n")
    result = command(tiny_model, tiny_glue, file, "--budget", 1, "--grid", "2x2", "--out", tmp_path / "best")
    assert result.exit_code == 2
    assert f'File "{file}", line 3, in strategy' in result.output and result.output.count('  File "') == 1
    assert "error: strategy broken.py raised IndexError: tuple index out of range; what was trained is kept" in (
        result.output
    )
    assert len(list((tmp_path / "best.trials").glob("*.pt"))) == 1  # mended, it goes on from here
    file.write_text("def strategy(campaign):\n    campaign.start().advance()\n    return campaign.trials[0]\n")
    result = command(tiny_model, tiny_glue, file, "--budget", 1, "--grid", "2x2", "--out", tmp_path / "best")
    assert result.exit_code == 0
    assert json.loads((tmp_path / "best" / "report.json").read_text())["steps_trained"] == 2


def test_a_strategy_that_pays_for_nothing_fails_as_in_a_replay(spec, tmp_path: Path) -> None:
    (tmp_path / "idle.py").write_text("def strategy(campaign):\n    campaign.start()\n")
    with pytest.raises(StrategyFailed, match="paid for no checkpoint"):
        run(spec(tmp_path / "best"), tmp_path / "idle.py")
