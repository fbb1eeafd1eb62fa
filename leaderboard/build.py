"""Builds the leaderboard's site: ``python -m leaderboard.build --out FOLDER``.

Reads the submissions and what their verification wrote. Nothing of a submission is executed: of all strategies only
the oracle, which ships with seedbench, is run here, where the board's public trials are at hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from leaderboard.boards import HIDDEN_POOL, RESULTS, SUBMISSIONS, Board, published_pool, read_boards
from leaderboard.results import rank_intervals, results_of
from leaderboard.site.data import Standing, standing
from leaderboard.site.files import site_files, write_site
from seedbench.errors import SeedbenchError
from seedbench.evaluation import evaluate
from seedbench.figures import require
from seedbench.result import Evaluation, TrialsIdentity
from seedbench.submission import read_submission
from seedbench.trialset import TrialSet, load_trials


def read_standings(
    submissions: Path, results: Path, trials: TrialSet | None, pool: Path | None = None
) -> tuple[Standing, ...]:
    """Every board, newest first.

    Args:
        submissions: a folder of submissions.
        results: a folder of boards, as the verification writes them.
        trials: the public trials of one of the boards, for the oracle; None leaves it out.
        pool: the file with the hidden pool's published SHA-256, if there is one.

    Raises:
        SeedbenchError: a board or a result that cannot be read.
    """
    sources = read_sources(submissions)
    published = published_pool(pool) if pool is not None else None
    return tuple(_standing(board, results, sources, trials, published) for board in read_boards(results))


def read_sources(submissions: Path) -> dict[str, str]:
    """Slug -> source of every submission that can be read; what is wrong with the others, the verification says."""
    found = {}
    for folder in sorted(submissions.iterdir()) if submissions.is_dir() else ():
        try:
            found[folder.name] = read_submission(folder).source
        except SeedbenchError:
            continue
    return found


def _standing(
    board: Board, results: Path, sources: dict[str, str], trials: TrialSet | None, published: TrialsIdentity | None
) -> Standing:
    public, hidden = results_of(board, "public", results), results_of(board, "hidden", results)
    verified = {result.slug for result in public if result.verified}
    judged = [result for result in hidden or public if result.slug in verified and not result.organisers]
    ranks = rank_intervals(judged)
    return standing(board, public, hidden, ranks, sources, _oracle(board, trials), published)


def _oracle(board: Board, trials: TrialSet | None) -> Evaluation | None:
    """The oracle on the board's replicates; None without the board's public trials."""
    if trials is None or trials.sha256 != board.trials.sha256:
        return None
    return evaluate(
        "oracle",
        trials,
        replicates=board.replicates,
        seed=board.seed,
        protocol=board.protocol,
        track=board.track,
        intervals=False,
    )


def main(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the site goes: new, empty, or built before.")],
    submissions: Annotated[Path, typer.Option(metavar="FOLDER", help="The submissions.")] = SUBMISSIONS,
    results: Annotated[Path, typer.Option(metavar="FOLDER", help="What the verification wrote.")] = RESULTS,
    trials: Annotated[
        str | None, typer.Option(metavar="FOLDER|NAME", help="Public trials, for the oracle; else the bundled ones.")
    ] = None,
    pool: Annotated[Path, typer.Option(metavar="FILE", help="The hidden pool's published SHA-256.")] = HIDDEN_POOL,
) -> None:
    """Build the leaderboard's static site."""
    console = Console(stderr=True)
    try:
        require()
        standings = read_standings(submissions, results, load_trials(trials), pool)
        files = site_files(standings)
        write_site(files, out)
    except SeedbenchError as error:
        console.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
    without = [each.board.name for each in standings if each.oracle is None]
    if without:
        said = f"no oracle on {', '.join(without)}: its public trials are not those of --trials"
        console.print(said, markup=False, soft_wrap=True)
    console.print(
        f"wrote {len(files)} files, {sum(map(len, files.values())) / 2**20:.1f} MiB, in {out}", soft_wrap=True
    )


if __name__ == "__main__":
    typer.run(main)
