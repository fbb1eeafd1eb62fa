"""Worker processes of a sweep: what is ended with them, and what is not."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import time
from pathlib import Path

import pytest

from runners.data.recipe import get_recipe
from runners.errors import RunnerError
from runners.table import TableSpec
from runners.trial_log import Cell
from runners.workers import MALLOC, Block, run_blocks

LOADER = Path("/lib64/ld-linux-x86-64.so.2")


def test_no_blocks_are_done_at_once() -> None:
    assert list(run_blocks([], ["cpu"])) == []


def fail(model: str, folder: Path) -> None:
    """Has a worker process try a block that cannot be trained."""
    spec = TableSpec(
        model=model,
        model_name="someone/tiny",
        glue=str(folder / "none"),
        task="mrpc",
        recipe=get_recipe("stable", epochs=1, validations_per_epoch=2, precision="fp32"),
        engine="reference",
        out=folder / "out",
    )
    with pytest.raises(RunnerError, match="none"):
        list(run_blocks([Block(spec, (Cell(0, 0),))], ["cpu"]))


def test_only_the_sweeps_own_processes_are_given_up(
    tiny_model: str, tmp_path: Path, forked: multiprocessing.context.BaseContext, quick_workers: None
) -> None:
    """Another process of the same parent goes on."""
    other = forked.Process(target=time.sleep, args=(1000,))
    other.start()
    try:
        fail(tiny_model, tmp_path)
        other.join(1.0)  # what is told to end needs a moment
        assert other.is_alive()
    finally:
        other.terminate()
        other.join()


@pytest.mark.skipif(not LOADER.exists(), reason="no glibc for x86-64")
def test_glibc_understands_what_workers_are_told() -> None:
    """The loader lists what it has read; a value that it does not take would be the default."""
    listed = subprocess.run(
        [LOADER, "--list-tunables"], env={"GLIBC_TUNABLES": MALLOC}, capture_output=True, text=True, check=True
    ).stdout
    read = dict(line.split(":")[:2] for line in listed.splitlines())
    for setting in MALLOC.split(":"):
        name, value = setting.split("=")
        assert int(read[name].split()[0], 16) == int(value)


@pytest.mark.parametrize("own", [None, "glibc.malloc.hugetlb=0"])
def test_workers_keep_their_memory_unless_told_otherwise(
    own: str | None, tiny_model: str, tmp_path: Path, quick_workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if own is None:
        monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    else:
        monkeypatch.setenv("GLIBC_TUNABLES", own)
    fail(tiny_model, tmp_path)
    assert os.environ["GLIBC_TUNABLES"] == (own or MALLOC)
