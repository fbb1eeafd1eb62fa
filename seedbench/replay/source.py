"""A recorded table as the source of campaigns: hidden labels, the random order, and what each checkpoint measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import index as to_index

import numpy as np

from seedbench.campaign import AXES, Measurements, PastArrays, PastTable, check_label, past_tables
from seedbench.errors import PoolExhausted, UnknownCell
from seedbench.replay.replicates import Replicates
from seedbench.replay.transfer import ShownTables


class RecordedSource:
    """One campaign's source; see `seedbench.campaign.Source`."""

    __slots__ = ("grid", "majority_score", "start", "steps", "unstarted")
    grid: tuple[int, int]
    steps: Sequence[int]
    unstarted: int
    majority_score: float
    start: Callable[[int | None, int | None], tuple[int, int, Callable[[], Measurements]]]


class RecordedTrials:
    """The trials of one replicate, as every strategy meets them.

    Args:
        batch: prepared replicates.
        replicate: one of them.
        keep: bool [trials], or None for all. The others are not there: the order skips them, and a row or column of the
            grid that they leave empty is gone, so that the labels of those that stay close up in their old order.
        curves: a dict to share among the variants of one replicate, so that a trial's curve is made only once.
        history: what campaigns are shown of other tables; None on the cold track.
        past: the same, where it was put together before.

    Attributes:
        table: name of the table.
        replicate: its number.
        seed: of the evaluation.
    """

    def __init__(
        self,
        batch: Replicates,
        replicate: int,
        keep: np.ndarray | None = None,
        curves: dict[int, list[Measurements]] | None = None,
        history: ShownTables | None = None,
        past: tuple[PastArrays, ...] | None = None,
    ) -> None:
        at = batch.replicates.index(replicate)
        table = batch.table
        kept = np.ones(table.num_trials, dtype=bool) if keep is None else keep
        order = batch.order[at]
        order = order[kept[order]]
        self.table, self.replicate, self.seed = table.name, replicate, batch.seed
        row_label = _closed_up(batch.row_label[at], table.row[kept])
        column_label = _closed_up(batch.column_label[at], table.column[kept])
        self._grid = (int(row_label.max(initial=-1)) + 1, int(column_label.max(initial=-1)) + 1)
        self._labels = list(zip(row_label[table.row].tolist(), column_label[table.column].tolist(), strict=True))
        self._order: list[int] = order.tolist()
        self._by_cell = {self._labels[trial]: trial for trial in self._order}
        self._steps: list[int] = table.step.tolist()
        self._majority_score = float(batch.majority_score[at])
        # Flat views, of which a trial's values are a slice; only those of started trials are ever made into numbers.
        self._curves = {} if curves is None else curves
        self._score = np.ascontiguousarray(batch.validation_score[at]).reshape(-1).data
        self._loss = np.ascontiguousarray(batch.validation_loss[at]).reshape(-1).data
        self._train_loss = np.ascontiguousarray(table.train_loss).reshape(-1).data
        self._test_score = batch.test_score[at]
        self._shown, self._axis_labels, self._past = history, (row_label, column_label), past
        self._past_tables: tuple[PastTable, ...] | None = None

    def trial(self, weight_init_seed: int, data_order_seed: int) -> int:
        """The trial with these labels: its index in the table."""
        return self._by_cell[weight_init_seed, data_order_seed]

    def past(self) -> tuple[PastArrays, ...]:
        """What campaigns are shown of other tables, as arrays; empty on the cold track."""
        if self._past is None:
            self._past = self._shown.past(self.seed, self.replicate, *self._axis_labels) if self._shown else ()
        return self._past

    def history(self) -> tuple[PastTable, ...]:
        """The same as objects, which all campaigns share."""
        if self._past_tables is None:
            self._past_tables = past_tables(self.past())
        return self._past_tables

    def test_scores(self) -> dict[tuple[int, int], list[float]]:
        """By the labels of each trial, the test scores of its checkpoints: for oracles."""
        return {labels: self._test_score[trial].tolist() for labels, trial in self._by_cell.items()}

    def read_ahead(self) -> None:
        """Makes all curves now: else a start takes longer for a trial that no campaign has started before."""
        for trial in self._order:
            if trial not in self._curves:
                self._curves[trial] = self._curve(trial)

    def _curve(self, trial: int) -> list[Measurements]:
        """What is measured at each checkpoint of a trial."""
        low, high = trial * len(self._steps), (trial + 1) * len(self._steps)
        return list(zip(self._score[low:high], self._loss[low:high], self._train_loss[low:high], strict=True))

    def source(self) -> RecordedSource:
        """A source for one campaign, of which nothing is started yet."""
        order, labels, by_cell, curves = self._order, self._labels, self._by_cell, self._curves
        started = bytearray(len(labels))
        everywhere = iter(order)
        lines: dict[tuple[int, int], Iterator[int]] = {}

        def pick(wanted: tuple[int | None, int | None]) -> int:
            for axis, label in enumerate(wanted):
                if label is not None:
                    check_label(axis, label, self._grid[axis])
            if None not in wanted:
                if wanted not in by_cell:
                    raise UnknownCell(f"the trial of {AXES[0]} {wanted[0]}, {AXES[1]} {wanted[1]} is missing here")
                return by_cell[wanted]  # type: ignore[index]
            axis = 0 if wanted[0] is not None else 1
            line = (axis, to_index(wanted[axis]))  # type: ignore[arg-type]
            if line not in lines:
                lines[line] = (trial for trial in order if labels[trial][axis] == line[1])
            for trial in lines[line]:
                if not started[trial]:
                    return trial
            raise PoolExhausted(f"every trial of {AXES[axis]} {line[1]} is started")

        def start(
            weight_init_seed: int | None, data_order_seed: int | None
        ) -> tuple[int, int, Callable[[], Measurements]]:
            if weight_init_seed is None and data_order_seed is None:
                for trial in everywhere:
                    if not started[trial]:
                        break
                else:
                    raise PoolExhausted("every trial is started; check campaign.unstarted before campaign.start()")
            else:
                trial = pick((weight_init_seed, data_order_seed))
            started[trial] = True
            curve = curves.get(trial)
            if curve is None:
                curve = curves[trial] = self._curve(trial)
            row, column = labels[trial]
            return row, column, iter(curve).__next__

        source = RecordedSource()
        source.grid = self._grid
        source.steps = self._steps
        source.unstarted = len(order)
        source.majority_score = self._majority_score
        source.start = start
        return source


def _closed_up(label: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Labels [size] of a grid's lines, and the lines in use -> the labels' ranks among those, -1 for the others."""
    is_used = np.zeros(len(label), dtype=bool)
    is_used[used] = True
    lines = np.argsort(label)
    lines = lines[is_used[lines]]
    ranks = np.full(len(label), -1, dtype=np.int64)
    ranks[lines] = np.arange(len(lines))
    return ranks
