"""One early look: train as many trials as possible to one early checkpoint, then the top k to the end.

Source: Egele et al. 2024, "The Unreasonable Effectiveness of Early Discarding After One Epoch in Neural Network
Hyperparameter Optimization", arXiv 2404.04111: discard after a constant amount of training, however small. How many
trials are finished is our choice.
"""

from dataclasses import dataclass
from typing import ClassVar

from seedbench import Campaign, Trial, check_number, ranked


@dataclass(frozen=True)
class TopKEarly:
    """Trials are ranked by their best score at the early checkpoint.

    Args:
        fraction: of a full trial at the early look, or as near to it as there is a checkpoint; 0: the earliest.
        top: trials to finish; None: three, or half the budget where that is less. Should the pool be empty before the
            budget is, further trials are finished, best first.
    """

    fraction: float = 0.0
    top: int | None = None
    tried: ClassVar[tuple[dict[str, object], ...]] = ({"fraction": 0.2},)  # by `advise`

    def __post_init__(self) -> None:
        check_number("TopKEarly: fraction", self.fraction, least=0, most=1)
        check_number("TopKEarly: top", self.top, whole=True, least=0, optional=True)

    def __call__(self, campaign: Campaign) -> Trial:
        length, steps = campaign.checkpoints_per_trial, campaign.steps
        look = campaign.checkpoints_at(self.fraction)
        early, late = steps[look - 1], steps[-1] - steps[look - 1]
        top = max(1, min(3, campaign.budget // 2)) if self.top is None else min(self.top, campaign.budget)
        affordable = (campaign.budget * steps[-1] - top * late) // early
        campaign.advance([campaign.start() for _ in range(min(affordable, campaign.unstarted))], look)
        # The budget's end ends the campaign: the best checkpoint seen is kept.
        campaign.advance([trial for trial in ranked(campaign.trials) if not trial.complete], length)
        return ranked(campaign.trials)[0]


strategy = TopKEarly()
