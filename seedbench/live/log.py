"""A campaign's log: what it is, in the first line, and every outcome that it was told, in order, one JSON line each."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from seedbench.documents import Positive, from_json, plain
from seedbench.errors import LiveError
from seedbench.files import write_file
from seedbench.live.contract import Ended, Failed, Measurement, Outcome, Request
from seedbench.metrics import LIMITS
from seedbench.strategy import Strategy
from seedbench.trialset import LARGEST_SCORE, SCORE_NAME
from seedbench.trialset.schema import NEGATED, as_measured, sign_of

LARGEST_GRID = 1_000_000
UNNAMED = "model/task/recipe"  # what is trained, until somebody names it
_ADVICE = "not what a live campaign writes: remove it and start again"


@dataclass(frozen=True)
class Plan:
    """What a campaign is. With the outcomes that it was told, it says all that a strategy decided.

    Attributes:
        format: of the log.
        strategy: its name, parameters included.
        strategy_sha256: of its source; null where it has none.
        budget: in full trials.
        steps: at each validation point of a full trial, what has been paid for: training steps, or 1, 2, … K.
        grid: numbers of weight-init and of data-order seeds to choose from.
        seed: of the real seeds, their labels and order, and `campaign.rng`.
        name: of what is trained, `model/task/recipe`; hidden order and `campaign.rng` are keyed by it as well.
        metric: what the score is; with - in front, what it is the negative of: people are shown what was measured.
        majority_score, dev_examples, labels: what a strategy is told of the task; null where unknown.
        failed_score: what a failed trial is shown with; null: the lowest score shown so far.
        training: what trains, in words or as a command; null where it is not said.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    strategy: str
    strategy_sha256: str | None
    budget: Positive
    steps: tuple[Positive, ...]
    grid: tuple[Positive, Positive]
    seed: int
    name: str
    metric: str | None = None
    majority_score: float | None = None
    dev_examples: int | None = None
    labels: int | None = None
    failed_score: float | None = None
    training: str | None = None

    @property
    def title(self) -> str:
        """Which strategy on what, for headings."""
        return f"{self.strategy} on {'trials without a name' if self.name == UNNAMED else self.name}"

    @property
    def metric_name(self) -> str | None:
        """What is measured, without the sign; None where it is unknown."""
        return self.metric and self.metric.removeprefix(NEGATED)

    def as_measured(self, score: float) -> float:
        """A score -> what was measured: the same, or its negative."""
        return as_measured(score, sign_of(self.metric))


def make_plan(strategy: Strategy, *, checkpoints: int | Sequence[int], **options: Any) -> Plan:
    """What a campaign is, from the arguments of a `Session`.

    Raises:
        LiveError: an argument outside its range.
    """
    steps = tuple(range(1, checkpoints + 1)) if isinstance(checkpoints, int) else tuple(checkpoints)
    if any(not isinstance(step, int) for step in steps):
        raise LiveError(f"checkpoints {checkpoints!r}: must be a number from 1 on, or ascending training steps")
    if not steps or steps[0] < 1 or any(a >= b for a, b in zip(steps, steps[1:], strict=False)):
        raise LiveError(f"checkpoints {checkpoints!r}: must be a number from 1 on, or ascending training steps")
    plan = Plan(strategy=strategy.name, strategy_sha256=strategy.sha256, steps=steps, **options)
    for name in ("majority_score", "failed_score"):
        value = getattr(plan, name)
        if isinstance(value, float) and not abs(value) <= LARGEST_SCORE:
            raise LiveError(f"{name} {value}: must be a finite number")
    plan = from_json(json.dumps(plain(plan), default=repr), Plan, "session", error=LiveError)  # as it is read again
    low, high = LIMITS.get(plan.metric or "", (-math.inf, math.inf))
    if plan.majority_score is not None and not low <= plan.majority_score <= high:
        raise LiveError(
            f"majority_score {plan.majority_score:g}: must be from {low:g} to {high:g}, as {plan.metric} is"
        )
    if plan.metric is not None and not re.fullmatch(SCORE_NAME, plan.metric, re.ASCII):
        raise LiveError(f"metric {plan.metric!r}: must be letters, digits and _.+/:@=-, at most 80")
    rows, columns = plan.grid
    if rows < 1 or columns < 1 or rows * columns > LARGEST_GRID:
        raise LiveError(f"grid {rows}x{columns}: must have from 1 to {LARGEST_GRID:,} trials to choose from")
    if not 1 <= plan.budget <= rows * columns:
        raise LiveError(f"budget {plan.budget}: must be from 1 to {rows * columns}, the trials of the grid")
    if not re.fullmatch(r"[\w.+/=-]+/[a-z0-9]+/[\w.+=-]+", plan.name, re.ASCII):
        raise LiveError(
            f"name {plan.name!r}: must be model/task/recipe, the task of small letters and digits, as in bert/rte/mine"
        )
    return plan


@dataclass(frozen=True)
class Event:
    """An outcome that was told; either measured, or ended, or failed.

    Attributes:
        trial, checkpoint, weight_init_seed, data_order_seed: of the request.
        score, step, validation_loss, train_loss, saved: what was measured; losses are null where they are not finite.
        ended: whether the training ended by itself before.
        failed: why it failed.
        seconds: from asking to telling; null where nobody measured.
    """

    trial: int
    checkpoint: int
    weight_init_seed: int
    data_order_seed: int
    score: float | None = None
    step: int | None = None
    validation_loss: float | None = None
    train_loss: float | None = None
    saved: str | None = None
    ended: bool = False
    failed: str | None = None
    seconds: float | None = None

    @property
    def outcome(self) -> Outcome:
        """The outcome that was told."""
        if self.failed is not None:
            return Failed(self.failed)
        if self.ended or self.score is None or self.step is None:
            return Ended()
        validation_loss, train_loss = (
            math.nan if loss is None else loss for loss in (self.validation_loss, self.train_loss)
        )
        return Measurement(self.step, self.score, validation_loss, train_loss, self.saved)


def event(request: Request, outcome: Outcome, seconds: float | None) -> Event:
    """What became of a request."""
    told: dict[str, Any] = {"ended": True} if isinstance(outcome, Ended) else {}
    if isinstance(outcome, Failed):
        told = {"failed": outcome.reason}
    elif isinstance(outcome, Measurement):
        told = {name: value for name, value in asdict(outcome).items() if _finite(value)}
    seeds = request.weight_init_seed, request.data_order_seed
    return Event(request.trial, request.checkpoint, *seeds, **told, seconds=seconds)


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def line_of(event: Event) -> str:
    """An event as a line of the log; what is null is left out."""
    return json.dumps({name: value for name, value in asdict(event).items() if value is not None})


def write_log(path: Path, plan: Plan, events: list[Event]) -> None:
    """Writes a log whole or not at all."""
    lines = [json.dumps(plain(plan)), *map(line_of, events)]
    write_file(path, "".join(f"{line}\n" for line in lines), parents=True)


def read_log(path: Path) -> tuple[Plan, list[Event]]:
    """Reads a log; a last line that a killed process left half-written is as if it had never been.

    Raises:
        LiveError: it is no log.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LiveError(f"{path}: cannot be read: {error.strerror}") from None
    first, *lines = content.split(b"\n")[:-1] or [b""]
    plan = from_json(first, Plan, f"{path} line 1", error=LiveError, advice=_ADVICE)
    events = [
        from_json(line, Event, f"{path} line {number}", error=LiveError, advice=_ADVICE)
        for number, line in enumerate(lines, 2)
    ]
    return plan, events
