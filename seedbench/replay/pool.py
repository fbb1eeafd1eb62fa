"""Batches of replicates in other processes, which read their work from a folder."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import pickle
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from seedbench.errors import SeedbenchError, StrategyFileError
from seedbench.processes import end_with
from seedbench.replay.batch import Outcomes, Work, run_batch, sandbox_for
from seedbench.replay.marks import SIZE, Mark, died, read

NO_FOLDER = "several processes need a folder for temporary files; set TMPDIR to one with room, or use --processes 1"
_PATIENCE = 5.0  # seconds, for a process that has ended to be seen to have
_ARRAYS, _WORK = "arrays", "work"  # files in the folder
_ALIGNMENT = 64  # bytes; of arrays in the file that workers share
_NOT_HERE = "several processes cannot be had here"
_NOT_THERE = "it was made at a prompt, in a notebook or inside of a function; write it to a file, or use one process"


def run_in_pool(
    work: Work, units: Sequence[tuple[int, range]], processes: int, advance: Callable[[int], None], folder: Path
) -> Iterator[Outcomes]:
    """`run_batches` of as many processes, with a folder for what they read and for their marks."""
    _check_main()
    _pack(work, folder)
    with _workers(processes) as workers:
        try:
            for (at, batch), future in zip(units, workers.submit(folder, units), strict=True):
                yield future.result()
                advance(work.campaigns(work.plans[at], batch))
        except BaseException as error:  # a failure, Ctrl-C: nobody waits for the batches that still run
            broken = isinstance(error, BrokenProcessPool)
            ended = workers.ended() if broken else []
            workers.kill()
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
        raise SeedbenchError(f"{folder}: {NO_FOLDER}: {error.strerror}") from None


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


# --- the processes, from here -----------------------------------------------------------------------------------------


class _Workers:
    """Other processes, which start with the first batch.

    Args:
        processes: how many.
    """

    def __init__(self, processes: int) -> None:
        self._running: set[BaseProcess] = set()
        self._killed = False
        try:
            self._pool = ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), _start_worker)
        except (OSError, ImportError) as error:  # of semaphores, which are files in shared memory
            raise SeedbenchError(f"{_NOT_HERE}: {_reason(error)} (/dev/shm); use --processes 1") from None

    @property
    def can_go_on(self) -> bool:
        """Whether none has ended, by itself or not."""
        return not self._killed and all(process.exitcode is None for process in self._running)

    def submit(self, folder: Path, units: Sequence[tuple[int, range]]) -> list[Future[Outcomes]]:
        """Has batches run, whose work is in the folder."""
        others = set(multiprocessing.active_children()) - self._running
        try:
            try:
                futures = [self._pool.submit(_run_in_worker, str(folder), *unit) for unit in units]
            finally:
                self._running |= set(multiprocessing.active_children()) - others
        except BrokenProcessPool:  # one ended before all batches were given
            raise
        except (OSError, RuntimeError) as error:  # no memory for another process or thread, or too many
            self.kill()
            self._pool.shutdown(wait=False)  # it may be without the thread that it would wait for
            raise SeedbenchError(f"{_NOT_HERE}: {_reason(error)}; use --processes 1") from None
        with suppress(AttributeError):
            # The workers have the writing end. With this process's own open, the end of one that is killed halfway
            # through a result would not be seen, and be waited for without end.
            self._pool._result_queue._writer.close()  # type: ignore[attr-defined]
        return futures

    def ended(self) -> list[BaseProcess]:
        """The processes that have ended by themselves, once there is one. The pool's own thread asks for their ends,
        too, and whoever of the two comes second has to ask again."""
        wait([process.sentinel for process in self._running], _PATIENCE)
        for _ in range(100):
            if found := [process for process in self._running if process.exitcode is not None]:
                return found
            time.sleep(_PATIENCE / 100)
        return []

    def kill(self) -> None:
        """Ends them, whatever they do."""
        self._killed = True
        for process in self._running:
            process.kill()

    def close(self) -> None:
        """Waits until all have ended."""
        self._pool.shutdown()


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


@dataclass
class _Kept:
    """Workers for all that is run inside of `same_workers`; none before the first of it."""

    processes: int
    workers: _Workers | None = None


_kept: ContextVar[_Kept | None] = ContextVar("kept", default=None)


@contextmanager
def same_workers(processes: int) -> Iterator[None]:
    """What is run inside by several processes, up to so many, is run by the same: they start once."""
    if sys.platform == "win32":  # a folder cannot be removed while a process maps a file of it
        yield
        return
    kept = _Kept(processes)
    before = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(before)
        if kept.workers is not None:
            kept.workers.close()


@contextmanager
def _workers(processes: int) -> Iterator[_Workers]:
    """At least so many, those that are kept or new ones."""
    kept = _kept.get()
    if kept is None or processes > kept.processes:
        workers = _Workers(processes)
        try:
            yield workers
        finally:
            workers.close()
        return
    if kept.workers is not None and not kept.workers.can_go_on:
        kept.workers.close()
        kept.workers = None
    kept.workers = kept.workers or _Workers(kept.processes)
    yield kept.workers


# --- in the processes -------------------------------------------------------------------------------------------------


class _Task:
    """The work of a folder, in a process that does it."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        try:
            with open(os.path.join(folder, _ARRAYS), "rb") as file:
                shared = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            with open(os.path.join(folder, _WORK), "rb") as file:
                payload, places = pickle.load(file)
            with open(os.path.join(folder, str(os.getpid())), "w+b") as file:
                file.truncate(SIZE)
                self.mark = Mark(mmap.mmap(file.fileno(), SIZE))
        except OSError as error:  # too many open files, too little memory
            raise SeedbenchError(f"{_NOT_HERE}: {_reason(error)}; use --processes 1") from None
        try:
            self.work: Work = pickle.loads(payload, buffers=[shared[start:stop] for start, stop in places])
        except Exception as error:  # whatever a strategy's own unpickling raises  # noqa: BLE001
            what = " ".join(f"{type(error).__name__}: {error}".split())
            raise StrategyFileError(
                f"a strategy is not to be found in another process ({what}): {_NOT_THERE}"
            ) from None
        self._open = ExitStack()
        self.sandbox = self._open.enter_context(sandbox_for(self.work))

    def close(self) -> None:
        self._open.close()


_here: list[_Task] = []  # of a worker process: the latest


def _start_worker() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent hears it, too, and ends the pool
    if (parent := multiprocessing.parent_process()) is not None and parent.pid is not None:
        end_with(parent.pid)  # and where it is killed, nobody waits for its workers


def _run_in_worker(folder: str, at: int, batch: range) -> Outcomes:
    if not _here or _here[0].folder != folder:
        while _here:
            _here.pop().close()
        _here.append(_Task(folder))
    (task,) = _here
    began = partial(task.mark.set, at)
    outcomes = run_batch(task.work, task.work.plans[at], batch, sandbox=task.sandbox, began=began)
    task.mark.clear()
    return outcomes
