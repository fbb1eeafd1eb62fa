"""Plan files: which trial tables to make, as TOML.

A plan file has the keys ``format`` (1, also where it is missing), ``model``, ``model_name`` (needed for a local
folder), ``glue``, ``engine``, ``stack`` and ``compiled``, and a list ``tables`` of ``task``, ``recipe``,
``weight_init_seeds``, ``data_order_seeds`` (as on the command line of ``runners.sweep``), ``set`` (changed recipe
fields) and ``trials_per_hour`` (of one job, if known); where the task is not GLUE's ``dataset``, ``text``, ``label``,
``validation`` and ``test``, as on that command line. A list ``pilots`` (``runners.pilots``) has trials that choose
learning rates: a table with ``pilots`` (a name among them) and ``takes`` gets its rate from them, or must have the same
one in ``set``; ``{learning_rate}`` in its name stands for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from runners.data.dataset import dataset_of
from runners.errors import RunnerError
from runners.pilots import AXES, PilotsOfPlan, Takes, chosen_rate, results_file
from runners.table import TableSpec, grid, parse_seeds, table_spec
from runners.trial_log import Cell
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
    pilots: str | None = None
    takes: Takes | None = None
    dataset: str | None = None
    text: list[str] = field(default_factory=list)
    label: str | None = None
    validation: str | None = None
    test: str | None = None


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
    pilots: list[PilotsOfPlan] = field(default_factory=list)


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

    @property
    def folder(self) -> Path:
        """Where its logs lie."""
        return self.spec.log_path(Cell(0, 0)).parent


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
    plan = _read(path, overrides)
    _check_apart(path, plan)
    planned = []
    for at, table in enumerate(plan.tables, 1):
        changes = _with_rate(path, plan, table, f"{path}, table {at}")
        planned.append(_planned(plan, table, changes, out, f"{path}, table {at}", draw))
    names = [table.spec.log_path(Cell(0, 0)) for table in planned]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise PlanError(
                f"{path}, table {number + 1}: the same model, task and recipe as table {names.index(name) + 1}; give "
                "a changed recipe a name of its own (set = {name = …}) or join the seeds"
            )
    return planned


def table_named(name: str, tables: Iterable[PlannedTable], path: Path) -> PlannedTable:
    """The table called ``name``, such as ``"sst2/few64"``, of those of a plan file.

    Raises:
        PlanError: the plan has no such table.
    """
    by_name = {table.name: table for table in tables}
    if name not in by_name:
        raise PlanError(f"--table {name!r}: {path} has no such table; there are {', '.join(by_name)}")
    return by_name[name]


def load_pilots(path: Path, out: Path, **overrides: Any) -> list[tuple[PilotsOfPlan, PlannedTable]]:
    """The pilots of a plan file, a table for each learning rate; the rest is as for `load_plan`.

    Their logs lie beside the folder of the others, which is exported.

    Raises:
        PlanError: the plan has none, or cannot be used.
    """
    plan, tables = _read(path, overrides), []
    if not plan.pilots:
        raise PlanError(f"{path}: has no pilots")
    _check_apart(path, plan)
    out = Path(os.path.abspath(out))  # "." has no name
    beside = out.with_name(f"{out.name}-pilots")
    for pilots in plan.pilots:
        for rate in pilots.learning_rates:
            name = f"pilot-{pilots.name}-lr{rate:g}"
            table = TableOfPlan(pilots.task, pilots.recipe, pilots.weight_init_seeds, pilots.data_order_seeds)
            changes = pilots.set | {"learning_rate": rate, "name": name}
            planned = _planned(plan, table, changes, beside, f"{path}, pilots {pilots.name!r}", True)
            tables.append((pilots, replace(planned, cells=_dealt(pilots, beside))))
    return tables


def _dealt(pilots: PilotsOfPlan, logs: Path | None) -> tuple[Cell, ...]:
    """The trials of pilots; ``logs`` as of `parse_seeds`."""
    rows, columns = (parse_seeds(getattr(pilots, f"{axis}s"), axis, logs) for axis in AXES)
    return pilots.deal(rows, columns)


def _check_apart(path: Path, plan: PlanFile) -> None:
    """Pilots choose on seeds that no grid of the plan has.

    Raises:
        PlanError: they share one; or seeds that are none.
    """

    def seeds(one: PilotsOfPlan | TableOfPlan, axis: str, where: str) -> set[int]:
        text = getattr(one, f"{axis}s")
        if text.startswith("random:"):  # 63 bits each, of which those of pilots follow from another key
            return set()
        try:
            return set(parse_seeds(text, axis, None))
        except RunnerError as error:
            raise PlanError(f"{where}: {error}") from None

    for pilots in plan.pilots:
        where = f"{path}, pilots {pilots.name!r}"
        for axis in AXES:
            theirs = seeds(pilots, axis, where)
            for at, table in enumerate(plan.tables, 1):
                if both := theirs & seeds(table, axis, f"{path}, table {at}"):
                    raise PlanError(
                        f"{where}: {axis} {min(both)} is in the grid of table {at}, too; pilots choose on seeds "
                        f"outside the grids, found {getattr(pilots, f'{axis}s')}: give them others"
                    )


def _read(path: Path, overrides: Mapping[str, Any]) -> PlanFile:
    plan = read_toml(path, PlanFile, error=PlanError, advice="runners/plans/dodge2020.toml is an example")
    given = {key: value for key, value in overrides.items() if value is not None}
    if "model" in given:
        given.setdefault("model_name", None)  # the file's named its own model
    names = [pilots.name for pilots in plan.pilots]
    if twice := {name for name in names if names.count(name) > 1}:
        raise PlanError(f"{path}: pilots {min(twice)!r} are there twice")
    for pilots in plan.pilots:
        rates = [f"{rate:g}" for rate in pilots.learning_rates]
        if twice := {rate for rate in rates if rates.count(rate) > 1}:
            raise PlanError(
                f"{path}, pilots {pilots.name!r}: 'learning_rates' has {min(twice)} twice, to the six digits that name "
                "its trials; give each rate once"
            )
    return replace(plan, **given)


def _with_rate(path: Path, plan: PlanFile, table: TableOfPlan, where: str) -> dict[str, bool | int | float | str]:
    """A table's changed recipe fields, the learning rate that its pilots gave among them."""
    if (table.pilots is None) != (table.takes is None):
        raise PlanError(f"{where}: 'pilots' and 'takes' say together where the learning rate is from; give both")
    if table.pilots is None or table.takes is None:
        return table.set
    pilots = {pilots.name: pilots for pilots in plan.pilots}.get(table.pilots)
    if pilots is None or (pilots.task, pilots.recipe) != (table.task, table.recipe):
        raise PlanError(f"{where}: no pilots {table.pilots!r} of {table.task} {table.recipe}")
    try:
        cells = _dealt(pilots, None)
    except RunnerError as error:
        raise PlanError(f"{path}, {error}") from None
    rate, own = chosen_rate(path, pilots, table.takes, cells), table.set.get("learning_rate")
    if rate is None and own is None:
        raise PlanError(f"{where}: its learning rate is that of pilots {table.pilots!r}: run them first (--pilots)")
    if own is not None and (isinstance(own, bool) or not isinstance(own, int | float)):
        raise PlanError(f"{where}: learning_rate must be a number, found {own!r}; write it without quotes, as 1e-4")
    if None not in (rate, own) and rate != own:
        raise PlanError(f"{where}: learning_rate is {own:g}, and its pilots say {rate:g} ({results_file(path)})")
    changes = dict(table.set)
    if rate is not None:
        changes["learning_rate"] = rate
    if isinstance(name := changes.get("name"), str):
        changes["name"] = name.replace("{learning_rate}", f"{changes['learning_rate']:g}")
    return changes


def _planned(
    plan: PlanFile,
    table: TableOfPlan,
    changes: Mapping[str, bool | int | float | str],
    out: Path,
    where: str,
    draw: bool,
) -> PlannedTable:
    try:
        spec = table_spec(
            model=plan.model,
            model_name=plan.model_name,
            glue=plan.glue,
            task=table.task,
            recipe=table.recipe,
            changes=[f"{name}={value}" for name, value in changes.items()],
            engine=plan.engine,
            out=out,
            stack=plan.stack,
            compiled=plan.compiled,
            dataset=dataset_of(table.dataset, table.text, table.label, table.validation, table.test),
        )
        cells = grid(table.weight_init_seeds, table.data_order_seeds, out if draw else None)
    except RunnerError as error:
        raise PlanError(f"{where}: {error}") from None
    return PlannedTable(spec, cells, table.trials_per_hour)
