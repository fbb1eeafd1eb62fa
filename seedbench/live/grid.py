"""The cells that a live campaign may start: fresh seeds, and the labels and the order that a replay would give them."""

from __future__ import annotations

import re

import numpy as np

from seedbench.campaign import Labels, TaskFacts
from seedbench.errors import LiveError
from seedbench.live.log import Plan
from seedbench.randomness import stream
from seedbench.replay import RecordedTrials, whole_table
from seedbench.trialset import TrialTable


def parse_grid(text: str) -> tuple[int, int]:
    """`25x25` as numbers of weight-init and of data-order seeds.

    Raises:
        LiveError: it is something else.
    """
    match = re.fullmatch(r"([0-9]{1,7})x([0-9]{1,7})", text)
    if match is None or not int(match[1]) * int(match[2]):
        raise LiveError(
            f"--grid {text!r}: must be weight-init seeds x data-order seeds, at least one of each, as in 25x25"
        )
    return int(match[1]), int(match[2])


def fresh_seeds(seed: int, axis: str, size: int) -> np.ndarray:
    """The real seeds of one axis of the grid: int64 [size], ascending, all different, below 2**31."""
    return np.sort(stream(seed, "live", axis).choice(2**31, size, replace=False))


def unrecorded(plan: Plan) -> TrialTable:
    """The table of a grid of fresh cells: a trial table in which nothing is measured yet."""
    rows, columns = plan.grid
    row, column = (index.ravel().astype(np.int32) for index in np.indices(plan.grid))
    model, task, recipe = plan.name.rsplit("/", 2)
    step = np.array(plan.steps)
    nothing = np.full((rows * columns, len(step)), np.nan)
    return TrialTable(
        model=model,
        task=task,
        recipe=recipe,
        weight_init_seeds=fresh_seeds(plan.seed, "weight_init_seed", rows),
        data_order_seeds=fresh_seeds(plan.seed, "data_order_seed", columns),
        row=row,
        column=column,
        trial_id=np.full(rows * columns, "", dtype=object),
        status=np.full(rows * columns, None, dtype=object),
        ended_at=np.full(rows * columns, len(step), dtype=np.int32),
        step=step,
        train_loss=nothing.astype(np.float32),
        validation_loss=nothing.astype(np.float32),
        score=nothing,
        evaluation_seconds=np.full(rows * columns, np.nan),
    )


class Grid:
    """The grid of a campaign: replicate 0 of its table with nothing held back.

    Args:
        plan: of the campaign.

    Attributes:
        trials: for `run_campaign`.
        task: what a strategy is told of the task.
    """

    def __init__(self, plan: Plan) -> None:
        self._table = unrecorded(plan)
        self.trials = RecordedTrials(whole_table(self._table, seed=plan.seed, protocol="dodge2020"), 0)
        majority = float("nan") if plan.majority_score is None else plan.majority_score
        self.task = TaskFacts(majority, plan.metric_name, plan.dev_examples, plan.labels)

    def cell(self, labels: Labels) -> tuple[int, int]:
        """The real seeds behind two labels."""
        table, trial = self._table, self.trials.trial(*labels)
        return int(table.weight_init_seeds[table.row[trial]]), int(table.data_order_seeds[table.column[trial]])
