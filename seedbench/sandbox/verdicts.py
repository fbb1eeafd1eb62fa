"""How a sealed process can end without a result: every way has a name."""

from __future__ import annotations

from dataclasses import dataclass

from seedbench.processes import signal_name
from seedbench.sandbox.messages import Ended

#: Verdict -> what it means.
VERDICTS = {
    "raised": "the strategy raised an exception",
    "invalid return": "what it returned, or paid for, leaves nothing to keep",
    "stopped": "it went on calling after its budget was spent",
    "unusable": "the file does not load, or binds no strategy",
    "time limit": "it was not done in time",
    "cpu limit": "it used too much CPU time",
    "forbidden system call": "it asked the kernel for something that a sealed process does not do",
    "crashed": "it broke the interpreter it ran in",
    "killed": "it was killed from outside, by the kernel if memory ran out",
    "no answer": "it ended without saying what it keeps",
    "oversize message": "it sent more than a message holds",
    "malformed message": "it sent something that is no message",
    "out of turn": "it sent a message where none, or another, was due",
    "not paid for": "it asked for, or kept, what it had not paid for",
}

CLOSED_SAID = "a sealed process has no files, no time to ask for, no network, no threads and no other processes"

# By name: this module is imported wherever strategies run, also where not all of these signals exist.
_CRASHES = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGABRT", "SIGTRAP"}


@dataclass(frozen=True)
class Limits:
    """What one sealed process may use.

    Attributes:
        seconds: of wall time, less what it and whoever evaluates have waited for a CPU.
        cpu_seconds: of CPU time, whole seconds.
        memory_bytes: on top of the interpreter and all that it has imported.
    """

    seconds: float = 60.0
    cpu_seconds: int = 60
    memory_bytes: int = 2**30


class Breach(Exception):
    """A sealed process did what it may not, or ended before it was done.

    Attributes:
        verdict: a name in `VERDICTS`.
        said: what happened, after the strategy's name.
        frames: the author's own lines of the traceback, if an exception was raised.
    """

    def __init__(self, verdict: str, said: str, frames: str = "") -> None:
        super().__init__(said)
        self.verdict, self.said, self.frames = verdict, said, frames


def breach_of(ended: Ended, limits: Limits) -> Breach:
    """What to say of a process that has ended without an answer, or not as it should."""
    if ended.how == "time":
        return Breach("time limit", f"ran for more than {limits.seconds:g} seconds in one campaign")
    if ended.how == "exit":
        return Breach("no answer", f"ended its process, with exit code {ended.code}, before it had returned anything")
    name = signal_name(ended.code)
    if name == "SIGXCPU":
        return Breach("cpu limit", f"used more than {limits.cpu_seconds} seconds of CPU time in one campaign")
    if name == "SIGSYS":
        return Breach("forbidden system call", f"made a system call that is forbidden: {CLOSED_SAID}")
    if name in _CRASHES:
        return Breach("crashed", f"crashed its process ({name})")
    return Breach("killed", f"had its process killed ({name}), as the kernel does when memory runs out")


def breach_of_exit(code: int) -> str:
    """What to say of a process that is not sealed, after the strategy's name.

    Args:
        code: its exit status; below 0 the signal that ended it.
    """
    return breach_of(Ended("signal", -code) if code < 0 else Ended("exit", code), Limits()).said
