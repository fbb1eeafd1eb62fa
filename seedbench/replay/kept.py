"""What has been replayed is kept until all of it is: whoever ends a long replay goes on where it was.

Parts lie in the user's cache, under a name that says what they are of: the code of this package, the strategies, the
tables' content and the options. So they can be of nothing else. A replay of a few seconds writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import numpy as np

from seedbench.errors import CannotWrite, SeedbenchError
from seedbench.files import kept_folder, remove_folder, write_file
from seedbench.replay.batch import Outcomes, Work
from seedbench.replay.content import table_sha256

Unit = tuple[int, range]  # number of the plan, replicates

_AFTER = 2.0  # seconds, from which on parts are written
_OPTIONS = ("seed", "protocol", "track", "replicates")  # of those that the result depends on


class Kept:
    """The parts of one replay.

    Args:
        folder: theirs, which need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._began = folder, time.monotonic()
        self._pending: dict[Unit, Outcomes] = {}
        self._written = 0

    def found(self, units: Sequence[Unit]) -> dict[Unit, Outcomes]:
        """The parts that are there; one that cannot be read is not."""
        parts = {}
        for unit in units:
            damaged = suppress(Exception)  # whatever the disk, zipfile, zlib or NumPy has to say
            with damaged, open(self._file(unit), "rb") as file, np.load(file, allow_pickle=False) as arrays:
                parts[unit] = Outcomes(**dict(arrays))
        return parts

    def put(self, unit: Unit, part: Outcomes) -> None:
        """Keeps a part; writes it, and those before it, once this goes on for longer."""
        self._pending[unit] = part
        if time.monotonic() - self._began > _AFTER:
            self.write()

    def write(self) -> bool:
        """Writes what is not written yet; returns whether there are parts, and all are written."""
        with suppress(CannotWrite):
            for unit in list(self._pending):
                content = BytesIO()
                np.savez(content, **self._pending[unit].arrays())  # type: ignore[arg-type]
                write_file(self._file(unit), content.getvalue(), parents=True)
                del self._pending[unit]
                self._written += 1
        return bool(self._written) and not self._pending

    def remove(self) -> None:
        """All of it is done, or of no use."""
        remove_folder(self._folder)

    def _file(self, unit: Unit) -> Path:
        at, batch = unit
        return self._folder / f"{at}-{batch.start}-{batch.stop}.npz"


@contextmanager
def keeping(work: Work) -> Iterator[Kept | None]:
    """Where the parts of a replay are kept, which are gone at its end, unless it is interrupted or killed.

    Yields:
        None where nothing is: it was not asked for, decisions are recorded, a strategy has no source to go by, or the
            user no folder to keep it in.
    """
    recognised = work.options.resume and not work.decisions and all(one.sha256 for one in work.strategies)
    folder = kept_folder(_digest(work)) if recognised else None
    if folder is None:
        yield None
        return
    kept = Kept(folder)
    try:
        yield kept
    except KeyboardInterrupt:
        if kept.write():
            print("seedbench: what is done is kept; the same command goes on from there", file=sys.stderr)
        raise
    except SeedbenchError:
        kept.remove()
        raise
    kept.remove()


def _digest(work: Work) -> bytes:
    """SHA-256 of all that the outcomes of a replay depend on, but for this package."""
    said = {name: getattr(work.options, name) for name in _OPTIONS}
    said["strategies"] = [(one.name, one.sha256, one.attribute, dict(one.parameters)) for one in work.strategies]
    said["budgets"] = [plan.budgets for plan in work.plans]
    shown = [(plan.table, *(plan.history.tables if plan.history else ())) for plan in work.plans]
    said["tables"] = [[table_sha256(table) for table in tables] for tables in shown]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=repr).encode()).digest()
