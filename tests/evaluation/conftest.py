"""A trial set to evaluate on."""

from __future__ import annotations

import pytest

from tests.evaluation.small_tables import table_from_predictions, trial_set


@pytest.fixture(scope="module")
def two_tables():
    """Pools of 36 trials of one task and 20 of another: budgets 2, 4, 8 and 2, 4."""
    return trial_set(table_from_predictions(8, 8), table_from_predictions(6, 5, task="sst2", seed=1))
