"""The card's pictures: of every task, how the scores of its tables rise, a panel for each table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seedbench import display
from seedbench.display.axes import Axis, Rows, across, upwards, values_of, with_room
from seedbench.trialset import TrialSet, TrialTable

if TYPE_CHECKING:
    from seedbench.display.charts import Drawn

COLUMNS = 3
WIDTH, HEIGHT = 250, 130  # pixels, of a panel
X = Axis("fraction", "", format="%", domain=(0, 1), values=(0, 0.5, 1))


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
    levels = [] if np.isnan(majority) else [majority]
    every = [row for curve in curves for row in curve]
    y = with_room(Axis("score", "", format=".2f"), every, ("low", "high"), levels)
    several = len({table.model for table in tables}) > 1
    panels = []
    for at, (table, curve) in enumerate(zip(tables, curves, strict=True)):
        name = f"{table.model.rsplit('/', 1)[-1]}, {table.recipe}" if several else table.recipe
        panels.append(_panel(name, curve, y, levels, labels=at % COLUMNS == 0))
    dashed = " Dashed: always the commoner label." if levels else ""
    title = alt.TitleParams(
        f"{task}: {tables[0].metric_words} on the dev set over the training",
        subtitle=f"Median over the trials of a table, and from the 5th to the 95th percentile.{dashed}",
        subtitlePadding=4,
        offset=12,
    )
    rows = [
        alt.hconcat(*panels[at : at + COLUMNS], spacing=0).resolve_scale(y="shared")
        for at in range(0, len(panels), COLUMNS)
    ]
    display.save(alt.vconcat(*rows, spacing=14).resolve_scale(y="shared").properties(title=title), path)


def _curve(table: TrialTable) -> list[dict[str, float]]:
    """Of each checkpoint the share of the training and three percentiles over trials."""
    low, median, high = np.percentile(table.as_measured(table.score), [5, 50, 95], axis=0).tolist()
    return [
        {"fraction": step / table.num_steps, "score": median[at], "low": low[at], "high": high[at]}
        for at, step in enumerate(table.step.tolist())
    ]


def _panel(name: str, curve: Rows, y: Axis, levels: list[float], *, labels: bool) -> Drawn:
    """A table's median and band; `labels` of the axis upwards, which all panels share, are those at the left alone."""
    import altair as alt

    def up(field: str) -> alt.Y:
        shown = float(labels)  # what is not seen keeps its room, so that panels stand in line
        return upwards(y, field).axis(format=y.format, labelOpacity=shown, tickOpacity=shown, domain=False, tickCount=4)

    base = alt.Chart(alt.InlineData(values=values_of(curve))).encode(x=across(X))
    shown = [
        base.mark_area(opacity=0.22, style="accent").encode(y=up("low"), y2="high:Q"),
        base.mark_line(style="accent", point=len(curve) == 1).encode(y=up("score")),
    ]
    if levels:
        level = alt.Chart(alt.InlineData(values=[{"score": level} for level in levels]))
        shown.append(level.mark_rule(style="reference").encode(y=up("score")))
    head = alt.TitleParams(name, anchor="start", frame="group", fontSize=11, fontWeight="normal", offset=6)
    return alt.layer(*shown).properties(width=WIDTH, height=HEIGHT, title=head)
