"""The figure of one trial table: what a budget buys there, by best-of-n, by every strategy, and at best."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbench import display
from seedbench.display.axes import Axis
from seedbench.display.charts import beside
from seedbench.errors import SelectionError
from seedbench.files import new_folder
from seedbench.trialset import ending_in

if TYPE_CHECKING:
    import altair as alt

    from seedbench.display.charts import Drawn
    from seedbench.evaluation.numbers import Row
    from seedbench.evaluation.result import Evaluation

WIDTH = 760  # pixels
BOUGHT = "What a budget buys"  # the picture's title


def bought(strategies: Mapping[str, Sequence[Row]], *, score: str = "score on the test set") -> Drawn:
    """At each budget best-of-n as a bar with its 95% band, every strategy as a point; levels across.

    The levels are what one full trial scores, and the oracle: the best that any trial of a pool scores.

    Args:
        strategies: the rows of one table, by the name of the strategy; at least one row.
        score: what is measured.
    """
    best = {row.budget: row for rows in strategies.values() for row in rows}
    some = next(iter(best.values()))
    bars = [_point(row, row.best_of_n, row.best_of_n_low, row.best_of_n_high) for _, row in sorted(best.items())]
    points = [
        {"which": name, **_point(row, row.score, row.score_low, row.score_high)}
        for name, rows in strategies.items()
        for row in rows
    ]
    return beside(
        bars,
        points,
        Axis("budget", "budget, in full trials", format=",d"),
        Axis("score", score, format=".3f"),
        series="which",
        levels={"one full trial": some.measured(some.floor), "oracle": some.measured(some.oracle)},
        label="best-of-n, 95%" if _with_intervals(best.values()) else "best-of-n",
    )


def how_to_read(rows: Sequence[Row]) -> str:
    """How the picture with these rows is read, in sentences, for whoever shows it."""
    interval = ", in its 95% interval," if _with_intervals(rows) else ""
    return (
        f"At each budget a bar is the score that best-of-n is expected to reach{interval} and a point the mean score "
        "of what a strategy keeps; points stand side by side. Dashed levels are what one full trial and the oracle "
        "(the best that any trial of a pool scores) score."
    )


def _with_intervals(rows: Iterable[Row]) -> bool:
    return any(row.best_of_n_low is not None for row in rows)


def table_figure(evaluation: Evaluation, table: str) -> alt.TopLevelMixin:
    """What a budget buys on one table, with every strategy of an evaluation.

    Args:
        evaluation: with its others.
        table: `model/task/recipe`, or the end of that after a slash.

    Raises:
        SelectionError: no such table in the evaluation, or several.
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    display.require()
    import altair as alt

    name, trials = _named(table, evaluation), evaluation.trials
    title = alt.TitleParams(
        f"{BOUGHT}: {' · '.join(name.split('/')[-2:])}",
        subtitle=f"Points: what strategies score with each. {trials.name} {trials.version}, {trials.sha256[:12]}",
        subtitlePadding=4,
        anchor="start",
    )
    return bought_on(evaluation, name).properties(title=title, width=WIDTH)


def bought_on(evaluation: Evaluation, name: str) -> Drawn:
    """The same without a title, for a page; `name` is one of `table_names`."""
    strategies = ((evaluation.strategy.name, evaluation.rows), *((one.name, one.rows) for one in evaluation.against))
    rows = {strategy: [row for row in its if row.table == name] for strategy, its in strategies}
    return bought(rows, score="score" if evaluation.protocol == "dodge2020" else "score on the test set")


def save_table_figures(evaluation: Evaluation, folder: Path) -> None:
    """Writes what a budget buys on each table to a new folder, `TASK-RECIPE.svg`, light or dark as its reader prefers.

    Raises:
        SeedbenchError: the folder is there already or cannot be written; altair or vl-convert-python is not installed.
    """
    with new_folder(folder) as new:
        for table, file in _files(evaluation).items():
            display.save(table_figure(evaluation, table), new / file, theme="both", width=WIDTH)


def _files(evaluation: Evaluation) -> dict[str, str]:
    """The name of each table's file, by the table's; with the model where there are several."""
    names = table_names(evaluation)
    parts = 2 if len({name.rsplit("/", 2)[0] for name in names}) == 1 else None
    files: dict[str, str] = {}
    for name in names:
        file = "-".join(re.sub(r"[^A-Za-z0-9.]+", "-", part) for part in name.split("/")[-parts if parts else 0 :])
        files[name] = f"{file if f'{file}.svg' not in files.values() else f'{file}-{len(files)}'}.svg"
    return files


def _named(table: str, evaluation: Evaluation) -> str:
    names = table_names(evaluation)
    fitting = ending_in(table, names)
    if len(fitting) != 1:
        raise SelectionError(f"{len(fitting)} tables of the evaluation end in {table!r}; it has {', '.join(names)}")
    return fitting[0]


def _point(row: Row, score: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    """As measured: where lower is better the ends change places."""
    low, high = row.band(low, high)
    return {"budget": row.budget, "score": None if score is None else row.measured(score), "low": low, "high": high}


def table_names(evaluation: Evaluation) -> list[str]:
    """The tables of an evaluation, each `model/task/recipe`, in order."""
    return list(dict.fromkeys(row.table for row in evaluation.rows))
