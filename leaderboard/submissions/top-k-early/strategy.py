"""One early look: train as many trials as possible to one early checkpoint, then the top k to the end.

Source: Egele et al. 2024, "The Unreasonable Effectiveness of Early Discarding After One Epoch in Neural Network
Hyperparameter Optimization", arXiv 2404.04111: discard after a constant amount of training, however small. How many
trials are finished is our choice.
"""

from dataclasses import dataclass

from seedbench import Campaign, Trial, check_number


def best_score(trial: Trial) -> float:
    return trial.best.score


@dataclass(frozen=True)
class TopKEarly:
    """Trials are ranked by their best score at the early checkpoint.

    Args:
        checkpoints: validation points of the early look; 1 is the earliest that can be had.
        top: trials to finish; None: three, or half the budget where that is less. Should the pool be empty before the
            budget is, further trials are finished, best first.
    """

    checkpoints: int = 1
    top: int | None = None

    def __post_init__(self) -> None:
        check_number("TopKEarly: checkpoints", self.checkpoints, whole=True, least=1)
        check_number("TopKEarly: top", self.top, whole=True, least=0, optional=True)

    def __call__(self, campaign: Campaign) -> Trial:
        length = campaign.checkpoints_per_trial
        look = min(max(1, self.checkpoints), length)
        top = max(1, min(3, campaign.budget // 2)) if self.top is None else min(self.top, campaign.budget)
        affordable = (campaign.budget * length - top * (length - look)) // look
        campaign.advance([campaign.start() for _ in range(min(affordable, campaign.unstarted))], look)
        best = sorted(campaign.trials, key=best_score, reverse=True)
        # The budget's end ends the campaign: the best checkpoint seen is kept.
        campaign.advance([trial for trial in best if not trial.complete], length)
        return max(campaign.trials, key=best_score)


strategy = TopKEarly()
