"""The hidden pool: what cannot be one is refused, what is published is what is revealed."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from leaderboard.boards import Board, published_pool, read_board, write_board
from leaderboard.pool import publish, reveal, unfit
from runners.data.seeds import drawn_seeds
from seedbench.errors import SeedbenchError
from seedbench.trialset import TrialSet, TrialsIdentity, TrialTable, load_trials
from tests.synthetic import split_like_training, write

NAME = "seedbench/hidden-2027"


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    return write(tmp_path_factory.mktemp("public") / "set", split_like_training(5, 5, checkpoints=3, examples=20))


def drawn(table: TrialTable, key: str = "0" * 64, number: int = 5) -> TrialTable:
    """The same trials under seeds as a sweep draws them."""
    seeds = {axis: np.sort(drawn_seeds(key, axis, number)) for axis in ("weight_init_seed", "data_order_seed")}
    return replace(table, weight_init_seeds=seeds["weight_init_seed"], data_order_seeds=seeds["data_order_seed"])


def made(public, **changes) -> TrialSet:
    (table,) = load_trials(public).tables
    return TrialSet(NAME, "1.0.0", "1" * 64, None, (replace(drawn(table), **changes),))


def test_random_seeds_of_the_public_tables_are_fit(public):
    assert list(unfit(made(public), load_trials(public))) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weight_init_seeds": np.array([7, 2**60, 2**61, 2**62, 2**62 + 1])}, "has 7 among its weight_init_seeds"),
        ({"test_score": None}, "has no test scores"),
        ({"fields": {"epochs": 99}}, "was trained otherwise than in .*: epochs"),
    ],
)
def test_what_cannot_be_a_hidden_pool(public, changes, said):
    (found,) = unfit(made(public, **changes), load_trials(public))
    assert re.search(said, found)


def test_a_pool_has_the_public_tables(public):
    missing, unknown = unfit(made(public, recipe="other"), load_trials(public))
    assert missing.startswith("it has no trials of mini/sst2/few") and "mini/sst2/other is no table of" in unknown


def test_a_pool_has_the_trials_that_the_budgets_need(public, tmp_path):
    """5 × 5 public trials take part in budgets of 2 and 4, with pools of 16; ten runs of one data order do not."""
    folder = write(tmp_path / "small", split_like_training(10, 1, checkpoints=3, examples=20, seed=9), name=NAME)
    (table,) = (pool := load_trials(folder)).tables
    seeds = {name: drawn_seeds("0" * 64, name, size) for name, size in (("weight", 10), ("data", 1))}
    runs = replace(table, weight_init_seeds=np.sort(seeds["weight"]), data_order_seeds=np.array(seeds["data"]))
    (found,) = unfit(replace(pool, tables=(runs,)), load_trials(public))
    assert found == "mini/sst2/few has pools of 8 trials; the public one takes part in a budget of 4, which needs 16"
    few = load_trials(write(tmp_path / "few", split_like_training(5, 2, checkpoints=3, examples=20)))
    shown = load_trials(public)
    with_few = replace(shown, tables=(*shown.tables, replace(few.tables[0], recipe="other")))
    small = replace(drawn(few.tables[0], number=5), data_order_seeds=np.array([2**60, 2**61]), recipe="other")
    (found,) = unfit(replace(made(public), tables=(*made(public).tables, small)), with_few)
    assert found.startswith(
        "mini/sst2/other is a grid of 5 × 2 seeds, 10 trials: two to four seeds of an axis leave no"
    )


def test_a_pool_that_was_revealed_cannot_be_hidden_again(public):
    shown = load_trials(public)
    pool = made(public)
    known = replace(shown, tables=(drawn(shown.tables[0]),))
    assert len(found := list(unfit(pool, known))) == 2
    least = min(drawn_seeds("0" * 64, "weight_init_seed", 5))
    assert found[0].endswith(f"shares weight_init_seeds with {shown.name}, such as {least}")


def test_the_command_refuses_small_seeds_and_writes_nothing(public, tmp_path):
    small = write(tmp_path / "small", split_like_training(5, 5, checkpoints=3, examples=20, seed=9), name=NAME)
    with pytest.raises(SeedbenchError, match="its weight_init_seeds, which anybody can train; draw them at random"):
        publish(small, str(public), None, tmp_path / "pool.json")
    assert not (tmp_path / "pool.json").exists()


def test_published_revealed(public, tmp_path, monkeypatch):
    """The set that is fetched is compared with what a board was closed with; its commit is written down."""
    pool, results = made(public), tmp_path / "results"
    monkeypatch.setattr("leaderboard.pool.load_trials", lambda source, revision=None: load(source, revision))
    revisions = []

    def load(source, revision):
        revisions.append(revision)
        return load_trials(public) if str(source) == str(public) else replace(pool, revision="c0ffee")

    (tmp_path / "private").mkdir()
    publish(tmp_path / "private", str(public), None, tmp_path / "pool.json")
    published = published_pool(tmp_path / "pool.json")
    assert published == TrialsIdentity(NAME, "1.0.0", "1" * 64, None)
    publish(tmp_path / "private", str(public), None, tmp_path / "pool.json")  # the same again
    (tmp_path / "pool.json").write_text(json.dumps({"name": NAME, "version": "1.0.0", "sha256": "2" * 64}))
    with pytest.raises(SeedbenchError, match="another pool is published there, 2222"):
        publish(tmp_path / "private", str(public), None, tmp_path / "pool.json")
    shown = load_trials(public)
    identity = TrialsIdentity(shown.name, shown.version, shown.sha256, None)
    board = Board("held-out-2", "cold", identity, 5, 2, {}, published)
    write_board(results, board)
    reveal(results)
    assert revisions[-1] == "v1.0.0" and read_board(results / board.name).pool == replace(published, revision="c0ffee")
    write_board(results, replace(board, pool=replace(published, sha256="2" * 64)))
    with pytest.raises(SeedbenchError, match="its SHA-256 is 1111"):
        reveal(results)
    assert read_board(results / board.name).pool.revision is None


def test_no_pool_to_reveal(tmp_path):
    with pytest.raises(SeedbenchError, match="no board was closed with a hidden pool"):
        reveal(tmp_path)
