"""Ask and tell: what a session asks for is what a replay looks up, also after it was saved and loaded."""

from __future__ import annotations

import io
import json
import math
import random
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from seedbench.campaign import Around, shown_loss
from seedbench.errors import LiveCampaignFailed, LiveError, StrategyFileError
from seedbench.live import Generators, LiveOptions, Measurement, Request, Session, run_live, stopping_words, train_for
from seedbench.live.contract import Failed
from seedbench.live.log import make_plan, read_log, write_log
from seedbench.replay import Deadline, RecordedTrials, run_campaign, whole_table
from seedbench.strategy import load_strategy
from seedbench.trialset import TrialTable
from tests.live.conftest import BUDGET, CHECKPOINTS, GRID, NAME, ROOT, SEED
from tests.processes import until

BY_ROW = """
def strategy(campaign):
    for row in campaign.rng.permutation(campaign.grid[0]):
        campaign.start(weight_init_seed=int(row)).advance()
    best = max(campaign.trials, key=lambda trial: trial.best.score)
    while True:
        trial = campaign.start(weight_init_seed=best.weight_init_seed)
        while not trial.complete:
            trial.advance()
"""
STRATEGIES = ["full_trials", "asha", "hyperband", "successive_halving", "start_many", "median_stopping", "BY_ROW"]


def open_session(strategy: Any, folder: Path, **options: Any) -> Session:
    given = {"budget": BUDGET, "checkpoints": CHECKPOINTS, "grid": GRID, "seed": SEED, "name": NAME, **options}
    return Session(strategy, folder=folder, **{"metric": "accuracy", **given})


def file_of(strategy: str, folder: Path) -> str:
    if strategy != "BY_ROW":
        return strategy
    (folder / "by_row.py").write_text(BY_ROW)
    return str(folder / "by_row.py")


def replayed(strategy: str, table: TrialTable) -> tuple[list[tuple], tuple[int, int, int]]:
    """What a replay with nothing held back pays for, in order: seeds, index and what is shown; and what it keeps."""
    trials = RecordedTrials(whole_table(table, seed=SEED, protocol="dodge2020"), 0)
    paid: list[tuple] = []

    def pay(labels, advance):
        measured, trial = advance(), trials.trial(*labels)
        seeds = seeds_of(table, trial)
        paid.append((*seeds, sum(one[:2] == seeds for one in paid), *measured[:3]))
        return measured

    source = Around(trials.source(), pay)
    settled = run_campaign(load_strategy(strategy), trials, BUDGET, deadline=Deadline(60), source=source)
    kept = trials.trial(settled.weight_init_seed, settled.data_order_seed)
    return paid, (*seeds_of(table, kept), settled.checkpoint)


def seeds_of(table: TrialTable, trial: int) -> tuple[int, int]:
    return int(table.weight_init_seeds[table.row[trial]]), int(table.data_order_seeds[table.column[trial]])


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


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"failed": True}, "session.tell: failed true; it must be why, in words"),
        ({"failed": ValueError("no memory")}, r"session.tell: failed .* it must be why, in words"),
        ({"score": 0.5, "step": 10}, "session.tell: step 10 after step 10 of this trial; steps must ascend"),
        ({"score": 0.5, "step": 9}, "session.tell: step 9 after step 10 of this trial; steps must ascend"),
        ({"score": "0.5"}, 'session.tell: score "0.5"; it must be a number'),
        (0.5, "session.tell_outcome: takes a Measurement, Ended or Failed, found '0.5'"),
    ],
)
def test_what_cannot_be_told_is_refused_and_leaves_the_log_as_it_was(told, said, tmp_path) -> None:
    """A log with such a line would be one that nobody can load again."""
    log = tmp_path / "log.jsonl"
    session = Session("full_trials", budget=1, checkpoints=3, seed=3, log=log)
    session.tell(session.ask(), score=0.5, step=10)
    before, request = log.read_text(), session.ask()
    with pytest.raises(LiveError, match=said):
        session.tell(request, **told) if isinstance(told, dict) else session.tell_outcome(request, told)
    assert log.read_text() == before
    session.tell(request, score=0.5, step=20)
    assert [one.step for one in Session.load(log, "full_trials").trials[0].measured] == [10, 20]


def test_what_a_full_disk_did_not_take_can_be_told_again(tmp_path) -> None:
    """A file that may have 20 bytes more, which is less than a line; once there is room the log is whole."""
    told = """
import resource, sys
from seedbench.errors import CannotWrite
from seedbench.live import Session

log = sys.argv[1]
session = Session("full_trials", budget=1, checkpoints=2, seed=3, log=log)
session.tell(session.ask(), score=0.5)
request, before = session.ask(), open(log).read()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 20, hard))
try:
    session.tell(request, score=0.75)
except CannotWrite as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
assert open(log).read() == before
session.tell(request, score=0.75)
"""
    log = tmp_path / "log.jsonl"
    command = [sys.executable, "-c", told, str(log)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = f"{log}: cannot be written: File too large; make room, or give another place\n"
    assert (done.stdout, done.stderr) == (said, "")
    assert [one.score for one in Session.load(log, "full_trials").trials[0].measured] == [0.5, 0.75]


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


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"score": "good"}, 'session.tell: score "good"; it must be a number'),
        ({"score": 0.5, "step": 1.5}, "session.tell: step 1.5; it must be a whole number from 0 to 2,147,483,647"),
        ({"score": 0.5, "step": 2**31}, "session.tell: step 2147483648; it must be"),
        ({"score": 0.5, "train_loss": "low"}, 'session.tell: train_loss "low"; it must be a number'),
        ({"score": 0.5, "saved": 3}, "session.tell: saved 3; it must be a path"),
    ],
)
def test_what_is_no_number_is_not_told(told, said, tmp_path) -> None:
    session = open_session("full_trials", tmp_path)
    request = session.ask()
    with pytest.raises(LiveError, match=re.escape(said)):
        session.tell(request, **told)
    assert request in session.open()
    session.close()


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


def test_a_log_with_outcomes_is_not_written_over(tmp_path) -> None:
    """A script that is run again goes on, or says how; one that was told nothing begins anew."""
    log = tmp_path / "log.jsonl"
    for seed in (1, 2):
        session = open_session("full_trials", tmp_path, log=log, seed=seed)
        assert session.plan.seed == seed == Session.load(log, "full_trials").plan.seed
    request = session.ask()
    session.tell(request, score=0.5)
    before = log.read_bytes()
    with pytest.raises(LiveError, match="log.jsonl: holds a campaign that was told something; go on with it by"):
        open_session("full_trials", tmp_path, log=log)
    assert log.read_bytes() == before
    again = Session.load(log, "full_trials", append=True)
    again.tell(again.ask(), score=0.6)
    assert log.read_bytes().startswith(before) and len(log.read_bytes()) > len(before)
    (tmp_path / "notes.txt").write_text("mine\n")
    with pytest.raises(LiveError, match="not what a live campaign writes"):
        open_session("full_trials", tmp_path, log=tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine\n"


def test_two_trials_that_fail_at_once_are_not_the_end(tmp_path) -> None:
    session = open_session("full_trials", tmp_path)
    while request := session.ask():
        session.tell(request, **({"failed": "NaN"} if request.trial < 3 else {"score": 0.5}))
    assert session.kept.trial.number == 3 and session.kept.measurement.score == 0.5


# ---- what is refused -------------------------------------------------------------------------------------------------


def half_way(tmp_path: Path) -> Path:
    session = open_session(file_of("BY_ROW", tmp_path), tmp_path)
    for _ in range(3):
        session.tell(session.ask(), score=0.5)
    session.save(tmp_path / "log.jsonl")
    session.close()
    return tmp_path / "log.jsonl"


def test_the_log_of_another_strategy_is_refused(tmp_path) -> None:
    log = half_way(tmp_path)
    with pytest.raises(LiveError, match=r"is of another campaign: its strategy is by_row.py, here it is asha"):
        Session.load(log, "asha")
    (tmp_path / "by_row.py").write_text(BY_ROW + "# changed\n")
    with pytest.raises(LiveError, match=r"its strategy's source \(its SHA-256\) is"):
        Session.load(log, tmp_path / "by_row.py")


@pytest.mark.parametrize("field", ["weight_init_seed", "checkpoint", "trial"])
def test_a_log_with_what_was_not_asked_for_is_refused(field, tmp_path) -> None:
    log = half_way(tmp_path)
    *lines, last = log.read_text().splitlines()
    changed = json.loads(last)
    changed[field] += 1
    log.write_text("\n".join([*lines, json.dumps(changed)]) + "\n")
    with pytest.raises(LiveError, match="by_row.py does not ask for when it runs again"):
        Session.load(log, tmp_path / "by_row.py")


def test_a_log_that_is_none_is_refused_and_a_half_line_is_not_read(tmp_path) -> None:
    log = half_way(tmp_path)
    text = log.read_text()
    log.write_text(text[:-20])
    session = Session.load(log, tmp_path / "by_row.py", append=True)
    assert len(session.payments) == 2 and log.read_text() == "".join(text.splitlines(keepends=True)[:3])
    session.close()
    log.write_text(text.replace('"checkpoint": 0', '"checkpoint": "a"'))
    with pytest.raises(LiveError, match=r"log.jsonl line 2: .*checkpoint.*; not what a live campaign writes"):
        Session.load(log, tmp_path / "by_row.py")
    with pytest.raises(LiveError, match="cannot be read: No such file"):
        Session.load(tmp_path / "none", "asha")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"budget": 0}, "session: Expected `int` >= 1 - at `$.budget`, found 0"),
        ({"budget": 2.5}, "session: Expected `int`, got `float` - at `$.budget`, found 2.5"),
        ({"seed": 1.5}, "at `$.seed`, found 1.5"),
        ({"checkpoints": "5"}, "checkpoints '5': must be a number from 1 on"),
        ({"majority_score": math.nan}, "majority_score nan: must be a finite number"),
        (
            {"majority_score": 68.4, "metric": "accuracy"},
            "majority_score 68.4: must be from 0 to 1, as accuracy is",
        ),
        ({"failed_score": math.inf}, "failed_score inf: must be a finite number"),
        ({"metric": "my score"}, "metric 'my score': must be letters, digits"),
        ({"grid": 3}, "session: Expected `array`, got `int` - at `$.grid`"),
        ({"budget": 13}, "budget 13: must be from 1 to 12"),
        ({"checkpoints": 0}, "checkpoints 0: must be a number from 1 on, or ascending"),
        ({"checkpoints": [3, 3]}, "must be a number from 1 on, or ascending"),
        ({"name": "mine"}, "name 'mine': must be model/task/recipe"),
        ({"name": "a/My Task/b"}, "the task of small letters and digits"),
        ({"grid": (0, 3)}, "Expected `int` >= 1 - at `$.grid[0]`, found 0"),
        ({"grid": (1001, 1000)}, "grid 1001x1000: must have from 1 to 1,000,000 trials"),
    ],
)
def test_what_cannot_be_is_one_line(options, said, tmp_path) -> None:
    with pytest.raises(LiveError, match=re.escape(said)):
        open_session("asha", tmp_path, **options)


def test_a_strategy_that_raises_shows_its_own_lines(tmp_path) -> None:
    (tmp_path / "broken.py").write_text("def strategy(campaign):\n    campaign.start().advance()\n    return 1 / 0\n")
    session = open_session(tmp_path / "broken.py", tmp_path)
    session.tell(session.ask(), score=0.5)
    with pytest.raises(LiveCampaignFailed, match="raised ZeroDivisionError: division by zero; what was") as caught:
        session.ask()
    assert caught.value.frames.count('  File "') == 1 and "line 3, in strategy" in caught.value.frames


def test_an_oracle_has_no_place(tmp_path) -> None:
    def strategy(campaign):
        return None

    strategy.oracle = True
    with pytest.raises(StrategyFileError, match="a live campaign has none to tell"):
        open_session(strategy, tmp_path)


@pytest.mark.parametrize(
    ("spent", "said"),
    [
        (4.0, "would have cost 12.00 full trials: stopping left out 67% of that, not of the budget."),
        (12.0, "would have cost 12.00 full trials, which is what was spent."),
    ],
)
def test_what_stopping_left_out_is_no_part_of_the_budget(spent, said) -> None:
    assert stopping_words(spent, 12.0) == f"Trained to the end, all that were started {said}"
