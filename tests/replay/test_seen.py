"""What a campaign has seen, what it is shown, and what is reported of it."""

from dataclasses import replace

import numpy as np
import pytest

from seedbench import PoolExhausted, UnknownCell
from seedbench.campaign import open_campaign
from seedbench.metrics import best_of_n
from seedbench.replay import RecordedTrials, prepare
from tests.replay.small import First, additive, full_trials, run, three_by_three, unpacked
from tests.scores import additive_scores, table_of

# --- what a campaign has seen -----------------------------------------------------------------------------------------


def test_seen_are_the_seeds_of_what_is_started_and_of_what_is_asked_for():
    score = additive_scores(5, 5, rng=np.random.default_rng(0)).tolist()
    table = table_of(score)

    def starts(campaign):
        campaign.start().advance()
        campaign.start()  # costs nothing, and is seen

    found = run(starts, table, replicates=20)
    drawn = prepare(table, seed=0, replicates=range(20))
    for axis, place, seeds in (("rows", table.row, 5), ("columns", table.column, 5)):
        seen = unpacked(getattr(found, f"{axis}_seen")[0], seeds)
        for at in range(20):
            assert set(np.flatnonzero(seen[at])) == set(place[drawn.order[at, :2]].tolist())

    def asks(campaign):
        trial = campaign.start(weight_init_seed=1)
        trial.advance()
        for label in range(2):
            with pytest.raises(UnknownCell):  # no such label: it says nothing
                campaign.start(label, 99)

    found = run(asks, table, replicates=20)
    for at in range(20):
        rows, columns = (unpacked(of[0], 5)[at] for of in (found.rows_seen, found.columns_seen))
        assert set(np.flatnonzero(rows)) == {drawn.rows[at, 0], drawn.rows[at, 1]}
        assert np.flatnonzero(columns).tolist() == [table.column[found.trial[0, at]]]


def test_a_missing_cell_that_was_asked_for_is_seen():
    score = additive_scores(5, 5, rng=np.random.default_rng(0)).tolist()
    for place in range(5):
        score[place][place] = [None] * 5
    table = table_of(score)

    def looks_for_holes(campaign):
        for row in range(campaign.grid[0]):
            for column in range(campaign.grid[1]):
                try:
                    campaign.start(row, column)
                except UnknownCell:
                    campaign.start((row + 1) % 4, None).advance()
                    return

    found = run(looks_for_holes, table, replicates=20)
    drawn = prepare(table, seed=0, replicates=range(20))
    for at in range(20):
        rows = set(np.flatnonzero(unpacked(found.rows_seen[0], 5)[at]).tolist())
        columns = set(np.flatnonzero(unpacked(found.columns_seen[0], 5)[at]).tolist())
        trials = set(drawn.order[at].tolist())
        there = {(table.row[t], table.column[t]) for t in trials}
        first = [(r, c) for r in drawn.rows[at].tolist() for c in drawn.columns[at].tolist()]
        hole = next(cell for cell in first if cell not in there)
        assert hole[0] in rows and hole[1] in columns


def test_first_are_the_trials_that_best_of_n_starts():
    table = additive(6, 6)
    found = run(full_trials, table, (1, 4), replicates=30)
    drawn = prepare(table, seed=0, replicates=range(30))
    assert found.first.shape == (4, 30)
    np.testing.assert_array_equal(found.first, drawn.order[:, :4].T)


# --- what is seen and what is reported --------------------------------------------------------------------------------


def test_chosen_by_the_dev_set_and_reported_on_the_test_set():
    found = run(full_trials, three_by_three(), replicates=20)
    np.testing.assert_allclose(found.score, 1 - found.validation_score)
    assert (found.checkpoint == 1).all() and (found.validations == 2).all() and (found.steps_spent == 20).all()
    same = run(full_trials, three_by_three(), replicates=20, protocol="dodge2020")
    np.testing.assert_array_equal(same.score, same.validation_score)
    np.testing.assert_array_equal(same.trial, found.trial)


def test_checkpoints_show_rounded_losses_and_what_only_repeats():
    losses = np.full((3, 3, 2), [0.693147, 0.123456])
    table = replace(
        table_of(np.full((3, 3, 2), 0.5), validation_loss=losses, train_loss=2 * losses),
        ended_at=np.array([1] * 9, dtype=np.int32),
    )
    seen = []

    def look(campaign):
        trial = campaign.start()
        for _ in range(2):
            c = trial.advance()
            seen.append((c.validation_loss, c.train_loss, c.repeated))

    found = run(look, table, replicates=3)
    assert seen == [(0.693, 1.39, False), (0.123, 0.247, True)] * 3
    assert (found.validations == 1).all() and (found.steps_spent == 20).all()


def test_best_of_n_is_the_mean_of_campaigns_that_start_n():
    """Over a thousand pools, within four standard errors."""
    table = additive(5, 5)
    found = run(full_trials, table, (1, 2, 4), replicates=1000, protocol="dodge2020")
    best = table.score.max(axis=1)
    drawn = prepare(table, seed=0, replicates=range(1000), protocol="dodge2020")
    by_pool = np.mean([best_of_n(best[order], best[order]) for order in drawn.order], axis=0)
    for at, budget in enumerate((1, 2, 4)):
        assert abs(found.score[at].mean() - by_pool[budget - 1]) < 4 * best.std() / np.sqrt(1000)
    assert (found.trials_started == [[1], [2], [4]]).all()


def test_labels_are_permuted_and_one_label_fixes_one_row():
    table = three_by_three()
    found = run(First(row=0), table, replicates=300)
    drawn = prepare(table, seed=0, replicates=range(300))
    for at in range(300):
        in_row = [trial for trial in drawn.order[at] if table.row[trial] == drawn.rows[at, 0]]
        assert found.trial[0, at] == in_row[0]
    cell = run(First(row=1, column=0), table, replicates=300)
    assert np.abs(np.bincount(cell.trial[0], minlength=9) / 300 - 1 / 9).max() < 4 * np.sqrt(8 / 81 / 300)


def test_labels_that_are_none_are_unknown_cells():
    recorded = RecordedTrials(prepare(three_by_three(), seed=0, replicates=range(2)), 1)
    for labels in [(2, None), (None, -1), (0, 2), (0.5, None), ("0", 1), (-1, -1)]:
        with pytest.raises(UnknownCell, match="must be a whole number from 0 to 1, found"):
            open_campaign(recorded.source(), 1, rng=None).campaign.start(*labels)
    campaign = open_campaign(recorded.source(), 1, rng=None).campaign
    assert campaign.start(np.int64(1), np.int8(0)) is campaign.start(1, 0)
    campaign.start(weight_init_seed=1)
    with pytest.raises(PoolExhausted, match="every trial of weight_init_seed 1 is started"):
        campaign.start(weight_init_seed=1)
    assert campaign.unstarted == 2
