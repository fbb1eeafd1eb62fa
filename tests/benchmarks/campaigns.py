"""Campaigns of whichever seedbench comes first on the path: told a strategy's name, answers with CPU seconds of each.

    echo asha | PYTHONPATH=FOLDER python campaigns.py

One line in, one line out. It holds to what versions have had since 2b91873.
"""

import gc
import sys
from time import process_time

import numpy as np

from seedbench.replay import Deadline, RecordedTrials, prepare, run_campaign
from seedbench.strategy import load_strategy
from seedbench.trialset import TrialTable

SIDE, LENGTH, EXAMPLES, BUDGET, REPLICATES = 25, 30, 200, 20, 20


def made_up() -> TrialTable:
    """625 trials × 30 checkpoints: some initialisations and some orders are better than others, all get better."""
    rng = np.random.default_rng(0)
    row, column = (axis.ravel().astype(np.int32) for axis in np.indices((SIDE, SIDE)))
    skill = rng.normal(0, 0.06, SIDE)[row] + rng.normal(0, 0.04, SIDE)[column] + rng.normal(0, 0.02, SIDE**2)
    right = 0.55 + 0.3 * np.linspace(0, 1, LENGTH) + skill[:, None] + rng.normal(0, 0.02, (SIDE**2, LENGTH))
    label = np.tile(np.array([1, 0, 1, 0, 1], dtype=np.int8), EXAMPLES // 5)
    predicted = np.where(rng.random((SIDE**2, LENGTH, EXAMPLES)) < right[..., None], label, 1 - label)
    return TrialTable(
        model="model",
        task="sst2",
        recipe="recipe",
        weight_init_seeds=np.arange(SIDE),
        data_order_seeds=np.arange(SIDE),
        row=row,
        column=column,
        trial_id=np.array([f"trial-{number}" for number in range(SIDE**2)]),
        status=np.full(SIDE**2, "finished", dtype=object),
        ended_at=np.full(SIDE**2, LENGTH, dtype=np.int32),
        evaluation_seconds=np.full(SIDE**2, np.nan),
        step=10 * np.arange(1, LENGTH + 1),
        train_loss=rng.random((SIDE**2, LENGTH)),
        validation_loss=rng.random((SIDE**2, LENGTH)),
        score=(score := (predicted == label).mean(axis=-1)),
        test_score=score,
        predicted_label=predicted.astype(np.int8),
        label=label,
    )


def main() -> None:
    block = prepare(made_up(), seed=0, replicates=range(REPLICATES))
    every = [RecordedTrials(block, replicate) for replicate in block.replicates]
    deadline = Deadline(60)
    gc.set_threshold(100_000, *gc.get_threshold()[1:])  # as in a replay
    with deadline.installed():
        for line in sys.stdin:
            strategy = load_strategy(line.strip())
            seconds = []
            for recorded in every:
                begun = process_time()
                settled = run_campaign(strategy, recorded, BUDGET, deadline=deadline)
                seconds.append(process_time() - begun)
                assert settled.steps_spent == BUDGET * LENGTH * 10
            print(*seconds, flush=True)


if __name__ == "__main__":
    main()
