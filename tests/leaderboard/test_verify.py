"""Verification: what is measured counts, whatever an entry claims or does; killed, it goes on where it was."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from leaderboard.amend import note, remove
from leaderboard.baselines import main as baselines
from leaderboard.boards import PUBLIC_SEED, read_baselines, read_board, read_boards, write_board
from leaderboard.build import read_standings
from leaderboard.environment import differences
from leaderboard.measure import Order, measure
from leaderboard.ranks import NONE, Comparisons, rank_intervals, read_comparisons
from leaderboard.results import (
    NOT_MEASURED,
    Key,
    Result,
    comparable_claim,
    gap_closed,
    read_result,
    results_of,
    write_result,
)
from leaderboard.verification import prepare
from leaderboard.verify import close_board, entries_of, main, table_of, verify_all
from seedbench import SeedbenchError, load_trials
from seedbench.commands import exit_code
from seedbench.errors import CannotSeal, StrategyFailed
from seedbench.evaluation import Apart, evaluate
from seedbench.replay.run import run_campaign
from seedbench.strategy import load_strategy, shipped
from seedbench.trialset import TrialsIdentity
from tests.entries import HONEST, REPLICATES, claim, enter, same_campaigns
from tests.processes import family, until
from tests.synthetic import split_like_training, write

ROOT = Path(__file__).parents[2]
BOARD = "held-out-2-cold-1.0"


pytestmark = pytest.mark.usefixtures("sealing")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A trial set that is quick to verify on: one table of 5 × 5 trials."""
    split = split_like_training(5, 5, checkpoints=3, examples=20, test_examples=200, seed=2)
    return write(tmp_path_factory.mktemp("trials") / "small", split)


@pytest.fixture(scope="module")
def claimed(folder):
    return claim(load_trials(folder))


@pytest.fixture
def verifying(folder, tmp_path):
    """A verification with its files in this test's folder."""

    def prepared(trials=None, **options):
        options = {"replicates": REPLICATES, "processes": 1, "hours": 1.0} | options
        return prepare(trials, str(folder), None, "cold", tmp_path / "results", **options)

    return prepared


@pytest.fixture(scope="module")
def honest(folder, claimed, tmp_path_factory) -> Path:
    """Two entries that are verified: a folder with `submissions` and `results`. Do not change it."""
    place = tmp_path_factory.mktemp("honest")
    for slug in ("a", "b"):
        enter(place / "submissions", slug, HONEST, claimed)
    options = {"replicates": REPLICATES, "processes": 1, "hours": 1.0}
    verification = prepare(None, str(folder), None, "cold", place / "results", **options)
    assert all(result.verified for result in verify_all(entries_of(place / "submissions"), verification, quiet()))
    return place


@pytest.fixture
def verified_before(honest, tmp_path):
    """Puts those of these names into this test's folder, with what was found of them."""

    def put(*slugs):
        public = tmp_path / "results" / BOARD / "public"
        public.mkdir(parents=True)
        shutil.copy(honest / "results" / BOARD / "board.json", public.parent)
        for slug in slugs:
            shutil.copytree(honest / "submissions" / slug, tmp_path / "submissions" / slug)
            for ending in ("json", "parquet"):
                shutil.copy(honest / "results" / BOARD / "public" / f"{slug}.{ending}", public)

    return put


def quiet() -> Console:
    return Console(record=True, width=200, file=io.StringIO())


# --- many entries, some hostile ---------------------------------------------------------------------------------------

UNSTABLE = """
def strategy(campaign):
    \"\"\"The seed of text hashes differs from process to process.\"\"\"
    trials = [campaign.start() for _ in range(campaign.unstarted)]
    for trial in sorted(trials, key=lambda trial: hash(f"trial {trial.weight_init_seed} {trial.data_order_seed}")):
        while not trial.complete:
            trial.advance()
"""

ENTRIES = {
    "a-forks": "import os\nos.fork()\n" + HONEST,
    "b-raises": "def strategy(campaign):\n    raise ValueError(f'saw {campaign.start().advance().score}')\n",
    "c-unstable": UNSTABLE,
    "d-waits": "def strategy(campaign):\n    import os\n    os.read(3, 1)\n",
    "e-lies": HONEST,
    "g-ours": load_strategy("full_trials").source,
}


@pytest.fixture(scope="module")
def verified(folder, claimed, tmp_path_factory):
    """All of `ENTRIES`, one that is spoiled and one of another track: results by slug, and what was printed."""
    place = tmp_path_factory.mktemp("leaderboard")
    submissions, results = place / "submissions", place / "results"
    for slug, source in ENTRIES.items():
        enter(submissions, slug, source, claimed)
    lie = json.loads((submissions / "e-lies" / "submission.json").read_text())
    lie["claimed"]["summary"]["gap_closed"] = 0.99
    (submissions / "e-lies" / "submission.json").write_text(json.dumps(lie))
    (enter(submissions, "h-spoiled", HONEST, claimed) / "notes.txt").touch()
    named = json.loads((enter(submissions, "j-named", HONEST, claimed) / "submission.json").read_text())
    (submissions / "j-named" / "submission.json").write_text(json.dumps(named | {"name": "Asha"}))
    enter(submissions, "i-elsewhere", HONEST, replace(claimed, track="transfer"))
    known = place / "baselines.json"
    known.write_text(json.dumps({"full-trials": load_strategy("full_trials").sha256}))

    def at_most(hours):
        how = {"replicates": REPLICATES, "processes": 1, "hours": hours, "baselines": known}
        return prepare(None, str(folder), None, "cold", results, **how)

    # The one that waits is alone in having little time: how long the others take depends on the machine.
    entries, console = entries_of(submissions), quiet()
    verify_all([entry for entry in entries if entry.name != "d-waits"], at_most(1.0), quiet())
    verification = at_most(4 / 3600)
    found = verify_all(entries, verification, console)
    console.print(table_of(found, verification))
    return {result.slug: result for result in found}, console.export_text(), results


def test_a_hostile_entry_does_not_stop_the_others(verified):
    results, _, _ = verified
    assert {slug: result.verdict for slug, result in results.items()} == {
        "a-forks": "forbidden system call",
        "b-raises": "raised",
        "c-unstable": "not reproducible",
        "d-waits": "took too long",
        "e-lies": "verified",
        "g-ours": "verified",
        "h-spoiled": "bad submission",
        "j-named": "bad submission",
    }
    assert (
        "raised ValueError: saw 0." in results["b-raises"].said and "line 2, in strategy" in results["b-raises"].frames
    )
    assert "two runs differ" in results["c-unstable"].said
    assert "holds 'notes.txt'" in results["h-spoiled"].said


def test_what_was_measured_counts(verified, claimed):
    results, printed, _ = verified
    lies = results["e-lies"]
    assert lies.claimed.summary.gap_closed == 0.99
    assert lies.measured.rows == claimed.rows and lies.measured.summary == claimed.summary
    (line,) = (line for line in printed.splitlines() if line.split()[:2] == ["e-lies", "verified"])
    assert "99.0%" in line and gap_closed(claimed) in line
    assert "i-elsewhere: claims a result of another board; left out" in printed


def test_what_took_too_long_is_still_its_authors(verified, claimed):
    """As is what failed in any other way; the site has the source of it."""
    results, _, folder = verified
    slow, raised = results["d-waits"], results["b-raises"]
    assert (slow.name, slow.authors, slow.license) == ("d waits", ("Somebody",), "MIT")
    assert slow.said.startswith("one run took more than 0.00") and slow.claimed.rows == claimed.rows
    assert {slow.organisers, raised.organisers} == {False} and slow.attribute == raised.attribute == "strategy"
    (found,) = read_standings(folder.parent / "submissions", folder)
    assert {each.slug: each.source for each in found.failed}["d-waits"] == ENTRIES["d-waits"]


def test_the_organisers_entries_are_known_by_their_source(verified):
    results, printed, _ = verified
    assert [slug for slug, result in results.items() if result.organisers] == ["g-ours"]
    assert "g-ours (organisers)" in printed
    assert "name 'Asha': is one of the strategies that ship with seedbench" in results["j-named"].said


def test_results_are_read_as_they_were_found(verified):
    results, _, folder = verified
    (board,) = read_boards(folder)
    assert (board.name, board.seed, board.replicates, board.closed) == (BOARD, PUBLIC_SEED, REPLICATES, False)
    found = results_of(board, "public", folder)
    assert {result.slug: result for result in found} == results
    for result in found:
        if result.verified:
            for name in ("score", "rows_seen"):
                assert np.array_equal(result.campaigns[name], results[result.slug].campaigns[name])
            assert result.example.table == "mini/sst2/few" and result.example.budget == 4
            assert result.packages == differences()
        else:
            assert result.measured is result.campaigns is result.example is None
    assert results_of(board, "hidden", folder) == ()
    assert {path.suffix for path in (folder / BOARD / "public").iterdir()} == {".json", ".parquet"}


# --- again, killed, closed, hidden ------------------------------------------------------------------------------------


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


def test_a_closed_board_has_its_own_seed_and_its_entries(verifying, verified_before, claimed, tmp_path):
    submissions, results, console = tmp_path / "submissions", tmp_path / "results", quiet()
    verified_before("a")
    (provisional,) = verify_all(entries_of(submissions), verifying(), console)
    closed = close_board(verifying(), entries_of(submissions), results)
    assert closed.board.seed != PUBLIC_SEED and closed.board.seed.bit_length() <= 63
    assert read_board(results / BOARD) == closed.board
    enter(submissions, "b-late", HONEST, claimed)
    (final,) = verify_all(entries_of(submissions), verifying(), console)
    assert (provisional.measured.seed, final.measured.seed) == (PUBLIC_SEED, closed.board.seed)
    assert provisional.measured.rows != final.measured.rows
    assert "b-late: came after the board was closed; left out" in console.export_text(clear=False)
    (submissions / "a" / "strategy.py").write_text(HONEST + "# better\n")
    assert verify_all(entries_of(submissions, ["a"]), verifying(), console) == []
    assert "a: changed after the board was closed; left out" in console.export_text()
    with pytest.raises(SeedbenchError, match="closed already, and its seed is drawn once"):
        close_board(verifying(), [], results)
    assert closed.board.pool is None
    with pytest.raises(SeedbenchError, match="was closed before a hidden pool was published"):
        verifying("private")


def test_a_closed_board_has_no_results_of_before(verifying, verified_before, tmp_path):
    submissions, results = tmp_path / "submissions", tmp_path / "results"
    verified_before("a")
    board = close_board(verifying(), entries_of(submissions), results).board
    assert results_of(board, "public", results) == ()  # of the public seed
    verify_all(entries_of(submissions), verifying(), quiet())
    (found,) = results_of(board, "public", results)
    assert found.measured.seed == board.seed
    assert results_of(replace(board, entries={"b": found.key.entry_sha256}), "public", results) == ()


def test_a_pool_that_everybody_has_ranks_nobody(verifying, tmp_path):
    pool = TrialsIdentity("seedbench/pool", "1.0.0", "1" * 64, "c0ffee")
    write_board(tmp_path / "results", replace(verifying().board, track="transfer", entries={}, pool=pool))
    with pytest.raises(SeedbenchError, match="seedbench/pool v1.0.0 was revealed with held-out-2-transfer-1.0"):
        close_board(verifying(), [], tmp_path / "results", replace(pool, revision=None))


def test_measured_again(verifying, verified_before, tmp_path):
    verified_before("a")
    entries = entries_of(tmp_path / "submissions")
    (first,) = verify_all(entries, verifying(), quiet())
    file = tmp_path / "results" / BOARD / "public" / "a.json"
    written = file.stat().st_mtime_ns
    verify_all(entries, verifying(), quiet())
    assert file.stat().st_mtime_ns == written
    assert verify_all(entries, verifying(), quiet(), again=True) == [first] and file.stat().st_mtime_ns > written


def test_the_hidden_pool_is_the_boards_own_and_tells_nothing_but_scores(verifying, folder, claimed, tmp_path):
    private = write(tmp_path / "private", split_like_training(5, 5, checkpoints=3, examples=20, seed=9), name="private")
    submissions, results = tmp_path / "submissions", tmp_path / "results"
    pool = TrialsIdentity("private", "1.0.0", load_trials(private).sha256, None)
    enter(submissions, "a-honest", HONEST, claimed)
    enter(submissions, "b-raises", ENTRIES["b-raises"], claimed)
    with pytest.raises(SeedbenchError, match=f"{BOARD} is open: .* close it first"):
        verifying(str(private))
    close_board(verifying(), entries_of(submissions), results, pool)
    with pytest.raises(SeedbenchError, match=f"its SHA-256 is .*; {BOARD} was closed with the pool {pool.sha256}"):
        verifying(str(folder))
    honest, raises = verify_all(entries_of(submissions), verifying(str(private)), quiet())
    assert honest.verified and honest.measured.trials.name == "private" and honest.example is None
    assert (raises.verdict, raises.said, raises.frames) == ("raised", "", "")
    kept = pq.read_table(results / BOARD / "hidden" / "a-honest.parquet").to_pydict()
    assert {name for name, values in kept.items() if set(values) == {0}} == {
        *("weight_init_seed", "data_order_seed", "validation_score", "checkpoint")
    }
    assert read_result(results / BOARD / "hidden", "a-honest").verified
    public = tmp_path / "results" / BOARD / "public"
    assert not public.exists() and (public.parent / "hidden" / "a-honest.json").exists()


def test_a_board_is_not_rewritten(verifying, verified_before, tmp_path):
    verified_before("a")
    with pytest.raises(SeedbenchError, match="measured with --replicates 4, not 6; a board is not rewritten"):
        verifying(replicates=6)
    other = write(tmp_path / "other", split_like_training(5, 5, checkpoints=3, examples=20, seed=3), version="1.0.1")
    with pytest.raises(SeedbenchError, match="measured on synthetic 1.0.0, .*, not on 1.0.1, .*--public"):
        prepare(None, str(other), None, "cold", tmp_path / "results", replicates=4, processes=1, hours=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"replicates": 2}, "--replicates 2: at least 3"),
        ({"replicates": 0}, "--replicates 0: at least 3"),
        ({"processes": 0}, "--processes 0: at least 1"),
        ({"hours": float("nan")}, "--hours nan: a number of hours above 0"),
        ({"hours": 0.0}, "--hours 0: a number of hours above 0"),
        ({"hours": 600.0}, "--hours 600: a number of hours above 0, at most 168"),
    ],
)
def test_options_out_of_their_range(verifying, options, said):
    with pytest.raises(SeedbenchError, match=said):
        verifying(**options)


def test_a_look_makes_no_board(verifying, folder, tmp_path):
    verifying()
    with pytest.raises(SeedbenchError, match="--track bogus: there are cold and transfer"):
        prepare(None, str(folder), None, "bogus", tmp_path / "results", replicates=4, processes=1, hours=1)
    assert not (tmp_path / "results").exists()


def test_entries_take_part_in_later_boards_too(verifying, verified_before, claimed, tmp_path):
    """Of the next version of the trial set, but not of an earlier one, and not of the other track."""
    submissions, results = tmp_path / "submissions", tmp_path / "results"
    verified_before("a")
    enter(submissions, "b-transfer", HONEST, replace(claimed, track="transfer"))
    (old,) = verify_all(entries_of(submissions), verifying(), quiet())
    assert close_board(verifying(), entries_of(submissions), results).board.entries.keys() == {"a"}
    newer = write(tmp_path / "newer", split_like_training(5, 5, checkpoints=3, examples=20, seed=3), version="1.1.0")
    next_board = prepare(None, str(newer), None, "cold", results, replicates=REPLICATES, processes=1, hours=1.0)
    of_next = replace(claimed, trials=replace(claimed.trials, version="1.1.0"))
    enter(submissions, "c-second", HONEST, of_next)
    enter(submissions, "d-nonsense", HONEST, replace(claimed, trials=replace(claimed.trials, version="1.x")))
    console = quiet()
    again, second = verify_all(entries_of(submissions), next_board, console)
    assert (again.slug, second.slug) == ("a", "c-second") and again.measured.rows != old.measured.rows
    assert comparable_claim(old).rows == claimed.rows and comparable_claim(again) is None
    verify_all(entries_of(submissions, ["b-transfer"]), verifying(), console)
    assert "b-transfer: claims a result of another board; left out" in console.export_text()
    assert verify_all(entries_of(submissions), verifying(), quiet())[0].slug == "a"
    assert [board.name for board in read_boards(results)] == ["held-out-2-cold-1.1", BOARD]


def test_a_trial_set_is_that_of_the_folder_one_is_in(folder, verified_before, tmp_path, monkeypatch):
    """And is measured on only while it is the one that the verification began with."""
    verified_before("a")
    monkeypatch.chdir(folder.parent)
    results, how = tmp_path / "results", {"replicates": REPLICATES, "processes": 1, "hours": 1.0}
    verification = prepare(None, folder.name, None, "cold", results, **how)
    (entry,) = entries_of(tmp_path / "submissions")
    (again,) = verify_all([entry], verification, quiet(), again=True)
    assert again.verified
    key = replace(again.key, trials_sha256="0" * 64)
    with pytest.raises(SeedbenchError, match=r"small: its SHA-256 is [0-9a-f]{64}, and was 0{64} when .* begin again"):
        measure(Order(str(entry), key, verification.board, str(folder), None, False, 1, str(tmp_path), 0))


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


def test_a_removed_entry_keeps_its_line(verifying, verified_before, tmp_path):
    submissions, results = tmp_path / "submissions", tmp_path / "results"
    verified_before("a", "b")
    early = verifying()
    remove(BOARD, "a", "a look-up table: line 7", results)
    note(BOARD, "The first pages gave ranks of one day before.", results)
    (kept,) = verify_all(entries_of(submissions), verifying(), console := quiet())
    assert kept.slug == "b" and "a: removed: a look-up table: line 7" in console.export_text()
    (found,) = read_standings(submissions, results)
    assert [each.slug for each in found.entries] == ["b"] and found.entries[0].ranks == (1, 1)
    (gone,) = found.failed
    assert (gone.slug, gone.public.verdict, gone.public.said) == ("a", "removed", "a look-up table: line 7")
    assert found.board.notes == ("The first pages gave ranks of one day before.",)
    board = close_board(early, entries_of(submissions), results).board  # which was read before it was amended
    assert board == read_board(results / BOARD) and board.notes == found.board.notes and board.removed.keys() == {"a"}
    verify_all(entries_of(submissions), verifying(), quiet())  # under the board's own seed
    (closed,) = read_standings(submissions, results)
    assert [(each.slug, each.public.said) for each in closed.failed] == [("a", "a look-up table: line 7")]
    assert [each.slug for each in closed.entries] == ["b"] and closed.waiting == ()
    for wrong, said in (((BOARD, "c", "why"), "no entry 'c'; there are a, b"), (("x", "a", "why"), "no board 'x'")):
        with pytest.raises(SeedbenchError, match=said):
            remove(*wrong, results)


def test_an_entry_that_was_mended_is_looked_at_again(verifying, claimed, tmp_path):
    note = enter(tmp_path / "submissions", "a", HONEST, claimed) / "notes.txt"
    note.touch()
    (bad,) = verify_all(entries_of(tmp_path / "submissions"), verifying(), quiet())
    note.unlink()
    (good,) = verify_all(entries_of(tmp_path / "submissions"), verifying(), quiet())
    assert (bad.verdict, good.verdict) == ("bad submission", "verified") and bad.key == good.key


def test_what_a_bad_entry_says_is_safe_to_show(verifying, claimed, tmp_path):
    """A key of its JSON is in what is wrong: on a terminal, in a comment, on the site."""
    file = enter(tmp_path / "submissions", "a", HONEST, claimed) / "submission.json"
    file.write_text(file.read_text().replace('"schema"', '"\\u001b[2J": 1, "schema"'))
    (bad,) = verify_all(entries_of(tmp_path / "submissions"), verifying(), quiet())
    assert bad.verdict == "bad submission" and "unknown field `\\x1b[2J`" in bad.said


def test_names_of_folders(tmp_path, claimed):
    enter(tmp_path, "a", HONEST, claimed)
    assert [path.name for path in entries_of(tmp_path)] == ["a"]
    with pytest.raises(SeedbenchError, match="no entry 'b'; there are a"):
        entries_of(tmp_path, ["b"])
    (tmp_path / "README.md").touch()
    assert [path.name for path in entries_of(tmp_path)] == ["a"]
    (tmp_path / "Not One\n").mkdir()
    with pytest.raises(SeedbenchError, match=r"'Not One\\n' is no name of an entry"):
        entries_of(tmp_path)
    assert entries_of(tmp_path / "none") == []


# --- the commands -----------------------------------------------------------------------------------------------------


def test_the_command_says_what_is_wrong_in_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "leaderboard.verify", "--public", str(tmp_path), "--results", str(tmp_path / "r")]
        + ["--other-packages"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("leaderboard.verify: error: ") and done.stderr.count("\n") == 1
    assert not (tmp_path / "r").exists()


def test_baselines_are_the_shipped_strategies(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("leaderboard.baselines.shipped", lambda: ("full_trials", "oracle", "last_checkpoint"))
    known = tmp_path / "baselines.json"
    baselines(tmp_path, str(folder), None, "cold", REPLICATES, 1, known)
    assert sorted(os.listdir(tmp_path)) == ["baselines.json", "full-trials", "last-checkpoint"]
    assert read_baselines(known)["full-trials"] == load_strategy("full_trials").sha256
    written = (tmp_path / "full-trials" / "submission.json").stat().st_mtime_ns
    baselines(tmp_path, str(folder), None, "cold", REPLICATES, 1, known)  # what is there stays
    assert (tmp_path / "full-trials" / "submission.json").stat().st_mtime_ns == written
    (tmp_path / "last-checkpoint" / "strategy.py").write_text("def strategy(campaign): pass")
    known.write_text("{}")
    with pytest.raises(SeedbenchError, match="its SHA-256 is not the one in submission.json"):
        baselines(tmp_path, str(folder), None, "cold", REPLICATES, 1, known)
    assert "last-checkpoint" not in read_baselines(known)
    source = (tmp_path / "full-trials" / "strategy.py").read_text()
    assert source == load_strategy("full_trials").source and "full_trials" in shipped()


# --- ranks ------------------------------------------------------------------------------------------------------------


def named(slug: str, claimed, key="0", verdict="verified") -> Result:
    return Result(slug, Key(key * 64, "1" * 64, 0, 4), verdict, measured=claimed)


def test_ranks_are_intervals(claimed):
    """Three pairs: of p .01, .02 and .04 Holm makes .03, .04 and .04; of .01, .03 and .04 only the first holds."""
    entries = [named(slug, claimed) for slug in "abc"] + [named("d", None, verdict="raised")]
    keys = {entry.slug: entry.key for entry in entries}

    def compared(*p):
        signs = {("a", "b"): 0.3, ("a", "c"): 0.2, ("c", "b"): -0.1}
        return Comparisons(
            keys, tuple(Apart(*pair, signs[pair], 0.0, 1.0, its) for pair, its in zip(signs, p, strict=True))
        )

    assert rank_intervals(entries, compared(0.01, 0.02, 0.04)) == {"a": (1, 1), "b": (2, 2), "c": (3, 3)}
    assert rank_intervals(entries, compared(0.01, 0.03, 0.04)) == {"a": (1, 2), "b": (2, 3), "c": (1, 3)}
    assert rank_intervals(entries, compared(0.01, None, None)) == {"a": (1, 2), "b": (2, 3), "c": (1, 3)}
    # Without c there is one pair, and .04 is enough.
    assert rank_intervals(entries[:2], compared(0.04, 0.9, 0.9)) == {"a": (1, 1), "b": (2, 2)}
    # An entry that was changed since is not the one that was compared.
    changed = [named("a", claimed, key="2"), *entries[1:]]
    assert rank_intervals(changed, compared(0.001, 0.001, 0.9)) == dict.fromkeys("abc", (1, 3))


def test_verification_compares_all_that_is_verified(verified):
    """As `evaluate --against` says of the same strategies."""
    results, _, folder = verified
    (board,) = read_boards(folder)
    found = read_comparisons(folder, board, "public")
    assert set(found.entries) == {"e-lies", "g-ours"} == {slug for slug, one in results.items() if one.verified}
    (pair,) = found.pairs
    assert (pair.one, pair.other) == ("e-lies", "g-ours")
    gaps = [results[slug].measured.summary.gap_closed for slug in ("e-lies", "g-ours")]
    assert pair.difference == pytest.approx(gaps[0] - gaps[1]) and pair.low < pair.difference < pair.high
    assert read_comparisons(folder, board, "hidden") == NONE


def test_campaigns_survive_the_file(folder, tmp_path):
    measured = evaluate("full_trials", str(folder), replicates=REPLICATES)
    campaigns = measured.campaigns
    result = replace(named("a", measured), campaigns=campaigns)
    write_result(tmp_path, result)
    found = read_result(tmp_path, "a")
    assert found == result
    for name, column in campaigns.items():
        assert found.campaigns[name].tolist() == column.tolist()
    write_result(tmp_path, Result("a", result.key, "raised", "said"))
    assert sorted(os.listdir(tmp_path)) == ["a.json"]


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (("--pool", "a.json"), "--pool goes with --close only: leave it out"),
        (("--repo", "a/b"), "--repo goes with --pull-requests only: leave it out"),
        (
            ("--pull-requests", "--submissions", "."),
            "--submissions goes with entries on this machine only: leave it out",
        ),
    ],
)
def test_an_option_that_nothing_would_look_at_is_refused(words, rule, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["verify", "--other-packages", *words])
    assert exit_code(main, "python -m leaderboard.verify") == 2
    assert capsys.readouterr().err == f"leaderboard.verify: error: {rule}\n"
