"""Two stopping rules as strategies, decision for decision those of Optuna 5.0 and of Syne Tune 0.16: see `peers`.

Asynchronous successive halving in its stopping form (Li et al. 2020, arXiv 1810.05934, section 3.3 on implementations):
a trial that comes to a rung goes on if its score there is among the top of those that came before it, itself included.
The two libraries differ in how many the top of `count` scores are.
"""

from bisect import bisect, insort
from collections.abc import Callable
from dataclasses import dataclass

from seedbench import Campaign

FACTOR = 3
RUNGS = (3, 9, 27)  # checkpoints trained


def optuna_top(count: int) -> int:
    return max(1, count // FACTOR)


def syne_tune_top(count: int) -> int:
    return count // FACTOR + 1  # in the top third is whose rank, from 0, is at most a third of them


@dataclass(frozen=True)
class StopAtRungs:
    """One trial after the other, until the budget is spent."""

    top: Callable[[int], int]

    def __call__(self, campaign: Campaign) -> None:
        rungs: dict[int, list[float]] = {rung - 1: [] for rung in RUNGS}
        while True:
            trial = campaign.start()
            while not trial.complete:
                checkpoint = trial.advance()
                if checkpoint.index in rungs:
                    seen, score = rungs[checkpoint.index], checkpoint.score
                    insort(seen, score)
                    if len(seen) - bisect(seen, score) >= self.top(len(seen)):
                        break


as_optuna = StopAtRungs(optuna_top)
as_syne_tune = StopAtRungs(syne_tune_top)
