"""Successive halving: at each rung the best third goes on, trained three times as far.

Source: Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
arXiv 1502.07943. Trials are resumed, not restarted, and ranked by their best score so far.
"""

from dataclasses import dataclass

from seedbench import Campaign, Trial, check_number


def best_score(trial: Trial) -> float:
    return trial.best.score


@dataclass(frozen=True)
class SuccessiveHalving:
    """One bracket, as wide as the budget allows.

    Args:
        reduction_factor: one in so many goes on, and is trained so many times as far.
        rungs: the last one is a full trial; 3 rungs at factor 3 stop at 1/9, 1/3 and the end.
    """

    reduction_factor: int = 3
    rungs: int = 3

    def __post_init__(self) -> None:
        check_number("SuccessiveHalving: reduction_factor", self.reduction_factor, whole=True, least=2)
        check_number("SuccessiveHalving: rungs", self.rungs, whole=True, least=1)

    def __call__(self, campaign: Campaign) -> Trial:
        length, factor = campaign.checkpoints_per_trial, self.reduction_factor
        stops = [max(1, round(length / factor**rung)) for rung in reversed(range(self.rungs))]
        legs = [stop - before for before, stop in zip([0, *stops], stops, strict=False)]
        cost = sum(leg / factor**rung for rung, leg in enumerate(legs))  # checkpoints for each trial started
        affordable = max(1, int(campaign.budget * length / cost))
        trials = [campaign.start() for _ in range(min(affordable, campaign.unstarted))]
        for leg in legs[:-1]:
            if leg:
                campaign.advance(trials, leg)
            trials = sorted(trials, key=best_score, reverse=True)[: max(1, len(trials) // factor)]
        # The last rung, best first; then the trials that were cut, for what the rounding left of the budget.
        best = sorted(campaign.trials, key=best_score, reverse=True)
        campaign.advance([trial for trial in best if not trial.complete], length)
        return max(campaign.trials, key=best_score)


strategy = SuccessiveHalving()
