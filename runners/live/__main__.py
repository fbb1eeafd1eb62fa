"""Runs a strategy on trials that are trained while it decides: ``python -m runners.live --help``.

The strategy file is the one that ``seedbench evaluate`` replays, and the campaign is one of ``seedbench.live``, as on
anybody's training: what is here is the training, on GLUE, and what becomes of the kept checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from runners.block import BlockRunner
from runners.data.recipe import validation_steps
from runners.live.campaign_file import open_folder
from runners.live.folder import check_model, write_model, write_report
from runners.live.report import Report, make_report, text
from runners.live.trials import GlueTrainings, LiveTrials
from runners.options import CHANGES, GLUE, MODEL, MODEL_NAME, RECIPE, check_device, reporting
from runners.table import TableSpec, table_spec
from runners.trial_log import Cell
from seedbench.commands import count, natural, open_console, run
from seedbench.errors import LiveError
from seedbench.files import new_folder, remove_folder
from seedbench.live import Interruption, LiveProgress, Session, parse_grid, train_for
from seedbench.strategy import Strategy, load_strategy, refuse_oracle
from seedbench.tasks import TASKS
from seedbench.trialset import majority_score_of

GRID = (25, 25)  # as in Dodge et al. (2020); a cell that is not started costs nothing


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
    steps = validation_steps(spec.recipe, len(runner.data.train))
    seed = open_folder(folder, runner, grid, seed)
    session = Session(
        strategy,
        budget=budget,
        checkpoints=steps,
        grid=grid,
        seed=seed,
        name=f"{spec.model_name}/{spec.task}/{spec.recipe.name}",
        metric=TASKS[spec.task].metric,
        majority_score=majority_score_of(TASKS[spec.task].metric, runner.data.validation.label),
        dev_examples=len(runner.data.validation),
        labels=len(TASKS[spec.task].labels),
    )
    interruption = Interruption()

    def after_step(cell: Cell, step: int) -> None:
        paid = next((t.paid for t in session.trials if Cell(t.weight_init_seed, t.data_order_seed) == cell), 0)
        progress.fill(step - (steps[paid - 1] if paid else 0))
        interruption.check()

    paused = LiveTrials(runner, folder, in_memory, after_step)
    trainings = GlueTrainings(paused, interruption)
    parameters = sum(parameter.numel() for parameter in runner.model.parameters())
    console.print(
        f"seed {seed}, {grid[0]}x{grid[1]} fresh cells; paused trials, up to {16 * parameters / 1e6:,.0f} MB each, are "
        f"in {folder}",
        soft_wrap=True,
        highlight=False,
    )
    with LiveProgress(session, session.plan.title, console) as progress:
        train_for(session, trainings, progress, interruption)
    with (
        interruption.installed(),
        interruption.held(),
        console.status("writing the kept checkpoint"),
        new_folder(spec.out) as best,
    ):
        trial, checkpoint, _ = session.kept
        kept = paused.kept(Cell(trial.weight_init_seed, trial.data_order_seed), checkpoint)
        write_model(runner, kept.weights, best)
        check = check_model(runner, kept, best)
        report = make_report(runner, session, trainings.rows, paused.steps_trained(), check)
        write_report(report, best)
    if trials is None:
        remove_folder(folder)
    return report


# ---- the command ---------------------------------------------------------------------------------------------------


def main(
    strategy: Annotated[
        str,
        typer.Argument(
            metavar="STRATEGY", help="A file.py, file.py:name, or a shipped strategy; with parameters as asha(rungs=2)."
        ),
    ],
    model: Annotated[str, MODEL],
    task: Annotated[str, typer.Option(metavar="T", help=f"One of {', '.join(TASKS)}.")],
    recipe: Annotated[str, RECIPE],
    budget: Annotated[int, typer.Option(metavar="B", parser=count, help="In full trials.")],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the kept checkpoint, card and report; must not exist.")
    ],
    glue: Annotated[str, GLUE] = "nyu-mll/glue",
    model_name: Annotated[str | None, MODEL_NAME] = None,
    set_: Annotated[list[str] | None, CHANGES] = None,
    grid: Annotated[
        str, typer.Option(metavar="RxC", help="Weight-init seeds x data-order seeds to choose from.")
    ] = "25x25",
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", parser=natural, help="Of all seeds; the same seed gives the same campaign."),
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="cpu, cuda, cuda:1, …; default: cuda where there is one.")
    ] = None,
    in_memory: Annotated[
        int, typer.Option(metavar="N", parser=count, help="Trials held in memory at a time; the others wait on disk.")
    ] = 2,
    trials: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the paused trials, kept; default: OUT.trials, removed at the end."),
    ] = None,
) -> None:
    """Run a strategy on trials that are trained while it decides, and keep its choice as a transformers folder.

    Interrupted, by whatever, the same command goes on where it stopped.
    """
    import torch

    console = open_console(stderr=True)
    with reporting("the trials are kept, run the same command again to go on"):
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
        check_device(device)
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
    typer.echo(text(report), nl=False)
    console.print(f"{out}: the kept checkpoint, its card and this report", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    run(main, "python -m runners.live")
