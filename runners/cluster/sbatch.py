"""What sbatch is told: options of the command line as submitit's parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import submitit

from runners.errors import RunnerError

#: What submitit itself asks whether it is true; all else it only writes down for sbatch.
SWITCHES = ("use_srun", "stderr_to_stdout")
YES_NO = {"": True, "true": True, "1": True, "false": False, "0": False}


class SbatchError(RunnerError):
    """An option that cannot be; the message names it."""


def slurm_parameters(block_minutes: float, named: Mapping[str, str | None], others: Sequence[str]) -> dict[str, Any]:
    """What to tell sbatch, under submitit's names.

    Args:
        block_minutes: the time limit follows from it where none is given: twice that and ten minutes to start.
        named: options by name; None where not given.
        others: more, as "name=value", or "name" alone for a switch. ``setup`` may be repeated: shell commands that run
            first. What submitit does not know goes to sbatch as it is.

    Raises:
        SbatchError: a value that cannot be, or an option that seedbench sets itself.
    """
    known = submitit.SlurmExecutor._valid_parameters() - {"additional_parameters", "srun_args", "num_gpus"}
    parameters: dict[str, Any] = {}
    given = [f"{name}={value}" for name, value in named.items() if value is not None]
    for text in [*given, *others]:
        name, has_value, value = text.partition("=")
        name = name.strip().lstrip("-").replace("-", "_")
        if not name or name in (
            "job_name",
            "array",
            "array_parallelism",
            "output",
            "error",
            "nodes",
            "ntasks_per_node",
        ):
            raise SbatchError(f"--slurm {text!r}: expected name=value; jobs, arrays and their files are set here")
        if name in parameters.keys() - {"setup", "teardown"} or name in parameters.get("additional_parameters", {}):
            raise SbatchError(f"--slurm {text!r}: {name} is given twice; leave one out")
        if name == "time":
            parameters["time"] = minutes(value)
        elif name in ("setup", "teardown"):
            parameters.setdefault(name, []).append(value)
        elif name in SWITCHES:
            if value.lower() not in YES_NO or (has_value and not value):
                raise SbatchError(f"--slurm {text!r}: {name} is true or false")
            parameters[name] = YES_NO[value.lower()]
        elif name in known:
            parameters[name] = value if has_value else True  # as given: an account may be called 0123
        else:
            parameters.setdefault("additional_parameters", {})[name] = value if has_value else True
    parameters.setdefault("time", ceil(2 * block_minutes) + 10)
    return parameters


def minutes(text: str) -> int:
    """A time limit in any of sbatch's forms - "90", "90:30", "1:30:00", "2-12", "2-12:30", "2-12:30:00" - rounded up.

    Raises:
        SbatchError: none of these, or zero.
    """
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", text)
    if match is None:
        raise SbatchError(f"--time {text!r}: expected minutes, h:mm:ss or d-hh:mm:ss")
    days, first, second, third = (int(part or 0) for part in match.groups())
    if match[1] is not None:
        seconds = ((days * 24 + first) * 60 + second) * 60 + third
    elif match[4] is not None:
        seconds = (first * 60 + second) * 60 + third
    else:
        seconds = first * 60 + second
    if not seconds:
        raise SbatchError(f"--time {text!r}: a block needs time")
    return ceil(seconds / 60)
