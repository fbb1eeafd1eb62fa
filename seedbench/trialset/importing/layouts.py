"""The layouts that practitioners' files have, told apart by their columns, each made rows of one trial and one step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from seedbench.errors import TrialSetError
from seedbench.trialset.importing.reading import CurveFile

#: What steps are called, the first that is there.
STEPS = (
    *("step", "_step", "Step", "global_step", "train/global_step", "trainer/global_step"),
    *("iteration", "Iteration", "epoch", "Epoch"),
)
#: Layouts in which every run has a cell at every step: an empty one says nothing of why it is empty.
EMPTY_EVERYWHERE = ("charts", "wide", "optuna")
_NAMES = ("key", "tag", "metric", "metric_name", "variable", "name")
_RUNS = ("run_uuid", "run_id", "run_name", "run")
_INTERMEDIATE = re.compile(r"intermediate_values_(\d+)")
_CHART = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<bound>__MIN|__MAX)?", re.DOTALL)
_SCALARS = ["wall time", "step", "value"]
_TAGGED_FILE = re.compile(r"(?:run-)?(?P<run>.+?)-tag-(?P<tag>.+)")


def in_rows(file: CurveFile, layout: str | None, empty: bool = False) -> CurveFile:
    """A file as it was read -> one row per trial and logged step, a column a measure.

    Args:
        file: of any layout.
        layout: which; None: recognised by its columns.
        empty: whether empty cells of a run's column are rows, too.

    Raises:
        TrialSetError: it is not of the layout that was given.
    """
    layout = layout or _recognised(file)
    reshape: dict[str, Callable[[CurveFile], CurveFile]] = {
        "names": _names,
        "charts": partial(_charts, empty=empty),
        "wide": partial(_wide, empty=empty),
        "optuna": partial(_optuna, empty=empty),
        "scalars": _scalars,
    }
    return replace(reshape.get(layout, _as_it_is)(file), layout=layout)


def _recognised(file: CurveFile) -> str:
    names = list(file.columns)
    if file.layout != "long":
        return file.layout
    if [name.lower() for name in names] == _SCALARS:
        return "scalars"
    if any(_INTERMEDIATE.fullmatch(name) for name in names):
        return "optuna"
    if "value" in names and any(name in names for name in _NAMES) and _step(file) is not None:
        return "names"
    parted = [bool(_CHART.fullmatch(name)) for name in names]
    return "charts" if sum(parted) > 0 and sum(parted) >= len(names) - 2 and not parted[0] else "long"


def _step(file: CurveFile) -> str | None:
    return next((name for name in STEPS if name in file.columns), None)


def _as_it_is(file: CurveFile) -> CurveFile:
    metrics = tuple(name for name in file.columns if name.startswith("eval_")) if file.layout == "trainer" else ()
    return replace(file, step=_step(file), metrics=metrics)


def _need(file: CurveFile, layout: str, there: object, what: str) -> None:
    if not there:
        raise TrialSetError(f"{file.path}: layout {layout} must have {what}; found {', '.join(list(file.columns)[:5])}")


def _names(file: CurveFile) -> CurveFile:
    """Each row's value in the column of its name. MLflow writes 0 for NaN, and says so in `is_nan`."""
    column = next((name for name in _NAMES if name in file.columns), None)
    _need(file, "names", column and "value" in file.columns, f"columns value and one of {', '.join(_NAMES)}")
    names = [str(name) for name in file.columns[str(column)]]
    values = [
        float("nan") if str(is_nan).lower() in ("1", "true", "1.0") else value
        for value, is_nan in zip(
            file.columns["value"], file.columns.get("is_nan", [None] * len(file.place)), strict=True
        )
    ]
    metrics = tuple(dict.fromkeys(names))
    others = {name: value for name, value in file.columns.items() if name not in (column, "value", "is_nan")}
    if clash := [name for name in metrics if name in others]:
        raise TrialSetError(f"{file.path}: {clash[0]!r} is both a column and in column {column!r}: --ignore the column")
    measured = {
        metric: [value if name == metric else None for name, value in zip(names, values, strict=True)]
        for metric in metrics
    }
    columns = others | measured
    run = next((name for name in _RUNS if name in others), None)
    runs = None if run is None else [str(value) for value in others[run]]
    return replace(file, columns=columns, run=runs or file.run, step=_step(file), metrics=metrics)


def _charts(file: CurveFile, empty: bool) -> CurveFile:
    """One row a run and line that has a value. MIN and MAX that differ are of an average over points or runs."""
    parts = {name: match for name in file.columns if (match := _CHART.fullmatch(name))}
    others = [name for name in file.columns if name not in parts]
    _need(file, "charts", parts and others, "a column of steps, and columns called '<run> - <metric>'")
    cells: dict[tuple[int, str], dict[str, Any]] = {}
    averaged = 0
    for name, match in parts.items():
        for row, value in enumerate(file.columns[name]):
            if value is None and not empty:
                continue
            if match["bound"] is None:
                cells.setdefault((row, match["run"]), {})[match["metric"]] = value
            elif match["bound"] == "__MAX":
                low = file.columns.get(name.removesuffix("__MAX") + "__MIN")
                averaged += low is not None and low[row] != value
    metrics = tuple(dict.fromkeys(match["metric"] for match in parts.values() if not match["bound"]))
    what = "value is an average" if averaged == 1 else "values are averages"
    notes = (f"{averaged:,} {what}: MIN and MAX differ, so single measurements are lost",)
    return replace(
        _cells(file, cells, metrics, others),
        step=next((name for some in (others, metrics) for name in STEPS if name in some), others[0]),
        metrics=tuple(name for name in metrics if name not in STEPS),
        notes=notes if averaged else (),
    )


def _wide(file: CurveFile, empty: bool) -> CurveFile:
    """A column a run, all of the measure `value`."""
    step = _step(file) or next(iter(file.columns))
    runs = [name for name in file.columns if name != step]
    _need(file, "wide", runs, "a column of steps, and a column a run")
    cells = {
        (row, run): {"value": value}
        for run in runs
        for row, value in enumerate(file.columns[run])
        if value is not None or empty
    }
    return replace(_cells(file, cells, ("value",), [step]), step=step, metrics=("value",))


def _optuna(file: CurveFile, empty: bool) -> CurveFile:
    """One row an intermediate value; a trial without any has a row of its own."""
    parts = {name: match[1] for name in file.columns if (match := _INTERMEDIATE.fullmatch(name))}
    _need(file, "optuna", parts and "number" in file.columns, "columns number and intermediate_values_<step>")
    others = [name for name in file.columns if name not in parts]
    rows: list[tuple[int, str | None, Any]] = []
    for row in range(len(file.place)):
        some = [(row, step, file.columns[name][row]) for name, step in parts.items()]
        rows += [one for one in some if one[2] is not None or empty] or [(row, None, None)]
    columns = {name: [file.columns[name][row] for row, _, _ in rows] for name in others}
    columns |= {"step": [step for _, step, _ in rows], "intermediate_value": [value for _, _, value in rows]}
    return replace(
        file,
        columns=columns,
        place=[file.place[row] if step is None else f"{file.place[row]} step {step}" for row, step, _ in rows],
        run=[f"trial {value}" for value in columns["number"]],
        step="step",
        metrics=("intermediate_value",),
        from_zero=True,
    )


def _scalars(file: CurveFile) -> CurveFile:
    """A file of one run and one tag, which its name tells: run-<run>-tag-<tag>.csv, as TensorBoard saves it."""
    names = {name.lower(): name for name in file.columns}
    _need(file, "scalars", {"step", "value"} <= set(names), "the columns Wall time, Step and Value")
    name = file.path.name.removesuffix(".gz").removesuffix(".csv")
    match = _TAGGED_FILE.fullmatch(name)
    tag = match["tag"] if match else "Value"
    columns = {"step": file.columns[names["step"]], tag: file.columns[names["value"]]}
    if "wall time" in names:
        columns["Wall time"] = file.columns[names["wall time"]]
    runs = [match["run"]] * len(file.place) if match else None
    return replace(file, columns=columns, run=runs, step="step", metrics=(tag,))


def _cells(
    file: CurveFile, cells: dict[tuple[int, str], dict[str, Any]], metrics: Sequence[str], others: Iterable[str]
) -> CurveFile:
    """Rows of (line, run) -> measure -> value; the line's other columns are those of each."""
    keys = list(cells)
    columns = {name: [file.columns[name][row] for row, _ in keys] for name in others}
    columns |= {metric: [cells[key].get(metric) for key in keys] for metric in metrics}
    return replace(file, columns=columns, place=[file.place[row] for row, _ in keys], run=[run for _, run in keys])
