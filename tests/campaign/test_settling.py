"""What a campaign keeps in the end."""

from contextlib import suppress

import numpy as np
import pytest

from seedbench import BudgetSpent, Checkpoint, TrialComplete
from seedbench.errors import InvalidReturn
from tests.campaign.grid import opened


def test_settling_keeps_what_was_returned():
    campaign, settle, _ = opened(budget=3)
    a, b = campaign.start(), campaign.start(1, 2)
    a.advance(), b.advance(), b.advance()
    assert settle(a) == (0, 0, 0, 25, 2, 3)
    assert settle(b) == (1, 2, 1, 25, 2, 3)
    assert settle(b.checkpoints[0]) == (1, 2, 0, 25, 2, 3)
    assert settle(None) == (1, 2, 1, 25, 2, 3)  # the best seen


def foreign_trial(campaign):
    other = opened().campaign.start()
    other.advance()
    return other


def forged(campaign, index):
    checkpoint = Checkpoint()
    checkpoint.trial, checkpoint.index = campaign.trials[0], index
    return checkpoint


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda campaign: 0.93, "returned 0.93; a strategy returns a Trial, a Checkpoint or None"),
        (lambda campaign: True, "returned True; "),
        (lambda campaign: "best", "returned 'best'; "),
        (lambda campaign: [campaign.trials[0]], "returned a list; "),
        (lambda campaign: np.zeros(3), "returned a ndarray; "),
        (lambda campaign: campaign, "returned a Campaign; "),
        (foreign_trial, "data_order_seed=0>, which is not of this campaign or without a"),
        (lambda campaign: foreign_trial(campaign).checkpoints[0], "returned a checkpoint that was not paid for in"),
        (
            lambda campaign: campaign.start(),
            "data_order_seed=1>, which is not of this campaign or without a",
        ),
        (lambda campaign: forged(campaign, 1), "returned a checkpoint that was not paid for in this"),
    ],
)
def test_anything_else_is_refused(returned, message):
    campaign, settle, _ = opened()
    campaign.start().advance()
    with pytest.raises(InvalidReturn) as caught:
        settle(returned(campaign))
    assert message in str(caught.value)


@pytest.mark.parametrize("returned", [lambda campaign: None, lambda campaign: campaign.start(), lambda campaign: 1])
def test_who_paid_for_nothing_keeps_nothing(returned):
    campaign, settle, _ = opened()
    with pytest.raises(InvalidReturn, match="paid for no checkpoint, so there is none to keep"):
        settle(returned(campaign))


def test_tampering_with_the_objects_buys_nothing():
    campaign, settle, _ = opened(budget=1, scores=lambda row, column, index: (0.5, 0.9, 0.1)[index])
    trial = campaign.start()
    first, second = trial.advance(), trial.advance()
    trial.complete, trial.weight_init_seed, trial.data_order_seed = True, 1, 2
    campaign.budget = 1000
    first.score, first.index, second.index = 2.0, 2, 2
    assert settle(trial) == (0, 0, 1, 15, 1, 2)
    assert settle(first) == (0, 0, 0, 15, 1, 2)
    trial.checkpoints.append(forged(campaign, 2))
    with pytest.raises(InvalidReturn, match="was not paid for in this campaign"):
        settle(trial.checkpoints[2])
    assert settle(trial) == settle(None) == (0, 0, 1, 15, 1, 2)
    trial._best = trial.checkpoints[2]
    with pytest.raises(InvalidReturn, match="was not paid for in this campaign"):
        settle(trial)
    with pytest.raises(AttributeError):
        trial.checkpoints = [forged(campaign, 2)]
    with pytest.raises(AttributeError):
        campaign.remaining = 5
    with pytest.raises(BudgetSpent):
        campaign.start(1, 1).advance(), campaign.start(1, 0).advance()


def test_a_trial_that_is_told_it_has_no_best_is_not_started_twice():
    campaign, settle, _ = opened(budget=3, steps=range(1, 13))
    trial = campaign.start()
    trial.advance()
    for _ in range(2):
        trial._best = None
        campaign.advance([trial], 5)
    assert campaign.trials == (trial,)
    assert settle(trial) == (0, 0, 10, 11, 1, 11)


class Swaying(int):
    """-8 where it is compared or added, and 8 where it is an index."""

    def __index__(self):
        return 8


@pytest.mark.parametrize("count", [-8, Swaying(-8)])
def test_what_was_paid_is_not_paid_out_again(count):
    campaign, _, _ = opened(budget=1, steps=range(1, 9))
    trial = campaign.start()
    campaign.advance([trial], 8)
    with suppress(ValueError, TrialComplete):
        campaign._train(trial, count)
    assert campaign.remaining == 0


def test_a_trial_whose_best_is_no_checkpoint_is_counted_as_started():
    campaign, settle, _ = opened(budget=2, steps=range(1, 9))
    trial, other = campaign.start(), campaign.start()
    trial._best = "the best there is"
    with pytest.raises(AttributeError):
        campaign.advance([trial], 8)
    assert settle(campaign.advance([other], 8)[0]).trials_started == 2


def test_a_checkpoint_moved_to_another_trial_stays_what_was_paid_for():
    """Two trials at their first checkpoint: the second's, filed as the first's second, is still the second's first."""
    campaign, settle, _ = opened(budget=1)
    winner, loser = campaign.start(0, 0), campaign.start(1, 1)
    winner.advance()
    moved = loser.advance()
    winner.checkpoints.append(loser.checkpoints.pop())
    moved.trial, moved.index = winner, 1
    assert settle(moved)[:3] == (1, 1, 0)
    assert settle(winner)[:3] == (0, 0, 0)


def test_a_trial_kept_from_an_earlier_campaign_cannot_be_advanced():
    campaign, _, close = opened(budget=1)
    trial = campaign.start()
    trial.advance()
    close()
    with pytest.raises(InvalidReturn, match="a trial of an earlier campaign"):
        trial.advance()
