"""Trainings that go wrong, and commands that cannot be: each is one line, and what is trained already is used."""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from contextlib import closing

import pytest

from seedbench.errors import CannotWrite
from seedbench.live.command import Commands
from seedbench.live.contract import Failed, Measurement, Request
from seedbench.live.generator import Generators
from seedbench.live.log import read_log
from seedbench.live.process import Training, run_to_its_end, template
from seedbench.live.watchdog import Watchdog
from seedbench.trialset import load_trials
from tests.live.conftest import (
    TRAINING,
    line,
    live_words,
    processes_in,
    refused,
    run,
    script,
    start_live,
    told,
    until,
)


@pytest.mark.parametrize("saved", [2, 0], ids=["what it saved is there", "nothing is there"])
@pytest.mark.parametrize("way", ["command", "generator"])
def test_a_trial_whose_lines_were_removed_goes_on_where_it_was(way, saved, tmp_path) -> None:
    """What was told counts, not how many lines are in the folder: the third measurement is that of the third step."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "state").write_text(f"{saved}")
    if way == "command":
        body = "state = out / 'state'\nfor k in range(int(state.read_text()) + 1, 4):\n"
        body += "    print(json.dumps({'step': k, 'score': k / 10}), flush=True)\n    state.write_text(f'{k}')\n"
        workers = Commands(template(script(tmp_path, body)), 4, in_memory=1)
    else:

        def train(run):
            assert run.last is None
            return (Measurement(k, k / 10) for k in range(saved + 1, 4))

        workers = Generators(train)
    told = (Measurement(1, 0.1), Measurement(2, 0.2))
    try:
        workers.start(Request(1, 5, 6, folder, 2, measured=told))
        outcomes: list = []
        until(lambda: outcomes.extend(workers.wait()) or outcomes, "the third is measured")
    finally:
        workers.close()
    ((_, outcome),) = outcomes
    assert (outcome.step, outcome.score) == (3, 0.3)


def test_one_that_takes_no_notice_of_sigterm_is_killed(campaign_folder, tmp_path) -> None:
    """Its child, too; and one that is stopped hears SIGTERM and saves."""
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nif os.fork() == 0:\n    time.sleep(100)\n"
    (tmp_path / "s.py").write_text("def strategy(campaign):\n    campaign.start().advance()\n")
    train = script(tmp_path, deaf + line(1) + "time.sleep(100)\n")
    done = run(*live_words(str(tmp_path / "s.py"), campaign_folder, "--grace", "0.2", train=train))
    assert done.exit_code == 0, done.output
    assert not processes_in(campaign_folder)

    hears = "def end(*_):\n    (out / 'saved').write_text('')\n    sys.exit()\nsignal.signal(signal.SIGTERM, end)\n"
    train = script(tmp_path, hears + line(1) + "time.sleep(100)\n")
    done = run(*live_words(str(tmp_path / "s.py"), tmp_path / "second", train=train))
    assert done.exit_code == 0 and len(list((tmp_path / "second" / "runs").glob("*/saved"))) == 1


def test_all_are_told_to_end_at_once_and_one_time(tmp_path) -> None:
    """Three that take no notice are killed after one grace, not after three."""
    body = (
        "import pathlib, signal, sys, time\n"
        "out = pathlib.Path(sys.argv[2])\n"
        "def note(*_):\n    (out / 'told').open('a').write('x')\n"
        "signal.signal(signal.SIGTERM, note)\n"
        "(out / 'begun').touch()\n"
        "while True:\n    time.sleep(1)\n"
    )
    (tmp_path / "deaf.py").write_text(body)
    words = template(shlex.join([sys.executable, str(tmp_path / "deaf.py")]) + " {weight_init_seed} {folder}")
    commands = Commands(words, 4, slots=3, grace=2.0)
    folders = [tmp_path / str(number) for number in range(3)]
    try:
        for number, folder in enumerate(folders, 1):
            commands.start(Request(number, number, 0, folder, 0))
        until(lambda: all((folder / "begun").exists() for folder in folders), "all three have begun")
    finally:
        began = time.monotonic()
        commands.close()
    assert 2.0 <= time.monotonic() - began < 4.0
    assert [(folder / "told").read_text() for folder in folders] == ["x"] * 3


def test_one_that_has_failed_holds_no_memory(campaign_folder, tmp_path) -> None:
    """Nothing more is asked of it, so its process ends, though there would be room for it."""
    words = template(script(tmp_path, line(1, "float('nan')") + "time.sleep(100)\n"))
    workers, request = Commands(words, 4, in_memory=2), Request(1, 5, 6, campaign_folder / "runs" / "wi5-do6", 0)
    try:
        workers.start(request)
        while not (found := workers.wait()):
            pass
        assert found == [(request, Failed("score nan at step 1"))]
        assert not processes_in(campaign_folder)
    finally:
        workers.close()


@pytest.mark.parametrize("more", [line(6) + "time.sleep(100)\n", "time.sleep(100)\n"])
def test_one_that_goes_on_after_its_last_line_is_ended(more, campaign_folder, tmp_path) -> None:
    """Where it measures a sixth time it is no end to wait for; else it has the grace, of 0.3 seconds here."""
    train = script(tmp_path, "".join(map(line, range(1, 6))) + more)
    done = run(*live_words("full_trials", campaign_folder, "--grace", "0.3", train=train, budget=1))
    assert done.exit_code == 0, done.output
    report = json.loads((campaign_folder / "report.json").read_text())
    assert [trial["status"] for trial in report["trials"]] == ["finished"]
    assert not processes_in(campaign_folder)


def test_one_that_dies_is_started_again_twice(campaign_folder, tmp_path) -> None:
    """The first trial dies at every start, all others measure: it has failed, and the campaign goes on."""
    dies = "with open(out / 'starts', 'a') as file:\n    file.write('x')\n"
    dies += "if not (out.parent / 'first').exists() or (out.parent / 'first').read_text() == str(out):\n"
    dies += "    (out.parent / 'first').write_text(str(out))\n    sys.exit('no memory left')\n"
    train = script(tmp_path, dies + "".join(map(line, range(1, 6))))
    done = run(*live_words("full_trials", campaign_folder, "--majority-score", "0.4", train=train, budget=2))
    assert done.exit_code == 0, done.output
    report = json.loads((campaign_folder / "report.json").read_text())
    assert [trial["status"] for trial in report["trials"]] == ["failed", "finished"]
    assert report["trials"][0]["reason"] == "exit code 1, 3 times: no memory left"
    assert sorted(path.read_text() for path in campaign_folder.glob("runs/*/starts")) == ["x", "xxx"]
    (table,) = load_trials(campaign_folder / "trials").tables
    assert sorted(map(str, table.status)) == ["failed", "finished"]


@pytest.mark.parametrize("words", ["OSError(28, os.strerror(28))", "SystemExit(1)"], ids=["it says so", "no room to"])
def test_a_full_disk_is_no_failure_of_a_trial(words, campaign_folder, tmp_path, monkeypatch, capsys) -> None:
    """All others would fail as it did; when there is room the same command goes on as if nothing had been."""
    (tmp_path / "full").touch()
    train = script(tmp_path, f"if pathlib.Path({str(tmp_path / 'full')!r}).exists():\n    raise {words}\n" + line(1))
    campaign = live_words("full_trials", campaign_folder, train=train, budget=2)

    def try_writing(path, content) -> None:
        if "OSError" not in words:
            raise CannotWrite("", os.strerror(28))

    with monkeypatch.context() as patched:
        patched.setattr("seedbench.live.loop.try_writing", try_writing)
        code, said = refused(patched, capsys, campaign)
    assert code == 2 and said.startswith("seedbench: error: trial 1, in ") and "exit code 1, 3 times" in said
    assert "No space left on device; it does not count as failed: make room, and the same command goes on" in said
    assert told(campaign_folder) == []
    (tmp_path / "full").unlink()
    done = run(*campaign)
    assert done.exit_code == 0, done.output
    assert [event[-1] for event in told(campaign_folder)] == [None] * 4


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (line(1) + line(2), "ended", None),
        (line(1) + line(2, "float('nan')"), "failed", "score nan at step 2"),
        (line(1) + line(2, "'good'"), "failed", 'its line has score "good"; it must be a number'),
    ],
)
def test_how_a_training_can_end(body, status, reason, campaign_folder, tmp_path) -> None:
    (tmp_path / "s.py").write_text(
        "def strategy(campaign):\n    for _ in range(2):\n        trial = campaign.start()\n"
        "        while not trial.complete:\n            trial.advance()\n"
    )
    done = run(*live_words(str(tmp_path / "s.py"), campaign_folder, train=script(tmp_path, body), budget=2))
    assert done.exit_code == 0, done.output
    report = json.loads((campaign_folder / "report.json").read_text())
    assert [(trial["status"], trial["reason"]) for trial in report["trials"]] == [(status, reason)] * 2
    assert report["spent"] == 2.0 and report["kept"] is not None


def test_a_metric_that_is_better_the_lower_it_is_is_shown_as_it_was_measured(campaign_folder, tmp_path) -> None:
    """The score of a loss is its negative: in the report's JSON, not in what people read."""
    losses = "for k in range(1, 6):\n    print(json.dumps({'step': k, 'score': -1.5 / k}))\n"
    words = live_words("full_trials", campaign_folder, "--metric=-loss", train=script(tmp_path, losses), budget=2)
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert "loss 0.3000" in done.output and "score -" not in done.output and " -0.3" not in done.output
    assert "checkpoint 1/5: loss 1.5000 at step 1" in (campaign_folder / "progress.log").read_text()
    kept = json.loads((campaign_folder / "report.json").read_text())["kept"]
    (table,) = load_trials(campaign_folder / "trials").tables
    assert kept["score"] == -0.3 and table.score_name == "-loss" and table.metric == "loss"


def test_steps_that_differ_are_said(campaign_folder, tmp_path) -> None:
    train = script(
        tmp_path, "for k in range(1, 6):\n    print(json.dumps({'step': 10 * k + seed % 97, 'score': 0.5}))\n"
    )
    done = run(*live_words("full_trials", campaign_folder, train=train, budget=2))
    assert done.exit_code == 0 and "Trials were measured at different steps" in done.output
    (table,) = load_trials(campaign_folder / "trials").tables
    assert table.step.tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("body", "instead"),
    [
        ("print(json.dumps({'step': 1, 'accuracy': 0.5}))\n", 'stdout.log ends with: {"step": 1, "accuracy": 0.5}'),
        (
            "print(json.dumps({'step': 1, 'score': 0.5}), file=sys.stderr)\n",
            'stderr.log ends with: {"step": 1, "score"',
        ),
        ("", "it wrote nothing"),
    ],
)
def test_a_training_without_a_line_is_told_what_a_line_is(
    body, instead, campaign_folder, tmp_path, monkeypatch, capsys
) -> None:
    """Two trials of it, which is all of the budget: no report of nothing, but an error, with what is there instead."""
    train = script(tmp_path, f"import sys\n{body}")
    code, line = refused(monkeypatch, capsys, live_words("full_trials", campaign_folder, train=train, budget=2))
    assert code == 2
    assert f'measured anything; a line is such as {{"step": 100, "score": 0.81}}; {instead}' in line
    assert line.rstrip().endswith(
        "that has ended the campaign of this folder: mend the training and start in a new one"
    )
    assert not (campaign_folder / "report.json").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train": "no-such-program {data_order_seed}"}, "--train: no-such-program: cannot be started: No such file"),
        ({"train": "python 'x"}, "is no command line: No closing quotation"),
        ({"train": "python {seed}"}, "has the field {seed}; there are weight_init_seed, data_order_seed, folder"),
        ({"train": "python {data_order_seed:x}"}, "has the field {data_order_seed:x}; there are"),
        ({"train": "python {folder"}, "expected '}' before end of string; a brace that is no field is written twice"),
        ({"train": "python train.py {folder}"}, "names no seed, so all trials would be the same"),
        ({"more": ["--slurm", "time=9"]}, "--slurm time: is for --workers slurm:N, found local:1"),
        ({"more": ["--majority-score", "nan"]}, "'--majority-score': must be a finite number, found 'nan'"),
        ({"train": "none.py"}, "--train none.py: none.py cannot be read: No such file"),
        ({"train": f"{TRAINING}:nothing"}, "binds no nothing, which is to be a generator function nothing(run)"),
        ({"more": ["--workers", "local:0"]}, "--workers 'local:0': must be local:N or slurm:N"),
        ({"more": ["--slurm", "time=9", "--slurm", "time=8"]}, "--slurm 'time=8': must be name=value, each name once"),
        ({"more": ["--slurm", "time"]}, "--slurm 'time': must be name=value, each name once"),
        ({"more": ["--grid", "4"]}, "--grid '4': must be weight-init seeds x data-order seeds, at least one of each"),
        ({"more": ["--grid", "0x5"]}, "--grid '0x5': must be weight-init seeds x data-order seeds, at least one of"),
        ({"more": ["--test", "python {weights}"]}, "--test 'python {weights}': has the field {weights}"),
        ({"more": ["--test", ""]}, "--test '': must be a command"),
        ({"budget": 13}, "error: --budget 13: must be from 1 to 12"),
    ],
)
def test_a_wrong_command_is_one_line_and_writes_nothing(change, said, tmp_path, monkeypatch, capsys) -> None:
    change = dict(change)
    words = live_words("full_trials", tmp_path / "out", *change.pop("more", []), **change)
    code, line = refused(monkeypatch, capsys, words)
    assert code == 2 and said in line
    assert not list(tmp_path.glob("out/report*"))


@pytest.mark.parametrize(
    ("begins", "mode", "said"),
    [
        ("true\n", 0o755, "Exec format error"),
        ("#!/no/such/interpreter\n", 0o755, "No such file or directory"),
        ("#!/bin/sh\n", 0o644, "Permission denied"),
    ],
)
def test_a_program_that_the_kernel_does_not_take_is_one_line(
    begins, mode, said, campaign_folder, tmp_path, monkeypatch, capsys
) -> None:
    program = tmp_path / "train.sh"
    program.write_text(begins)
    program.chmod(mode)
    words = live_words("full_trials", campaign_folder, train=f"{program} {{weight_init_seed}}", budget=2)
    code, line = refused(monkeypatch, capsys, words)
    assert code == 2 and line.endswith(f"--train: {program}: cannot be started: {said}")
    with pytest.raises(OSError, match=said):
        run_to_its_end([str(program)])


@pytest.mark.parametrize("name", [".running", "stdout.log", "stderr.log"])
def test_a_trial_s_folder_that_cannot_be_written_is_one_line(name, tmp_path) -> None:
    """A folder is where the file is to be."""
    (tmp_path / name).mkdir()
    said = f"^{tmp_path}.*: cannot be written: Is a directory; give another place$"
    with closing(Watchdog()) as watchdog, pytest.raises(CannotWrite, match=said):
        Training(["true"], Request(1, 1, 1, tmp_path, 0), {}, grace=1.0, watchdog=watchdog).go()


def test_a_signal_without_a_name_is_said_by_its_number(campaign_folder, monkeypatch, capsys) -> None:
    """A real-time signal ends every training."""
    train = "sh -c 'kill -37 $$' {weight_init_seed}"
    code, line = refused(monkeypatch, capsys, live_words("full_trials", campaign_folder, train=train, budget=2))
    assert code == 2 and "signal 37, 3 times" in line


def test_another_campaigns_folder_is_refused(campaign_folder, tmp_path) -> None:
    assert run(*live_words("full_trials", campaign_folder, budget=1)).exit_code == 0
    for words, said in [
        (live_words("asha", campaign_folder, budget=1), "its strategy is 'full_trials', here it is 'asha'"),
        (live_words("full_trials", campaign_folder, budget=2), "its budget is 1, here it is 2"),
        (
            live_words("full_trials", campaign_folder, budget=1, train="true {data_order_seed}"),
            "its training is",
        ),
        (live_words("full_trials", tmp_path, budget=1), "is not empty and holds no live campaign"),
        (live_words("full_trials", campaign_folder / "log.jsonl", budget=1), "is a file; give a folder"),
    ]:
        assert said in str(run(*words).exception)


def test_a_campaign_that_was_told_nothing_is_no_other_campaign(campaign_folder, tmp_path, monkeypatch, capsys) -> None:
    """After a command that was mistyped the right one begins anew; but not where something was measured."""
    mistyped = live_words("full_trials", campaign_folder, train="pyhton {weight_init_seed} {folder}", budget=1)
    code, said = refused(monkeypatch, capsys, mistyped)
    assert code == 2 and "pyhton: cannot be started" in said
    right = live_words("full_trials", campaign_folder, train=script(tmp_path, line(1)), budget=1)
    done = run(*right)
    assert done.exit_code == 0, done.output
    log = campaign_folder / "log.jsonl"
    assert read_log(log)[0].training == right[right.index("--train") + 1]
    log.write_text(log.read_text().splitlines()[0] + "\n")  # killed before it was told what is in the trial's folder
    assert "its training is" in str(run(*mistyped).exception)


def test_trials_without_a_name_are_called_so(campaign_folder, tmp_path) -> None:
    words = live_words("full_trials", campaign_folder, train=script(tmp_path, line(1)), budget=1)
    at = words.index("--name")
    done = run(*words[:at], *words[at + 2 :])
    assert done.exit_code == 0, done.output
    assert "full_trials on trials without a name: live, budget 1" in (campaign_folder / "report.txt").read_text()


def test_a_strategy_that_raises_shows_its_own_lines(campaign_folder, tmp_path) -> None:
    (tmp_path / "s.py").write_text("def strategy(campaign):\n    campaign.start().advance()\n    return 1 / 0\n")
    process = start_live(*live_words(str(tmp_path / "s.py"), campaign_folder))
    _, said = process.communicate(timeout=300)
    assert process.returncode == 2 and said.count('  File "') == 1 and "line 3, in strategy" in said
    assert said.endswith("strategy s.py raised ZeroDivisionError: division by zero; what was trained is kept\n")


def test_a_mended_strategy_uses_what_is_trained(campaign_folder, tmp_path) -> None:
    """Another source is another campaign, which is said; without the log of the first it begins, and trains no more."""
    file = tmp_path / "s.py"
    file.write_text("def strategy(campaign):\n    campaign.start().advance()\n    return 1 / 0\n")
    words = live_words(str(file), campaign_folder, train=script(tmp_path, "(out / 'starts').open('a')\n" + line(1)))
    assert "ZeroDivisionError" in str(run(*words).exception)
    file.write_text("def strategy(campaign):\n    campaign.start().advance()\n")
    refused = str(run(*words).exception)
    assert "remove log.jsonl there: with --seed 5 what is trained is used again" in refused
    (campaign_folder / "log.jsonl").unlink()
    for name in ("slurm", "again"):  # as where it was trained by SLURM jobs, or what it kept was trained again
        (campaign_folder / name).mkdir()
    (tmp_path / "train.py").unlink()  # nothing can be trained now
    assert run(*words).exit_code == 0
    assert json.loads((campaign_folder / "report.json").read_text())["spent"] == 0.2


def test_each_process_sees_one_gpu(campaign_folder, tmp_path, monkeypatch) -> None:
    """Two workers, two GPUs that the variable names: one process each."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-7")
    body = "(out / 'gpu').write_text(os.environ['CUDA_VISIBLE_DEVICES'])\ntime.sleep(0.5)\n"
    train = script(tmp_path, body + "".join(map(line, range(1, 6))))
    assert (
        run(*live_words("full_trials", campaign_folder, "--workers", "local:2", train=train, budget=2)).exit_code == 0
    )
    assert sorted(path.read_text() for path in campaign_folder.glob("runs/*/gpu")) == ["3", "GPU-7"]
