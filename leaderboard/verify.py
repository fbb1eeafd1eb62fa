"""Verifies entries: `python -m leaderboard.verify`. Nothing that an entry says is believed.

Every entry is run twice, each time by a process of its own under a limit of time, in sealed processes; the organisers'
own, which `baselines.json` lists, once in process, and sealed on a drawn part. What was measured stands beside what is
claimed, and counts. Two runs that differ fail it. Results are written one by one, and a run that is done is not
repeated: a verification that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from leaderboard.boards import (
    FILE,
    HIDDEN_POOL,
    REPLICATES,
    RESULTS,
    SUBMISSIONS,
    Board,
    belongs,
    changing_board,
    published_pool,
    read_board,
    read_boards,
    write_board,
)
from leaderboard.environment import require_pinned
from leaderboard.options import CAMPAIGNS, ENTRIES, PROCESSES, PUBLIC, REVISION, TRACK
from leaderboard.ranks import keep_comparisons
from leaderboard.results import Result, comparable_claim, gap_closed, taken_over_words
from leaderboard.runs import verify
from leaderboard.verification import Verification, prepare
from seedbench.commands import given_options, open_console, positive, run
from seedbench.cpus import usable_cpus
from seedbench.errors import SeedbenchError
from seedbench.evaluation import Evaluation
from seedbench.submission import is_slug, read_submission
from seedbench.trialset import BUNDLED, TrialsIdentity


def entries_of(submissions: Path, wanted: Sequence[str] = ()) -> list[Path]:
    """The folders of entries, by name; those wanted, or all. Files beside them are none.

    Raises:
        SeedbenchError: no such entry, or a folder of another name than an entry can have.
    """
    folders = sorted(submissions.iterdir()) if submissions.is_dir() else []
    folders = [path for path in folders if path.is_dir() and not path.name.startswith(".")]
    names = [path.name for path in folders]
    for name in [*wanted, *names]:
        if name not in names:
            raise SeedbenchError(f"{submissions}: no entry {name!r}; there are {', '.join(names) or 'none'}")
        if not is_slug(name):
            raise SeedbenchError(f"{submissions}: {name!r} is no name of an entry: a-z, 0-9 and hyphens")
    return [path for path in folders if not wanted or path.name in wanted]


def close_board(
    verification: Verification, entries: Iterable[Path], results: Path, pool: TrialsIdentity | None = None
) -> Verification:
    """Draws the board's seed, fixes its entries and its pool; what was measured with the public seed is so again.

    Args:
        verification: of the board.
        entries: the folders of all entries.
        results: folder of the boards.
        pool: the hidden pool, whose SHA-256 is published; None: ranks will be of the public trials.

    Raises:
        SeedbenchError: it is closed already, or the pool is that of an earlier season, which everybody has.
    """
    name = verification.board.name
    for other in read_boards(results):
        if pool is not None and other.pool is not None and other.pool.revision and other.pool.sha256 == pool.sha256:
            raise SeedbenchError(f"the hidden pool {pool.name} v{pool.version} was revealed with {other.name}")
    fixed = {
        entry.name: verification.key(entry).entry_sha256 for entry in entries if _takes_part(entry, verification.board)
    }
    with changing_board(results, name):  # which may have been amended, or closed, since it was read
        there = (results / name / FILE).exists()
        board = read_board(results / name) if there else verification.board
        if board.closed:
            raise SeedbenchError(f"{name}: closed already, and its seed is drawn once; leave out --close to go on")
        closed = board.closes(fixed, pool)
        write_board(results, closed)
    return replace(verification, board=closed)


def _takes_part(entry: Path, board: Board) -> bool:
    """Whether an entry is of this board; one that cannot be read is, and keeps its verdict."""
    try:
        return belongs(read_submission(entry).claimed, board)
    except SeedbenchError:
        return True


def verify_all(
    entries: Sequence[Path], verification: Verification, console: Console, *, again: bool = False
) -> list[Result]:
    """Verifies entries one after the other, says what was found of each, and compares all that are verified.

    Raises:
        SeedbenchError: what is not an entry's fault; what was found before is written.
    """
    outcomes, board, results = [], verification.board, verification.folder.parents[1]
    for entry in entries:
        fixed = board.entries
        if entry.name in board.removed:
            console.print(f"{entry.name}: removed: {board.removed[entry.name]}")
            continue
        if not _takes_part(entry, board):
            console.print(f"{entry.name}: claims a result of another board; left out")
            continue
        if fixed is not None and fixed.get(entry.name) != verification.key(entry).entry_sha256:
            when = "changed" if entry.name in fixed else "came"
            console.print(f"{entry.name}: {when} after the board was closed; left out")
            continue
        result = verify(entry, verification, again=again)
        if result is None:
            console.print(f"{entry.name}: claims a result of another board; left out")
            continue
        with changing_board(results, board.name):
            if not (results / board.name / FILE).exists():
                write_board(results, board)
        console.print(Text(f"{entry.name}: {result.verdict}" + (f": {result.said}" if result.said else "")))
        if result.taken_over:
            console.print(Text(f"  {taken_over_words(result)}"))
        outcomes.append(result)
    if outcomes:
        keep_comparisons(results, board, "hidden" if verification.hidden else "public", verification.trials)
    return outcomes


def table_of(results: Sequence[Result], verification: Verification) -> Table:
    """Claimed and measured side by side; a claim of another seed or other trials says nothing here."""
    where = "hidden pool" if verification.hidden else verification.trials.name
    table = Table(title=f"{verification.board.name}, {where}: gap closed", title_justify="left", box=None)
    for column in ("entry", "verdict", "claimed", "measured", "difference"):
        table.add_column(column, justify="left" if column in ("entry", "verdict") else "right")
    for result in results:
        claim = comparable_claim(result)
        claimed, measured = _estimate(claim), _estimate(result.measured)
        apart = None if claimed is None or measured is None else measured - claimed
        table.add_row(
            Text(result.slug + (" (organisers)" if result.organisers else "")),
            Text(result.verdict, "green" if result.verified else "red"),
            gap_closed(claim),
            gap_closed(result.measured),
            "–" if apart is None else f"{apart * 100:+z.1f} points",
        )
    return table


def _estimate(evaluation: Evaluation | None) -> float | None:
    return None if evaluation is None else evaluation.summary.gap_closed


def main(
    context: typer.Context,
    entries: Annotated[list[str] | None, typer.Argument(metavar="[SLUG]...", help="Without any, all.")] = None,
    submissions: Annotated[Path, ENTRIES] = SUBMISSIONS,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the boards.")] = RESULTS,
    public: Annotated[str, PUBLIC] = str(BUNDLED),
    revision: Annotated[str | None, REVISION] = None,
    trials: Annotated[str | None, typer.Option(metavar="DIR|HUB_ID", help="Measure on the hidden pool.")] = None,
    pool: Annotated[Path, typer.Option(metavar="FILE", help="The hidden pool's published SHA-256.")] = HIDDEN_POOL,
    track: Annotated[str, TRACK] = "cold",
    replicates: Annotated[int, CAMPAIGNS] = REPLICATES,
    processes: Annotated[int | None, PROCESSES] = None,
    hours: Annotated[float, typer.Option(metavar="H", parser=positive, help="Limit of one run of one entry.")] = 6.0,
    close: Annotated[
        bool, typer.Option("--close", help="First draw the board's seed and fix entries and pool.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Measure again what was measured before.")] = False,
    pull_requests: Annotated[
        bool, typer.Option("--pull-requests", help="Verify the Hub repo's open pull requests, and comment on them.")
    ] = False,
    repo: Annotated[str, typer.Option(metavar="HUB_ID", help="The leaderboard's repo.")] = "seedbench/leaderboard",
    other_packages: Annotated[
        bool, typer.Option("--other-packages", help="Run with others than requirements.txt pins; results say so.")
    ] = False,
) -> None:
    """Run entries twice, strangers' in sealed processes, and write down what was measured beside what is claimed."""
    console = open_console(highlight=False)
    if pull_requests and (close or again or entries):
        raise SeedbenchError("--pull-requests verifies the Hub's open ones: leave out names, --close and --again")
    given = given_options(context)
    for option, of, goes in (
        ("--pool", "--close", close),
        ("--repo", "--pull-requests", pull_requests),
        ("--submissions", "entries on this machine", not pull_requests),
    ):
        if option in given and not goes:
            raise SeedbenchError(f"{option} goes with {of} only: leave it out")
    if close and trials is not None:
        raise SeedbenchError("--close, then --trials: a hidden pool is for a board that is closed")
    if not other_packages:
        require_pinned()
    verification = prepare(
        trials,
        public,
        revision,
        track,
        results,
        replicates=replicates,
        processes=processes or usable_cpus(),
        hours=hours,
        other_packages=other_packages,
    )
    if pull_requests:
        from leaderboard.pull_requests import verify_pull_requests

        verify_pull_requests(repo, verification, console)
        return
    folders = entries_of(submissions, entries or ())
    if close:
        verification = close_board(verification, entries_of(submissions), results, published_pool(pool))
    done = verify_all(folders, verification, console, again=again)
    console.print(table_of(done, verification))


if __name__ == "__main__":
    run(main, "python -m leaderboard.verify")
