"""Thompson sampling: a bandit whose arms are the rows of the seed grid, its columns, or the trials themselves.

Source: Thompson 1933, "On the Likelihood that One Unknown Probability Exceeds Another in View of the Evidence of Two
Samples", Biometrika 25; with the normal priors of Agrawal and Goyal 2013, "Further Optimal Regret Bounds for Thompson
Sampling", arXiv 1209.3353. They know the range of rewards beforehand; here rewards are standardised by those so far.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seedbench import Campaign, PoolExhausted, Trial, check_choice

SEEDS = {"rows": "weight_init_seed", "columns": "data_order_seed"}
Play = tuple[int, int, float]  # arm, checkpoint at which it ended, score there


@dataclass(frozen=True)
class Thompson:
    """Draws a value for every arm from its posterior and plays the arm with the highest, until the budget is spent.

    Args:
        over: the arms. "rows": weight-init seeds; to play one is to train a fresh trial of it to the end, and the
            reward is its best score. "columns": data-order seeds, likewise. "trials": the trials begun, and a fresh
            one; to play one is to train it to its next checkpoint, and the reward is the score there.
    """

    over: str = "rows"
    tried: ClassVar[tuple[dict[str, object], ...]] = ({}, {"over": "columns"})  # by `advise`

    def __post_init__(self) -> None:
        check_choice("Thompson: over", self.over, (*SEEDS, "trials"))

    def __call__(self, campaign: Campaign) -> Trial:
        if self.over == "trials":
            play_trials(campaign)
        else:
            play_seeds(campaign, SEEDS[self.over], campaign.grid[list(SEEDS).index(self.over)])
        return max(campaign.trials, key=lambda trial: trial.best.score)


def play_seeds(campaign: Campaign, seed: str, arms: int) -> None:
    plays: list[Play] = []
    playable = np.ones(arms, dtype=bool)
    while campaign.remaining > 0 and campaign.unstarted:
        arm = int(np.where(playable, draws(campaign.rng, arms, plays), -np.inf).argmax())
        try:
            trial = campaign.start(**{seed: arm})
        except PoolExhausted:
            playable[arm] = False
            continue
        campaign.advance([trial], campaign.checkpoints_per_trial)
        plays.append((arm, 0, trial.best.score))


def play_trials(campaign: Campaign) -> None:
    plays: list[Play] = []
    trials: list[Trial] = []
    while campaign.remaining > 0:
        playable = [not trial.complete for trial in trials] + [campaign.unstarted > 0]
        if not any(playable):
            break
        arm = int(np.where(playable, draws(campaign.rng, len(playable), plays), -np.inf).argmax())
        if arm == len(trials):
            trials.append(campaign.start())
        checkpoint = trials[arm].advance()
        plays.append((arm, checkpoint.index, checkpoint.score))


def draws(rng: np.random.Generator, arms: int, plays: list[Play]) -> np.ndarray:
    """From each arm's posterior a value: normal with mean sum / (n + 1) and variance 1 / (n + 1) after n rewards.

    A reward is the score of a play, standardised among the plays that ended at the same checkpoint.
    """
    arm, checkpoint, score = np.array(plays).reshape(-1, 3).T
    number, at = arm.astype(int), checkpoint.astype(int)
    count = np.bincount(at)
    deviation = score - (np.bincount(at, score) / count)[at]
    spread = np.sqrt(np.bincount(at, deviation**2) / count)[at]
    rewards = np.bincount(number, deviation / np.maximum(spread, 1e-9), minlength=arms)
    plays_and_one = np.bincount(number, minlength=arms) + 1
    return rng.normal(rewards / plays_and_one, 1 / np.sqrt(plays_and_one))


strategy = Thompson()
