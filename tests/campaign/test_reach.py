"""What a strategy cannot do: call for ever, or reach what it was not shown."""

import gc
import weakref
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import BuiltinMethodType, MethodType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedbench import BudgetSpent, PoolExhausted, Trial, TrialComplete
from seedbench.campaign import open_campaign
from seedbench.campaign.rules import IDLE_CALLS
from seedbench.errors import StrategyStopped
from seedbench.replay import Deadline, PoolSize, RecordedTrials, prepare, run_campaign
from seedbench.strategy import load_strategy
from tests.campaign.grid import Grid, opened
from tests.synthetic import additive_predictions, table_by_hand

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
