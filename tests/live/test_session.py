"""Ask and tell: what a session asks for is what a replay looks up, also after it was saved; trials that fail."""

from __future__ import annotations

import io
import math
import random
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from seedbench.campaign import shown_loss
from seedbench.errors import LiveError
from seedbench.live import Generators, LiveOptions, Measurement, Request, Session, run_live, stopping_words, train_for
from seedbench.live.contract import Failed
from seedbench.live.log import make_plan, read_log, write_log
from seedbench.strategy import load_strategy
from seedbench.trialset import TrialTable
from tests.live.conftest import CHECKPOINTS, GRID, NAME, SEED
from tests.live.sessions import file_of, open_session, replayed, seeds_of
from tests.processes import until

STRATEGIES = ["full_trials", "asha", "hyperband", "successive_halving", "start_many", "median_stopping", "BY_ROW"]


def lived(session: Session) -> tuple[list[tuple], tuple[int, int, int]]:
    paid = []
    for number, index in session.payments:
        trial = session.trials[number - 1]
        one = trial.measured[index]
        losses = (float(shown_loss(loss)) for loss in (one.validation_loss, one.train_loss))
        paid.append((trial.weight_init_seed, trial.data_order_seed, index, one.score, *losses))
    kept = session.kept
    return paid, (kept.trial.weight_init_seed, kept.trial.data_order_seed, kept.checkpoint)


def stored(paid: list[tuple]) -> list[tuple]:
    """Losses as a trial set has them: float32, then three digits."""
    return [(*one[:4], *(pytest.approx(loss, rel=1e-2) for loss in one[4:])) for one in paid]


@pytest.mark.parametrize("in_memory", [1, 3])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_replay_equals_life(strategy, in_memory, recorded, training, tmp_path) -> None:
    strategy = file_of(strategy, tmp_path)
    expected, kept = replayed(strategy, recorded)
    session = open_session(strategy, tmp_path / "runs")
    train_for(session, Generators(training.train, in_memory))
    paid, kept_live = lived(session)
    assert paid == stored(expected)
    assert kept_live == kept
    assert session.steps_spent == len(paid)


def test_a_generator_that_does_not_get_on_has_failed(tmp_path) -> None:
    """One that yields the same step for ever is told so, and closed."""
    closed = []

    def train(run):
        try:
            while True:
                yield Measurement(1, 0.5)
        finally:
            closed.append(run)

    session = open_session("full_trials", tmp_path / "runs")
    workers, request = Generators(train, 1), session.ask()
    workers.start(request)
    workers.start(replace(request, checkpoint=1))
    (_, first), (_, second) = workers.wait() + workers.wait()
    assert (first.step, second) == (1, Failed("ValueError: train(run) yielded step 1 after step 1: steps must ascend"))
    assert len(closed) == 1
    session.close()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_answers_in_any_order_and_reloads_at_any_time_change_nothing(strategy, recorded, tmp_path) -> None:
    """What is open together is told in a random order; and before each answer the session is loaded from its log."""
    strategy = file_of(strategy, tmp_path)
    expected, kept = replayed(strategy, recorded)
    rng = random.Random(0)
    session = open_session(strategy, tmp_path)
    together = 0
    while waiting := session.open():
        together = max(together, len(waiting))
        session.save(tmp_path / "log.jsonl")
        session.close()
        session = Session.load(tmp_path / "log.jsonl", strategy, folder=tmp_path)
        assert session.open() == waiting
        answer(session, rng.choice(waiting), recorded)
    paid, kept_live = lived(session)
    assert paid == stored(expected) and kept_live == kept
    assert together > 1 or strategy in ("asha", "median_stopping", str(tmp_path / "by_row.py"))


def answer(session: Session, request: Request, table: TrialTable) -> None:
    trial = next(
        trial
        for trial in range(table.num_trials)
        if seeds_of(table, trial) == (request.weight_init_seed, request.data_order_seed)
    )
    at = trial, request.checkpoint
    session.tell(
        request,
        score=table.score[at],
        validation_loss=float(table.validation_loss[at]),
        train_loss=float(table.train_loss[at]),
    )


def test_a_plain_loop_of_ask_and_tell(recorded, tmp_path) -> None:
    session = open_session("start_many", tmp_path)
    while request := session.ask():
        assert request.folder == tmp_path / f"wi{request.weight_init_seed}-do{request.data_order_seed}"
        assert request.measured == tuple(session.trials[request.trial - 1].measured[: request.checkpoint])
        answer(session, request, recorded)
    assert lived(session)[1] == replayed("start_many", recorded)[1]
    assert session.ask() is None


def test_what_is_open_is_asked_for_once_and_told_once(tmp_path) -> None:
    """Full trials on a budget of 4 train four trials together, each to its end."""
    session = open_session("full_trials", tmp_path)
    requests = [session.ask() for _ in range(4)]
    assert [(request.trial, request.checkpoint) for request in requests] == [(1, 0), (2, 0), (3, 0), (4, 0)]
    with pytest.raises(LiveError, match="4 requests are open; tell the session"):
        session.ask()
    session.tell(requests[2], score=0.5)
    again = session.ask()
    assert (again.trial, again.checkpoint, [one.score for one in again.measured]) == (3, 1, [0.5])
    with pytest.raises(LiveError, match="is not open; tell what session.ask returned, once"):
        session.tell(requests[2], score=0.5)
    with pytest.raises(LiveError, match="give score=, or ended=True, or failed="):
        session.tell(again)
    with pytest.raises(LiveError, match=r"session\.tell: None is not open; tell what session.ask returned, once"):
        session.tell(None, score=0.5)
    session.close()


def test_steps_are_the_price_where_they_are_given(tmp_path) -> None:
    """Two checkpoints at steps 3 and 10, a budget of one trial: the first of four trials costs 3 of 10 each."""
    (tmp_path / "s.py").write_text("def strategy(campaign):\n    while True:\n        campaign.start().advance()\n")
    session = open_session(tmp_path / "s.py", tmp_path, budget=1, checkpoints=[3, 10])
    while request := session.ask():
        session.tell(request, score=0.5)
    assert (len(session.trials), session.steps_spent) == (3, 9)


def test_an_interrupted_call_goes_on(training, tmp_path) -> None:
    """Ctrl-C in the middle of a training in this process, at its seventh validation point; then the same call."""
    calls = []

    def train(run):
        for measured in training.train(run):
            calls.append(measured)
            if len(calls) == 7:
                raise KeyboardInterrupt
            yield measured

    def call(name: str, how):
        options = LiveOptions(how, CHECKPOINTS, 2, tmp_path / name, grid=GRID, seed=SEED, name=NAME)
        return run_live(load_strategy("start_many"), options, Console(file=io.StringIO()))

    train.__qualname__ = training.train.__qualname__
    with pytest.raises(KeyboardInterrupt):
        call("out", train)
    again, whole = call("out", training.train), call("whole", training.train)

    def without_times(report):
        kept = replace(report.kept, saved=None)
        return replace(report, kept=kept, trials=[replace(trial, seconds=0) for trial in report.trials])

    assert without_times(again) == without_times(whole)


# ---- trials that end early, or fail ----------------------------------------------------------------------------------


def seen_by_strategy(tmp_path: Path, outcome: dict[str, Any], **options: Any) -> list[tuple]:
    """A trial that measures 0.5 and 0.75 and then has this outcome, beside one whose lowest score is 0.25."""
    seen: list[Any] = []

    def strategy(campaign):
        other, trial = campaign.start(), campaign.start()
        for one in (other, trial):
            while not one.complete:
                one.advance()
        seen.extend((c.score, c.validation_loss, c.repeated) for c in trial.checkpoints)

    session = open_session(strategy, tmp_path, budget=2, checkpoints=4, **options)
    scores = {1: [0.25, 0.5, 0.5, 0.5], 2: [0.5, 0.75]}
    while request := session.ask():
        if request.checkpoint < len(scores[request.trial]):
            session.tell(request, score=scores[request.trial][request.checkpoint], validation_loss=1.0)
        else:
            session.tell(request, **outcome)
    return seen


def test_after_an_early_end_the_last_measurement_stands(tmp_path) -> None:
    seen = seen_by_strategy(tmp_path, {"ended": True})
    assert seen == [(0.5, 1.0, False), (0.75, 1.0, False), (0.75, 1.0, True), (0.75, 1.0, True)]


@pytest.mark.parametrize("outcome", [{"failed": "out of memory"}, {"score": math.nan}, {"score": -math.inf}])
def test_a_failed_trial_has_the_lowest_score_so_far(outcome, tmp_path) -> None:
    seen = seen_by_strategy(tmp_path, outcome)
    assert [one[0] for one in seen] == [0.5, 0.75, 0.25, 0.25] and [one[2] for one in seen] == [
        False,
        False,
        True,
        True,
    ]
    assert math.isnan(seen[2][1])
    seen = seen_by_strategy(tmp_path, outcome, failed_score=-3.0)
    assert [one[0] for one in seen] == [0.5, 0.75, -3.0, -3.0]


def test_a_training_that_never_works_ends_the_campaign(tmp_path) -> None:
    session = open_session("full_trials", tmp_path)
    with pytest.raises(LiveError, match="the first 3 trials failed before anything was measured: no GPU; that has"):
        while request := session.ask():
            session.tell(request, failed="no GPU")


def test_a_campaign_that_measured_nothing_has_failed(tmp_path) -> None:
    """Also one of fewer trials than three."""
    session = open_session("full_trials", tmp_path, budget=2)
    with pytest.raises(LiveError, match="the first 2 trials failed before anything was measured: no GPU; that has"):
        while request := session.ask():
            session.tell(request, failed="no GPU")
    with pytest.raises(LiveError, match="the campaign has not ended"):
        _ = session.kept


def test_numbers_of_numpy_are_told_and_a_loss_that_is_not_finite_is_unknown(tmp_path) -> None:
    """What is seen before a session is saved is what is seen after it is loaded."""
    session = open_session("full_trials", tmp_path, budget=1, checkpoints=1, log=tmp_path / "log.jsonl")
    session.tell(session.ask(), score=np.float32(0.5), step=np.int64(7), validation_loss=math.inf, saved=tmp_path)
    assert session.ask() is None
    assert repr(session.kept.measurement) == repr(Measurement(7, 0.5, saved=str(tmp_path)))
    again = Session.load(tmp_path / "log.jsonl", "full_trials")
    assert repr(again.kept.measurement) == repr(session.kept.measurement)


def test_an_interrupted_campaign_leaves_no_thread(tmp_path) -> None:
    def train(run):
        yield Measurement(1, 0.5)
        raise KeyboardInterrupt

    before = set(threading.enumerate())
    options = LiveOptions(train=train, checkpoints=3, budget=2, out=tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run_live(load_strategy("full_trials"), options, Console(file=io.StringIO()))
    until(lambda: set(threading.enumerate()) <= before, "no thread is left")  # rich does not wait for its own


def test_a_plan_is_the_same_as_it_is_read_again(tmp_path) -> None:
    """A grid as a list and a number without a point are what they are in the log: no other campaign."""
    options = {"budget": 1, "checkpoints": 2, "grid": [2, 3], "majority_score": 0, "metric": "accuracy"}
    plan = make_plan(load_strategy("full_trials"), seed=1, name=NAME, **options)
    write_log(tmp_path / "log.jsonl", plan, [])
    assert read_log(tmp_path / "log.jsonl") == (plan, []) and plan.grid == (2, 3)


def test_two_trials_that_fail_at_once_are_not_the_end(tmp_path) -> None:
    session = open_session("full_trials", tmp_path)
    while request := session.ask():
        session.tell(request, **({"failed": "NaN"} if request.trial < 3 else {"score": 0.5}))
    assert session.kept.trial.number == 3 and session.kept.measurement.score == 0.5


@pytest.mark.parametrize(
    ("spent", "said"),
    [
        (4.0, "would have cost 12.00 full trials: stopping left out 67% of that, not of the budget."),
        (12.0, "would have cost 12.00 full trials, which is what was spent."),
    ],
)
def test_what_stopping_left_out_is_no_part_of_the_budget(spent, said) -> None:
    assert stopping_words(spent, 12.0) == f"Trained to the end, all that were started {said}"
