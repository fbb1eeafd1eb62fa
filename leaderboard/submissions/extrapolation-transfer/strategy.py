"""Extrapolation: stop a trial once its curve so far makes it improbable that its end beats the best score there is.

Source: Domhan et al. 2015, "Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation
of Learning Curves", IJCAI: the rule, and its delta; the other parameters are ours. Of their eleven curves this has one,
the power law, whose posterior needs no sampling: it is exact, but for a grid of exponents.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import ClassVar, NamedTuple

import numpy as np

from seedbench import Campaign, Trial, check_number, ranked


class Shapes(NamedTuple):
    """Curves from the first of some checkpoints on, and what a regression on them needs, alike for all trials.

    Attributes:
        middle: [exponents], the mean of each shape over the checkpoints.
        centred: [exponents, checkpoints], the shapes less that.
        spread: [exponents], the sum of the squares of those.
        variance: [exponents], of a final score, where the sum of the squares of the residuals is 1.
        log_weight: [exponents], of a shape's marginal likelihood the part that no score changes.
    """

    middle: np.ndarray
    centred: np.ndarray
    spread: np.ndarray
    variance: np.ndarray
    log_weight: np.ndarray

    @classmethod
    def of(cls, shapes: np.ndarray) -> "Shapes":
        """Of shapes [exponents, checkpoints]."""
        count, middle = shapes.shape[1], shapes.mean(axis=1)
        centred = shapes - middle[:, None]
        spread = (centred**2).sum(axis=1)
        return cls(middle, centred, spread, (1 + 1 / count + middle**2 / spread) / (count - 1), -np.log(spread) / 2)


@lru_cache(maxsize=256)
def shapes_of(steps: tuple[int, ...], count: int) -> Shapes:
    """The power laws of training in so many steps, at the first `count` checkpoints."""
    power = (np.array(steps) / steps[0]) ** -np.geomspace(0.1, 4, 12)[:, None]
    return Shapes.of(((power - power[:, -1:]) / np.maximum(1 - power[:, -1:], 1e-9))[:, :count])


@dataclass(frozen=True)
class Extrapolation:
    """One trial after the other, until the budget is spent.

    A curve is final score - rise · shape(n) after n steps, where the shape is a power of n scaled to run from 1 at the
    first checkpoint to 0 at the last, plus noise: independent, normal, of the same variance at every checkpoint. A
    priori all final scores are equally likely, and so are all rises and falls, and the exponents of a grid. A power law
    rises fastest at its beginning: a curve that is flat first and rises later is misjudged while it is flat.

    Args:
        delta: stop at a smaller probability than this that the final score is above the best score of other trials.
        points: checkpoints before the first judgement, at least three.
        noise: the expected standard deviation of the noise, in units of the score, above 0; it counts as one
            checkpoint does.
    """

    delta: float = 0.05
    points: int = 4
    noise: float = 0.01
    tried: ClassVar[tuple[dict[str, object], ...]] = ({},)  # by `advise`

    def __post_init__(self) -> None:
        check_number("Extrapolation: delta", self.delta, least=0, most=1)
        check_number("Extrapolation: points", self.points, whole=True, least=3)
        check_number("Extrapolation: noise", self.noise, above=0)

    def __call__(self, campaign: Campaign) -> Trial:
        bar = -inf
        while campaign.remaining > 0 and campaign.unstarted:
            trial = campaign.start()
            seen: list[float] = []
            while not trial.complete:
                seen.append(trial.advance().score)
                if len(seen) >= max(3, self.points) and trial.best.score <= bar and not trial.complete:
                    if self.chance(np.array(seen), shapes_of(campaign.steps, len(seen)), bar) < self.delta:
                        break
            bar = max(bar, trial.best.score)
        # The pool is empty: what is left of the budget goes to the best of those stopped.
        stopped = [trial for trial in ranked(campaign.trials) if not trial.complete]
        campaign.advance(stopped, campaign.checkpoints_per_trial)
        return ranked(campaign.trials)[0]

    def chance(self, score: np.ndarray, shapes: Shapes, bar: float) -> float:
        """Probability that a trial of this score [checkpoints] ends above the bar.

        For each shape a linear regression, and so Student's t; the shapes are weighted by their marginal likelihood.
        """
        from scipy.special import stdtr

        mean, freedom = score.sum() / len(score), len(score) - 1  # two unknowns, and one for the prior of the noise
        deviation = score - mean
        slope = shapes.centred @ deviation / shapes.spread
        final = mean - slope * shapes.middle
        misfit = ((deviation - slope[:, None] * shapes.centred) ** 2).sum(axis=1) + self.noise**2
        log_weight = shapes.log_weight - np.log(misfit) * (freedom / 2)
        weight = np.exp(log_weight - log_weight.max())
        at = (final - bar) / np.sqrt(misfit * shapes.variance)
        return float(weight @ stdtr(freedom, at) / weight.sum())


strategy = Extrapolation()
