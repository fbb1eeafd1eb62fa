"""A folder, whole or not at all; and some files of a folder, of which others are somebody else's."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from seedbench.documents import from_json, to_json
from seedbench.errors import CannotWrite
from seedbench.files.locks import PRIVATE, WAIT_SECONDS, beside, held
from seedbench.files.whole import explained, sync_folder, write_file

_LOCK, _JOURNAL, _NEW = "lock", "journal.json", "new"
_here = threading.local()  # .folders: those that this thread is changing


def make_folder(path: str | os.PathLike[str]) -> None:
    """Makes a folder, and those above it, unless it is there.

    Raises:
        CannotWrite: it cannot be made.
    """
    with explained(path):
        Path(path).mkdir(parents=True, exist_ok=True)


def remove_folder(path: str | os.PathLike[str]) -> None:
    """Removes a folder of work files with all that is in it, as far as that can be done."""
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def new_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder that is there whole or not at all: yields an empty one beside it, which takes its name at the end.

    Raises:
        CannotWrite: something of this name is there, or it cannot be written; an OSError meanwhile is taken for that.
    """
    target = Path(os.path.abspath(path))
    part = beside(target, "part")
    with explained(path):
        target.parent.mkdir(parents=True, exist_ok=True)
    with explained(path), held(beside(target, "lock"), path, WAIT_SECONDS):
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "exists already, and is left as it is")
        remove_folder(part)  # of a writer that was killed
        part.mkdir()
        try:
            yield part
            _sync_tree(part)
            os.rename(part, target)
            sync_folder(target.parent)
        finally:
            remove_folder(part)


@dataclass(frozen=True)
class Change:
    """A change of a folder's files, from `changing`.

    Attributes:
        folder: that is changed, all links resolved.
        new: a folder to write the new files to, under the paths that they are to have.
    """

    folder: Path
    new: Path

    def commit(self, ours: Collection[str]) -> None:
        """Puts the new files in place and removes those of ours that are not among them; no other is touched.

        Args:
            ours: paths in the folder of what may be replaced or removed, whether it is there or not.

        Raises:
            CannotWrite: something that is not ours is in the way; nothing was changed.
        """
        new = sorted(path.relative_to(self.new).as_posix() for path in self.new.rglob("*") if path.is_file())
        gone = sorted(path for path in {*ours} - {*new} if os.path.lexists(self.folder / path))
        for path in (*new, *gone):
            _require_ours(self.folder, path, ours)
        for path in new:
            if (self.folder / path).is_file():
                (self.new / path).chmod(stat.S_IMODE((self.folder / path).stat().st_mode))
        _sync_tree(self.new)
        plan = _Plan(1, tuple(new), tuple(gone))
        write_file(self.folder / PRIVATE / _JOURNAL, to_json(plan))  # from here on it is decided
        _finish(self.folder)


@contextmanager
def changing(folder: str | os.PathLike[str]) -> Iterator[Change]:
    """Nobody else changes a folder meanwhile; what is not committed is as if it had never been.

    Args:
        folder: an existing one; the files that are to come in are written inside of it, so that they are on its disk,
            to a hidden folder that Git leaves alone and that is gone at the end.

    Raises:
        CannotWrite: another writer has it, or it cannot be written; an OSError meanwhile is taken for that.
    """
    folder = Path(os.path.realpath(folder))
    private = folder / PRIVATE
    with explained(folder), _lock(folder, WAIT_SECONDS):
        _finish(folder)
        (private / ".gitignore").write_text("*\n")
        (private / _NEW).mkdir()
        _changing().add(folder)
        try:
            yield Change(folder, private / _NEW)
        finally:
            _changing().remove(folder)
            if not (private / _JOURNAL).exists():
                _clean(private)


def settle(folder: str | os.PathLike[str]) -> None:
    """Finishes, or undoes where it was not decided, the change of a folder whose writer was killed.

    It waits for a writer that is putting files in place, not for one that prepares them. On a place that cannot be
    written nothing is locked, and what was not decided is left alone.

    Raises:
        CannotWrite: a decided change cannot be finished.
    """
    folder = Path(os.path.realpath(folder))
    private = folder / PRIVATE
    if folder in _changing() or not private.is_dir():
        return
    try:
        _settle(folder, wait=0)
    except CannotWrite:
        if (private / _JOURNAL).exists():
            _settle(folder, wait=WAIT_SECONDS)


def _settle(folder: Path, wait: float) -> None:
    with explained(folder), _lock(folder, wait):
        _finish(folder)


@contextmanager
def _lock(folder: Path, wait: float) -> Iterator[None]:
    private = folder / PRIVATE
    if private.is_symlink():  # out of a folder that somebody else made
        raise OSError(errno.EEXIST, f"{private} is a link; remove it")
    try:
        with held(private / _LOCK, folder, wait):
            yield
    finally:
        with suppress(OSError):  # not empty: another writer has it, or there is something left to finish
            private.rmdir()


def _changing() -> set[Path]:
    """The folders that this thread is changing."""
    if not hasattr(_here, "folders"):
        _here.folders = set()
    folders: set[Path] = _here.folders
    return folders


@dataclass(frozen=True)
class _Plan:
    """The journal: paths in the folder, to be taken from `_NEW` and to be removed."""

    format: Literal[1]
    new: tuple[str, ...]
    gone: tuple[str, ...]


def _finish(folder: Path) -> None:
    """Does what the journal says, if there is one, from whatever point on, and clears up; under the lock."""
    private = folder / PRIVATE
    journal = private / _JOURNAL
    if journal.exists():
        try:
            plan = from_json(journal.read_bytes(), _Plan, str(journal), error=ValueError)
        except ValueError:
            raise OSError(errno.EINVAL, f"{journal} is no journal of seedbench; remove {private}") from None
        for path in (*plan.new, *plan.gone):
            _require_ours(folder, path, (*plan.new, *plan.gone))
        for path in plan.new:
            if (private / _NEW / path).exists():  # else it was put in place before the kill
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(private / _NEW / path, folder / path)
        for path in plan.gone:
            (folder / path).unlink(missing_ok=True)
            _remove_empty(folder, path)
        for parent in {(folder / path).parent for path in (*plan.new, *plan.gone)}:
            sync_folder(parent)
        journal.unlink()
        sync_folder(private)
    _clean(private)


def _require_ours(folder: Path, path: str, ours: Collection[str]) -> None:
    """A plain path that leads to no other place, with nothing of somebody else's in the way."""
    parts = PurePosixPath(path).parts
    if path != "/".join(parts) or {"..", "/", ".git"} & {*parts} or PRIVATE in parts or re.search(r"[\\:\0]", path):
        raise OSError(errno.EINVAL, f"{path!r} is no plain path inside of it")
    for number in range(1, len(parts)):
        parent = folder.joinpath(*parts[:number])
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            raise OSError(errno.EEXIST, f"{parent} is no folder of its own; move it away")
    target = folder / path
    if os.path.lexists(target) and (path not in ours or (target.is_dir() and not target.is_symlink())):
        raise OSError(errno.EEXIST, f"{target} is there and is something else; move it away")


def _remove_empty(folder: Path, path: str) -> None:
    """Removes the folders above a file of ours that are empty now."""
    with suppress(OSError):  # the first that is not ends it
        for parent in list(PurePosixPath(path).parents)[:-1]:
            (folder / parent).rmdir()


def _clean(private: Path) -> None:
    """Removes what a change needed, but for the lock, which is held."""
    for entry in private.iterdir():
        if entry.name == _NEW:
            remove_folder(entry)
        elif entry.name != _LOCK:
            entry.unlink(missing_ok=True)


def _sync_tree(folder: Path) -> None:
    """A folder's files and names to the disk."""
    for parent, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(parent, name), "rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(parent))
