"""A campaign's rules, on a source whose every number can be told in advance."""

from copy import copy, deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedbench import BudgetSpent, Campaign, Checkpoint, PoolExhausted, TrialComplete, UnknownCell
from seedbench.campaign import Measurements, open_campaign, shown_loss
from tests.campaign.grid import Grid, opened


def test_a_checkpoint_says_what_was_measured_and_what_it_cost():
    campaign = opened(budget=2).campaign
    assert isinstance(campaign, Campaign)
    assert (campaign.budget, campaign.grid, campaign.checkpoints_per_trial, campaign.majority_score) == (
        2,
        (2, 3),
        3,
        0.5,
    )
    assert (campaign.remaining, campaign.unstarted, campaign.trials, campaign.history) == (2.0, 6, (), ())
    trial = campaign.start()
    assert (trial.weight_init_seed, trial.data_order_seed, trial.checkpoints, trial.complete) == (0, 0, [], False)
    assert (campaign.remaining, campaign.unstarted, campaign.trials) == (2.0, 5, ())  # starting is free
    first, second = trial.advance(), trial.advance()
    assert isinstance(first, Checkpoint)
    assert (second.trial, second.index, second.step, second.fraction) == (trial, 1, 15, 0.5)
    assert (second.score, second.validation_loss, second.train_loss) == (0.2, 0.0, 1.0)
    assert trial.checkpoints == [first, second] and trial.best is second and campaign.trials == (trial,)
    assert campaign.remaining == (60 - 15) / 30
    trial.advance()
    assert trial.complete and campaign.remaining == 1.0


def test_an_advance_that_would_overspend_is_not_charged_and_not_trained():
    source = Grid(steps=(10, 15, 30))
    campaign = open_campaign(source, 1, rng=None).campaign
    a, b = campaign.start(), campaign.start()
    a.advance(), a.advance(), b.advance()  # 15 + 10 of 30 steps
    with pytest.raises(BudgetSpent, match="costs 15 steps, and 5 are left"):
        a.advance()
    assert campaign.remaining == 5 / 30 and source.trained == 3 and len(a.checkpoints) == 2
    b.advance()  # 5 more still fit
    assert campaign.remaining == 0 and b.checkpoints[-1].step == 15


def test_the_end_of_a_trial_is_an_error_of_its_own_even_with_nothing_left():
    campaign = opened(budget=1).campaign
    trial = campaign.start()
    for _ in range(3):
        trial.advance()
    with pytest.raises(TrialComplete, match="is complete; check trial.complete"):
        trial.advance()
    with pytest.raises(BudgetSpent):
        campaign.start().advance()


def test_cells_are_asked_for_by_label():
    campaign = opened(budget=6).campaign
    corner = campaign.start(weight_init_seed=1, data_order_seed=2)
    assert (corner.weight_init_seed, corner.data_order_seed) == (1, 2)
    assert campaign.start(1, 2) is corner and campaign.unstarted == 5
    assert [
        (t.weight_init_seed, t.data_order_seed)
        for t in (campaign.start(weight_init_seed=1), campaign.start(data_order_seed=1))
    ] == [
        (1, 0),
        (0, 1),
    ]
    with pytest.raises(UnknownCell):
        campaign.start(weight_init_seed=7)
    assert campaign.unstarted == 3
    for _ in range(3):
        campaign.start()
    with pytest.raises(PoolExhausted):
        campaign.start()
    assert campaign.start(1, 2) is corner


def test_trials_are_those_with_a_checkpoint_in_the_order_of_the_first_payment():
    campaign = opened(budget=6).campaign
    a, b, c = (campaign.start() for _ in range(3))
    c.advance(), a.advance(), c.advance()
    assert campaign.trials == (c, a)
    with pytest.raises(ValueError, match="has no best checkpoint: advance it first"):
        _ = b.best


def test_ties_go_to_the_earliest():
    campaign, settle, _ = opened(budget=6, scores=lambda row, column, index: (0.3, 0.8, 0.8)[index])
    a, b = campaign.start(), campaign.start()
    for _ in range(3):
        b.advance(), a.advance()
    assert a.best is a.checkpoints[1]
    assert settle(a)[:3] == (0, 0, 1)
    assert settle(None)[:3] == (0, 1, 1)  # b was paid for first


# --- several together -------------------------------------------------------------------------------------------------


def test_what_is_known_of_the_task():
    campaign = opened().campaign
    known = (campaign.majority_score, campaign.metric, campaign.dev_examples, campaign.labels)
    assert known == (0.5, "accuracy", 277, 2)


def test_several_trials_advance_together_and_each_ends_at_its_own_end():
    campaign, settle, _ = opened(budget=3)  # of three checkpoints, at steps 10, 15, 30
    a, b = campaign.start(), campaign.start()
    b.advance(), b.advance()
    reached = campaign.advance([b, a], 2)
    assert [(checkpoint.trial, checkpoint.step) for checkpoint in reached] == [(b, 30), (a, 15)]
    assert b.complete and not a.complete
    assert settle(None).steps_spent == 45
    assert campaign.advance([]) == ()
    with pytest.raises(TypeError, match=r"takes a list of trials, as campaign.advance\(\[trial\], 3\); found a trial"):
        campaign.advance(a, 1)
    assert settle(None).steps_spent == 45


def test_together_costs_and_shows_what_one_after_the_other_does():
    seen = []
    for together in (True, False):
        campaign, settle, _ = opened(budget=2, rows=2, columns=3)
        trials = [campaign.start() for _ in range(4)]
        try:
            if together:
                campaign.advance(trials, 2)
            else:
                for trial in trials:
                    trial.advance(), trial.advance()
        except BudgetSpent:
            pass
        shown = [[(c.index, c.score, c.validation_loss) for c in trial.checkpoints] for trial in trials]
        seen.append((shown, campaign.remaining, settle(None)))
    assert seen[0] == seen[1]
    assert [len(shown) for shown in seen[0][0]] == [2, 2, 2, 2]


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(st.integers(1, 5), min_size=1, max_size=12),
    budget=st.integers(1, 4),
    scores=st.lists(st.sampled_from([0.1, 0.5, 0.5, 0.9]), min_size=12, max_size=12),
    moves=st.lists(st.tuples(st.sets(st.integers(0, 5), max_size=4), st.integers(1, 13), st.booleans()), max_size=8),
)
def test_many_checkpoints_at_once_are_those_one_after_the_other(steps, budget, scores, moves):
    """Where they are looked at in between, too, and after the money has ended."""

    def run(advance):
        source = Grid(steps=np.cumsum(steps).tolist(), scores=lambda row, column, index: scores[index - row - column])
        campaign, settle, _ = open_campaign(source, budget, rng=None)
        trials, log = [campaign.start() for _ in range(6)], []
        held = trials[0].checkpoints  # grows as the trial does
        for chosen, count, look in moves:
            together = [trials[number] for number in chosen if not trials[number].complete]
            try:
                log.append([(point.trial, point.index) for point in advance(campaign, together, count)])
            except BudgetSpent as error:
                log.append(str(error))
            if look:
                log.append([[known(point) for point in trial.checkpoints] for trial in trials])
            log.append((campaign.remaining, source.trained, [trial.complete for trial in trials]))
            log.append([trial.best.index for trial in campaign.trials])
        assert held is trials[0].checkpoints
        for trial in campaign.trials:
            assert trial.best is trial.checkpoints[trial.best.index]
            log.append([known(point) for point in trial.checkpoints])
        if campaign.trials:
            log += [settle(None), settle(campaign.trials[-1]), settle(campaign.trials[0].checkpoints[-1])]
        return [repr(one) for one in log]

    def known(point):
        shown = (point.score, point.validation_loss, point.train_loss, point.repeated)
        return point.index, point.step, point.fraction, *shown

    def one_after_the_other(campaign, trials, count):
        reached = []
        for trial in trials:
            left = min(count, campaign.checkpoints_per_trial - len(trial.checkpoints))
            reached.append([trial.advance() for _ in range(left)][-1])
        return reached

    assert run(lambda campaign, trials, count: campaign.advance(trials, count)) == run(one_after_the_other)


def test_a_checkpoint_is_the_same_object_whenever_it_is_asked_for():
    campaign = opened(budget=6, steps=range(1, 9), scores=lambda row, column, index: -abs(index - 3)).campaign
    trial = campaign.start()
    (last,) = campaign.advance([trial], 6)
    assert (trial.best.index, last.index) == (3, 5)
    assert trial.checkpoints[3] is trial.best and trial.checkpoints[5] is last
    assert trial.checkpoints is trial.checkpoints and len(trial.checkpoints) == 6
    assert all(checkpoint.trial is trial for checkpoint in trial.checkpoints)


@pytest.mark.parametrize("copied", [copy, deepcopy])
def test_a_copy_of_a_trial_has_its_checkpoints(copied):
    campaign = opened(budget=6, steps=range(1, 9)).campaign
    trial = campaign.start()
    campaign.advance([trial], 6)
    assert [checkpoint.index for checkpoint in copied(trial).checkpoints] == [0, 1, 2, 3, 4, 5]


def test_a_source_that_fails_leaves_what_it_measured_before():
    class Failing(Grid):
        def training_of(self, row, column):
            yield from [Measurements(0.1, 1.0, 1.0), Measurements(0.9, 1.0, 1.0), Measurements(0.2, 1.0, 1.0)]
            raise RuntimeError("the machine is on fire")

    campaign, settle, _ = open_campaign(Failing(steps=range(1, 9)), 2, rng=None)
    trial = campaign.start()
    with pytest.raises(RuntimeError, match="on fire"):
        campaign.advance([trial], 8)
    assert [checkpoint.score for checkpoint in trial.checkpoints] == [0.1, 0.9, 0.2]
    assert not trial.complete and settle(trial)[:3] == (0, 0, 1)


@pytest.mark.parametrize("hashed", [True, False])
def test_what_a_strategy_puts_around_a_trial_is_trained_as_the_trial_is(hashed):
    class Around:
        __hash__ = object.__hash__ if hashed else None  # a dataclass with its own == has none

        def __init__(self, trial):
            self._trial = trial

        def __getattr__(self, name):
            return getattr(self._trial, name)

    campaign = opened(budget=6, steps=range(1, 9)).campaign
    around = Around(campaign.start())
    (last,) = campaign.advance([around], 6)
    assert (last.index, len(around.checkpoints), campaign.remaining) == (5, 6, 6 - 6 / 8)


def test_where_the_money_ends_those_before_are_trained_and_paid():
    campaign, settle, _ = opened(budget=1)  # 30 steps: two trials to the first checkpoint, and 10 left
    trials = [campaign.start() for _ in range(4)]
    with pytest.raises(BudgetSpent):
        campaign.advance(trials)
    assert [len(trial.checkpoints) for trial in trials] == [1, 1, 1, 0]
    assert settle(None).steps_spent == 30 and settle(None).validations == 3


def test_what_cannot_be_advanced_together_trains_nothing():
    campaign = opened(budget=3).campaign
    a, b = campaign.start(), campaign.start()
    campaign.advance([a], 3)
    for trials, count, error in (([b, a], 1, TrialComplete), ([b, b], 1, ValueError), ([b], 0, ValueError)):
        with pytest.raises(error):
            campaign.advance(trials, count)
    assert b.checkpoints == []


def test_what_only_repeats_is_no_validation():
    class Ending(Grid):
        def training_of(self, row, column):
            measured = [(0.3, False), (0.4, False), (0.4, True)]
            return iter([Measurements(score, 1.0, 1.0, repeated) for score, repeated in measured])

    campaign, settle, _ = open_campaign(Ending(), 2, rng=None)
    trial = campaign.start()
    campaign.advance([trial], 3)
    assert [checkpoint.repeated for checkpoint in trial.checkpoints] == [False, False, True]
    assert trial.complete and trial.best is trial.checkpoints[1]
    assert settle(trial) == (0, 0, 1, 30, 1, 2)


def test_losses_have_three_significant_digits():
    exact = [0.123456, 0.0987654, 1.005, 12.345, 2345.6, 0.0, np.nan, np.inf, 0.6994999]
    assert shown_loss(exact).tolist()[:6] == [0.123, 0.0988, 1.0, 12.3, 2350.0, 0.0]
    assert np.isnan(shown_loss(exact)[6]) and shown_loss(exact)[7] == np.inf and shown_loss(exact)[8] == 0.699
    assert float(shown_loss(np.float32(0.123456))) == 0.123
