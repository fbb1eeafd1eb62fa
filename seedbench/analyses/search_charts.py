"""Start many, stop early, continue some as charts, against plain best-of-n."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seedbench.analyses.answers import Search
from seedbench.analyses.charts import DODGE_2020, SCORE
from seedbench.display import Chart, charts
from seedbench.display.axes import Axis


def search_charts(search: Search, metric: str) -> Iterator[Chart]:
    """Start many, stop early, continue some against plain best-of-n: expected score, relative error reduction."""
    many, plain = "start many, continue some", "plain best-of-n"
    rows: list[Mapping[str, Any]] = [
        {"budget": row.budget, "score": row.score, "low": row.low, "high": row.high, "which": many}
        for row in search.rows
    ]
    rows += [{"budget": row.budget, "score": row.best_of_n, "which": plain} for row in search.rows]
    budget = Axis("budget", "budget, in full trials", format=",d")
    domain = _focused(rows, "score")
    yield Chart(
        charts.lines(
            rows,
            budget,
            Axis("score", f"expected best {metric}", format=SCORE, domain=domain),
            series="which",
            low="low",
            high="high",
            points=len(search.rows) == 1,
        ),
        "Expected performance at each budget",
        "The upper line is the best of all ways to start many, stop early and continue some, with hindsight; the band "
        "is its 95% interval for other seeds.",
        sources=(DODGE_2020,),
        notes=_cut(rows, domain),
    )
    reductions: dict[str, list[tuple[int, float | None, float | None, float | None]]] = {
        "with hindsight": [
            (row.budget, row.error_reduction, row.error_reduction_low, row.error_reduction_high) for row in search.rows
        ],
        "chosen on other seeds": [(row.budget, row.held_out_error_reduction, None, None) for row in search.rows],
    }
    gains = [
        {"budget": at, "gain": gain, "low": low, "high": high, "which": name}
        for name, curve in reductions.items()
        for at, gain, low, high in curve
    ]
    if any(row["gain"] is not None for row in gains):
        domain = _focused(gains, "gain")
        yield Chart(
            charts.lines(
                gains,
                budget,
                Axis("gain", "relative error reduction", format=".1%", domain=domain),
                series="which",
                low="low",
                high="high",
                levels={"": 0},
                points=True,
            ),
            "Error saved against best-of-n",
            "The share of best-of-n's error that is gone; below 0 the rule loses. With hindsight it can never lose, "
            "so the line chosen on other seeds is the one to trust.",
            sources=(DODGE_2020,),
            notes=_cut(gains, domain),
        )


def _focused(rows: Sequence[Mapping[str, Any]], field: str) -> tuple[float, float] | None:
    """An axis for all values, and for intervals up to the same range again on either side; None where all are equal."""
    values = [row[field] for row in rows if row[field] is not None]
    ends = [row[key] for row in rows for key in ("low", "high") if row.get(key) is not None]
    low, high = min(values), max(values)
    spread = high - low
    if not spread:
        return None
    return max(min([low, *ends]), low - spread), min(max([high, *ends]), high + spread)


def _cut(rows: Sequence[Mapping[str, Any]], domain: tuple[float, float] | None) -> tuple[str, ...]:
    """The note that a band reaches further than its chart."""
    ends = [row[key] for row in rows for key in ("low", "high") if row.get(key) is not None]
    cut = domain is not None and any(not domain[0] <= end <= domain[1] for end in ends)
    return ("The band reaches beyond the chart where it is cut off; the numbers are below.",) if cut else ()
