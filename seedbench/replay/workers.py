"""Batches of replicates in this process, in a fork of it, or in others; the same bits either way.

A strategy that ends its process, by `os._exit`, a crash in C or too much memory, is told by the mark that a worker
leaves (`marks`): on the command line no strategy but a shipped one runs in the process that reports.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from seedbench.errors import SeedbenchError
from seedbench.files import work_folder
from seedbench.processes import end_with
from seedbench.replay.batch import Outcomes, Work, run_batch, sandbox_for
from seedbench.replay.marks import SIZE, Mark, died
from seedbench.replay.pool import NO_FOLDER, run_in_pool

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def run_batches(work: Work, units: Sequence[tuple[int, range]], advance: Callable[[int], None]) -> Iterator[Outcomes]:
    """The outcomes of batches (number of the plan, replicates), in the order given.

    Raises:
        StrategyFailed: of the first batch that has one, whatever the number of processes.
        StrategyFileError: a strategy that cannot be sent to another process, or not be loaded in a sealed one.
        CannotSeal: a sealed strategy on a machine that cannot seal.
        SeedbenchError: a process that ended before its work was done.
    """
    processes = min(work.options.processes, len(units))
    if multiprocessing.current_process().daemon:  # a worker of somebody's `multiprocessing.Pool`, which starts no other
        processes = 1
    if processes == 1:
        yield from (_run_in_fork if _to_fork(work) else _run_here)(work, units, advance)
        return
    with _work_folder() as folder:
        yield from run_in_pool(work, units, processes, advance, folder)


@contextmanager
def _work_folder() -> Iterator[Path]:
    """A temporary folder, for arrays and marks."""
    with ExitStack() as open_:
        try:
            folder = open_.enter_context(work_folder())
        except OSError as error:
            where = tempfile.tempdir or "no temporary folder"
            raise SeedbenchError(f"{where}: {NO_FOLDER}: {error.strerror}") from None
        yield folder


# --- one process ------------------------------------------------------------------------------------------------------


def _to_fork(work: Work) -> bool:
    strangers = not all(strategy.sealed or strategy.ships for strategy in work.strategies)
    return work.options.apart and strangers and sys.platform == "linux" and hasattr(os, "fork")


def _run_here(
    work: Work, units: Sequence[tuple[int, range]], advance: Callable[[int], None], mark: Mark | None = None
) -> Iterator[Outcomes]:
    with sandbox_for(work) as sandbox:
        for at, batch in units:
            began = partial(mark.set, at) if mark else None
            yield run_batch(work, work.plans[at], batch, sandbox=sandbox, advance=advance, began=began)


def _run_in_fork(work: Work, units: Sequence[tuple[int, range]], advance: Callable[[int], None]) -> Iterator[Outcomes]:
    """The same in a fork of this process, which has all that this one has, and whose end this one survives."""
    mark = Mark(mmap.mmap(-1, SIZE))
    ours, theirs = multiprocessing.Pipe(duplex=False)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        ours.close()
        end_with(parent)
        _be_forked(work, units, theirs, mark)
    theirs.close()
    try:
        with ours:
            while True:
                try:
                    kind, content = ours.recv()
                except EOFError:
                    break
                if kind == "failed":
                    raise content
                if kind == "advance":
                    advance(content)
                else:
                    yield content
    except BaseException:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        raise
    finally:
        _, status = os.waitpid(pid, 0)
    if code := os.waitstatus_to_exitcode(status) or (mark.read() is not None):
        raise died(work, mark.read(), int(code) if status else 0)


def _be_forked(work: Work, units: Sequence[tuple[int, range]], pipe: Connection, mark: Mark) -> NoReturn:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent hears it, too, and ends this one
    try:
        for outcomes in _run_here(work, units, lambda campaigns: pipe.send(("advance", campaigns)), mark):
            mark.clear()
            pipe.send(("outcomes", outcomes))
    except BaseException as error:  # the parent raises it  # noqa: BLE001
        mark.clear()
        pipe.send(("failed", error))
    mark.clear()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)
