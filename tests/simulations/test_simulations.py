"""The simulation itself, with one family of worlds and few replicates."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from tests.simulations import coverage, report
from tests.simulations.rules import RULES, Replayed
from tests.simulations.worlds import KINDS, family, hidden


def run(monkeypatch, folder, *more):
    monkeypatch.setattr(coverage, "BLOCK", 1)
    few = ["--worlds", "2", "--replicates", "40", "--subgrids", "200", "--budgets", "4", "8"]
    monkeypatch.setattr(sys, "argv", ["coverage", str(folder), *few, *more])
    coverage.main()


def test_a_simulation_is_resumed_and_reported(monkeypatch, tmp_path, capsys):
    run(monkeypatch, tmp_path, "--equals")
    first = (tmp_path / "0001.npz").stat().st_mtime_ns
    (tmp_path / "0000.npz").unlink()
    run(monkeypatch, tmp_path, "--equals")
    assert (tmp_path / "0001.npz").stat().st_mtime_ns == first and len(list(tmp_path.iterdir())) == 2
    found = report.load(tmp_path)
    assert found["over"].shape == (2, len(KINDS), 3, len(RULES), 3)
    assert not found["over"][..., 0, :2].any()  # best-of-n against itself
    with pytest.raises(SystemExit, match="take another folder"):
        run(monkeypatch, tmp_path, "--grain", "1")


def test_rules_see_what_they_start_and_keep_what_they_saw():
    rng = np.random.default_rng(0)
    for world in family(12, 12, shared=0.5, missing=0.1, grain=0.5, rng=rng):
        drawn = hidden(world, 30, 60, rng=rng)
        assert world.there[drawn.order].all()
        for campaigns in Replayed(world, drawn).board(8):
            assert np.isin(campaigns.score, world.test[world.there]).all()
            assert campaigns.rows.scores().shape == (30, 12)
            assert np.bincount(campaigns.rows.replicate, minlength=30).max() <= 9


@pytest.mark.parametrize("kind", KINDS)
def test_equal_rules_are_equal(kind):
    """In the mean over many orders, the next n trials are as good as the first."""
    rng = np.random.default_rng(1)
    world = family(12, 12, shared=0.5, missing=0.0, grain=0.0, rng=rng, kinds=[kind])[0]
    board = Replayed(world, hidden(world, 8000, 81, rng=rng)).board(8)
    differences = [board[0].score - other.score for other in board[1:4]]
    errors = [difference.std() / np.sqrt(8000) for difference in differences]
    assert np.abs(np.mean(differences, axis=1)).max() < 4 * max(errors)
