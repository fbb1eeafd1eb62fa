"""From the arrays of a replay to linear quantities of its tables: scores, differences, the summary, with intervals.

Everything here is `seedbench.influences` on the campaigns of one evaluation: a table's campaigns are reduced once, all
strategies together, and every number is a quantity of that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seedbench.influences import (
    Baseline,
    Campaigns,
    Multiplier,
    SeedNames,
    TableSample,
    Total,
    baseline,
    difference,
    gap_closed,
    has_signal,
    interval,
    only_best_of_n,
    over_best_of_n,
    score,
    seen,
    summary_multiplier,
    table_sample,
    total,
    trial_grid,
    unit,
)
from seedbench.metrics import Bound, best_checkpoint, geometric_mean
from seedbench.replay import TableReplay, subgrids_of
from seedbench.trialset import TrialTable

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TableScores:
    """All strategies on one table.

    Attributes:
        table: the trial table.
        sample: its campaigns, reduced; rules are the strategies, in the order given.
        replays: one for each strategy.
        signal: whether the choice among full trials can win what is told from noise; None where that is unknown.
    """

    table: TrialTable
    sample: TableSample
    replays: tuple[TableReplay, ...]
    signal: bool | None

    @property
    def baseline(self) -> Baseline:
        return self.sample.baseline

    @property
    def budgets(self) -> tuple[int, ...]:
        return self.sample.budgets

    @property
    def seconds_of_validation(self) -> float:
        """Of one checkpoint, in the mean over the trials; NaN where unknown."""
        seconds = self.table.evaluation_seconds / np.maximum(self.table.ended_at, 1)
        known = np.isfinite(seconds)
        return float(seconds[known].mean()) if known.any() else float("nan")


def reported(table: TrialTable, protocol: str) -> Floats:
    """The scores [trials, checkpoints] that a protocol reports.

    Raises:
        ValueError: the table has none.
    """
    found = table.score if protocol == "dodge2020" else table.test_score
    if found is None:
        raise ValueError(f"{table.name} has no test scores")
    return found


def baseline_of(table: TrialTable, protocol: str, budgets: Sequence[int]) -> Baseline:
    """Best-of-n of a table, from its data alone; a trial counts with its best checkpoint, the earliest among ties."""
    best = best_checkpoint(table.score)[:, None]
    validation, test = (np.take_along_axis(of, best, axis=1)[:, 0] for of in (table.score, reported(table, protocol)))
    grid = trial_grid(table.row, table.column, validation, test)
    return baseline(grid, budgets, subgrids_of(table))


def table_scores(replays: Sequence[TableReplay], base: Baseline, track: str = "cold") -> TableScores:
    """Reduces the campaigns of all strategies on one table.

    Args:
        replays: one for each strategy, of the same replicates.
        base: of the table, with the budgets among its sizes.
        track: on which they ran.
    """
    first = replays[0]
    rules = [
        [campaigns_of(base, one.score[at], one.rows_seen[at], one.columns_seen[at]) for at in range(len(one.budgets))]
        for one in replays
    ]
    return reduced(first.table, base, first.budgets, first.first, rules, replays, track=track)


def reduced(
    table: TrialTable,
    base: Baseline,
    budgets: Sequence[int],
    first: NDArray[np.int32],
    rules: Sequence[Sequence[Campaigns]],
    replays: Sequence[TableReplay] = (),
    *,
    track: str = "cold",
) -> TableScores:
    """Campaigns [rules][budgets] of one table, and the first trials [n, P] of each replicate's order."""
    control = [best_of_first(base, first[:budget]) for budget in budgets]
    if track == "transfer":  # there all of a pool counts as seen: so too for best-of-n, or it would differ from itself
        control = [
            replace(own, rows=rule.rows, columns=rule.columns) for own, rule in zip(control, rules[0], strict=True)
        ]
    sample = table_sample(base, budgets, control, rules)
    return TableScores(table, sample, tuple(replays), has_signal(sample))


def best_of_n_scores(table: TrialTable, protocol: str, sizes: Sequence[int]) -> TableScores:
    """A table without campaigns: best-of-n, with intervals at these n and at those that `baseline` always has."""
    sample = only_best_of_n(baseline_of(table, protocol, sizes))
    return TableScores(table, sample, (), has_signal(sample))


def campaigns_of(
    base: Baseline, score: Floats, rows_seen: NDArray[np.uint8], columns_seen: NDArray[np.uint8]
) -> Campaigns:
    """What campaigns [P] kept and have seen, as `TableReplay` has it; on a diagonal the row stands for both seeds."""
    rows = np.unpackbits(rows_seen, axis=1, count=base.grid.rows).astype(bool)
    if base.grid.diagonal:
        return Campaigns(score, seen(rows), seen(np.ones((len(score), 1), dtype=bool)))
    columns = np.unpackbits(columns_seen, axis=1, count=base.grid.columns).astype(bool)
    return Campaigns(score, seen(rows), seen(columns))


def best_of_first(base: Baseline, first: NDArray[np.int32]) -> Campaigns:
    """Best-of-n on the first n trials [n, P] of every replicate's order: from the order alone, without a replay."""
    grid, replicates = base.grid, np.arange(first.shape[1])
    kept = first[np.argmax(grid.validation[first], axis=0), replicates]
    masks = []
    for place, seeds in ((grid.row, grid.rows), (grid.column, grid.columns)):
        mask = np.zeros((len(replicates), seeds), dtype=bool)
        mask[np.broadcast_to(replicates, first.shape), place[first]] = True
        masks.append(seen(mask))
    return Campaigns(grid.test[kept], masks[0], masks[1])


# --- all tables together ----------------------------------------------------------------------------------------------


def with_signal(every: Sequence[TableScores], budget: int | None = None) -> list[TableScores]:
    """The tables that a summary is of, those that have the budget."""
    return [one for one in every if one.signal and (budget is None or budget in one.budgets)]


def compared(every: Sequence[TableScores]) -> list[TableScores]:
    """The tables that rules are compared on: those with signal, or all where there is none."""
    return with_signal(every) or list(every)


def seed_names(every: Sequence[TableScores]) -> list[SeedNames]:
    """What the seeds are called: those of one model's tables are shared; a diagonal's are, too, by weight-init seed."""
    names = []
    for one in every:
        table, diagonal = one.table, one.baseline.grid.diagonal
        rows, columns = ([(table.model, seed) for seed in of_axis] for of_axis in table.seed_keys)
        names.append(SeedNames(rows, [(table.name, None)] if diagonal else columns))
    return names


def mean_over_best_of_n(every: Sequence[TableScores], rule: int, budget: int | None = None) -> Total:
    """T - R(B), in the mean over tables, of a rule at a budget or in the mean over budgets."""
    parts = [over_best_of_n(one.sample, rule, budget) for one in every]
    return total(parts, 1 / len(parts), seed_names(every))


def gap(every: Sequence[TableScores], rule: int, budget: int | None = None) -> Total | None:
    """Points won over points to win, of a rule; None where there is nothing to win."""
    return _ratio(every, lambda one: unit(one.sample, rule, budget))


def gap_difference(every: Sequence[TableScores], rule: int, other: int, budget: int | None = None) -> Total | None:
    """Of two rules the difference in that; above 0 where the first is better."""
    return _ratio(every, lambda one: unit(one.sample, rule, budget) - unit(one.sample, other, budget))


def gap_over_best_of_n(every: Sequence[TableScores], rule: int) -> Total | None:
    """The difference in that to best-of-n, in the mean over budgets."""
    return _ratio(every, lambda one: unit(one.sample, rule), over_best_of_n=True)


def _ratio(
    every: Sequence[TableScores], coefficients: Callable[[TableScores], Floats], *, over_best_of_n: bool = False
) -> Total | None:
    if not every:
        return None
    samples = [one.sample for one in every]
    return gap_closed(samples, [coefficients(one) for one in every], seed_names(every), over_best_of_n=over_best_of_n)


def score_difference(one: TableScores, rule: int, other: int, budget: int) -> Total:
    """T of one rule less T of another on a table; above 0 where the first is better."""
    return total([difference(one.sample, rule, other, budget)])


def summary_multipliers(every: Sequence[TableScores], rule: int) -> dict[int, Multiplier]:
    """Budget -> compute multiplier of the tables with signal that have it: mean R inverted at the mean score."""
    budgets = sorted({budget for one in with_signal(every) for budget in one.budgets})
    return {budget: multiplier_over(with_signal(every, budget), rule, budget) for budget in budgets}


def multiplier_over(some: Sequence[TableScores], rule: int, budget: int) -> Multiplier:
    """Compute multiplier of a rule over some tables, at least one, with its interval."""
    around = interval(mean_over_best_of_n(some, rule, budget))
    ends = None if around.low is None or around.high is None else (around.low, around.high)
    scores = [score(one.sample, rule, budget).estimate for one in some]
    return summary_multiplier([one.baseline.curve for one in some], scores, budget, ends)


def mean_multiplier(by_budget: Mapping[int, Multiplier]) -> tuple[float, Bound | None]:
    """The geometric mean over the budgets, and its bound; NaN where bounds point in both directions."""
    return geometric_mean([(one.estimate, one.bound) for one in by_budget.values()])
