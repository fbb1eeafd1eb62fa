"""Processes that a test has started, and those that these have started."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARK = "SEEDBENCH_TEST_MARK"  # in the environment of a process, and so of all that it starts


def command_line(*arguments: object) -> list[str]:
    """Of `seedbench`, by this interpreter."""
    return [sys.executable, "-P", "-m", "seedbench", *map(str, arguments)]


def environment(mark: str, **more: str) -> dict[str, str]:
    """In which `marked` finds a process."""
    return {**os.environ, "PYTHONPATH": str(ROOT), MARK: mark, **more}


def marked(mark: str) -> list[int]:
    """The processes that have a mark, but for those that have ended and are not yet fetched."""
    return [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if _has(pid, mark)]


def _has(pid: int, mark: str) -> bool:
    try:
        return f"{MARK}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def family(pid: int) -> list[int]:
    """A process and those it has started, and so on."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid, *(one for child in children for one in family(int(child)))]


#: What long work says every now and then where there is no terminal. What is long depends on the machine.
PROGRESS = re.compile(r"^seedbench: .+: [\d,]+ of [\d,]+ .+ in .+\n", re.MULTILINE)


def without_progress(said: str) -> str:
    """What a command says but for how far it is: a machine with other work is slow enough for that."""
    return PROGRESS.sub("", said)


def until(condition: Callable[[], object], what: str, seconds: float = 120) -> None:
    """Waits for something, and fails where it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)
