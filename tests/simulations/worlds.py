"""Simulated tables whose truth is known: kinds of worlds, and the hidden side of replicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seedbench.influences import TrialGrid, subgrid_size, trial_grid

#: cells: nothing but cells differ. rows: good and bad rows. mixed: rows, columns and cells. product: not additive, good
#: rows are good with some columns. failcell: 80% of cells end at the majority score. failrow: 60%, by rows. nosignal:
#: differences far below the noise of a dev set.
KINDS = ("cells", "rows", "mixed", "product", "failcell", "failrow", "nosignal")


@dataclass(frozen=True, eq=False)
class World:
    """A table in points, by cell: cell = row · columns + column.

    Attributes:
        rows: R.
        columns: C.
        validation: [R·C], -inf where a cell is missing.
        test: [R·C].
        early: [R·C], what a trial shows when little of it is trained; correlation .5 with its quality.
        middle: [R·C], and at half of it; .8.
        there: bool [R·C], whether a cell is not missing.
    """

    rows: int
    columns: int
    validation: np.ndarray
    test: np.ndarray
    early: np.ndarray
    middle: np.ndarray
    there: np.ndarray

    def grid(self) -> TrialGrid:
        cells = np.flatnonzero(self.there)
        return trial_grid(cells // self.columns, cells % self.columns, self.validation[cells], self.test[cells])


def family(
    rows: int,
    columns: int,
    *,
    shared: float,
    missing: float,
    grain: float,
    rng: np.random.Generator,
    kinds: Sequence[str] = KINDS,
) -> list[World]:
    """One world of each kind, all on the same seeds, as the tasks of one model are.

    Args:
        rows: R.
        columns: C; 1: every run has a data order of its own.
        shared: share of the variance of a seed's effect that it has in all of them.
        missing: share of cells that are.
        grain: of validation scores, in points; 0: none tie.
        rng: for everything.
    """
    normal = rng.standard_normal
    common_row, common_column = normal((rows, 1)), normal((1, columns))
    found = []
    for kind in kinds:
        row = np.sqrt(shared) * common_row + np.sqrt(1 - shared) * normal((rows, 1))
        column = np.sqrt(shared) * common_column + np.sqrt(1 - shared) * normal((1, columns))
        if columns == 1:
            column = normal((rows, 1))
        cell, noise, fails = normal((rows, columns)), (2.0, 1.4), np.zeros((rows, columns), dtype=bool)
        if kind == "cells":
            quality = 2.5 * cell
        elif kind == "rows":
            quality = 2.2 * row + 0.3 * column + cell
        elif kind == "mixed":
            quality = 1.5 * row + column + 1.5 * cell
        elif kind == "product":
            quality = row + 0.7 * column + 1.3 * row * column + cell
        elif kind == "nosignal":
            quality, noise = 0.1 * row + 0.1 * column + 0.3 * cell, (1.5, 1.2)
        else:
            by_cell = kind == "failcell"
            strength = 0.3 * row + 0.3 * column + 0.9 * cell if by_cell else 0.85 * row + 0.2 * column + 0.49 * cell
            fails = strength > (-0.84 if by_cell else -0.25)
            quality = np.where(fails, -12.3, 0.7 * row + 0.5 * column + 1.5 * normal((rows, columns)) - 1.0)
        quality = 65 + quality
        # Trials that end at the majority score all but agree.
        quiet = np.where(fails, 0.15, 1.0)
        validation, test = (quality + size * quiet * normal((rows, columns)) for size in noise)
        if grain:
            validation = np.round(validation / grain) * grain
        standard = (quality - quality.mean()) / quality.std()
        early, middle = (r * standard + np.sqrt(1 - r**2) * normal((rows, columns)) for r in (0.5, 0.8))
        there = rng.random((rows, columns)) >= missing
        validation = np.where(there, validation, -np.inf)
        found.append(World(rows, columns, *(x.ravel() for x in (validation, test, early, middle, there))))
    return found


@dataclass(frozen=True, eq=False)
class Hidden:
    """P replicates: pools, labels and orders.

    Attributes:
        rows: int [P, r], the rows of the pool in the order of their labels.
        columns: int [P, c].
        order: int [P, m], cells of the pool that are not missing, in the order in which they are started.
    """

    rows: np.ndarray
    columns: np.ndarray
    order: np.ndarray


def hidden(world: World, replicates: int, pool: int, *, rng: np.random.Generator) -> Hidden:
    """Draws replicates whose pools have `pool` trials: those with fewer are drawn again, the last of more are lost."""
    r, c = subgrid_size(world.rows), subgrid_size(world.columns)
    rows, columns = np.empty((replicates, r), dtype=np.int64), np.empty((replicates, c), dtype=np.int64)
    again = np.arange(replicates)
    while again.size:
        rows[again] = np.argsort(rng.random((again.size, world.rows)), axis=1)[:, :r]
        columns[again] = np.argsort(rng.random((again.size, world.columns)), axis=1)[:, :c]
        cells = (rows[:, :, None] * world.columns + columns[:, None, :]).reshape(replicates, -1)
        again = again[world.there[cells[again]].sum(axis=1) < pool]
    keys = np.where(world.there[cells], rng.random(cells.shape), 2.0)
    return Hidden(rows, columns, np.take_along_axis(cells, np.argsort(keys, axis=1)[:, :pool], axis=1))
