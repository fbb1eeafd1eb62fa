"""Small tables to evaluate on, without predictions."""

from __future__ import annotations

import numpy as np

from seedbench.trialset import TrialSet, TrialTable


def table_of_scores(scores, task="rte", model="m", test=None):
    """A table without predictions from scores [rows, columns, checkpoints]; without `test` it has no test scores."""
    scores = np.asarray(scores, dtype=float)
    rows, columns, checkpoints = scores.shape
    row, column = np.divmod(np.arange(rows * columns, dtype=np.int32), columns)
    flat = scores.reshape(-1, checkpoints)
    none = np.full(flat.shape, np.nan, dtype=np.float32)
    return TrialTable(
        model=model,
        task=task,
        recipe="r",
        weight_init_seeds=np.arange(rows) + 100,
        data_order_seeds=np.arange(columns) + 200,
        row=row,
        column=column,
        trial_id=np.array([str(trial) for trial in range(rows * columns)], dtype=object),
        status=np.full(rows * columns, None, dtype=object),
        ended_at=np.full(rows * columns, checkpoints, dtype=np.int32),
        step=np.arange(1, checkpoints + 1) * 10,
        train_loss=none,
        validation_loss=none,
        score=flat,
        test_score=None if test is None else np.asarray(test, dtype=float).reshape(flat.shape),
        evaluation_seconds=np.full(rows * columns, 2.0),
    )


def table_from_predictions(rows=6, columns=6, checkpoints=4, task="rte", model="m", seed=0, examples=120, spread=0.4):
    """A table whose trials differ by row, column and luck, and learn from checkpoint to checkpoint.

    The test set has four times as many examples as the dev set.
    """
    rng = np.random.default_rng(seed)
    skill = spread * (rng.normal(size=(rows, 1)) + rng.normal(size=(1, columns)) + rng.normal(size=(rows, columns)))
    skill = skill.reshape(-1, 1, 1) + np.linspace(0.2, 0.8, checkpoints)[:, None]
    both = []
    for size in (examples, 4 * examples):
        right = skill + rng.normal(size=size) + rng.normal(size=(rows * columns, checkpoints, size)) > 0
        both.append(right.mean(axis=-1).reshape(rows, columns, checkpoints))
    return table_of_scores(both[0], task, model, test=both[1])


def trial_set(*tables):
    ordered = sorted(tables, key=lambda table: (table.model, table.task, table.recipe))
    return TrialSet("small", "1.0.0", "ab" * 32, None, tuple(ordered))
