"""What the seeds of imported curves were called: their numbers stand for labels, which the trials' ids keep."""

from __future__ import annotations

from seedbench.trialset.table import TrialTable

Labels = dict[int, str]


def seed_labels(table: TrialTable) -> tuple[Labels, Labels]:
    """Of each axis, seed -> its label; empty where seeds are their own numbers.

    A trial id that has labels is `model/recipe/label/label`.
    """
    start = f"{table.model}/{table.recipe}/"
    found: tuple[Labels, Labels] = ({}, {})
    for trial_id, row, column in zip(table.trial_id, table.row, table.column, strict=True):
        labels = str(trial_id).removeprefix(start).split("/")
        if not str(trial_id).startswith(start) or len(labels) != 2:
            return {}, {}
        seeds = int(table.weight_init_seeds[row]), int(table.data_order_seeds[column])
        for of_axis, seed, label in zip(found, seeds, labels, strict=True):
            if of_axis.setdefault(seed, label) != label:
                return {}, {}
    one, other = ({} if all(label == str(seed) for seed, label in axis.items()) else axis for axis in found)
    return one, other
