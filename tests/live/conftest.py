"""A training that takes milliseconds, all of it recorded, and strategies that have something to decide."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from seedbench.cli.app import app
from seedbench.commands import exit_code
from seedbench.live import Run, fresh_seeds
from seedbench.live.log import read_log
from seedbench.trialset import TrialTable, load_trials, write_trials

TRAINING = Path(__file__).with_name("small_training.py")
ROOT = Path(__file__).parents[2]
GRID, SEED, BUDGET, CHECKPOINTS, NAME = (4, 3), 5, 4, 5, "numpy/task/recipe"


@pytest.fixture(scope="session")
def training() -> ModuleType:
    """`small_training.py` as a module."""
    spec = importlib.util.spec_from_file_location("small_training", TRAINING)
    module = importlib.util.module_from_spec(spec)
    sys.modules["small_training"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def recorded(training: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> TrialTable:
    """All cells of the grid that a live campaign of this seed may start, trained to the end and written as a set."""
    folder = tmp_path_factory.mktemp("recorded")
    model, task, recipe = NAME.split("/")
    rows = []
    for wi in fresh_seeds(SEED, "weight_init_seed", GRID[0]).tolist():
        for do in fresh_seeds(SEED, "data_order_seed", GRID[1]).tolist():
            own = folder / f"{wi}-{do}"
            own.mkdir()
            measured = list(training.train(Run(wi, do, own)))
            names = ("step", "score", "validation_loss", "train_loss")
            rows.append(
                {
                    "trial_id": own.name,
                    "model": model,
                    "task": task,
                    "recipe": recipe,
                    "weight_init_seed": wi,
                    "data_order_seed": do,
                    "num_steps": measured[-1].step,
                    "score_name": "accuracy",
                    **{name: [getattr(one, name) for one in measured] for name in names},
                }
            )
    write_trials(folder / "set", {"trials": {task: rows}}, name="a/b", version="1.0.0")
    (table,) = load_trials(folder / "set").tables
    return table


COMMAND = shlex.join([sys.executable, str(TRAINING)]) + " --seed {weight_init_seed} --data-seed {data_order_seed}"
COMMAND += " --out {folder}"


def live_words(strategy: str, out: Path, *more: str, train: str = COMMAND, budget: int = BUDGET) -> list[str]:
    """The command line of a campaign on the small training, after `seedbench`."""
    fixed = ["--train", train, "--checkpoints", str(CHECKPOINTS), "--budget", str(budget), "--out", str(out)]
    fixed += ["--grid", f"{GRID[0]}x{GRID[1]}", "--seed", str(SEED), "--name", NAME, "--metric", "accuracy"]
    return ["live", strategy, *fixed, *more]


def start_live(*words: str, **environment: str) -> subprocess.Popen:
    """`seedbench live` as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "seedbench", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def processes_in(folder: Path) -> dict[int, str]:
    """The processes whose command line has this folder, with their state as /proc has it: R, S, T, …"""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if f"{folder}/runs" in words and state != "Z":
            found[int(entry.name)] = state
    return found


def until(condition: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:g} s until {what}"
        time.sleep(0.01)


def run(*words: str):
    return CliRunner().invoke(app, list(words))


def told(out: Path) -> list[tuple]:
    """What a campaign was told, in the order of trials and checkpoints; without times."""
    _, events = read_log(out / "log.jsonl")
    return sorted(
        (e.trial, e.checkpoint, e.weight_init_seed, e.data_order_seed, e.score, e.step, e.validation_loss, e.failed)
        for e in events
    )


def decided(out: Path) -> dict:
    """The report without times and without what depends on how fast a process was stopped."""
    report = json.loads((out / "report.json").read_text())
    del report["measured_beyond"], report["plan"]["training"]
    for trial in report["trials"]:
        del trial["seconds"]
    for name in ("saved", "train_again"):
        del report["kept"][name]
    return report


def script(folder: Path, text: str) -> str:
    path = folder / "train.py"
    path.write_text(
        "import json, os, pathlib, signal, sys, time\nseed, out = int(sys.argv[1]), pathlib.Path(sys.argv[2])\n" + text
    )
    return shlex.join([sys.executable, str(path)]) + " {weight_init_seed} {folder}"


def refused(monkeypatch, capsys, words: list[str]) -> tuple[int, str]:
    """The exit code of a command, and the last line that it says; no traceback."""
    monkeypatch.setattr(sys, "argv", ["seedbench", *words])
    code, said = exit_code(app, "seedbench"), capsys.readouterr().err
    assert "Traceback" not in said
    return code, said.splitlines()[-1]


def line(step: int, score: str = "0.5") -> str:
    return f'print(json.dumps({{"step": {step}, "score": {score}}}))\n'


@pytest.fixture
def campaign_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder for a campaign, of which no process is left in the end."""
    yield tmp_path / "out"
    until(lambda: not processes_in(tmp_path / "out"), "nothing of the campaign is left running")
