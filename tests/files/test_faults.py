"""Every write, rename and fsync of a command fails once: nothing is lost, and it is one line.

SEEDBENCH_SLOW=1: each call of every command, with each error; else a few, with one error or the other. The
counts are in .github/docs/faults.md.
"""

from __future__ import annotations

import errno
import os
import typing
from pathlib import Path

import pytest

from runners.errors import RunnerError
from seedbench.errors import SeedbenchError
from tests.files.commands import COMMANDS, OUTPUTS, fails

SLOW = os.environ.get("SEEDBENCH_SLOW") == "1"
CODES = {"no room": errno.ENOSPC, "a bad disk": errno.EIO}


def points(name: str, calls: int) -> list[int]:
    """Calls that fail: all, or the first, the last and, where a command is quick, some between."""
    few = 2 if name in OUTPUTS else 4
    return list(range(calls)) if SLOW else sorted({round((calls - 1) * part / (few - 1)) for part in range(few)})


@pytest.mark.parametrize(
    ("name", "code"),
    [(name, code) for at, name in enumerate(COMMANDS) for code in (CODES if SLOW else [[*CODES][at % len(CODES)]])],
)
def test_a_call_that_fails_loses_nothing(
    name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: typing.Any
) -> None:
    command, whole = COMMANDS[name], tmp_path / "whole"
    whole.mkdir()
    command.before(whole)
    before = command.read(whole)
    monkeypatch.chdir(whole)
    calls, error = fails(name, whole, -1, 0)
    after = command.read(whole)
    assert error is None and after != before and calls > 1
    for at_call in points(name, calls):
        folder = tmp_path / str(at_call)
        folder.mkdir()
        command.before(folder)
        monkeypatch.chdir(folder)
        made, error = fails(name, folder, at_call, CODES[code])
        assert made > at_call
        found = command.read(folder)
        assert found in (before, after), at_call
        if error is None:
            assert found == after, at_call  # what failed need not be: clearing up, names to the disk
        else:
            assert isinstance(error, SeedbenchError | RunnerError), (at_call, error)
            assert len(str(error).splitlines()) == 1 and os.strerror(CODES[code]) in str(error), (at_call, error)
        try:
            command.run(folder)
        except SeedbenchError:
            assert found == after  # what was to be new is there already
        assert command.read(folder) == after, at_call
    record_property("failed calls", len(points(name, calls)))
