"""The work of a replay in blocks of replicates, in this process or in others; the same bits either way.

A block of one table is prepared once, and every strategy, budget and deletion meets it while it is in memory. Blocks
are independent, their results are arrays, and the parent puts them together in the order of the replicates.
"""

from __future__ import annotations

import gc
import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from seedbench.deadline import Deadline
from seedbench.errors import IN_RE_RUN, SeedbenchError, StrategyFileError
from seedbench.halves import prepare
from seedbench.ledger import Measurements
from seedbench.recorded import RecordedTrials
from seedbench.run import run_campaign
from seedbench.sandbox import Limits, open_sandbox
from seedbench.strategy import Strategy
from seedbench.transfer import History
from seedbench.trialset import TrialTable

if TYPE_CHECKING:
    from seedbench.sandbox.campaigns import Sandbox

BLOCK = 50  # replicates prepared at a time; even. 23 MB of each kind of score for 625 trials × 30 checkpoints

# Campaigns free their objects themselves, so the garbage collector would only look through them in vain.
_COLLECT_AFTER = 100_000
_ALIGNMENT = 64  # bytes; of arrays in the file that workers share


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


def run_blocks(
    work: Work, units: Sequence[tuple[int, range]], processes: int, advance: Callable[[int], None]
) -> Iterator[Outcomes]:
    """The outcomes of blocks (number of the plan, replicates), in the order given.

    Raises:
        StrategyFailed: of the first block that has one, whatever the number of processes.
        StrategyFileError: a strategy that cannot be sent to another process, or not be loaded in a sealed one.
        CannotSeal: a sealed strategy on a machine that cannot seal.
        SeedbenchError: a process that ended before its work was done.
    """
    processes = min(processes, len(units))
    if processes == 1:
        with sandbox_for(work) as sandbox:
            for at, block in units:
                yield run_block(work, work.plans[at], block, sandbox=sandbox, advance=advance)
        return
    with tempfile.TemporaryDirectory(prefix="seedbench-") as folder:
        yield from _run_in_pool(work, units, processes, advance, os.path.join(folder, "arrays"))


def _run_in_pool(
    work: Work, units: Sequence[tuple[int, range]], processes: int, advance: Callable[[int], None], arrays: str
) -> Iterator[Outcomes]:
    payload = _pack(work, arrays)
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(processes, context, initializer=_start_worker, initargs=payload) as pool:
        futures = [pool.submit(_run_in_worker, *unit) for unit in units]
        with suppress(AttributeError):
            # The workers have the writing end. With this process's own open, the end of one that is killed halfway
            # through a result would not be seen, and be waited for without end.
            pool._result_queue._writer.close()  # type: ignore[attr-defined]
        try:
            for (at, block), future in zip(units, futures, strict=True):
                yield future.result()
                advance(work.campaigns(work.plans[at], block))
        except BaseException as error:  # a failure, Ctrl-C: nobody waits for the blocks that still run
            for process in set(multiprocessing.active_children()) - others:
                process.kill()
            if isinstance(error, BrokenProcessPool):
                raise SeedbenchError(
                    "a worker process ended before its work was done: killed, out of memory, or started by a script "
                    "without `if __name__ == '__main__':`; use one process to see which"
                ) from None
            raise


_work_here: list[Work] = []  # of a worker process
_sandbox_here: list[Sandbox | None] = []
_open_here = ExitStack()  # for as long as a worker process lives


def _start_worker(payload: bytes, arrays: str, places: list[tuple[int, int]]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent hears it, too, and ends the pool
    if sys.platform == "linux":  # and where it is killed, nobody waits for its workers
        from seedbench.sandbox.kernel import die_with_parent

        die_with_parent()
    with open(arrays, "rb") as file:
        shared = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    _work_here.append(pickle.loads(payload, buffers=[shared[start:stop] for start, stop in places]))


def _pack(work: Work, arrays: str) -> tuple[bytes, str, list[tuple[int, int]]]:
    """The arguments of `_start_worker`. Arrays go through a file that all workers map, not through each one's pipe."""
    buffers: list[pickle.PickleBuffer] = []
    try:
        payload = pickle.dumps(work, protocol=5, buffer_callback=buffers.append)
    except Exception as error:  # whatever a callable's own pickling raises
        raise StrategyFileError(
            f"a strategy cannot be sent to another process ({error}); give it as a file, or use one process"
        ) from None
    places = []
    try:
        with open(arrays, "wb") as file:
            for buffer in buffers:
                start = file.tell() + -file.tell() % _ALIGNMENT
                file.seek(start)
                file.write(buffer.raw())
                places.append((start, file.tell()))
    except OSError as error:
        raise SeedbenchError(
            f"{arrays}: cannot be written: {error.strerror}; set TMPDIR to a folder with room, or use one process"
        ) from None
    return payload, arrays, places


def _run_in_worker(at: int, block: range) -> Outcomes:
    (work,) = _work_here
    if not _sandbox_here:
        _sandbox_here.append(_open_here.enter_context(sandbox_for(work)))
    return run_block(work, work.plans[at], block, sandbox=_sandbox_here[0])


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Keeps the garbage collector from running after every campaign or so; what makes much garbage still calls it."""
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], _COLLECT_AFTER) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
