"""Writes the organisers' entries, the strategies that ship with seedbench: `python -m leaderboard.baselines`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from leaderboard.boards import PROTOCOL, PUBLIC_SEED, SUBMISSIONS
from seedbench.errors import SeedbenchError
from seedbench.evaluation import evaluate
from seedbench.strategy import load_strategy, shipped
from seedbench.submission import Submission, is_slug, write_submission
from seedbench.trialset import BUNDLED, load_trials

AUTHORS = ("seedbench",)
LICENSE = "Apache-2.0"


def main(
    submissions: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the entries.")] = SUBMISSIONS,
    public: Annotated[str, typer.Option(metavar="DIR|HUB_ID", help="The board's trial set.")] = str(BUNDLED),
    revision: Annotated[str | None, typer.Option(metavar="TAG", help="Of a trial set on the Hub.")] = None,
    track: Annotated[str, typer.Option(metavar="NAME", help="cold or transfer.")] = "cold",
    replicates: Annotated[int, typer.Option(metavar="N", help="Campaigns per table and budget.")] = 200,
    processes: Annotated[int | None, typer.Option(metavar="N", help="Without it, one per core.")] = None,
) -> None:
    """Evaluate every shipped strategy that has no entry yet, and write one; the oracle is none."""
    console = Console(highlight=False)
    try:
        trials = load_trials(public, revision=revision)
        for name in shipped():
            strategy, slug = load_strategy(name), name.replace("_", "-") + ("" if track == "cold" else f"-{track}")
            assert is_slug(slug)
            if strategy.oracle or (submissions / slug).exists():
                continue
            claimed = evaluate(
                strategy,
                trials,
                protocol=PROTOCOL,
                track=track,
                replicates=replicates,
                seed=PUBLIC_SEED,
                processes=processes or os.cpu_count() or 1,
            )
            submissions.mkdir(parents=True, exist_ok=True)
            title = name.replace("_", " ")
            write_submission(
                submissions,
                Submission(slug, title, AUTHORS, None, LICENSE, strategy.attribute, strategy.source, claimed),
            )
            console.print(
                f"{slug}: {claimed.summary.gap_closed:.1%}" if claimed.summary.gap_closed is not None else slug
            )
    except SeedbenchError as error:
        Console(stderr=True, markup=False, soft_wrap=True, highlight=False).print(
            f"leaderboard.baselines: error: {error}"
        )
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
