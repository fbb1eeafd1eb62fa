"""The figure of an evaluation: the gap that each strategy closes at each budget, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
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
NAME, OVER, UNDER = 8, 28, 24  # above a panel: a strategy's name, what a line of panels is of; below: its axis
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
    rows = panel_rows(gap_rows(evaluation), numbers)
    layers = _layers([row["budget"] for row in rows], width, dashed=bool(evaluation.against))
    # One chart that the library repeats: putting charts beside one another, each with data of its own, takes seconds.
    panel = alt.layer(*layers, data=alt.InlineData(values=values_of(rows))).properties(width=width, height=HEIGHT)
    line, place = alt.Row("line:O", header=None), alt.Column("place:O", header=None)
    spacing = {"row": UNDER + (OVER if len(numbers) > ACROSS else NAME) + 16, "column": BETWEEN}
    drawn = panel.facet(row=line, column=place, bounds="flush", spacing=spacing)
    return drawn.resolve_axis(x="independent").properties(title=title)


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
    return (
        first if gap_rows(evaluation) else f"{first}: none of these tables has signal, and nothing is drawn",
        f"0%: one full trial. 100%: the best of 64.{dashed} {trials.name} {trials.version}, {trials.sha256[:12]}",
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


def panel_rows(rows: Rows, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """The rows of the strategies of these numbers, with their panel (`line`, `place`) and what is written above it.

    `base` is what the evaluated strategy closes. A panel's first row has its `name`; that of a line's first panel says
    what it is of: `whose`, or where names stand below it `over`.
    """
    lines = -(-len(numbers) // ACROSS)
    found = []
    for group, (where, members) in enumerate(groupby(rows, key=lambda row: row["where"])):
        of = {(row["number"], row["budget"]): row for row in members}
        budgets = sorted({budget for _, budget in of})
        for at, number in enumerate(numbers):
            line, place = divmod(at, ACROSS)
            line += group * lines
            named = line == 0 or lines > 1  # else it stands at the head of the column
            for budget in budgets:
                row, first = of[number, budget], budget == budgets[0]
                words = where if first and at == 0 else ""
                found.append(
                    {
                        "line": line,
                        "place": place,
                        "budget": budget,
                        **{key: row[key] for key in ("gap", "low", "high")},
                        "base": of[0, budget]["gap"],
                        "name": row["strategy"] if first and named else "",
                        "over": words if named else "",
                        "whose": "" if named else words,
                    }
                )
    return found


def _layers(budgets: Sequence[float], width: int, *, dashed: bool) -> list[alt.Chart]:
    """Of a panel: the levels, a strategy's band and line, the evaluated strategy's where it is another, the words."""
    import altair as alt

    across = alt.Axis(values=sorted(set(budgets)), format="d", grid=False, labelFontSize=10)
    shares = alt.Axis(format="%", values=TICKS, domain=False, labelFontSize=10)
    x = alt.X("budget:Q", title=None, scale=alt.Scale(type="log", base=2, nice=False, padding=6), axis=across)
    y: dict[str, Any] = {"title": None, "scale": alt.Scale(domain=[TICKS[0], TICKS[-1]], nice=False), "axis": shares}
    gap = alt.Y("gap:Q", **y)
    base = alt.Chart().encode(x=x)
    levels = alt.Chart(alt.InlineData(values=[{"gap": 0.0}, {"gap": 1.0}]))
    above = alt.Chart().mark_text(baseline="bottom", align="left", fontSize=12, fontWeight="bold")
    name = alt.Chart().mark_text(baseline="bottom", fontSize=11)
    return [
        levels.mark_rule(style="muted", strokeWidth=0.7).encode(y=gap),
        base.mark_area(clip=True, opacity=0.22, style="accent").encode(y=alt.Y("low:Q", **y), y2="high:Q"),
        base.mark_line(clip=True, style="accent").encode(y=gap),
        base.mark_point(clip=True, size=26, style="accent").encode(y=gap),
        *([base.mark_line(clip=True, style="reference").encode(y=alt.Y("base:Q", **y))] if dashed else ()),
        name.encode(x=alt.value(width / 2), y=alt.value(-NAME), text="name:N"),
        above.encode(x=alt.value(0), y=alt.value(-NAME), text="whose:N"),
        above.encode(x=alt.value(0), y=alt.value(-OVER), text="over:N"),
    ]
