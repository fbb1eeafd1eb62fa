"""Intervals that hold together: their critical value, what it depends on, and how often all of them cover the truth."""

import os

import numpy as np
import pytest
from scipy.stats import multivariate_t
from scipy.stats import t as student

from seedbench.intervals import jackknife, largest_t, simultaneous

SLOW = os.environ.get("SEEDBENCH_SLOW") == "1"


def rng(seed=0):
    return np.random.default_rng(seed)


def test_one_alone_has_students_quantile():
    assert largest_t(np.ones((1, 1)), 7, rng()) == pytest.approx(student.ppf(0.975, 7), rel=0.02)


def test_two_that_are_one_cost_nothing():
    assert largest_t(np.ones((2, 2)), 7, rng()) == pytest.approx(student.ppf(0.975, 7), rel=0.02)


@pytest.mark.parametrize(("number", "correlation"), [(3, 0.5), (8, 0.0), (8, 0.9)])
def test_critical_value_by_numerical_integration(number, correlation):
    """scipy integrates the multivariate t over the cube ±c: what is inside must be 95%."""
    shape = np.full((number, number), correlation) + (1 - correlation) * np.eye(number)
    critical = np.full(number, largest_t(shape, 10, rng()))
    inside = multivariate_t(shape=shape, df=10).cdf(critical, lower_limit=-critical, random_state=rng(1))
    assert inside == pytest.approx(0.95, abs=0.004)


def test_an_indefinite_correlation_is_mended():
    """1 goes with 2, 2 with 3, and 3 against 1: no three variables can do that."""
    shape = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]])
    assert 2.3 < largest_t(shape, 7, rng()) < 3.6


def estimates(draw, number, correlation, rows=8, columns=8, pairs=20):
    """Means over a grid with true value 0: rows, columns and cells that differ, and an error of the replicates."""

    def normal(*shape):
        shared, own = draw.normal(size=(*shape, 1)), draw.normal(size=(*shape, number))
        return np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own

    cells = normal(rows)[:, None] + normal(columns)[None] + normal(rows, columns)
    error = 0.2 * draw.normal(size=(pairs, number))
    deleted = [
        np.stack([np.delete(cells, group, axis).mean(axis=(0, 1)) + error for group in range(cells.shape[axis])])
        for axis in (0, 1)
    ]
    return cells.mean(axis=(0, 1)) + error, deleted


def test_estimates_and_errors_are_the_jackknifes():
    pairs, deleted = estimates(rng(3), 5, 0.5)
    found, critical = simultaneous(pairs, deleted, rng=rng())
    around = jackknife(pairs, deleted)
    assert np.array_equal(found.estimate, around.estimate)
    assert np.array_equal(found.standard_error, around.standard_error)
    assert found.high - found.estimate == pytest.approx(critical * around.standard_error)
    assert critical > student.ppf(0.975, 7)


def test_what_never_differs_costs_nothing():
    """A column of zeros beside one quantity: an interval of no width, and the quantity's own as if it were alone."""
    pairs, deleted = estimates(rng(4), 1, 0.5)
    with_zero = [np.concatenate([values, np.zeros_like(values)], axis=-1) for values in (pairs, *deleted)]
    found, critical = simultaneous(with_zero[0], with_zero[1:], rng=rng())
    alone, critical_alone = simultaneous(pairs, deleted, rng=rng())
    assert critical == pytest.approx(critical_alone)
    assert (found.low[1], found.high[1]) == (0, 0) and found.low[0] == pytest.approx(alone.low[0])


def test_one_row_has_no_interval():
    pairs, (rows, columns) = estimates(rng(5), 3, 0.5)
    found, critical = simultaneous(pairs, [np.full_like(rows[:1], np.nan), columns], rng=rng())
    assert np.isnan([critical, *found.low, *found.high]).all() and np.isfinite(found.estimate).all()


@pytest.mark.slow
def test_all_intervals_hold_together(monkeypatch):
    """Ten estimates of 0: all cover it in 95%; ordinary intervals all do in far fewer."""
    monkeypatch.setattr("seedbench.intervals.DRAWS", 5_000)
    draw, tables = rng(6), 1000 if SLOW else 200
    together, alone = [], []
    for _ in range(tables):
        pairs, deleted = estimates(draw, 10, 0.5)
        together.append(covers_zero(simultaneous(pairs, deleted, rng=draw)[0]))
        alone.append(covers_zero(jackknife(pairs, deleted)))
    assert np.mean(together) >= 0.93
    assert np.mean(alone) < 0.9


def covers_zero(found):
    return bool(np.all((found.low <= 0) & (found.high >= 0)))
