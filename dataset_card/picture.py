"""The card's pictures: of every task, how the scores of its tables rise, a panel for each table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seedbench import display
from seedbench.display.axes import values_of
from seedbench.trialset import TrialSet, TrialTable

if TYPE_CHECKING:
    from seedbench.display.charts import Drawn

COLUMNS = 3
WIDTH, HEIGHT = 250, 130  # pixels, of a panel
ROOM = 0.04  # of what the values span, above and below them


def draw(trials: TrialSet, task: str, path: Path) -> None:
    """Draws the tables of a task: the median score over trials, from the 5th to the 95th percentile; PNG or SVG.

    Raises:
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    display.require()
    import altair as alt

    tables = [table for table in trials.tables if table.task == task]
    curves = [_curve(table) for table in tables]
    majority = tables[0].as_measured(np.array(tables[0].majority_score)).item()  # a task's tables share their dev set
    across = [end for curve in curves for row in curve for end in (row["low"], row["high"])]
    across += [] if np.isnan(majority) else [majority]
    room = ROOM * (max(across) - min(across) or 1.0)
    domain = (min(across) - room, max(across) + room)
    several = len({table.model for table in tables}) > 1
    panels = [
        _panel(table, curve, majority, domain, several, at)
        for at, (table, curve) in enumerate(zip(tables, curves, strict=True))
    ]
    dashed = "" if np.isnan(majority) else " Dashed: always the commoner label."
    title = alt.TitleParams(
        f"{task}: {tables[0].metric_words} on the dev set over the training",
        subtitle=f"Median over the trials of a table, and from the 5th to the 95th percentile.{dashed}",
        subtitlePadding=4,
        offset=12,
    )
    rows = [alt.hconcat(*panels[at : at + COLUMNS], spacing=18) for at in range(0, len(panels), COLUMNS)]
    display.save(alt.vconcat(*rows, spacing=14).properties(title=title), path)


def _curve(table: TrialTable) -> list[dict[str, float]]:
    """Of each checkpoint the share of the training and three percentiles over trials."""
    low, median, high = np.percentile(table.as_measured(table.score), [5, 50, 95], axis=0).tolist()
    return [
        {"fraction": step / table.num_steps, "score": median[at], "low": low[at], "high": high[at]}
        for at, step in enumerate(table.step.tolist())
    ]


def _panel(
    table: TrialTable,
    curve: list[dict[str, float]],
    majority: float,
    domain: tuple[float, float],
    several: bool,
    at: int,
) -> Drawn:
    """A table's median and band; all panels have the same axes, and those at the left the labels of y."""
    import altair as alt

    name = f"{table.model.rsplit('/', 1)[-1]}, {table.recipe}" if several else table.recipe
    first = at % COLUMNS == 0
    x = alt.X(
        "fraction:Q",
        title=None,
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(format="%", values=[0, 0.5, 1], grid=False),
    )
    shares = alt.Axis(format=".2f", labels=first, ticks=first, domain=False, tickCount=4)
    y: dict[str, Any] = {"title": None, "scale": alt.Scale(domain=list(domain), nice=False), "axis": shares}
    base = alt.Chart(alt.InlineData(values=values_of(curve))).encode(x=x)
    layers = [
        base.mark_area(opacity=0.22, style="accent").encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_line(style="accent", point=len(curve) == 1).encode(y=alt.Y("score:Q", **y)),
    ]
    if not np.isnan(majority):
        level = alt.Chart(alt.InlineData(values=[{"score": majority}]))
        layers.append(level.mark_rule(style="reference").encode(y=alt.Y("score:Q", **y)))
    head = alt.TitleParams(name, anchor="start", frame="group", fontSize=11, fontWeight="normal", offset=6)
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=head)
