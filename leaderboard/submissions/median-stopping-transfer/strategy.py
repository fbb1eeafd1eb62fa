"""Median stopping: drop a trial whose best score so far is below the median of the complete trials' running averages.

Source: Golovin et al. 2017, "Google Vizier: A Service for Black-Box Optimization", section 3.2.2.
"""

from bisect import insort
from dataclasses import dataclass
from math import inf
from typing import ClassVar

from seedbench import Campaign, Trial, check_number, ranked


@dataclass(frozen=True)
class MedianStopping:
    """One trial after the other, until the budget is spent.

    Args:
        peers: complete trials to compare with before any is stopped; None: a quarter of the budget, at least one.
    """

    peers: int | None = None
    tried: ClassVar[tuple[dict[str, object], ...]] = ({},)  # by `advise`

    def __post_init__(self) -> None:
        check_number("MedianStopping: peers", self.peers, whole=True, least=1, optional=True)

    def __call__(self, campaign: Campaign) -> Trial:
        peers = self.peers or max(1, campaign.budget // 4)
        length = campaign.checkpoints_per_trial
        averages: list[list[float]] = [[] for _ in range(length)]  # per checkpoint, sorted, of the complete trials
        bar = [-inf] * length  # the median of each, once there are enough
        while campaign.remaining > 0 and campaign.unstarted:
            trial, best = campaign.start(), -inf
            for lowest in bar:
                score = trial.advance().score
                if score > best:
                    best = score
                if best < lowest:
                    break
            else:
                total = 0.0
                for count, checkpoint in enumerate(trial.checkpoints, start=1):
                    total += checkpoint.score
                    column = averages[count - 1]
                    insort(column, total / count)
                    if len(column) >= peers:
                        bar[count - 1] = (column[(len(column) - 1) // 2] + column[len(column) // 2]) / 2
        # The pool is empty: what is left of the budget goes to the best of those stopped.
        stopped = [trial for trial in ranked(campaign.trials) if not trial.complete]
        campaign.advance(stopped, campaign.checkpoints_per_trial)
        return ranked(campaign.trials)[0]


strategy = MedianStopping()
