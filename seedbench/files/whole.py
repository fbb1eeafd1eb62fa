"""A file, whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from seedbench.errors import CannotWrite

#: What is written: bytes, text (as UTF-8), or a function that writes to the open file.
Content = bytes | str | Callable[[BinaryIO], object]

_LEFT_BEHIND_SECONDS = 24 * 3600
_NAME_BYTES = 150  # of a name, in that of a file beside it
_MOST_LINKS = 40  # on the way of one path, as in Linux
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK)  # of a file system without hard links
_ADVICE = {
    "make room, or give another place": (errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    "get the right to write there, or give another place": (errno.EACCES, errno.EPERM, errno.EROFS),
}


@contextmanager
def explained(path: str | os.PathLike[str]) -> Iterator[None]:
    """What the operating system says, in one line, with what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        advice = next((advice for advice, codes in _ADVICE.items() if error.errno in codes), "give another place")
        raise CannotWrite(f"{path}: cannot be written: {reason}; {advice}", reason) from None


def write_file(path: str | os.PathLike[str], content: Content, *, parents: bool = False) -> None:
    """Writes a file whole or not at all, in the place of one that is there.

    Args:
        path: the file.
        content: of it.
        parents: whether folders that are missing are made.

    Raises:
        CannotWrite: it cannot be written; what was there is as it was.
    """
    with explained(path):
        target = followed(path)
        if parents:
            target.parent.mkdir(parents=True, exist_ok=True)
        mode = _mode_of(target)
        _remove_left_behind(target)
        with _part_of(target, content, 0o666 if mode is None else mode) as part:
            if mode is not None:
                part.chmod(mode)
            os.replace(part, target)
        sync_folder(target.parent)


def try_writing(path: str | os.PathLike[str], content: Content = b"") -> None:
    """Finds out whether `write_file` could write a file, without writing it.

    Args:
        path: the file.
        content: what there is to be room for.

    Raises:
        CannotWrite: it could not.
    """
    with explained(path):
        target = followed(path)
        _mode_of(target)
        with _part_of(target, content, 0o600):
            pass


def write_new_file(path: str | os.PathLike[str], content: Content, *, mode: int = 0o666) -> bool:
    """Writes a file whole or not at all, unless something of this name is there: the first of two writers wins.

    Args:
        path: the file.
        content: of it.
        mode: its permissions, but for those that the umask takes.

    Returns:
        Whether it was written; False: there is something, and it is left as it is.

    Raises:
        CannotWrite: it cannot be written.
    """
    with explained(path):
        target = Path(os.path.abspath(path))
        with _part_of(target, content, mode) as part:
            try:
                os.link(part, target)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                try:  # a kill between these two leaves an empty file
                    os.close(os.open(target, os.O_CREAT | os.O_EXCL, mode))
                except FileExistsError:
                    return False
                os.replace(part, target)
        sync_folder(target.parent)
    return True


def append_line(path: str | os.PathLike[str], line: str, *, sync: bool = True) -> None:
    """Adds a line to a file, which is made where it is missing.

    A kill meanwhile may leave a part of the line, without its end; what is added next begins a new one.

    Args:
        path: the file; its folder must be there.
        line: without its end.
        sync: whether to see that it is on the disk, which a power cut may ask for and a kill does not.

    Raises:
        CannotWrite: it cannot be written; no part of it is left.
    """
    with explained(path):
        end_line(path)
        before = os.path.getsize(path) if os.path.exists(path) else 0
        try:
            with open(path, "ab") as file:
                file.write(line.encode() + b"\n")
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):  # a disk that is full takes as much of a line as it has room for
                os.truncate(path, before)
            raise


def end_line(path: str | os.PathLike[str]) -> None:
    """Ends the last line of a file, where a killed writer left it without an end; a missing file stays missing."""
    if os.path.exists(path):
        with explained(path), open(path, "rb+") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")


@contextmanager
def _part_of(target: Path, content: Content, mode: int) -> Iterator[Path]:
    """A file beside another one, with the content, on the disk; removed at the end where it has that name still."""
    part = target.with_name(f".{shortened(target.name)}.{uuid.uuid4().hex}.part")  # jobs on other nodes write, too
    try:
        with open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def shortened(name: str) -> str:
    """The beginning of a name, or all of it, so that there is room for what is put beside it: names have 255 bytes."""
    return os.fsdecode(os.fsencode(name)[:_NAME_BYTES])


def followed(path: str | os.PathLike[str]) -> Path:
    """Where a path leads, all links followed.

    Raises:
        OSError: on the way is somebody else's link in a folder in which everybody may write: who put it there chooses
            what is written over. A kernel with fs.protected_symlinks follows none of these either
            (Documentation/admin-guide/sysctl/fs.rst), but is not asked here, where a file is written beside another.
    """
    folder, left, links = os.path.sep, [*reversed(Path(os.path.abspath(path)).parts[1:])], 0
    if not hasattr(os, "geteuid"):
        return Path(os.path.realpath(path))
    while left:
        name = left.pop()
        if name == os.pardir:
            folder = os.path.dirname(folder)
            continue
        here = os.path.join(folder, name)
        if not os.path.islink(here):
            folder = here
            continue
        around = os.stat(folder)
        if around.st_mode & stat.S_IWOTH and os.lstat(here).st_uid not in (os.geteuid(), around.st_uid):
            raise PermissionError(errno.EACCES, f"{here} is a link that somebody else has put there")
        links += 1
        if links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        target = Path(os.readlink(here))
        folder = target.anchor or folder
        left += reversed([part for part in target.parts if part != target.anchor])
    return Path(folder)


def _mode_of(target: Path) -> int | None:
    """The permissions of a file that may be replaced; None: there is none."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL, "is no regular file")
    if not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return stat.S_IMODE(mode)


def _remove_left_behind(target: Path) -> None:
    """Removes parts of a file whose writers were killed long ago."""
    of_it = re.compile(rf"\.{re.escape(shortened(target.name))}\.[0-9a-f]{{32}}\.part")
    with suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if of_it.fullmatch(entry.name) and entry.stat().st_mtime < time.time() - _LEFT_BEHIND_SECONDS:
                os.unlink(entry.path)


def sync_folder(folder: Path) -> None:
    """The names in a folder to the disk, where the system can do that."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
