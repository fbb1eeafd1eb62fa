"""Good seeds: train first the cells whose seeds did well on other tasks; for --track transfer, else it is full_trials.

On the cold track there is no history, and so it is best of n.
Source: Dodge et al. 2020, arXiv 2002.06305, who find weight initialisations that do well on all their tasks.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seedbench import Campaign, Trial, UnknownCell, check_number


@dataclass(frozen=True)
class GoodSeeds:
    """Full trials, in the order of what row and column promise together, until the budget is spent.

    A seed promises the mean of its trials' best scores on the other tasks, standardised within each table.

    Args:
        shrinkage: so many average trials are added to those of every seed.
    """

    shrinkage: float = 1.0
    without_history: ClassVar[str] = "full_trials"  # what it is then

    def __post_init__(self) -> None:
        check_number("GoodSeeds: shrinkage", self.shrinkage, above=0)

    def __call__(self, campaign: Campaign) -> Trial:
        if campaign.history:
            rows, columns = self.promise(campaign)
            promising = np.argsort(-(rows[:, None] + columns), axis=None, kind="stable")
            cells = iter([divmod(cell, len(columns)) for cell in promising.tolist()])
        while campaign.remaining > 0 and campaign.unstarted:
            try:
                trial = campaign.start(*next(cells)) if campaign.history else campaign.start()
            except UnknownCell:
                continue  # a missing cell
            campaign.advance([trial], campaign.checkpoints_per_trial)
        return max(campaign.trials, key=lambda trial: trial.best.score)

    def promise(self, campaign: Campaign) -> list[np.ndarray]:
        """Of every weight-init seed [rows] and every data-order seed [columns], in standard deviations."""
        total, count = ([np.zeros(size) for size in campaign.grid] for _ in range(2))
        for table in campaign.history:
            score = np.array([trial.best.score for trial in table.trials])
            score = (score - score.mean()) / max(score.std(), 1e-9)
            seeds = np.array([(trial.weight_init_seed, trial.data_order_seed) for trial in table.trials])
            for axis, size in enumerate(campaign.grid):
                total[axis] += np.bincount(seeds[:, axis], score, minlength=size)
                count[axis] += np.bincount(seeds[:, axis], minlength=size)
        return [both / (of + self.shrinkage) for both, of in zip(total, count, strict=True)]


strategy = GoodSeeds()
