"""Sessions on the grid of the small training, and what a replay of the same campaign pays for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seedbench.campaign import Around
from seedbench.live import Session
from seedbench.replay import Deadline, RecordedTrials, run_campaign, whole_table
from seedbench.strategy import load_strategy
from seedbench.trialset import TrialTable
from tests.live.conftest import BUDGET, CHECKPOINTS, GRID, NAME, SEED

BY_ROW = """
def strategy(campaign):
    for row in campaign.rng.permutation(campaign.grid[0]):
        campaign.start(weight_init_seed=int(row)).advance()
    best = max(campaign.trials, key=lambda trial: trial.best.score)
    while True:
        trial = campaign.start(weight_init_seed=best.weight_init_seed)
        while not trial.complete:
            trial.advance()
"""


def open_session(strategy: Any, folder: Path, **options: Any) -> Session:
    given = {"budget": BUDGET, "checkpoints": CHECKPOINTS, "grid": GRID, "seed": SEED, "name": NAME, **options}
    return Session(strategy, folder=folder, **{"metric": "accuracy", **given})


def file_of(strategy: str, folder: Path) -> str:
    if strategy != "BY_ROW":
        return strategy
    (folder / "by_row.py").write_text(BY_ROW)
    return str(folder / "by_row.py")


def replayed(strategy: str, table: TrialTable) -> tuple[list[tuple], tuple[int, int, int]]:
    """What a replay with nothing held back pays for, in order: seeds, index and what is shown; and what it keeps."""
    trials = RecordedTrials(whole_table(table, seed=SEED, protocol="dodge2020"), 0)
    paid: list[tuple] = []

    def pay(labels, advance):
        measured, trial = advance(), trials.trial(*labels)
        seeds = seeds_of(table, trial)
        paid.append((*seeds, sum(one[:2] == seeds for one in paid), *measured[:3]))
        return measured

    source = Around(trials.source(), pay)
    settled = run_campaign(load_strategy(strategy), trials, BUDGET, deadline=Deadline(60), source=source)
    kept = trials.trial(settled.weight_init_seed, settled.data_order_seed)
    return paid, (*seeds_of(table, kept), settled.checkpoint)


def seeds_of(table: TrialTable, trial: int) -> tuple[int, int]:
    return int(table.weight_init_seeds[table.row[trial]]), int(table.data_order_seeds[table.column[trial]])
