"""The transfer track: which tables a campaign is shown of other tasks, and what their seeds are called there.

A campaign on a table is shown every table of the same model and another task, whole: its scores on its whole dev set,
which no campaign on the first table is scored on. Tables of the same task under another recipe are not shown, since
they share the dev set. Hidden randomness is that of the cold track, and one stream more: what the seeds are called
that only other tables have. So a strategy that does not look at history runs the same campaign on both tracks.

What it does not guarantee: that nobody knows the seeds. Complete records tell by their scores which trials they are to
whoever has them, and so which real seed a label stands for; of published tables the rest can be looked up. Results on
this track are sound for strategies that were not made from these very tables, and in a contest on tables kept back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from seedbench.campaign import PastArrays
from seedbench.errors import SelectionError
from seedbench.randomness import stream
from seedbench.trialset import TrialTable

#: `cold`: a strategy meets a table with nothing but its budget. `transfer`: it has seen the model's other tasks.
TRACKS = ("cold", "transfer")


class _Axis(NamedTuple):
    """One axis of the grid: the seeds of the campaign's own table, then those that only other tables have.

    Attributes:
        used: bool [seeds], by the trials kept of the other tables.
        trials: of each other table int64 [kept trials], the index of its trials' seeds.
    """

    used: np.ndarray
    trials: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class ShownTables:
    """The tables that campaigns on one table are shown.

    Attributes:
        own: the table that the campaigns are on.
        tables: the others, in the order in which they are shown, without predictions.
        keeps: of each, bool [trials], those that are shown; a table without any is left out.
    """

    own: TrialTable
    tables: tuple[TrialTable, ...]
    keeps: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, own: TrialTable, tables: Sequence[TrialTable]) -> ShownTables:
        """Of these tables, those of the same model and another task: first those with its recipe, each by name.

        Raises:
            SelectionError: there is none.
        """
        others = [other for other in tables if other.model == own.model and other.task != own.task]
        if not others:
            raise SelectionError(
                f"the transfer track needs a second task of the same model: {own.model} has trials of {own.task} alone "
                "here; take another trial set, leave that model out, or use the cold track"
            )
        others.sort(key=lambda other: (other.recipe != own.recipe, other.task, other.recipe))
        bare = tuple(replace(other, predicted_label=None, example_loss=None) for other in others)
        return cls(own, bare, tuple(np.ones(other.num_trials, dtype=bool) for other in bare))

    def keeping(self, keeps: Sequence[np.ndarray]) -> ShownTables:
        """The same with these trials only, bool [trials] of each table."""
        return replace(self, keeps=tuple(keeps))

    @property
    def whole(self) -> bool:
        """Whether every trial is shown."""
        return all(keep.all() for keep in self.keeps)

    @cached_property
    def _axes(self) -> tuple[_Axis, _Axis]:
        axes = []
        for name, place in (("weight_init_seeds", "row"), ("data_order_seeds", "column")):
            mine = getattr(self.own, name)
            theirs = np.unique(np.concatenate([getattr(table, name) for table in self.tables]))
            seeds = np.concatenate([mine, theirs[~np.isin(theirs, mine)]])
            ascending = np.argsort(seeds)
            used, trials = np.zeros(len(seeds), dtype=bool), []
            for table, keep in zip(self.tables, self.keeps, strict=True):
                places = ascending[np.searchsorted(seeds, getattr(table, name), sorter=ascending)]
                trials.append(places[getattr(table, place)[keep]])
                used[trials[-1]] = True
            axes.append(_Axis(used, tuple(trials)))
        return axes[0], axes[1]

    def past(
        self, seed: int, replicate: int, row_label: np.ndarray, column_label: np.ndarray
    ) -> tuple[PastArrays, ...]:
        """What campaigns of one replicate are shown.

        Args:
            seed: of the evaluation.
            replicate: its number.
            row_label: int64 [rows], labels of the own table's weight-init seeds, from 0; -1 for those not in the grid.
            column_label: int64 [columns], likewise.
        """
        rng = stream(seed, self.own.name, replicate, "history labels")
        labels = [_labels_of(axis, own, rng) for axis, own in zip(self._axes, (row_label, column_label), strict=True)]
        shown = []
        for number, (table, keep) in enumerate(zip(self.tables, self.keeps, strict=True)):
            if not keep.any():
                continue
            row, column = (label[axis.trials[number]] for label, axis in zip(labels, self._axes, strict=True))
            order = np.lexsort((column, row))  # by label: the order of the real seeds does not show
            trials = np.flatnonzero(keep)[order]
            shown.append(
                PastArrays(
                    task=table.task,
                    recipe=table.recipe,
                    same_recipe=table.recipe == self.own.recipe,
                    majority_score=table.majority_score,
                    step=table.step.copy(),
                    weight_init_seed=row[order],
                    data_order_seed=column[order],
                    score=table.score[trials],
                    validation_loss=table.validation_loss[trials].astype(np.float64),
                    train_loss=table.train_loss[trials].astype(np.float64),
                )
            )
        return tuple(shown)


def _labels_of(axis: _Axis, own: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels [seeds] of an axis: those of the own grid, and from its size on, in random order, of all others in use."""
    labels = np.concatenate([own, np.full(len(axis.used) - len(own), -1)])
    order = rng.permutation(len(labels))  # of all seeds, so that deletions do not change it
    beyond = order[(labels[order] < 0) & axis.used[order]]
    labels[beyond] = own.max(initial=-1) + 1 + np.arange(len(beyond))
    return labels
