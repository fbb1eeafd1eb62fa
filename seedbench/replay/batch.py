"""The work of a replay in batches of replicates.

A batch of one table is prepared once, and every strategy and budget meets it while it is in memory. Batches are
independent, their results are arrays, and whoever asked puts them together in the order of the replicates.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from seedbench.replay.deadline import Deadline
from seedbench.replay.decisions import decisions_of, watched
from seedbench.replay.options import ReplayOptions
from seedbench.replay.protocol import PoolSize
from seedbench.replay.replicates import prepare
from seedbench.replay.run import run_campaign
from seedbench.replay.source import RecordedTrials
from seedbench.replay.transfer import ShownTables
from seedbench.sandbox import Limits, open_sandbox
from seedbench.strategy import Strategy
from seedbench.trialset import TrialTable

if TYPE_CHECKING:
    from seedbench.sandbox.campaigns import Sandbox

BATCH = 50  # replicates prepared at a time

# Campaigns free their objects themselves, so the garbage collector would only look through them in vain.
_COLLECT_AFTER = 100_000


@dataclass(frozen=True, eq=False)
class Plan:
    """What is to be done on one table.

    Attributes:
        table: the trial table, without predictions.
        size: of its pools.
        budgets: in full trials.
        history: what campaigns are shown of other tables; None on the cold track.
    """

    table: TrialTable
    size: PoolSize
    budgets: tuple[int, ...]
    history: ShownTables | None


@dataclass(frozen=True, eq=False)
class Work:
    """What to run; travels to other processes.

    Attributes:
        strategies: all of them on every plan.
        plans: one for each table.
        options: how.
        decisions: whether those of the campaigns are recorded.
    """

    strategies: tuple[Strategy, ...]
    plans: tuple[Plan, ...]
    options: ReplayOptions
    decisions: bool = False

    def campaigns(self, plan: Plan, batch: range) -> int:
        """How many campaigns one batch takes."""
        return len(batch) * len(self.strategies) * len(plan.budgets)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What came out on one table: arrays [strategies, budgets, replicates], 0 where a replicate did not run.

    Attributes:
        trial: int32, index of the kept trial.
        checkpoint: int32, index of the kept checkpoint.
        trials_started: int32, trials with a paid checkpoint.
        steps_spent: int64, steps paid for.
        validations: int32, measurements paid for.
        rows_seen: uint8 [..., rows / 8], the rows of the grid that the campaign has seen, as `np.packbits` packs them.
        columns_seen: uint8 [..., columns / 8], likewise.
        first: int32 [largest budget, replicates], the first trials of each order; with 0 strategies and budgets too.
        decisions: `Decisions`; None if not asked for.
    """

    trial: np.ndarray
    checkpoint: np.ndarray
    trials_started: np.ndarray
    steps_spent: np.ndarray
    validations: np.ndarray
    rows_seen: np.ndarray
    columns_seen: np.ndarray
    first: np.ndarray
    decisions: np.ndarray | None = None

    @classmethod
    def empty(cls, plan: Plan, work: Work, replicates: int) -> Outcomes:
        """Room for the outcomes of so many replicates."""
        shape = (len(work.strategies), len(plan.budgets), replicates)
        rows, columns = (-(-seeds // 8) for seeds in plan.table.grid)
        return cls(
            trial=np.zeros(shape, np.int32),
            checkpoint=np.zeros(shape, np.int32),
            trials_started=np.zeros(shape, np.int32),
            steps_spent=np.zeros(shape, np.int64),
            validations=np.zeros(shape, np.int32),
            rows_seen=np.zeros((*shape, rows), np.uint8),
            columns_seen=np.zeros((*shape, columns), np.uint8),
            first=np.zeros((max(plan.budgets, default=0), replicates), np.int32),
            decisions=np.empty(shape, dtype=object) if work.decisions else None,
        )

    def put(self, part: Outcomes, batch: range) -> None:
        """Puts the outcomes of one batch in their place."""
        for name, whole in self.arrays().items():
            whole[_at(name, slice(batch.start, batch.stop))] = getattr(part, name)

    def differs(self, other: Outcomes, batch: range) -> bool:
        """Whether those of one batch of replicates are others."""
        some = slice(batch.start, batch.stop)
        return any(
            values.shape != (theirs := getattr(other, name)).shape
            or not np.array_equal(values[_at(name, some)], theirs[_at(name, some)])
            for name, values in self.arrays().items()
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """By their names; without decisions that were not recorded."""
        return {name: values for name, values in vars(self).items() if values is not None}


def _at(name: str, replicates: slice) -> tuple[Any, ...]:
    """The index of some replicates in an array of `Outcomes`."""
    return (slice(None), replicates) if name == "first" else (slice(None), slice(None), replicates)


def run_batch(
    work: Work,
    plan: Plan,
    batch: range,
    *,
    sandbox: Sandbox | None = None,
    advance: Callable[[int], None] | None = None,
    began: Callable[[int, int, int], None] | None = None,
) -> Outcomes:
    """All campaigns of one batch of replicates of one table.

    Args:
        work: what to run.
        plan: one of its plans.
        batch: the replicates.
        sandbox: of `sandbox_for(work)`.
        advance: called with the number of campaigns just done.
        began: called with the strategy's number, the budget and the replicate of each campaign before it begins.

    Raises:
        StrategyFailed: of the first campaign without a result.
    """
    outcomes, options = Outcomes.empty(plan, work, len(batch)), work.options
    if not plan.budgets:
        return outcomes
    deadline = Deadline(options.time_limit)
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        prepared = prepare(plan.table, seed=options.seed, replicates=batch, protocol=options.protocol, size=plan.size)
        outcomes.first[:] = prepared.order[:, : len(outcomes.first)].T
        with deadline.installed(), rarely_collected():
            for at, replicate in enumerate(batch):
                recorded = RecordedTrials(prepared, replicate, plan.history)
                if sandbox is not None:
                    recorded.read_ahead()
                for number, place in np.ndindex(len(work.strategies), len(plan.budgets)):
                    strategy, budget = work.strategies[number], plan.budgets[place]
                    if began is not None:
                        began(number, budget, replicate)
                    source = recorded.source()
                    around, paid = watched(source) if work.decisions else (source, [])
                    settled = run_campaign(
                        strategy, recorded, budget, deadline=deadline, source=around, sandbox=sandbox
                    )
                    cell, seen = (number, place, at), source.seen()
                    outcomes.trial[cell] = recorded.trial(settled.weight_init_seed, settled.data_order_seed)
                    outcomes.checkpoint[cell] = settled.checkpoint
                    outcomes.trials_started[cell] = settled.trials_started
                    outcomes.steps_spent[cell] = settled.steps_spent
                    outcomes.validations[cell] = settled.validations
                    outcomes.rows_seen[cell] = _packed(seen.rows, plan.table.grid[0])
                    outcomes.columns_seen[cell] = _packed(seen.columns, plan.table.grid[1])
                    if outcomes.decisions is not None:
                        outcomes.decisions[cell] = decisions_of(
                            strategy.name, prepared, recorded, budget, paid, settled
                        )
                if advance is not None:
                    advance(len(work.strategies) * len(plan.budgets))
    return outcomes


def _packed(seeds: np.ndarray, size: int) -> np.ndarray:
    mask = np.zeros(size, dtype=bool)
    mask[seeds] = True
    return np.packbits(mask)


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
