"""A campaign's rules, on a source whose every number can be told in advance."""

import gc
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import BuiltinMethodType, MethodType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedbench import BudgetSpent, Campaign, Checkpoint, PoolExhausted, Trial, TrialComplete, UnknownCell
from seedbench.campaign import Measurements, TaskFacts, open_campaign, shown_loss
from seedbench.campaign.ledger import IDLE_CALLS
from seedbench.errors import InvalidReturn, StrategyStopped
from seedbench.replay import Deadline, PoolSize, RecordedTrials, prepare, run_campaign
from seedbench.strategy import load_strategy
from tests.synthetic import additive_predictions, table_by_hand


class Grid:
    """A full grid, started row by row: trial (r, c) scores 0.1 r + 0.01 c at first, and 0.2 more at each checkpoint."""

    task = TaskFacts(0.5, "accuracy", 277, 2)

    def __init__(self, rows=2, columns=3, steps=(10, 15, 30), scores=None):
        self.grid, self.steps, self.unstarted = (rows, columns), list(steps), rows * columns
        self.left = [(row, column) for row in range(rows) for column in range(columns)]
        self.scores = scores or (lambda row, column, index: 0.1 * row + 0.01 * column + 0.2 * index)
        self.trained = 0

    def start(self, row, column):
        for cell in self.left:
            if row in (None, cell[0]) and column in (None, cell[1]):
                self.left.remove(cell)
                return *cell, self.training_of(*cell)
        raise PoolExhausted("no more") if row in (None, 0, 1) else UnknownCell(f"no row {row}")

    def training_of(self, row, column) -> Callable:
        done = iter(range(len(self.steps)))

        def train():
            self.trained += 1
            index = next(done)
            return Measurements(self.scores(row, column, index), 1.0 - index, 2.0 - index)

        return train


def opened(budget=2, **grid):
    return open_campaign(Grid(**grid), budget, rng=lambda: np.random.default_rng(0))


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
            done = iter([(0.3, False), (0.4, False), (0.4, True)])
            return lambda: (lambda score, repeated: Measurements(score, 1.0, 1.0, repeated))(*next(done))

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


# --- settling ---------------------------------------------------------------------------------------------------------


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
    trial.checkpoints = [forged(campaign, 2)]
    with pytest.raises(AttributeError):
        campaign.remaining = 5
    with pytest.raises(BudgetSpent):
        campaign.start(1, 1).advance(), campaign.start(1, 0).advance()


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


# --- limits -----------------------------------------------------------------------------------------------------------


def test_calls_that_never_pay_are_stopped_even_where_every_exception_is_caught():
    campaign = opened(budget=1).campaign
    trial = campaign.start()
    trial.advance(), trial.advance(), trial.advance()
    calls = 0
    with pytest.raises(StrategyStopped, match="made 10,000 calls in a row that paid for nothing"):
        while True:
            calls += 1
            with suppress(Exception):
                campaign.start(0, 0).advance()
    assert calls <= IDLE_CALLS


def test_asking_again_and_again_is_fine_as_long_as_something_is_paid_for():
    campaign = opened(budget=6, steps=tuple(range(1, 11))).campaign
    for _ in range(6):
        trial = campaign.start()
        while not trial.complete:
            for _ in range(IDLE_CALLS // 2):
                assert campaign.start(0, 0) is not None
            trial.advance()


def test_randomness_is_made_once_and_only_when_asked_for():
    made = []
    campaign = open_campaign(Grid(), 1, rng=lambda: made.append(1) or np.random.default_rng(5)).campaign
    assert made == []
    assert campaign.rng is campaign.rng and made == [1]
    assert campaign.rng.random() == np.random.default_rng(5).random()


@settings(max_examples=200, deadline=None)
@given(
    steps=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    budget=st.integers(1, 4),
    moves=st.lists(st.tuples(st.sampled_from(["start", "advance"]), st.integers(0, 5)), max_size=60),
)
def test_the_ledger_never_overspends_and_reveals_only_what_is_paid(steps, budget, moves):
    source = Grid(steps=np.cumsum(steps).tolist())
    campaign, settle, _ = open_campaign(source, budget, rng=None)
    total = budget * sum(steps)
    started: list[Trial] = []
    for move, number in moves:
        before = campaign.remaining
        try:
            if move == "start":
                started.append(campaign.start())
            elif started:
                started[number % len(started)].advance()
        except (BudgetSpent, TrialComplete, PoolExhausted):
            assert campaign.remaining == before
        spent = sum(trial.checkpoints[-1].step for trial in campaign.trials)
        assert 0 <= spent <= total
        assert campaign.remaining == pytest.approx((total - spent) / sum(steps))
        assert source.trained == sum(len(trial.checkpoints) for trial in started)
        assert campaign.unstarted == 6 - len(started)
    if campaign.trials:
        settled = settle(None)
        assert settled.steps_spent == spent and settled.trials_started == len(campaign.trials)
        best = max(c.score for trial in campaign.trials for c in trial.checkpoints)
        assert source.scores(*settled[:3]) == best


# --- what can be reached ----------------------------------------------------------------------------------------------


def reachable(*roots):
    """Everything that attributes (none with two underscores), items and keys lead to, without calling anything."""
    seen, pending = {}, list(roots)
    while pending:
        value = pending.pop()
        if id(value) in seen or isinstance(value, type):
            continue
        seen[id(value)] = value
        if isinstance(value, dict):
            pending += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset):
            pending += list(value)
        elif isinstance(value, MethodType | BuiltinMethodType):
            pending.append(value.__self__)
        if not isinstance(value, int | float | str | np.ndarray | memoryview | np.random.Generator):
            pending += [getattr(value, name, None) for name in dir(value) if not name.startswith("__")]
    return list(seen.values())


def test_no_attribute_leads_to_what_is_not_paid_for():
    table = table_by_hand(additive_predictions(3, 3, checkpoints=4, examples=20), [1, 0] * 10)
    seed = 987_654_321
    # Every unpaid number is one of a kind, so that it can be told when it is found.
    marks = np.random.default_rng(0).random((9, 4)) / 2
    table = replace(table, score=marks.copy(), test_score=marks + 0.5)
    block = prepare(table, seed=seed, replicates=range(2), size=PoolSize(3, 3, 9, diagonal=False))

    def numbers(found):
        return {round(value, 9) for value in found if isinstance(value, float)}

    def strategy(campaign):
        trial = campaign.start()
        paid = [trial.advance().score, trial.advance().score]
        found = reachable(campaign, trial, *trial.checkpoints)
        secret = numbers([*marks.ravel(), *(marks + 0.5).ravel()])
        assert numbers(found) & secret == numbers(paid)
        assert not any(isinstance(value, np.ndarray | memoryview | RecordedTrials | partial) for value in found)
        assert seed not in [value for value in found if isinstance(value, int)]
        # And the search does find what is not hidden.
        campaign._history = lambda: ({"records": [marks.ravel().tolist()]},)
        assert numbers(reachable(campaign)) >= numbers(marks.ravel())

    run_campaign(load_strategy(strategy), RecordedTrials(block, 0), 2, deadline=Deadline(0))


def test_a_closed_campaign_is_freed_at_once():
    gc.disable()
    try:
        campaign, settle, close = opened()
        trial = campaign.start()
        checkpoint = trial.advance()
        campaign.start()

        class Witness:
            pass

        witness = Witness()
        checkpoint.train_loss = witness
        gone = weakref.ref(witness)
        close()
        del campaign, settle, close, trial, checkpoint, witness
        assert gone() is None
    finally:
        gc.enable()
