"""One writer at a time: a lock file for as long as something is changed."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from seedbench.errors import CannotWrite
from seedbench.files.whole import explained, followed, shortened

if TYPE_CHECKING:
    from filelock import BaseFileLock

WAIT_SECONDS = 30.0  # for another writer
PRIVATE = ".seedbench"  # in a folder while it is changed: the lock, the journal, what is to come in


@contextmanager
def locked(path: str | os.PathLike[str], *, wait: float | None = WAIT_SECONDS) -> Iterator[None]:
    """Nobody else has a file locked meanwhile: for reading it and then writing it.

    Args:
        path: the file, which need not be there; its folder must.
        wait: seconds to wait for another writer, which is said on stderr; None: as long as it takes, without a word.

    Raises:
        CannotWrite: another writer has it, or there is no writing there.
    """
    with explained(path):
        target = followed(path)
    with held(beside(target, "lock"), path, wait):
        yield


def beside(target: Path, ending: str) -> Path:
    """A hidden name of ours beside a file or folder."""
    name = target.name
    if len(os.fsencode(name)) > 200:  # there would be no room
        name = f"{shortened(name)}.{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
    return target.with_name(f".{name}.seedbench.{ending}")


@contextmanager
def held(file: Path, what: str | os.PathLike[str], wait: float | None) -> Iterator[None]:
    """Holds a lock file, which is gone afterwards; the kernel frees the lock of a killed process.

    Args:
        file: the lock file; a `PRIVATE` folder around it is made, and may be removed by whoever has had the lock.
        what: is written meanwhile, for messages.
        wait: as in `locked`; 0: not at all.

    Raises:
        CannotWrite: another writer has it, or there is no writing there.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(file)
    with explained(what):
        try:
            _acquire(lock, file, -1 if wait is None else 0)
        except Timeout:
            if wait:
                print(f"seedbench: {what}: another process is writing it; waiting {wait:g} s at most", file=sys.stderr)
            try:
                _acquire(lock, file, wait or 0)
            except Timeout:
                reason = "another process is writing it"
                raise CannotWrite(f"{what}: cannot be written: {reason}; try again when it is done", reason) from None
    try:
        yield
    finally:
        with suppress(OSError):  # while it is held: who waits for this one sees that it is gone, and makes another
            file.unlink()
        lock.release()


def _acquire(lock: BaseFileLock, file: Path, seconds: float) -> None:
    while True:
        if file.parent.name == PRIVATE:
            file.parent.mkdir(exist_ok=True)
        elif not file.parent.is_dir():  # which filelock would make
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        try:
            lock.acquire(timeout=seconds)
            return
        except FileNotFoundError:
            if not file.parent.parent.is_dir():
                raise
            # Whoever had the lock has just removed the folder around it.
