"""An untrusted strategy in a sealed process: it receives what it has paid for, checkpoint by checkpoint, and no more.

A fresh process for every campaign, so that nothing is carried from one to the next. It is sealed before the strategy's
first line runs: no file, no network, no other process, no time to ask for; limits on time, memory and what it says.
Whoever evaluates keeps the books and believes nothing. What was tried on it is in `tests/sandbox/attacks`.

The seal, innermost first: a seccomp filter that kills on all but what computing needs; resource limits; Landlock where
the kernel has it; a memory that has never held a record, the environment or another campaign. It takes Linux on x86-64
and nothing but an ordinary user's rights; where it cannot be had, `CannotSeal` is raised.

What it does not keep from a strategy: knowing public trials by heart, which takes no system call (a private trial set
shows it), and chance of its own, such as the addresses of objects: a leaderboard runs every entry twice.

A clock is left: the kernel interrupts a process some 250 to 300 times a second, an interruption clears a null selector
in a segment register, and machine code that sets and reads one is in every large library, where code can jump to it. No
filter sees that, and another selector only has to be replaced first. It tells a strategy how long things take, and so
what is in the caches. That does not depend on what is not paid for: test scores are not read before the strategy has
ended, and of a trial's future nobody looks at a value to decide which way to go; `tests/sandbox/test_clock.py` measures
both by a better clock, `test_clock_inside.py` by this one (under SEEDBENCH_SLOW=1; otherwise only that it runs). It may
tell which record was read, and so a trial's place in the table: for public trials so do its first losses. In a hidden
pool there is nothing to look a place up in.

    messages    what is said, and in which form
    filter      which system calls there are
    kernel      what a process asks the kernel to take away from it
    imports     what may be imported
    submittable what source a leaderboard takes
    zygote      the process that sealed ones are forked from
    rehearsal   what that does in advance, so that it is done once
    inside      what runs in a sealed process
    late        the campaign there, which asks only when somebody looks
    process     the trusted end of a sealed process
    campaigns   campaigns over it
    verdicts    how it can end
"""

from __future__ import annotations

import os
import platform
import struct
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from seedbench.errors import CannotSeal
from seedbench.sandbox.verdicts import VERDICTS, Breach, Limits, breach_of_exit

if TYPE_CHECKING:
    from seedbench.sandbox.campaigns import Sandbox

__all__ = [
    "VERDICTS",
    "Breach",
    "Limits",
    "breach_of_exit",
    "campaigns",
    "kernel",
    "open_sandbox",
    "process",
    "submittable",
]

# What a Python on Linux nearly always has, and what sealing takes.
_MODULES = ("fcntl", "resource")
_CALLS = ("fork", "pipe2", "sched_getaffinity", "sched_setaffinity")


def open_sandbox(limits: Limits = Limits()) -> Sandbox:  # noqa: B008  (frozen)
    """Where sealed strategies run, see `seedbench.sandbox.campaigns.Sandbox`.

    Raises:
        CannotSeal: it cannot be had on this machine.
    """
    machine = f"{platform.system() or sys.platform} on {platform.machine() or 'an unknown machine'}"
    if sys.platform != "linux" or platform.machine() != "x86_64" or struct.calcsize("P") != 8:
        raise CannotSeal(f"a strategy can be sealed on Linux on x86-64 alone; this is {machine}")
    if missing := _missing():
        raise CannotSeal(f"a strategy cannot be sealed here: this Python has no {', '.join(missing)}")
    from seedbench.sandbox.campaigns import Sandbox

    return Sandbox(limits)


def _missing() -> list[str]:
    """Which of the modules and calls that sealing takes are not there."""
    modules = [name for name in _MODULES if find_spec(name) is None]
    return modules + [f"os.{name}" for name in _CALLS if not hasattr(os, name)]
