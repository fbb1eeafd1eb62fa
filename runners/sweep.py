"""Fills a seed grid with trials: ``python -m runners.sweep --help``.

Every finished trial is one log file, so a sweep that was interrupted, by whatever, goes on where it stopped when the
same command is given again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from runners.data.dataset import dataset_of
from runners.export import trial_row
from runners.options import (
    CHANGES,
    COMPILED,
    DATA_ORDER_SEEDS,
    DEVICES,
    GLUE,
    MODEL,
    MODEL_NAME,
    RECIPE,
    RESUMABLE,
    STACK,
    THREADS,
    WORKERS,
    check_device,
    reporting,
)
from runners.pilot_runs import OfPilots, not_run, record
from runners.pilots import results_file
from runners.plan_file import PlannedTable, load_pilots, load_plan, table_named
from runners.progress import Display
from runners.table import (
    TableSpec,
    grid,
    make_blocks,
    pending_cells,
    table_spec,
    without_known,
)
from runners.trial_log import Cell, check_writable, read_log
from runners.workers import Block, Pace, SweepError, run_blocks
from seedbench.commands import open_console, positive, run
from seedbench.tasks import TASKS
from seedbench.text import counted


def sweep(spec: TableSpec, cells: Sequence[Cell], devices: Sequence[str], threads: int, console: Console) -> int:
    """Runs every cell of one table that has no log yet; see `fill`."""
    return fill([PlannedTable(spec, tuple(cells))], devices, threads, console)


def fill(
    tables: Sequence[PlannedTable],
    devices: Sequence[str],
    threads: int,
    console: Console,
    until: float | None = None,
) -> int:
    """Runs every cell that has no log yet, with progress on ``console``; returns how many trials it ran.

    Tables are interleaved by columns: first the first column of each, in their order, then the second of each. So every
    table is as far as the others whenever the sweep ends.

    Args:
        tables: what to run.
        devices, threads: as of `run_blocks`.
        console: where progress is shown, and on what is no terminal a line for every trial.
        until: of `time.monotonic`: what would not end before is not started; None: there is no limit.
    """
    blocks, total = blocks_of(tables, console)
    if not blocks:
        return 0
    expected = {table.spec: 3600 / table.trials_per_hour for table in tables if table.trials_per_hour}
    (spec, *others) = [table.spec for table in tables]
    title = counted(len(tables), "table") if others else f"{spec.model_name} {spec.task} {spec.recipe.name}"
    display = Display(title, total, None if until is None else until - time.monotonic())
    with Live(display, console=console, refresh_per_second=2, transient=not console.is_terminal):
        for block in run_blocks(blocks, devices, threads, display.tick, Pace(until, expected)):
            for cell in block.cells:
                row = trial_row(read_log(block.spec.log_path(cell)))
                display.add(row)
                if not console.is_terminal:
                    console.print(
                        f"{display.done}/{display.total} {row['task']}/{row['recipe']} "
                        f"weight_init_seed={cell.weight_init_seed} data_order_seed={cell.data_order_seed} "
                        f"best={max(row['score']):.4f} {row['status']}",
                        soft_wrap=True,
                    )
    return display.done


def blocks_of(tables: Sequence[PlannedTable], console: Console) -> tuple[list[Block], int]:
    """What has no log yet, as blocks in the order in which they are run, and how many trials that is.

    Raises:
        RunnerError: the folder of logs has trials of other recipes, or cannot be written.
    """
    blocks: list[tuple[int, int, Block]] = []
    for number, table in enumerate(tables):
        spec, cells = table.spec, table.cells
        pending = pending_cells(spec, cells)
        if len(pending) < len(cells):
            title = f"{spec.model_name} {spec.task} {spec.recipe.name}"
            console.print(f"{title}: {len(cells) - len(pending)} of {len(cells)} trials are there already")
        if pending:
            check_writable(spec.log_path(pending[0]).parent)
        columns = sorted({cell.data_order_seed for cell in cells})
        size = 1 if spec.engine == "reference" else spec.stack or max(1, len(pending))
        blocks += [
            (columns.index(block[0].data_order_seed), number, Block(spec, tuple(block)))
            for block in make_blocks(pending, size)
        ]
    blocks.sort(key=lambda block: block[:2])
    return [block for *_, block in blocks], sum(len(block.cells) for *_, block in blocks)


# ---- the command ---------------------------------------------------------------------------------------------------


def devices_of(given: Sequence[str] | None, workers: int) -> list[str]:
    """A device for every process; without any given, the accelerator if there is one.

    Raises:
        RunnerError: one is no device of this machine.
    """
    for name in given or ():
        check_device(name)
    if given:
        return list(given) * workers
    import torch

    return ["cuda" if torch.cuda.is_available() else "cpu"] * workers


def main(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the trial logs.")],
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A plan file, such as runners/plans/glue-2.toml.")
    ] = None,
    table: Annotated[
        str | None, typer.Option(metavar="TASK/RECIPE", help="The plan's table to fill, as TASK/RECIPE; default: all.")
    ] = None,
    pilots: Annotated[
        bool, typer.Option("--pilots", help="Run the plan's pilots, which choose learning rates.")
    ] = False,
    until: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", parser=positive, help="Seconds from now: what would not end before is not started."
        ),
    ] = None,
    model: Annotated[str | None, MODEL] = None,
    task: Annotated[
        str | None, typer.Option(metavar="T", help=f"One of {', '.join(TASKS)}, or a name for --dataset.")
    ] = None,
    recipe: Annotated[str | None, RECIPE] = None,
    weight_init_seeds: Annotated[
        str | None, typer.Option(metavar="SEEDS", help="Rows of the grid: 0:5 is 0 … 4; commas join; random:5.")
    ] = None,
    data_order_seeds: Annotated[str | None, DATA_ORDER_SEEDS] = None,
    glue: Annotated[str | None, GLUE] = None,
    model_name: Annotated[str | None, MODEL_NAME] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|FILE|HUB_ID",
            help="Not GLUE: a Hub name[:configuration], a folder, or a csv, json or parquet file.",
        ),
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Its column of texts; twice for pairs.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Its column of labels, numbers or names; default: label.")
    ] = None,
    validation: Annotated[
        str | None, typer.Option(metavar="SPLIT|FILE", help="The split, or file, of its dev set.")
    ] = None,
    test: Annotated[
        str | None, typer.Option(metavar="SPLIT|FILE", help="That of its test set; default: held out of training.")
    ] = None,
    set_: Annotated[list[str] | None, CHANGES] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="reference (one trial at a time) or stacked (a column).")
    ] = None,
    stack: Annotated[int | None, STACK] = None,
    compiled: Annotated[bool | None, COMPILED] = None,
    device: Annotated[list[str] | None, DEVICES] = None,
    workers: Annotated[int, WORKERS] = 1,
    threads: Annotated[int, THREADS] = 0,
    known: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A trial set whose cells are not run again.")
    ] = None,
) -> None:
    """Fill a seed grid with trials; run the same command again to go on.

    The grid is described by --model, --task, --recipe and the two kinds of seeds, or a plan file has one or several.
    """
    began, console = time.monotonic(), open_console(stderr=True)
    with reporting(RESUMABLE):
        described = {
            "--task": task,
            "--recipe": recipe,
            "--weight-init-seeds": weight_init_seeds,
            "--data-order-seeds": data_order_seeds,
        }
        shared: dict[str, Any] = {
            "model": model,
            "model_name": model_name,
            "glue": glue,
            "engine": engine,
            "stack": stack,
            "compiled": compiled,
        }
        of_pilots: list[OfPilots] = []
        if plan is not None:
            of_tables = {"--set": set_, "--dataset": dataset, "--text": text, "--label": label}
            of_tables |= {"--validation": validation, "--test": test}
            if given := [name for name, value in {**described, **of_tables}.items() if value]:
                raise SweepError(f"--plan {plan}: a file which says what {given[0]} would")
            if pilots and (table or known):
                raise SweepError("--pilots: all of them, for all tables; leave --table and --known out")
            if pilots:
                of_pilots = load_pilots(plan, out, **shared)
                tables = [of_rate for _, of_rate in not_run(plan, of_pilots)]
                if not tables:
                    console.print(f"all pilots of {plan} have been run: {results_file(plan)}", soft_wrap=True)
                    return
            else:
                tables = load_plan(plan, out, **shared)
                tables = [table_named(table, tables, plan)] if table else tables
        else:
            if pilots or table:
                raise SweepError(f"{'--pilots' if pilots else '--table'}: is of a plan; give its file with --plan")
            lacking = [name for name, value in {"--model": model, **described}.items() if value is None]
            if lacking:
                raise SweepError(f"{lacking[0]}: not given; describe the grid, or name a --plan")
            if dataset is not None and glue is not None:
                raise SweepError(f"--glue {glue}: is of GLUE's tasks, and --dataset says where others are; give one")
            assert model and task and recipe and weight_init_seeds is not None and data_order_seeds is not None
            spec = table_spec(
                model=model,
                model_name=model_name,
                glue=glue or "nyu-mll/glue",
                task=task,
                recipe=recipe,
                changes=set_ or (),
                engine=engine or "stacked",
                out=out,
                stack=stack,
                compiled=compiled,
                dataset=dataset_of(dataset, text or (), label, validation, test),
            )
            tables = [PlannedTable(spec, grid(weight_init_seeds, data_order_seeds, out))]
        if known is not None:
            tables = [_without_known(table, known, console) for table in tables]
        limit = None if until is None else began + until
        ran = fill(tables, devices_of(device, workers), threads, console, limit)
        left = sum(len(pending_cells(table.spec, table.cells)) for table in tables)
        total = sum(len(table.cells) for table in tables)
        folder = tables[0].spec.out if len(tables) > 1 else tables[0].folder
        if left:
            said = f"{left} of {total} are left: run the same command again to go on"
            console.print(f"{counted(ran, 'trial')} run; {said}")
            return
        console.print(f"{counted(ran, 'trial')} run; the logs of all {total} are in {folder}", soft_wrap=True)
        if plan is not None and of_pilots:
            for line in record(plan, of_pilots):
                console.print(line, soft_wrap=True)


def _without_known(table: PlannedTable, known: Path, console: Console) -> PlannedTable:
    cells = without_known(table.spec, table.cells, known)
    console.print(f"{len(table.cells) - len(cells)} of {len(table.cells)} trials are in {known}", soft_wrap=True)
    return replace(table, cells=tuple(cells))


if __name__ == "__main__":
    run(main, "python -m runners.sweep")
