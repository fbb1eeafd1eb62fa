"""CPUs are counted by affinity and by the cgroup's quota, of either version, also where there are neither."""

import os
from pathlib import Path

import pytest

from seedbench.cpus import usable_cpus


@pytest.fixture(autouse=True)
def eight(monkeypatch):
    """A process that may run on eight CPUs."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)


def counted(folder: Path, membership: str, **files: str) -> int:
    """What is counted where these cgroup files are there, by their paths."""
    for name, text in files.items():
        file = folder / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "self").write_text(membership)
    return usable_cpus(folder / "cgroup", folder / "self")


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "9900000 100000\n"}, 8),
        ({"cpu.max": "nonsense"}, 8),
        ({"cpu.max": "100000 0"}, 8),
        ({"job/step/cpu.max": "max 100000\n", "job/cpu.max": "300000 100000\n"}, 3),  # its parent's limit is its own
        ({"other/cpu.max": "100000 100000\n"}, 8),
    ],
)
def test_the_quota_of_version_2(tmp_path, files, cpus):
    assert counted(tmp_path, "0::/job/step\n", **files) == cpus


@pytest.mark.parametrize(
    ("files", "cpus"),
    [
        ({"cpu,cpuacct/job/cpu.cfs_quota_us": "400000\n", "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "150000\n", "cpu/cpu.cfs_period_us": "50000\n"}, 3),  # a container sees no /job
        ({"cpu/job/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, 8),
        ({"memory/job/cpu.cfs_quota_us": "100000\n", "memory/job/cpu.cfs_period_us": "100000\n"}, 8),
    ],
)
def test_the_quota_of_version_1(tmp_path, files, cpus):
    assert counted(tmp_path, "5:memory:/job\n4:cpu,cpuacct:/job\n", **files) == cpus


def test_affinity_alone(tmp_path):
    assert usable_cpus(tmp_path / "none", tmp_path / "none") == 8


def test_without_affinity(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cpus(tmp_path / "none", tmp_path / "none") == 6
    assert counted(tmp_path, "0::/\n", **{"cpu.max": "100000 100000"}) == 1
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus(tmp_path / "none", tmp_path / "none") == 1


def test_here():
    assert 1 <= usable_cpus() <= 8
