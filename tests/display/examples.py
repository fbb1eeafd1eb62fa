"""Charts that are small enough to count what they draw, and text that would like to be more."""

from __future__ import annotations

from seedbench.display import charts
from seedbench.display.charts import Axis

HOSTILE = (
    """</script><script>window.hacked=1</script><img src="https://x.test/a.png" onerror="window.hacked=1">'"><b>&"""
)
N, SCORE = Axis("n", "trials", format=",d"), Axis("score", "accuracy", format=".3f")


def two_lines(names=("best-of-n", "start many"), **options):
    """Two lines of four points; the second has no band."""
    rows = [
        {"n": n, "score": 0.5 + 0.1 * n, "low": 0.4 + 0.1 * n, "high": 0.6 + 0.1 * n, "which": names[0]}
        for n in range(4)
    ]
    rows += [{"n": n, "score": 0.5 + 0.05 * n, "low": None, "high": None, "which": names[1]} for n in range(4)]
    return charts.lines(rows, N, SCORE, series="which", low="low", high="high", **options)


def two_by_three(hole=True, names=("a", "b")):
    """A grid with the values 0 ... 5, the last of them missing."""
    rows = [
        {"x": x, "y": name, "v": None if hole and (x, y) == (2, 1) else 3 * y + x}
        for y, name in enumerate(names)
        for x in range(3)
    ]
    return charts.heatmap(rows, Axis("x", "data order"), Axis("y", "weights"), Axis("v", "score", format=".0f"))
