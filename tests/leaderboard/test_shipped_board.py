"""The board in the repository: its results are of the entries beside them, and are what the trials in the wheel say."""

from __future__ import annotations

import numpy as np
import pytest

from leaderboard.boards import RESULTS, SUBMISSIONS, read_baselines, read_boards, sha256_of
from leaderboard.ranks import read_comparisons
from leaderboard.results import comparable_claim, results_of
from seedbench import evaluate, load_trials
from seedbench.campaign import shown_loss
from seedbench.replay import TRACKS
from seedbench.strategy import load_strategy
from seedbench.submission import ENTRY, SOURCE, read_submission


@pytest.fixture(scope="module", params=TRACKS)
def board(request):
    here = load_trials().sha256
    found = [board for board in read_boards() if (board.trials.sha256, board.track) == (here, request.param)]
    if not found:
        pytest.skip("the trials in the wheel have no board yet: leaderboard.baselines, leaderboard.verify")
    return found[0]


def test_the_organisers_entries_are_shipped_strategies():
    """Of the source that each had when the entry was written; an entry is never changed."""
    listed = read_baselines()
    for slug in listed:
        assert not load_strategy(slug.removesuffix("-transfer").replace("-", "_")).oracle
    entries = {slug: read_submission(SUBMISSIONS / slug) for slug in listed}
    assert {slug: entry.source_sha256 for slug, entry in entries.items()} == listed


def test_results_are_of_the_entries_beside_them(board):
    results = results_of(board, "public")
    assert results
    for result in results:
        entry = SUBMISSIONS / result.slug
        files = [(entry / name).read_bytes() for name in (SOURCE, ENTRY)]
        assert result.key.entry_sha256 == sha256_of(*files), result.slug
        assert (result.key.trials_sha256, result.key.seed) == (board.trials.sha256, board.seed)
        assert result.verified and result.organisers, result.slug
        claim = comparable_claim(result)
        assert claim is not None and claim.rows == result.measured.rows, result.slug
    assert set(read_comparisons(RESULTS, board, "public").entries) == {result.slug for result in results}


def test_results_are_what_the_trials_say(board):
    """A quarter of the tables, measured here again; best-of-n's own scores are sums, whose last bit may differ."""
    slug = "full-trials" if board.track == "cold" else "full-trials-transfer"
    (result,) = (result for result in results_of(board, "public") if result.slug == slug)
    some = [table.recipe for table in load_trials().tables if table.test_score is not None][::4]
    again = evaluate("full_trials", seed=board.seed, replicates=board.replicates, track=board.track, recipes=some)
    recorded = [row.score for row in result.measured.rows if row.recipe in some]
    assert [row.score for row in again.rows] == pytest.approx(recorded, abs=1e-12) and len(recorded) == 12


def test_what_the_rules_say_of_first_losses_is_so():
    """Of the scored tables in the wheel: what an exact first validation loss tells, and what the rounded ones do."""
    trials = told = 0
    for table in load_trials().tables:
        if table.test_score is None:
            continue
        exact = [table.train_loss[:, 0], table.validation_loss[:, 0]]
        assert len(np.unique(exact[1])) == table.num_trials
        _, count = np.unique(np.stack([shown_loss(loss) for loss in exact]), axis=1, return_counts=True)
        trials, told = trials + table.num_trials, told + int(np.count_nonzero(count == 1))
    rules = " ".join((SUBMISSIONS.parent / "README.md").read_text(encoding="utf-8").split())
    assert "a first validation loss names every trial of the bundled set's scored tables" in rules
    assert f"the two losses of the first checkpoint still single out {told} of their {trials} trials" in rules
