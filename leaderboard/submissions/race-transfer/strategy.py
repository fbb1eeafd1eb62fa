"""Race: drop a trial as soon as it is worse, by a bound for the number of dev examples, than the best complete one was.

Source: Maron and Moore 1994, "Hoeffding Races: Accelerating Model Selection Search for Classification and Function
Approximation", NeurIPS 6, with the bound of Hoeffding 1963, "Probability Inequalities for Sums of Bounded Random
Variables", JASA 58(301). They race models on more and more examples; here all examples are there at every checkpoint,
and models are trained more and more. A bound is for the examples alone: a trial may still change its place by training.

A baseline: Hoeffding's bound is wide with a few hundred dev examples and hardly drops anybody, and the binomial one
drops those that rise late. On the bundled tables neither is better than best-of-n in the mean by more than a hundredth.
"""

from dataclasses import dataclass
from math import log, sqrt
from statistics import NormalDist
from typing import ClassVar

from seedbench import Campaign, Trial, check_choice, check_number, ranked


@dataclass(frozen=True)
class Race:
    """One trial after the other, until the budget is spent. Where the number of dev examples is unknown it drops none.

    Args:
        bound: of the difference of two scores. "hoeffding": holds whatever the examples have in common. "binomial": the
            normal approximation for two independent shares of right answers, which it takes scores for.
        confidence: with which a trial must be worse.
    """

    bound: str = "binomial"
    confidence: float = 0.95
    tried: ClassVar[tuple[dict[str, object], ...]] = ({}, {"bound": "hoeffding"})  # by `advise`

    def __post_init__(self) -> None:
        check_choice("Race: bound", self.bound, ("hoeffding", "binomial"))
        check_number("Race: confidence", self.confidence, least=0.5, most=0.999999)

    def __call__(self, campaign: Campaign) -> Trial:
        examples, quantile = campaign.dev_examples, NormalDist().inv_cdf(self.confidence)
        leader, pace = float("-inf"), [float("-inf")] * campaign.checkpoints_per_trial
        while campaign.remaining > 0 and campaign.unstarted:
            trial = campaign.start()
            curve: list[float] = []  # best so far
            for best in pace:
                score = trial.advance().score
                curve.append(max(score, curve[-1]) if curve else score)
                if examples and curve[-1] < best and best - curve[-1] > self.width(curve[-1], best, examples, quantile):
                    break
            else:
                if curve[-1] > leader:
                    leader, pace = curve[-1], curve
        # The pool is empty: what is left of the budget goes to the best of those stopped.
        stopped = [trial for trial in ranked(campaign.trials) if not trial.complete]
        campaign.advance(stopped, campaign.checkpoints_per_trial)
        return ranked(campaign.trials)[0]

    def width(self, one: float, other: float, examples: int, quantile: float) -> float:
        """By how much two scores of these examples must differ."""
        if self.bound == "hoeffding":  # differences of right answers lie between -1 and 1
            return sqrt(2 * log(1 / (1 - self.confidence)) / examples)
        return quantile * sqrt(sum(max(0.0, share * (1 - share)) for share in (one, other)) / examples)


strategy = Race()
