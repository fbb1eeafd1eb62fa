"""A folder in the temporary one for as long as a process works, which the next one clears away after a kill."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from seedbench.files.folders import remove_folder

_PREFIX, _LOCK = "seedbench-", ".seedbench.lock"
_NAME = re.compile(rf"{_PREFIX}[a-z0-9_]{{8}}")  # as tempfile makes it


@contextmanager
def work_folder() -> Iterator[Path]:
    """A new folder for arrays and the like; it is gone at the end.

    Its lock file is locked by this process, so whoever comes next tells the folder of one that was killed, which it
    removes, from that of one that lives. A folder without such a file is not one of these, whatever its name.

    Raises:
        OSError: there is no temporary folder, or no room in it.
    """
    parent = Path(tempfile.gettempdir())
    _clear(parent)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        try:
            with open(folder / _LOCK, "xb") as lock:
                if _lock(lock) is not False and (folder / _LOCK).exists():
                    yield folder
                    return
                # Another process took it for one that was left behind, between two lines of this one.
        finally:
            remove_folder(folder)


def _clear(parent: Path) -> None:
    """Removes the folders of processes that have ended."""
    with suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError, AttributeError):  # no geteuid on Windows
                    _clear_one(Path(entry.path))


def _clear_one(folder: Path) -> None:
    found = os.lstat(folder / _LOCK)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        with open(folder / _LOCK, "rb") as lock:
            if _lock(lock):
                remove_folder(folder)


def _lock(file: BinaryIO) -> bool | None:
    """Whether a lock could be had; None where there are none (Windows, some network file systems)."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True
