"""What is refused before anything is sent or waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from runners.cluster.jobs import EXECUTORS
from runners.cluster.rounds import ClusterError
from runners.options import check_device
from seedbench.trialset import read_manifest


def check_executor(executor: str, of_slurm: Mapping[str, object], poll: float | None) -> None:
    """Whether there is such an executor, and it takes the options that were given.

    Args:
        executor: its name.
        of_slurm: options of SLURM jobs alone, by name.
        poll: seconds between two looks, where they were given.

    Raises:
        ClusterError: it is not so.
    """
    if executor not in EXECUTORS:
        raise ClusterError(f"--executor {executor!r}: expected {', '.join(EXECUTORS)}")
    given = [name for name, value in of_slurm.items() if value]
    if executor != "slurm" and given:
        raise ClusterError(f"--{given[0]}: is of SLURM jobs, and --executor is {executor}; leave it out")
    if executor == "slurm" and poll is not None:
        raise ClusterError("--poll: submit does not wait for SLURM jobs; give it to collect")


def check_devices(executor: str, devices: Sequence[str]) -> None:
    """Whether these can be devices of its jobs.

    Raises:
        RunnerError: one cannot, or there are several of a job.
    """
    if executor != "local" and len(devices) > 1:
        raise ClusterError(f"--device: a {executor} job has one device, got {', '.join(devices)}")
    for name in devices:
        check_device(name, here=executor != "slurm")


def check_export(trial_set: Path | None, name: str | None, version: str | None, append: bool) -> None:
    """Whether the logs can become that trial set, as far as it is known without them.

    Raises:
        ClusterError: they cannot.
        TrialSetError: there is no trial set to add them to.
    """
    if trial_set is None:
        if name or version or append:
            raise ClusterError("--name, --version and --append are of a trial set: give its folder, or leave them out")
    elif append:
        read_manifest(trial_set)
    elif name is None or version is None:
        raise ClusterError("a trial set needs --name and --version; or give --append, to add to one")
    elif trial_set.exists():
        raise ClusterError(f"{trial_set}: exists already; give another folder, or --append to add to a trial set")
