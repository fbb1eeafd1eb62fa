"""Start many, stop early, continue some: train many trials a little way, then only the best of them to the end.

Source: Dodge et al. 2020, arXiv 2002.06305, section 5. They search (started, fraction, continued) for each budget and
task with hindsight; here it is fixed beforehand, so it spends the budget but is not the best there is.
"""

from dataclasses import dataclass
from typing import ClassVar

from seedbench import Campaign, Trial, check_choice, check_number, ranked


@dataclass(frozen=True)
class StartMany:
    """One choice, after part of the training.

    Args:
        started: trials to start, at least one; None: as many as leave the budget to finish a quarter as many trials
            as it holds.
        fraction: how far each is trained before the choice, as a fraction of a full trial: to the nearest checkpoint.
        continued: trials to continue to the end, from 0; None: as many as the budget allows, best first.
        rank_by: "score", "loss" or "both", as in `seedbench.ranked`.
    """

    started: int | None = None
    fraction: float = 0.2
    continued: int | None = None
    rank_by: str = "score"
    tried: ClassVar[tuple[dict[str, object], ...]] = (  # by `advise`
        {},
        {"fraction": 0.1},
        {"fraction": 0.3},
        {"fraction": 0.4},
        {"fraction": 0.5},
        {"fraction": 0.4, "rank_by": "both"},
    )

    def __post_init__(self) -> None:
        check_number("StartMany: started", self.started, whole=True, least=1, optional=True)
        check_number("StartMany: fraction", self.fraction, above=0, most=1)
        check_number("StartMany: continued", self.continued, whole=True, least=0, optional=True)
        check_choice("StartMany: rank_by", self.rank_by, ("score", "loss", "both"))

    def __call__(self, campaign: Campaign) -> Trial:
        length, steps = campaign.checkpoints_per_trial, campaign.steps
        stop = campaign.checkpoints_at(self.fraction)
        early, late = steps[stop - 1], steps[-1] - steps[stop - 1]
        to_finish = max(1, campaign.budget // 4) if self.continued is None else min(self.continued, campaign.budget)
        affordable = (campaign.budget * steps[-1] - to_finish * late) // early
        started = affordable if self.started is None else self.started
        campaign.advance([campaign.start() for _ in range(min(started, campaign.unstarted))], stop)
        best = ranked(campaign.trials, self.rank_by)[: self.continued]
        # The budget's end ends the campaign: the best checkpoint seen is kept.
        campaign.advance([trial for trial in best if not trial.complete], length)
        return ranked(campaign.trials)[0]


strategy = StartMany()
