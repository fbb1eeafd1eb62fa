"""Additive seeds: judge every cell of the grid by its row and its column, and train the most promising one next.

Source: our own idea, possible only on a grid of seeds. Dodge et al. 2020, arXiv 2002.06305, find that both seeds count:
the model is a level + an effect of the weight-init seed + one of the data-order seed + the trial's own. Effects are
shrunk as in Robinson 1991, "That BLUP is a Good Thing", Statistical Science 6(1); how far is an average over ratios of
variances, weighted by the restricted likelihood of the scores seen (empirical Bayes).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import ClassVar

import numpy as np

from seedbench import Campaign, Trial, UnknownCell, check_number


@dataclass(frozen=True)
class AdditiveSeeds:
    """Full trials only: first on fresh rows and columns, then wherever row and column together promise most.

    Args:
        explore: share of the budget for the first part, as far as there are fresh rows and columns.
        ratios: variances of the row effects and of the column effects to average over; that of a trial's own is 1.
    """

    explore: float = 0.5
    ratios: tuple[float, ...] = (0.0, 0.25, 1.0, 4.0)
    tried: ClassVar[tuple[dict[str, object], ...]] = ({},)  # by `advise`

    def __post_init__(self) -> None:
        check_number("AdditiveSeeds: explore", self.explore, least=0, most=1)
        if not isinstance(self.ratios, tuple | list) or not self.ratios:
            raise ValueError(f"AdditiveSeeds: ratios must be a tuple of numbers, at least one, got {self.ratios!r}")
        for ratio in self.ratios:
            check_number("AdditiveSeeds: each of ratios", ratio, least=0)

    def __call__(self, campaign: Campaign) -> Trial:
        grid, rng = campaign.grid, campaign.rng
        first = list(zip(*(rng.permutation(size).tolist() for size in grid), strict=False))
        cells = iter(first[: max(1, round(self.explore * campaign.budget))])
        open_cells = np.ones(grid, dtype=bool)
        done: list[Trial] = []
        while campaign.remaining > 0 and campaign.unstarted:
            cell = next(cells, None)
            if cell is None:
                promise = self.expected_scores(grid, done).round(9)  # so that ties are ties on every machine
                cell = divmod(int(np.where(open_cells, promise, -np.inf).argmax()), grid[1])
            if not open_cells[cell]:
                continue
            open_cells[cell] = False
            try:
                trial = campaign.start(*cell)
            except UnknownCell:
                trial = campaign.start()  # the cell is missing: any other
                open_cells[trial.weight_init_seed, trial.data_order_seed] = False
            campaign.advance([trial], campaign.checkpoints_per_trial)
            done.append(trial)
        return max(campaign.trials, key=lambda trial: trial.best.score)

    def expected_scores(self, grid: tuple[int, int], done: list[Trial]) -> np.ndarray:
        """From the trials done, what a new trial would score in each cell: [rows, columns]."""
        score = np.array([trial.best.score for trial in done])
        row = np.array([trial.weight_init_seed for trial in done])
        column = np.array([trial.data_order_seed for trial in done])
        of_row, of_column = _pairs(tuple(self.ratios))  # [pairs, 1, 1]
        covariance = of_row * (row[:, None] == row) + of_column * (column[:, None] == column) + np.eye(len(done))
        both = np.ones((len(done), 2))
        both[:, 0] = score
        solved = np.linalg.solve(covariance, both)
        scores, ones = solved[..., 0], solved[..., 1]  # by the inverse of each pair's covariance: [pairs, trials]
        precision = ones.sum(axis=1)
        level = scores.sum(axis=1) / precision
        pull = scores - level[:, None] * ones
        misfit = np.maximum((pull * (score - level[:, None])).sum(axis=1), 1e-12)
        log_likelihood = -(np.linalg.slogdet(covariance)[1] + np.log(precision) + (len(done) - 1) * np.log(misfit)) / 2
        weight = np.exp(log_likelihood - log_likelihood.max())
        weight /= weight.sum()
        row_effect = np.bincount(row, (weight * of_row[:, 0, 0]) @ pull, grid[0])
        column_effect = np.bincount(column, (weight * of_column[:, 0, 0]) @ pull, grid[1])
        expected: np.ndarray = weight @ level + row_effect[:, None] + column_effect
        return expected


@lru_cache(maxsize=8)
def _pairs(ratios: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of ratios, of the rows and of the columns: two arrays [pairs, 1, 1]."""
    of_row, of_column = np.array(list(product(ratios, repeat=2))).T[..., None, None]
    return of_row, of_column


strategy = AdditiveSeeds()
