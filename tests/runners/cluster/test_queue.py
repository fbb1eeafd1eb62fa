"""What the scheduler is asked, and how its answers are read."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runners.cluster import jobs
from runners.cluster.jobs import ask
from runners.cluster.state import Batch, cluster_folder

ANSWER = """CLUSTER: north
123_0|blocks-a|RUNNING|None
123_1|blocks-a|PENDING|Resources
123_2|blocks-a|TIMEOUT|TimeLimit
124_0|somebody-else|RUNNING|None
"""


def batch(name: str, executor: str) -> Batch:
    return Batch(name=name, table="table", executor=executor, blocks=(), host=socket.gethostname())


def test_a_line_that_names_the_cluster_is_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_output", lambda *command: ANSWER)
    queue = ask(tmp_path, [batch("blocks-a", "slurm")])
    assert queue.alive == {("blocks-a", 0): "running", ("blocks-a", 1): "pending"}
    assert queue.reason == {("blocks-a", 1): "Resources"} and queue.ended == {("blocks-a", 2): "TIMEOUT"}


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_a_local_job_is_found_without_ps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    code = "print(flush=True); input()"
    command = [sys.executable, "-c", code, "submitit.core._submit", f"{cluster_folder(tmp_path)}/blocks-b"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"\n"  # it runs, under this command line
        assert ask(tmp_path, [batch("blocks-b", "local")]).alive == {("blocks-b", 0): "running"}
        process.communicate(b"\n")
    assert ask(tmp_path, [batch("blocks-b", "local")]).alive == {}
