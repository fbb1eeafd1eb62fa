"""The contract with a training: what it is given, what it gives back, and what a session asks for.

A training is a function `train(run)` that yields a `Measurement` at each of its validation points, or a command that
writes one JSON line there. Where it was started before in its folder it goes on from what it saved. A step that it
measures a second time is passed over, so it may go back; it may not go past a validation point without measuring it.
So it measures first and saves then; or it saves first and, when started again, measures what it finds saved. It may be
ended at any time, also while it saves: it saves under another name and renames.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seedbench.errors import LiveError
from seedbench.trialset import LARGEST_SCORE

NOTHING_MEASURED = "ended before it measured anything"
LARGEST_STEP = 2**31 - 1  # a trial set has int32


@dataclass(frozen=True)
class Measurement:
    """What a training measured at a validation point; numbers of NumPy and torch become Python's.

    Attributes:
        step: training steps done; ascending.
        score: higher is better. A training whose score is not finite has failed.
        validation_loss: nats; NaN where it is not measured, or not finite.
        train_loss: nats, mean since the measurement before; likewise.
        saved: where the weights of this step are, for whoever looks for them in the end; None: nowhere.

    Raises:
        LiveError: one of them is something else.
    """

    step: int
    score: float
    validation_loss: float = math.nan
    train_loss: float = math.nan
    saved: str | None = None

    def __post_init__(self) -> None:
        step = _plain(self.step)
        if isinstance(step, float) and step.is_integer():
            step = int(step)
        if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step <= LARGEST_STEP:
            raise _refusal("step", step, f"a whole number from 0 to {LARGEST_STEP:,}")
        saved = os.fspath(self.saved) if isinstance(self.saved, os.PathLike) else self.saved
        if not isinstance(saved, str | None):
            raise _refusal("saved", saved, "a path")
        losses = (_number(name, getattr(self, name)) for name in ("validation_loss", "train_loss"))
        known = (loss if math.isfinite(loss) else math.nan for loss in losses)
        for name, value in zip(self.__match_args__, (step, _number("score", self.score), *known, saved), strict=True):
            object.__setattr__(self, name, value)


def _plain(value: Any) -> Any:
    """A number of NumPy or torch as Python's."""
    return value.item() if getattr(value, "ndim", None) == 0 else value


def _number(name: str, value: Any) -> float:
    value = math.nan if value is None else _plain(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _refusal(name, value, "a number")
    try:
        return float(value)
    except OverflowError:  # of an integer
        return math.inf


def _refusal(name: str, value: Any, rule: str) -> LiveError:
    return LiveError(f"{name} {json.dumps(value, default=repr)[:40]}; it must be {rule}")


@dataclass(frozen=True)
class Ended:
    """A training that ended by itself before this validation point: its last measurement stands from there on."""


@dataclass(frozen=True)
class Failed:
    """A training that failed for good; `reason` is one line.

    Raises:
        LiveError: the reason is no text.
    """

    reason: str

    def __post_init__(self) -> None:
        if not isinstance(self.reason, str):
            raise _refusal("failed", self.reason, "why, in words")


Outcome = Measurement | Ended | Failed
"""What becomes of a request."""


@dataclass(frozen=True)
class Run:
    """What a training is given.

    Attributes:
        weight_init_seed: for whatever the pretrained checkpoint does not bring, such as a classifier's head.
        data_order_seed: for the order of the training examples.
        folder: its own, which is there; it may keep in it what it likes.
        last: the last measurement that it made in this folder; None: it is new. It goes on from what it saved.
    """

    weight_init_seed: int
    data_order_seed: int
    folder: Path
    last: Measurement | None = None


@dataclass(frozen=True)
class Request:
    """What a session asks for: that a trial is trained to a validation point and measured there.

    Attributes:
        trial: its number, from 1, in the order in which trials were first asked for.
        weight_init_seed: the real seed.
        data_order_seed: likewise.
        folder: of this trial alone; it need not be there.
        checkpoint: which validation point, from 0 as `Checkpoint.index`; all before it are measured.
        until: the last one that is going to be asked for whatever comes out of this one: it may be trained at once.
        measured: what was told of those before it, in order.
    """

    trial: int
    weight_init_seed: int
    data_order_seed: int
    folder: Path
    checkpoint: int
    until: int = field(default=-1, compare=False)
    measured: tuple[Measurement, ...] = field(default=(), compare=False, repr=False)


def outcome_of(measured: Measurement) -> Measurement | Failed:
    """A measurement, or the failure that a score is which is no number."""
    if math.isfinite(measured.score) and abs(measured.score) <= LARGEST_SCORE:
        return measured
    return Failed(f"score {measured.score} at step {measured.step}")
