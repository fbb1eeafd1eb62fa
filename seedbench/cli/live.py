"""seedbench live."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from seedbench.cli.app import NAME, app
from seedbench.cli.options import SET, STRATEGY
from seedbench.commands import INTERRUPTED, count, integer, number, open_console
from seedbench.errors import SeedbenchError


@app.command()
def live(
    strategy: STRATEGY,
    *,
    train: Annotated[
        str,
        typer.Option(
            metavar="COMMAND|FILE.py",
            help="A command with {weight_init_seed}, {data_order_seed} and {folder}; or a file with a generator "
            "train(run), or FILE.py:name.",
        ),
    ],
    checkpoints: Annotated[int, typer.Option(metavar="K", parser=count, help="Validation points of a full trial.")],
    budget: Annotated[int, typer.Option(metavar="B", parser=count, help="In full trials.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The campaign's folder; the same command goes on with it.")],
    grid: Annotated[
        str, typer.Option(metavar="RxC", help="Weight-init seeds x data-order seeds to choose from.")
    ] = "25x25",
    seed: Annotated[
        int | None, typer.Option(metavar="N", parser=integer, help="Of all seeds; without it, drawn and kept.")
    ] = None,
    name: Annotated[
        str, typer.Option(metavar="MODEL/TASK/RECIPE", help="What is trained, for the trial set.")
    ] = "model/task/recipe",
    metric: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the score; -NAME where the score is its negative.")
    ] = None,
    majority_score: Annotated[
        float | None, typer.Option(metavar="X", parser=number, help="Of always predicting the commonest label.")
    ] = None,
    failed_score: Annotated[
        float | None,
        typer.Option(
            metavar="X", parser=number, help="What a failed trial counts as; without it, the lowest score so far."
        ),
    ] = None,
    workers: Annotated[
        str, typer.Option(metavar="local:N|slurm:N", help="Where, and how many trials at a time.")
    ] = "local:1",
    in_memory: Annotated[
        int, typer.Option(metavar="N", parser=count, help="Processes here at most, in training or stopped.")
    ] = 2,
    grace: Annotated[float, typer.Option(metavar="SECONDS", parser=number, help="From SIGTERM to SIGKILL.")] = 30.0,
    slurm: Annotated[
        list[str], typer.Option(metavar="NAME=VALUE", help="Of SLURM jobs, as submitit names it; may be repeated.")
    ] = [],  # noqa: B006
    test: Annotated[
        str | None,
        typer.Option(metavar="COMMAND", help="Measures what was kept, once, at the end: {saved} are its weights."),
    ] = None,
    set_: SET = [],  # noqa: B006
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Run a strategy on your own training, which it starts, pauses and stops.

    The training prints one JSON line at each validation point: {"step": 100, "score": 0.81}, and goes on from what it
    saved when it is started again on its folder. Interrupted, by whatever, the same command goes on.
    """

    from seedbench.live import LiveOptions, parse_grid, run_live, text
    from seedbench.live import dry_run as said_beforehand
    from seedbench.strategy import load_strategy, parse_settings

    options = LiveOptions(
        train=train,
        checkpoints=checkpoints,
        budget=budget,
        out=out,
        grid=parse_grid(grid),
        seed=seed,
        name=name,
        metric=metric,
        majority_score=majority_score,
        failed_score=failed_score,
        workers=workers,
        in_memory=in_memory,
        grace=grace,
        slurm=_slurm(slurm),
        test=test,
    )
    loaded = load_strategy(strategy, parameters=parse_settings(set_))
    if dry_run:
        print("\n".join(said_beforehand(loaded, options)))
        return
    console = open_console(stderr=True)
    try:
        report = run_live(loaded, options, console)
    except KeyboardInterrupt:
        print(f"{NAME}: interrupted; nothing is left running; the same command goes on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    print(text(report), end="")
    if (out / "trials").exists():
        line = f"its curves are a trial set: seedbench findings --trials {out / 'trials'}"
        console.print(line, soft_wrap=True, highlight=False)


def _slurm(settings: list[str]) -> dict[str, str | int]:
    """What `--slurm` gives, one name=value each."""
    values: dict[str, str | int] = {}
    for text in settings:
        name, equal, value = text.partition("=")
        if not equal or not name or name in values:
            raise SeedbenchError(f"--slurm {text!r}: must be name=value, each name once")
        values[name] = int(value) if re.fullmatch(r"\d+", value) else value
    return values
