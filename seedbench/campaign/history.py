"""`campaign.history`: what strategies see of the other tasks' trial tables on the transfer track.

The records are complete, and shared by all campaigns of a replicate: hence read-only. Their objects are made when they
are first looked at, so a strategy that does not look at history does not pay for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn

import numpy as np

from seedbench.campaign.objects import Checkpoint, Trial
from seedbench.errors import TrialComplete
from seedbench.metrics import best_checkpoint

_set = object.__setattr__  # for objects that refuse it


@dataclass(frozen=True, eq=False)
class PastArrays:
    """What history shows of one trial table, as arrays that can be sent to another process; labels, no real seeds.

    Attributes:
        task: of the table.
        recipe: of the table.
        same_recipe: whether all fields of its recipe are those of the table that the campaign is on.
        majority_score: of always predicting the task's most frequent label; NaN where the labels are unknown.
        step: int64 [checkpoints], training steps done.
        weight_init_seed: int64 [trials], labels, ascending.
        data_order_seed: int64 [trials], labels, ascending within a weight-init seed.
        score: float64 [trials, checkpoints], on the whole dev set.
        validation_loss: float64 [trials, checkpoints], nats, as `shown_loss` gives it; NaN where not recorded.
        train_loss: float64 [trials, checkpoints], nats, mean since the checkpoint before; likewise.
        ended_at: int32 [trials], number of a trial's own checkpoints; after them its last measurement is repeated.
    """

    task: str
    recipe: str
    same_recipe: bool
    majority_score: float
    step: np.ndarray
    weight_init_seed: np.ndarray
    data_order_seed: np.ndarray
    score: np.ndarray
    validation_loss: np.ndarray
    train_loss: np.ndarray
    ended_at: np.ndarray

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    @cached_property
    def best(self) -> tuple[int, ...]:
        """Of each trial the index of its best checkpoint, the earliest among ties."""
        return tuple(best_checkpoint(self.score).tolist())


@dataclass(frozen=True, eq=False)
class PastTable:
    """Trials of another task's trial table, those of the seeds in the campaign's grid, all complete. Read-only.

    Attributes:
        task: of that table; its scores are in this task's own metric.
        recipe: of that table.
        same_recipe: whether all fields of this recipe are those of the campaign's own table.
        grid: numbers of weight-init and of data-order seeds that are shown of it; labels need not count from 0.
        majority_score: score of always predicting that task's most frequent label; NaN where unknown.
        checkpoints_per_trial: validation points of each of its trials.
    """

    task: str
    recipe: str
    same_recipe: bool
    grid: tuple[int, int]
    majority_score: float
    checkpoints_per_trial: int
    _past: PastArrays = field(repr=False)

    @cached_property
    def trials(self) -> tuple[Trial, ...]:
        """All its trials, by weight-init seed, then by data-order seed; scores and losses are of the whole dev set.

        A label means the same seed in every record and in the campaign's own grid.
        """
        seeds = zip(self._past.weight_init_seed.tolist(), self._past.data_order_seed.tolist(), strict=True)
        return tuple(PastTrial(self._past, number, *labels) for number, labels in enumerate(seeds))


class PastTrial(Trial):
    """A trial of another task: complete and read-only."""

    __slots__ = ("_all", "_made", "_number", "_past")
    _past: PastArrays
    _number: int  # of the trial in it
    _made: dict[int, PastCheckpoint]  # checkpoints that were asked for, by index
    _all: tuple[Checkpoint, ...]
    complete = True

    def __init__(self, past: PastArrays, number: int, weight_init_seed: int, data_order_seed: int) -> None:
        _set(self, "weight_init_seed", weight_init_seed)
        _set(self, "data_order_seed", data_order_seed)
        _set(self, "_past", past)
        _set(self, "_number", number)
        _set(self, "_made", {})
        _set(self, "_all", ())

    @property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """All of them, in order."""
        if not self._all:
            _set(self, "_all", tuple(self._checkpoint(index) for index in range(len(self._past.step))))
        return self._all

    @property
    def best(self) -> Checkpoint:
        """The checkpoint with the highest score, the earliest among ties."""
        return self._checkpoint(self._past.best[self._number])

    def advance(self) -> NoReturn:
        """Raises `TrialComplete`."""
        raise TrialComplete(f"{self!r} is of campaign.history: recorded, complete, and not for training")

    def _checkpoint(self, index: int) -> Checkpoint:
        """The same object whenever it is asked for."""
        made = self._made.get(index)
        if made is None:
            past, number = self._past, self._number
            made = self._made[index] = PastCheckpoint()
            _set(made, "trial", self)
            _set(made, "index", index)
            _set(made, "step", past.step.item(index))
            _set(made, "fraction", past.step.item(index) / past.step.item(-1))
            _set(made, "score", past.score.item(number, index))
            _set(made, "validation_loss", past.validation_loss.item(number, index))
            _set(made, "train_loss", past.train_loss.item(number, index))
            _set(made, "repeated", index >= past.ended_at.item(number))
        return made

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _refuse_change(name)


class PastCheckpoint(Checkpoint):
    """A validation point of a trial of another task: read-only."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        _refuse_change(name)


def past_tables(tables: Iterable[PastArrays]) -> tuple[PastTable, ...]:
    """`campaign.history` of these tables, in their order."""
    return tuple(
        PastTable(
            task=past.task,
            recipe=past.recipe,
            same_recipe=past.same_recipe,
            grid=(len(np.unique(past.weight_init_seed)), len(np.unique(past.data_order_seed))),
            majority_score=past.majority_score,
            checkpoints_per_trial=len(past.step),
            _past=past,
        )
        for past in tables
    )


def _refuse_change(name: str) -> NoReturn:
    raise AttributeError(f"campaign.history is read-only: {name!r} cannot be set")
