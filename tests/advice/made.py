"""Trial sets made so that what advice must say of them is known, and settings that are quick to try on them."""

import numpy as np

from seedbench.trialset import TrialSet
from tests.synthetic import table_by_hand

SETTINGS = (
    ("start_many", {"fraction": 0.1}),
    ("start_many", {"fraction": 0.5}),
    ("hyperband", {}),
    ("divergence_stop", {}),
)
QUICK = {"replicates": 10, "candidates": SETTINGS}


def trial_set(*tables):
    return TrialSet("made", "1.0.0", "0" * 64, None, tables)


def told_at_once(rows=8, columns=8, checkpoints=10, examples=400):
    """Trials between 0.5 and 1 that are from their first checkpoint on what they will be."""
    rng = np.random.default_rng(0)
    skill = rng.uniform(0.5, 1, (rows, columns, 1, 1))
    right = np.broadcast_to(rng.random((rows, columns, 1, examples)) < skill, (rows, columns, checkpoints, examples))
    label = np.arange(examples) % 2
    return table_by_hand(np.where(right, label, 1 - label), label)


def counts(*right):
    """Runs of one data order and one checkpoint, which have so many of four examples right."""
    return table_by_hand([[[[1] * count + [0] * (4 - count)]] for count in right], [1, 1, 1, 1])
