"""Charts of the board: what a budget buys on a table, an entry among the baselines, and gaps closed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from leaderboard.site.data import Entry, Standing, rows_of, summary_of
from seedbench.display import Chart, Link, charts
from seedbench.display.axes import Axis
from seedbench.evaluation import Row
from seedbench.evaluation.table_figure import bought, how_to_read

AT_MOST = 18  # rules in one figure
DODGE = Link("Dodge et al. 2020", "https://arxiv.org/abs/2002.06305")


def baselines(standing: Standing) -> dict[str, Entry]:
    """The organisers' entries that charts show: plain best-of-n, and the best of the others."""
    theirs = [entry for entry in standing.entries if entry.public.organisers]
    plain = [entry for entry in theirs if entry.slug.startswith("full-trials")]
    others = [entry for entry in theirs if entry not in plain]
    return {entry.public.name: entry for entry in (*plain[:1], *others[:1])}


def bought_chart(standing: Standing, table: str, title: str) -> Chart | None:
    """What a budget buys on one table of the public trials, every rule a point; None where no entry has it.

    Of more than `AT_MOST` entries, the best.
    """
    there = [entry for entry in standing.entries if rows_of(entry.public.measured, table)]
    if not there:
        return None
    shown = there[:AT_MOST]
    rows = {label_of(entry, shown): rows_of(entry.public.measured, table) for entry in shown}
    drawn, some = bought(rows), rows[label_of(shown[0], shown)]
    left = f" The best {AT_MOST} of {len(there)} entries are drawn." if len(there) > AT_MOST else ""
    return Chart(drawn, title, f"{how_to_read(some)}{left}", sources=(DODGE,), notes=_notes(some[0]))


def score_chart(standing: Standing, table: str, entry: Entry, title: str) -> Chart | None:
    """An entry's scores on one table of the public trials, among baselines'; None where it has none."""
    rows = [_point(row) for row in rows_of(entry.public.measured, table)]
    if not rows:
        return None
    marked: list[dict[str, Any]] = []
    for label, baseline in baselines(standing).items():
        if baseline is not entry:
            marked += [_point(row) | {"label": label} for row in rows_of(baseline.public.measured, table)]
    some = rows_of(entry.public.measured, table)[0]
    budgets = tuple(sorted({row["budget"] for row in (*rows, *marked)}))
    drawn = charts.lines(
        rows,
        Axis("budget", "budget, in full trials", format=",d", scale="log", values=budgets),
        Axis("score", "score on the test set", format=".3f"),
        low="low",
        high="high",
        points=True,
        levels=_levels(some),
        marked=marked,
    )
    return Chart(
        drawn,
        title,
        "The line is the mean score of what the strategy keeps, the band its 95% interval over replicates and seeds."
        f"{' Grey lines are baselines.' if marked else ''} Dashed levels are what one full trial, the best of many and "
        "the oracle (the best test score in the pool) score.",
        sources=(DODGE,),
        notes=_notes(some),
    )


def _notes(row: Row) -> tuple[str, ...]:
    """What cannot be concluded from a table's figure."""
    too_little = "Choosing among full trials of this table wins nothing, or less than two standard errors of it."
    return (too_little,) if row.no_signal else ()


def label_of(entry: Entry, among: Sequence[Entry]) -> str:
    """An entry's name, with its slug where another one of them has the same name."""
    twice = [other.public.name for other in among].count(entry.public.name) > 1
    return f"{entry.public.name} ({entry.slug})" if twice else entry.public.name


def _point(row: Row) -> dict[str, Any]:
    low, high = row.band(row.score_low, row.score_high)
    return {"budget": row.budget, "score": row.measured(row.score), "low": low, "high": high}


def _levels(row: Row) -> dict[str, float]:
    between = {"one full trial": row.floor, "best of many": row.ceiling}
    if row.no_signal:  # as good as one, and their names would be written over each other
        between = {"one full trial, best of many": (row.floor + row.ceiling) / 2}
    return {name: row.measured(level) for name, level in (between | {"oracle": row.oracle}).items()}


def gap_chart(standing: Standing) -> Chart | None:
    """Gap closed of every verified entry with its interval, where ranks come from; None if it is undefined for all."""
    rows = []
    for entry in standing.entries:
        summary = summary_of(entry.judged)
        if summary is None or summary.gap_closed is None:
            continue
        rows.append(
            {
                "label": label_of(entry, standing.entries),
                "gap": summary.gap_closed,
                "low": summary.gap_closed_low,
                "high": summary.gap_closed_high,
                "kind": "baseline" if entry.public.organisers else "entry",
            }
        )
    if not rows:
        return None
    drawn = charts.intervals(
        rows,
        Axis("gap", "gap closed, all tables together", format=".0%"),
        series="kind",
        levels={"one trial": 0.0, "best of many": 1.0},
        row_height=26,
    )
    return Chart(
        drawn,
        f"Gap closed on the {standing.ranked_on} trials",
        "A dot is how much of the way from one full trial to the best of many a strategy goes, the line its 95% "
        "interval over replicates and seeds; entries whose lines overlap may still differ, as paired differences tell.",
    )
