"""What a process needs of memory."""

from __future__ import annotations

import re
from pathlib import Path


def peak_mebibytes() -> int:
    """The most that this process has had in memory since its program started.

    `getrusage` would say what the process had before that: the memory of whoever started it, a test runner's.
    """
    (kibibytes,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(kibibytes) // 1024
