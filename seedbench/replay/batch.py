"""The work of a replay in blocks of replicates.

A block of one table is prepared once, and every strategy, budget and deletion meets it while it is in memory. Blocks
are independent, their results are arrays, and whoever asked puts them together in the order of the replicates.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from seedbench.campaign import Measurements
from seedbench.errors import IN_RE_RUN
from seedbench.replay.deadline import Deadline
from seedbench.replay.replicates import prepare
from seedbench.replay.run import run_campaign
from seedbench.replay.source import RecordedTrials
from seedbench.replay.transfer import History
from seedbench.sandbox import Limits, open_sandbox
from seedbench.strategy import Strategy
from seedbench.trialset import TrialTable

if TYPE_CHECKING:
    from seedbench.sandbox.campaigns import Sandbox

BLOCK = 50  # replicates prepared at a time; even. 23 MB of each kind of score for 625 trials × 30 checkpoints

# Campaigns free their objects themselves, so the garbage collector would only look through them in vain.
_COLLECT_AFTER = 100_000


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be done on one table.

    Attributes:
        table: the trial table.
        budgets: in full trials.
        keeps: the variants: number of a deletion -> the trials it keeps, bool [trials]; None -> None for all of them.
        histories: of each variant, what campaigns are shown of other tables; None on the cold track.
        replicates: of the variant that keeps all, from 0.
        deletion_replicates: of the others; at most as many.
    """

    table: TrialTable
    budgets: tuple[int, ...]
    keeps: Mapping[int | None, np.ndarray | None]
    histories: Mapping[int | None, History | None]
    replicates: int
    deletion_replicates: int

    def count(self, deletion: int | None) -> int:
        """Replicates of one variant."""
        return self.replicates if deletion is None else self.deletion_replicates


@dataclass(frozen=True, eq=False)
class Work:
    """Strategies and plans, with what they share; travels to other processes."""

    strategies: tuple[Strategy, ...]
    plans: tuple[Plan, ...]
    seed: int
    protocol: str
    time_limit: float

    def campaigns(self, plan: Plan, block: range) -> int:
        """How many campaigns one block takes."""
        replicates = sum(max(0, min(block.stop, plan.count(variant)) - block.start) for variant in plan.keeps)
        return replicates * len(self.strategies) * len(plan.budgets)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What came out on one table: arrays [variants, strategies, budgets, replicates]; 0 where a replicate did not run.

    Attributes:
        trial: int32, index of the kept trial.
        checkpoint: int32, index of the kept checkpoint.
        trials_started: int32, trials with a paid checkpoint.
        steps_spent: int64, steps paid for.
        score: float64, of the kept checkpoint on the test half.
        validation_score: float64, on the validation half.
        best_validation_score: float64 [replicates, trials], of each trial's best checkpoint.
        best_test_score: float64 [replicates, trials], the test score of that checkpoint.
    """

    trial: np.ndarray
    checkpoint: np.ndarray
    trials_started: np.ndarray
    steps_spent: np.ndarray
    score: np.ndarray
    validation_score: np.ndarray
    best_validation_score: np.ndarray
    best_test_score: np.ndarray

    @classmethod
    def empty(cls, plan: Plan, strategies: int, replicates: int) -> Outcomes:
        shape = (len(plan.keeps), strategies, len(plan.budgets), replicates)
        dtypes = (np.int32, np.int32, np.int32, np.int64, np.float64, np.float64)
        best = (np.zeros((replicates, plan.table.num_trials)) for _ in range(2))
        return cls(*(np.zeros(shape, dtype) for dtype in dtypes), *best)

    def put(self, part: Outcomes, block: range) -> None:
        """Puts the outcomes of one block in their place."""
        for name, whole in vars(self).items():
            replicates = slice(block.start, block.stop)
            whole[(replicates,) if name.startswith("best") else (..., replicates)] = getattr(part, name)

    def only(self, at: int) -> Outcomes:
        """The outcomes of one replicate."""
        one = slice(at, at + 1)
        cut = ((one,) if name.startswith("best") else (..., one) for name in vars(self))
        return Outcomes(*(values[index] for values, index in zip(vars(self).values(), cut, strict=True)))


def run_block(
    work: Work,
    plan: Plan,
    block: range,
    *,
    sandbox: Sandbox | None = None,
    only: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Outcomes:
    """All campaigns of one block of replicates of one table.

    Args:
        work: what to run.
        plan: one of its plans.
        block: whole pairs of replicates.
        sandbox: of `sandbox_for(work)`.
        only: run one replicate of them; the outcomes of the others stay 0.
        advance: called with the number of campaigns just done.

    Raises:
        StrategyFailed: of the first campaign without a result.
    """
    outcomes = Outcomes.empty(plan, len(work.strategies), len(block))
    deadline = Deadline(work.time_limit)
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        prepared = prepare(plan.table, seed=work.seed, replicates=block, protocol=work.protocol)
        outcomes.best_validation_score[:], outcomes.best_test_score[:] = prepared.best_checkpoints()
        with deadline.installed(), rarely_collected():
            for at, replicate in enumerate(block):
                if only is not None and replicate != only:
                    continue
                done = 0
                curves: dict[int, list[Measurements]] = {}
                for variant, (deletion, keep) in enumerate(plan.keeps.items()):
                    if replicate >= plan.count(deletion):
                        continue
                    recorded = RecordedTrials(prepared, replicate, keep, curves, plan.histories[deletion])
                    if sandbox is not None:
                        recorded.read_ahead()
                    for number, strategy in enumerate(work.strategies):
                        for place, budget in enumerate(plan.budgets):
                            note = "" if deletion is None else IN_RE_RUN
                            settled = run_campaign(
                                strategy, recorded, budget, deadline=deadline, note=note, sandbox=sandbox
                            )
                            cell = (variant, number, place, at)
                            outcomes.trial[cell] = recorded.trial(settled.weight_init_seed, settled.data_order_seed)
                            outcomes.checkpoint[cell] = settled.checkpoint
                            outcomes.trials_started[cell] = settled.trials_started
                            outcomes.steps_spent[cell] = settled.steps_spent
                            done += 1
                if advance is not None:
                    advance(done)
    kept = (np.arange(len(block)), outcomes.trial, outcomes.checkpoint)
    outcomes.score[:] = prepared.test_score[kept]
    outcomes.validation_score[:] = prepared.validation_score[kept]
    return outcomes


@contextmanager
def sandbox_for(work: Work) -> Iterator[Sandbox | None]:
    """Where the sealed strategies run; None if there are none."""
    sealed = [strategy for strategy in work.strategies if strategy.sealed]
    if not sealed:
        yield None
        return
    with open_sandbox(Limits(seconds=work.time_limit, cpu_seconds=ceil(work.time_limit))) as sandbox:
        for strategy in sealed:
            sandbox.load(strategy)
        yield sandbox


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Keeps the garbage collector from running after every campaign or so; what makes much garbage still calls it."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _COLLECT_AFTER) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
