"""What a training wrote down: one JSON line a measurement, in files of its folder, from its first start on."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from seedbench.documents import foreign_json
from seedbench.errors import LiveError
from seedbench.files import append_line, end_line
from seedbench.live.contract import Failed, Measurement, outcome_of

#: What a command prints, in its folder; it goes there and not through a pipe, so that no line is lost with a process.
STDOUT, STDERR = "stdout.log", "stderr.log"
#: What a training writes itself, or this package for a generator.
MEASUREMENTS = "measurements.jsonl"


class Lines:
    """The measurements of one training so far, whichever process made them.

    A line that is no JSON object with `step` and `score` is none of ours; a step that was measured before is passed
    over. A line without its end is not read yet. A file that has become shorter was emptied: it is read from its start.

    Args:
        folder: of the training.
        told: what its campaign was told before, in order: it holds whatever has become of the files.

    Attributes:
        found: a `Measurement` for each validation point in order; or a `Failed` at the end.
    """

    def __init__(self, folder: Path, told: Iterable[Measurement] = ()) -> None:
        self.found: list[Measurement | Failed] = list(told)
        self._read = {str(folder / name): 0 for name in (MEASUREMENTS, STDOUT)}  # so far, in bytes

    @property
    def last(self) -> Measurement | None:
        """The last measurement; None where there is none."""
        measured = [one for one in self.found if isinstance(one, Measurement)]
        return measured[-1] if measured else None

    def finish(self) -> None:
        """Ends a line that a killed process left without an end, so that the next process begins a new one."""
        for path in self._read:
            end_line(path)

    def read(self) -> int:
        """Reads what came since; returns the number of measurements."""
        for path, start in self._read.items():
            with suppress(FileNotFoundError):
                if (size := os.stat(path).st_size) == start:  # asked many times a second
                    continue
                start = start if start < size else 0
                with open(path, "rb") as file:
                    file.seek(start)
                    whole, newline, _ = file.read().rpartition(b"\n")
                self._read[path] = start + len(whole) + len(newline)
                for line in whole.split(b"\n"):
                    self._take(line)
        return len(self.found)

    def _take(self, line: bytes) -> None:
        last = self.last
        if (measured := parse(line)) is None or (self.found and isinstance(self.found[-1], Failed)):
            return
        if isinstance(measured, Failed) or last is None or measured.step > last.step:
            self.found.append(measured if isinstance(measured, Failed) else outcome_of(measured))


def parse(line: bytes | str) -> Measurement | Failed | None:
    """One line that a training wrote; None where it is none of ours."""
    if line.lstrip()[:1] not in (b"{", "{"):
        return None
    try:
        told = foreign_json(line)
    except ValueError:
        return None
    if not isinstance(told, dict) or not {"step", "score"} <= told.keys():
        return None
    try:
        return Measurement(**{name: told[name] for name in Measurement.__match_args__ if name in told})
    except LiveError as error:
        return Failed(f"its line has {error}")


def write_line(folder: Path, measured: Measurement) -> None:
    """Adds a measurement to a training's file, and sees that it is on the disk.

    Raises:
        TypeError: it is none.
        CannotWrite: as for any file.
    """
    if not isinstance(measured, Measurement):
        raise TypeError(f"train(run) must yield a Measurement, found a {type(measured).__name__}")
    told: dict[str, Any] = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(measured).items()
    }
    append_line(folder / MEASUREMENTS, json.dumps(told))
