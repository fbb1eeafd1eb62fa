"""Trial tables from scores alone, as `findings` needs no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from seedbench.trialset import TrialSet, TrialTable


def table_of(
    score: Any,
    *,
    diverged: Any = (),
    task: str = "sst2",
    recipe: str = "few",
    seeds: tuple[Sequence[int], Sequence[int]] | None = None,
    step: Sequence[int] | None = None,
    test: Any = None,
    **losses: Any,
) -> TrialTable:
    """Scores [rows, columns, checkpoints] -> a table; a cell whose first score is None is missing, NaN stays.

    Args:
        score: of every trial; [rows, columns] means a single checkpoint.
        diverged: cells (row, column) whose trials diverged.
        task: of the table.
        recipe: of the table.
        seeds: of rows and of columns; without them they count from 0.
        step: of the checkpoints; without it, 10, 20, ...
        test: test scores [rows, columns, checkpoints]; without them, those of the dev set.
        losses: train_loss or validation_loss, [rows, columns, checkpoints].
    """
    empty = np.array([[np.ravel(trial)[0] is None for trial in line] for line in np.array(score, dtype=object)])
    filled = np.array(score, dtype=np.float64)
    filled = filled[..., None] if filled.ndim == 2 else filled
    rows, columns, checkpoints = filled.shape
    row, column = np.nonzero(~empty)
    of_rows, of_columns = seeds or (range(rows), range(columns))
    unknown = np.full((len(row), checkpoints), np.nan, dtype=np.float32)
    found = {
        name: np.array(values, dtype=np.float32)[row, column] if values is not None else unknown
        for name, values in ({"train_loss": None, "validation_loss": None} | losses).items()
    }
    return TrialTable(
        model="mini",
        task=task,
        recipe=recipe,
        weight_init_seeds=np.array(of_rows),
        data_order_seeds=np.array(of_columns),
        row=row.astype(np.int32),
        column=column.astype(np.int32),
        trial_id=np.array([f"{r}-{c}" for r, c in zip(row, column, strict=True)], dtype=object),
        status=np.array(
            [
                "diverged" if cell in set(diverged) else "finished"
                for cell in zip(row.tolist(), column.tolist(), strict=True)
            ],
            dtype=object,
        ),
        ended_at=np.full(len(row), checkpoints, dtype=np.int32),
        evaluation_seconds=np.full(len(row), np.nan),
        step=np.array(step if step is not None else np.arange(1, checkpoints + 1) * 10),
        score=filled[row, column],
        test_score=(filled if test is None else np.asarray(test, dtype=np.float64))[row, column],
        **found,
    )


def set_of(*tables: TrialTable) -> TrialSet:
    """A trial set of these tables."""
    return TrialSet("scored", "1.0.0", "0" * 64, None, tables)


def additive_scores(
    rows: int,
    columns: int,
    *,
    rng: np.random.Generator,
    deviations: tuple[float, float, float] = (0.02, 0.01, 0.015),
    checkpoints: int = 5,
) -> np.ndarray:
    """[rows, columns, checkpoints]: curves that rise, without noise, to a level of row + column + own normal effect.

    Args:
        rows: number of weight-init seeds.
        columns: number of data-order seeds.
        rng: draws the effects.
        deviations: of rows, of columns and of the trials themselves.
        checkpoints: of each trial.
    """
    of_row, of_column, own = deviations
    level = 0.8 + rng.normal(0, of_row, (rows, 1)) + rng.normal(0, of_column, (1, columns))
    level = level + rng.normal(0, own, (rows, columns))
    return 0.5 + (level - 0.5)[..., None] * np.linspace(0.4, 1.0, checkpoints)
