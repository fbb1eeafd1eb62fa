"""Which recorded tables are nearest to what somebody without trials of their own is about to train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seedbench.advice.recipes import train_examples_of
from seedbench.advice.result import Situation
from seedbench.errors import SelectionError
from seedbench.trialset import TrialTable, whole_number

#: Tables are near whose number of training examples is off by at most this many times what the nearest's is.
_ABOUT = 1.5


def situation_of(train_examples: int | None, bias_correction: bool | None) -> Situation | None:
    """What was said; None where nothing was.

    Raises:
        SelectionError: a number of examples that is none, or a bias correction that is not True or False.
    """
    if train_examples is not None:
        rule = "train_examples must be a whole number from 1 on, found"
        train_examples = whole_number(train_examples, rule)
        if train_examples < 1:
            raise SelectionError(f"{rule} {train_examples}")
    if bias_correction is not None:
        if not isinstance(bias_correction, bool | np.bool_):
            raise SelectionError(f"bias_correction must be True or False, found {bias_correction!r}")
        bias_correction = bool(bias_correction)
    said = Situation(train_examples, bias_correction)
    return None if said == Situation(None, None) else said


def nearest(name: str, tables: Sequence[TrialTable], situation: Situation) -> tuple[TrialTable, ...]:
    """The tables with the bias correction that was said, and of these the nearest in training examples.

    Near is by ratio: 250 examples are as near to 500 as 1,000 are. Where the nearest is off by a factor, tables that
    are off by up to 1.5 times that are near, too, so that no narrow difference decides.

    Args:
        name: of the trial set.
        tables: that are selected.
        situation: what was said.

    Raises:
        SelectionError: no table is known to have what was said.
    """
    found = list(tables)
    if situation.bias_correction is not None:
        found = [table for table in found if table.fields.get("bias_correction") is situation.bias_correction]
        if not found:
            kind = "with" if situation.bias_correction else "without"
            raise SelectionError(
                f"bias_correction: no selected table of trial set {name} is recorded as trained {kind} Adam's bias "
                "correction; leave it out"
            )
    if situation.train_examples is None:
        return tuple(found)
    known = [(table, examples) for table in found if (examples := train_examples_of(table)) is not None]
    if not known:
        raise SelectionError(
            f"train_examples: no selected table of trial set {name} says how many examples its trials were trained "
            "on; leave it out"
        )
    apart = [_factor(examples, situation.train_examples) for _, examples in known]
    return tuple(table for (table, _), far in zip(known, apart, strict=True) if far <= min(apart) * _ABOUT + 1e-9)


def how_near(situation: Situation, tables: Sequence[TrialTable], asked: str, protocol: str) -> Situation:
    """The situation, with how near the tables are that were chosen by it.

    Args:
        situation: what was said.
        tables: those that `nearest` found and that have enough trials for the budget.
        asked: the protocol that was asked for.
        protocol: by which they are scored.
    """
    apart = [
        _factor(examples, situation.train_examples)
        for table in tables
        if situation.train_examples is not None and (examples := train_examples_of(table)) is not None
    ]
    return replace(
        situation,
        examples_factor=min(apart, default=None),
        farthest_factor=max(apart, default=None),
        protocol_asked=None if protocol == asked else asked,
    )


def _factor(one: int, other: int) -> float:
    """By how many times the larger of two numbers is the larger."""
    return max(one, other) / min(one, other)
