"""A source of measurements whose every number can be told in advance."""

from collections.abc import Iterator

import numpy as np

from seedbench import PoolExhausted, UnknownCell
from seedbench.campaign import Measurements, TaskFacts, open_campaign


class Grid:
    """A full grid, started row by row: trial (r, c) scores 0.1 r + 0.01 c at first, and 0.2 more at each checkpoint."""

    task = TaskFacts(0.5, "accuracy", 277, 2)

    def __init__(self, rows=2, columns=3, steps=(10, 15, 30), scores=None):
        self.grid, self.steps, self.unstarted = (rows, columns), list(steps), rows * columns
        self.left = [(row, column) for row in range(rows) for column in range(columns)]
        self.scores = scores or (lambda row, column, index: 0.1 * row + 0.01 * column + 0.2 * index)
        self.trained = 0

    def start(self, row, column):
        for cell in self.left:
            if row in (None, cell[0]) and column in (None, cell[1]):
                self.left.remove(cell)
                return *cell, self.training_of(*cell)
        raise PoolExhausted("no more") if row in (None, 0, 1) else UnknownCell(f"no row {row}")

    def training_of(self, row, column) -> Iterator[Measurements]:
        for index in range(len(self.steps)):
            self.trained += 1
            yield Measurements(self.scores(row, column, index), 1.0 - index, 2.0 - index)


def opened(budget=2, **grid):
    return open_campaign(Grid(**grid), budget, rng=lambda: np.random.default_rng(0))
