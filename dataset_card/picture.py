"""The card's pictures: of every task, how the scores of its tables rise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seedbench import display
from seedbench.display import axes, charts
from seedbench.text import counted
from seedbench.trialset import TrialSet


def draw(trials: TrialSet, task: str, path: Path) -> None:
    """Draws the tables of a task: the median score over trials, from the 5th to the 95th percentile; PNG or SVG.

    Raises:
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    display.require()
    rows, tables = [], [table for table in trials.tables if table.task == task]
    first = tables[0]  # the tables of a task have the same dev set
    majority = first.as_measured(np.array(first.majority_score)).item()
    for table in tables:
        low, median, high = np.percentile(table.as_measured(table.score), [5, 50, 95], axis=0).tolist()
        for at, step in enumerate(table.step.tolist()):
            rows.append(
                {
                    "fraction": step / table.num_steps,
                    "score": median[at],
                    "low": low[at],
                    "high": high[at],
                    "table": f"{table.recipe}: {table.model.rsplit('/', 1)[-1]}, {counted(table.num_trials, 'trial')}",
                }
            )
    chart = charts.lines(
        rows,
        axes.Axis("fraction", "share of the training", format="%"),
        axes.Axis("score", first.metric_words, format=".2f"),
        series="table",
        low="low",
        high="high",
        levels={} if np.isnan(majority) else {"commoner label": majority},
    )
    display.save(chart, path, title=f"{task}: median over trials, and from the 5th to the 95th percentile")
