"""The commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Annotated

import typer

from runners import export
from runners.cluster import jobs
from runners.cluster.checks import check_devices, check_executor, check_export
from runners.cluster.rounds import ClusterError, drive, look, register, send_round
from runners.cluster.sbatch import slurm_parameters
from runners.cluster.show import overview, print_failures, watching
from runners.cluster.state import Options, cluster_folder, locked, read_state, write_state
from runners.options import (
    APPEND,
    CHANGES,
    COMPILED,
    DATA_ORDER_SEEDS,
    GLUE,
    MODEL,
    MODEL_NAME,
    RECIPE,
    RESUMABLE,
    STACK,
    reporting,
)
from runners.plan import estimate, parse_rates, with_rates
from runners.plan_file import PlannedTable, load_plan
from runners.table import grid, table_spec
from seedbench.commands import application, count, natural, open_console, positive, run
from seedbench.tasks import TASKS

app = application("Fill seed grids on a cluster, or with several jobs on this machine.")
console = open_console(stderr=True)

Out = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the trial logs, as given to submit --out.")]
Poll = Annotated[
    float | None,
    typer.Option(
        "--poll", metavar="SECONDS", parser=positive, help="Seconds between two looks; default: SLURM 30, else 1."
    ),
]


@app.command()
def submit(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the trial logs; the jobs must see it too.")],
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A plan file, in place of model, task, recipe and seeds.")
    ] = None,
    model: Annotated[str | None, MODEL] = None,
    model_name: Annotated[str | None, MODEL_NAME] = None,
    glue: Annotated[str | None, GLUE] = None,
    task: Annotated[
        str | None, typer.Option(metavar="T", help=f"One of {', '.join(TASKS)}; with --plan: only this one.")
    ] = None,
    recipe: Annotated[str | None, RECIPE] = None,
    weight_init_seeds: Annotated[
        str | None, typer.Option(metavar="SEEDS", help="Rows of the grid: 0:5 is 0 … 4; commas join.")
    ] = None,
    data_order_seeds: Annotated[str | None, DATA_ORDER_SEEDS] = None,
    set_: Annotated[list[str] | None, CHANGES] = None,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="stacked (default) or reference.")] = None,
    stack: Annotated[int | None, STACK] = None,
    compiled: Annotated[bool | None, COMPILED] = None,
    executor: Annotated[
        str, typer.Option(metavar="NAME", help=f"One of {', '.join(jobs.EXECUTORS)} (in this process).")
    ] = "local",
    trials_per_hour: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TASK=NUMBER",
            help="What one job does, as TASK=NUMBER; repeat. Default: measured, by a first small block.",
        ),
    ] = None,
    block_minutes: Annotated[
        float, typer.Option(metavar="MINUTES", parser=positive, help="How long a block should take.")
    ] = 30,
    max_jobs: Annotated[
        int | None,
        typer.Option(metavar="N", parser=count, help="Jobs at the same time; default: SLURM 256, local one a device."),
    ] = None,
    device: Annotated[
        list[str] | None,
        typer.Option(metavar="DEVICE", help="cpu, cuda, …: of every job; local: repeat to share jobs among devices."),
    ] = None,
    threads: Annotated[
        int, typer.Option(metavar="N", parser=natural, help="CPU threads of each job; 0: torch's default.")
    ] = 0,
    attempts: Annotated[
        int, typer.Option(metavar="N", parser=count, help="How often a block is sent that keeps getting lost.")
    ] = 3,
    partition: Annotated[str | None, typer.Option(metavar="NAME", help="As of sbatch.")] = None,
    account: Annotated[str | None, typer.Option(metavar="NAME", help="As of sbatch.")] = None,
    gres: Annotated[str | None, typer.Option(metavar="GRES", help="As of sbatch, such as gpu:1.")] = None,
    time: Annotated[
        str | None, typer.Option(metavar="TIME", help="As of sbatch; default: twice a block and ten minutes.")
    ] = None,
    mem: Annotated[str | None, typer.Option(metavar="SIZE", help="As of sbatch, such as 32G.")] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Any other option of sbatch, or setup=COMMAND, as name=value; repeat."),
    ] = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what it would cost.")] = False,
    poll: Poll = None,
) -> None:
    """Send what has no log yet, in blocks; local jobs are waited for. Run the same command again to go on."""
    with reporting(RESUMABLE):
        named = {"partition": partition, "account": account, "gres": gres, "time": time, "mem": mem}
        check_executor(executor, {**named, "slurm": slurm}, poll)
        out = out.resolve()
        one_table = (recipe, weight_init_seeds, data_order_seeds)
        if plan is not None:
            if any(one_table) or set_:
                raise ClusterError("--plan says recipes and seeds: leave --recipe, --set and the seeds out")
            planned = load_plan(
                plan,
                out,
                draw=not dry_run,
                model=model,
                model_name=model_name,
                glue=glue,
                engine=engine,
                stack=stack,
                compiled=compiled,
            )
            planned = [table for table in planned if task in (None, table.spec.task)]
            if not planned:
                raise ClusterError(f"--task {task!r}: {plan} has no such table")
        else:
            if model is None or task is None or not all(one_table):
                raise ClusterError(
                    "which trials? give --plan, or --model, --task, --recipe, --weight-init-seeds, --data-order-seeds"
                )
            spec = table_spec(
                model=model,
                model_name=model_name,
                glue=glue or "nyu-mll/glue",
                task=task,
                recipe=recipe or "",
                changes=set_ or (),
                engine=engine or "stacked",
                out=out,
                stack=stack,
                compiled=compiled,
            )
            drawn_in = None if dry_run else out
            planned = [PlannedTable(spec, grid(weight_init_seeds or "", data_order_seeds or "", drawn_in))]
        planned = [_located(table) for table in planned]
        rates = parse_rates(trials_per_hour or (), planned)
        console.print(estimate(with_rates(planned, rates)))
        parameters = slurm_parameters(block_minutes, named, slurm or ())
        if parameters["time"] < block_minutes:
            raise ClusterError(f"--time {time}: shorter than a block of {block_minutes:g} minutes")
        if dry_run:
            return
        devices = tuple(device or (_devices() if executor == "local" else ()))
        check_devices(executor, devices)
        options = Options(
            executor=executor,
            block_minutes=block_minutes,
            max_jobs=max_jobs or (len(devices) if executor == "local" else 256),
            devices=devices,
            threads=threads,
            attempts=attempts,
            slurm=parameters if executor == "slurm" else {},
        )
        tables = [
            replace(table, trials_per_hour=rates.get(table.spec.task, table.trials_per_hour)) for table in planned
        ]
        register(out, tables, options)
        if executor != "slurm":
            _wait(out, poll)
            return
        with locked(out) as state:
            blocks = send_round(out, look(out, state))
            view = look(out, state)
        console.print(overview(view))
        console.print(f"{blocks} blocks sent")
        for key, table in view.standings.items():
            if table.unsent and (table.running or table.pending):
                console.print(f"{key}: the rest once a first block has told how fast a job is", soft_wrap=True)
        if view.busy:
            console.print(f"python -m runners.cluster collect {out} waits, and sends what is missing", soft_wrap=True)


@app.command()
def status(
    out: Out,
    watch: Annotated[bool, typer.Option("--watch", help="Until nothing runs or waits any more.")] = False,
    poll: Poll = None,
) -> None:
    """Show how many trials are done, running, pending, failed; changes nothing."""
    with reporting("the jobs go on"):
        out = _known(out)
        view = look(out, read_state(out))
        if not watch:
            open_console().print(overview(view))
            print_failures(out, view, open_console())
            return
        with watching(out, console) as show:
            show(view, "")
            while view.busy:
                sleep(_poll_seconds(out, poll))
                view = look(out, read_state(out))
                show(view, "")


@app.command()
def collect(
    out: Out,
    trial_set: Annotated[
        Path | None, typer.Argument(metavar="OUT_DIR", help="Folder of a trial set to turn the logs into.")
    ] = None,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Its name, such as owner/name on the Hub.")] = None,
    version: Annotated[
        str | None,
        typer.Option(metavar="X.Y.Z", help="Its semantic version; with --append by default the next minor one."),
    ] = None,
    append: Annotated[bool, APPEND] = False,
    poll: Poll = None,
) -> None:
    """Wait until every trial is done, sending lost blocks again; then, if asked, export the logs as a trial set."""
    with reporting("the jobs go on; run the same command again"):
        check_export(trial_set, name, version, append)  # before hours of waiting
        _wait(_known(out), poll)
    if trial_set is not None:
        export.main(out, trial_set, name=name, version=version, append_=append)


@app.command()
def cancel(out: Out) -> None:
    """End all jobs; finished trials are kept, submit sends the rest again."""
    with reporting("run the same command again"):
        out = _known(out)
        with locked(out) as state:
            view = look(out, state)
            ending = [b for b in state.batches if any((b.name, n) in view.queue.alive for n in range(len(b.blocks)))]
            state.batches = [replace(batch, cancelled=batch.cancelled or batch in ending) for batch in state.batches]
            write_state(out, state)
            jobs.cancel(out, ending)
        console.print(f"{len(ending)} batches of jobs ended")


def _wait(out: Path, poll: float | None) -> None:
    with watching(out, console) as show:
        view = drive(out, _poll_seconds(out, poll), show)
    if not console.is_terminal:  # a terminal shows them already
        print_failures(out, view, console)
    missing = sum(len(t.failed) + len(t.cancelled) + len(t.unsent) + len(t.lost) for t in view.standings.values())
    if missing:
        raise ClusterError(f"{missing} trials are missing; submit again once the cause is gone")


def _known(out: Path) -> Path:
    out = out.resolve()
    if not (cluster_folder(out) / "state.json").exists():
        raise ClusterError(f"{out}: nothing was submitted with this --out")
    return out


def _poll_seconds(out: Path, poll: float | None) -> float:
    if poll is not None:
        return poll
    return 30 if any(batch.executor == "slurm" for batch in read_state(out).batches) else 1


def _located(table: PlannedTable) -> PlannedTable:
    """With folders as absolute paths: a job may start elsewhere."""

    def located(source: str) -> str:
        return str(Path(source).resolve()) if Path(source).exists() else source

    spec = table.spec
    return replace(table, spec=replace(spec, model=located(spec.model), glue=located(spec.glue)))


def _devices() -> Sequence[str]:
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())] or ["cpu"]


if __name__ == "__main__":
    run(app, "python -m runners.cluster")
