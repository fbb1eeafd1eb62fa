"""What a session refuses: what cannot be told, logs of other campaigns, options that cannot be; logs are left alone."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from seedbench.errors import LiveCampaignFailed, LiveError, StrategyFileError
from seedbench.live import Session
from tests.live.conftest import ROOT
from tests.live.sessions import BY_ROW, file_of, open_session


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
