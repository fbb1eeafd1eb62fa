"""The command line as a process: soon there, with its progress on a terminal, and gone with all that it started."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from seedbench.evaluation import Evaluation
from tests.cli.quick import QUICK
from tests.processes import ROOT, until, without_progress


def test_help_loads_nothing_that_takes_long():
    """What makes it quick; how quick is measured in tests/benchmarks."""
    command = [sys.executable, "-X", "importtime", "-m", "seedbench", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "evaluate" in done.stdout and "typer" in loaded
    assert not loaded & {"numpy", "pandas", "pyarrow", "scipy", "altair", "huggingface_hub", "datasets"}


def test_progress_is_shown_on_a_terminal_and_only_there(trials_folder):
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "seedbench", "evaluate", "asha", "--trials", str(trials_folder), *QUICK]
    running = subprocess.Popen([*command, "--json", "-"], cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how the end of a terminal reads
        while part := os.read(ours, 65536):  # while it runs: a terminal that nobody reads is full before long
            shown += part
    os.close(ours)
    written, _ = running.communicate()
    assert running.returncode == 0 and b"campaigns" in shown and b"asha closes" in shown
    assert Evaluation.from_json(written).strategy.name == "asha"


def test_interrupted_it_writes_nothing_and_says_so(trials_folder, tmp_path):
    strategy = tmp_path / "slow.py"
    strategy.write_text(
        "import time\ndef strategy(campaign):\n    print('running', flush=True)\n    time.sleep(30)\n    return None\n"
    )
    command = [sys.executable, "-m", "seedbench", "evaluate", str(strategy), "--trials", str(trials_folder)]
    out = tmp_path / "out.json"
    process = subprocess.Popen(
        [*command, "--processes", "1", "--json", str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and without_progress(err) == "seedbench: interrupted; no result was written\n"
    assert list(tmp_path.iterdir()) == [strategy]


def left_of(group: int) -> list[str]:
    """The processes of a group that are still there in a while; those that only wait to be looked at are not."""
    end, found = time.monotonic() + 60, ["?"]
    while found and time.monotonic() < end:
        time.sleep(0.05)
        listed = subprocess.run(["ps", "-e", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True)
        lines = [line.strip().split(maxsplit=2) for line in listed.stdout.splitlines()]
        found = [line[-1] for line in lines if line[0] == str(group) and not line[1].startswith("Z")]
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_with_all_its_workers(trials_folder, tmp_path, number):
    """As `timeout` and a terminal do it: the signal goes to the whole group, whatever each is at."""
    strategy, begun = tmp_path / "works.py", tmp_path / "begun"
    begun.mkdir()
    strategy.write_text(
        f"import os, pathlib\ndef strategy(campaign):\n    pathlib.Path({str(begun)!r}, str(os.getpid())).touch()\n"
        "    campaign.start().advance()\n"
    )
    command = [sys.executable, "-m", "seedbench", "evaluate", str(strategy), "--trials", str(trials_folder)]
    process = subprocess.Popen(
        [*command, "--processes", "2", "--replicates", "20000"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until(lambda: len(list(begun.iterdir())) == 2, "both workers are at work")
    os.killpg(process.pid, number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and "seedbench: interrupted; no result was written\n" in err
    assert not left_of(process.pid)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_takes_its_processes_along(trials_folder, tmp_path, number):
    """A loop that never ends, in the other process of `seedbench check`."""
    strategy = tmp_path / "loops.py"
    text = "import os\nprint(os.getpid(), flush=True)\ndef strategy(campaign):\n    while True:\n        pass\n"
    strategy.write_text(text)
    command = [sys.executable, "-m", "seedbench", "check", str(strategy), "--trials", str(trials_folder)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    own, child = int(process.stdout.readline()), int(process.stderr.readline())
    assert own == process.pid != child
    process.send_signal(number)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130 and without_progress(err) == "seedbench: interrupted; no result was written\n"
    assert not left_of(child)
