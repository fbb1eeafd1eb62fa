"""The hidden side of replay: what a table measured, and of every replicate its pool, its labels and its order.

Hidden randomness is keyed by (seed, table, replicate) and by nothing else, so every strategy meets the same world,
whatever its budget. A replicate's pool is a random sub-grid of the table. Which seeds it leaves out is what intervals
are made of (`seedbench.influences`), so nothing is ever run again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from seedbench.campaign import Measurements, shown_loss
from seedbench.randomness import stream
from seedbench.replay.protocol import PROTOCOLS, PoolSize, pool_size_of, scored_tables
from seedbench.trialset import TrialTable


@dataclass(frozen=True, eq=False)
class Replicates:
    """A batch of replicates of one table, ready to be replayed.

    Attributes:
        table: whose replicates they are.
        seed: of the evaluation.
        replicates: their numbers.
        size: of their pools.
        score: float64 [trials, checkpoints], what a strategy sees, on the whole dev set.
        validation_loss: float64 [trials, checkpoints], likewise; nats as `shown_loss` gives them, NaN where unknown.
        train_loss: float64 [trials, checkpoints], likewise.
        test_score: float64 [trials, checkpoints], what is reported.
        rows: int64 [replicates, size.rows], the rows of each pool: label 0 is the first.
        columns: int64 [replicates, size.columns], its columns, likewise.
        order: int64 [replicates, size.trials], the trials of each pool in the order in which they are started.
        curves: trial -> what is measured at each of its checkpoints, made when it is first looked at.
    """

    table: TrialTable
    seed: int
    replicates: range
    size: PoolSize
    score: np.ndarray
    validation_loss: np.ndarray
    train_loss: np.ndarray
    test_score: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    order: np.ndarray
    curves: dict[int, list[Measurements]] = field(default_factory=dict, repr=False)

    def curve(self, trial: int) -> list[Measurements]:
        """What is measured at each checkpoint of a trial."""
        found = self.curves.get(trial)
        if found is None:
            own = int(self.table.ended_at[trial])
            values = (self.score[trial], self.validation_loss[trial], self.train_loss[trial])
            numbers = enumerate(zip(*(of.tolist() for of in values), strict=True))
            found = [Measurements(score, loss, train, index >= own) for index, (score, loss, train) in numbers]
            self.curves[trial] = found
        return found


def prepare(
    table: TrialTable,
    *,
    seed: int,
    replicates: range,
    protocol: str = PROTOCOLS[0],
    size: PoolSize | None = None,
) -> Replicates:
    """Everything hidden of a batch of replicates.

    Args:
        table: a trial table.
        seed: of the evaluation, any integer.
        replicates: their numbers.
        protocol: one of `PROTOCOLS`.
        size: what `pool_size_of` gave for the table, where that was asked before.

    Raises:
        SelectionError: the table has no test scores, under a protocol that takes them.
    """
    scored_tables([table], protocol)
    size = pool_size_of(table) if size is None else size
    drawn = [_pool(table, size, stream(seed, table.name, replicate, "pool")) for replicate in replicates]
    rows, columns, order = (np.array(of, dtype=np.int64) for of in zip(*drawn, strict=True))
    return Replicates(
        table=table,
        seed=seed,
        replicates=replicates,
        size=size,
        score=table.score,
        validation_loss=shown_loss(table.validation_loss),
        train_loss=shown_loss(table.train_loss),
        test_score=table.score if protocol == "dodge2020" else table.test_score,  # type: ignore[arg-type]
        rows=rows,
        columns=columns,
        order=order,
    )


def whole_table(table: TrialTable, *, seed: int, protocol: str = PROTOCOLS[0]) -> Replicates:
    """Replicate 0 with all of the table for its pool, as a campaign on live training has it."""
    scored_tables([table], protocol)
    rows, columns = table.grid
    return prepare(
        table,
        seed=seed,
        replicates=range(1),
        protocol=protocol,
        size=PoolSize(rows, columns, table.num_trials, diagonal=table.diagonal and table.num_trials > 1),
    )


def _pool(table: TrialTable, size: PoolSize, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows [rows] and columns [columns] by label, trials [trials] in their order.

    Where cells are missing, a sub-grid with too few trials is drawn again, and one with too many loses its last ones.
    """
    grid_rows, grid_columns = table.grid
    while True:
        rows = rng.permutation(grid_rows)[: size.rows]
        columns = table.column[rows] if size.diagonal else rng.permutation(grid_columns)[: size.columns]
        there = _inside(table.row, rows, grid_rows) & _inside(table.column, columns, grid_columns)
        trials = np.flatnonzero(there)
        if trials.size >= size.trials:
            return rows, columns, rng.permutation(trials)[: size.trials]


def _inside(place: np.ndarray, chosen: np.ndarray, size: int) -> np.ndarray:
    """The row (column) of each trial [trials], those chosen -> bool [trials]."""
    mask = np.zeros(size, dtype=bool)
    mask[chosen] = True
    held: np.ndarray = mask[place]
    return held
