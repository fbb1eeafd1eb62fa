"""Small tables and campaigns with the whole protocol in sight, written apart from what is tested."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seedbench.influences import (
    Campaigns,
    TableSample,
    TrialGrid,
    baseline,
    draw_subgrids,
    seen,
    subgrid_size,
    table_sample,
    trial_grid,
)


def table(rows: int, columns: int, *, seed: int = 0, missing: float = 0.0, decimals: int = 6) -> TrialGrid:
    """A grid whose rows, columns and cells all matter; few decimals make ties in the validation score."""
    rng = np.random.default_rng(seed)
    quality = rng.normal(size=(rows, 1)) + 0.7 * rng.normal(size=(1, columns)) + rng.normal(size=(rows, columns))
    row, column = np.nonzero(rng.random((rows, columns)) >= missing)
    quality = quality[row, column]
    validation = np.round(quality + 0.8 * rng.normal(size=quality.size), decimals)
    return trial_grid(row, column, validation, quality + 0.5 * rng.normal(size=quality.size))


@dataclass(frozen=True, eq=False)
class Orders:
    """Orders [P, trials] in which each replicate would start the trials of its pool, and the table's grid."""

    grid: TrialGrid
    trials: np.ndarray

    def best(self, first: int, last: int) -> Campaigns:
        """Best-of-n on the trials at places first ... last - 1: with 0 and B, best-of-B itself."""
        started = self.trials[:, first:last]
        kept = started[np.arange(len(started)), self.grid.validation[started].argmax(axis=1)]
        return self.campaigns(self.grid.test[kept], started)

    def stop_when_good(self, bar: float, most: int) -> Campaigns:
        """Starts trials until one's validation score is above a bar, or until there are `most`: what is seen varies."""
        started = self.trials[:, :most]
        good = self.grid.validation[started] > bar
        # A trial is started where none before it was good.
        mask = np.cumsum(good, axis=1) - good == 0
        validation = np.where(mask, self.grid.validation[started], -np.inf)
        kept = started[np.arange(len(started)), validation.argmax(axis=1)]
        return self.campaigns(self.grid.test[kept], started, mask)

    def campaigns(self, scores: np.ndarray, started: np.ndarray, mask: np.ndarray | None = None) -> Campaigns:
        replicate = np.broadcast_to(np.arange(len(started))[:, None], started.shape)
        chosen = np.ones(started.shape, dtype=bool) if mask is None else mask
        axes = []
        for label, seeds in ((self.grid.row, self.grid.rows), (self.grid.column, self.grid.columns)):
            found = np.zeros((len(started), seeds), dtype=bool)
            found[replicate[chosen], label[started[chosen]]] = True
            axes.append(seen(found))
        return Campaigns(scores, *axes)


def orders(
    grid: TrialGrid,
    replicates: int,
    longest: int,
    *,
    rng: np.random.Generator,
    sizes: tuple[int, int] | None = None,
) -> Orders:
    """Pools of random sub-grids, of a campaign's size or another, each in a random order of its trials."""
    rows, columns = sizes or (subgrid_size(grid.rows), subgrid_size(grid.columns))
    # The place of a seed in a random order; it is in the pool where that is one of the first.
    row_place, column_place = (
        rng.random((replicates, seeds)).argsort(axis=1).argsort(axis=1) for seeds in (grid.rows, grid.columns)
    )
    inside = (row_place[:, grid.row] < rows) & (column_place[:, grid.column] < columns)
    keys = np.where(inside, rng.random(inside.shape), 2.0)
    assert inside.sum(axis=1).min() >= longest
    return Orders(grid, np.argsort(keys, axis=1)[:, :longest])


def sample_of(grid: TrialGrid, budgets: tuple[int, ...] = (2, 4), replicates: int = 400, seed: int = 1) -> TableSample:
    """Rules 0: best-of-n, 1: on other trials, 2: on twice as many, 3: stops at a good trial."""
    drawn = orders(grid, replicates, 3 * max(budgets), rng=np.random.default_rng(seed))
    rules = [
        [drawn.best(0, budget) for budget in budgets],
        [drawn.best(budget, 2 * budget) for budget in budgets],
        [drawn.best(0, 2 * budget) for budget in budgets],
        [drawn.stop_when_good(0.5, budget) for budget in budgets],
    ]
    found = baseline(grid, budgets, draw_subgrids(grid, rng=np.random.default_rng(9)))
    return table_sample(found, budgets, [drawn.best(0, budget) for budget in budgets], rules)
