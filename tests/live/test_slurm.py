"""SLURM jobs as workers, on a real one-node SLURM: the decisions of a replay, also where a job and the harness die."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seedbench.cli.app import app
from seedbench.errors import LiveError
from seedbench.live import slurm as module
from seedbench.live.contract import Request
from seedbench.live.log import read_log
from tests.live.conftest import live_words, start_live, until
from tests.live.sessions import replayed

pytest.importorskip("submitit", reason="needs the extra 'slurm'")

#: Two trials together to the second checkpoint, then the better one to the end: three jobs.
TWO_THEN_ONE = """
def strategy(campaign):
    trials = [campaign.start(), campaign.start()]
    campaign.advance(trials, 2)
    campaign.advance([max(trials, key=lambda trial: trial.best.score)], 3)
"""


@pytest.fixture
def words(tmp_path) -> list[str]:
    (tmp_path / "s.py").write_text(TWO_THEN_ONE)
    return live_words(str(tmp_path / "s.py"), tmp_path / "out", "--workers", "slurm:2", "--grace", "1", budget=2)


@pytest.fixture(autouse=True)
def impatient(monkeypatch) -> None:
    monkeypatch.setattr(module, "_ASK_SECONDS", 0.5)
    monkeypatch.setattr(module, "_LATE_SECONDS", 1.0)


def test_slurm_jobs_make_the_decisions_of_a_replay(slurm, words, recorded, tmp_path, monkeypatch) -> None:
    """The harness is killed while two jobs train, and one training is killed: three jobs of the first start have ended
    in the end, and nothing is in the queue."""
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    expected, kept = replayed(str(tmp_path / "s.py"), recorded)
    slow = [word.replace("--out {", "--seconds-a-step 0.05 --out {") for word in words]
    first = start_live(*slow, KILL_AT="training:2", KILL="self", KILLED=str(tmp_path), **slurm)
    until((tmp_path / "training:2").exists, "a training is in a job, and killed")
    first.send_signal(signal.SIGKILL)
    first.communicate()
    done = CliRunner().invoke(app, slow)
    assert done.exit_code == 0, (done.output, done.exception)
    _, events = read_log(tmp_path / "out" / "log.jsonl")
    assert sorted((e.weight_init_seed, e.data_order_seed, e.checkpoint, e.score) for e in events) == sorted(
        one[:4] for one in expected
    )
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    trial = report["trials"][report["kept"]["trial"] - 1]
    assert (trial["weight_init_seed"], trial["data_order_seed"], report["kept"]["checkpoint"]) == kept
    assert report["measured_beyond"] == 0
    assert not subprocess.check_output(["squeue", "--noheader"], text=True)


def test_a_job_that_dies_is_sent_again_and_what_is_refused_is_one_line(slurm, words, tmp_path, monkeypatch) -> None:
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    slow = [word.replace("--out {", "--seconds-a-step 0.05 --out {") for word in words]
    refused = CliRunner().invoke(app, [*slow, "--slurm", "partition=nowhere"])
    assert isinstance(refused.exception, LiveError) and "invalid partition specified: nowhere" in str(refused.exception)
    refused = CliRunner().invoke(app, [*slow, "--slurm", "nothing=1"])
    assert str(refused.exception).startswith("--slurm: ") and "nothing" in str(refused.exception)

    first = start_live(*slow, **slurm)
    until(lambda: first.poll() is not None or len(list(tmp_path.glob("out/runs/*/stdout.log"))) == 2, "two jobs train")
    assert first.poll() is None, first.communicate()
    (job, *_) = subprocess.check_output(["squeue", "--noheader", "--states=R", "--format=%i"], text=True).split()
    subprocess.run(["scancel", "--signal=KILL", job], check=True)
    _, said = first.communicate(timeout=300)
    assert first.returncode == 0, said
    _, events = read_log(tmp_path / "out" / "log.jsonl")
    assert len(events) == 7 and not any(event.failed for event in events)


@pytest.fixture
def down(tmp_path, monkeypatch) -> Path:
    """A file that, where it is there, stands for a controller that is restarted: no program of SLURM's succeeds."""
    programs, file = tmp_path / "bin", tmp_path / "down"
    programs.mkdir()
    for name, says in (("srun", ""), ("scancel", ""), ("squeue", ""), ("sbatch", "Submitted batch job 7")):
        fails = f"if test -e {file}; then echo timed out >&2; exit 1; fi"
        (programs / name).write_text(f"#!/bin/sh\n{fails}\necho {says}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(module, "_ASK_SECONDS", 0.0)
    monkeypatch.setattr(module, "_LATE_SECONDS", 100.0)
    monkeypatch.setattr(module, "_SILENT_SECONDS", 1.0)
    return file


def test_a_slurm_that_is_silent_for_a_while_ends_no_campaign(down, tmp_path) -> None:
    """Nothing is known then; after too long it is said."""
    jobs = module.Jobs(("train",), 4, tmp_path / "out", slots=1, grace=1.0, parameters={})
    for _ in range(2):
        down.touch()
        assert jobs.wait() == []
        down.unlink()
        assert jobs.wait() == []  # from here on it is silent anew
    down.touch()
    assert jobs.wait() == []
    time.sleep(1.0)
    with pytest.raises(LiveError, match=r"squeue does not answer \(timed out\); the same command goes on"):
        jobs.wait()


def test_a_job_that_is_not_taken_is_sent_again_where_others_were(down, tmp_path) -> None:
    jobs = module.Jobs(("train",), 4, tmp_path / "out", slots=3, grace=1.0, parameters={})
    first, second, third = (Request(number, number, 0, tmp_path / str(number), 0) for number in (1, 2, 3))
    down.touch()
    with pytest.raises(LiveError, match="--workers slurm: .*timed out"):  # nothing was ever taken: it may never be
        jobs.start(first)
    down.unlink()
    jobs.start(first)
    for request in (second, third):
        down.touch()
        jobs.start(request)
        assert jobs.wait() == [] and request not in jobs._jobs
        down.unlink()
        assert jobs.wait() == [] and request in jobs._jobs


@pytest.mark.parametrize(("state", "alive"), [("REQUEUED", True), ("PREEMPTED", False), ("LAUNCH_FAILED", False)])
def test_a_job_that_is_still_listed_may_have_ended(state, alive, down, tmp_path, monkeypatch) -> None:
    """SLURM names an ended job for some minutes more; it is sent again at once."""
    jobs = module.Jobs(("train",), 4, tmp_path / "out", slots=1, grace=1.0, parameters={})
    jobs.start(Request(1, 1, 0, tmp_path / "1", 0))
    (down.parent / "bin" / "squeue").write_text(f"#!/bin/sh\necho '7|{state}'\n")
    monkeypatch.setattr(module, "_LATE_SECONDS", -1.0)
    assert jobs.wait() == [] and list(jobs._starts.values()) == [1 if alive else 2]


def test_without_slurm_it_says_so(words, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    start = time.monotonic()
    refused = CliRunner().invoke(app, words)
    assert "--workers slurm: no srun here; run this on a machine of the cluster" in str(refused.exception)
    assert time.monotonic() - start < 60
