"""Hyperband: several brackets of successive halving, from many short trials to a few full ones.

Source: Li et al. 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 18(185),
arXiv 1603.06560. Every bracket gets an equal share of the budget. Trials are resumed, not restarted.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from seedbench import Campaign, Trial, check_choice, check_number, ranked


@dataclass(frozen=True)
class Hyperband:
    """Brackets of fresh trials.

    Args:
        reduction_factor: one in so many goes on, and is trained so many times as far, or as near to that as there is a
            checkpoint; rungs that fall together are one.
        brackets: the first cuts brackets - 1 times, the last never; no more than the budget has full trials.
        rank_by: "score", "loss" or "both", as in `seedbench.ranked`.
    """

    reduction_factor: int = 3
    brackets: int = 3
    rank_by: str = "score"
    tried: ClassVar[tuple[dict[str, object], ...]] = (  # by `advise`
        {},
        {"reduction_factor": 2},
        {"rank_by": "both"},
    )

    def __post_init__(self) -> None:
        check_number("Hyperband: reduction_factor", self.reduction_factor, whole=True, least=2)
        check_number("Hyperband: brackets", self.brackets, whole=True, least=1)
        check_choice("Hyperband: rank_by", self.rank_by, ("score", "loss", "both"))

    def __call__(self, campaign: Campaign) -> Trial:
        factor, steps = self.reduction_factor, (0, *campaign.steps)
        for cuts in reversed(range(min(self.brackets, campaign.budget))):
            stops = [0, *sorted({campaign.checkpoints_at(factor**-rung) for rung in range(cuts + 1)})]
            legs = list(pairwise(stops))
            # Of each trial started, in steps.
            cost = sum((steps[to] - steps[at]) / factor**rung for rung, (at, to) in enumerate(legs))
            share = campaign.remaining * steps[-1] / (cuts + 1)
            trials = [campaign.start() for _ in range(min(round(share / cost), campaign.unstarted))]
            for at, to in legs:
                campaign.advance(trials, to - at)
                trials = ranked(trials, self.rank_by)[: max(1, len(trials) // factor)]
        # What the rounding left of the budget goes to the best of those cut.
        best = ranked(campaign.trials, self.rank_by)
        campaign.advance([trial for trial in best if not trial.complete], campaign.checkpoints_per_trial)
        return ranked(campaign.trials)[0]


strategy = Hyperband()
