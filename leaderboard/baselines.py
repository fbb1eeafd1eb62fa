"""Writes the organisers' entries, the strategies that ship with seedbench: `python -m leaderboard.baselines`.

Which sources those are is written to `baselines.json`: a board marks them, and does not rank them, also when a later
version of seedbench ships other ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leaderboard.boards import BASELINES, PROTOCOL, PUBLIC_SEED, REPLICATES, SUBMISSIONS, read_baselines
from leaderboard.options import CAMPAIGNS, ENTRIES, PROCESSES, PUBLIC, REVISION, TRACK
from leaderboard.results import gap_closed
from seedbench.commands import open_console, run
from seedbench.cpus import usable_cpus
from seedbench.documents import to_json
from seedbench.errors import SeedbenchError
from seedbench.evaluation import evaluate
from seedbench.files import write_file
from seedbench.strategy import load_strategy, shipped
from seedbench.submission import Submission, is_slug, read_submission, write_submission
from seedbench.trialset import BUNDLED, load_trials

AUTHORS = ("seedbench",)
LICENSE = "Apache-2.0"


def main(
    submissions: Annotated[Path, ENTRIES] = SUBMISSIONS,
    public: Annotated[str, PUBLIC] = str(BUNDLED),
    revision: Annotated[str | None, REVISION] = None,
    track: Annotated[str, TRACK] = "cold",
    replicates: Annotated[int, CAMPAIGNS] = REPLICATES,
    processes: Annotated[int | None, PROCESSES] = None,
    known: Annotated[
        Path, typer.Option(metavar="FILE", help="Where it is written which entries these are.")
    ] = BASELINES,
) -> None:
    """Evaluate every shipped strategy that has no entry yet, and write one; the oracle is none."""
    console = open_console(highlight=False)
    trials, written = load_trials(public, revision=revision), read_baselines(known)
    for name in shipped():
        strategy, slug = load_strategy(name), name.replace("_", "-") + ("" if track == "cold" else f"-{track}")
        assert is_slug(slug)
        if strategy.oracle or slug in written:
            continue
        if not (submissions / slug).exists():
            claimed = evaluate(
                strategy,
                trials,
                protocol=PROTOCOL,
                track=track,
                replicates=replicates,
                seed=PUBLIC_SEED,
                processes=processes or usable_cpus(),
            )
            entry = Submission(
                slug=slug,
                name=name.replace("_", " "),
                authors=AUTHORS,
                url=None,
                license=LICENSE,
                attribute=strategy.attribute,
                source=strategy.source,
                claimed=claimed,
            )
            write_submission(submissions, entry)
            console.print(f"{slug}: {gap_closed(claimed)}")
        if (there := read_submission(submissions / slug).source_sha256) != strategy.sha256:
            raise SeedbenchError(
                f"{submissions / slug}: its source, sha256 {there}, is not that of the strategy that ships, "
                f"{strategy.sha256}; remove the folder, and it is written"
            )
        written[slug] = strategy.sha256
        write_file(known, to_json(written), parents=True)


if __name__ == "__main__":
    run(main, "python -m leaderboard.baselines")
