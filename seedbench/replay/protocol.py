"""What a replay is asked for: the protocol, the pools it draws, and the budgets that a trial table takes part in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from seedbench.errors import SelectionError
from seedbench.influences import SubGrids, draw_subgrids, pool_size, subgrid_size, trial_grid
from seedbench.randomness import stream
from seedbench.text import counted
from seedbench.trialset import TrialTable, seeds_words

#: `held-out-2`: chosen by the dev set, reported on the test set. `dodge2020`: the dev set for both.
PROTOCOLS = ("held-out-2", "dodge2020")

#: In full trials; a table takes part in those that its pools are large enough for.
BUDGETS = (2, 4, 8, 16, 32)
#: A pool has so many trials, or more, for each full trial of the budget.
TRIALS_PER_BUDGET = 4


@dataclass(frozen=True)
class PoolSize:
    """How large the pools of a table are.

    Attributes:
        rows: seeds drawn of the rows of its grid.
        columns: of the columns; where every trial has a row and a column of its own, they are those of the rows.
        trials: in each pool.
        diagonal: whether every trial has a row and a column of its own.
    """

    rows: int
    columns: int
    trials: int
    diagonal: bool

    def admits(self, budget: int) -> bool:
        """Whether campaigns under this budget have trials enough to choose among."""
        return TRIALS_PER_BUDGET * budget <= self.trials


def pool_size_of(table: TrialTable) -> PoolSize:
    """The size of a table's pools: the smallest number of trials in any of the baseline's sub-grids."""
    rows, columns = table.grid
    if table.diagonal and table.num_trials > 1:
        drawn = subgrid_size(rows)
        return PoolSize(drawn, drawn, drawn, diagonal=True)
    drawn_rows, drawn_columns = subgrid_size(rows), subgrid_size(columns)
    trials = drawn_rows * drawn_columns
    if table.num_trials < rows * columns:
        nothing = np.zeros(table.num_trials)
        trials = pool_size(trial_grid(table.row, table.column, nothing, nothing), subgrids_of(table))
    return PoolSize(drawn_rows, drawn_columns, trials, diagonal=False)


def subgrids_of(table: TrialTable) -> SubGrids:
    """The sub-grids that a table's baseline is averaged over: keyed by the table alone, whatever the seed."""
    nothing = np.zeros(table.num_trials)
    grid = trial_grid(table.row, table.column, nothing, nothing)
    return draw_subgrids(grid, rng=stream(0, table.name, "baseline"))


def admitted_budgets(tables: Sequence[TrialTable], budgets: Sequence[int]) -> list[tuple[int, ...]]:
    """The budgets that each table takes part in, ascending; none asked for asks for those of `BUDGETS` that fit.

    Args:
        tables: at least one.
        budgets: as of a `Selection`.

    Raises:
        SelectionError: a budget that one of the tables has too few trials for, or no table has enough for any.
    """
    sizes = [pool_size_of(table) for table in tables]
    for budget in budgets:
        for table, size in zip(tables, sizes, strict=True):
            if not size.admits(budget):
                others = "; leave that table out, or the budget" if len(tables) > 1 else ""
                raise SelectionError(f"{_too_small(table, size, budget)}{others}")
    wanted = budgets or BUDGETS
    admitted = [tuple(budget for budget in wanted if size.admits(budget)) for size in sizes]
    if not any(admitted):
        largest, size = max(zip(tables, sizes, strict=True), key=lambda pair: pair[1].trials)
        raise SelectionError(_too_small(largest, size, wanted[0]))
    return admitted


def _too_small(table: TrialTable, size: PoolSize, budget: int) -> str:
    needed = TRIALS_PER_BUDGET * budget
    rows, columns = table.grid
    if size.diagonal or 1 in (rows, columns):
        enough = f"{next(n for n in count(2) if subgrid_size(n) >= needed)} runs"
    else:
        side = next(n for n in count(2) if subgrid_size(n) ** 2 >= needed)
        enough = f"{side} × {side} seeds without a missing cell"
    largest = size.trials // TRIALS_PER_BUDGET
    said = f"enough for a budget of {largest}" if largest else "too few for any budget (findings works on it)"
    seeds = seeds_words(rows, columns, table.num_trials)
    return (
        f"budget {budget} needs pools of {needed} trials, as of {enough}; {table.name} has "
        f"{counted(table.num_trials, 'trial')} on {seeds} seeds, of which a pool has "
        f"{size.trials}, {said}"
    )


def unscored(table: TrialTable, protocol: str) -> bool:
    """Whether a table lacks the scores that a protocol reports."""
    return protocol != "dodge2020" and table.test_score is None


def scored_tables(tables: Sequence[TrialTable], protocol: str) -> tuple[TrialTable, ...]:
    """The tables that a protocol can score.

    Raises:
        SelectionError: none of them.
    """
    fit = tuple(table for table in tables if not unscored(table, protocol))
    if not fit:
        these = f"table {tables[0].name} has no" if len(tables) == 1 else f"none of these {len(tables)} tables has"
        raise SelectionError(
            f"{these} test scores, by which protocol {protocol} reports what was chosen; --protocol dodge2020 chooses "
            "and reports on the dev set"
        )
    return fit
