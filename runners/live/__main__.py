"""Runs a strategy on trials that are trained while it decides: ``python -m runners.live --help``.

The strategy file is the one that ``seedbench evaluate`` replays. Which trial is started next, what the seeds are
called, what is charged and what is kept are decided by the code that replays; only where a replay looks a checkpoint
up, this one trains to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from runners.block import BlockRunner
from runners.data import seeds
from runners.data.recipe import RECIPES, validation_steps
from runners.errors import RunnerError
from runners.live.book import Book, Display
from runners.live.folder import check_model, write_model, write_report
from runners.live.report import Report, make_report, text
from runners.live.trials import Interruption, LiveTrials, open_folder
from runners.table import TableSpec, table_spec
from runners.trial_log import Cell
from seedbench.campaign import Around, Labels, Measurements, Settlement
from seedbench.commands import run
from seedbench.errors import SeedbenchError, StrategyFailed
from seedbench.files import new_folder, remove_folder
from seedbench.replay import Deadline, RecordedTrials, run_campaign, whole_table
from seedbench.strategy import Strategy, load_strategy, refuse_oracle
from seedbench.tasks import TASKS
from seedbench.trialset import TrialTable, majority_score_of

GRID = (25, 25)  # as in Dodge et al. (2020); a cell that is not started costs nothing


class LiveError(RunnerError):
    """A live campaign that cannot start or go on; the message names the option and the value."""


def fresh_seeds(seed: int, axis: str, size: int) -> np.ndarray:
    """The real seeds of one axis of the grid: int64 [size], ascending, all different, below 2**31."""
    return np.sort(seeds.stream(f"live {axis}", seed).choice(2**31, size, replace=False))


def unrecorded(runner: BlockRunner, grid: tuple[int, int], seed: int) -> TrialTable:
    """The table of a grid of fresh cells: a trial table in which nothing is measured yet."""
    rows, columns = grid
    row, column = (index.ravel().astype(np.int32) for index in np.indices(grid))
    step = np.array(validation_steps(runner.spec.recipe, len(runner.data.train)))
    nothing = np.full((rows * columns, len(step)), np.nan)
    return TrialTable(
        model=runner.spec.model_name,
        task=runner.spec.task,
        recipe=runner.spec.recipe.name,
        weight_init_seeds=fresh_seeds(seed, "weight_init_seed", rows),
        data_order_seeds=fresh_seeds(seed, "data_order_seed", columns),
        row=row,
        column=column,
        trial_id=np.full(rows * columns, "", dtype=object),
        status=np.full(rows * columns, None, dtype=object),
        ended_at=np.full(rows * columns, len(step), dtype=np.int32),
        step=step,
        train_loss=nothing.astype(np.float32),
        validation_loss=nothing.astype(np.float32),
        score=nothing,
        majority_score=majority_score_of(TASKS[runner.spec.task].metric, runner.data.validation.label),
        evaluation_seconds=np.full(rows * columns, np.nan),
        label=runner.data.validation.label.astype(np.int8),
    )


class LiveGrid:
    """A grid of cells of which nothing is recorded: what a checkpoint measures is asked of ``train``.

    Labels and order are those of replicate 0 of a recorded table.

    Args:
        table: as `unrecorded` makes it.
        seed: of the hidden labels and order, which are those of a replay with this seed.
        train: trains the trial of two labels to its next checkpoint and measures it there.

    Attributes:
        majority_score: score of always predicting the most frequent label.
    """

    def __init__(self, table: TrialTable, seed: int, train: Callable[[Labels], Measurements]) -> None:
        self._table, self._train = table, train
        self._trials = RecordedTrials(whole_table(table, seed=seed, protocol="dodge2020"), 0)
        self._source = self._trials.source()
        self.majority_score = self._source.task.majority_score
        self._failure: Exception | None = None

    def cell(self, labels: Labels) -> Cell:
        """The real seeds behind two labels."""
        table, trial = self._table, self._trials.trial(*labels)
        return Cell(int(table.weight_init_seeds[table.row[trial]]), int(table.data_order_seeds[table.column[trial]]))

    def run(self, strategy: Strategy, budget: int) -> Settlement:
        """Runs the one campaign, without a limit of time.

        Raises:
            StrategyFailed: as in a replay.
            Exception: what ``train`` raised, whatever the strategy made of it.
        """
        source = Around(self._source, self._measure)
        try:
            settled = run_campaign(strategy, self._trials, budget, deadline=Deadline(0), source=source)
        except StrategyFailed:
            if self._failure is None:
                raise
        if self._failure is not None:
            raise self._failure
        return settled

    def _measure(self, labels: Labels, recorded: Callable[[], Measurements]) -> Measurements:
        """Trains in place of what looks a record up: nothing is recorded."""
        if self._failure is not None:
            raise self._failure
        try:
            return self._train(labels)
        except Exception as error:
            self._failure = error
            raise


def live(
    spec: TableSpec,
    strategy: Strategy,
    budget: int,
    *,
    console: Console,
    grid: tuple[int, int] = GRID,
    seed: int | None = None,
    device: str = "cpu",
    in_memory: int = 2,
    trials: Path | None = None,
) -> Report:
    """Runs one campaign on trials that are trained on the spot, and writes what it keeps to ``spec.out``.

    Args:
        spec: model, task and recipe; ``out`` is the folder to write, which must not exist.
        strategy: the strategy.
        budget: in full trials.
        console: for progress.
        grid: numbers of weight-init and of data-order seeds to choose from.
        seed: of the real seeds, their labels and order, and ``campaign.rng``; None: that of the campaign whose trials
            are in the folder of trials, else drawn.
        device: where to train.
        in_memory: trials held in memory at a time.
        trials: folder of the paused trials, kept; None: one beside ``out``, removed at the end.

    Raises:
        StrategyFailed: the strategy raised, returned something else than a paid trial or checkpoint, or paid nothing.
        StrategyFileError: the strategy is an oracle.
        RunnerError: an argument outside its range; another campaign's folder; training or writing failed.
        OSError: a folder cannot be written.
        KeyboardInterrupt: also for SIGTERM and SIGHUP; the trials are in their folder.
    """
    if spec.out.exists():
        raise LiveError(f"--out {spec.out}: is there already; remove it or give another")
    if not 1 <= budget <= grid[0] * grid[1]:
        raise LiveError(f"--budget {budget}: must be from 1 to {grid[0] * grid[1]}, the trials of --grid")
    refuse_oracle(strategy, "a live campaign")
    if in_memory < 1:
        raise LiveError(f"--in-memory {in_memory}: must be at least 1, the trial in training")
    folder = trials or spec.out.with_name(spec.out.name + ".trials")
    runner = BlockRunner(spec, device)
    seed = open_folder(folder, runner, grid, seed)
    table = unrecorded(runner, grid, seed)
    book = Book(table.step.tolist(), budget)
    display = Display(f"{strategy.name} on {table.name}", book, console)
    interruption = Interruption()

    def after_step(cell: Cell, step: int) -> None:
        display.step(cell, step)
        interruption.check()

    def train(labels: Labels) -> Measurements:
        cell = cells.cell(labels)
        with interruption.held():
            row = paused.row(cell, book.checkpoints(cell))
        measured = book.pay(cell, labels, row)
        display.checkpoint(cell)
        return measured

    paused = LiveTrials(runner, folder, in_memory, after_step)
    cells = LiveGrid(table, seed, train)
    parameters = sum(parameter.numel() for parameter in runner.model.parameters())
    console.print(
        f"seed {seed}, {grid[0]}x{grid[1]} fresh cells; paused trials, up to {16 * parameters / 1e6:,.0f} MB each, are "
        f"in {folder}",
        soft_wrap=True,
        highlight=False,
    )
    with interruption.installed():
        try:
            with display:
                settled = cells.run(strategy, budget)
        finally:
            with interruption.held():
                paused.pause()
        trial = book.trials[cells.cell((settled.weight_init_seed, settled.data_order_seed))]
        with (
            interruption.held(),
            console.status("writing the kept checkpoint"),
            new_folder(spec.out) as best,
        ):
            kept = paused.kept(trial.cell, settled.checkpoint)
            write_model(runner, kept.weights, best)
            report = make_report(
                runner=runner,
                strategy=strategy,
                table=table,
                seed=seed,
                majority_score=cells.majority_score,
                book=book,
                kept=trial,
                checkpoint=settled.checkpoint,
                steps_trained=paused.steps_trained(),
                check=check_model(runner, kept, best),
            )
            write_report(report, best)
        if trials is None:
            remove_folder(folder)
    return report


# ---- the command ---------------------------------------------------------------------------------------------------


def parse_grid(text: str) -> tuple[int, int]:
    """``"25x25"`` as (weight-init seeds, data-order seeds).

    Raises:
        LiveError: not of this form, or without a cell.
    """
    match = re.fullmatch(r"(\d{1,4})x(\d{1,4})", text)
    if not match or not int(match[1]) * int(match[2]):
        raise LiveError(f"--grid {text!r}: expected weight-init seeds x data-order seeds, such as 25x25")
    return int(match[1]), int(match[2])


def main(
    strategy: Annotated[
        str, typer.Argument(help="A file.py, file.py:name, or a shipped strategy; with parameters as asha(rungs=2).")
    ],
    model: Annotated[str, typer.Option(help="A transformers folder or Hub name.")],
    task: Annotated[str, typer.Option(help=f"One of {', '.join(TASKS)}.")],
    recipe: Annotated[str, typer.Option(help=f"One of {', '.join(RECIPES)}.")],
    budget: Annotated[int, typer.Option(help="In full trials.")],
    out: Annotated[Path, typer.Option(help="Folder of the kept checkpoint, card and report; must not exist.")],
    glue: Annotated[str, typer.Option(help="A folder laid out like nyu-mll/glue, or a Hub dataset.")] = "nyu-mll/glue",
    model_name: Annotated[str | None, typer.Option(help="Public name of the model in a local folder.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="A changed recipe field, as name=value.")] = None,
    grid: Annotated[str, typer.Option(help="Weight-init seeds x data-order seeds to choose from.")] = "25x25",
    seed: Annotated[int | None, typer.Option(help="Of all seeds; the same seed gives the same campaign.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, …; default: cuda where there is one.")] = None,
    in_memory: Annotated[int, typer.Option(help="Trials held in memory at a time; the others wait on disk.")] = 2,
    trials: Annotated[
        Path | None, typer.Option(help="Folder of the paused trials, kept; default: OUT.trials, removed at the end.")
    ] = None,
) -> None:
    """Run a strategy on trials that are trained while it decides, and keep its choice as a transformers folder.

    Interrupted, by whatever, the same command goes on where it stopped.
    """
    import torch

    console = Console(stderr=True)
    try:
        loaded = load_strategy(strategy)
        spec = table_spec(
            model=model,
            model_name=model_name,
            glue=glue,
            task=task,
            recipe=recipe,
            changes=set_ or (),
            engine="reference",
            out=out,
        )
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        size = parse_grid(grid)
        report = live(
            spec,
            loaded,
            budget,
            console=console,
            grid=size,
            seed=seed,
            device=device,
            in_memory=in_memory,
            trials=trials,
        )
    except (RunnerError, SeedbenchError, OSError) as error:
        if frames := getattr(error, "frames", ""):
            console.print(frames, soft_wrap=True, highlight=False, markup=False)
        line = f"{error.reason}; what was trained is kept" if isinstance(error, StrategyFailed) else str(error)
        console.print(f"error: {line}", style="red", soft_wrap=True, highlight=False, markup=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        console.print("interrupted; the trials are kept, run the same command again to go on")
        raise typer.Exit(130) from None
    typer.echo(text(report), nl=False)
    console.print(f"{out}: the kept checkpoint, its card and this report", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    run(main, "python -m runners.live")
