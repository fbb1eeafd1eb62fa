"""A board of one small trial set, for the tests of verification; and one of several, for those of the site."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from leaderboard.verification import prepare
from leaderboard.verify import entries_of, verify_all
from seedbench import load_trials
from tests.entries import HONEST, REPLICATES, claim, enter
from tests.leaderboard.world import world  # noqa: F401 - a fixture
from tests.synthetic import split_like_training, write

BOARD = "held-out-2-cold-1.0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A trial set that is quick to verify on: one table of 5 × 5 trials."""
    split = split_like_training(5, 5, checkpoints=3, examples=20, test_examples=200, seed=2)
    return write(tmp_path_factory.mktemp("trials") / "small", split)


@pytest.fixture(scope="module")
def claimed(folder):
    return claim(load_trials(folder))


@pytest.fixture
def verifying(folder, tmp_path):
    """A verification with its files in this test's folder."""

    def prepared(trials=None, **options):
        options = {"replicates": REPLICATES, "processes": 1, "hours": 1.0} | options
        return prepare(trials, str(folder), None, "cold", tmp_path / "results", **options)

    return prepared


@pytest.fixture(scope="module")
def honest(folder, claimed, tmp_path_factory) -> Path:
    """Two entries that are verified: a folder with `submissions` and `results`. Do not change it."""
    place = tmp_path_factory.mktemp("honest")
    for slug in ("a", "b"):
        enter(place / "submissions", slug, HONEST, claimed)
    options = {"replicates": REPLICATES, "processes": 1, "hours": 1.0}
    verification = prepare(None, str(folder), None, "cold", place / "results", **options)
    assert all(result.verified for result in verify_all(entries_of(place / "submissions"), verification, quiet()))
    return place


@pytest.fixture
def verified_before(honest, tmp_path):
    """Puts those of these names into this test's folder, with what was found of them."""

    def put(*slugs):
        public = tmp_path / "results" / BOARD / "public"
        public.mkdir(parents=True)
        shutil.copy(honest / "results" / BOARD / "board.json", public.parent)
        for slug in slugs:
            shutil.copytree(honest / "submissions" / slug, tmp_path / "submissions" / slug)
            for ending in ("json", "parquet"):
                shutil.copy(honest / "results" / BOARD / "public" / f"{slug}.{ending}", public)

    return put


def quiet() -> Console:
    return Console(record=True, width=200, file=io.StringIO())
