"""Pools: random sub-grids of their size, with missing cells, and where one run is one seed."""

from dataclasses import replace

import numpy as np
import pytest

from seedbench import StrategyFailed, UnknownCell
from seedbench.influences import subgrid_size
from seedbench.replay import pool_size_of, prepare, whole_table
from tests.replay.small import First, additive, run, three_by_three, unpacked
from tests.scores import additive_scores, table_of


@pytest.mark.parametrize(("rows", "columns"), [(12, 12), (5, 9), (3, 2), (1, 8)])
def test_a_pool_is_a_random_sub_grid_of_its_size(rows, columns):
    table, replicates = additive(rows, columns), 200
    size, drawn = pool_size_of(table), prepare(table, seed=3, replicates=range(replicates))
    assert (size.rows, size.columns) == (subgrid_size(rows), subgrid_size(columns))
    assert size.trials == size.rows * size.columns and not size.diagonal
    present = np.zeros((replicates, rows), dtype=int)
    for at in range(replicates):
        chosen_rows, chosen_columns = drawn.rows[at], drawn.columns[at]
        assert len(set(chosen_rows.tolist())) == size.rows and len(set(chosen_columns.tolist())) == size.columns
        cells = {(row, column) for row in chosen_rows.tolist() for column in chosen_columns.tolist()}
        order = drawn.order[at]
        assert {(table.row[trial], table.column[trial]) for trial in order.tolist()} == cells
        assert len(order) == len(cells)
        present[at, chosen_rows] = 1
    share = size.rows / rows  # each row is in so many of the pools
    assert np.abs(present.mean(axis=0) - share).max() <= 4 * np.sqrt(share * (1 - share) / replicates)


def test_where_cells_are_missing_every_pool_has_the_smallest_number_of_trials():
    score = additive_scores(6, 6, rng=np.random.default_rng(1)).tolist()
    for row, column in ((0, 0), (1, 1), (2, 2), (3, 3)):
        score[row][column] = [None] * 5
    table = table_of(score)
    # Sub-grids of 5 x 5 have all four holes, or three, or two: those that leave out a row and a column with one each.
    size = pool_size_of(table)
    assert (size.rows, size.columns, size.trials) == (5, 5, 21)
    drawn = prepare(table, seed=0, replicates=range(100))
    assert drawn.order.shape == (100, 21)
    lost = 0
    for at in range(100):
        inside = np.isin(table.row, drawn.rows[at]) & np.isin(table.column, drawn.columns[at])
        assert inside[drawn.order[at]].all() and len(set(drawn.order[at].tolist())) == 21
        lost += int(inside.sum()) > 21
    assert lost > 50  # what such a pool loses counts as missing
    missing = []

    def ask_all(campaign):
        assert campaign.unstarted == 21
        for row in range(5):
            for column in range(5):
                try:
                    campaign.start(row, column)
                except UnknownCell:
                    missing.append((row, column))
        assert campaign.unstarted == 0
        campaign.start()  # nothing is left, which ends it well

    with pytest.raises(StrategyFailed, match="paid for no checkpoint"):
        run(ask_all, table)
    assert len(missing) == 4


def diagonal(seeds=16):
    """One run a seed: row and column are the same one."""
    score = [[[None] * 2] * seeds for _ in range(seeds)]
    for seed in range(seeds):
        score[seed][seed] = [0.1 + 0.01 * seed] * 2
    return table_of(score)


def test_one_seed_a_run_is_its_own_unit():
    table = diagonal()
    size = pool_size_of(table)
    assert (size.rows, size.columns, size.trials, size.diagonal) == (12, 12, 12, True)
    kept = run(First(row=3), table, replicates=50)
    by_column = run(First(column=3), table, replicates=50)
    drawn = prepare(table, seed=0, replicates=range(50))
    np.testing.assert_array_equal(kept.trial[0], drawn.rows[:, 3])
    np.testing.assert_array_equal(by_column.trial, kept.trial)  # the label of the seed, along either axis
    np.testing.assert_array_equal(by_column.rows_seen, kept.rows_seen)

    def two_labels(campaign):
        with pytest.raises(UnknownCell):
            campaign.start(0, 1)
        campaign.start(2).advance()

    seen = unpacked(run(two_labels, table, replicates=50).rows_seen[0], 16)
    for at in range(50):
        assert set(np.flatnonzero(seen[at])) == set(drawn.rows[at, :3].tolist())


def test_seeds_of_a_diagonal_that_come_in_another_order():
    table = diagonal()
    table = replace(table, column=table.column[::-1].copy())
    drawn = prepare(table, seed=0, replicates=range(3))
    for at in range(3):
        np.testing.assert_array_equal(drawn.columns[at], 15 - drawn.rows[at])
    kept = run(First(row=3, column=3), table, replicates=3)
    np.testing.assert_array_equal(kept.trial[0], drawn.rows[:, 3])


def test_a_pool_of_everything_for_live_training():
    table = three_by_three()
    drawn = whole_table(table, seed=5)
    assert sorted(drawn.order[0].tolist()) == list(range(9)) and drawn.replicates == range(1)
