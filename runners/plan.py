"""What a plan will take: ``python -m runners.plan runners/plans/dodge2020.toml --trials-per-hour mrpc=600 …``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.table import Table

from runners.data.glue import train_size
from runners.data.recipe import validation_steps
from runners.options import GLUE, MODEL_NAME, reporting
from runners.plan_file import PlanError, PlannedTable, load_plan
from runners.table import TableSpec
from runners.trial_log import Cell, read_record
from seedbench.commands import open_console, positive, run


def parse_rates(texts: Iterable[str], tables: Sequence[PlannedTable]) -> dict[str, float]:
    """``["mrpc=600", "rte=800"]`` as trials per hour of each task; a bare number will do where there is one table.

    Raises:
        PlanError: not of this form, not positive, of a task that is not among the tables, or of one twice.
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
        if task in rates:
            raise PlanError(f"--trials-per-hour {text!r}: {task} is given twice")
        rates[task] = rate
    return rates


def measured_trials_per_hour(spec: TableSpec) -> float | None:
    """What the table's logs say one job does in an hour: by the median trial, so that a slow start weighs little."""
    paths = spec.log_path(Cell(0, 0)).parent.glob("wi*-do*.npz")
    seconds = [_seconds(path, path.stat().st_mtime_ns) for path in paths]
    return 3600 / median(seconds) if seconds else None


@cache  # whoever waits for a cluster asks again at every look, of thousands of logs
def _seconds(path: Path, _written: int) -> float:
    """What the trial of a log took; by the file's time as well, since one may be replaced."""
    record = read_record(path)
    return record.train_seconds + record.evaluation_seconds


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
        DataError: the training data cannot be found.
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


def columns_by(tables: Sequence[PlannedTable], seconds: float) -> list[tuple[int, int]]:
    """How many whole columns of each table one process has trained after so long, in turn, and of how many.

    Nothing of them is there before. Start-up is not counted.

    Raises:
        PlanError: what a table takes is not known.
    """
    columns = [
        [list(column) for _, column in groupby(table.cells, key=lambda cell: cell.data_order_seed)] for table in tables
    ]
    done, left = [0] * len(tables), seconds
    for position in range(max(map(len, columns))):
        for number, table in enumerate(tables):
            if table.trials_per_hour is None:
                raise PlanError(f"--until: nobody knows how long {table.name} takes; give --trials-per-hour")
            if position < len(columns[number]):
                takes = 3600 * len(columns[number][position]) / table.trials_per_hour
                if takes <= left:  # as in a sweep: a longer one is left for a shorter one that fits
                    left, done[number] = left - takes, done[number] + 1
    return list(zip(done, map(len, columns), strict=True))


def card_estimate(tables: Sequence[PlannedTable], name: str) -> Table:
    """What the tables take on a card, computed, to be printed.

    Raises:
        RunnerError: nothing is known of the card, a model's size or a task's lengths.
    """
    from runners.on_paper import CARDS, GIB, SHARE, on_paper  # imports torch

    if name not in CARDS:
        raise PlanError(f"--card {name!r}: known are {', '.join(CARDS)}")
    card = CARDS[name]
    shown = Table(
        "task", "recipe", "trials", "GiB a trial, at most", "together", "floor, h", f"at {SHARE:.0%} of it, h"
    )
    shown.title = f"computed for one {card.name} ({card.memory / 1e9:.0f} GB), not measured"
    hours = 0.0
    for table in tables:
        found = on_paper(table, card)
        its = len(table.cells) * found.seconds / 3600
        shown.add_row(
            table.spec.task,
            table.spec.recipe.name,
            f"{len(table.cells):,}",
            f"{found.memory / GIB:.1f}",
            f"{found.together}",
            f"{its:,.2f}",
            f"{its / SHARE:,.2f}",
        )
        hours += its
    shown.add_section()
    shown.add_row(
        "all", "", f"{sum(len(table.cells) for table in tables):,}", "", "", f"{hours:,.2f}", f"{hours / SHARE:,.2f}"
    )
    shown.box = None
    for column in shown.columns[2:]:
        column.justify = "right"
    return shown


def main(
    plan: Annotated[Path, typer.Argument(metavar="FILE", help="A plan file, such as runners/plans/dodge2020.toml.")],
    trials_per_hour: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK=NUMBER", help="What one job does in an hour, as TASK=NUMBER; repeat."),
    ] = None,
    logs: Annotated[Path, typer.Option(metavar="DIR", help="Trial logs that say it, where it is not given.")] = Path(
        "logs"
    ),
    model: Annotated[str | None, typer.Option(metavar="DIR|HUB_ID", help="Another model than the plan's.")] = None,
    model_name: Annotated[str | None, MODEL_NAME] = None,
    glue: Annotated[str | None, GLUE] = None,
    until: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", parser=positive, help="Say what a sweep of so many seconds will reach."),
    ] = None,
    card: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="h100 or h200: compute memory, trials together and hours there; no data needed."
        ),
    ] = None,
) -> None:
    """What a plan will take: its trials, steps and device hours, by rates that are given or measured."""
    console = open_console()
    with reporting():
        by_rates = {"--until": until is not None, "--trials-per-hour": trials_per_hour}
        if card is not None and (given := [name for name, there in by_rates.items() if there]):
            raise PlanError(f"{given[0]}: goes by measured rates, and --card computes the hours; give one of them")
        tables = load_plan(plan, logs, draw=False, model=model, model_name=model_name, glue=glue)
        tables = with_rates(tables, parse_rates(trials_per_hour or (), tables))
        if card is not None:
            console.print(card_estimate(tables, card))
            return
        console.print(estimate(tables))
        if until is not None:
            reached = zip(tables, columns_by(tables, until), strict=True)
            parts = [f"{done} of {of} columns of {table.name}" for table, (done, of) in reached]
            console.print(f"in {until:g} s of one device, start-up not counted: {', '.join(parts)}", soft_wrap=True)


if __name__ == "__main__":
    run(main, "python -m runners.plan")
