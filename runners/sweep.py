"""Fills a seed grid with trials: ``python -m runners.sweep --help``.

Every finished trial is one log file, so a sweep that was interrupted, by whatever, goes on where it stopped when the
same command is given again.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from runners.data.reading import dataset_of
from runners.data.recipe import RECIPES
from runners.errors import RunnerError
from runners.export import trial_row
from runners.plan import load_planned_table
from runners.table import TableSpec, check_recipe_name, grid, make_blocks, pending_cells, table_spec, without_known
from runners.trial_log import Cell, check_writable, read_log
from seedbench.commands import run
from seedbench.errors import SeedbenchError
from seedbench.tasks import TASKS

if TYPE_CHECKING:
    from runners.block import BlockRunner


class SweepError(RunnerError):
    """A sweep that cannot start or go on."""


# ---- worker processes ----------------------------------------------------------------------------------------------

_runner: Callable[[], BlockRunner]
_report: Callable[[float], None]


def _start_worker(spec: TableSpec, threads: int, devices: Any, shares: Any) -> None:
    """Claims one of the devices for a new worker process; what cannot be loaded is told with its first block."""
    import torch

    global _runner, _report
    parent = multiprocessing.parent_process()
    assert parent is not None
    # A worker whose parent was killed would finish its block and then wait for ever.
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    number, device = devices.get()
    if threads:
        torch.set_num_threads(threads)

    def report(share: float) -> None:
        shares[number] = share

    _report = report
    _runner = cache(partial(_load, spec, device))


def _load(spec: TableSpec, device: str) -> BlockRunner:
    from runners.block import BlockRunner  # takes seconds to import, and the process above trains nothing

    runner = BlockRunner(spec, device)
    runner.check_folder()
    return runner


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _run_block(block: list[Cell]) -> list[Cell]:
    _report(0.0)
    done = list(_runner().run(block, _report))
    _report(0.0)
    return done


def run_blocks(
    spec: TableSpec,
    blocks: Sequence[list[Cell]],
    devices: Sequence[str],
    threads: int = 0,
    tick: Callable[[float], None] = lambda in_flight: None,
) -> Iterator[list[Cell]]:
    """Runs blocks on worker processes, one for every entry of ``devices``.

    Args:
        spec: the table.
        blocks: cells of one column each.
        devices: "cpu", "cuda:0", …; the same device twice gives two processes on it.
        threads: CPU threads of each process; 0 leaves torch's default.
        tick: called twice a second with the sum of the shares done of all blocks in flight.

    Yields:
        The cells of each finished block, whose logs are on disk.

    Raises:
        SweepError: a worker died; what was finished is kept.
        RunnerError: a worker could not load or train.
    """
    context = multiprocessing.get_context("spawn")
    queue, shares = context.SimpleQueue(), context.Array("d", len(devices))
    for pair in enumerate(devices):
        queue.put(pair)
    workers = min(len(devices), len(blocks))
    with ProcessPoolExecutor(workers, context, _start_worker, (spec, threads, queue, shares)) as pool:
        running = {pool.submit(_run_block, block) for block in blocks}
        try:
            while running:
                done, running = wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                tick(sum(shares[:]))
                for future in done:
                    yield future.result()
        except BrokenProcessPool:
            raise SweepError(
                "a worker process died (killed, or out of memory); finished trials are kept, run the command again"
            ) from None
        except BaseException:  # an error, Ctrl-C, or a caller that has seen enough: the blocks in flight are given up
            for process in multiprocessing.active_children():
                process.terminate()
            raise


# ---- what a person sees --------------------------------------------------------------------------------------------


class Display:
    """A bar with trials per hour and the time left above a table of the trials that finished last."""

    def __init__(self, title: str, total: int, block_size: int):
        self.title, self.total, self.block_size = title, total, block_size
        self.done, self.in_flight, self.start = 0, 0.0, time.monotonic()
        self.rows: list[tuple[str, ...]] = []

    def tick(self, in_flight: float) -> None:
        """Takes the number of blocks' worth of work that is in flight and done."""
        self.in_flight = in_flight * self.block_size

    def add(self, row: dict[str, Any]) -> None:
        """Takes a finished trial, as a row of the trial set."""
        best = max(row["score"])
        seconds = row["train_seconds"] + row["evaluation_seconds"]
        seeds = f"{row['weight_init_seed']}", f"{row['data_order_seed']}"
        self.rows.append((*seeds, f"{best:.4f}", f"{row['score'][-1]:.4f}", row["status"], f"{seconds:.1f}"))
        self.done += 1

    def __rich__(self) -> Group:
        elapsed = time.monotonic() - self.start
        worked = self.done + self.in_flight
        line = f"{self.title}  {self.done}/{self.total} trials"
        if worked:
            left = elapsed / worked * (self.total - worked)
            line += f"  {3600 * worked / elapsed:,.0f} trials/h  {_clock(left)} left"
        table = Table("weight init", "data order", "best", "last", "status", "seconds", box=None, padding=(0, 2))
        for row in self.rows[-8:]:
            table.add_row(*row)
        return Group(line, ProgressBar(total=self.total, completed=worked, width=60), table if self.rows else "")


def _clock(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def sweep(spec: TableSpec, cells: Sequence[Cell], devices: Sequence[str], threads: int, console: Console) -> int:
    """Runs every cell that has no log yet, with progress on ``console``; returns how many trials it ran."""
    check_recipe_name(spec)
    pending = pending_cells(spec, cells)
    title = f"{spec.model_name} {spec.task} {spec.recipe.name}"
    if len(pending) < len(cells):
        console.print(f"{title}: {len(cells) - len(pending)} of {len(cells)} trials are there already")
    if not pending:
        return 0
    check_writable(spec.log_path(pending[0]).parent)
    size = 1 if spec.engine == "reference" else spec.stack or len(pending)
    blocks = make_blocks(pending, size)
    display = Display(title, len(pending), max(map(len, blocks)))
    with Live(display, console=console, refresh_per_second=2, transient=not console.is_terminal):
        for block in run_blocks(spec, blocks, devices, threads, display.tick):
            for cell in block:
                row = trial_row(read_log(spec.log_path(cell)))
                display.add(row)
                if not console.is_terminal:
                    console.print(
                        f"{display.done}/{display.total} weight_init_seed={cell.weight_init_seed} "
                        f"data_order_seed={cell.data_order_seed} best={max(row['score']):.4f} {row['status']}"
                    )
    return len(pending)


# ---- the command ---------------------------------------------------------------------------------------------------


@contextmanager
def resumable(console: Console) -> Iterator[None]:
    """Ends a command that fills a folder of logs: what a user can cause is one line, and an interruption says so."""
    try:
        yield
    except (RunnerError, SeedbenchError, OSError) as error:
        console.print(f"error: {error}", style="red", soft_wrap=True, highlight=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        console.print("interrupted; finished trials are kept, run the same command again to go on")
        raise typer.Exit(130) from None


def devices_of(given: Sequence[str] | None, workers: int) -> list[str]:
    """A device for every process; without any given, the accelerator if there is one."""
    if given:
        return list(given) * workers
    import torch

    return ["cuda" if torch.cuda.is_available() else "cpu"] * workers


def main(
    out: Annotated[Path, typer.Option(help="Folder of the trial logs.")],
    plan: Annotated[Path | None, typer.Option(help="A plan file, such as runners/plans/glue-2.toml.")] = None,
    table: Annotated[str | None, typer.Option(help="The plan's table to fill, as TASK/RECIPE.")] = None,
    model: Annotated[str | None, typer.Option(help="A transformers folder or Hub name.")] = None,
    task: Annotated[str | None, typer.Option(help=f"One of {', '.join(TASKS)}, or a name for --dataset.")] = None,
    recipe: Annotated[str | None, typer.Option(help=f"One of {', '.join(RECIPES)}.")] = None,
    weight_init_seeds: Annotated[
        str | None, typer.Option(help="Rows of the grid: 0:5 is 0 … 4; commas join; random:5.")
    ] = None,
    data_order_seeds: Annotated[str | None, typer.Option(help="Columns of the grid.")] = None,
    glue: Annotated[str | None, typer.Option(help="A folder laid out like nyu-mll/glue, or a Hub dataset.")] = None,
    model_name: Annotated[str | None, typer.Option(help="Public name of the model in a local folder.")] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Not GLUE: a Hub name[:configuration], a folder, or a csv, json or parquet file.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="Its column of texts; twice for pairs.")] = None,
    label: Annotated[str | None, typer.Option(help="Its column of labels, numbers or names; default: label.")] = None,
    validation: Annotated[str | None, typer.Option(help="The split, or file, of its dev set.")] = None,
    test: Annotated[str | None, typer.Option(help="That of its test set; default: held out of training.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A changed recipe field, as name=value.")] = None,
    engine: Annotated[str | None, typer.Option(help="reference (one trial at a time) or stacked (a column).")] = None,
    stack: Annotated[int | None, typer.Option(help="Trials the stacked engine trains together.")] = None,
    compiled: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Compile the stacked engine; on CPUs only.")
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="cpu, cuda:0, …; repeat for more processes.")] = None,
    workers: Annotated[int, typer.Option(help="Processes per device.")] = 1,
    threads: Annotated[int, typer.Option(help="CPU threads of each process; 0: torch's default.")] = 0,
    known: Annotated[Path | None, typer.Option(help="A trial set whose cells are not run again.")] = None,
) -> None:
    """Fill a seed grid with trials; run the same command again to go on.

    The grid is described by --model, --task, --recipe and the two kinds of seeds, or it is a table of a plan file.
    """
    console = Console(stderr=True)
    with resumable(console):
        described = {
            "--task": task,
            "--recipe": recipe,
            "--weight-init-seeds": weight_init_seeds,
            "--data-order-seeds": data_order_seeds,
        }
        cells: Sequence[Cell]
        if plan is not None:
            given = [name for name, value in {**described, "--set": set_}.items() if value]
            if given or table is None:
                reason = f"which says what {given[0]} would" if given else "of which --table names one table"
                raise SweepError(f"--plan {plan}: a file {reason}")
            shared = {"model": model, "model_name": model_name, "glue": glue, "engine": engine}
            planned = load_planned_table(plan, table, out, **shared, stack=stack, compiled=compiled)
            spec, cells = planned.spec, planned.cells
        else:
            lacking = [name for name, value in {"--model": model, **described}.items() if value is None]
            if lacking:
                raise SweepError(f"{lacking[0]}: not given; describe the grid, or name a --plan and its --table")
            assert model and task and recipe and weight_init_seeds is not None and data_order_seeds is not None
            glue, engine = glue or "nyu-mll/glue", engine or "stacked"
            spec = table_spec(
                model=model,
                model_name=model_name,
                glue=glue,
                task=task,
                recipe=recipe,
                changes=set_ or (),
                engine=engine,
                out=out,
                stack=stack,
                compiled=compiled,
                dataset=dataset_of(dataset, text or (), label, validation, test),
            )
            cells = grid(weight_init_seeds, data_order_seeds, out)
        if known is not None:
            wanted, cells = len(cells), without_known(spec, cells, known)
            console.print(f"{wanted - len(cells)} of {wanted} trials are in {known}", soft_wrap=True)
        ran = sweep(spec, cells, devices_of(device, workers), threads, console)
    folder = spec.log_path(Cell(0, 0)).parent
    console.print(f"{ran} trials run; the logs of all {len(cells)} are in {folder}", soft_wrap=True)


if __name__ == "__main__":
    run(main, "python -m runners.sweep")
