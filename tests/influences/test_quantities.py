"""Influences and intervals of one table: against numbers from elsewhere, and against deleting a seed for good."""

import tracemalloc

import numpy as np
import pytest

from seedbench.influences import (
    Campaigns,
    NoInterval,
    baseline,
    best_of_n,
    difference,
    draw_subgrids,
    has_signal,
    interval,
    over_best_of_n,
    quantity,
    score,
    seen,
    seen_pairs,
    table_sample,
    to_win,
    total,
    trial_grid,
    unit,
)
from seedbench.influences.quantities import unseen
from tests.influences.worlds import orders, sample_of, table


def rng(seed=0):
    return np.random.default_rng(seed)


def test_presence_by_hand():
    """Of 4 seeds the first replicate saw 0 and 2: 1 for those, 1 - 4/2 for the others; the second saw only 3."""
    expected = [[1, -1, 1, -1], [-1 / 3, -1 / 3, -1 / 3, 1]]
    mask = np.array([[1, 0, 1, 0], [0, 0, 0, 1]], dtype=bool)
    assert seen(mask).scores() == pytest.approx(np.array(expected))
    pairs = seen_pairs([1, 0, 0, 0], [3, 2, 0, 0], replicates=2, seeds=4)
    assert np.array_equal(pairs.scores(1, 4), seen(mask).scores()[:, 1:])
    assert not seen(np.ones((2, 1), dtype=bool)).scores().any()


def test_nobody_sees_all_seeds():
    with pytest.raises(ValueError, match="at most 3; found 4"):
        seen(np.ones((2, 4), dtype=bool))


def test_influences_are_what_deleting_a_seed_does():
    """An adaptive rule, replayed again on the table without each row and each column, pools of the same size."""
    grid, replicates = table(6, 6, seed=3), 20_000
    drawn = orders(grid, replicates, 4, rng=rng(4))
    rule = drawn.stop_when_good(0.5, 4)
    found = baseline(grid, [4], draw_subgrids(grid, rng=rng(9)))
    part = score(table_sample(found, [4], [drawn.best(0, 4)], [[rule]]), 0, 4)
    for axis, label in enumerate((grid.row, grid.column)):
        estimated = part.influence[axis] / np.sqrt(5 / 6)
        deleted = []
        for seed in range(6):
            keep = np.flatnonzero(label != seed)
            left = trial_grid(grid.row[keep], grid.column[keep], grid.validation[keep], grid.test[keep])
            # Pools as large as before: all five seeds that are left of one axis, five of six of the other.
            again = orders(left, replicates, 4, rng=rng(5 + seed), sizes=(5, 5))
            deleted.append(rule.score.mean() - again.stop_when_good(0.5, 4).score.mean())
        assert estimated == pytest.approx(deleted, abs=0.05)
        assert np.abs(deleted).max() > 0.15


def by_hand(scores, control, known, phi, share, minus):
    """The interval's pieces, spelled out for one rule: arrays [P], masks [P, seeds] of both axes."""
    (s, s_axes), (f, f_axes) = scores, control
    replicates = len(s)
    s_centred, f_centred = s - s.mean(), f - f.mean()
    beta = (s_centred * f_centred).mean() / (f_centred**2).mean()
    estimate = s.mean() - beta * (f.mean() - known) - minus * known
    s2 = ((s_centred - beta * f_centred) ** 2).sum() / (replicates - 2) / replicates
    variances, noises = [], []
    for s_mask, f_mask, exact in zip(s_axes, f_axes, phi, strict=True):
        seeds = s_mask.shape[1]
        terms = []
        for values, mask in ((s_centred, s_mask), (f_centred, f_mask)):
            a = 1 - ~mask * (seeds / (seeds - mask.sum(axis=1, keepdims=True)))
            terms.append(values[:, None] * a)
        x, y = terms
        beta = sum(np.cov(x[:, i], y[:, i])[0, 1] for i in range(seeds)) / sum(y.var(axis=0, ddof=1))
        psi = x.mean(axis=0) - beta * (y.mean(axis=0) - exact) - minus * exact
        noise = (x - beta * y).var(axis=0).sum() / (replicates - 2)
        noises.append((seeds - 1) / seeds * noise)
        variances.append((seeds - 1) / seeds * (psi**2).sum() - noises[-1])
    fewest = min(mask.shape[1] for mask in s_axes)
    v = max(*variances, (1 - share) * sum(variances), np.sqrt(2 / (fewest - 1)) * max(noises))
    return estimate, *variances, v, s2


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("minus", [0, 1])
def test_every_piece_by_hand(missing, minus):
    grid = table(7, 6, seed=5, missing=missing)
    drawn = orders(grid, 300, 8, rng=rng(1))
    found = baseline(grid, [4], draw_subgrids(grid, rng=rng(9)))
    rule, control = drawn.stop_when_good(0.5, 8), drawn.best(0, 4)
    part = (over_best_of_n if minus else score)(table_sample(found, [4], [control], [[rule]]), 0, 4)
    masks = [[axis.scores() == 1 for axis in (one.rows, one.columns)] for one in (rule, control)]
    place = found.sizes.index(4)
    expected = by_hand(
        (rule.score, masks[0]),
        (control.score, masks[1]),
        found.curve[3],
        (found.rows[place], found.columns[place]),
        found.shares[place],
        minus,
    )
    pieces = (part.estimate, *part.variances, part.variance, part.replicate_variance)
    assert pieces == pytest.approx(expected, rel=1e-9)


def test_numbers_of_an_independent_implementation():
    """The same table and masks through the prototype that the design's figures come from (in single precision).

    That one floors V at 0, and gives the noise too: .005251 at most in the last, times the root of a half more than V.
    """
    grid = table(6, 5, seed=7)
    sample = sample_of(grid, budgets=(2, 4))
    for part, expected in zip(
        (score(sample, 3, 4), over_best_of_n(sample, 2, 4), difference(sample, 2, 3, 2), over_best_of_n(sample, 1)),
        PROTOTYPE,
        strict=True,
    ):
        pieces = (part.estimate, *part.variances, part.variance, part.replicate_variance)
        assert pieces == pytest.approx(expected, rel=2e-3, abs=2e-5)


PROTOTYPE = [
    # estimate, V_row, V_col, V, s^2 / P
    (-0.099522, 0.068808, 0.301026, 0.301026, 0.000206),
    (0.483963, -0.016929, 0.065964, 0.065964, 0.001592),
    (0.386325, 0.004184, 0.069307, 0.069307, 0.001991),
    (0.009587, 0.002542, -0.002505, 0.003713, 0.001106),
]


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_best_of_n_against_itself_is_nothing(missing):
    sample = sample_of(table(8, 6, missing=missing))
    for budget in (2, 4, None):
        part = over_best_of_n(sample, 0, budget)
        found = interval(total([part]))
        assert (found.estimate, found.standard_error, found.low, found.high, found.detectable) == (0, 0, 0, 0, 0)
        assert score(sample, 0, budget).replicate_variance == 0
    assert interval(total([difference(sample, 0, 0)])).high == 0


def test_best_of_n_is_known_without_replicates():
    """T of best-of-n is R(B), its influences the baseline's."""
    sample = sample_of(table(8, 6))
    part, exact = score(sample, 0, 4), best_of_n(sample, 4)
    assert part.estimate == exact.estimate == sample.baseline.curve[3]
    assert part.influence[0] == pytest.approx(exact.influence[0], abs=1e-12)
    assert exact.noise == (0, 0)


def test_what_is_linear_adds_up():
    """Without control, whose weight differs between quantities, a difference is one influence less the other."""
    grid = table(8, 6)
    sample = sample_of(grid)
    flat = Campaigns(np.zeros(400), *(seen(np.zeros((400, seeds), dtype=bool)) for seeds in (8, 6)))
    drawn = orders(grid, 400, 12, rng=rng(1))
    rules = [[drawn.best(0, 4), drawn.best(0, 8)], [drawn.best(4, 8), drawn.stop_when_good(0.5, 4)]]
    sample = table_sample(sample.baseline, (2, 4), [flat, flat], rules)
    each = [[score(sample, rule, budget) for budget in (2, 4)] for rule in (0, 1)]
    apart = difference(sample, 0, 1, 4)
    assert apart.estimate == pytest.approx(each[0][1].estimate - each[1][1].estimate)
    assert apart.influence[0] == pytest.approx(each[0][1].influence[0] - each[1][1].influence[0])
    mean = score(sample, 0)
    assert mean.estimate == pytest.approx((each[0][0].estimate + each[0][1].estimate) / 2)
    assert mean.influence[1] == pytest.approx((each[0][0].influence[1] + each[0][1].influence[1]) / 2)
    twice = quantity(sample, 2 * unit(sample, 0, 2), {1: 1.0})
    assert twice.estimate == pytest.approx(2 * each[0][0].estimate + sample.baseline.floor)


def test_a_control_that_does_not_vary_has_no_weight():
    row, column = np.indices((6, 5)).reshape(2, -1)
    grid = trial_grid(row, column, rng(1).normal(size=30), np.full(30, 0.3))
    sample = sample_of(grid)
    part = over_best_of_n(sample, 2, 4)
    assert part.estimate == pytest.approx(0, abs=1e-15) and part.variance == pytest.approx(0, abs=1e-30)


def test_detectable_difference_by_hand():
    """30 trials on 6 × 5: 4 degrees of freedom, t(.975) = 2.7764 and t(.80) = 0.9410."""
    found = interval(total([score(sample_of(table(6, 5)), 2, 4)]))
    assert found.degrees_of_freedom == 4
    assert found.high - found.estimate == pytest.approx(2.7764 * found.standard_error, rel=1e-4)
    assert found.detectable == pytest.approx((2.7764 + 0.9410) * found.standard_error, rel=1e-4)


def test_signal():
    """Cells that differ by much, and a table of noise in which the validation score says nothing of the test score."""
    row, column = np.indices((8, 8)).reshape(2, -1)
    quality = rng(1).normal(size=64)
    assert has_signal(sample_of(trial_grid(row, column, quality, quality))) is True
    noise = sample_of(trial_grid(row, column, rng(2).normal(size=64), quality))
    assert has_signal(noise) is False
    assert to_win(noise).estimate < 2 * np.sqrt(to_win(noise).variance)
    constant = sample_of(trial_grid(row, column, quality, np.zeros(64)))
    assert has_signal(constant) is False


@pytest.mark.parametrize(
    ("rows", "columns", "why"),
    [(4, 9, NoInterval.FEW_ROWS), (9, 2, NoInterval.FEW_COLUMNS), (12, 1, None), (1, 12, None), (3, 1, "few_rows")],
)
def test_axes_with_too_few_seeds(rows, columns, why):
    grid = table(rows, columns)
    assert grid.no_interval == why
    drawn = orders(grid, 50, 2, rng=rng(1))
    found = baseline(grid, [1], draw_subgrids(grid, rng=rng(9), number=500))
    sample = table_sample(found, [1], [drawn.best(0, 1)], [[drawn.best(0, 2)]])
    around = interval(total([score(sample, 0, 1)]))
    assert around.no_interval == why
    assert (around.low is None) == (why is not None)
    assert (has_signal(sample) is None) == (why is not None)
    if why is None:
        assert around.degrees_of_freedom == 11


def test_one_seed_a_run_has_one_axis():
    sample = sample_of(table(20, 1))
    part = score(sample, 2, 4)
    assert (
        part.share == 0 and part.variances[1] == 0 and part.variance == max(part.variances[0], unseen(part.noise, 11))
    )


def test_fifty_thousand_trials_of_one_seed_each_take_little_memory():
    trials, replicates, budget = 50_000, 500, 32
    scores = np.round(rng().normal(size=(2, trials)), 2)
    tracemalloc.start()
    grid = trial_grid(np.arange(trials), np.arange(trials), *scores)
    found = baseline(grid, [budget], draw_subgrids(grid, rng=rng(), number=1))
    started = rng(1).integers(0, trials, (replicates, 2 * budget))
    campaigns = []
    for number in (budget, 2 * budget):
        kept = started[np.arange(replicates), grid.validation[started[:, :number]].argmax(axis=1)]
        replicate = np.repeat(np.arange(replicates), number)
        rows = seen_pairs(replicate, started[:, :number].ravel(), replicates=replicates, seeds=trials)
        campaigns.append(Campaigns(grid.test[kept], rows, seen(np.ones((replicates, 1), dtype=bool))))
    part = over_best_of_n(table_sample(found, [budget], campaigns[:1], [campaigns[1:]]), 0, budget)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 250e6
    assert found.curve.size == 25_000 and part.influence[0].shape == (trials,)
