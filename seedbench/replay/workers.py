"""Batches of replicates in this process or in others; the same bits either way."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from seedbench.errors import SeedbenchError, StrategyFileError
from seedbench.replay.batch import Outcomes, Work, run_batch, sandbox_for

if TYPE_CHECKING:
    from seedbench.sandbox.campaigns import Sandbox

_ALIGNMENT = 64  # bytes; of arrays in the file that workers share


def run_batches(work: Work, units: Sequence[tuple[int, range]], advance: Callable[[int], None]) -> Iterator[Outcomes]:
    """The outcomes of batches (number of the plan, replicates), in the order given.

    Raises:
        StrategyFailed: of the first batch that has one, whatever the number of processes.
        StrategyFileError: a strategy that cannot be sent to another process, or not be loaded in a sealed one.
        CannotSeal: a sealed strategy on a machine that cannot seal.
        SeedbenchError: a process that ended before its work was done.
    """
    processes = min(work.options.processes, len(units))
    if processes == 1:
        with sandbox_for(work) as sandbox:
            for at, batch in units:
                yield run_batch(work, work.plans[at], batch, sandbox=sandbox, advance=advance)
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
            for (at, batch), future in zip(units, futures, strict=True):
                yield future.result()
                advance(work.campaigns(work.plans[at], batch))
        except BaseException as error:  # a failure, Ctrl-C: nobody waits for the batches that still run
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


def _run_in_worker(at: int, batch: range) -> Outcomes:
    (work,) = _work_here
    if not _sandbox_here:
        _sandbox_here.append(_open_here.enter_context(sandbox_for(work)))
    return run_batch(work, work.plans[at], batch, sandbox=_sandbox_here[0])
