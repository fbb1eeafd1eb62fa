"""Campaigns small enough to follow on paper: trials with given scores, and what a shipped strategy does with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from seedbench.campaign import Measurements, TaskFacts, open_campaign
from seedbench.errors import BudgetSpent, PoolExhausted, UnknownCell
from seedbench.strategy import load_strategy


class Curves:
    """Trials with given scores, in the order in which they are started; `log` holds the number of each trial advanced.

    Args:
        curves: scores of each trial; None where the grid's cell is empty.
        steps: training steps at each checkpoint.
        majority: `campaign.majority_score`.
        columns: of the grid, which the trials fill row by row.
        losses: validation losses of each trial; None: 0.5 throughout.
        dev_examples: `campaign.dev_examples`.
    """

    def __init__(
        self,
        curves: Sequence[Sequence[float] | None],
        steps: Sequence[int] | None = None,
        majority: float = 0.0,
        columns: int = 1,
        losses: Sequence[Sequence[float]] | None = None,
        dev_examples: int | None = None,
    ) -> None:
        self.curves, self.columns = curves, columns
        self.losses = losses
        self.task = TaskFacts(majority, dev_examples=dev_examples)
        self.grid = (-(-len(curves) // columns), columns)
        self.steps = steps or list(range(1, len(next(filter(None, curves))) + 1))
        self.waiting = [number for number, curve in enumerate(curves) if curve is not None]
        self.unstarted = len(self.waiting)
        self.log: list[int] = []

    def start(self, weight_init_seed: int | None, data_order_seed: int | None):
        wanted = (weight_init_seed, data_order_seed)
        fitting = [n for n in self.waiting if all(w in (None, at) for w, at in zip(wanted, self.cell(n), strict=True))]
        if not fitting:
            raise PoolExhausted if None in wanted else UnknownCell
        number = fitting[0]
        self.waiting.remove(number)
        losses = self.losses[number] if self.losses else repeat(0.5)
        return *self.cell(number), self.training_of(number, zip(self.curves[number] or (), losses, strict=False))

    def training_of(self, number: int, points: Iterable[tuple[float, float]]) -> Iterator[Measurements]:
        for score, loss in points:
            self.log.append(number)
            yield Measurements(score, loss, 0.5)

    def cell(self, number: int) -> tuple[int, int]:
        return divmod(number, self.columns)


class Kept(NamedTuple):
    """What a campaign kept, and what it spent; see `Settlement`."""

    weight_init_seed: int
    data_order_seed: int
    checkpoint: int
    steps_spent: int
    trials_started: int


def run(
    strategy: str | Callable[..., Any], source: Curves, budget: int, history: Any = lambda: (), seed: int = 0
) -> Kept:
    """Runs a campaign to its end."""
    opened = open_campaign(source, budget, rng=lambda: np.random.default_rng(seed), history=history)
    try:
        kept = load_strategy(strategy).build()(opened.campaign)
    except (BudgetSpent, PoolExhausted):
        kept = None
    return Kept(*opened.settle(kept)[:5])


def made(name: str, **parameters: Any) -> Callable[..., Any]:
    """A shipped strategy with other parameters."""
    return type(load_strategy(name).build())(**parameters)


def trained(source: Curves) -> list[int]:
    """Checkpoints paid for, per trial, in the order of starting."""
    return [source.log.count(number) for number in range(max(source.log) + 1)]


def started(source: Curves) -> list[int]:
    """The trials in the order in which their first checkpoint was paid for."""
    return list(dict.fromkeys(source.log))
