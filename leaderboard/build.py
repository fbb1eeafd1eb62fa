"""Builds the leaderboard's site: ``python -m leaderboard.build --out FOLDER``.

Reads the submissions and what their verification wrote. Nothing of a submission is executed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.boards import HIDDEN_POOL, RESULTS, SUBMISSIONS, Board, published_pool, read_boards
from leaderboard.ranks import read_comparisons
from leaderboard.results import POOLS, results_of
from leaderboard.site.data import Standing, standing
from leaderboard.site.files import require_site, site_files, write_site
from seedbench.commands import open_console, run
from seedbench.display import require
from seedbench.errors import SeedbenchError
from seedbench.submission import read_submission
from seedbench.trialset import TrialsIdentity


def read_standings(submissions: Path, results: Path, pool: Path | None = None) -> tuple[Standing, ...]:
    """Every board, newest first.

    Args:
        submissions: a folder of submissions.
        results: a folder of boards, as the verification writes them.
        pool: the file with the hidden pool's published SHA-256, if there is one.

    Raises:
        SeedbenchError: a board or a result that cannot be read.
    """
    sources = read_sources(submissions)
    published = published_pool(pool) if pool is not None else None
    return tuple(read_standing(board, sources, results, published) for board in read_boards(results))


def read_standing(
    board: Board, sources: Mapping[str, str], results: Path, published: TrialsIdentity | None = None
) -> Standing:
    """One board; arguments as of `read_standings`, with `read_sources` of the submissions and the hidden pool's facts.

    Raises:
        SeedbenchError: a result that cannot be read.
    """
    return standing(
        board,
        results_of(board, "public", results),
        results_of(board, "hidden", results),
        sources,
        {pool: read_comparisons(results, board, pool) for pool in POOLS},
        published,
    )


def read_sources(submissions: Path) -> dict[str, str]:
    """Slug -> source of every submission that can be read; what is wrong with the others, the verification says."""
    sources = {}
    for folder in sorted(submissions.iterdir()) if submissions.is_dir() else ():
        try:
            sources[folder.name] = read_submission(folder).source
        except SeedbenchError:
            continue
    return sources


def main(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the site goes: new, empty, or built before.")],
    submissions: Annotated[Path, typer.Option(metavar="DIR", help="The submissions.")] = SUBMISSIONS,
    results: Annotated[Path, typer.Option(metavar="DIR", help="What the verification wrote.")] = RESULTS,
    pool: Annotated[Path, typer.Option(metavar="FILE", help="The hidden pool's published SHA-256.")] = HIDDEN_POOL,
) -> None:
    """Build the leaderboard's static site."""
    console = open_console(stderr=True)
    require()
    require_site(out)
    files = site_files(read_standings(submissions, results, pool))
    write_site(files, out)
    console.print(
        f"wrote {len(files)} files, {sum(map(len, files.values())) / 2**20:.1f} MiB, in {out}", soft_wrap=True
    )


if __name__ == "__main__":
    run(main, "python -m leaderboard.build")
