"""What is done of long work is kept until all of it is: in the user's cache, under a name that says what it is of."""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

from seedbench.files.folders import remove_folder

_DAYS = 7  # that it is kept


def kept_folder(*said: bytes) -> Path | None:
    """The folder of one piece of work, which need not be there; others that nobody has written to for long are removed.

    Args:
        said: all that its results depend on. This package's source is added: another version may find something else.

    Returns:
        None where the user has no cache: no home folder, as a number without a name in a container has none.
    """
    user = _user_cache()
    if user is None:
        return None
    cache = user / "seedbench" / "unfinished"
    digest = hashlib.sha256()
    sources = (path.read_bytes() for path in sorted(Path(__file__).parents[1].rglob("*.py")))
    for part in (*said, *sources):
        digest.update(hashlib.sha256(part).digest())
    folder = cache / digest.hexdigest()
    with suppress(OSError):
        for other in cache.iterdir():
            if other != folder:
                _remove_if_old(other)
    return folder


def _user_cache() -> Path | None:
    """By the XDG base directory specification, which has relative paths ignored; ~ stays ~ where nobody has a home."""
    paths = (os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache"))
    return next((Path(path) for path in paths if os.path.isabs(path)), None)


def _remove_if_old(folder: Path) -> None:
    """By what was written last: a line at the end of a file changes the file's time, and no folder's."""
    with suppress(OSError):  # somebody else is writing to it, or removes it
        if max(path.stat().st_mtime for path in (folder, *folder.rglob("*"))) < time.time() - _DAYS * 86_400:
            remove_folder(folder)
