"""A recorded table as the source of campaigns: hidden labels, the random order, and what each checkpoint measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import index as to_index
from typing import NamedTuple

import numpy as np

from seedbench.campaign import AXES, Measurements, PastArrays, PastTable, TaskFacts, check_label, past_tables
from seedbench.errors import PoolExhausted, UnknownCell
from seedbench.replay.replicates import Replicates
from seedbench.replay.transfer import ShownTables


class SeenSeeds(NamedTuple):
    """The rows [any number] and the columns of a table's grid that a campaign has seen, each once, in no order."""

    rows: np.ndarray
    columns: np.ndarray


class RecordedSource:
    """One campaign's source; see `seedbench.campaign.Source`.

    Attributes:
        seen: gives the seeds of every trial that was started and of every label that was asked for until now, also
            where there was no such trial: what the campaign can depend on. On the transfer track all of the pool.
    """

    __slots__ = ("grid", "seen", "start", "steps", "task", "unstarted")
    grid: tuple[int, int]
    steps: Sequence[int]
    unstarted: int
    task: TaskFacts
    start: Callable[[int | None, int | None], tuple[int, int, Iterator[Measurements]]]
    seen: Callable[[], SeenSeeds]


class RecordedTrials:
    """The trials of one replicate, as every strategy meets them.

    Args:
        batch: prepared replicates.
        replicate: one of them.
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
        history: ShownTables | None = None,
        past: tuple[PastArrays, ...] | None = None,
    ) -> None:
        at = batch.replicates.index(replicate)
        table = batch.table
        self.table, self.replicate, self.seed = table.name, replicate, batch.seed
        self._batch, self._rows, self._columns = batch, batch.rows[at], batch.columns[at]
        self._order: list[int] = batch.order[at].tolist()
        row_label, column_label = (
            _labels(seeds, size)[place[batch.order[at]]].tolist()
            for seeds, size, place in zip(
                (self._rows, self._columns), table.grid, (table.row, table.column), strict=True
            )
        )
        self._labels = dict(zip(self._order, zip(row_label, column_label, strict=True), strict=True))
        self._by_cell = {labels: trial for trial, labels in self._labels.items()}
        self._steps: list[int] = table.step.tolist()
        self._task = TaskFacts(table.majority_score, table.metric, table.dev_examples, table.labels)
        self._shown, self._past = history, past
        self._past_tables: tuple[PastTable, ...] | None = None

    def trial(self, weight_init_seed: int, data_order_seed: int) -> int:
        """The trial with these labels: its index in the table."""
        return int(self._by_cell[weight_init_seed, data_order_seed])

    def past(self) -> tuple[PastArrays, ...]:
        """What campaigns are shown of other tables, as arrays; empty on the cold track."""
        if self._past is None:
            self._past = self._shown.past(self._rows, self._columns) if self._shown else ()
        return self._past

    def history(self) -> tuple[PastTable, ...]:
        """The same as objects, which all campaigns share."""
        if self._past_tables is None:
            self._past_tables = past_tables(self.past())
        return self._past_tables

    def test_scores(self) -> dict[tuple[int, int], list[float]]:
        """By the labels of each trial of the pool, the test scores of its checkpoints: for oracles."""
        return {labels: self._batch.test_score[trial].tolist() for labels, trial in self._by_cell.items()}

    def read_ahead(self) -> None:
        """Makes all curves now: else a start takes longer for a trial that no campaign has started before."""
        for trial in self._order:
            self._batch.curve(trial)

    def source(self) -> RecordedSource:
        """A source for one campaign, of which nothing is started yet."""
        order, labels, by_cell = self._order, self._labels, self._by_cell
        curves, curve_of = self._batch.curves, self._batch.curve
        grid = (len(self._rows), len(self._columns))
        started: dict[int, None] = {}
        asked: tuple[set[int], set[int]] = (set(), set())
        everywhere = iter(order)
        lines: dict[tuple[int, int], Iterator[int]] = {}

        def pick(wanted: tuple[int | None, int | None]) -> int:
            for axis, label in enumerate(wanted):
                if label is not None:
                    asked[axis].add(check_label(axis, label, grid[axis]))
            if None not in wanted:
                if wanted not in by_cell:
                    raise UnknownCell(f"the trial of {AXES[0]} {wanted[0]}, {AXES[1]} {wanted[1]} is missing here")
                return int(by_cell[wanted])
            axis = 0 if wanted[0] is not None else 1
            line = (axis, to_index(wanted[axis]))  # type: ignore[arg-type]
            if line not in lines:
                lines[line] = (trial for trial in order if labels[trial][axis] == line[1])
            for trial in lines[line]:
                if trial not in started:
                    return trial
            raise PoolExhausted(f"every trial of {AXES[axis]} {line[1]} is started")

        def start(weight_init_seed: int | None, data_order_seed: int | None) -> tuple[int, int, Iterator[Measurements]]:
            if weight_init_seed is None and data_order_seed is None:
                for trial in everywhere:
                    if trial not in started:
                        break
                else:
                    raise PoolExhausted("every trial is started; check campaign.unstarted before campaign.start()")
            else:
                trial = pick((weight_init_seed, data_order_seed))
            started[trial] = None
            row, column = labels[trial]
            return row, column, iter(curves.get(trial) or curve_of(trial))

        def seen() -> SeenSeeds:
            if self._shown is not None:
                return SeenSeeds(self._rows, self._columns)
            rows, columns = (asked[axis] | {labels[trial][axis] for trial in started} for axis in (0, 1))
            if self._batch.size.diagonal:  # a row and the column of its label are one seed
                rows = columns = rows | columns
            return SeenSeeds(self._rows[list(rows)], self._columns[list(columns)])

        source = RecordedSource()
        source.grid = grid
        source.steps = self._steps
        source.unstarted = len(order)
        source.task = self._task
        source.start = start
        source.seen = seen
        return source


def _labels(seeds: np.ndarray, size: int) -> np.ndarray:
    """The rows (columns) of a pool by label -> the label of each of the grid's [size]; -1 for those not in it."""
    label = np.full(size, -1, dtype=np.int64)
    label[seeds] = np.arange(len(seeds))
    return label
