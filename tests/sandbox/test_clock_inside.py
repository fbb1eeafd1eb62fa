"""What a sealed strategy can time with the clock that is left to it, measured in the seal.

A null selector other than 0 in a segment register becomes 0 by the next interruption. Machine code that sets one and
that stores it is in NumPy's and SciPy's libraries; its addresses are given to the strategy here, which it would have to
find. It waits for an interruption, does what it wants to time, and counts looks until the next one, a fraction of a
microsecond each. What it counted, it says as an exception.

SEEDBENCH_SLOW=1: what that tells of futures, which takes thousands of worlds; else only that the clock runs.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from seedbench.campaign import Source
from seedbench.errors import StrategyFailed
from seedbench.replay import Deadline, RecordedTrials, prepare, run_campaign
from seedbench.sandbox import Limits
from seedbench.sandbox.campaigns import Sandbox
from seedbench.strategy import Strategy, load_strategy
from tests.sandbox.test_clock import table

SLOW = os.environ.get("SEEDBENCH_SLOW") == "1"
WORLDS, RANGES = 2_400, 16
#: Stores to a pointer that is the first argument, loads from one that is the third; each then returns.
STORE, LOAD = bytes.fromhex("8c1fc3"), bytes.fromhex("8e1ac3")  # mov [rdi], ds; mov ds, [rdx]

IMPORTS = "import ctypes\nimport numpy as np\nimport scipy.linalg, scipy.special, scipy.stats\n"
CLOCK = '''
cell = (ctypes.c_uint64 * 1)()
there = ctypes.addressof(cell)
load = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)({load})
store = ctypes.CFUNCTYPE(None, ctypes.c_void_p)({store})


def looks():
    """How often it looks until the next interruption."""
    cell[0], number = 3, 0
    load(0, 0, there)
    while cell[0] & 0xFFFF == 3:
        store(there)
        number += 1
    return number


'''
ANSWERS = '''
MINE = np.zeros(2**17)  # a MiB: what is in the caches of a core before an answer, and partly after it


def strategy(campaign):
    """How long each trial's first answer takes, of all trials that there are, and a walk through its own memory."""
    found = [*range(2**16)]  # so that counting takes no new memory: a page that is missing interrupts as well
    found.clear()
    while campaign.unstarted:
        trial = campaign.start()
        trial.weight_init_seed  # it is started only when somebody looks
        MINE.sum()
        looks()
        trial.advance().score
        MINE.sum()
        found.append(looks())
    raise RuntimeError(f"counted {found}")
'''


def code_in(pid: int) -> dict[str, int] | None:
    """Where a process has the code that the clock takes; None: it has not all of it."""
    found: dict[str, int] = {}
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            range_, access, _, _, inode, *_ = line.split()
            low, high = (int(address, 16) for address in range_.split("-"))
            if "x" in access and inode != "0":
                memory.seek(low)
                content = memory.read(high - low)
                for name, code in (("store", STORE), ("load", LOAD)):
                    if (at := content.find(code)) >= 0:
                        found.setdefault(name, low + at)
    return found if len(found) == 2 else None


@pytest.fixture(scope="module")
def sealed(sandbox: Sandbox, tmp_path_factory) -> Strategy:
    """A strategy that has the clock and times answers by it, loaded to be sealed."""
    file = tmp_path_factory.mktemp("clock") / "clock.py"

    def load(source: str) -> Strategy:
        file.write_text(source)
        strategy = load_strategy(file, sealed=True)
        sandbox.load(strategy)
        return strategy

    sandbox.limits = Limits()
    load(IMPORTS + "def strategy(campaign): ...\n")
    if (code := code_in(sandbox._zygote._process.pid)) is None:
        pytest.skip("the libraries here have no code that sets and reads a segment register")
    return load(IMPORTS + CLOCK.format(**code) + ANSWERS)


def counted(strategy: Strategy, recorded: RecordedTrials, source: Source, sandbox: Sandbox) -> list[int]:
    """What a campaign counted."""
    with pytest.raises(StrategyFailed) as failed:
        run_campaign(strategy, recorded, 4, deadline=Deadline(0), source=source, sandbox=sandbox)
    assert failed.value.verdict == "raised"
    return [int(number) for number in re.findall(r"\d+", str(failed.value).partition("counted [")[2].partition("]")[0])]


def told_apart(counts: Sequence[Sequence[int]], truth: np.ndarray) -> tuple[float, float]:
    """The share of two kinds of worlds told apart by what was counted, and its standard error: in half of the worlds it
    is learnt how often each kind has a count in each of some ranges (naive Bayes); the others are told apart."""
    numbers, half = np.array(counts, float), len(truth) // 2
    evidence = np.zeros(len(truth) - half)
    for column in numbers.T:
        edges = np.unique(np.quantile(column[:half], np.linspace(0, 1, RANGES + 1)[1:-1]))
        place = np.searchsorted(edges, column, side="right")
        often = [np.bincount(place[:half][truth[:half] == kind], minlength=len(edges) + 1) + 1 for kind in (0, 1)]
        evidence += np.log((often[1] / often[1].sum()) / (often[0] / often[0].sum()))[place[half:]]
    told = (evidence > 0) == truth[half:]
    return float(told.mean()), 0.5 / np.sqrt(len(told))


def test_the_clock_that_is_left_runs_in_the_seal(sealed, sandbox) -> None:
    """Every answer is timed, by looks that differ in number: where an answer comes in a tick is chance."""
    batch = prepare(table(), seed=0, replicates=range(1))
    recorded = RecordedTrials(batch, 0)
    counts = [counted(sealed, recorded, recorded.source(), sandbox) for _ in range(4)]
    assert [len(found) for found in counts] == [batch.order.shape[1]] * 4
    every = np.concatenate(counts)
    assert np.median(every) > 100, every  # a look is much shorter than a tick
    assert len(np.unique(every)) > len(every) / 2, every


@pytest.mark.skipif(not SLOW, reason="thousands of worlds: only with SEEDBENCH_SLOW=1")
def test_what_is_not_paid_for_is_not_told_by_the_clock_in_the_seal(sealed, sandbox) -> None:
    """Worlds as in `test_clock`, the same but for what is not paid for; and others that are the same but for an answer
    that comes late, or for which more memory was read: these show what the clock would tell."""
    plain = prepare(table(), seed=0, replicates=range(1))
    truth = np.random.default_rng(1).permutation(np.arange(WORLDS) % 2).astype(bool)
    counts: dict[str, list[list[int]]] = {what: [] for what in ("futures", *CONTROLS)}
    for number, which in enumerate(truth):
        score = plain.score.copy()
        score[:, 1:] = float(which)
        future = RecordedTrials(replace(plain, score=score, test_score=score.copy(), curves={}), 0)
        future.read_ahead()
        for what, found in counts.items():
            if what in CONTROLS and number % 4:  # which needs fewer to be seen
                continue
            recorded = future if what == "futures" else RecordedTrials(plain, 0)
            source = recorded.source()
            if what in CONTROLS and which:
                source.start = _after(CONTROLS[what], source.start)
            found.append(counted(sealed, recorded, source, sandbox))
    told = {what: told_apart(found, truth[:: len(truth) // len(found)]) for what, found in counts.items()}
    for what, (share, error) in told.items():
        print(f"{what}: {share:.1%} ± {1.96 * error:.1%} of {len(counts[what]) // 2:,} worlds told apart")
    share, error = told["futures"]
    assert abs(share - 0.5) < 4 * error
    assert told["a millisecond late"][0] > 0.8  # it is a clock


def _busy(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


MORE = np.zeros(2**19)  # 4 MiB
#: What whoever evaluates does in half of the worlds before it answers.
CONTROLS: dict[str, Callable[[], object]] = {
    "a millisecond late": lambda: _busy(1e-3),
    "a tenth of that": lambda: _busy(1e-4),
    "4 MiB read meanwhile": MORE.sum,
}


def _after(what: Callable[[], object], start):
    """Does something before each answer."""

    def started(*labels):
        row, column, advance = start(*labels)

        def after_that():
            what()
            return advance()

        return row, column, after_that

    return started
