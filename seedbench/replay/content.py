"""What of a trial table its campaigns depend on, as one number: by it their outcomes are known again."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from seedbench.trialset import TrialTable

# What is measured, and on which seeds.
_ARRAYS = (
    "weight_init_seeds",
    "data_order_seeds",
    "row",
    "column",
    "ended_at",
    "step",
    "train_loss",
    "validation_loss",
    "score",
    "test_score",
)
# What else a strategy is told, in its own campaigns or of other tasks.
_FACTS = ("name", "metric", "sign", "labels", "dev_examples", "majority_score", "fields")


def table_sha256(table: TrialTable) -> str:
    """SHA-256 of all of a table that campaigns on it, and the scores of what they keep, depend on."""
    facts = {name: getattr(table, name) for name in _FACTS}
    if any(table.seed_labels):  # by which seeds are found again in other tables
        facts["seed_labels"] = table.seed_labels
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=repr).encode())
    for name in _ARRAYS:
        if (values := getattr(table, name)) is not None:
            digest.update(f"{name}{values.dtype}{values.shape}".encode())
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()
