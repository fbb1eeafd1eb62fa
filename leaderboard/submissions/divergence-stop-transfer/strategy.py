"""Divergence stop: drop a trial that is still no better than predicting the majority class after part of its training.

Source: the failed runs of Devlin et al. 2019 and Dodge et al. 2020, in the definition of Mosbach et al. 2021, "On the
Stability of Fine-Tuning BERT", arXiv 2006.04884: no better than the majority class. There it is judged at the end.
"""

from dataclasses import dataclass
from typing import ClassVar

from seedbench import Campaign, Trial, check_number, ranked


@dataclass(frozen=True)
class DivergenceStop:
    """One trial after the other, until the budget is spent.

    Args:
        fraction: of a full trial, after which a trial must have beaten the majority class at least once.
    """

    fraction: float = 0.5
    tried: ClassVar[tuple[dict[str, object], ...]] = ({}, {"fraction": 0.3})  # by `advise`

    def __post_init__(self) -> None:
        check_number("DivergenceStop: fraction", self.fraction, least=0, most=1)

    def __call__(self, campaign: Campaign) -> Trial:
        majority = campaign.majority_score
        while campaign.remaining > 0 and campaign.unstarted:
            trial = campaign.start()
            while not trial.complete:
                checkpoint = trial.advance()
                if checkpoint.fraction >= self.fraction and trial.best.score <= majority:
                    break
        # The pool is empty: what is left of the budget goes to the best of those stopped.
        stopped = [trial for trial in ranked(campaign.trials) if not trial.complete]
        campaign.advance(stopped, campaign.checkpoints_per_trial)
        return ranked(campaign.trials)[0]


strategy = DivergenceStop()
