"""What a campaign leaves: a report, weights that were tested once, curves to work on, and no process."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seedbench.live.watchdog import Watchdog
from seedbench.trialset import load_trials, validate_folder
from tests.live.conftest import (
    ROOT,
    TRAINING,
    line,
    live_words,
    processes_in,
    run,
    script,
    start_live,
    until,
)


def test_what_a_campaign_leaves(campaign_folder, tmp_path) -> None:
    """Best of two full trials: the kept weights, its test score measured once, and curves to work on."""
    test = tmp_path / "test.py"
    test.write_text(
        "import json, pathlib, sys\n"
        "pathlib.Path(sys.argv[2], 'tests').open('a').write('x')\n"
        "print('loading')\n"
        "score = json.load(open(sys.argv[1]))['step'] / 100\n"
        "print(json.dumps({'of': 'a\u2028b', 'score': score}, ensure_ascii=False))\n"
    )
    words = live_words("full_trials", campaign_folder, budget=2)
    words += ["--test", shlex.join([sys.executable, str(test)]) + " {saved} {folder}", "--majority-score", "0.5"]
    planned = run(*words, "--dry-run")
    assert planned.exit_code == 0 and "first asked for: 2 trials" in planned.output
    assert f"{TRAINING} --seed" in planned.output and not campaign_folder.exists()

    for _ in range(2):
        done = run(*words)
        assert done.exit_code == 0, done.output
    report = json.loads((campaign_folder / "report.json").read_text())
    kept = report["kept"]
    assert kept["test_score"] == kept["step"] / 100 < 0.2 and kept["test_failed"] is None  # 20 steps are a trial
    assert [path.read_text() for path in campaign_folder.glob("runs/*/tests")] == ["x"]
    assert Path(kept["saved"]).is_file() and (campaign_folder / "report.txt").read_text() in done.output
    assert "was chosen by this score among 10 that were measured, so the score flatters it" in done.output.replace(
        "It ", ""
    )
    assert report["spent"] == report["all_to_the_end"] == 2.0
    assert sorted(path.name for path in campaign_folder.iterdir() if not path.name.startswith(".")) == [
        "log.jsonl",
        "progress.log",
        "report.json",
        "report.txt",
        "runs",
        "trials",
    ]
    assert "ended" in run(*words, "--dry-run").output

    os.remove(kept["saved"])
    assert run(*words).exit_code == 0
    gone = json.loads((campaign_folder / "report.json").read_text())["kept"]
    trial = report["trials"][kept["trial"] - 1]
    assert gone["saved"] is None and f"--seed {trial['weight_init_seed']} --data-seed" in gone["train_again"]
    assert f"To train it again: {gone['train_again']}" in (campaign_folder / "report.txt").read_text()


@pytest.mark.parametrize(("more", "status"), [([], None), (["--majority-score", "0.5"], "diverged")])
def test_curves_say_that_a_trial_diverged_only_where_that_is_known(more, status, campaign_folder, tmp_path) -> None:
    """One that ends at 0.5 is no better than always the commonest label, if that scores 0.5."""
    train = script(tmp_path, "".join(map(line, range(1, 6))))
    done = run(*live_words("full_trials", campaign_folder, *more, train=train, budget=1))
    assert done.exit_code == 0, done.output
    (table,) = load_trials(campaign_folder / "trials").tables
    assert table.status.tolist() == [status]


def test_a_trial_with_a_loss_that_is_missing_is_not_said_to_have_finished(campaign_folder, tmp_path) -> None:
    """A NaN, or not measured: which of the two is not known, and the trial set is valid."""
    lines = [
        json.dumps({"step": step, "score": 0.9, "train_loss": float("nan") if step == 3 else 0.1})
        for step in range(1, 6)
    ]
    train = script(tmp_path, "".join(f"print({one!r})\n" for one in lines))
    done = run(*live_words("full_trials", campaign_folder, "--majority-score", "0.5", train=train, budget=1))
    assert done.exit_code == 0, done.output
    (table,) = load_trials(campaign_folder / "trials").tables
    assert table.status.tolist() == [None] and validate_folder(campaign_folder / "trials") == []


#: Saves the step of its weights, all to one path or each to its own, before its line; step 2 of 5 is the best.
SAVES = """
for step in range(1, 6):
    saved = out / ("weights" if {one} else f"weights-{{step}}")
    saved.write_text(json.dumps({{"score": step / 10}}))
    print(json.dumps({{"step": step, "score": 0.9 if step == 2 else 0.5, "saved": str(saved)}}))
"""


@pytest.mark.parametrize("one", [True, False])
def test_weights_that_a_later_step_wrote_over_are_gone(one, campaign_folder, tmp_path) -> None:
    """A file of the last step's weights is no file of those that are kept, and is not tested in their place."""
    train = script(tmp_path, SAVES.format(one=one))
    done = run(*live_words("full_trials", campaign_folder, "--test", "cat {saved}", train=train, budget=1))
    assert done.exit_code == 0, done.output
    kept = json.loads((campaign_folder / "report.json").read_text())["kept"]
    assert kept["step"] == 2
    if one:
        assert (kept["saved"], kept["test_score"], kept["test_failed"]) == (None, None, "the weights are not there")
        assert "written over by a later step's" in done.output and "To train it again: " in done.output
    else:
        assert Path(kept["saved"]).name == "weights-2" and kept["test_score"] == 0.2


def test_a_test_score_stays_where_the_test_is_not_given_again(campaign_folder, tmp_path) -> None:
    """Measured once is once: without its --test nothing is forgotten, and with another nothing is measured."""
    words = live_words("full_trials", campaign_folder, train=script(tmp_path, SAVES.format(one=False)), budget=1)
    for more in (["--test", "cat {saved}"], [], ["--test", 'echo {{"score": 1}}']):
        done = run(*words, *more)
        assert done.exit_code == 0, done.output
        assert json.loads((campaign_folder / "report.json").read_text())["kept"]["test_score"] == 0.2
        assert "Test: 0.2000, measured once" in done.output


def test_a_test_score_is_not_that_of_what_another_campaign_kept(campaign_folder, tmp_path) -> None:
    """Its log is removed, as a refusal says, so that what is trained is used again: it keeps what it kept, or not."""
    train = script(tmp_path, SAVES.format(one=False).replace("0.9 if step == 2 else 0.5", "seed / 2**31"))
    found = []
    for budget in (1, 6, 6):
        words = live_words("full_trials", campaign_folder, "--test", "cat {saved}", train=train, budget=budget)
        if found:
            (campaign_folder / "log.jsonl").unlink()
            words[words.index("cat {saved}")] = """echo '{{"score": 0.7}}'"""
        done = run(*words)
        assert done.exit_code == 0, done.output
        found.append(json.loads((campaign_folder / "report.json").read_text())["kept"])
    assert found[0]["trial"] != found[1]["trial"] == found[2]["trial"]
    assert [kept["test_score"] for kept in found] == [0.1, 0.7, 0.7]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_of_a_test_command_that_is_interrupted(number, campaign_folder, tmp_path) -> None:
    (tmp_path / "test.py").write_text("import pathlib, sys, time\npathlib.Path(sys.argv[1]).touch()\ntime.sleep(100)\n")
    test = shlex.join([sys.executable, str(tmp_path / "test.py"), str(tmp_path / "begun")]) + " {folder}"
    words = live_words("full_trials", campaign_folder, "--test", test, train=script(tmp_path, line(1)), budget=1)
    first = start_live(*words)
    until((tmp_path / "begun").exists, "the kept trial is tested")
    first.send_signal(number)
    first.communicate(timeout=300)
    assert first.returncode == (-number if number == signal.SIGKILL else 130)
    until(lambda: not processes_in(campaign_folder), "the test has ended, too")


#: `seedbench live`, which gets SIGKILL when a command has been started and before anything else is done.
KILLED_WHEN_STARTED = """
import os, signal, subprocess, sys
from seedbench.cli import main

begin, told = subprocess.Popen.__init__, sys.argv.pop(1)


def begin_and_be_killed(process, words, *arguments, **options):
    begin(process, words, *arguments, **options)
    if any(told in str(word) for word in words):
        print(process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


subprocess.Popen.__init__ = begin_and_be_killed
main()
"""


@pytest.mark.parametrize("what", ["a training", "a test"])
def test_a_harness_that_is_killed_when_it_has_started_a_command_leaves_nothing(what, campaign_folder, tmp_path) -> None:
    """There is no moment in which a command runs and nobody would end it. Each kind of command, three times."""
    (tmp_path / "waits.py").write_text("import sys, time\ntime.sleep(100)\n")
    waits = shlex.join([sys.executable, str(tmp_path / "waits.py")]) + " {folder}"
    first = script(tmp_path, line(1)) if what == "a test" else waits + " {weight_init_seed}"
    words = live_words("full_trials", campaign_folder, "--test", waits, train=first, budget=1)
    for _ in range(3):
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_WHEN_STARTED, "waits.py", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        until(lambda pid=int(killed.stdout): not group_lives(pid), "what was started has ended, too")


def group_lives(pid: int) -> bool:
    """Whether a process is there, or one of its group; one that has ended and that nobody fetches is not."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(group) == pid and state != "Z":
            return True
    return False


def test_the_curves_can_be_worked_on(campaign_folder) -> None:
    """Twelve trials in halves, 9 of them stopped: findings, an evaluation and advice take them as any other set."""
    assert run(*live_words("start_many", campaign_folder, "--workers", "local:2", budget=5)).exit_code == 0
    (table,) = load_trials(campaign_folder / "trials").tables
    assert table.name == "numpy/task/recipe" and table.step.tolist() == [4, 8, 12, 16, 20]
    assert table.metric == "accuracy" and (table.ended_at < 5).any()
    for words in (
        ["findings"],
        ["evaluate", "asha", "--protocol", "dodge2020", "--budget", "1", "--replicates", "20"],
        ["advise", "--budget", "1", "--protocol", "dodge2020", "--replicates", "20"],
    ):
        done = run(*words, "--trials", str(campaign_folder / "trials"))
        assert done.exit_code == 0, (words, done.exception)


def test_without_its_watchdog_nothing_is_started(tmp_path) -> None:
    watchdog = Watchdog()
    os.kill(watchdog._process.pid, signal.SIGKILL)
    watchdog._process.wait()
    with pytest.raises(OSError, match="the process that would end it with this one has itself been ended"):
        watchdog.start(["true"])
    watchdog.close()


def test_a_process_that_is_killed_before_it_is_its_command_is_not_waited_for(monkeypatch) -> None:
    begin = subprocess.Popen.__init__

    def begin_and_kill(process, *arguments, **options) -> None:
        begin(process, *arguments, **options)
        process.send_signal(signal.SIGKILL)

    watchdog = Watchdog()
    with monkeypatch.context() as patched:
        patched.setattr(subprocess.Popen, "__init__", begin_and_kill)
        process = watchdog.start(["sleep", "100"])
    assert process.wait() == -signal.SIGKILL
    watchdog.close()
