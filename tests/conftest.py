"""Fixtures for all tests: small trial sets. What they are made of is in `tests.synthetic`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seedbench.trialset import TrialSet, load_trials
from tests.synthetic import split_like_training, write


@pytest.fixture(scope="session")
def trials_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial set of three tables: SST-2 6 × 6 and 4 × 4 (another recipe), MRPC 4 × 5 with a hole. Do not change it."""
    return write(
        tmp_path_factory.mktemp("trials") / "synthetic",
        split_like_training(6, 6, seed=1),
        split_like_training(4, 4, seed=2, recipe="other"),
        split_like_training(4, 5, task="mrpc", seed=3, missing=[(1, 2)]),
    )


@pytest.fixture(scope="session")
def trials(trials_folder: Path) -> TrialSet:
    """`trials_folder`, loaded."""
    return load_trials(trials_folder)


@pytest.fixture
def write_set(tmp_path: Path) -> Callable[..., Path]:
    """Writes a trial set of the given splits to a new folder of this test."""

    def write_new(*splits, name="trials", **options):
        return write(tmp_path / name, *splits, **options)

    return write_new
