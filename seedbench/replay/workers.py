"""Batches of replicates in this process or in others; the same bits either way.

A strategy that ends its process, by `os._exit`, a crash in C or too much memory, is told by the mark that a worker
leaves (`marks`): on the command line no strategy but a shipped one runs in the process that reports.
"""

from __future__ import annotations

import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from seedbench.errors import SeedbenchError, StrategyFileError
from seedbench.files import work_folder
from seedbench.processes import end_with
from seedbench.replay.batch import Outcomes, Work, run_batch, sandbox_for
from seedbench.replay.marks import SIZE, Mark, died, read

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

    from seedbench.sandbox.campaigns import Sandbox

_PATIENCE = 5.0  # seconds, for a process that has ended to be seen to have
_ARRAYS, _WORK = "arrays", "work"  # files in the folder of a pool
_ALIGNMENT = 64  # bytes; of arrays in the file that workers share
_NO_FOLDER = "several processes need a folder for temporary files; set TMPDIR to one with room, or use --processes 1"
_NOT_THERE = "it was made at a prompt, in a notebook or inside of a function; write it to a file, or use one process"


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
        yield from _run_in_pool(work, units, processes, advance, folder)


@contextmanager
def _work_folder() -> Iterator[Path]:
    """A temporary folder, for arrays and marks."""
    with ExitStack() as open_:
        try:
            folder = open_.enter_context(work_folder())
        except OSError as error:
            where = tempfile.tempdir or "no temporary folder"
            raise SeedbenchError(f"{where}: {_NO_FOLDER}: {error.strerror}") from None
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


# --- several ----------------------------------------------------------------------------------------------------------


def _run_in_pool(
    work: Work, units: Sequence[tuple[int, range]], processes: int, advance: Callable[[int], None], folder: Path
) -> Iterator[Outcomes]:
    _check_main()
    _pack(work, folder)
    context = multiprocessing.get_context("spawn")
    others = set(multiprocessing.active_children())
    try:
        pool = ProcessPoolExecutor(processes, context, initializer=_start_worker, initargs=(str(folder),))
    except (OSError, ImportError) as error:  # of semaphores, which are files in shared memory
        reason = getattr(error, "strerror", None) or str(error)
        raise SeedbenchError(f"several processes cannot be had here: {reason} (/dev/shm); use --processes 1") from None
    with pool:
        try:
            futures = [pool.submit(_run_in_worker, *unit) for unit in units]
        except (OSError, RuntimeError) as error:  # no memory for another process or thread, or too many
            for process in set(multiprocessing.active_children()) - others:
                process.kill()
            pool.shutdown(wait=False)  # it may be without the thread that it would wait for
            reason = getattr(error, "strerror", None) or str(error)
            raise SeedbenchError(f"several processes cannot be had here: {reason}; use --processes 1") from None
        workers = set(multiprocessing.active_children()) - others
        with suppress(AttributeError):
            # The workers have the writing end. With this process's own open, the end of one that is killed halfway
            # through a result would not be seen, and be waited for without end.
            pool._result_queue._writer.close()  # type: ignore[attr-defined]
        try:
            for (at, batch), future in zip(units, futures, strict=True):
                yield future.result()
                advance(work.campaigns(work.plans[at], batch))
        except BaseException as error:  # a failure, Ctrl-C: nobody waits for the batches that still run
            broken = isinstance(error, BrokenProcessPool)
            ended = _ended(workers) if broken else []
            for process in workers:
                process.kill()
            if broken:
                raise _broken(work, ended, folder) from None
            if isinstance(error, SeedbenchError):
                raise error from None  # without the traceback of the other process, which is this package's alone
            raise


def _check_main() -> None:
    """Other processes import the script that runs, so there must be one, and it must not be doing just that."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if getattr(main, "__spec__", None) is None and file is not None and not os.path.exists(file):
        raise SeedbenchError(f"several processes start from the script that runs, and {file} is no file; use one")
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(1)  # a script without `if __name__ == "__main__":`, of which the process that started this one tells


def _ended(workers: Iterable[BaseProcess]) -> list[BaseProcess]:
    """The processes that have ended by themselves, once there is one. The pool's own thread asks for their ends, too,
    and whoever of the two comes second has to ask again."""
    wait([process.sentinel for process in workers], _PATIENCE)
    for _ in range(100):
        if found := [process for process in workers if process.exitcode is not None]:
            return found
        time.sleep(_PATIENCE / 100)
    return []


def _broken(work: Work, ended: Sequence[BaseProcess], folder: Path) -> SeedbenchError:
    """What to say of a pool of which a worker ended."""
    for process in ended:
        with suppress(OSError):
            if (at := read((folder / str(process.pid)).read_bytes())) is not None:
                return died(work, at, process.exitcode or 0)
    if any(process.exitcode == 1 for process in ended):
        return SeedbenchError(
            "other processes import the script that runs, and so evaluate again: put what it does below "
            "`if __name__ == '__main__':`, or use one process"
        )
    return died(work, None, next((process.exitcode or 0 for process in ended), 0))


_work_here: list[Work | StrategyFileError] = []  # of a worker process: what to do, or why it cannot be done
_mark_here: list[Mark] = []
_sandbox_here: list[Sandbox | None] = []
_open_here = ExitStack()  # for as long as a worker process lives


def _start_worker(folder: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent hears it, too, and ends the pool
    if (parent := multiprocessing.parent_process()) is not None and parent.pid is not None:
        end_with(parent.pid)  # and where it is killed, nobody waits for its workers
    with open(os.path.join(folder, _ARRAYS), "rb") as file:
        shared = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    with open(os.path.join(folder, _WORK), "rb") as file:
        payload, places = pickle.load(file)
    with open(os.path.join(folder, str(os.getpid())), "w+b") as file:
        file.truncate(SIZE)
        _mark_here.append(Mark(mmap.mmap(file.fileno(), SIZE)))
    try:
        _work_here.append(pickle.loads(payload, buffers=[shared[start:stop] for start, stop in places]))
    except Exception as error:  # whatever a strategy's own unpickling raises  # noqa: BLE001
        what = " ".join(f"{type(error).__name__}: {error}".split())
        _work_here.append(StrategyFileError(f"a strategy is not to be found in another process ({what}): {_NOT_THERE}"))


def _pack(work: Work, folder: Path) -> None:
    """Writes what workers read: the work, and its arrays, which they map.

    Nothing of it goes through a worker's pipe: into that of one that has ended already, as where a script has no
    `if __name__ == "__main__":`, this process would write without end as soon as it is full.
    """
    buffers: list[pickle.PickleBuffer] = []
    try:
        payload = pickle.dumps(work, protocol=5, buffer_callback=buffers.append)
    except Exception as error:  # whatever a callable's own pickling raises  # noqa: BLE001
        raise StrategyFileError(
            f"a strategy cannot be sent to another process ({error}); give it as a file, or use one process"
        ) from None
    places: list[tuple[int, int]] = []
    try:
        with open(folder / _ARRAYS, "wb") as file:
            for buffer in buffers:
                start = file.tell() + -file.tell() % _ALIGNMENT
                file.seek(start)
                file.write(buffer.raw())
                places.append((start, file.tell()))
        with open(folder / _WORK, "wb") as file:
            pickle.dump((payload, places), file)
    except OSError as error:
        raise SeedbenchError(f"{folder}: {_NO_FOLDER}: {error.strerror}") from None


def _run_in_worker(at: int, batch: range) -> Outcomes:
    (work,) = _work_here
    if isinstance(work, StrategyFileError):
        raise work
    (mark,) = _mark_here
    if not _sandbox_here:
        _sandbox_here.append(_open_here.enter_context(sandbox_for(work)))
    outcomes = run_batch(work, work.plans[at], batch, sandbox=_sandbox_here[0], began=partial(mark.set, at))
    mark.clear()
    return outcomes
