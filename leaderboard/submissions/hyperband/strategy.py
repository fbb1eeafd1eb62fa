"""Hyperband: several brackets of successive halving, from many short trials to a few full ones.

Source: Li et al. 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 18(185),
arXiv 1603.06560. Every bracket gets an equal share of the budget. Trials are resumed, not restarted.
"""

from dataclasses import dataclass

from seedbench import Campaign, Trial, check_number


def best_score(trial: Trial) -> float:
    return trial.best.score


@dataclass(frozen=True)
class Hyperband:
    """Brackets of fresh trials, ranked by their best score so far.

    Args:
        reduction_factor: one in so many goes on, and is trained so many times as far.
        brackets: the first cuts brackets - 1 times, the last never; no more than the budget has full trials.
    """

    reduction_factor: int = 3
    brackets: int = 3

    def __post_init__(self) -> None:
        check_number("Hyperband: reduction_factor", self.reduction_factor, whole=True, least=2)
        check_number("Hyperband: brackets", self.brackets, whole=True, least=1)

    def __call__(self, campaign: Campaign) -> Trial:
        length, factor = campaign.checkpoints_per_trial, self.reduction_factor
        for cuts in reversed(range(min(self.brackets, campaign.budget))):
            stops = [max(1, round(length / factor**rung)) for rung in reversed(range(cuts + 1))]
            legs = [stop - before for before, stop in zip([0, *stops], stops, strict=False)]
            cost = sum(leg / factor**rung for rung, leg in enumerate(legs))  # checkpoints for each trial started
            share = campaign.remaining * length / (cuts + 1)
            trials = [campaign.start() for _ in range(min(round(share / cost), campaign.unstarted))]
            for leg in legs:
                if leg:
                    campaign.advance(trials, leg)
                trials = sorted(trials, key=best_score, reverse=True)[: max(1, len(trials) // factor)]
        # What the rounding left of the budget goes to the best of those cut.
        best = sorted(campaign.trials, key=best_score, reverse=True)
        campaign.advance([trial for trial in best if not trial.complete], length)
        return max(campaign.trials, key=best_score)


strategy = Hyperband()
