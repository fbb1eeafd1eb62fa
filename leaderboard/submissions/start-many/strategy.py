"""Start many, stop early, continue some: train many trials a little way, then only the best of them to the end.

Source: Dodge et al. 2020, arXiv 2002.06305, section 5. They search (started, fraction, continued) for each budget and
task with hindsight; here it is fixed beforehand, so it spends the budget but is not the best there is.
"""

from dataclasses import dataclass

from seedbench import Campaign, Trial, check_number


def best_score(trial: Trial) -> float:
    return trial.best.score


@dataclass(frozen=True)
class StartMany:
    """Trials are ranked by their best score so far.

    Args:
        started: trials to start, at least one; None: as many as leave the budget to finish a quarter as many trials
            as it holds.
        fraction: how far each is trained before the choice, as a fraction of a full trial.
        continued: trials to continue to the end, from 0; None: as many as the budget allows, best first.
    """

    started: int | None = None
    fraction: float = 0.2
    continued: int | None = None

    def __post_init__(self) -> None:
        check_number("StartMany: started", self.started, whole=True, least=1, optional=True)
        check_number("StartMany: fraction", self.fraction, above=0, most=1)
        check_number("StartMany: continued", self.continued, whole=True, least=0, optional=True)

    def __call__(self, campaign: Campaign) -> Trial:
        length = campaign.checkpoints_per_trial
        stop = min(max(1, round(self.fraction * length)), length)
        to_finish = max(1, campaign.budget // 4) if self.continued is None else min(self.continued, campaign.budget)
        affordable = (campaign.budget * length - to_finish * (length - stop)) // stop
        started = affordable if self.started is None else max(1, self.started)
        campaign.advance([campaign.start() for _ in range(min(started, campaign.unstarted))], stop)
        best = sorted(campaign.trials, key=best_score, reverse=True)[: self.continued]
        # The budget's end ends the campaign: the best checkpoint seen is kept.
        campaign.advance([trial for trial in best if not trial.complete], length)
        return max(campaign.trials, key=best_score)


strategy = StartMany()
