"""Verification: what is measured counts, whatever an entry claims or does; the commands, and the ranks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from leaderboard.baselines import main as baselines
from leaderboard.boards import PUBLIC_SEED, read_baselines, read_boards
from leaderboard.build import read_standings
from leaderboard.environment import differences
from leaderboard.ranks import NONE, Comparisons, rank_intervals, read_comparisons
from leaderboard.results import (
    Key,
    Result,
    gap_closed,
    read_result,
    results_of,
    write_result,
)
from leaderboard.verification import prepare
from leaderboard.verify import entries_of, main, table_of, verify_all
from seedbench import SeedbenchError
from seedbench.commands import exit_code
from seedbench.evaluation import Apart, evaluate
from seedbench.strategy import load_strategy, shipped
from tests.entries import HONEST, RAISES, REPLICATES, enter
from tests.leaderboard.conftest import BOARD, quiet

ROOT = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("sealing")


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
    "b-raises": RAISES,
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
