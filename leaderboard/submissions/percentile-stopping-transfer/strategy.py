"""Percentile stopping: drop a trial whose best score so far is not among the best quarter of the complete trials there.

Source: `PercentilePruner` of Akiba et al. 2019, "Optuna: A Next-generation Hyperparameter Optimization Framework",
arXiv 1907.10902, in the version 5.0 of the library: its rule, and the parameters of its documentation. Unlike median
stopping in Vizier's form, it compares with the scores at the same checkpoint, not with their running averages.
"""

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np

from seedbench import Campaign, Trial, check_number, ranked


@dataclass(frozen=True)
class PercentileStopping:
    """One trial after the other, until the budget is spent.

    Args:
        percentile: the share of the complete trials, in percent and counted from the best, that a trial must be among;
            50 is the median. A percentile that falls between two scores is interpolated.
        peers: complete trials to compare with before any is stopped. A trial stopped at its last checkpoint is none.
    """

    percentile: float = 25.0
    peers: int = 5
    tried: ClassVar[tuple[dict[str, object], ...]] = ({}, {"percentile": 50.0})  # by `advise`

    def __post_init__(self) -> None:
        check_number("PercentileStopping: percentile", self.percentile, least=0, most=100)
        check_number("PercentileStopping: peers", self.peers, whole=True, least=1)

    def __call__(self, campaign: Campaign) -> Trial:
        complete: list[list[float]] = []
        bar = [-inf] * campaign.checkpoints_per_trial
        while campaign.remaining > 0 and campaign.unstarted:
            trial, best = campaign.start(), -inf
            for lowest in bar:
                best = max(best, trial.advance().score)
                if best < lowest:
                    break
            else:
                complete.append([checkpoint.score for checkpoint in trial.checkpoints])
                if len(complete) >= self.peers:
                    bar = np.percentile(complete, 100 - self.percentile, axis=0).tolist()
        # The pool is empty: what is left of the budget goes to the best of those stopped.
        stopped = [trial for trial in ranked(campaign.trials) if not trial.complete]
        campaign.advance(stopped, campaign.checkpoints_per_trial)
        return ranked(campaign.trials)[0]


strategy = PercentileStopping()
