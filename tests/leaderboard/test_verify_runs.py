"""The two runs of an entry: killed, spoiled, of other packages, in process; what counts is measured or done anew."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from leaderboard.environment import differences
from leaderboard.measure import Order, measure
from leaderboard.results import (
    NOT_MEASURED,
    Result,
    read_result,
    write_result,
)
from leaderboard.verify import entries_of, verify_all
from seedbench import SeedbenchError
from seedbench.documents import to_json
from seedbench.errors import CannotSeal, StrategyFailed
from seedbench.evaluation import evaluate
from seedbench.replay.run import run_campaign
from seedbench.strategy import load_strategy
from tests.entries import HONEST, RAISES, REPLICATES, enter, same_campaigns
from tests.leaderboard.conftest import BOARD, quiet
from tests.processes import family, until

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("sealing")


def test_a_killed_verification_goes_on_where_it_was(folder, claimed, tmp_path):
    """The second entry is slow: what was found of the first before the kill is not measured again."""
    slow = "def strategy(campaign):\n    sum(range(10**6))\n" + HONEST.partition("\n\n\n")[2].partition("\n")[2]
    submissions, results = tmp_path / "submissions", tmp_path / "results"
    enter(submissions, "a-quick", HONEST, claimed)
    enter(submissions, "b-slow", slow, claimed)
    arguments = ["--submissions", submissions, "--results", results, "--public", folder, "--replicates", REPLICATES]
    arguments += ["--other-packages"]  # than those that are pinned, which these tests need not run with
    line = [sys.executable, "-m", "leaderboard.verify", *map(str, arguments), "--processes", "2"]
    public = results / BOARD / "public"
    running = subprocess.Popen(line, cwd=ROOT, stdout=subprocess.DEVNULL)
    until(lambda: running.poll() is not None or (public / ".work" / "b-slow").exists(), "the second is measured", 300)
    assert running.poll() is None
    started = family(running.pid)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert len(started) > 1
    until(lambda: not any(map(alive, started)), "all of it has ended")
    assert read_result(public, "b-slow") is None
    first = (public / "a-quick.json").stat().st_mtime_ns
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "a-quick: verified\nb-slow: verified\n" in done.stdout
    assert (public / "a-quick.json").stat().st_mtime_ns == first
    assert read_result(public, "b-slow").measured.rows == read_result(public, "a-quick").measured.rows
    assert not (public / ".work").exists()


def test_what_other_packages_gave_is_measured_again_with_those_that_are_pinned(verifying, verified_before, tmp_path):
    """Unless others are allowed; what was found before packages were recorded stays."""
    verified_before("a")
    public = tmp_path / "results" / BOARD / "public"
    found = read_result(public, "a")
    entries = entries_of(tmp_path / "submissions")

    def verified_with(packages, pins=found.pins, **options):
        write_result(public, replace(found, packages=packages, pins=pins))
        written = (public / "a.json").stat().st_mtime_ns
        (result,) = verify_all(entries, replace(verifying(), **options), quiet())
        return result.packages, (public / "a.json").stat().st_mtime_ns != written

    others = ("numpy 0.1, pinned 2.4.1",)
    assert verified_with(others) == (differences(), True)
    assert verified_with(others, other_packages=True) == (others, False)
    assert verified_with(None) == (None, False)
    assert verified_with(differences()) == (differences(), False)
    assert verified_with(differences(), pins="0" * 64) == (differences(), True)  # the same words, of other versions


def alive(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_measured_again(verifying, verified_before, tmp_path):
    verified_before("a")
    entries = entries_of(tmp_path / "submissions")
    (first,) = verify_all(entries, verifying(), quiet())
    file = tmp_path / "results" / BOARD / "public" / "a.json"
    written = file.stat().st_mtime_ns
    verify_all(entries, verifying(), quiet())
    assert file.stat().st_mtime_ns == written
    assert verify_all(entries, verifying(), quiet(), again=True) == [first] and file.stat().st_mtime_ns > written


def order_of(entry, verification, out):
    """To measure an entry for the first time, in this process."""
    where = verification.board, verification.source, None, verification.hidden, 1, str(out), 0
    return Order(str(entry), verification.key(entry), *where, verification.baselines)


@pytest.mark.parametrize("slug", ["ours", "mine"])
def test_only_an_entry_of_the_organisers_ever_runs_in_process(slug, verifying, claimed, tmp_path, monkeypatch):
    """Where nothing can be sealed: the result is then that of sealed runs."""
    ours, known = load_strategy("full_trials"), tmp_path / "baselines.json"
    known.write_text(json.dumps({"full-trials": ours.sha256}))
    entry = enter(tmp_path / "submissions", slug, ours.source if slug == "ours" else HONEST, claimed)
    verification = verifying(baselines=known)
    order = order_of(entry, verification, tmp_path)
    sealed = measure(order)

    def none(_):
        raise CannotSeal("nothing is sealed here")

    monkeypatch.setattr("seedbench.replay.batch.open_sandbox", none)
    trusting = replace(order, trusting=True)
    if slug == "ours":
        found = measure(trusting)
        assert found == sealed and found.organisers and same_campaigns(found, sealed)
    else:
        with pytest.raises(CannotSeal):
            measure(trusting)


def test_the_organisers_second_run_is_sealed_on_a_drawn_batch_and_where_that_differs_on_all(
    verifying, claimed, tmp_path, monkeypatch
):
    ours, known = load_strategy("full_trials"), tmp_path / "baselines.json"
    known.write_text(json.dumps({"full-trials": ours.sha256}))
    entry = enter(tmp_path / "submissions", "ours", ours.source, claimed)
    order = replace(order_of(entry, verifying(baselines=known), tmp_path), trusting=True)
    first, sealed = measure(order), []

    def counted(*arguments, **options):
        sealed.append(options["sandbox"] is not None)
        return run_campaign(*arguments, **options)

    monkeypatch.setattr("seedbench.replay.batch.run_campaign", counted)
    monkeypatch.setattr(sys.modules["seedbench.replay.replay"], "BATCH", 2)  # the package has a function of that name
    rows = len(first.measured.rows)
    assert REPLICATES > 2
    for steps, campaigns in ((0, 2 * rows), (1, REPLICATES * rows)):
        spent = first.campaigns["steps_spent"] + steps
        write_result(tmp_path / "1", replace(first, campaigns={**first.campaigns, "steps_spent": spent}))
        sealed.clear()
        second = measure(replace(order, first=str(tmp_path / "1")))
        assert second == first and same_campaigns(second, first)
        assert all(sealed) and len(sealed) == campaigns + 1  # and the example


def test_an_entry_of_the_organisers_that_fails_has_the_verdict_of_a_sealed_process(verifying, claimed, tmp_path):
    known = tmp_path / "baselines.json"
    known.write_text(json.dumps({"raises": hashlib.sha256(RAISES.encode()).hexdigest()}))
    entry = enter(tmp_path / "submissions", "raises", RAISES, claimed)
    (found,) = verify_all([entry], verifying(baselines=known), quiet())
    assert (found.verdict, found.organisers) == ("raised", True) and "raised ValueError: saw 0." in found.said


def test_an_example_that_fails_is_the_entrys_own_failure(verifying, claimed, tmp_path, monkeypatch):
    """The example is one more run, in which an entry can do what it did in no other one."""
    enter(tmp_path / "submissions", "a", HONEST, claimed)
    (entry,) = entries_of(tmp_path / "submissions")
    order = order_of(entry, verifying(), tmp_path / "results")

    def fails(*_):
        raise StrategyFailed(
            "raised ValueError: only here", table="t", budget=4, replicate=0, frames="", verdict="raised"
        )

    monkeypatch.setattr("leaderboard.measure._example", fails)
    found = measure(order)
    assert (found.verdict, found.said, found.measured) == ("raised", "raised ValueError: only here", None)


def test_a_run_that_ends_without_a_verdict_is_no_result(verifying, claimed, tmp_path, monkeypatch):
    """As where a process of the replay was killed, in which a sealed entry never runs."""
    entry = enter(tmp_path / "submissions", "a", HONEST, claimed)
    order = order_of(entry, verifying(), tmp_path)

    def killed(*_, **__):
        raise StrategyFailed("strategy a was killed", table="t", budget=4, replicate=0)

    monkeypatch.setattr("leaderboard.measure.evaluate_selected", killed)
    with pytest.raises(SeedbenchError, match=r"^strategy a was killed"):
        measure(order)


def test_what_the_machine_does_is_not_kept(verifying, claimed, tmp_path, monkeypatch):
    """The process of the second run is killed, by the kernel say: the first run stays, and the second is made again."""
    enter(tmp_path / "submissions", "a", HONEST, claimed)
    entries, public = entries_of(tmp_path / "submissions"), tmp_path / "results" / BOARD / "public"
    started, start = [], subprocess.Popen

    def killed_the_second_time(*arguments, **options):
        process = start(*arguments, **options)
        started.append(process.pid)
        if len(started) == 2:
            process.kill()
        return process

    monkeypatch.setattr("leaderboard.runs.subprocess.Popen", killed_the_second_time)
    (died,) = verify_all(entries, verifying(), quiet())
    assert (died.verdict, died.said) == (NOT_MEASURED, "the process that measured it ended with -9")
    assert not (public / "a.json").exists() and read_result(public / ".work" / "a" / "1", "a").verified
    (found,) = verify_all(entries, verifying(), quiet())
    assert found.verified and len(started) == 3 and read_result(public, "a") == found


def test_a_run_that_another_seedbench_left_fails_nobody(verifying, verified_before, tmp_path, monkeypatch):
    """Where it and a new one differ, or it failed, both are done anew; --again does not look at it."""
    verified_before("a")
    entries, public = entries_of(tmp_path / "submissions"), tmp_path / "results" / BOARD / "public"
    new, done = read_result(public, "a"), []
    old = replace(new, measured=replace(new.measured, seedbench="0.0.1"))
    monkeypatch.setattr("leaderboard.runs._measure", lambda *given, **_: done.append(given[-1].name) or new)
    failed = Result("a", new.key, "raised", said="raised ValueError: x", packages=new.packages, pins=new.pins)
    for left, again, runs in (
        (old, False, ["2", "1", "2"]),
        (failed, False, ["1", "2"]),
        (old, True, ["1", "2"]),
    ):
        (public / "a.json").unlink()
        write_result(public / ".work" / "a" / "1", left)
        assert verify_all(entries, verifying(), quiet(), again=again) == [new] and done == runs
        done.clear()


def test_the_organisers_list_may_come_later(verifying, verified_before, tmp_path):
    verified_before("a")
    entries = entries_of(tmp_path / "submissions")
    (before,) = verify_all(entries, verifying(), quiet())
    known = tmp_path / "baselines.json"
    known.write_text(json.dumps({"a": before.source_sha256}))
    (after,) = verify_all(entries, verifying(baselines=known), quiet())
    assert (before.organisers, after) == (False, replace(before, organisers=True))
    public = tmp_path / "results" / BOARD / "public"
    assert read_result(public, "a") == after  # of which the site is made
    write_result(public / ".work" / "a" / "1", before)  # as a call leaves it that was ended before the list came
    (public / "a.json").unlink()
    (again,) = verify_all(entries, verifying(baselines=known), quiet())
    assert again == after


def test_what_was_measured_on_trust_is_measured_again_where_that_is_gone(verifying, claimed, tmp_path, monkeypatch):
    entry, known = enter(tmp_path / "submissions", "a", HONEST, claimed), tmp_path / "baselines.json"
    known.write_text(json.dumps({"a": hashlib.sha256(HONEST.encode()).hexdigest()}))
    (trusted,) = verify_all([entry], verifying(baselines=known), quiet())
    orders = []
    monkeypatch.setattr("leaderboard.runs.to_json", lambda order: orders.append(order) or to_json(order))
    known.write_text("{}")
    (found,) = verify_all([entry], verifying(baselines=known), quiet())
    assert found == replace(trusted, organisers=False) and len(orders) == 2


def test_parameters_are_given_and_make_another_entry_of_the_organisers_source(verifying, folder, claimed, tmp_path):
    early = load_strategy("start_many")
    enter(tmp_path / "submissions", "early", early.source, claimed, fraction=0.5)
    known = tmp_path / "baselines.json"
    known.write_text(json.dumps({"start-many": early.sha256}))
    for _ in ("measured", "known from before"):
        (found,) = verify_all(entries_of(tmp_path / "submissions"), verifying(baselines=known), quiet())
        assert found.verified and not found.organisers and found.measured.strategy.parameters == {"fraction": 0.5}
    options = {"replicates": REPLICATES, "seed": found.key.seed}
    assert found.measured.rows == evaluate("start_many(fraction=0.5)", str(folder), **options).rows
    assert found.measured.rows != evaluate("start_many", str(folder), **options).rows


def test_no_room_for_a_result(verifying, claimed, tmp_path):
    enter(tmp_path / "submissions", "a", HONEST, claimed)
    (tmp_path / "results").write_text("a file")
    with pytest.raises(SeedbenchError, match="a.parquet: cannot be written: Not a directory"):
        verify_all(entries_of(tmp_path / "submissions"), verifying(), quiet())


def test_a_result_whose_campaigns_are_gone(verifying, verified_before, tmp_path):
    verified_before("a")
    entries = entries_of(tmp_path / "submissions")
    (first,) = verify_all(entries, verifying(), quiet())
    (tmp_path / "results" / BOARD / "public" / "a.parquet").unlink()
    with pytest.raises(SeedbenchError, match="a.parquet: cannot be read .* leaderboard.verify a --again"):
        verify_all(entries, verifying(), quiet())
    assert verify_all(entries, verifying(), quiet(), again=True) == [first]
