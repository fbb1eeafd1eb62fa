"""Best-of-n on sub-grids, against every subset and every sub-grid written out."""

from itertools import combinations

import numpy as np
import pytest

from seedbench.influences import (
    SubGrids,
    baseline,
    draw_subgrids,
    multiplier,
    pool_size,
    subgrid_size,
    summary_multiplier,
    trial_grid,
)
from seedbench.influences.baselines import cells_share
from seedbench.influences.ranked import best_of, best_of_n_curve, without_each_trial
from seedbench.metrics import best_of_n, best_of_n_weights, by_rank, share_ties
from tests.influences.worlds import table


def rng(seed=0):
    return np.random.default_rng(seed)


def by_subsets(validation, test, n):
    """The mean over all sets of n trials of the test score of their best, those that tie in it in the mean."""
    means = []
    for chosen in map(list, combinations(range(len(test)), n)):
        best = validation[chosen] == validation[chosen].max()
        means.append(test[chosen][best].mean())
    return np.mean(means)


def every_subgrid(rows, columns):
    """All sub-grids of a campaign's size, each once."""
    masks = []
    for seeds in (rows, columns):
        chosen = list(combinations(range(seeds), subgrid_size(seeds)))
        mask = np.zeros((len(chosen), seeds), dtype=bool)
        np.put_along_axis(mask, np.array(chosen), True, axis=1)
        masks.append(mask)
    each_row, each_column = np.indices((len(masks[0]), len(masks[1]))).reshape(2, -1)
    return SubGrids(masks[0][each_row], masks[1][each_column])


def test_sizes_of_sub_grids():
    sizes = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 12: 9, 15: 12, 16: 12, 24: 12, 25: 13, 48: 24}
    assert {seeds: subgrid_size(seeds) for seeds in sizes} == sizes


def test_drawn_sub_grids_have_their_size_and_favour_nobody():
    drawn = draw_subgrids(table(12, 5), rng=rng(), number=4000)
    assert (drawn.rows.sum(axis=1) == 9).all() and (drawn.columns.sum(axis=1) == 4).all()
    assert drawn.rows.mean(axis=0) == pytest.approx(np.full(12, 9 / 12), abs=0.03)
    assert np.corrcoef(drawn.rows[:, 0], drawn.columns[:, 0])[0, 1] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("decimals", [6, 0])  # 0: most trials tie with others
@pytest.mark.parametrize("n", [1, 2, 4])
def test_best_of_n_is_the_mean_over_all_subsets(decimals, n):
    grid = table(3, 3, decimals=decimals)
    _, validation, test = by_rank(grid.validation, grid.test)
    assert best_of(validation, test, n) == pytest.approx(by_subsets(grid.validation, grid.test, n))


@pytest.mark.parametrize("decimals", [6, 0])
@pytest.mark.parametrize("n", [1, 3, 8])
def test_without_each_trial(decimals, n):
    grid = table(3, 3, seed=4, decimals=decimals)
    order, validation, test = by_rank(grid.validation, grid.test)
    others = [np.arange(9) != trial for trial in order]
    expected = [by_subsets(grid.validation[keep], grid.test[keep], n) for keep in others]
    assert without_each_trial(validation, test, n) == pytest.approx(expected)


def test_a_long_curve_is_the_short_one():
    """Above 256 trials, only the highest ranks are looked at: nothing of it is lost."""
    ranked = rng().normal(size=600)
    assert best_of_n_curve(ranked, 600) == pytest.approx(best_of_n_weights(600) @ ranked, rel=1e-11, abs=1e-12)


@pytest.mark.parametrize("decimals", [6, 0])
@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_four_by_four_against_every_sub_grid(decimals, missing):
    """16 sub-grids of 3 × 3: R, its influences and the oracle, written out; n up to the smallest of them."""
    grid, all_of_them = table(4, 4, seed=3, missing=missing, decimals=decimals), every_subgrid(4, 4)
    pools = [
        np.flatnonzero(rows[grid.row] & columns[grid.column])
        for rows, columns in zip(all_of_them.rows, all_of_them.columns, strict=True)
    ]
    found = baseline(grid, [2], all_of_them)
    assert found.curve.size == pool_size(grid, all_of_them) == min(map(len, pools))
    for n in (1, 2, found.ceiling_trials):
        each = np.array([by_subsets(grid.validation[pool], grid.test[pool], n) for pool in pools])
        assert found.curve[n - 1] == pytest.approx(each.mean())
        place = found.sizes.index(n)
        for seed in range(4):  # with every sub-grid once, a mean over those without the row is exact
            assert found.rows[place, seed] == pytest.approx(each.mean() - each[~all_of_them.rows[:, seed]].mean())
            assert found.columns[place, seed] == pytest.approx(each.mean() - each[~all_of_them.columns[:, seed]].mean())
    assert found.oracle == pytest.approx(np.mean([grid.test[pool].max() for pool in pools]))
    assert found.floor == found.curve[0] and found.ceiling == found.curve.max()


def test_random_sub_grids_come_near_to_every_sub_grid():
    grid = table(6, 5, seed=1)
    drawn, exact = baseline(grid, [4], draw_subgrids(grid, rng=rng())), baseline(grid, [4], every_subgrid(6, 5))
    assert drawn.curve == pytest.approx(exact.curve, abs=0.02)
    assert drawn.rows == pytest.approx(exact.rows, abs=0.03)


@pytest.mark.parametrize("shape", ["rows", "columns", "diagonal"])
def test_one_seed_a_run_is_exact(shape):
    """6 seeds, pools of 5: a mean over 5 of 6 is best-of-n of all 6, an influence what leaving one out costs."""
    scores = rng(2).normal(size=(2, 6))
    own, same = np.arange(6) + 10, np.zeros(6)
    axes = {"rows": (own, same), "columns": (same, own), "diagonal": (own, own)}[shape]
    grid = trial_grid(*axes, *scores)
    found = baseline(grid, [2], draw_subgrids(grid, rng=rng(), number=1))
    assert found.curve == pytest.approx(best_of_n(*scores)[:5])
    influence = found.columns if shape == "columns" else found.rows
    without = [best_of_n(*np.delete(scores, one, axis=1))[1] for one in range(6)]
    assert influence[found.sizes.index(2)] == pytest.approx(best_of_n(*scores)[1] - without)
    assert found.shares.max() == 0
    assert grid.one_seed and grid.axis_held_fixed == (shape != "diagonal")


def test_share_of_the_cells():
    """Nothing but cells: their variance is in rows and in columns, so half of the sum is theirs. No cells: none is."""
    row, column = np.indices((20, 20)).reshape(2, -1)
    noise = rng(5).normal(size=400)
    assert cells_share(trial_grid(row, column, noise, noise), 1) == pytest.approx(0.5, abs=0.1)
    additive = rng(6).normal(size=20)[row] + rng(7).normal(size=20)[column]
    assert cells_share(trial_grid(row, column, additive, additive), 1) < 0.06
    assert cells_share(trial_grid(row, column, 0 * noise, 0 * noise), 1) == 0


def test_ties_share_the_mean_of_those_in_the_sub_grid():
    """All tie in validation: whatever n, the best is anyone of a sub-grid, so R is flat at the mean of all."""
    row, column = np.indices((4, 4)).reshape(2, -1)
    test = rng(8).normal(size=16)
    found = baseline(trial_grid(row, column, np.zeros(16), test), [2], every_subgrid(4, 4))
    assert found.curve == pytest.approx(np.full(9, test.mean()))
    assert share_ties(np.zeros(16), test) == pytest.approx(np.full(16, test.mean()))


def test_an_empty_sub_grid_is_refused():
    grid = trial_grid([0, 1, 2], [0, 1, 0], np.arange(3), np.arange(3))
    with pytest.raises(ValueError, match="a sub-grid has no trial"):
        baseline(grid, [2], every_subgrid(3, 2))


@pytest.mark.parametrize(
    ("row", "column", "scores", "message"),
    [
        ([], [], [], "a grid needs trials"),
        ([1, 1], [2, 2], [0.0, 0.0], "one a cell"),
        ([1, 2], [2, 2], [0.0, np.nan], "scores must be finite"),
    ],
)
def test_grids_that_are_none(row, column, scores, message):
    with pytest.raises(ValueError, match=message):
        trial_grid(row, column, scores, scores)


def test_multiplier_and_its_ends():
    """R is 0, 10, 20, ... at n = 1, 2, 3: 15 takes 2.5 trials. R(2) less 12 is below R(1), R(2) and 3 takes 2.3."""
    curve = 10.0 * np.arange(5)
    found = multiplier(curve, 2, 15.0, (-12.0, 3.0))
    assert (found.estimate, found.bound) == (1.25, None)
    assert (found.low, found.low_bound) == (0.5, "<")
    assert (found.high, found.high_bound) == (pytest.approx(2.3 / 2), None)
    assert multiplier(curve, 2, 50.0).bound == ">"
    assert summary_multiplier([curve, 3 * curve[:3]], [10.0, 20.0], 2).estimate == 1.75 / 2  # 15 on 0, 20, 40
    assert multiplier(curve, 2, 50.0).low is None
