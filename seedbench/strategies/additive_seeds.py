"""Additive seeds: judge every cell of the grid by its row and its column, and train the most promising one next.

Source: our own idea, possible only on a grid of seeds. Dodge et al. 2020, arXiv 2002.06305, find that both seeds count:
the model is a level + an effect of the weight-init seed + one of the data-order seed + the trial's own. Effects are
shrunk as in Robinson 1991, "That BLUP is a Good Thing", Statistical Science 6(1); how far is an average over ratios of
variances, weighted by the restricted likelihood of the scores seen (empirical Bayes).
"""

from dataclasses import dataclass
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
        rows = np.eye(grid[0])[[trial.weight_init_seed for trial in done]]  # [trials, rows], 1 where it is the trial's
        columns = np.eye(grid[1])[[trial.data_order_seed for trial in done]]
        ratios = np.array(list(product(self.ratios, repeat=2)))
        row_ratio, column_ratio = ratios[:, :1, None], ratios[:, 1:, None]
        covariance = row_ratio * (rows @ rows.T) + column_ratio * (columns @ columns.T) + np.eye(len(done))
        inverse = np.linalg.inv(covariance)
        precision = inverse.sum(axis=(1, 2))
        level = (inverse @ score).sum(axis=1) / precision
        residual = score - level[:, None]
        pull = (inverse @ residual[..., None])[..., 0]  # [ratios, trials]
        misfit = np.maximum((pull * residual).sum(axis=1), 1e-12)
        log_likelihood = -(np.linalg.slogdet(covariance)[1] + np.log(precision) + (len(done) - 1) * np.log(misfit)) / 2
        weight = np.exp(log_likelihood - log_likelihood.max())
        weight /= weight.sum()
        row_effect = (weight * ratios[:, 0]) @ pull @ rows
        column_effect = (weight * ratios[:, 1]) @ pull @ columns
        expected: np.ndarray = weight @ level + row_effect[:, None] + column_effect
        return expected


strategy = AdditiveSeeds()
