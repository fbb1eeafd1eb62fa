"""Patient halving: cut late, drop the visibly failing sooner, then once more on the rows and columns that promise most.

A cohort trains side by side. After `patience` of the training the share (patience / fraction done) ** power of it goes
on: successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943) with a late first rung, and one at every later
checkpoint. Ranks are by best score and by lowest validation loss, with equal weight. Before, a trial is dropped only as
failing (Mosbach et al. 2021, arXiv 2006.04884: at the end no better than the majority class), and only where the
cohort has split in two, for good. What is saved starts new trials, which have to get over the same bars.

From a budget of 8 on there are two such cohorts. The first is spread over rows and columns of the grid of seeds; the
second is taken from the cells that the additive model of `additive_seeds` promises most from it, whose shrinkage is
learnt in the campaign: where seeds carry nothing it is as good as a random one (Dodge et al. 2020, arXiv 2002.06305,
find that both seeds count). With a budget of 2 or less it is best-of-n: there is nobody to compare.

Early ranks mislead where failing shows late and where there are few examples; the rule gives up what cutting early wins
elsewhere so as not to lose there.
"""

from bisect import bisect, bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf, isnan
from statistics import quantiles
from typing import ClassVar

import numpy as np

from seedbench import Campaign, Trial, UnknownCell, check_choice, check_number, ranked
from seedbench.strategies import AdditiveSeeds

Seen = dict[Trial, tuple[float, float]]  # at a checkpoint: best score, minus lowest validation loss
COLUMNS = {"score": [0], "loss": [1], "both": [0, 1]}


@dataclass(frozen=True)
class PatientHalving:
    """One cohort or two, each as large as its part of the budget can finish.

    Args:
        patience: fraction of a full trial before anybody is dropped by rank.
        power: how fast a cohort shrinks after that.
        learnt: where the bar for failing lies, from 0, the majority class, to 1, the upper quartile of those seen;
            None: there is no bar.
        first: share of the budget for the first cohort, from a budget of 8 on; 1: there is no second one.
        rank_by: "score", "loss" or "both", as in `seedbench.ranked`.
    """

    patience: float = 0.4
    power: float = 2.5
    learnt: float | None = 0.5
    first: float = 0.6
    rank_by: str = "both"
    tried: ClassVar[tuple[dict[str, object], ...]] = ({}, {"first": 1.0}, {"patience": 0.5})  # by `advise`

    def __post_init__(self) -> None:
        check_number("PatientHalving: patience", self.patience, above=0, most=1)
        check_number("PatientHalving: power", self.power, least=0, most=100)
        check_number("PatientHalving: learnt", self.learnt, least=0, most=1, optional=True)
        check_number("PatientHalving: first", self.first, above=0, most=1)
        check_choice("PatientHalving: rank_by", self.rank_by, tuple(COLUMNS))

    def __call__(self, campaign: Campaign) -> Trial:
        done = [0.0, *(step / campaign.steps[-1] for step in campaign.steps)]
        share = [1.0, *(min(1.0, (self.patience / fraction) ** self.power) for fraction in done[1:])]
        if campaign.budget <= 2:
            share = [1.0] * len(done)
        seen: list[Seen] = [{} for _ in campaign.steps]
        if self.first < 1 and campaign.budget >= 8:
            self.cohort(campaign, done, share, seen, campaign.budget * (1 - self.first), spread(campaign))
            self.cohort(campaign, done, share, seen, 0.0, promising(campaign))
        else:
            self.cohort(campaign, done, share, seen, 0.0, iter(()))
        # What rounding left goes to the best of those dropped, and then to others.
        while campaign.remaining > 0 and (campaign.unstarted or not all(trial.complete for trial in campaign.trials)):
            dropped = [trial for trial in ranked(campaign.trials) if not trial.complete]
            trial = dropped[0] if dropped else campaign.start()
            campaign.advance([trial], campaign.checkpoints_per_trial)
        return ranked(campaign.trials)[0]

    def cohort(
        self,
        campaign: Campaign,
        done: list[float],
        share: list[float],
        seen: list[Seen],
        spare: float,
        cells: Iterator[tuple[int, int]],
    ) -> None:
        """Trains a cohort to the end and leaves `spare` of the budget; its trials are of these cells, then of any."""
        bars = [-inf] * len(seen)
        cohort: list[Trial] = []
        width = 0.0  # of the cohort when it was whole, or would have been
        for k in range(len(seen)):
            while campaign.unstarted:
                wider = max(width, (len(cohort) + 1) / share[k])
                if bill(len(cohort) + 1, wider, share[k:], done[k:]) > campaign.remaining - spare + 1e-9:
                    break
                trial = start(campaign, cells)  # and is trained to where the others are, if it would have been kept
                if all(self.passes(trial, seen, bars[j], share[j + 1] / share[j]) for j in range(k)):
                    cohort.append(trial)
                    width = wider
            for trial in cohort:
                look(trial, seen)
            if cohort and k + 1 < len(seen):
                bars[k] = self.bar(seen[: k + 1], done, campaign.majority_score)
                cohort = [trial for trial in cohort if trial.best.score > bars[k]] or cohort
                places = self.places([seen[k][trial] for trial in cohort])
                order = sorted(range(len(cohort)), key=places.__getitem__)
                cohort = [cohort[n] for n in sorted(order[: kept(width, share[k + 1])])]

    def passes(self, trial: Trial, seen: list[Seen], bar: float, share: float) -> bool:
        """Trains a latecomer to its next checkpoint; whether it would have been kept there."""
        look(trial, seen)
        places = self.places(list(seen[len(trial.checkpoints) - 1].values()))
        return trial.best.score > bar and sum(place < places[-1] for place in places) < max(1, share * len(places))

    def places(self, seen: list[tuple[float, float]]) -> list[float]:
        """Where trials stand, 0 for the best: by each of what counts, summed; equals share a mean place."""
        total, last = [0.0] * len(seen), len(seen) - 1
        for column in COLUMNS[self.rank_by]:
            ascending = sorted(one[column] for one in seen)
            for n, one in enumerate(seen):
                total[n] += last - (bisect_left(ascending, one[column]) + bisect(ascending, one[column]) - 1) / 2
        return total

    def bar(self, seen: list[Seen], done: list[float], majority: float) -> float:
        """What a trial must have scored by the last of these checkpoints not to be failing.

        Minus infinity where the cohort has not split: a quarter of it, and two trials, must be above the bar, and
        hardly more than at 0.6 of the way here.
        """
        early, trials = bisect(done, 0.6 * done[len(seen)] + 1e-9) - 2, list(seen[-1])
        if self.learnt is None or early < 0 or len(seen) < 3 or len(trials) < 4:
            return -inf
        floor = min(score for score, _ in seen[0].values()) if isnan(majority) else majority
        upper = quantiles([score for score, _ in seen[-1].values()], n=4, method="inclusive")[2]
        bar = floor + self.learnt * (upper - floor)
        good = sum(score > bar for score, _ in seen[-1].values())
        grown = good - sum(seen[early][trial][0] > bar for trial in trials)
        split = upper > floor and max(2, len(trials) / 4) <= good < len(trials)
        return bar if split and grown <= max(1, len(trials) / 10) else -inf


def kept(width: float, share: float) -> int:
    return max(1, round(width * share))


def bill(cohort: int, width: float, share: list[float], done: list[float]) -> float:
    """What a cohort costs to the end while it shrinks, and one trial of it what comes before, in full trials."""
    cost = done[0]
    for j, (before, after) in enumerate(pairwise(done)):
        if j:
            cohort = min(cohort, kept(width, share[j]))
        cost += cohort * (after - before)
    return cost


def start(campaign: Campaign, cells: Iterator[tuple[int, int]]) -> Trial:
    """A trial of the next of these cells that is there, or of any."""
    for cell in cells:
        try:
            return campaign.start(*cell)
        except UnknownCell:
            continue
    return campaign.start()


def spread(campaign: Campaign) -> Iterator[tuple[int, int]]:
    """Cells of as many rows and columns as there are: along a diagonal of the shuffled grid, then along the next."""
    rows, columns = (campaign.rng.permutation(size).tolist() for size in campaign.grid)
    length = max(len(rows), len(columns))
    return without_repeats(
        (rows[n % len(rows)], columns[(n + shift) % len(columns)]) for shift in range(length) for n in range(length)
    )


def without_repeats(cells: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    met = set()
    for cell in cells:
        if cell not in met:
            met.add(cell)
            yield cell


def promising(campaign: Campaign) -> Iterator[tuple[int, int]]:
    """Cells that are not started, those first whose row and column together promise most; of equals any."""
    promise = AdditiveSeeds().expected_scores(campaign.grid, list(campaign.trials))
    promise = promise.round(9) + 1e-10 * campaign.rng.random(promise.shape)
    begun = {(trial.weight_init_seed, trial.data_order_seed) for trial in campaign.trials}
    cells = (divmod(cell, campaign.grid[1]) for cell in np.argsort(-promise, axis=None, kind="stable").tolist())
    return (cell for cell in cells if cell not in begun)


def look(trial: Trial, seen: list[Seen]) -> None:
    """Trains a trial to its next checkpoint, and writes down what is known of it there."""
    k, point = len(trial.checkpoints), trial.advance()
    loss = seen[k - 1][trial][1] if k else -inf
    if not isnan(point.validation_loss):
        loss = max(loss, -point.validation_loss)
    seen[k][trial] = (trial.best.score, loss)


strategy = PatientHalving()
