"""Strategies that were evaluated apart, on the same trials and with the same seed, compared pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from threadpoolctl import threadpool_limits

from seedbench.errors import SelectionError
from seedbench.evaluation.columns import Columns, of_table
from seedbench.evaluation.scores import (
    TableScores,
    baseline_of,
    campaigns_of,
    gap_difference,
    reduced,
    with_signal,
)
from seedbench.influences import adjust, interval, p_value
from seedbench.replay import ReplayOptions, prepare
from seedbench.trialset import TrialTable


@dataclass(frozen=True)
class Apart:
    """The difference of two strategies in the summary's gap closed; None where it has no interval.

    Attributes:
        one: name of the one.
        other: name of the other.
        difference: the one minus the other: above 0 where the one is better.
        low: lower end of its 95% interval, of this pair alone.
        high: upper end.
        p: the smallest level at which it is told from 0, of this pair alone.
    """

    one: str
    other: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None


def compared_apart(
    campaigns: Mapping[str, Columns], tables: Sequence[TrialTable], options: ReplayOptions
) -> tuple[Apart, ...]:
    """All pairs of strategies, by name in the order given.

    Args:
        campaigns: `Evaluation.campaigns` of each strategy.
        tables: those that they ran on, and perhaps others.
        options: how they were replayed.

    Raises:
        SelectionError: they are not of the same tables, budgets and replicates.
    """
    names = list(campaigns)
    if len(names) < 2:
        return ()
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        every = [
            scores for table in tables if (scores := _of_table(list(campaigns.values()), table, options)) is not None
        ]
        some = with_signal(every)
        return tuple(_pair(some, names, *pair) for pair in combinations(range(len(names)), 2))


def _pair(some: Sequence[TableScores], names: Sequence[str], one: int, other: int) -> Apart:
    found = gap_difference(some, one, other)
    if found is None or found.no_interval is not None:
        return Apart(names[one], names[other], None if found is None else found.estimate, None, None, None)
    at = interval(found)
    return Apart(names[one], names[other], at.estimate, at.low, at.high, p_value(found))


def _of_table(every: Sequence[Columns], table: TrialTable, options: ReplayOptions) -> TableScores | None:
    """The scores of all strategies on a table; None where they did not run on it."""
    own = [of_table(columns, table, options.replicates) for columns in every]
    if all(one is None for one in own):
        return None
    budgets = [() if one is None else tuple(one["budget"][:, 0].tolist()) for one in own]
    if len(set(budgets)) > 1:
        raise SelectionError(
            "two strategies can only be compared on the same trials, budgets, seed and replicates; they differ on "
            f"{table.name}"
        )
    base = baseline_of(table, options.protocol, budgets[0])
    drawn = prepare(table, seed=options.seed, replicates=range(options.replicates), protocol=options.protocol)
    rules = [
        [campaigns_of(base, *of_budget) for of_budget in zip(*(one[name] for name in _KEPT_AND_SEEN), strict=True)]
        for one in own
        if one is not None
    ]
    return reduced(table, base, budgets[0], drawn.order[:, : max(budgets[0])].T, rules, track=options.track)


_KEPT_AND_SEEN = ("score", "rows_seen", "columns_seen")


def held_together(p: Sequence[float | None]) -> list[float | None]:
    """p-values of comparisons, each by itself -> those that hold for all of them together (Holm 1979).

    What cannot differ, as best-of-n from itself, has exactly 1: it keeps that and is no comparison.
    """
    known = np.array([one for one in p if one is not None and one < 1])
    adjusted = iter(adjust(known).tolist())
    return [one if one is None or one >= 1 else next(adjusted) for one in p]
