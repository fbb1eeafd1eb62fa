"""What all analyses share: the trials that have their scores, the part of a grid without holes, errors over seeds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from seedbench.analyses.answers import Curve, Numbers
from seedbench.analyses.jackknife import Interval, jackknife, seed_groups
from seedbench.errors import TrialSetError
from seedbench.metrics import ROUNDING
from seedbench.trialset import TrialTable

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def with_scores(table: TrialTable) -> tuple[TrialTable, int]:
    """The table without the trials that lack a score at some checkpoint, and how many those were.

    Raises:
        TrialSetError: no trial has all its scores.
    """
    kept = np.flatnonzero(np.isfinite(table.score).all(axis=1))
    if not kept.size:
        raise TrialSetError(f"{table.name}: every trial has a score that is not a number; nothing can be said of them")
    if kept.size == table.num_trials:
        return table, 0
    return table.part(kept), table.num_trials - kept.size


def values(table: TrialTable) -> Floats:
    """The value of each trial [trials]: its best score over its checkpoints."""
    best: Floats = table.score.max(axis=1)
    return best


def complete_part(cell: NDArray[np.int32]) -> tuple[Indices, Indices]:
    """Rows and columns of a grid [rows, columns] that have no hole (-1) among them.

    The row or column with the largest share of holes goes first; among equals the one that takes fewer trials with it,
    then a row, then the last. Greedy, so not always the largest such part.
    """
    present = cell >= 0
    rows, columns = np.arange(cell.shape[0]), np.arange(cell.shape[1])
    while not (part := present[np.ix_(rows, columns)]).all():
        by_row, by_column = part.mean(axis=1), part.mean(axis=0)
        worst_row, worst_column = (int(np.flatnonzero(axis == axis.min())[-1]) for axis in (by_row, by_column))
        losses = (by_row[worst_row], part[worst_row].sum()), (by_column[worst_column], part[:, worst_column].sum())
        if losses[0] <= losses[1]:
            rows = np.delete(rows, worst_row)
        else:
            columns = np.delete(columns, worst_column)
    return rows, columns


def over_seeds(statistic: Callable[[Indices], Floats], table: TrialTable) -> Interval:
    """A statistic of trials with its error from having drawn just these seeds: `jackknife`.

    Args:
        statistic: indices of trials [any number] -> [...], a smooth function of them; NaN where they are too few.
        table: rows, and then columns, of its grid are left out in groups; see `seed_axes`.

    Returns:
        `Interval` of [...]: all NaN but the estimate for a single row or column, and where no deletion changes
        anything: what other seeds would change is not known to be nothing.
    """
    estimate = statistic(np.arange(table.num_trials))
    axes = remainders(table)
    if not axes:
        return without_interval(estimate)
    interval = jackknife(estimate, [np.array([statistic(trials) for trials in kept]) for kept in axes])
    error, low, high = (
        np.where(interval.standard_error > ROUNDING, of, np.nan)
        for of in (interval.standard_error, interval.low, interval.high)
    )
    return Interval(interval.estimate, error, low, high)


def remainders(table: TrialTable) -> list[list[Indices]]:
    """For each axis of `over_seeds`, the trials that are left without each of its groups; [] for a single row or
    column."""
    if min(table.grid) < 2:
        return []
    axes = []
    for axis in seed_axes(table):
        group_of = seed_groups(int(axis.max()) + 1)
        group = group_of[axis]
        axes.append([np.flatnonzero(group != number) for number in range(int(group_of.max()) + 1)])
    return axes


def seed_axes(table: TrialTable) -> list[NDArray[np.int32]]:
    """Row and column of each trial; the row alone where every trial has a row and a column of its own."""
    return [table.row] if table.diagonal else [table.row, table.column]


def without_interval(estimate: Floats) -> Interval:
    """An estimate [...] whose error cannot be told."""
    return Interval(estimate, *[np.full(estimate.shape, np.nan)] * 3)


def no_interval(table: TrialTable) -> str | None:
    """Why `over_seeds` finds no interval in this table, if so."""
    rows, columns = table.grid
    if min(rows, columns) > 1:
        return None
    which = "weight-init seed" if rows == 1 else "data-order seed"
    return f"A single {which} says nothing about others: no intervals."


def curve(numbers: Floats) -> Curve:
    """[n] -> a tuple, None for what is not finite."""
    return tuple(value if np.isfinite(value) else None for value in numbers.tolist())


def plain(numbers: Floats) -> Numbers:
    """[n] -> a tuple; all must be finite."""
    return tuple(numbers.tolist())


def number(value: float | Floats) -> float | None:
    """None for what is not finite."""
    return float(value) if np.isfinite(value) else None
