"""What an examination has found so far, kept until it is done: the same command goes on from there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from seedbench.documents import from_json, to_json
from seedbench.errors import CannotWrite
from seedbench.evaluation import Evaluation
from seedbench.files import append_line, make_folder, remove_folder, write_file

_RECORDED, _LINES = "recorded.json", "found.jsonl"


class Journal:
    """The seed of an examination, what was found on the recorded trials, and a line for each world that is done.

    What cannot be read is found anew, and where there is no writing nothing is kept.

    Args:
        folder: that is named after all that the examination depends on; None: there is none, and nothing is kept.

    Attributes:
        lost: why some of it could not be written; "" where all of it was.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder, self.lost = folder, "no home folder" if folder is None else ""
        self._found: dict[str, int | float] = {}
        if folder is not None:
            with suppress(OSError):
                for line in (folder / _LINES).read_bytes().splitlines():
                    with suppress(ValueError):  # half a line, of a process that was killed
                        self._found.update(from_json(line, dict[str, int | float], _LINES, error=ValueError))

    @property
    def seed(self) -> int:
        """Of an examination that was given none: drawn once, and the same when it goes on."""
        return int(self._keep("seed", lambda: secrets.randbits(62)))

    def recorded(self, find: Callable[[], Evaluation]) -> Evaluation:
        """What was found on the recorded trials, or is now; without its campaigns."""
        if self._folder is not None:
            file = self._folder / _RECORDED
            with suppress(OSError, ValueError):
                return from_json(file.read_bytes(), Evaluation, str(file), error=ValueError)
        found = replace(find(), campaigns=None)
        if self._folder is not None:
            with self._noting():
                write_file(file, to_json(found), parents=True)
        return found

    def gain(self, where: str, number: int, find: Callable[[], float]) -> float:
        """What was found in a world, or is now."""
        return self._keep(f"{where} {number}", find)

    def remove(self) -> None:
        """All of it is done."""
        if self._folder is not None:
            remove_folder(self._folder)

    def _keep(self, name: str, find: Callable[[], float]) -> float:
        if name not in self._found:
            self._found[name] = find()
            if self._folder is not None:
                with self._noting():
                    make_folder(self._folder)
                    append_line(self._folder / _LINES, json.dumps({name: self._found[name]}))
        return self._found[name]

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except CannotWrite as error:
            self.lost = error.reason
