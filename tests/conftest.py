"""Fixtures for all tests: small trial sets, made of what is in `tests.synthetic`, and the command line."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.context import BaseContext
from pathlib import Path

import pytest
from hypothesis import settings

from seedbench.cli import main
from seedbench.errors import CannotSeal
from seedbench.sandbox import open_sandbox
from seedbench.trialset import TrialSet, load_trials
from tests.browser import browser  # noqa: F401 - a fixture
from tests.order import pytest_collection_modifyitems, pytest_configure  # noqa: F401 - hooks
from tests.skips import pytest_addoption, pytest_sessionfinish  # noqa: F401 - hooks
from tests.synthetic import split_like_training, write

settings.register_profile("shared", deadline=None)  # other work on the machine must fail no test
settings.load_profile("shared")

SLURM_ONE_NODE = Path(__file__).with_name("slurm_one_node.sh")

# A shell that runs the tests in the background has all its children ignore Ctrl-C; some tests send it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Triton looks at it when it is first imported, by whatever. With a card, TRITON_INTERPRET=0 tests the kernels there.
os.environ.setdefault("TRITON_INTERPRET", "1")


@pytest.fixture(scope="module")
def nothing_to_collect() -> Iterator[None]:
    """What is there before counts as no garbage, which is looked for in a second or more of a worker's many objects."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="session")
def sealing() -> None:
    """Skips where no process can be sealed."""
    try:
        open_sandbox().close()
    except CannotSeal as reason:
        pytest.skip(str(reason))


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


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial set that is quick to evaluate on: one table, 4 × 4. Do not change it."""
    return write(tmp_path_factory.mktemp("trials") / "small", split_like_training(4, 4))


@pytest.fixture
def write_set(tmp_path: Path) -> Callable[..., Path]:
    """Writes a trial set of the given splits to a new folder of this test."""

    def write_new(*splits, name="trials", **options):
        return write(tmp_path / name, *splits, **options)

    return write_new


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Runs a command line in this process, in an empty folder; returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["seedbench", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("seedbench.cli.common.FIRST_LINE", 60.0)  # other work on the machine must fail no test
    return run


@pytest.fixture
def refused(run, tmp_path):
    """Runs a command line that must be refused; returns the one line."""

    def refused(*arguments: object, rule: str, frames: bool = False) -> str:
        before = sorted(tmp_path.iterdir())
        code, out, err = run(*arguments)
        lines = err.splitlines()
        assert code == 2 and out == "", (code, out, err)
        assert lines[-1].startswith("seedbench: error: ") and rule in lines[-1], err
        assert (len(lines) > 1) == frames and ("Traceback" in err) == frames, err
        assert sorted(tmp_path.iterdir()) == before  # nothing half-written
        return lines[-1]

    return refused


@pytest.fixture(scope="session")
def forked() -> BaseContext:
    """Processes that are forked from one that has imported what they need and done nothing: they start at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.files.commands", "runners.block"])
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # preloading knows no other path
        starts_the_server = context.Process(target=int)
        starts_the_server.start()
    starts_the_server.join()
    return context


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a real one-node SLURM, which ends with the tests."""
    programs = ("munged", "slurmctld", "slurmd", "sbatch")
    missing = [name for name in programs if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)}: needs the Debian packages slurm-wlm and munge")
    if os.getuid() != 0:
        pytest.skip("only root can start a one-node SLURM")
    folder = tmp_path_factory.mktemp("slurm")
    subprocess.run([SLURM_ONE_NODE, "start", folder], check=True, timeout=300)
    yield {**os.environ, "SLURM_CONF": str(folder / "slurm.conf"), "OMP_NUM_THREADS": "1"}
    subprocess.run([SLURM_ONE_NODE, "stop", folder], check=True, timeout=300)
    assert not list(folder.glob("*.pid")), "a daemon of the one-node SLURM is still there"
