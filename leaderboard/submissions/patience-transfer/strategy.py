"""Patience: stop a trial once its score has not improved for a while, and start the next.

Source: Prechelt 1998, "Early Stopping - But When?", in Neural Networks: Tricks of the Trade; the variant that counts
the training since the best validation point.
"""

from dataclasses import dataclass
from typing import ClassVar

from seedbench import Campaign, Trial, check_number, ranked


@dataclass(frozen=True)
class Patience:
    """One trial after the other, until the budget is spent.

    Args:
        patience: fraction of a full trial without a new best score before a trial is stopped.
    """

    patience: float = 1 / 3
    tried: ClassVar[tuple[dict[str, object], ...]] = ({}, {"patience": 0.2})  # by `advise`

    def __post_init__(self) -> None:
        check_number("Patience: patience", self.patience, above=0, most=1)

    def __call__(self, campaign: Campaign) -> Trial:
        patience = self.patience * campaign.steps[-1] - 1e-6  # steps
        while campaign.remaining > 0 and campaign.unstarted:
            trial = campaign.start()
            checkpoint = trial.advance()
            while not trial.complete and checkpoint.step - trial.best.step < patience:
                checkpoint = trial.advance()
        # The pool is empty: what is left of the budget goes to the best of those stopped.
        stopped = [trial for trial in ranked(campaign.trials) if not trial.complete]
        campaign.advance(stopped, campaign.checkpoints_per_trial)
        return ranked(campaign.trials)[0]


strategy = Patience()
