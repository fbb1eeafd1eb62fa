"""Successive halving: at each rung the best third goes on, trained three times as far.

Source: Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
arXiv 1502.07943. Trials are resumed, not restarted.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from seedbench import Campaign, Trial, check_choice, check_number, ranked


@dataclass(frozen=True)
class SuccessiveHalving:
    """One bracket, as wide as the budget allows.

    Args:
        reduction_factor: one in so many goes on, and is trained so many times as far.
        rungs: the last one is a full trial; 3 rungs at factor 3 stop at 1/9, 1/3 and the end, or as near to these
            fractions of the training as there are checkpoints; those that fall together are one.
        rank_by: "score", "loss" or "both", as in `seedbench.ranked`.
    """

    reduction_factor: int = 3
    rungs: int = 3
    rank_by: str = "score"
    tried: ClassVar[tuple[dict[str, object], ...]] = (  # by `advise`
        {},
        {"reduction_factor": 2},
        {"rank_by": "both"},
        {"reduction_factor": 2, "rungs": 2, "rank_by": "both"},
    )

    def __post_init__(self) -> None:
        check_number("SuccessiveHalving: reduction_factor", self.reduction_factor, whole=True, least=2)
        check_number("SuccessiveHalving: rungs", self.rungs, whole=True, least=1)
        check_choice("SuccessiveHalving: rank_by", self.rank_by, ("score", "loss", "both"))

    def __call__(self, campaign: Campaign) -> Trial:
        factor, steps = self.reduction_factor, (0, *campaign.steps)
        stops = [0, *sorted({campaign.checkpoints_at(factor**-rung) for rung in range(self.rungs)})]
        legs = list(pairwise(stops))
        cost = sum((steps[to] - steps[at]) / factor**rung for rung, (at, to) in enumerate(legs))  # of each one started
        affordable = max(1, int(campaign.budget * steps[-1] / cost + 1e-9))
        trials = [campaign.start() for _ in range(min(affordable, campaign.unstarted))]
        for at, to in legs[:-1]:
            campaign.advance(trials, to - at)
            trials = ranked(trials, self.rank_by)[: max(1, len(trials) // factor)]
        # The last rung, best first; then the trials that were cut, for what the rounding left of the budget.
        cut = [trial for trial in ranked(campaign.trials, self.rank_by) if trial not in trials]
        campaign.advance([trial for trial in [*trials, *cut] if not trial.complete], campaign.checkpoints_per_trial)
        return ranked(campaign.trials)[0]


strategy = SuccessiveHalving()
