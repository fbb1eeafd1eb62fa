"""seedbench beside its peers: campaigns of 600 checkpoints on 625 trials × 30, by the same rules on the same curves.

    pip install -c constraints.txt -e . --group test --group bench
    SEEDBENCH_BENCHMARKS=FOLDER pytest tests/benchmarks/test_peers.py --benchmark-enable --benchmark-only

prints the table of ratios and writes it to FOLDER/peers.json. In every round each tool runs in turn, and a ratio is
taken within its round, so that a slow core is in both of its sides. Time is the process's own CPU time, which other
work on the machine does not add to; but sealed campaigns are two processes, whose wall time is taken, as is that of the
campaigns they are compared with.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pytest
from optuna.pruners import MedianPruner, SuccessiveHalvingPruner

from seedbench import CannotSeal
from seedbench.campaign import Settlement
from seedbench.replay import Deadline, PoolSize, RecordedTrials, prepare, run_campaign
from seedbench.replay.batch import rarely_collected
from seedbench.sandbox import open_sandbox
from seedbench.strategy import load_strategy
from tests.benchmarks import peers
from tests.benchmarks.rules import FACTOR, RUNGS, optuna_top, syne_tune_top
from tests.curves import made
from tests.synthetic import additive_predictions, table_by_hand

BUDGET, LENGTH, REPLICATES, ROUNDS = 20, 30, 20, 30
RULES = Path(__file__).with_name("rules.py")
OURS, SEALED = "seedbench", "seedbench, sealed"
needs_syne_tune = pytest.mark.skipif(find_spec("syne_tune") is None, reason="syne-tune comes with the group bench")


def halving() -> SuccessiveHalvingPruner:
    return SuccessiveHalvingPruner(min_resource=RUNGS[0], reduction_factor=FACTOR)


@pytest.fixture(scope="module")
def replicates() -> list[RecordedTrials]:
    table = table_by_hand(additive_predictions(25, 25, checkpoints=LENGTH, examples=200), [1, 0, 1, 0, 1] * 40)
    whole = PoolSize(25, 25, 625, diagonal=False)  # all trials in every pool, as the peers have them
    block = prepare(table, seed=0, replicates=range(REPLICATES), size=whole)
    every = [RecordedTrials(block, replicate) for replicate in block.replicates]
    for recorded in every:
        recorded.read_ahead()
    return every


@pytest.fixture(scope="module")
def curves(replicates) -> list[peers.Curves]:
    """Of every replicate the scores of all trials, in the order in which they are started."""
    found = []
    for recorded in replicates:
        start = recorded.source().start
        trials = [start(None, None)[2] for _ in range(625)]
        found.append([[measured.score for measured in trial] for trial in trials])
    return found


# --- the same decisions -----------------------------------------------------------------------------------------------


def trained(strategy: object, recorded: RecordedTrials) -> list[int]:
    """Checkpoints that a strategy trains each trial for, in the order of their start."""
    found = []

    def watched(campaign):
        try:
            loaded.build()(campaign)
        finally:
            found.extend(len(trial.checkpoints) for trial in campaign.trials)

    loaded = load_strategy(strategy)
    run_campaign(load_strategy(watched), recorded, BUDGET, deadline=Deadline(0))
    return found


@pytest.mark.parametrize("replicate", range(3))
def test_optuna_decides_alike(replicates, curves, replicate):
    recorded, own = replicates[replicate], curves[replicate]
    assert trained(f"{RULES}:as_optuna", recorded) == peers.optuna(own, halving())
    assert peers.bare_halving(own, optuna_top) == peers.optuna(own, halving())
    assert trained(made("percentile_stopping", percentile=50), recorded) == peers.optuna(own, MedianPruner())


@needs_syne_tune
@pytest.mark.parametrize("poll", [1, LENGTH + 1])
def test_syne_tune_decides_alike(replicates, curves, poll):
    own = peers.syne_tune(curves[0], poll)
    assert trained(f"{RULES}:as_syne_tune", replicates[0]) == own
    assert peers.bare_halving(curves[0], syne_tune_top) == own
    assert sum(own) == 600


# --- the table of ratios ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contender:
    """One line of the table: what runs a campaign, given the number of a replicate, and how many it runs in a round."""

    rule: str
    tool: str
    run: Callable[[int], object]
    campaigns: int


@pytest.fixture(scope="module")
def contenders(replicates, curves) -> Iterator[list[Contender]]:
    deadline = Deadline(60)

    def ours(strategy: object, sandbox=None) -> Callable[[int], Settlement]:
        loaded = load_strategy(strategy, sealed=sandbox is not None)
        if sandbox is not None:
            sandbox.load(loaded)
        return lambda at: run_campaign(loaded, replicates[at], BUDGET, deadline=deadline, sandbox=sandbox)

    rules: dict[str, list[tuple[str, Callable[[int], object], int]]] = {
        "successive halving, as Optuna": [
            (OURS, ours(f"{RULES}:as_optuna"), 40),
            ("bare Python", lambda at: peers.bare_halving(curves[at], optuna_top), 40),
            (f"Optuna {version('optuna')}", lambda at: peers.optuna(curves[at], halving()), 2),
        ],
        "median stopping": [
            (OURS, ours(made("percentile_stopping", percentile=50)), 40),
            (f"Optuna {version('optuna')}", lambda at: peers.optuna(curves[at], MedianPruner()), 2),
        ],
        "asha, as shipped": [(OURS, ours("asha"), 40)],
        "full_trials, as shipped": [(OURS, ours("full_trials"), 40)],
    }
    if find_spec("syne_tune"):
        name = f"Syne Tune {version('syne-tune')}"
        rules["successive halving, as Syne Tune"] = [
            (OURS, ours(f"{RULES}:as_syne_tune"), 40),
            ("bare Python", lambda at: peers.bare_halving(curves[at], syne_tune_top), 40),
            (f"{name}, asked at each checkpoint", lambda at: peers.syne_tune(curves[at], 1), 1),
            (f"{name}, asked once a trial", lambda at: peers.syne_tune(curves[at], LENGTH + 1), 1),
        ]
    with ExitStack() as stack:
        try:
            sandbox = stack.enter_context(open_sandbox())
        except CannotSeal:
            pass
        else:
            for rule, strategy in (
                ("successive halving, as Optuna", f"{RULES}:as_optuna"),
                ("asha, as shipped", "asha"),
                ("full_trials, as shipped", "full_trials"),
            ):
                rules[rule].append((SEALED, ours(strategy, sandbox), 4))
        stack.enter_context(deadline.installed())
        stack.enter_context(rarely_collected())
        yield [Contender(rule, *line) for rule, lines in rules.items() for line in lines]


def test_ratios(benchmark, contenders, capsys):
    seconds: dict[Contender, list[tuple[float, float]]] = {contender: [] for contender in contenders}
    following = cycle(range(REPLICATES))

    def one_round() -> None:
        for contender, found in seconds.items():
            every = [next(following) for _ in range(contender.campaigns)]
            begun = process_time(), perf_counter()
            for at in every:
                contender.run(at)
            ended = process_time(), perf_counter()
            found.append(tuple((end - begin) / len(every) for begin, end in zip(begun, ended, strict=True)))

    benchmark.pedantic(one_round, rounds=ROUNDS, warmup_rounds=1)
    if not benchmark.stats:  # benchmarks are disabled
        return
    rows = []
    for contender, found in seconds.items():
        (reference,) = (seconds[one] for one in contenders if (one.rule, one.tool) == (contender.rule, OURS))
        clock = 1 if contender.tool == SEALED else 0
        its, ours = (np.array(times[1:])[:, clock] for times in (found, reference))  # the first round is to warm up
        rows.append(
            {
                "rule": contender.rule,
                "tool": contender.tool,
                "clock": ("cpu", "wall")[clock],
                "campaigns_per_second": quartiles(1 / its),
                "seedbench_is_times_as_fast": quartiles(its / ours),
            }
        )
    table = {
        "workload": f"campaigns of {peers.CHECKPOINTS} checkpoints on 625 trials x {LENGTH} checkpoints, one process",
        "python": platform.python_version(),
        "rounds": ROUNDS,
        "rows": rows,
    }
    with capsys.disabled():
        print(f"\n{table['workload']}; medians of {ROUNDS} rounds, and quartiles\n")
        print(f"{'':34}{'campaigns a second':>28}{'seedbench is × as fast':>28}")
        for rule in dict.fromkeys(row["rule"] for row in rows):
            print(rule)
            for row in (row for row in rows if row["rule"] == rule):
                rate, ratio = (shown(row[name]) for name in ("campaigns_per_second", "seedbench_is_times_as_fast"))
                print(f"  {row['tool']:42}{rate:>20}{'' if row['tool'] == OURS else ratio:>24}")
    if folder := os.environ.get("SEEDBENCH_BENCHMARKS"):
        Path(folder, "peers.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")
    benchmark.extra_info["table"] = table


def quartiles(values: np.ndarray) -> dict[str, float]:
    low, median, high = (float(f"{value:.3g}") for value in np.percentile(values, [25, 50, 75]))
    return {"median": median, "low": low, "high": high}


def shown(found: dict[str, float]) -> str:
    median, low, high = (
        f"{found[name]:,.{0 if found[name] >= 100 else 3}{'f' if found[name] >= 100 else 'g'}}"
        for name in ("median", "low", "high")
    )
    return f"{median} ({low}-{high})"
