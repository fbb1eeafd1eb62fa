"""The transfer track: which tables a campaign is shown of other tasks, and what their seeds are called there.

A campaign on a table is shown the tables of the same model and another task: their complete records but for the test
scores, of the trials whose two seeds are in its own pool. Tables of the same task under another recipe are not shown,
since they share the dev set and the test set. Labels are those of the campaign's own pool, so hidden randomness is that
of the cold track: a strategy that does not look at history runs the same campaign on both.

What it does not guarantee: that nobody knows the seeds. Complete records tell by their scores which trials they are to
whoever has them, and so which real seed a label stands for; of published tables the rest can be looked up. Results on
this track are sound for strategies that were not made from these very tables, and in a contest on tables kept back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from seedbench.campaign import PastArrays, shown_loss
from seedbench.errors import SelectionError
from seedbench.trialset import TrialTable

#: `cold`: a strategy meets a table with nothing but its budget. `transfer`: it has seen the model's other tasks.
TRACKS = ("cold", "transfer")


@dataclass(frozen=True, eq=False)
class ShownTables:
    """The tables that campaigns on one table are shown.

    Attributes:
        own: the table that the campaigns are on.
        tables: the others, in the order in which they are shown, without test scores and predictions.
    """

    own: TrialTable
    tables: tuple[TrialTable, ...]

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
        others.sort(key=lambda other: (other.fields != own.fields, other.task, other.recipe))
        return cls(own, tuple(map(without_secrets, others)))

    def past(self, rows: np.ndarray, columns: np.ndarray) -> tuple[PastArrays, ...]:
        """What campaigns on one pool are shown; a table that shares no trial's seeds with it is left out.

        Args:
            rows: int64 [rows], the rows of the own table's pool by label.
            columns: int64 [columns], likewise.
        """
        own = [
            {seeds[place]: label for label, place in enumerate(places.tolist())}
            for seeds, places in zip(self.own.seed_keys, (rows, columns), strict=True)
        ]
        shown = []
        for table in self.tables:
            row, column = (
                np.array([labels.get(seed, -1) for seed in seeds], dtype=np.int64)[place]
                for labels, seeds, place in zip(own, table.seed_keys, (table.row, table.column), strict=True)
            )
            trials = np.flatnonzero((row >= 0) & (column >= 0))
            if not trials.size:
                continue
            trials = trials[np.lexsort((column[trials], row[trials]))]  # by label: real seeds' order does not show
            shown.append(
                PastArrays(
                    task=table.task,
                    recipe=table.recipe,
                    same_recipe=table.fields == self.own.fields,
                    majority_score=table.majority_score,
                    step=table.step.copy(),
                    weight_init_seed=row[trials],
                    data_order_seed=column[trials],
                    score=table.score[trials],
                    validation_loss=shown_loss(table.validation_loss[trials]),
                    train_loss=shown_loss(table.train_loss[trials]),
                    ended_at=table.ended_at[trials],
                )
            )
        return tuple(shown)


def without_secrets(table: TrialTable) -> TrialTable:
    """A table without what no strategy may find: test scores, predictions."""
    return replace(
        table,
        test_score=None,
        test_loss=None,
        predicted_label=None,
        test_predicted_label=None,
        test_label=None,
    )
