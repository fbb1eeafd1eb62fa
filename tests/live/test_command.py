"""A command and a generator's file as trainings: whoever is killed, the decisions are those of a replay."""

from __future__ import annotations

import fcntl
import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.conftest import (
    COMMAND,
    TRAINING,
    decided,
    live_words,
    processes_in,
    refused,
    run,
    start_live,
    told,
    until,
)
from tests.live.sessions import replayed

WAYS = {
    "all on disk": (COMMAND, ["--in-memory", "1"]),
    "two workers, six in memory": (COMMAND, ["--workers", "local:2", "--in-memory", "6"]),
    "measurements in a file": (COMMAND + " --file", ["--workers", "local:2"]),
    "a generator": (str(TRAINING), ["--workers", "local:2", "--in-memory", "12"]),
}


@pytest.mark.parametrize("way", WAYS)
def test_replay_equals_life_whatever_the_processes(way, recorded, campaign_folder) -> None:
    train, more = WAYS[way]
    expected, kept = replayed("successive_halving", recorded)
    done = run(*live_words("successive_halving", campaign_folder, *more, train=train))
    assert done.exit_code == 0, done.output
    paid = [(e[2], e[3], e[1], e[4]) for e in told(campaign_folder)]
    assert sorted(paid) == sorted(one[:4] for one in expected)
    report = json.loads((campaign_folder / "report.json").read_text())
    trial = report["trials"][report["kept"]["trial"] - 1]
    assert (trial["weight_init_seed"], trial["data_order_seed"], report["kept"]["checkpoint"]) == kept
    assert report["spent"] == len(expected) / 5
    assert not processes_in(campaign_folder) and not list(campaign_folder.glob("runs/*/.running"))


# ---- kills -----------------------------------------------------------------------------------------------------------

#: Of a trial: before it does anything, between two validation points, just measured, half-way through saving.
MOMENTS = ["starting:0", "training:6", "measured:8", "saving:8"]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[tuple], dict]:
    out = tmp_path_factory.mktemp("uninterrupted") / "out"
    done = run(*live_words("successive_halving", out, budget=2))
    assert done.exit_code == 0, done.output
    return told(out), decided(out)


def test_trainings_that_are_killed_change_no_decision(uninterrupted, campaign_folder, tmp_path) -> None:
    """SIGKILL for a training, once in each state; they are started again."""
    killed = {"KILL_AT": ",".join(MOMENTS), "KILL": "self", "KILLED": str(tmp_path)}
    first = start_live(*live_words("successive_halving", campaign_folder, "--workers", "local:2", budget=2), **killed)
    said = first.communicate(timeout=300)
    assert first.returncode == 0, said
    assert all((tmp_path / moment).exists() for moment in MOMENTS)
    assert (told(campaign_folder), decided(campaign_folder)) == uninterrupted


def test_a_harness_that_is_killed_changes_no_decision(uninterrupted, campaign_folder, tmp_path) -> None:
    """SIGKILL for `seedbench live`, once while a trial is in each state, and the same command again after each."""
    words = live_words("successive_halving", campaign_folder, "--workers", "local:2", budget=2)
    for moment in MOMENTS:
        first = start_live(*words, KILL_AT=moment, KILL="parent", KILLED=str(tmp_path))
        first.communicate(timeout=300)
        assert first.returncode == -signal.SIGKILL and (tmp_path / moment).exists()
        until(lambda: not processes_in(campaign_folder), "what it had started has ended")
    again = run(*words)
    assert again.exit_code == 0, again.output
    assert (told(campaign_folder), decided(campaign_folder)) == uninterrupted
    assert not list(campaign_folder.glob("runs/*/.running"))


def test_a_kill_while_trials_are_paused_changes_no_decision(uninterrupted, campaign_folder) -> None:
    words = live_words("successive_halving", campaign_folder, "--in-memory", "4", budget=2)
    words[words.index(COMMAND)] += " --seconds-a-step 0.01"
    first = start_live(*words)
    until(lambda: "T" in processes_in(campaign_folder).values(), "a trial is paused")
    first.kill()
    first.communicate()
    until(lambda: not processes_in(campaign_folder), "the paused one has ended, too")
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert (told(campaign_folder), decided(campaign_folder)) == uninterrupted


@pytest.fixture
def left_over(tmp_path) -> Iterator[tuple[Path, subprocess.Popen]]:
    """The folder of a trial that no strategy asks for, and a process that holds its lock, as a training does."""
    folder = tmp_path / "out" / "runs" / "wi1-do2"
    folder.mkdir(parents=True)
    with open(folder / ".running", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = subprocess.Popen(["sleep", "1000"], start_new_session=True, pass_fds=(lock.fileno(),))
    yield folder, process
    process.kill()
    process.wait()


def test_what_a_killed_harness_left_is_ended_before_anything_begins(left_over, campaign_folder) -> None:
    folder, process = left_over
    (folder / ".running").write_text(f"{process.pid} {socket.gethostname()}")
    done = run(*live_words("full_trials", campaign_folder, budget=1))
    assert done.exit_code == 0, done.output
    assert process.wait(60) == -signal.SIGKILL and not (folder / ".running").exists()


def test_a_trial_that_another_machine_trains_is_left_to_it(left_over, campaign_folder, monkeypatch, capsys) -> None:
    folder, process = left_over
    (folder / ".running").write_text(f"{process.pid} elsewhere")
    code, said = refused(monkeypatch, capsys, live_words("full_trials", campaign_folder, "--grace", "0.1", budget=1))
    assert code == 2 and "wi1-do2: is in use by another process on elsewhere; end it first" in said
    assert process.poll() is None


def test_ctrl_c_leaves_nothing_running_and_the_same_command_goes_on(uninterrupted, campaign_folder) -> None:
    words = live_words("successive_halving", campaign_folder, "--workers", "local:2", budget=2)
    words[words.index(COMMAND)] += " --seconds-a-step 0.01"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        first = start_live(*words)
        until(lambda: processes_in(campaign_folder), "a trial is in training")
        first.send_signal(number)
        _, said = first.communicate(timeout=300)
        assert first.returncode == 130
        assert said.endswith("seedbench: interrupted; nothing is left running; the same command goes on\n")
        assert not processes_in(campaign_folder)
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert (told(campaign_folder), decided(campaign_folder)) == uninterrupted
    lines = (campaign_folder / "progress.log").read_text().splitlines()
    assert sum("at step" in line for line in lines) == len(uninterrupted[0])  # nothing was told twice


def test_a_campaign_is_run_by_one_process_at_a_time(campaign_folder) -> None:
    words = live_words("full_trials", campaign_folder, budget=1)
    words[words.index(COMMAND)] += " --seconds-a-step 0.1"
    first = start_live(*words)
    until(lambda: processes_in(campaign_folder), "a trial is in training")
    second = run(*words)
    assert second.exit_code != 0 and "another process is writing it" in str(second.exception)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=300)
