"""Sealed strategies do what they do in process, to the byte; where a process cannot be sealed, that is said."""

from __future__ import annotations

import os
import platform
import resource
import signal
import subprocess
import sys
import textwrap
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from seedbench import CannotSeal, SeedbenchError, StrategyFailed, StrategyFileError, evaluate
from seedbench.campaign import open_campaign
from seedbench.randomness import stream
from seedbench.replay import Deadline, RecordedTrials, ReplayOptions, prepare, replay, replay_one, run_campaign
from seedbench.sandbox import Limits, breach_of_exit, open_sandbox, process
from seedbench.sandbox.filter import ALLOWED, UNAVAILABLE
from seedbench.sandbox.imports import allowed, imported
from seedbench.sandbox.messages import FRAMES_BYTES, cut
from seedbench.sandbox.submittable import check_source
from seedbench.strategy import load_strategy, shipped
from tests.campaign.grid import Grid
from tests.processes import family, until, without_progress
from tests.synthetic import additive_predictions, table_by_hand

HONEST = [name for name in shipped() if name != "oracle"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def table():
    return table_by_hand(additive_predictions(4, 4, checkpoints=4, examples=20), [1, 0, 1, 0, 1] * 4)


@pytest.fixture
def write(tmp_path) -> Callable[[str], str]:
    def write_strategy(text: str) -> str:
        file = tmp_path / "mine.py"
        file.write_text(textwrap.dedent(text))
        return str(file)

    return write_strategy


@pytest.fixture
def sealed_run(sandbox, table):
    """Runs one campaign of a strategy's file in a sealed process; the settlement, or the failure."""
    recorded = RecordedTrials(prepare(table, seed=0, replicates=range(2)), 0)

    def run(file: str, **limits):
        sandbox.limits = Limits(**limits)
        strategy = load_strategy(file, sealed=True)
        sandbox.load(strategy)
        return run_campaign(strategy, recorded, 2, deadline=Deadline(0), sandbox=sandbox)

    return run


# --- the same -------------------------------------------------------------------------------------------------------


def test_same_bytes_as_in_process(sandbox, trials):
    """All that ships, the first against all others, on the transfer track: every number of the JSON."""
    first, *others = HONEST
    run = partial(evaluate, first, trials, replicates=4, seed=5, against=others, track="transfer")
    assert run(sandbox=True).to_json() == run().to_json()


def test_same_bytes_for_any_number_of_processes(sandbox, trials):
    run = partial(evaluate, "asha", trials, replicates=4, budgets=[2], recipes="few")
    sealed = run(sandbox=True, processes=2)
    in_process = run()
    assert sealed.to_json() == in_process.to_json()
    for name, column in in_process.campaigns.items():
        assert (sealed.campaigns[name] == column).all()


def test_random_numbers_are_the_campaign_s(sandbox, write, table):
    """The generator, and those spawned from it, decide which trials are trained and which is kept."""
    file = write("""
        def strategy(campaign):
            child = campaign.rng.spawn(1)[0]
            rows, columns = campaign.grid
            while campaign.remaining > 0:
                campaign.start(campaign.rng.integers(rows), child.integers(columns)).advance()
            return campaign.rng.choice(campaign.trials)
    """)
    run = partial(replay, tables=[table], budgets=[1, 2], options=ReplayOptions(replicates=4, seed=3))
    (sealed,), (in_process,) = run([load_strategy(file, sealed=True)]), run([file])
    assert (sealed.tables[0].trial == in_process.tables[0].trial).all()
    assert len(np.unique(in_process.tables[0].trial)) > 1


def test_a_trial_may_have_more_checkpoints_than_16_bits_count(sandbox, write):
    """As curves that were recorded at every step have."""
    file = write("""
        def strategy(campaign):
            trial = campaign.start()
            campaign.advance([trial], campaign.checkpoints_per_trial)
            return trial
    """)
    strategy, source = load_strategy(file, sealed=True), Grid(steps=range(1, 2**16 + 2))
    sandbox.load(strategy)
    campaign, _, _ = open_campaign(source, 1, rng=lambda: stream(0))
    kept = sandbox.run(strategy, campaign, source.steps)
    assert (kept.index, campaign.remaining) == (2**16, 0)


def test_late_values_are_there_whenever_they_are_looked_at(sandbox, write, table):
    """Started at random, trained without a look; then labels, scores, the best, in any order, and one more label."""
    file = write("""
        def strategy(campaign):
            first, second, third = (campaign.start() for _ in range(3))
            assert campaign.trials == () and campaign.unstarted == 6
            one = second.advance()
            other = first.advance()
            assert (one.index, one.fraction, campaign.remaining) == (0, 0.25, 1.5)
            assert campaign.trials == (second, first)
            while not third.complete:
                last = third.advance()
            seeds = {(trial.weight_init_seed, trial.data_order_seed) for trial in (third, first, second)}
            assert len(seeds) == 3 and campaign.start(*sorted(seeds)[0]) in (first, second, third)
            assert third.best.score == max(point.score for point in third.checkpoints) >= last.score
            assert repr(one).startswith(f"<Checkpoint 0 of <Trial weight_init_seed={second.weight_init_seed} ")
            assert not hasattr(one, "nothing") and not hasattr(third, "nothing")
            try:
                campaign.start().best
            except ValueError as error:
                assert "has no best checkpoint: advance it first" in str(error)
            return other
    """)
    run = partial(replay, tables=[table], budgets=[2], options=ReplayOptions(replicates=4, seed=1))
    (sealed,), (in_process,) = run([load_strategy(file, sealed=True)]), run([file])
    for name in ("trial", "checkpoint", "steps_spent", "trials_started", "score"):
        assert (getattr(sealed.tables[0], name) == getattr(in_process.tables[0], name)).all()


def test_several_together_are_the_same_sealed(sandbox, write, table):
    """`campaign.advance`, to where the money ends; what is known of the task; what a checkpoint says."""
    file = write("""
        def strategy(campaign):
            assert (campaign.metric, campaign.dev_examples, campaign.labels) == ("accuracy", 20, 2)
            trials = [campaign.start() for _ in range(5)]
            reached = campaign.advance(trials, 1)
            assert [point.repeated for point in reached] == [False] * 5
            best = sorted(trials, key=lambda trial: trial.best.score, reverse=True)
            try:
                campaign.advance([best[0], best[0]])
            except ValueError:
                campaign.advance(best, campaign.checkpoints_per_trial)
    """)
    run = partial(replay, tables=[table], budgets=[2], options=ReplayOptions(replicates=4, seed=1))
    (sealed,), (in_process,) = run([load_strategy(file, sealed=True)]), run([file])
    for name in ("trial", "checkpoint", "steps_spent", "validations", "rows_seen", "columns_seen", "score"):
        assert (getattr(sealed.tables[0], name) == getattr(in_process.tables[0], name)).all()
    assert (sealed.tables[0].steps_spent == 2 * table.num_steps).all()


def test_more_calls_than_a_message_holds(sandbox, write):
    """2,200 checkpoints that nobody looks at: twice a trial of 1,100."""
    table = table_by_hand(additive_predictions(4, 4, checkpoints=1100, examples=5), [1, 0, 1, 0, 1])
    file = write("""
        def strategy(campaign):
            while True:
                trial = campaign.start()
                while not trial.complete:
                    trial.advance()
    """)
    run = partial(replay, tables=[table], budgets=[2], options=ReplayOptions(replicates=4))
    (sealed,), (in_process,) = run([load_strategy(file, sealed=True)]), run([file])
    assert (sealed.tables[0].checkpoint == in_process.tables[0].checkpoint).all()
    assert (sealed.tables[0].steps_spent == 2 * 11000).all()


def test_scipy_and_numpy_are_there(write, sealed_run):
    """As an import statement, inside a function, and as an attribute of the package."""
    settled = sealed_run(
        write("""
        import numpy as np
        import scipy

        def strategy(campaign):
            from scipy.optimize import curve_fit, differential_evolution, minimize
            trial = campaign.start()
            scores = [trial.advance().score for _ in range(4)]
            curve_fit(lambda x, a, b: a * x + b, np.arange(4), np.array(scores))
            for method in ("COBYLA", "COBYQA"):  # these and the next import something when they are called
                minimize(lambda x: x @ x, [0.3, 0.4], method=method, bounds=[(-1, 1)] * 2)
            differential_evolution(lambda x: x @ x, [(-1, 1)], rng=campaign.rng, maxiter=2)
            assert scipy.stats.rankdata(scores).size == np.fft.fft(scores).size == 4
            assert np.linalg.norm(np.polynomial.Polynomial.fit(np.arange(4), scores, 1).coef) > 0
            return trial
    """)
    )
    assert settled.steps_spent == 40


def test_every_module_of_the_standard_library_that_may_be_imported_is_harmless(tmp_path):
    """Imported in a process of its own: nothing is printed, written or started."""
    code = """
        import importlib, os, sys, threading, warnings
        from seedbench.sandbox.imports import ALLOWED
        warnings.simplefilter("ignore")
        for name in sorted(ALLOWED):
            try:
                importlib.import_module(name)
            except ImportError:
                pass
        assert threading.active_count() == 1 and os.listdir(".") == []
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# --- what goes wrong --------------------------------------------------------------------------------------------------

FAILURES = {
    "raises": """
        def strategy(campaign):
            trial = campaign.start()
            trial.advance()
            return helper(trial)

        def helper(trial):
            return 1 / (trial.best.index)
    """,
    "chains": """
        def strategy(campaign):
            try:
                campaign.start(weight_init_seed="é")
            except Exception as error:
                raise ValueError("größer") from error
    """,
    "returns something else": "def strategy(campaign):\n    campaign.start().advance()\n    return 'best'\n",
    "pays for nothing": "def strategy(campaign):\n    return None\n",
    "missing cell": "def strategy(campaign):\n    campaign.start(9, 0)\n",
    "label of the wrong kind": "def strategy(campaign):\n    campaign.start(1.5)\n",
    "complete": "def strategy(campaign):\n    trial = campaign.start()\n    while True:\n        trial.advance()\n",
    "idle": "def strategy(campaign):\n    while True:\n        campaign.start(0, 0)\n",
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_said_as_in_process(sandbox, write, table, name):
    file = write(FAILURES[name])
    with pytest.raises(StrategyFailed) as in_process:
        replay_one(file, table, 2, 1, options=ReplayOptions(seed=7))
    with pytest.raises(StrategyFailed) as sealed:
        replay_one(load_strategy(file, sealed=True), table, 2, 1, options=ReplayOptions(seed=7))
    assert str(sealed.value) == str(in_process.value)
    assert sealed.value.frames == in_process.value.frames
    assert sealed.value.verdict in ("raised", "invalid return", "stopped") and in_process.value.verdict == ""


UNUSABLE = {
    "is not Python": "def strategy(campaign)\n    pass\n",
    "raises when loaded": "x = 1\n1 / 0\n",
    "binds nothing": "def other(campaign):\n    pass\n",
    "binds a class": "class strategy:\n    pass\n",
    "nests too deep": "x = " + "(" * 1000 + "\n",
    "holds a zero": "x = 1\0\n",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_file_that_cannot_be_used_is_refused_as_in_process(sandbox, write, trials, name):
    file = write(UNUSABLE[name])
    with pytest.raises(StrategyFileError) as in_process:
        evaluate(file, trials, replicates=4)
    with pytest.raises(StrategyFileError) as sealed:
        evaluate(file, trials, replicates=4, sandbox=True)
    assert str(sealed.value) == str(in_process.value)
    assert (sealed.value.frames, sealed.value.verdict) == (in_process.value.frames, "unusable")


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


def test_one_campaign_again(sandbox, run, trials_folder):
    only = ("evaluate", "asha", "--trials", trials_folder, "--only", "mini/sst2/few:4:1")
    assert run(*only, "--sandbox") == run(*only)


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


# --- imports ----------------------------------------------------------------------------------------------------------


def test_modules_that_may_be_imported():
    for module in ("math", "collections.abc", "numpy", "numpy.random", "scipy.stats", "_bisect"):
        assert allowed(module)
    for module in (
        "torch",
        "seedbench",
        "asyncio.__main__",
        "numpy.conftest",
        "scipy.stats.tests",
        "idlelib",
        "..os",
        "",
        "numpy." + "a" * 60,
        "numpy.distutils",
        "numpy.distutils.system_info",
        "numpy.f2py",
        "numpy.testing",
        "scipy.datasets",
    ):
        assert not allowed(module)


def test_modules_that_a_source_imports():
    source = (
        "import os.path as p\nfrom numpy import random, fft\ndef f():\n    from . import x\n"
        "    import scipy\n    scipy.stats.t\n"
    )
    assert sorted(imported(source)) == [
        (1, "os.path"),
        (2, "numpy"),
        (2, "numpy.fft"),
        (2, "numpy.random"),
        (4, "."),
        (4, "..x"),
        (5, "scipy"),
        (6, "scipy.stats"),
    ]
    long = "a." * 90 + "a"
    assert list(imported(f"from {long} import b, c")) == [(1, long)]


@pytest.mark.parametrize(
    "source",
    [
        "import a" + ".b" * 32_000,
        "from a" + ".b" * 32_000 + " import c",
        "import a" + ".\\\n b" * 13_000,
        "a" + " . b" * 16_000,
    ],
    ids=["import", "from", "lines", "attribute"],
)
def test_a_name_without_end_is_not_parsed(source):
    """Python's parser takes 1.2 GB for 64 KiB of it, in the process that believes nothing."""
    tracemalloc.start()
    with pytest.raises(ValueError, match="line 1: a name of more than 100 parts"):
        list(imported(source))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    with pytest.raises(SeedbenchError, match="not Python: line 1: a name of more than 100 parts"):
        check_source(source.encode(), "strategy.py")


def test_what_imports_for_strategies_starts_no_program(sandbox):
    """The process that sealed ones are forked from is under a filter of its own, which a child of it shows here."""
    pid = sandbox._zygote._process.pid
    status = Path(f"/proc/{pid}/status").read_text()
    assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status
    code = """
        import os, socket, subprocess
        from seedbench.sandbox import filter, kernel
        kernel.forbid_new_privileges()
        kernel.Filter(filter.no_programs()).install()
        for forbidden in (lambda: subprocess.run(["true"]), socket.socket, lambda: os.execv("/bin/true", ["true"])):
            try:
                forbidden()
            except PermissionError:
                print("refused")
        print(os.waitpid(os.posix_spawn("/bin/true", ["true"], {}), 0)[1] != 0)
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(line, capture_output=True, text=True, env=environment)
    said = done.stdout.split() + done.stderr.split()
    assert said[:3] == ["refused"] * 3 and ("True" in said or "PermissionError:" in said), done


LABELS = """
    import numpy as np

    class Everything:
        __hash__ = lambda self: hash(0)
        __eq__ = lambda self, other: True

    class Index:
        __index__ = lambda self: 0

    CASES = [
        *[(0.0, 0), (True, 0), (False, 0), (np.int64(0), 0), (np.float64(0), 0), ("0", 0), (None, 0.0), (None, "a")],
        *[([0], 0), (0, [0]), (Everything(), 0), (Index(), 0), (0j, 0), (-1, 0), (10**40, 0), (np.array(0), 0)],
        *[(np.array([0]), 0), (0, 1.0), (0.0, None), (Index(), None)],
    ]

    def kind(value):
        parts = ",".join(sorted({kind(one) for one in value})) if isinstance(value, tuple) else ""
        return type(value).__name__ + parts

    def strategy(campaign):
        first = campaign.start(0, 0)
        first.advance()
        told = []
        for case in CASES[PART::5]:
            try:
                told.append(str(campaign.start(*case) is first))
            except Exception as error:
                told.append(f"{type(error).__name__}: {str(error)[:30]}")
        for one in (campaign, first, first.best):
            names = [name for name in dir(one) if name[0] != "_" and name != "advance"]
            told += [kind(getattr(one, name)) for name in names[PART::5]]
        raise ValueError(" ".join(told))
"""


@pytest.mark.parametrize("part", range(5))
def test_labels_and_types_are_the_same_sealed(sandbox, write, table, part):
    """What a label may be, and of which type each value is."""
    recorded = RecordedTrials(prepare(table, seed=0, replicates=range(2)), 0)
    file, said = write(LABELS.replace("PART", str(part))), []
    sandbox.limits = Limits()
    for sealed in (False, True):
        strategy = load_strategy(file, sealed=sealed)
        if sealed:
            sandbox.load(strategy)
        with pytest.raises(StrategyFailed) as failed:
            run_campaign(strategy, recorded, 2, deadline=Deadline(0), sandbox=sandbox if sealed else None)
        said.append(failed.value.reason)
    assert said[0] == said[1] and "raised ValueError" in said[0]


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
