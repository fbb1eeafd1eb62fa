"""A trial of a live campaign, as far as it is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from seedbench.campaign import Labels
from seedbench.live.contract import Ended, Failed, Measurement


@dataclass(eq=False)
class LiveTrial:
    """A trial that was asked for.

    Attributes:
        number: from 1, in the order in which they were first asked for.
        weight_init_seed: the real seed.
        data_order_seed: likewise.
        labels: what the strategy knows them as.
        measured: at its validation points, as far as it was trained.
        end: how it ended before its last validation point, if it did.
        paid: validation points that the strategy has seen; after an early end its last measurement is repeated.
        seconds: from asking to telling, of all its requests, where that was measured.
        wanted: validation points that were asked for so far.
    """

    number: int
    weight_init_seed: int
    data_order_seed: int
    labels: Labels
    measured: list[Measurement] = field(default_factory=list)
    end: Ended | Failed | None = None
    paid: int = 0
    seconds: float = 0.0
    wanted: int = 0

    def has(self, checkpoint: int) -> bool:
        """Whether it is known what a strategy sees at a validation point."""
        return checkpoint < len(self.measured) or self.end is not None

    @property
    def seen(self) -> list[Measurement]:
        """Its own measurements among what the strategy has paid for."""
        return self.measured[: self.paid]


class Kept(NamedTuple):
    """What a strategy kept: a trial, which of its validation points, and what was measured there (None: nothing)."""

    trial: LiveTrial
    checkpoint: int
    measurement: Measurement | None
