"""What a strategy can get wrong, and what is none of its faults."""

import time
from contextlib import suppress

import pytest

from seedbench import StrategyFailed
from seedbench.replay import ReplayOptions, replay_one
from tests.replay.small import additive, full_trials, run, three_by_three


def raises(campaign):
    campaign.start().advance()
    raise ValueError("two\nlines")


def leaves(campaign):
    campaign.start().advance()
    raise SystemExit("bye")


def swallows_everything(campaign):
    trial = campaign.start()
    while True:
        with suppress(BaseException):
            trial.advance()


def swallows_exceptions(campaign):
    while True:
        with suppress(Exception):
            campaign.start().advance()


def never_returns(campaign):
    campaign.start().advance()
    while True:
        pass


def sleeps(campaign):
    campaign.start().advance()
    time.sleep(1000)


@pytest.mark.parametrize(
    ("strategy", "reason"),
    [
        (raises, "strategy raises raised ValueError: two lines"),
        (leaves, "strategy leaves raised SystemExit: bye"),
        (lambda campaign: None, "strategy <lambda> paid for no checkpoint, so there is none to keep"),
        (lambda campaign: campaign.start(), "strategy <lambda> paid for no checkpoint"),
        (lambda campaign: campaign.start().advance().score, "; a strategy returns a Trial, a Checkpoint or None"),
        (
            lambda campaign: campaign.start(weight_init_seed=2),
            "raised UnknownCell: weight_init_seed must be a whole number from 0 to 1, found 2",
        ),
        (lambda campaign: [t.advance() for t in [campaign.start()] for _ in range(3)], "raised TrialComplete: "),
        (swallows_exceptions, "strategy swallows_exceptions made 10,000 calls in a row that paid for nothing"),
        (swallows_everything, "strategy swallows_everything ran for more than 0.3 seconds in one campaign"),
        (never_returns, "strategy never_returns ran for more than 0.3 seconds in one campaign"),
        (sleeps, "strategy sleeps ran for more than 0.3 seconds in one campaign"),
    ],
)
def test_a_campaign_without_a_result_says_which_and_why(strategy, reason):
    table = three_by_three()
    began = time.monotonic()
    with pytest.raises(StrategyFailed) as caught:
        run(strategy, table, time_limit=0.3)
    assert time.monotonic() - began < 10
    failed = caught.value
    assert reason in failed.reason and "\n" not in str(failed)
    assert (failed.table, failed.budget, failed.replicate) == ("mini/sst2/few", 1, 0)
    with pytest.raises(StrategyFailed) as again:
        replay_one(strategy, table, 1, 0, options=ReplayOptions(time_limit=0.3))
    assert str(again.value) == str(failed)


def test_the_author_s_own_lines_are_shown_and_no_others():
    with pytest.raises(StrategyFailed) as caught:
        run(raises, three_by_three())
    assert "in raises" in caught.value.frames and 'raise ValueError("two\\nlines")' in caught.value.frames
    assert "seedbench/run.py" not in caught.value.frames


def test_a_strategy_that_ends_with_the_budget_or_the_pool_has_ended_well():
    def until_the_end(campaign):
        while True:
            trial = campaign.start()
            while not trial.complete:
                trial.advance()

    table = additive(4, 4)
    by_budget = run(until_the_end, table, (2,))
    assert (by_budget.steps_spent == 2 * table.num_steps).all()

    def all_of_the_pool(campaign):
        while True:
            campaign.start().advance()

    by_pool = run(all_of_the_pool, table, (2,))
    assert (by_pool.trials_started == 9).all()


def test_an_object_is_built_anew_for_each_campaign():
    class Counts:
        def __init__(self):
            self.calls = 0

        def __call__(self, campaign):
            self.calls += 1
            assert self.calls == 1
            campaign.start().advance()

    run(Counts(), three_by_three())


def test_the_timer_that_was_there_before_is_there_again():
    import signal

    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 500)
    try:
        run(full_trials, three_by_three())
        assert 400 < signal.getitimer(signal.ITIMER_REAL)[0] <= 500
        assert signal.getsignal(signal.SIGALRM)(0, None) is None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
