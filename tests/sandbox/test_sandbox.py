"""What goes wrong in a seal has its verdict and leaves nothing; where a process cannot be sealed, that is said."""

from __future__ import annotations

import os
import platform
import resource
import signal
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import pytest

from seedbench import CannotSeal, StrategyFailed, StrategyFileError, evaluate
from seedbench.replay import Deadline, RecordedTrials, prepare, run_campaign
from seedbench.sandbox import Limits, breach_of_exit, open_sandbox, process
from seedbench.sandbox.filter import ALLOWED, UNAVAILABLE
from seedbench.sandbox.messages import FRAMES_BYTES, cut
from seedbench.strategy import load_strategy
from tests.processes import ROOT, family, until, without_progress

# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_file_that_does_what_it_may_not_when_loaded_is_refused(sealed_run, write):
    with pytest.raises(
        StrategyFileError, match="mine.py: when loaded, it made a system call that is forbidden"
    ) as found:
        sealed_run(write("import os\nos.fork()\n"))
    assert found.value.verdict == "forbidden system call"


def test_in_this_process_nothing_is_executed(write, tmp_path):
    """Not even to load it: the file would leave a mark."""
    file = write(f"open({str(tmp_path / 'mark')!r}, 'w')\n")
    strategy = load_strategy(file, sealed=True)
    assert strategy.oracle is False and strategy.sha256
    with pytest.raises(RuntimeError, match="must not run outside a sealed process"):
        strategy.build()
    assert not (tmp_path / "mark").exists()


def test_what_cannot_be_sealed_is_refused(sandbox, trials):
    with pytest.raises(StrategyFileError, match="is a callable; a sealed process takes a file"):
        evaluate(lambda campaign: None, trials, sandbox=True)
    with pytest.raises(StrategyFileError, match="strategy oracle is an oracle"):
        evaluate("oracle", trials, sandbox=True)


def test_a_process_that_ends_before_it_is_sealed_is_not_the_strategy_s_fault(sandbox, monkeypatch):
    ends = "import os; from seedbench.sandbox import zygote; zygote._become_sealed = lambda *_: os._exit(3); main("
    monkeypatch.setattr(process, "_BOOTSTRAP", process._BOOTSTRAP.replace("main(", ends))
    with pytest.raises(CannotSeal, match="a process could not be sealed: it ended its process, with exit code 3"):
        open_sandbox()


def test_a_process_that_crashes_before_it_has_said_anything(sandbox, monkeypatch):
    monkeypatch.setattr(process, "_BOOTSTRAP", "import os; os.kill(os.getpid(), 11)")
    with pytest.raises(CannotSeal, match="the process to fork sealed ones from has ended: exit code -11"):
        open_sandbox()


def test_too_few_open_files_are_not_the_strategy_s_fault(sandbox, table):
    """There is no pipe to be had for one campaign, and for the next one there is."""
    recorded = RecordedTrials(prepare(table, seed=0, replicates=range(2)), 0)
    strategy = load_strategy("full_trials", sealed=True)
    sandbox.limits = Limits()
    sandbox.load(strategy)
    run = partial(run_campaign, strategy, recorded, 2, deadline=Deadline(0), sandbox=sandbox)
    before, (soft, hard) = run(), resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(CannotSeal, match="a sealed process raised OSError: .* Too many open files"):
            run()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert run() == before


def test_the_clock_can_be_looked_at_while_it_is_taken_away(sandbox):
    """As an interpreter may by itself, between any two calls of the C library."""
    program = """
import time
from seedbench.sandbox import kernel

class Looking:
    def __init__(self, library):
        self.library = library
    def __getattr__(self, name):
        return getattr(self.library, name)
    def mprotect(self, *arguments):
        result = self.library.mprotect(*arguments)
        time.monotonic()
        return result

kernel._LIBC = Looking(kernel._LIBC)
kernel.silence_vdso()
time.monotonic()
print("alive")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_a_long_traceback_is_cut_in_the_middle(sealed_run, write):
    lines = "".join(f"    def f{n}():\n        f{n + 1}()\n" for n in range(200))
    file = write(
        f"def strategy(campaign):\n    global f200\n{lines}    f200 = lambda: 1 / 0\n    f0()\n".replace(
            "f200()", "1 / 0"
        )
    )
    with pytest.raises(StrategyFailed) as failed:
        sealed_run(file)
    frames = failed.value.frames
    assert (
        frames.startswith("Traceback") and frames.endswith("ZeroDivisionError: division by zero") and " ... " in frames
    )
    assert len(frames.encode()) <= FRAMES_BYTES


def test_texts_are_cut_to_their_size():
    assert cut("abc", 3) == "abc"
    assert cut("abcdefghijklmno", 11) == "abc ... mno"
    assert len(cut("ß" * 100, 20).encode()) <= 20
    assert cut("\udcff", 10) == "\\udcff"


def test_what_is_printed_goes_nowhere(sealed_run, write, capfd):
    sealed_run(write("def strategy(campaign):\n    print('x')\n    campaign.start().advance()\n"))
    assert capfd.readouterr() == ("", "")


def test_limits(sealed_run, write):
    for body, verdict, limits in [
        ("while True: pass", "cpu limit", {"cpu_seconds": 1}),
        ("while True: pass", "time limit", {"seconds": 0.5}),
        ("bytearray(2**28)", "raised", {"memory_bytes": 2**26}),
    ]:
        with pytest.raises(StrategyFailed) as failed:
            sealed_run(write(f"def strategy(campaign):\n    {body}\n"), **limits)
        assert failed.value.verdict == verdict
    assert sealed_run(write("def strategy(campaign):\n    bytearray(2**28)\n    campaign.start().advance()\n"))


# --- nothing is left, nothing is pretended ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_end_from_outside_leaves_no_process(sandbox, tmp_path, how):
    file = tmp_path / "waits.py"
    file.write_text("def strategy(campaign):\n    import os\n    os.read(3, 1)\n")
    command = [sys.executable, "-m", "seedbench", "evaluate", str(file), "--sandbox", "--processes", "1"]
    command += ["--protocol", "dodge2020"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SEEDBENCH_MARK": tmp_path.name}
    running = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        # It, the process to fork from, the sealed one.
        until(lambda: running.poll() is not None or len(family(running.pid)) >= 3, "the sealed one runs")
        assert running.poll() is None
        started = family(running.pid)
        running.send_signal(how)
        _, said = running.communicate(timeout=300)
    finally:
        running.kill()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started), "all of it has ended")
    if how == signal.SIGINT:
        assert running.returncode == 130 and without_progress(said) == "seedbench: interrupted; no result was written\n"


def test_where_memory_runs_out_sealed_processes_are_killed_first(sandbox):
    """Not those that wait for them, whose end would be nobody's verdict."""
    assert Path(f"/proc/{sandbox._zygote._process.pid}/oom_score_adj").read_text() == "1000\n"


def test_other_machines_are_refused(monkeypatch, trials):
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(CannotSeal, match="Linux on x86-64 alone; this is Linux on aarch64"):
        evaluate("asha", trials, sandbox=True)


def test_a_kernel_without_seccomp_is_refused(sandbox, trials_folder):
    """In a process whose own filter refuses the system call that installs a filter, as a container's may."""
    code = f"""
        import struct
        from seedbench.cli import main
        from seedbench.sandbox import filter, kernel
        refuse = filter._case(317, filter._return(filter._EPERM))
        kernel.forbid_new_privileges()
        kernel.Filter(b"".join([filter._load(0), *refuse, filter._return(filter._ALLOW)])).install()
        import sys
        sys.argv = ["seedbench", "evaluate", "asha", "--sandbox", "--trials", {str(trials_folder)!r}]
        main()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2
    assert done.stderr == (
        "seedbench: error: a process could not be sealed: PermissionError: [Errno 1] seccomp: Operation not permitted\n"
    )


def test_a_seal_that_does_not_hold_is_noticed(sandbox, monkeypatch):
    """With a filter that allows everything, what must fail succeeds."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    code = """
        import os, sys
        from seedbench.sandbox import open_sandbox, process
        process._BOOTSTRAP = process._BOOTSTRAP.replace(
            "from seedbench.sandbox.zygote import main",
            "from seedbench.sandbox import filter; "
            "filter.program = lambda: filter._return(filter._ALLOW); "
            "from seedbench.sandbox.zygote import main",
        )
        open_sandbox()
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert "CannotSeal: a process that was sealed could still do this: import os; os." in done.stderr


def test_what_is_allowed_is_little():
    assert set(ALLOWED) == {"read", "write", "munmap", "brk", "mremap", "exit", "exit_group"}
    assert not set(ALLOWED.values()) & set(UNAVAILABLE.values())


def test_a_signal_without_a_name_is_said_by_its_number() -> None:
    assert "had its process killed (signal 37)" in breach_of_exit(-37)
    assert "crashed its process (SIGSEGV)" in breach_of_exit(-signal.SIGSEGV)
