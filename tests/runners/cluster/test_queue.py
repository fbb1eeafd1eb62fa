"""What the scheduler is asked, and how its answers are read."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runners.cluster import jobs
from runners.cluster.jobs import SchedulerError, ask
from runners.cluster.rounds import drive, register
from runners.cluster.state import Batch, Options, cluster_folder, locked, read_state, write_state
from runners.data.recipe import get_recipe
from runners.plan_file import PlannedTable
from runners.table import TableSpec
from runners.trial_log import Cell

ANSWER = """CLUSTER: north
123_0|blocks-a|RUNNING|None
123_1|blocks-a|PENDING|Resources
123_2|blocks-a|TIMEOUT|TimeLimit
124_0|somebody-else|RUNNING|None
"""
REFUSES = "#!/bin/sh\necho 'sbatch: error: no such account' >&2\nexit 1\n"
TAKES = "#!/bin/sh\necho Submitted batch job 7\n"


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


@pytest.fixture
def refusing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of logs with a table to be sent, where SLURM's commands are found, and sbatch refuses every job."""
    for name in ("srun", "squeue", "sbatch"):
        (tmp_path / name).write_text(REFUSES if name == "sbatch" else "#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    out = tmp_path / "logs"
    spec = TableSpec(
        model="m", model_name="m", glue="g", task="sst2", recipe=get_recipe("stable"), engine="stacked", out=out
    )
    register(out, [PlannedTable(spec, (Cell(0, 0), Cell(1, 0)))], Options("slurm", 30, 256))
    return out


def test_a_refusal_in_the_first_round_ends_the_waiting(refusing: Path) -> None:
    with pytest.raises(SchedulerError, match="^slurm: .*no such account"):
        drive(refusing, 0, lambda view, trouble: pytest.fail(f"it goes on: {trouble}"))


def test_a_refusal_in_a_later_round_is_said_and_sent_again(refusing: Path) -> None:
    """The first round is taken, and its job is gone in the second; in the third SLURM takes jobs once more."""
    folder, said = refusing.parent, []
    rounds = iter([REFUSES, TAKES])

    def show(view: object, trouble: str) -> None:
        said.append(trouble)
        if len(said) == 4:
            raise KeyboardInterrupt
        (folder / "sbatch").write_text(next(rounds, TAKES))

    (folder / "sbatch").write_text(TAKES)
    with pytest.raises(KeyboardInterrupt):
        drive(refusing, 0, show)
    assert said[0] == "" and "no such account" in said[1] and said[2] == ""


def test_a_refusal_while_own_jobs_are_under_way_is_waited_out(refusing: Path) -> None:
    """As where a limit on submitted jobs is reached: SLURM takes more when one of them has ended."""
    folder, said = refusing.parent, []
    (folder / "squeue").write_text("#!/bin/sh\necho '123_0|own|RUNNING|None'\n")
    with locked(refusing) as state:
        ((key, table),) = state.tables.items()
        state.tables[key] = replace(table, trials_per_hour=60)  # else nothing is sent beside its first block
        state.batches.append(Batch("own", key, "slurm", ((Cell(0, 0),),)))
        write_state(refusing, state)

    def show(view: object, trouble: str) -> None:
        said.append(trouble)
        if trouble == "":
            raise KeyboardInterrupt
        if len(said) == 2:
            (folder / "sbatch").write_text(TAKES)

    with pytest.raises(KeyboardInterrupt):
        drive(refusing, 0, show)
    assert len(said) == 3 and all("no such account" in one for one in said[:2]) and said[2] == ""
    assert len(read_state(refusing).batches) == 2
