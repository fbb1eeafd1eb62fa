"""A machine without what only POSIX has: strategies are evaluated there, and `--sandbox` says that it cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from seedbench import evaluate

# Other libraries are imported first: how they do without is not ours.
ELSEWHERE = """
import asyncio, multiprocessing, os, signal, subprocess, sys
import huggingface_hub, msgspec, numpy, pandas, pyarrow.parquet, rich.progress, scipy.stats, threadpoolctl, typer

windows = {"SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN"}
for name in dir(signal):
    if name.startswith(("SIG", "ITIMER_")) and name not in windows or name in ("alarm", "setitimer", "getitimer"):
        delattr(signal, name)
for name in dir(os):
    if name.startswith(("sched_", "fork", "pipe2", "wait", "kill", "getuid", "geteuid", "register_at_fork")):
        delattr(os, name)
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules[name] = None

from seedbench.cli import main
sys.argv[0] = "seedbench"
main()
"""


def elsewhere(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """A command on such a machine."""
    command = [sys.executable, "-c", ELSEWHERE, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_machine_without_posix_evaluates_to_the_same(small_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    done = elsewhere("evaluate", "patience", "--trials", small_folder, "--replicates", "4", "--json", out)
    assert done.returncode == 0, done.stderr
    here = evaluate("patience", small_folder, replicates=4)
    assert json.loads(out.read_text()) == json.loads(here.to_json())


def test_a_machine_without_posix_stops_no_strategy_and_says_so(small_folder: Path) -> None:
    done = elsewhere("evaluate", "patience", "--trials", small_folder, "--replicates", "4", "--time-limit", "5")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == "seedbench: error: --time-limit: nothing stops a strategy here that is not sealed; leave it out"


def test_a_machine_without_posix_cannot_seal_and_says_so(small_folder: Path) -> None:
    done = elsewhere("evaluate", "patience", "--trials", small_folder, "--replicates", "4", "--sandbox")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line == (
        "seedbench: error: a strategy cannot be sealed here: this Python has no fcntl, resource, os.fork, os.pipe2, "
        "os.sched_getaffinity, os.sched_setaffinity"
    )
