"""The work of a replay in batches of replicates.

A batch of one table is prepared once, and every strategy, budget and deletion meets it while it is in memory. Batches
are independent, their results are arrays, and whoever asked puts them together in the order of the replicates.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from seedbench.campaign import Measurements, Source
from seedbench.errors import IN_RE_RUN
from seedbench.replay.deadline import Deadline
from seedbench.replay.decisions import Paid, decisions_of, watched
from seedbench.replay.options import ReplayOptions
from seedbench.replay.replicates import prepare
from seedbench.replay.run import run_campaign
from seedbench.replay.source import RecordedTrials
from seedbench.replay.transfer import ShownTables
from seedbench.sandbox import Limits, open_sandbox
from seedbench.strategy import Strategy
from seedbench.trialset import TrialTable

if TYPE_CHECKING:
    from seedbench.sandbox.campaigns import Sandbox

BATCH = 50  # replicates prepared at a time; even. 23 MB of each kind of score for 625 trials × 30 checkpoints

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
    histories: Mapping[int | None, ShownTables | None]
    replicates: int
    deletion_replicates: int

    def count(self, deletion: int | None) -> int:
        """Replicates of one variant."""
        return self.replicates if deletion is None else self.deletion_replicates


@dataclass(frozen=True, eq=False)
class Work:
    """What to run; travels to other processes.

    Attributes:
        strategies: all of them on every plan.
        plans: one for each table.
        options: how.
        decisions: whether those of the campaigns on all seeds are recorded.
    """

    strategies: tuple[Strategy, ...]
    plans: tuple[Plan, ...]
    options: ReplayOptions
    decisions: bool = False

    def campaigns(self, plan: Plan, batch: range) -> int:
        """How many campaigns one batch takes."""
        replicates = sum(max(0, min(batch.stop, plan.count(variant)) - batch.start) for variant in plan.keeps)
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
        decisions: `Decisions` [strategies, budgets, replicates] of the variant that keeps all; None if not asked for.
    """

    trial: np.ndarray
    checkpoint: np.ndarray
    trials_started: np.ndarray
    steps_spent: np.ndarray
    score: np.ndarray
    validation_score: np.ndarray
    best_validation_score: np.ndarray
    best_test_score: np.ndarray
    decisions: np.ndarray | None = None

    @classmethod
    def empty(cls, plan: Plan, work: Work, replicates: int) -> Outcomes:
        """Room for the outcomes of so many replicates."""
        shape = (len(plan.keeps), len(work.strategies), len(plan.budgets), replicates)
        best = (replicates, plan.table.num_trials)
        return cls(
            trial=np.zeros(shape, np.int32),
            checkpoint=np.zeros(shape, np.int32),
            trials_started=np.zeros(shape, np.int32),
            steps_spent=np.zeros(shape, np.int64),
            score=np.zeros(shape),
            validation_score=np.zeros(shape),
            best_validation_score=np.zeros(best),
            best_test_score=np.zeros(best),
            decisions=np.empty(shape[1:], dtype=object) if work.decisions else None,
        )

    def put(self, part: Outcomes, batch: range) -> None:
        """Puts the outcomes of one batch in their place."""
        for name, whole in self._arrays().items():
            whole[_at(name, slice(batch.start, batch.stop))] = getattr(part, name)

    def only(self, at: int) -> Outcomes:
        """The outcomes of one replicate."""
        return Outcomes(**{name: whole[_at(name, slice(at, at + 1))] for name, whole in self._arrays().items()})

    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: values for name, values in vars(self).items() if values is not None}


def _at(name: str, replicates: slice) -> tuple[Any, ...]:
    """The index of some replicates in an array of `Outcomes`."""
    return (replicates,) if name.startswith("best") else (..., replicates)


def run_batch(
    work: Work,
    plan: Plan,
    batch: range,
    *,
    sandbox: Sandbox | None = None,
    only: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> Outcomes:
    """All campaigns of one batch of replicates of one table.

    Args:
        work: what to run.
        plan: one of its plans.
        batch: whole pairs of replicates.
        sandbox: of `sandbox_for(work)`.
        only: run one replicate of them; the outcomes of the others stay 0.
        advance: called with the number of campaigns just done.

    Raises:
        StrategyFailed: of the first campaign without a result.
    """
    outcomes = Outcomes.empty(plan, work, len(batch))
    deadline = Deadline(work.options.time_limit)
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        prepared = prepare(plan.table, seed=work.options.seed, replicates=batch, protocol=work.options.protocol)
        outcomes.best_validation_score[:], outcomes.best_test_score[:] = prepared.best_checkpoints()
        with deadline.installed(), rarely_collected():
            for at, replicate in enumerate(batch):
                if only is not None and replicate != only:
                    continue
                curves: dict[int, list[Measurements]] = {}
                done = 0
                for variant, (deletion, keep) in enumerate(plan.keeps.items()):
                    if replicate >= plan.count(deletion):
                        continue
                    recorded = RecordedTrials(prepared, replicate, keep, curves, plan.histories[deletion])
                    if sandbox is not None:
                        recorded.read_ahead()
                    note = "" if deletion is None else IN_RE_RUN
                    for number, place in np.ndindex(len(work.strategies), len(plan.budgets)):
                        strategy, budget = work.strategies[number], plan.budgets[place]
                        source: Source = recorded.source()
                        paid: list[Paid] | None = None
                        if outcomes.decisions is not None and deletion is None:
                            source, paid = watched(source)
                        settled = run_campaign(
                            strategy, recorded, budget, deadline=deadline, note=note, source=source, sandbox=sandbox
                        )
                        cell = (variant, number, place, at)
                        outcomes.trial[cell] = recorded.trial(settled.weight_init_seed, settled.data_order_seed)
                        outcomes.checkpoint[cell] = settled.checkpoint
                        outcomes.trials_started[cell] = settled.trials_started
                        outcomes.steps_spent[cell] = settled.steps_spent
                        if outcomes.decisions is not None and paid is not None:
                            decided = decisions_of(strategy.name, prepared, recorded, budget, paid, settled)
                            outcomes.decisions[number, place, at] = decided
                        done += 1
                if advance is not None:
                    advance(done)
    kept = (np.arange(len(batch)), outcomes.trial, outcomes.checkpoint)
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
    limit = work.options.time_limit
    with open_sandbox(Limits(seconds=limit, cpu_seconds=ceil(limit))) as sandbox:
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
