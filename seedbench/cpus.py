"""How many CPUs this process may use, which is not how many the machine has."""

from __future__ import annotations

import os
from math import floor
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")  # where a container finds its own limits; and a process outside of one, the machine's
_MEMBERSHIP = Path("/proc/self/cgroup")


def usable_cpus(root: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """The CPUs that this process may run on, or the share of their time that its cgroup is given, if that is less.

    Args:
        root: where cgroups are mounted, of version 1 or 2.
        membership: which cgroups this process is in, as in /proc/self/cgroup.

    Returns:
        At least 1. A quota of two and a half CPUs counts as two: a third process would only wait for the others.
    """
    try:
        allowed = len(os.sched_getaffinity(0))
    except (AttributeError, OSError):  # there is none but on Linux
        allowed = os.cpu_count() or 1
    quotas = [quota for folder in _folders(root, membership) if (quota := _quota(folder)) is not None]
    return max(1, floor(min([allowed, *quotas])))


def waited_for_a_cpu(process: int | str = "self") -> float | None:
    """Seconds that a process's main thread has been ready to run and had to wait for others; None where not counted.

    Source: the kernel's own count, the second number of /proc/PID/schedstat (Documentation/scheduler/sched-stats.rst).
    """
    try:
        with open(f"/proc/{process}/schedstat", "rb") as file:  # bytes: no codec is looked up where a signal is handled
            return int(file.read().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None


def _folders(root: Path, membership: Path) -> list[Path]:
    """The folders of this process's cgroups that may limit its CPUs, and of those that they are in."""
    folders = []
    for line in _read(membership).splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has one tree, for which no controller is named; version 1 has one for each group of controllers.
        for tree in (root / controllers, root / "cpu") if controllers else (root,):
            folder = tree / path.lstrip("/")
            folders += [each for each in (folder, *folder.parents) if each == tree or tree in each.parents]
    return [*folders, root, root / "cpu"]  # inside a container the path may be that outside, where there is nothing


def _quota(folder: Path) -> float | None:
    """The CPUs that a cgroup's quota is worth; None where there is no limit."""
    limit, _, period = _read(folder / "cpu.max").strip().partition(" ")  # version 2: "200000 100000", "max 100000"
    if not limit:
        limit, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    try:
        quota = int(limit) / int(period)
    except (ValueError, ZeroDivisionError):
        return None
    return quota if quota > 0 else None  # version 1 says -1


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
