"""The figure of an evaluation: the gap that each strategy closes at each budget, with its interval."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from seedbench import display
from seedbench.display.axes import Rows, values_of

if TYPE_CHECKING:
    import altair as alt

    from seedbench.evaluation.numbers import BudgetSummary, Row
    from seedbench.evaluation.result import Against, Evaluation

WIDTH = 860  # pixels, of all panels beside one another and what stands left of them
LEFT, BETWEEN, HEIGHT = 60, 12, 96
FEWEST, ACROSS = 4, 8  # panels that a line has room for
OVER, LINE, LETTER = 8, 13, 5.5  # from a panel to the words above it; their lines and letters
ABOVE, BELOW = 24, 24  # of a panel: what its row is of, without names; its axis
TICKS = (-0.5, 0.0, 0.5, 1.0, 1.5)  # of the gap closed; what lies beyond the ends is cut


def evaluation_figure(evaluation: Evaluation) -> alt.TopLevelMixin:
    """A row of panels for all tables with signal together and for each that may have some; a panel for each strategy.

    The evaluated strategy is the dashed line in the panels of those that it is compared with; compared with none, it
    has a panel of its own. Values are those of the report: `gap_rows`.

    Raises:
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    display.require()
    import altair as alt

    first, second = caption(evaluation)
    title = alt.TitleParams(first, subtitle=second, subtitlePadding=4, offset=14)
    numbers = list(range(1, len(evaluation.against) + 1)) or [0]
    width = (WIDTH - LEFT) // min(max(len(numbers), FEWEST), ACROSS) - BETWEEN
    rows = panel_rows(gap_rows(evaluation), numbers, int(width / LETTER))
    lines = max((len(row["name"]) for row in rows), default=1)
    above = ABOVE + (LINE * lines + OVER if len(numbers) > ACROSS else 0)
    # One chart that the library repeats: putting charts beside one another, each with data of its own, takes seconds.
    panel = alt.layer(
        *_layers(rows, width, lines, dashed=bool(evaluation.against)), data=alt.InlineData(values=values_of(rows))
    )
    drawn = panel.properties(width=width, height=HEIGHT).facet(
        row=alt.Row("panel_row:O", header=None),
        column=alt.Column("panel_column:O", header=None),
        bounds="flush",
        spacing={"row": BELOW + above, "column": BETWEEN},
    )
    figure: alt.FacetChart = drawn.resolve_axis(x="independent").properties(title=title)
    return figure


def save_figure(evaluation: Evaluation, path: Path) -> None:
    """Writes the figure; an SVG is light or dark as its reader prefers.

    Raises:
        SeedbenchError: the path ends in neither .svg nor .png, or altair or vl-convert-python is not installed.
    """
    display.save(evaluation_figure(evaluation), path, theme="both" if path.suffix == ".svg" else "light")


def caption(evaluation: Evaluation) -> tuple[str, str]:
    """What the figure shows, in two lines."""
    trials = evaluation.trials
    dashed = f" Dashed: {evaluation.strategy.name}." if evaluation.against else ""
    first = "Gap closed at each budget (in full trials), with 95% intervals"
    of = f"{trials.name} {trials.version}, {trials.sha256[:12]}"
    return (
        first if gap_rows(evaluation) else f"{first}: none of these tables has signal, and nothing is drawn",
        f"0%: one full trial. 100%: the best with up to 64.{dashed} {of}",
    )


def gap_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """What the figure draws: where, number of the strategy (0: the evaluated one), its name, budget, gap, low, high.

    All tables with signal together come first; of single tables, only those that are not known to be without follow.
    """
    ran: list[tuple[int, str, Evaluation | Against]] = [(0, evaluation.strategy.name, evaluation)]
    ran += [(number, other.name, other) for number, other in enumerate(evaluation.against, 1)]
    tables = dict.fromkeys(_table(row) for row in evaluation.rows)
    several = len({model for model, _, _ in tables}) > 1
    rows = []
    if len(tables) > 1:
        some = evaluation.summary.tables
        together = f"all {some} tables together"
        where = together if some == len(tables) else f"all tables with signal together ({some} of {len(tables)})"
        rows = [_row(where, number, name, at) for number, name, one in ran for at in one.summary.budgets]
    for table in dict.fromkeys(_table(row) for row in evaluation.rows if not row.no_signal):
        where = " · ".join(table if several else table[1:])
        rows += [
            _row(where, number, name, row) for number, name, one in ran for row in one.rows if _table(row) == table
        ]
    return rows


def _table(row: Row) -> tuple[str, str, str]:
    return row.model, row.task, row.recipe


def _row(where: str, number: int, strategy: str, summary: BudgetSummary | Row) -> dict[str, Any]:
    return {
        "where": where,
        "number": number,
        "strategy": strategy,
        "budget": summary.budget,
        "gap": summary.gap_closed,
        "low": summary.gap_closed_low,
        "high": summary.gap_closed_high,
    }


def panel_rows(rows: Rows, numbers: Sequence[int], letters: int) -> list[dict[str, Any]]:
    """The rows of the strategies of these numbers, each with its panel, counted from 0, and what is written above that.

    `evaluated_gap` is what the evaluated strategy closes there. A panel's first row has the strategy's `name`, as lines
    of so many letters, and the first of all what they are of: `heading`, or `heading_over_names`.
    """
    found = []
    by_where = groupby(rows, key=lambda row: row["where"])
    per_where = -(-len(numbers) // ACROSS)  # rows of panels
    for group, (where, members) in enumerate(by_where):
        of_where, heading_due = list(members), where
        evaluated = {row["budget"]: row["gap"] for row in of_where if row["number"] == 0}
        for at, number in enumerate(numbers):
            down, along = divmod(at, ACROSS)
            panel_row = group * per_where + down
            named = panel_row == 0 or per_where > 1  # else it stands at the head of the column
            for nth, row in enumerate(row for row in of_where if row["number"] == number):
                heading, heading_due = heading_due, ""
                name = row["strategy"] if nth == 0 and named else ""
                found.append(
                    {
                        "panel_row": panel_row,
                        "panel_column": along,
                        **{key: row[key] for key in ("budget", "gap", "low", "high")},
                        "evaluated_gap": evaluated.get(row["budget"]),
                        "name": _lines(name, letters),
                        "heading": "" if named else heading,
                        "heading_over_names": heading if named else "",
                    }
                )
    return found


def _lines(name: str, letters: int) -> list[str]:
    """A strategy's name in lines of so many letters, broken between words where they fit."""
    lines = [""] if name else []
    for word in re.split(r"(?<=[_,])|(?=\()", name):
        for part in wrap(word, letters):
            if lines[-1] and len(lines[-1]) + len(word) > letters:
                lines.append(part.lstrip())
            else:
                lines[-1] += part
    return lines


def _layers(rows: Rows, width: int, lines: int, *, dashed: bool) -> list[alt.Chart]:
    """Of a panel: the levels, a strategy's band and line, the evaluated strategy's where it is another, the words.

    Both axes are the same for all panels, so that a table without the largest budget has room at its right.
    """
    import altair as alt

    across = alt.Axis(values=sorted({row["budget"] for row in rows}), format="d", grid=False, labelFontSize=10)
    shares = alt.Axis(format="%", values=TICKS, domain=False, labelFontSize=10)
    x = alt.X("budget:Q", title=None, scale=alt.Scale(type="log", base=2, nice=False, padding=6), axis=across)
    y: dict[str, Any] = {"title": None, "scale": alt.Scale(domain=[TICKS[0], TICKS[-1]], nice=False), "axis": shares}
    gap = alt.Y("gap:Q", **y)
    curve = alt.Chart().encode(x=x)
    levels = alt.Chart(alt.InlineData(values=[{"gap": 0.0}, {"gap": 1.0}]))

    def words(field: str, x: float, height: float, test: str = "> 0", **mark: Any) -> alt.Chart:
        drawn = alt.Chart().mark_text(baseline="line-bottom", lineHeight=LINE, **mark)
        placed = drawn.encode(x=alt.value(x), y=alt.value(-height), text=f"{field}:N")
        shown: alt.Chart = placed.transform_filter(f"length(datum.{field}) {test}")
        return shown

    # A name's first line is where its last one is just above the panel.
    names = [
        words("name", width / 2, OVER + LINE * (count - 1), f"== {count}", fontSize=11) for count in range(1, lines + 1)
    ]
    heading: dict[str, Any] = {"align": "left", "fontSize": 12, "fontWeight": "bold"}
    return [
        levels.mark_rule(style="muted", strokeWidth=0.7).encode(y=gap),
        curve.mark_area(clip=True, opacity=0.22, style="accent").encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        curve.mark_line(clip=True, style="accent").encode(y=gap),
        curve.mark_point(clip=True, size=26, style="accent").encode(y=gap),
        *([curve.mark_line(clip=True, style="reference").encode(y=alt.Y("evaluated_gap:Q", **y))] if dashed else ()),
        *names,
        words("heading", 0, OVER, **heading),
        words("heading_over_names", 0, OVER + LINE * lines + OVER, **heading),
    ]
