"""Plans: which trial tables to make, as a TOML file, and what that will cost.

    python -m runners.plan runners/plans/dodge2020.toml --trials-per-hour mrpc=600 --trials-per-hour rte=800 …

A plan file has the keys ``format`` (1, also where it is missing), ``model``, ``model_name`` (needed for a local
folder), ``glue``, ``engine``, ``stack`` and ``compiled``, and a list ``tables`` of ``task``, ``recipe``,
``weight_init_seeds``, ``data_order_seeds`` (as on the command line of ``runners.sweep``), ``set`` (changed recipe
fields) and ``trials_per_hour`` (of one job, if known).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from runners.data.glue import train_size
from runners.data.recipe import validation_steps
from runners.errors import RunnerError
from runners.table import TableSpec, grid, table_spec
from runners.trial_log import Cell, read_log
from seedbench.commands import run
from seedbench.documents import read_toml


class PlanError(RunnerError):
    """A plan file that cannot be used; the message names the file, the table, the key and the value."""


@dataclass(frozen=True)
class TableOfPlan:
    """One of ``tables`` in a plan file; ``set`` holds changed recipe fields."""

    task: str
    recipe: str
    weight_init_seeds: str
    data_order_seeds: str
    set: dict[str, bool | int | float | str] = field(default_factory=dict)
    trials_per_hour: Annotated[float, msgspec.Meta(gt=0)] | None = None


@dataclass(frozen=True)
class PlanFile:
    """A plan file."""

    format: Literal[1] = field(default=1, kw_only=True)
    model: str
    tables: Annotated[list[TableOfPlan], msgspec.Meta(min_length=1)]
    model_name: str | None = None
    glue: str = "nyu-mll/glue"
    engine: str = "stacked"
    stack: int | None = None
    compiled: bool | None = None


@dataclass(frozen=True)
class PlannedTable:
    """One table of a plan.

    Attributes:
        spec: model, data, recipe, and where the logs go.
        cells: its grid, column by column.
        trials_per_hour: of one job on one device; None: not known.
    """

    spec: TableSpec
    cells: tuple[Cell, ...]
    trials_per_hour: float | None = None

    @property
    def name(self) -> str:
        """What it is called within its plan: task and recipe."""
        return f"{self.spec.task}/{self.spec.recipe.name}"


def load_plan(path: Path, out: Path, *, draw: bool = True, **overrides: Any) -> list[PlannedTable]:
    """The tables of a plan file.

    Args:
        path: the TOML file.
        out: folder of the trial logs.
        draw: whether random seeds are drawn, and kept in ``out``; else only their number is right.
        overrides: values in place of the file's own for ``model``, ``model_name``, ``glue``, ``engine``, ``stack``
            and ``compiled``; None leaves the file's.

    Raises:
        PlanError: no such file, not TOML, a key missing, unknown or of another type, a table twice.
        RunnerError: a value outside its range.
    """
    plan = read_toml(path, PlanFile, error=PlanError, advice="runners/plans/dodge2020.toml is an example")
    given = {key: value for key, value in overrides.items() if value is not None}
    if "model" in given:
        given.setdefault("model_name", None)  # the file's named its own model
    plan = replace(plan, **given)
    planned = [_planned(plan, table, out, f"{path}, table {at}", draw) for at, table in enumerate(plan.tables, 1)]
    names = [table.spec.log_path(Cell(0, 0)) for table in planned]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise PlanError(
                f"{path}, table {number + 1}: the same model, task and recipe as table {names.index(name) + 1}; give "
                "a changed recipe a name of its own (set = {name = …}) or join the seeds"
            )
    return planned


def load_planned_table(path: Path, name: str, out: Path, **overrides: Any) -> PlannedTable:
    """The table called ``name``, such as ``"sst2/few64"``, of a plan file; the rest is as for `load_plan`.

    Raises:
        PlanError: the plan has no such table, or cannot be used.
    """
    tables = {table.name: table for table in load_plan(path, out, **overrides)}
    if name not in tables:
        raise PlanError(f"--table {name!r}: {path} has no such table; there are {', '.join(tables)}")
    return tables[name]


def _planned(plan: PlanFile, table: TableOfPlan, out: Path, where: str, draw: bool) -> PlannedTable:
    try:
        spec = table_spec(
            model=plan.model,
            model_name=plan.model_name,
            glue=plan.glue,
            task=table.task,
            recipe=table.recipe,
            changes=[f"{name}={value}" for name, value in table.set.items()],
            engine=plan.engine,
            out=out,
            stack=plan.stack,
            compiled=plan.compiled,
        )
        cells = grid(table.weight_init_seeds, table.data_order_seeds, out if draw else None)
    except RunnerError as error:
        raise PlanError(f"{where}: {error}") from None
    return PlannedTable(spec, cells, table.trials_per_hour)


def parse_rates(texts: Iterable[str], tables: Sequence[PlannedTable]) -> dict[str, float]:
    """``["mrpc=600", "rte=800"]`` as trials per hour of each task; a bare number will do where there is one table.

    Raises:
        PlanError: not of this form, not positive, or of a task that is not among the tables.
    """
    tasks = {table.spec.task for table in tables}
    rates = {}
    for text in texts:
        task, _, number = text.rpartition("=")
        if not task and len(tables) == 1:
            task = tables[0].spec.task
        try:
            rate = float(number)
        except ValueError:
            rate = 0.0
        if task not in tasks or not 0 < rate < float("inf"):
            raise PlanError(
                f"--trials-per-hour {text!r}: expected TASK=NUMBER with a positive number and a task among "
                f"{', '.join(sorted(tasks))}"
            )
        rates[task] = rate
    return rates


def measured_trials_per_hour(spec: TableSpec) -> float | None:
    """What the table's logs say one job does in an hour: by the median trial, so that a slow start weighs little."""
    seconds = []
    for path in spec.log_path(Cell(0, 0)).parent.glob("wi*-do*.npz"):
        record = read_log(path).record
        seconds.append(record.train_seconds + record.evaluation_seconds)
    return 3600 / median(seconds) if seconds else None


def with_rates(tables: Iterable[PlannedTable], rates: Mapping[str, float]) -> list[PlannedTable]:
    """The tables with trials per hour: those given, else those of the plan, else those of the logs, else None."""
    return [
        PlannedTable(
            table.spec,
            table.cells,
            rates.get(table.spec.task) or table.trials_per_hour or measured_trials_per_hour(table.spec),
        )
        for table in tables
    ]


def estimate(tables: Sequence[PlannedTable]) -> Table:
    """Trials, steps and device hours of every table and of all together, to be printed.

    Raises:
        GlueError: the training data cannot be found.
    """
    shown = Table("task", "recipe", "grid", "trials", "steps each", "steps", "trials/h", "device hours", box=None)
    shown.title = ", ".join(dict.fromkeys(table.spec.model_name for table in tables))
    for column in shown.columns[2:]:
        column.justify = "right"
    trials = steps = 0
    hours: float | None = 0.0
    for table in tables:
        spec, count = table.spec, len(table.cells)
        per_trial = validation_steps(spec.recipe, train_size(spec.task, spec.source, spec.recipe))[-1]
        cost = count / table.trials_per_hour if table.trials_per_hour else None
        rows = len({cell.weight_init_seed for cell in table.cells})
        shown.add_row(
            spec.task,
            spec.recipe.name,
            f"{rows} × {count // rows}",
            f"{count:,}",
            f"{per_trial:,}",
            f"{count * per_trial:,}",
            "?" if cost is None else f"{table.trials_per_hour:,.0f}",
            "?" if cost is None else f"{cost:,.2f}",
        )
        trials, steps = trials + count, steps + count * per_trial
        hours = None if hours is None or cost is None else hours + cost
    shown.add_section()
    shown.add_row("all", "", "", f"{trials:,}", "", f"{steps:,}", "", "?" if hours is None else f"{hours:,.2f}")
    return shown


def main(
    plan: Annotated[Path, typer.Argument(help="A plan file, such as runners/plans/dodge2020.toml.")],
    trials_per_hour: Annotated[
        list[str] | None, typer.Option(help="What one job does in an hour, as TASK=NUMBER; repeat.")
    ] = None,
    logs: Annotated[Path, typer.Option(help="Trial logs that say it, where it is not given.")] = Path("logs"),
    model: Annotated[str | None, typer.Option(help="Another model than the plan's.")] = None,
    model_name: Annotated[str | None, typer.Option(help="Public name of the model in a local folder.")] = None,
    glue: Annotated[str | None, typer.Option(help="A folder laid out like nyu-mll/glue, or a Hub dataset.")] = None,
) -> None:
    """What a plan will cost: its trials, steps and device hours."""
    try:
        tables = load_plan(plan, logs, draw=False, model=model, model_name=model_name, glue=glue)
        Console().print(estimate(with_rates(tables, parse_rates(trials_per_hour or (), tables))))
    except (RunnerError, OSError) as error:
        Console(stderr=True).print(f"error: {error}", style="red", soft_wrap=True, highlight=False)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    run(main, "python -m runners.plan")
