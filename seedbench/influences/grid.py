"""A trial table as the intervals see it: one pair of scores a trial, on a grid of seeds; its sub-grids."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

#: Random sub-grids whose best-of-n is averaged.
SUBGRIDS = 20_000
#: An axis with fewer seeds, but more than one, says too little about other seeds.
FEWEST_SEEDS = 5


class NoInterval(StrEnum):
    """Why a table has no intervals."""

    FEW_ROWS = "few_rows"
    FEW_COLUMNS = "few_columns"
    ONE_TRIAL = "one_trial"


@dataclass(frozen=True, eq=False)
class TrialGrid:
    """The trials of a table; make one with `trial_grid`.

    Attributes:
        row: int [trials], 0 ... rows - 1, each of which has a trial.
        column: int [trials], 0 ... columns - 1, likewise.
        validation: [trials], each trial's best validation score.
        test: [trials], the test score of that checkpoint.
        rows: number of weight-init seeds; of all seeds in a design with one seed a run.
        columns: number of data-order seeds; 1 on a diagonal, where the row stands for both seeds.
        diagonal: whether every trial has a row and a column of its own.
    """

    row: Ints
    column: Ints
    validation: Floats
    test: Floats
    rows: int
    columns: int
    diagonal: bool

    @property
    def one_seed(self) -> bool:
        """Whether one seed a run varies: the seed is the unit, and there is no second axis."""
        return min(self.rows, self.columns) == 1

    @property
    def seed_of_one(self) -> Ints:
        """int [trials], along the axis that varies in a design with one seed a run."""
        return self.column if self.rows == 1 else self.row

    @property
    def axis_held_fixed(self) -> bool:
        """Whether all runs share one seed of an axis, of whose other seeds an interval then says nothing."""
        return self.one_seed and not self.diagonal

    @property
    def no_interval(self) -> NoInterval | None:
        """Why there are no intervals, or None where there are."""
        if self.rows == self.columns == 1:
            return NoInterval.ONE_TRIAL
        if 1 < self.rows < FEWEST_SEEDS:
            return NoInterval.FEW_ROWS
        return NoInterval.FEW_COLUMNS if 1 < self.columns < FEWEST_SEEDS else None


def trial_grid(row: ArrayLike, column: ArrayLike, validation: ArrayLike, test: ArrayLike) -> TrialGrid:
    """Seeds [trials], [trials], of any numbers, and scores [trials], [trials] -> `TrialGrid`.

    Raises:
        ValueError: there is no trial, two share a cell, or a score is not finite.
    """
    rows, row = np.unique(np.asarray(row), return_inverse=True)
    columns, column = np.unique(np.asarray(column), return_inverse=True)
    validation, test = np.asarray(validation, dtype=np.float64), np.asarray(test, dtype=np.float64)
    if not row.size or len(np.unique(row * len(columns) + column)) < row.size:
        raise ValueError(f"a grid needs trials, one a cell; found {row.size} in {len(rows)} x {len(columns)} cells")
    if not (np.isfinite(validation).all() and np.isfinite(test).all()):
        raise ValueError("scores must be finite")
    diagonal = len(rows) == len(columns) == row.size > 1
    if diagonal:
        columns, column = columns[:1], np.zeros_like(row)
    return TrialGrid(row, column, validation, test, len(rows), len(columns), diagonal)


def subgrid_size(seeds: int) -> int:
    """Seeds of an axis -> how many of them a campaign's pool has.

    Three quarters, but no more than 12 unless half of them are more: cells enough for large budgets, and as many seeds
    absent as can be, since it is their absence that tells what they are worth. Of two or three seeds one is absent; one
    alone stays.
    """
    if seeds == 1:
        return 1
    return min(max(min(-(-3 * seeds // 4), 12), -(-seeds // 2)), seeds - 1)


@dataclass(frozen=True, eq=False)
class SubGrids:
    """Random sub-grids.

    Attributes:
        rows: bool [sub-grids, rows], whether a row is in it.
        columns: bool [sub-grids, columns], likewise.
    """

    rows: Bools
    columns: Bools


def draw_subgrids(grid: TrialGrid, *, rng: np.random.Generator, number: int = SUBGRIDS) -> SubGrids:
    """Sub-grids of a campaign's size, rows and columns drawn without replacement and independently.

    Args:
        grid: whose.
        rng: a stream keyed by the table alone, so that its scores depend on nothing else.
        number: how many.
    """
    return SubGrids(*(_choose(rng, number, seeds, subgrid_size(seeds)) for seeds in (grid.rows, grid.columns)))


def _choose(rng: np.random.Generator, number: int, seeds: int, chosen: int) -> Bools:
    """bool [number, seeds], `chosen` true in each."""
    found = np.zeros((number, seeds), dtype=bool)
    places = np.argsort(rng.random((number, seeds)), axis=1, kind="stable")[:, :chosen]
    np.put_along_axis(found, places, True, axis=1)
    return found


def pool_size(grid: TrialGrid, subgrids: SubGrids) -> int:
    """m: the fewest trials in any of the sub-grids; rows x columns of one where no cell is missing."""
    there = np.zeros((grid.rows, grid.columns))
    there[grid.row, grid.column] = 1
    return int(((subgrids.rows @ there) * subgrids.columns).sum(axis=1).min())
