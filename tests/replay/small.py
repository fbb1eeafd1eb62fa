"""Small tables and strategies whose replays can be worked out on paper."""

import numpy as np

from seedbench.replay import ReplayOptions, replay
from tests.scores import additive_scores, table_of


def three_by_three():
    """Every trial a score of its own, 0.1 ... 0.5; the test score is 1 less that of the dev set."""
    score = np.linspace(0.1, 0.5, 9).reshape(3, 3)
    found = np.stack([score, score + 0.1], axis=-1)
    return table_of(found, test=1 - found)


def additive(rows=4, columns=4, seed=0, **kind):
    rng = np.random.default_rng(seed)
    score = additive_scores(rows, columns, rng=rng)
    return table_of(score, test=score + rng.normal(0, 0.01, score.shape), **kind)


def full_trials(campaign):
    while campaign.remaining >= 1 and campaign.unstarted:
        campaign.advance([campaign.start()], campaign.checkpoints_per_trial)
    return max(campaign.trials, key=lambda trial: trial.best.score)


class First:
    """Trains the trial of two labels to its end."""

    def __init__(self, row=None, column=None):
        self.row, self.column = row, column

    def __call__(self, campaign):
        trial = campaign.start(self.row, self.column)
        while not trial.complete:
            trial.advance()
        return trial


def run(strategy, table, budgets=(1,), replicates=8, **options):
    (result,) = replay([strategy], [table], budgets, ReplayOptions(replicates=replicates, **options))
    return result.tables[0]


def unpacked(packed, seeds):
    return np.unpackbits(packed, axis=-1, count=seeds).astype(bool)
