"""Fills a seed grid with trials: ``python -m runners.sweep --help``.

Every finished trial is one log file, so a sweep that was interrupted, by whatever, goes on where it stopped when the
same command is given again.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import fields
from itertools import groupby, islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from runners.block import ENGINES, BlockRunner, TableSpec
from runners.errors import RunnerError
from runners.export import trial_row
from runners.glue import TEXT_COLUMNS
from runners.recipe import RECIPES, Recipe, get_recipe
from runners.trial_log import Cell, log_path, read_log


class SweepError(RunnerError):
    """A sweep that cannot start or go on."""


def parse_seeds(text: str) -> list[int]:
    """``"0:5"`` (0 … 4), ``"3"``, or a comma list of these.

    Raises:
        SweepError: not of this form, empty, negative or doubled.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        try:
            seeds.extend(range(int(first), int(last)) if colon else [int(first)])
        except ValueError:
            raise SweepError(f"seeds {text!r}: expected numbers and ranges such as 0:5 or 1,2, got {part!r}") from None
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise SweepError(f"seeds {text!r}: expected one or more different numbers, none negative")
    return seeds


def parse_changes(changes: Iterable[str]) -> dict[str, Any]:
    """``["learning_rate=1e-4", "epochs=3"]`` as recipe fields of their types.

    Raises:
        SweepError: no such field, or a value of another type.
    """
    types = {field.name: str(field.type) for field in fields(Recipe)}
    parsed: dict[str, Any] = {}
    for change in changes:
        name, _, text = change.partition("=")
        if name not in types:
            raise SweepError(f"--set {change!r}: a recipe has no field {name!r}; there are {', '.join(sorted(types))}")
        try:
            if types[name] == "bool":
                parsed[name] = {"true": True, "false": False}[text.lower()]
            elif text.lower() == "none" and "None" in types[name]:
                parsed[name] = None
            else:
                parsed[name] = {"int": int, "int | None": int, "float": float, "str": str}[types[name]](text)
        except (KeyError, ValueError):
            raise SweepError(f"--set {change!r}: {name} must be {types[name]}, got {text!r}") from None
    return parsed


def pending_cells(spec: TableSpec, cells: Sequence[Cell]) -> list[Cell]:
    """The cells that have no log yet.

    Raises:
        TrialLogError: a log is damaged.
        SweepError: a log of this table was made with other recipe fields.
    """
    pending = []
    for cell in cells:
        path = spec.log_path(cell)
        if not path.exists():
            pending.append(cell)
        elif read_log(path).record.recipe_fields != spec.recipe.fields():
            raise SweepError(
                f"{path}: recipe {spec.recipe.name!r} has other fields here than in this sweep; give the changed "
                "recipe a name of its own (--set name=…) or another --out"
            )
    return pending


def make_blocks(cells: Sequence[Cell], size: int) -> list[list[Cell]]:
    """Splits cells into blocks of at most ``size`` cells of one grid column."""
    blocks = []
    for _, column in groupby(sorted(cells, key=lambda c: c.data_order_seed), key=lambda c: c.data_order_seed):
        remaining = iter(sorted(column, key=lambda c: c.weight_init_seed))
        while block := list(islice(remaining, size)):
            blocks.append(block)
    return blocks


# ---- worker processes ----------------------------------------------------------------------------------------------

_runner: BlockRunner
_report: Callable[[float], None]


def _start_worker(spec: TableSpec, threads: int, devices: Any, shares: Any) -> None:
    """Loads model and data once in a new worker process and claims one of the devices."""
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
    _runner = BlockRunner(spec, device)


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _run_block(block: list[Cell]) -> list[Cell]:
    _report(0.0)
    done = list(_runner.run(block, _report))
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
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in multiprocessing.active_children():
                process.terminate()


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
    pending = pending_cells(spec, cells)
    title = f"{spec.model_name} {spec.task} {spec.recipe.name}"
    if len(pending) < len(cells):
        console.print(f"{title}: {len(cells) - len(pending)} of {len(cells)} trials are there already")
    if not pending:
        return 0
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


def table_spec(
    model: str,
    model_name: str | None,
    glue: str,
    task: str,
    recipe: str,
    changes: Iterable[str],
    engine: str,
    out: Path,
    stack: int | None,
    compiled: bool | None,
) -> TableSpec:
    """The spec that a command line describes.

    Raises:
        RunnerError: an argument outside its range.
    """
    if task not in TEXT_COLUMNS:
        raise SweepError(f"--task {task!r}: no such task; there are {', '.join(TEXT_COLUMNS)}")
    if engine not in ENGINES:
        raise SweepError(f"--engine {engine!r}: expected {' or '.join(ENGINES)}")
    if stack is not None and stack < 2:
        raise SweepError(f"--stack {stack}: the stacked engine trains at least 2 trials together")
    if model_name is None and Path(model).exists():
        raise SweepError(f"--model {model}: a folder has no public name; give one with --model-name")
    changed = get_recipe(recipe, **parse_changes(changes))
    return TableSpec(model, model_name or model, glue, task, changed, engine, out, stack, compiled)


def main(
    model: Annotated[str, typer.Option(help="A transformers folder or Hub name.")],
    task: Annotated[str, typer.Option(help=f"One of {', '.join(TEXT_COLUMNS)}.")],
    recipe: Annotated[str, typer.Option(help=f"One of {', '.join(RECIPES)}.")],
    weight_init_seeds: Annotated[str, typer.Option(help="Rows of the grid: 0:5 is 0 … 4; commas join.")],
    data_order_seeds: Annotated[str, typer.Option(help="Columns of the grid.")],
    out: Annotated[Path, typer.Option(help="Folder of the trial logs.")],
    glue: Annotated[str, typer.Option(help="A folder laid out like nyu-mll/glue, or a Hub dataset.")] = "nyu-mll/glue",
    model_name: Annotated[str | None, typer.Option(help="Public name of the model in a local folder.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A changed recipe field, as name=value.")] = None,
    engine: Annotated[str, typer.Option(help="reference (one trial at a time) or stacked (a column).")] = "stacked",
    stack: Annotated[int | None, typer.Option(help="Trials the stacked engine trains together.")] = None,
    compiled: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Compile the stacked engine; default: on CUDA.")
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="cpu, cuda:0, …; repeat for more processes.")] = None,
    workers: Annotated[int, typer.Option(help="Processes per device.")] = 1,
    threads: Annotated[int, typer.Option(help="CPU threads of each process; 0: torch's default.")] = 0,
) -> None:
    """Fill a seed grid with trials; run the same command again to go on."""
    import torch

    console = Console(stderr=True)
    try:
        spec = table_spec(model, model_name, glue, task, recipe, set_ or (), engine, out, stack, compiled)
        cells = [Cell(w, d) for d in parse_seeds(data_order_seeds) for w in parse_seeds(weight_init_seeds)]
        devices = (device or ["cuda" if torch.cuda.is_available() else "cpu"]) * workers
        ran = sweep(spec, cells, devices, threads, console)
    except (RunnerError, OSError) as error:
        console.print(f"error: {error}", style="red", soft_wrap=True, highlight=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        console.print("interrupted; finished trials are kept, run the same command again to go on")
        raise typer.Exit(130) from None
    folder = log_path(out, spec.model_name, spec.task, spec.recipe, cells[0]).parent
    console.print(f"{ran} trials run; the logs of all {len(cells)} are in {folder}", soft_wrap=True)


if __name__ == "__main__":
    typer.run(main)
