"""ASHA: successive halving without waiting for a rung to fill; a trial is promoted once it is in its rung's top third.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", arXiv 1810.05934, algorithm 2 (the
promotion variant) with one worker.
"""

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from typing import ClassVar

from seedbench import Campaign, Trial, check_choice, check_number

Rung = tuple[list[float], list[float]]  # of those that came to it: minus best scores, lowest losses; ascending


@dataclass(frozen=True)
class Asha:
    """Promotes from the highest rung that has somebody to promote, else starts a trial, until the budget is spent.

    Args:
        reduction_factor: one in so many is promoted, and is trained so many times as far.
        rungs: the last one is a full trial; 3 rungs at factor 3 stop at 1/9, 1/3 and the end, or as near to these
            fractions of the training as there are checkpoints; those that fall together are one.
        rank_by: "score": the best so far; "loss": the lowest validation loss so far; "both": the share of those before
            it in its rung that are better in one plus the share that are better in the other.
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
        check_number("Asha: reduction_factor", self.reduction_factor, whole=True, least=2)
        check_number("Asha: rungs", self.rungs, whole=True, least=1)
        check_choice("Asha: rank_by", self.rank_by, ("score", "loss", "both"))

    def __call__(self, campaign: Campaign) -> None:
        factor = self.reduction_factor
        stops = sorted({campaign.checkpoints_at(factor**-rung) for rung in range(self.rungs)})
        last = len(stops) - 1
        legs = [range(before, stop) for before, stop in zip([0, *stops], stops, strict=False)]
        # Per rung, but the last: how many arrived, those not promoted (a heap, best on top), those promoted (sorted).
        arrived = [0] * last
        waiting: list[list[tuple[float, int, Trial]]] = [[] for _ in range(last)]
        promoted: list[list[tuple[float, int, Trial]]] = [[] for _ in range(last)]
        came: list[Rung] = [([], []) for _ in range(last)]
        reached, unstarted, pool_empty = 0, campaign.unstarted, False
        while True:  # until the budget's end, or the pool's: then the best checkpoint seen is kept
            for rung in range(min(reached, last - 1), -1, -1):  # above the rung just reached nothing has changed
                if heap := waiting[rung]:
                    ahead, top = promoted[rung], arrived[rung] // factor
                    # In the top of its rung: fewer than that are promoted, or the last of the top is worse.
                    if pool_empty or len(ahead) < top or (top and heap[0] < ahead[top - 1]):
                        entry = heappop(heap)
                        insort(ahead, entry)
                        trial, reached = entry[2], rung + 1
                        break
            else:
                if not unstarted and not pool_empty:
                    reached, pool_empty = last, True  # nobody to start: everybody who waits may go on, best first
                    continue
                trial, reached, unstarted = campaign.start(), 0, unstarted - 1
            advance = trial.advance
            for _ in legs[reached]:
                advance()
            if reached < last:
                arrived[reached] += 1
                place = -trial.best.score if self.rank_by == "score" else self.place(trial, came[reached])
                heappush(waiting[reached], (place, arrived[reached], trial))

    def place(self, trial: Trial, came: Rung) -> float:
        """Where a trial stands in its rung: the lower, the better. It does not change when others come."""
        losses = [point.validation_loss for point in trial.checkpoints if point.validation_loss < inf]  # NaN is not
        seen = -trial.best.score, min(losses, default=inf)
        if self.rank_by == "loss":
            return seen[1]
        total = 0.0
        for others, own in zip(came, seen, strict=True):
            better = (bisect_left(others, own) + bisect_right(others, own)) / 2  # one that is equal counts half
            total += (better + 0.5) / (len(others) + 1)  # as if half a trial more were better, and half a trial worse
            insort(others, own)
        return total


strategy = Asha()
