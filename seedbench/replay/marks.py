"""Which campaign a process is in, where another process can read it: all that is left of one that dies."""

from __future__ import annotations

import mmap
import struct
from typing import NamedTuple

from seedbench.errors import SeedbenchError, StrategyFailed
from seedbench.replay.batch import Work
from seedbench.sandbox import breach_of_exit

_FORM = struct.Struct("<5q")  # whether there is a campaign; plan, strategy, budget, replicate
SIZE = _FORM.size


class At(NamedTuple):
    """A campaign: numbers of the plan and of the strategy, the budget in full trials, the replicate."""

    plan: int
    strategy: int
    budget: int
    replicate: int


class Mark:
    """Memory that two processes share, with the campaign that one of them is in.

    Args:
        memory: of `SIZE` bytes, zeros at first.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    def set(self, plan: int, strategy: int, budget: int, replicate: int) -> None:
        """From now on it is in this campaign."""
        _FORM.pack_into(self._memory, 0, 1, plan, strategy, budget, replicate)

    def clear(self) -> None:
        """From now on it is in none."""
        _FORM.pack_into(self._memory, 0, 0, 0, 0, 0, 0)

    def read(self) -> At | None:
        """The campaign; None if it is in none."""
        return read(self._memory[:SIZE])


def read(content: bytes) -> At | None:
    """The campaign in the bytes of a mark; None: there is none."""
    if len(content) < SIZE:
        return None
    there, *at = _FORM.unpack(content[:SIZE])
    return At(*at) if there else None


def died(work: Work, at: At | None, code: int) -> SeedbenchError:
    """What to say of a process that ended before its work was done.

    Args:
        work: what it was doing.
        at: the campaign that it was in.
        code: its exit status; below 0 the signal that ended it.
    """
    said = breach_of_exit(code)
    if at is None:
        return SeedbenchError(f"a process that ran campaigns {said}, in none of them; was it killed from outside?")
    strategy, plan = work.strategies[at.strategy], work.plans[at.plan]
    failed = StrategyFailed(f"strategy {strategy.name} {said}", plan.table.name, at.budget, at.replicate)
    failed.strategy = strategy.name
    return failed
