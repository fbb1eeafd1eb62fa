"""A training that takes milliseconds, all of it recorded, and strategies that have something to decide."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from seedbench.live import Run, fresh_seeds
from seedbench.trialset import TrialTable, load_trials, write_trials

TRAINING = Path(__file__).with_name("small_training.py")
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
