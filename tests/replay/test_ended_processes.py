"""Strategies that end their process, or wait for a CPU that others have: who is told what."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seedbench import StrategyFailed, evaluate
from seedbench.replay import ReplayOptions, replay_one
from seedbench.trialset import TrialSet
from tests.processes import without_progress

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="a fork of Linux, and its count of waiting")

ENDS = {
    "exits": ("import os\nEND = lambda: os._exit(0)", "ended its process, with exit code 0, before it had returned"),
    "crashes": ("import ctypes\nEND = lambda: ctypes.string_at(0)", "crashed its process (SIGSEGV)"),
    "is killed": ("import os\nEND = lambda: os.kill(os.getpid(), 9)", "had its process killed (SIGKILL)"),
}
STRATEGY = """
{imports}
def strategy(campaign):
    campaign.start().advance()
    if campaign.budget == 4 and campaign.rng.random() < 0.1:
        END()
"""


@LINUX
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("how", ENDS)
def test_a_process_that_ends_is_told_with_its_campaign(how: str, processes: int, trials_folder: Path, tmp_path: Path):
    imports, said = ENDS[how]
    file = tmp_path / "my rule.py"
    file.write_text(STRATEGY.format(imports=imports))
    options = ("--trials", trials_folder, "--task", "sst2", "--recipe", "few", "--budget", 4, "--replicates", 100)
    command = [sys.executable, "-m", "seedbench", "evaluate", file, *options, "--processes", processes]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    said_in_all = without_progress(done.stderr)
    (line,) = said_in_all.splitlines()
    assert f"strategy my rule.py {said}" in line and "(table mini/sst2/few, budget 4, replicate " in line
    again = line.split("this one campaign again: seedbench ")[1].rstrip(")")
    assert f"evaluate '{file}' --trials {trials_folder} --only mini/sst2/few:4:" in again
    if processes == 2:  # which names the same command
        return
    # It is the campaign, and ends the same way.
    only = subprocess.run(f"{sys.executable} -m seedbench {again}", shell=True, capture_output=True, text=True)
    assert only.returncode == 2 and without_progress(only.stderr) == said_in_all


@LINUX
def test_what_a_strategy_in_a_fork_prints_and_keeps_is_as_ever(trials_folder: Path, tmp_path: Path):
    file = tmp_path / "mine.py"
    file.write_text("def strategy(campaign):\n    print('here')\n    return campaign.start().advance()\n")
    out = tmp_path / "out.json"
    options = ["--trials", str(trials_folder), "--replicates", "3", "--budget", "2", "--json", str(out)]
    command = [sys.executable, "-m", "seedbench", "evaluate", str(file), *options, "--processes", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("here\n") == 3 * 3
    assert out.read_text() == evaluate(file, trials_folder, replicates=3, budgets=2).to_json()


@contextmanager
def crowded(others: int) -> Iterator[None]:
    """This process on one core, with so many others that never rest."""
    cores = os.sched_getaffinity(0)
    core = min(cores)
    code = f"import os\nos.sched_setaffinity(0, {{{core}}})\nprint(flush=True)\nwhile True: pass"
    busy = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(others)]
    try:
        for process in busy:
            assert process.stdout and process.stdout.readline()
        os.sched_setaffinity(0, {core})
        yield
    finally:
        os.sched_setaffinity(0, cores)
        for process in busy:
            process.kill()
            process.communicate()


@LINUX
@pytest.mark.parametrize("sandbox", [False, True])
def test_who_waits_for_a_cpu_does_not_run_out_of_time(sandbox: bool, trials: TrialSet, tmp_path: Path):
    """A campaign of some tenths of a second of work under a limit of twice that, with five others on its core."""
    file = tmp_path / "works.py"
    file.write_text(
        "def strategy(campaign):\n    trial = campaign.start()\n    trial.advance()\n"
        "    for _ in range(12_000_000):\n        pass\n    return trial\n"
    )
    alone = _seconds_of_work()
    options = ReplayOptions(time_limit=max(1.0, 2.5 * alone), sandbox=sandbox)
    with crowded(5):
        assert replay_one(str(file), trials.tables[0], 2, 0, options).trials_started.item() == 1


def _seconds_of_work() -> float:
    import time

    began = time.thread_time()
    exec("def work():\n    for _ in range(12_000_000):\n        pass\nwork()", {})
    return time.thread_time() - began


@LINUX
@pytest.mark.parametrize("sandbox", [False, True])
def test_who_works_too_long_is_stopped_among_others_as_well(sandbox: bool, trials: TrialSet, tmp_path: Path):
    file = tmp_path / "spins.py"
    file.write_text("def strategy(campaign):\n    campaign.start().advance()\n    while True:\n        pass\n")
    with crowded(1), pytest.raises(StrategyFailed, match="in one campaign|CPU time"):
        replay_one(str(file), trials.tables[0], 2, 0, ReplayOptions(time_limit=0.3, sandbox=sandbox))


def _score(seed: int) -> float:
    return evaluate("full_trials", replicates=3, budgets=2, seed=seed, processes=2).rows[0].score


def test_in_a_worker_of_a_pool_one_process_does_the_work():
    """Such a worker may start no other; the numbers do not depend on it."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(_score, [0]) == [_score(0)]


def test_under_asyncio_and_in_a_thread():
    import asyncio

    async def both() -> tuple[float, float]:
        return await asyncio.to_thread(_score, 0), _score(0)

    elsewhere, here = asyncio.run(both())
    assert elsewhere == here


PROMPTS = {
    "a function of no file": (
        "exec('def f(campaign):\\n    return campaign.start().advance()')",
        "a strategy is not to be found in another process (AttributeError",
    ),
    "a script that is no file": ("", "several processes start from the script that runs, and"),
}


@pytest.mark.parametrize("case", PROMPTS)
def test_what_no_other_process_can_find_is_said_once(case: str, tmp_path: Path):
    before, said = PROMPTS[case]
    code = f"""
    import seedbench
    {before or "f = 'full_trials'"}
    if __name__ == "__main__":
        seedbench.evaluate(f, replicates=60, budgets=2, processes=2)
    """
    code = textwrap.dedent(code)
    if before:
        (tmp_path / "script.py").write_text(code.replace("exec(", "if __name__ == '__main__': exec("))
        command, given = [sys.executable, str(tmp_path / "script.py")], None
    else:
        command, given = [sys.executable, "-"], code
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr.count(f"Error: {said}") == 1 and done.stderr.count("Traceback") == 1, done.stderr
    assert "use one" in done.stderr.splitlines()[-1]


def test_a_script_that_other_processes_would_run_again_is_refused(tmp_path: Path):
    """On the bundled trials, whose ids alone are more than a pipe holds."""
    (tmp_path / "script.py").write_text(
        "import seedbench\nseedbench.evaluate('full_trials', replicates=60, budgets=2, processes=2)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 1 and "other processes import the script that runs" in done.stderr.splitlines()[-1]
