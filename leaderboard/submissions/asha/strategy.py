"""ASHA: successive halving without waiting for a rung to fill; a trial is promoted once it is in its rung's top third.

Source: Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning", arXiv 1810.05934, algorithm 2 (the
promotion variant) with one worker. Trials are ranked by their best score so far.
"""

from bisect import insort
from dataclasses import dataclass
from heapq import heappop, heappush

from seedbench import Campaign, Trial, check_number


@dataclass(frozen=True)
class Asha:
    """Promotes from the highest rung that has somebody to promote, else starts a trial, until the budget is spent.

    Args:
        reduction_factor: one in so many is promoted, and is trained so many times as far.
        rungs: the last one is a full trial; 3 rungs at factor 3 stop at 1/9, 1/3 and the end.
    """

    reduction_factor: int = 3
    rungs: int = 3

    def __post_init__(self) -> None:
        check_number("Asha: reduction_factor", self.reduction_factor, whole=True, least=2)
        check_number("Asha: rungs", self.rungs, whole=True, least=1)

    def __call__(self, campaign: Campaign) -> None:
        factor, last = self.reduction_factor, self.rungs - 1
        stops = [max(1, round(campaign.checkpoints_per_trial / factor ** (last - rung))) for rung in range(self.rungs)]
        legs = [range(before, stop) for before, stop in zip([0, *stops], stops, strict=False)]
        # Per rung, but the last: how many arrived, those not promoted (a heap, best on top), those promoted (sorted).
        arrived = [0] * last
        waiting: list[list[tuple[float, int, Trial]]] = [[] for _ in range(last)]
        promoted: list[list[tuple[float, int, Trial]]] = [[] for _ in range(last)]
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
                heappush(waiting[reached], (-trial.best.score, arrived[reached], trial))


strategy = Asha()
