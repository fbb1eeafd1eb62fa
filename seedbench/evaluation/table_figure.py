"""The figure of one trial table: what a budget buys there, by best-of-n, by every strategy, and at best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seedbench import display
from seedbench.display.axes import Axis
from seedbench.display.charts import lines
from seedbench.errors import SelectionError

if TYPE_CHECKING:
    import altair as alt

    from seedbench.evaluation.result import Evaluation, Row

WIDTH = 640  # pixels


def table_figure(evaluation: Evaluation, table: str) -> alt.TopLevelMixin:
    """Best-of-n as a line with its 95% band over the budgets, every strategy's scores as points, levels across.

    The levels are what one full trial scores, and the oracle: the best test score in the pool.

    Args:
        evaluation: with its others.
        table: `model/task/recipe`, or the end of that after a slash.

    Raises:
        SelectionError: no such table in the evaluation, or several.
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    display.require()
    import altair as alt

    strategies = [(evaluation.strategy.name, evaluation.rows), *((one.name, one.rows) for one in evaluation.against)]
    name = _named(table, evaluation)
    first = [row for row in evaluation.rows if _name(row) == name]
    rows: list[dict[str, Any]] = [
        {
            "budget": row.budget,
            "score": row.measured(row.best_of_n),
            "low": low,
            "high": high,
            "which": "best-of-n",
        }
        for row, (low, high) in ((row, row.band(row.best_of_n_low, row.best_of_n_high)) for row in first)
    ]
    rows += [
        {"budget": row.budget, "score": row.measured(row.score), "low": None, "high": None, "which": strategy}
        for strategy, its in strategies
        for row in its
        if _name(row) == name
    ]
    drawn = lines(
        rows,
        Axis("budget", "budget, in full trials", format=",d", scale="log", values=tuple(row.budget for row in first)),
        Axis("score", "score on the test set" if evaluation.protocol != "dodge2020" else "score", format=".3f"),
        series="which",
        low="low",
        high="high",
        points=True,
        levels={"one full trial": first[0].measured(first[0].floor), "oracle": first[0].measured(first[0].oracle)},
    )
    trials = evaluation.trials
    title = alt.TitleParams(
        f"What a budget buys: {' · '.join(name.split('/')[-2:])}",
        subtitle=f"Band: best-of-n, 95%. {trials.name} {trials.version}, {trials.sha256[:12]}",
        anchor="start",
    )
    return drawn.properties(title=title, width=WIDTH)


def _named(table: str, evaluation: Evaluation) -> str:
    names = list(dict.fromkeys(_name(row) for row in evaluation.rows))
    fitting = [name for name in names if name == table] or [name for name in names if name.endswith(f"/{table}")]
    if len(fitting) != 1:
        raise SelectionError(f"{len(fitting)} tables of the evaluation end in {table!r}; it has {', '.join(names)}")
    return fitting[0]


def _point(
    budget: int, which: str, score: float, low: float | None = None, high: float | None = None
) -> dict[str, Any]:
    return {"budget": budget, "which": which, "score": score, "low": low, "high": high}


def _name(row: Row) -> str:
    return f"{row.model}/{row.task}/{row.recipe}"
