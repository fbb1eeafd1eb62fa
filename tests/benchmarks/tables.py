"""The tables and the picture of README.md from the JSON in results/: what is measured is written there only by this.

    python -m tests.benchmarks.tables

Each table stands between `<!-- name -->` and `<!-- end -->`. A test holds README.md to the JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
RESULTS, README, PICTURE = HERE / "results", HERE / "README.md", HERE / "growth.svg"


def quartiles(values: np.ndarray) -> dict[str, float]:
    """Median and quartiles, to three digits."""
    low, median, high = (float(f"{value:.3g}") for value in np.percentile(values, [25, 50, 75]))
    return {"median": median, "low": low, "high": high}


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def shown(found: dict[str, float]) -> str:
    """Median (lower quartile to upper)."""
    return f"{number(found['median'])} ({number(found['low'])}-{number(found['high'])})"


def read(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are numbers."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def peers() -> str:
    rows, rule = [], ""
    for row in read("peers")["rows"]:
        if row["rule"] != rule:
            rule = row["rule"]
            rows.append([f"**{rule}**", "", ""])
        ratio = "" if row["tool"] == "seedbench" else shown(row["seedbench_is_times_as_fast"])
        rows.append([row["tool"], shown(row["campaigns_per_second"]), ratio])
    return markdown(["", "campaigns a second", "seedbench is × as fast"], rows)


def versions() -> str:
    rows = [
        [f"`{row['strategy']}`", *(shown(row[key]) for key in ("before", "after", "times_as_fast"))]
        for row in read("versions")["rows"]
    ]
    return markdown(["campaigns a second", "before", "after", "× as fast"], rows)


def commands() -> str:
    rows = [
        [f"`{row['command']}`", *(shown(row[key]) for key in ("cpu_seconds", "wall_seconds")), f"{row['wanted']:g}"]
        for row in read("commands")["commands"]
    ]
    return markdown(["seconds", "CPU", "wall", "wanted"], rows)


def growth() -> str:
    rows = [
        [f"{row['axis']} {', '.join(f'{size:,}' for size in row['sizes'])}"]
        + [", ".join(number(value) for value in row["cpu_seconds"]), f"{row['slope']:.2f}"]
        + [" and ".join(f"{slope:.2f}" for slope in row["slopes"])]
        for row in read("growth")["axes"]
    ]
    return markdown(["× 1, × 10, × 100", "CPU seconds", "slope", "of either step"], rows)


TABLES = {"peers": peers, "versions": versions, "commands": commands, "growth": growth}


def filled(text: str) -> str:
    """README.md with all tables as they are in results/."""
    for name, table in TABLES.items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("\n<!-- end -->")
        assert start and end, f"README.md has no place for the table {name}"
        text = before + start + table() + end + after
    return text


def draw(path: Path) -> None:
    """How cost grows, log-log, with a line of slope 1 to see the others against."""
    from seedbench.display import save
    from seedbench.display.axes import Axis
    from seedbench.display.charts import lines

    axes = read("growth")["axes"]
    factors = (1, 10, 100)
    rows = [
        {"times": factor, "cost": seconds / row["cpu_seconds"][0], "axis": f"{row['axis']}, slope {row['slope']:.2f}"}
        for row in axes
        for factor, seconds in zip(factors, row["cpu_seconds"], strict=True)
    ]
    proportional = [{"times": factor, "cost": factor, "label": "in proportion"} for factor in factors]
    chart = lines(
        rows,
        Axis("times", "times as many", format="d", scale="log", values=factors),
        Axis("cost", "times the CPU time", format="d", scale="log", values=factors),
        series="axis",
        points=True,
        marked=proportional,
        height=340,
    )
    save(chart, path, title="How the cost of an evaluation grows")


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
    draw(PICTURE)
