"""Worker processes that train blocks of trials of any tables, each with its models and data loaded once.

Blocks are handed out one by one, so that a sweep with a time limit starts none that would not end in time.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runners.errors import RunnerError
from runners.table import TableSpec
from runners.trial_log import Cell

if TYPE_CHECKING:
    from runners.block import Tables


#: How a worker process begins: not as a fork of one that may have used CUDA.
START_METHOD = "spawn"

#: How glibc's malloc keeps memory for the next step, in huge pages if there are some, in place of giving it back: it
#: spares a fifth of a trial's time on a CPU. Read as a process starts, by glibc alone.
MALLOC = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=33554432:glibc.malloc.trim_threshold=4294967296"


class SweepError(RunnerError):
    """A sweep that cannot start or go on."""


@dataclass(frozen=True)
class Block:
    """What a worker trains in one go: cells of one column of one table."""

    spec: TableSpec
    cells: tuple[Cell, ...]


# ---- in a worker ---------------------------------------------------------------------------------------------------

_tables: Tables
_report: Callable[[float], None]


def _start_worker(threads: int, devices: Any, shares: Any) -> None:
    """Claims one of the devices for a new worker process; what cannot be loaded is told with its first block."""
    import torch

    from runners.block import Tables  # takes seconds to import, and the process above trains nothing

    global _tables, _report
    parent = multiprocessing.parent_process()
    assert parent is not None
    # A worker whose parent was killed would finish its block and then wait for ever.
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    number, device = devices.get()
    if threads:
        torch.set_num_threads(threads)

    def report(trials: float) -> None:
        shares[number] = trials

    _tables, _report = Tables(device), report


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _run_block(block: Block) -> float:
    """Trains a block; the seconds that took, loading included."""
    began = time.monotonic()
    _report(0.0)
    for _ in _tables.runner(block.spec).run(block.cells, lambda share: _report(share * len(block.cells))):
        pass
    _report(0.0)
    return time.monotonic() - began


# ---- above them ----------------------------------------------------------------------------------------------------


class Pace:
    """How long blocks take, as far as is known, and whether one would end before a time limit.

    A block takes as long as the last one of its table did, or longer in proportion if it has more trials (fewer trials
    that train together take hardly less). Before one was measured, the table's expected seconds a trial count; where
    nobody expects any, the longest block of all tables.

    Args:
        until: of `time.monotonic`; None: there is no limit.
        expected: seconds a trial, of tables where they are known.
    """

    def __init__(self, until: float | None = None, expected: Mapping[TableSpec, float] | None = None) -> None:
        self.until, self.expected = until, expected or {}
        self.last: dict[TableSpec, tuple[int, float]] = {}

    def add(self, block: Block, seconds: float) -> None:
        """Takes what a block took."""
        self.last[block.spec] = len(block.cells), seconds

    def seconds(self, block: Block) -> float:
        """What a block will take; 0 where nothing is known."""
        if block.spec in self.last:
            trials, seconds = self.last[block.spec]
            return seconds * max(1.0, len(block.cells) / trials)
        if block.spec in self.expected:
            return self.expected[block.spec] * len(block.cells)
        return max((seconds for _, seconds in self.last.values()), default=0.0)

    def fits(self, block: Block) -> bool:
        """Whether it would end in time."""
        return self.until is None or time.monotonic() + self.seconds(block) < self.until

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        return self.until is not None and time.monotonic() >= self.until


def run_blocks(
    blocks: Sequence[Block],
    devices: Sequence[str],
    threads: int = 0,
    tick: Callable[[float], None] = lambda in_flight: None,
    pace: Pace | None = None,
) -> Iterator[Block]:
    """Runs blocks on worker processes, one for every entry of ``devices``.

    Args:
        blocks: in the order in which they are started; one that would not end in time is left for a later one that
            would.
        devices: "cpu", "cuda:0", …; the same device twice gives two processes on it.
        threads: CPU threads of each process; 0 leaves torch's default.
        tick: called twice a second with the trials' worth of work that is done of the blocks in flight.
        pace: the time limit, and how long blocks are expected to take. When the time is up, blocks in flight are given
            up.

    Yields:
        Each finished block, whose logs are on disk.

    Raises:
        SweepError: a worker died; what was finished is kept.
        RunnerError: a worker could not load or train.
    """
    if not blocks:
        return
    pace, waiting = pace or Pace(), list(blocks)
    os.environ.setdefault("GLIBC_TUNABLES", MALLOC)
    context = multiprocessing.get_context(START_METHOD)
    queue, shares = context.SimpleQueue(), context.Array("d", len(devices))
    for pair in enumerate(devices):
        queue.put(pair)
    workers = min(len(devices), len(blocks))
    running: dict[Future[float], Block] = {}
    with ProcessPoolExecutor(workers, context, _start_worker, (threads, queue, shares)) as pool:

        def start() -> None:
            while len(running) < workers and (block := next(filter(pace.fits, waiting), None)) is not None:
                waiting.remove(block)
                running[pool.submit(_run_block, block)] = block

        try:
            start()
            while running:
                done, _ = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                finished = [(running.pop(future), future) for future in done]
                for block, future in finished:
                    pace.add(block, future.result())
                start()
                tick(sum(shares[:]))
                yield from (block for block, _ in finished)
                if pace.over:
                    _give_up(pool)
                    return
        except BrokenProcessPool:
            raise SweepError(
                "a worker process died (killed, or out of memory); finished trials are kept, run the command again"
            ) from None
        except BaseException:  # an error, Ctrl-C, or a caller that has seen enough: the blocks in flight are given up
            _give_up(pool)
            raise


def _give_up(pool: ProcessPoolExecutor) -> None:
    for process in list(pool._processes.values()):  # from Python 3.14 on: pool.terminate_workers()
        process.terminate()
