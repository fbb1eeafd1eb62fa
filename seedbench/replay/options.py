"""How campaigns are replayed, and the keywords by which that, and on what, is said to a public function."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from seedbench.errors import SelectionError
from seedbench.randomness import SEED_RULE
from seedbench.replay.deadline import CAN_STOP
from seedbench.replay.protocol import PROTOCOLS
from seedbench.replay.transfer import TRACKS
from seedbench.trialset import Selection, SelectionKeywords, TrialSet, refuse_unknown, whole_number

# Of each whole number its rule, up to the value, and whether it holds.
_NUMBERS: dict[str, tuple[str, Callable[[int], bool]]] = {
    "replicates": (
        "replicates must be at least 3, or nothing is known of their noise; found",
        lambda number: number >= 3,
    ),
    "seed": (SEED_RULE, lambda number: True),
    "processes": ("processes must be at least 1, found", lambda number: number >= 1),
}

#: The longest limit of one campaign, in seconds: a day.
LONGEST = 86_400


class ReplayKeywords(SelectionKeywords, total=False):
    """Keywords of functions that replay strategies under a budget of their own; for what they are without, see
    `ReplayOptions`.

    Attributes:
        replicates: campaigns per table, budget and strategy, at least 3.
        seed: of all hidden randomness, any integer. The same call gives the same result to the byte.
        protocol: "held-out-2", chosen by the dev set and reported on the test set; "dodge2020", the dev set for both.
        processes: to split the work among; the result does not depend on it. More than one needs a strategy that can
            travel to another process: a file, a shipped name, or a callable that pickles.
        time_limit: seconds that one campaign may take; waiting for a CPU does not count.
    """

    replicates: int
    seed: int
    protocol: str
    processes: int
    time_limit: float


class EvaluationKeywords(ReplayKeywords, total=False):
    """Keywords of `evaluate` and `compare`: on which tables, under which budgets, and how.

    Attributes:
        budgets: in full trials, one or several; the pools of every table must have four times as many trials. None:
            each table takes part in those of 2, 4, 8, 16 and 32 that its pools are large enough for.
        track: "cold", or "transfer": `campaign.history` has the trials of the model's other tasks, all of them in the
            trial set, whatever is selected to be scored.
        sandbox: run the strategies in sealed processes, see `seedbench.sandbox`; the result does not depend on it. It
            takes files and shipped strategies, on Linux on x86-64.
    """

    budgets: int | Sequence[int]
    track: str
    sandbox: bool


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """How campaigns are replayed. What is given is checked here, and nowhere else.

    Attributes:
        replicates: campaigns of each strategy, table and budget, at least 3.
        seed: of all randomness.
        protocol: one of `PROTOCOLS`.
        track: one of `TRACKS`.
        processes: to split the replicates among; more than one start Python anew.
        sandbox: whether strategies that are loaded are sealed.
        time_limit: seconds that one campaign may take, a day at most; see `deadline` for what it can stop.
        apart: whether one process alone, too, runs strategies in another than itself, so that a strategy that ends its
            process does not end this one. Where a process cannot be forked it makes no difference.
        resume: whether what is done is kept on disk until all is, so that the same call goes on where it was ended.

    Raises:
        SelectionError: a value that breaks a rule, with both.
    """

    replicates: int = 500
    seed: int = 0
    protocol: str = PROTOCOLS[0]
    track: str = TRACKS[0]
    processes: int = 1
    sandbox: bool = False
    time_limit: float = 60
    apart: bool = False
    resume: bool = False

    def __post_init__(self) -> None:
        for name, (rule, holds) in _NUMBERS.items():
            number = whole_number(getattr(self, name), rule)
            if not holds(number):
                raise SelectionError(f"{rule} {number}")
            object.__setattr__(self, name, number)
        for name, known in (("protocol", PROTOCOLS), ("track", TRACKS)):
            if (given := getattr(self, name)) not in known:
                raise SelectionError(f"unknown {name} {given!r}: there are {', '.join(known)}")
        if not isinstance(self.sandbox, bool):
            raise SelectionError(f"sandbox must be True or False, found {self.sandbox!r}")
        limit = self.time_limit
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit <= LONGEST:
            raise SelectionError(f"time_limit must be above 0 seconds and at most {LONGEST:,}, found {limit!r}")
        if limit != ReplayOptions.time_limit and not (self.sandbox or CAN_STOP):
            raise SelectionError("time_limit: nothing stops a strategy here that is not sealed; leave it out")


def from_keywords(
    trials: str | os.PathLike[str] | TrialSet | None, given: Mapping[str, Any], known: type, **own: Any
) -> tuple[Selection, ReplayOptions]:
    """What was given to a public function -> the two objects that are passed on.

    Args:
        trials: a folder, a Hub dataset, or what `load_trials` returned; None for the bundled trial set.
        given: the keywords.
        known: those that there are: `ReplayKeywords` or `EvaluationKeywords`.
        **own: fields of the selection that the function takes under names of its own.

    Raises:
        TypeError: an unknown keyword.
        SelectionError: a value that breaks a rule.
    """
    refuse_unknown(given, known)
    replay = {field.name for field in fields(ReplayOptions)}
    selected = {name: value for name, value in given.items() if name not in replay}
    options = {name: value for name, value in given.items() if name in replay}
    return Selection(trials=trials, **selected, **own), ReplayOptions(**options)
