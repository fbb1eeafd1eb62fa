"""Boards that are verified: closed, with a hidden pool, earlier and later; entries that are removed or mended."""

from __future__ import annotations

from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from leaderboard.amend import note, remove
from leaderboard.boards import PUBLIC_SEED, read_board, read_boards, write_board
from leaderboard.build import read_standings
from leaderboard.measure import Order, measure
from leaderboard.results import (
    comparable_claim,
    read_result,
    results_of,
)
from leaderboard.verification import prepare
from leaderboard.verify import close_board, entries_of, verify_all
from seedbench import SeedbenchError, load_trials
from seedbench.trialset import TrialsIdentity
from tests.entries import HONEST, RAISES, REPLICATES, enter
from tests.leaderboard.conftest import BOARD, quiet
from tests.synthetic import split_like_training, write

pytestmark = pytest.mark.usefixtures("sealing")


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


def test_the_hidden_pool_is_the_boards_own_and_tells_nothing_but_scores(verifying, folder, claimed, tmp_path):
    private = write(tmp_path / "private", split_like_training(5, 5, checkpoints=3, examples=20, seed=9), name="private")
    submissions, results = tmp_path / "submissions", tmp_path / "results"
    pool = TrialsIdentity("private", "1.0.0", load_trials(private).sha256, None)
    enter(submissions, "a-honest", HONEST, claimed)
    enter(submissions, "b-raises", RAISES, claimed)
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
