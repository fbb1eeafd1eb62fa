"""Patience: stop a trial once its score has not improved for a while, and start the next.

Source: Prechelt 1998, "Early Stopping - But When?", in Neural Networks: Tricks of the Trade; the variant that counts
validation points since the best one.
"""

from dataclasses import dataclass

from seedbench import Campaign, Trial, check_number


def best_score(trial: Trial) -> float:
    return trial.best.score


@dataclass(frozen=True)
class Patience:
    """One trial after the other, until the budget is spent.

    Args:
        patience: validation points without a new best score before a trial is stopped; None: a third of a full trial.
    """

    patience: int | None = None

    def __post_init__(self) -> None:
        check_number("Patience: patience", self.patience, whole=True, least=1, optional=True)

    def __call__(self, campaign: Campaign) -> Trial:
        patience = self.patience or max(1, campaign.checkpoints_per_trial // 3)
        while campaign.remaining > 0 and campaign.unstarted:
            trial = campaign.start()
            checkpoint = trial.advance()
            while not trial.complete and checkpoint.index - trial.best.index < patience:
                checkpoint = trial.advance()
        # The pool is empty: what is left of the budget goes to the best of those stopped.
        stopped = [trial for trial in sorted(campaign.trials, key=best_score, reverse=True) if not trial.complete]
        campaign.advance(stopped, campaign.checkpoints_per_trial)
        return max(campaign.trials, key=best_score)


strategy = Patience()
