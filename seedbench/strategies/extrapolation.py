"""Extrapolation: stop a trial once its curve so far makes it improbable that its end beats the best score there is.

Source: Domhan et al. 2015, "Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation
of Learning Curves", IJCAI: the rule, and its delta; the other parameters are ours. Of their eleven curves this has one,
the power law, whose posterior needs no sampling: it is exact, but for a grid of exponents.
"""

from dataclasses import dataclass
from math import inf
from typing import ClassVar

import numpy as np

from seedbench import Campaign, Trial, check_number, ranked


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
        training = np.array(campaign.steps) / campaign.steps[0]
        power = training ** -np.geomspace(0.1, 4, 12)[:, None]
        shapes = (power - power[:, -1:]) / np.maximum(1 - power[:, -1:], 1e-9)  # [exponents, checkpoints]
        bar = -inf
        while campaign.remaining > 0 and campaign.unstarted:
            trial = campaign.start()
            while not trial.complete:
                trial.advance()
                seen = [checkpoint.score for checkpoint in trial.checkpoints]
                if len(seen) >= max(3, self.points) and trial.best.score <= bar and not trial.complete:
                    if self.chance(np.array(seen), shapes[:, : len(seen)], bar) < self.delta:
                        break
            bar = max(bar, trial.best.score)
        # The pool is empty: what is left of the budget goes to the best of those stopped.
        stopped = [trial for trial in ranked(campaign.trials) if not trial.complete]
        campaign.advance(stopped, campaign.checkpoints_per_trial)
        return ranked(campaign.trials)[0]

    def chance(self, score: np.ndarray, shapes: np.ndarray, bar: float) -> float:
        """Probability that a trial of this score [checkpoints] ends above the bar; shapes [exponents, checkpoints].

        For each shape a linear regression, and so Student's t; the shapes are weighted by their marginal likelihood.
        """
        from scipy.special import stdtr

        count, middle = len(score), shapes.mean(axis=1)
        spread = ((shapes - middle[:, None]) ** 2).sum(axis=1)
        slope = (shapes - middle[:, None]) @ score / spread
        final = score.mean() - slope * middle
        misfit = ((score - final[:, None] - slope[:, None] * shapes) ** 2).sum(axis=1) + self.noise**2
        freedom = count - 1  # two unknowns, and one for the prior of the noise
        scale = np.sqrt(misfit / freedom * (1 + 1 / count + middle**2 / spread))
        log_weight = -np.log(spread) / 2 - np.log(misfit) * freedom / 2
        weight = np.exp(log_weight - log_weight.max())
        return float(weight @ stdtr(freedom, (final - bar) / scale) / weight.sum())


strategy = Extrapolation()
