"""Worker processes of a sweep: what is ended with them, and what is not."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import pytest

from runners.data.recipe import get_recipe
from runners.errors import RunnerError
from runners.table import TableSpec
from runners.trial_log import Cell
from runners.workers import Block, run_blocks


def test_no_blocks_are_done_at_once() -> None:
    assert list(run_blocks([], ["cpu"])) == []


def test_only_the_sweeps_own_processes_are_given_up(
    tiny_model: str, tmp_path: Path, forked: multiprocessing.context.BaseContext, quick_workers: None
) -> None:
    """Of a block that cannot be trained; another process of the same parent goes on."""
    recipe = get_recipe("stable", epochs=1, validations_per_epoch=2, precision="fp32")
    spec = TableSpec(
        model=tiny_model,
        model_name="someone/tiny",
        glue=str(tmp_path / "none"),
        task="mrpc",
        recipe=recipe,
        engine="reference",
        out=tmp_path / "out",
    )
    other = forked.Process(target=time.sleep, args=(1000,))
    other.start()
    try:
        with pytest.raises(RunnerError, match="none"):
            list(run_blocks([Block(spec, (Cell(0, 0),))], ["cpu"]))
        other.join(1.0)  # what is told to end needs a moment
        assert other.is_alive()
    finally:
        other.terminate()
        other.join()
