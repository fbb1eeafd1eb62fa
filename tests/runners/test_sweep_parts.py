"""What a sweep is made of: seeds, changes of a recipe, blocks, engines that grow or run out of memory, a version."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from runners import block
from runners.block import BlockRunner, ModelError
from runners.data.recipe import get_recipe
from runners.engines.stacked import StackedEngine
from runners.provenance import git_commit
from runners.table import KEY, TableError, grid, make_blocks, parse_changes, parse_seeds
from runners.trial_log import Cell
from tests.runners.sweeps import contents, stacked_spec


@pytest.mark.parametrize(
    ("text", "seeds"), [("0:3", [0, 1, 2]), ("4", [4]), ("0:2,7", [0, 1, 7]), ("9223372036854775807", [2**63 - 1])]
)
def test_seeds(text: str, seeds: list[int]) -> None:
    assert parse_seeds(text, "weight_init_seed", None) == seeds


@pytest.mark.parametrize("text", ["", "a", "3:1", "0:3,2", "-1", "1.5", "0:x", "random:0", "random:2,3"])
def test_seeds_that_are_none(text: str) -> None:
    with pytest.raises(TableError, match="seeds"):
        parse_seeds(text, "weight_init_seed", None)


def test_random_seeds_stay_those_of_their_folder(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    drawn = parse_seeds("random:8", "weight_init_seed", logs)
    assert len(set(drawn)) == 8 and 2**60 < max(drawn) < 2**63
    assert (logs / KEY).stat().st_mode & 0o777 == 0o600
    assert parse_seeds("random:3", "weight_init_seed", logs) == drawn[:3]  # another table of the folder
    assert not set(drawn) & set(parse_seeds("random:8", "data_order_seed", logs))
    assert not set(drawn) & set(parse_seeds("random:8", "weight_init_seed", tmp_path / "others"))
    assert grid("random:2", "0:2", logs) == tuple(Cell(row, column) for column in (0, 1) for row in drawn[:2])
    (logs / KEY).write_text("lost\n")
    with pytest.raises(TableError, match=f"{KEY}: random seeds follow from 64 hexadecimal digits there, found 'lost'"):
        parse_seeds("random:8", "weight_init_seed", logs)


def test_changes_take_the_fields_type() -> None:
    changes = parse_changes(
        ["epochs=2", "learning_rate=1e-3", "bias_correction=false", "train_examples=none", "name=x"]
    )
    assert changes == {
        "epochs": 2,
        "learning_rate": 1e-3,
        "bias_correction": False,
        "train_examples": None,
        "name": "x",
    }
    assert get_recipe("stable", **changes).fields()["epochs"] == 2


@pytest.mark.parametrize("change", ["epochs=two", "momentum=1", "bias_correction=maybe", "epochs"])
def test_changes_that_cannot_be(change: str) -> None:
    with pytest.raises(TableError, match="--set"):
        parse_changes([change])


def test_blocks_keep_to_one_column() -> None:
    cells = [Cell(weight, order) for weight in range(5) for order in range(2)]
    blocks = make_blocks(cells, 2)
    assert [len(block) for block in blocks] == [2, 2, 1, 2, 2, 1]
    assert all(len({cell.data_order_seed for cell in block}) == 1 for block in blocks)
    assert sorted((c.weight_init_seed, c.data_order_seed) for block in blocks for c in block) == sorted(
        (c.weight_init_seed, c.data_order_seed) for c in cells
    )


def test_out_of_memory_on_the_accelerator_halves_the_stack(
    tiny_model: str, tiny_glue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that has room for two trials only; the error is the one that torch raises on CUDA."""
    train = StackedEngine.run

    def with_room_for_two(engine: StackedEngine, cells: list[Cell], progress) -> list:
        if engine.trials > 2:
            raise torch.cuda.OutOfMemoryError
        return train(engine, cells, progress)

    spec = stacked_spec(tiny_model, tiny_glue, tmp_path, stack=8)
    cells = [Cell(weight, 0) for weight in range(5)]
    monkeypatch.setattr(StackedEngine, "run", with_room_for_two)
    assert list(BlockRunner(spec, "cpu").run(cells)) == cells
    assert len(contents(tmp_path)) == 5
    monkeypatch.setattr(StackedEngine, "run", lambda *_: (_ for _ in ()).throw(torch.cuda.OutOfMemoryError))
    with pytest.raises(ModelError, match="out of memory even with two trials.* --engine reference trains one"):
        list(BlockRunner(spec, "cpu").run(cells))


def test_out_of_memory_with_one_trial_is_one_line(
    tiny_model: str, tiny_glue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block, "finetune", lambda *_: (_ for _ in ()).throw(torch.cuda.OutOfMemoryError))
    spec = replace(stacked_spec(tiny_model, tiny_glue, tmp_path), engine="reference")
    with pytest.raises(ModelError, match="^cpu: out of memory with one trial; .* batch_size"):
        list(BlockRunner(spec, "cpu").run([Cell(0, 0)]))


def test_the_version_says_the_commit_and_whether_files_were_changed_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a checkout with a tag: the commit all the same. A file that git does not know of does not count."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):  # where the tests run in a hook
        monkeypatch.delenv(name, raising=False)

    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", "-C", str(tmp_path), *who, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    assert git_commit(tmp_path) == ""  # no commit yet
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    git("tag", "-a", "v1", "-m", "v1")
    commit = "+" + git("rev-parse", "HEAD")[:12]
    (tmp_path / "another").touch()
    assert git_commit(tmp_path) == commit
    (tmp_path / "file").write_text("two")
    assert git_commit(tmp_path) == f"{commit}-dirty"
    git("add", "file")
    assert git_commit(tmp_path) == f"{commit}-dirty"
    monkeypatch.setenv("PATH", "")
    assert git_commit(tmp_path) == ""  # no git


def test_an_engine_grows_with_the_block(
    tiny_model: str, tiny_glue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first block of a sweep that goes on may be the two trials that were left of a column."""
    sizes: list[int] = []
    run = StackedEngine.run
    monkeypatch.setattr(StackedEngine, "run", lambda engine, *rest: sizes.append(engine.trials) or run(engine, *rest))
    spec = stacked_spec(tiny_model, tiny_glue, tmp_path)
    runner = BlockRunner(spec, "cpu")
    for cells in ([Cell(8, 0)], [Cell(weight, 1) for weight in range(4)], [Cell(weight, 2) for weight in range(3)]):
        assert list(runner.run(cells)) == cells
    assert sizes == [2, 4, 4]
