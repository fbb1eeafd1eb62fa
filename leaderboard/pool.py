"""The hidden pool: `python -m leaderboard.pool publish` its SHA-256 before the season, `reveal` it after the season."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.boards import (
    HERE,
    HIDDEN_POOL,
    PROTOCOL,
    RESULTS,
    Board,
    PublishedPool,
    changing_board,
    published_pool,
    read_board,
    read_boards,
    write_board,
)
from leaderboard.options import PUBLIC, REVISION
from seedbench.commands import application, open_console, run
from seedbench.documents import to_json
from seedbench.errors import SeedbenchError
from seedbench.files import write_file
from seedbench.replay import TRIALS_PER_BUDGET, admitted_budgets, pool_size_of, scored_tables
from seedbench.text import counted
from seedbench.trialset import BUNDLED, TrialSet, TrialsIdentity, TrialTable, load_trials

SMALL = 2**32  # one of 100 random 63-bit seeds is below it once in 20 million pools
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)

app = application("The hidden pool's SHA-256 before the season, the pool itself after it.")


def unfit(private: TrialSet, public: TrialSet) -> Iterator[str]:
    """Why trials cannot be a board's hidden pool, one line each.

    Args:
        private: the pool.
        public: the board's trial set.
    """
    if not _HUB_ID.fullmatch(private.name):
        yield f"its name is {private.name!r}: give it that of the Hub dataset as which it is to be revealed, owner/name"
    if private.name == public.name:
        yield f"it has the public trial set's name, {public.name}"
    scored = scored_tables(public.tables, PROTOCOL)
    shown = {table.name: table for table in scored}
    budgets = dict(zip(shown, admitted_budgets(scored, ()), strict=True))
    for name in sorted(shown.keys() - {table.name for table in private.tables}):
        yield f"it has no trials of {name}, a table of {public.name}; a pool has the same tables"
    for table in private.tables:
        if table.test_score is None:
            yield f"{table.name} has no test scores, and so nothing to report"
        if table.name not in shown:
            yield f"{table.name} is no table of {public.name}: there is nothing public to compare it with"
        elif table.fields != shown[table.name].fields:
            fields = [name for name, value in table.fields.items() if value != shown[table.name].fields.get(name)]
            yield f"{table.name} was trained otherwise than in {public.name}: {', '.join(fields)}"
        else:
            yield from _too_small(table, max(budgets[table.name], default=0))
        for axis in ("weight_init_seeds", "data_order_seeds"):
            seeds = set(getattr(table, axis).tolist())
            if min(seeds) < SMALL:
                yield (
                    f"{table.name} has {min(seeds)} among its {axis}, which anybody can train; "
                    "draw them at random: runners.sweep --weight-init-seeds random:N --data-order-seeds random:N"
                )
            known = {seed for other in public.tables for seed in getattr(other, axis).tolist()}
            if seeds & known:
                yield f"{table.name} shares {axis} with {public.name}, such as {min(seeds & known)}"


def _too_small(table: TrialTable, budget: int) -> Iterator[str]:
    """Args: the table, and the largest budget that the public one takes part in."""
    if 1 < min(table.grid) < 5:
        yield f"{table.name} is a grid of {_grid(table)}: two to four seeds of an axis leave no intervals, and no ranks"
    if not (size := pool_size_of(table)).admits(budget):
        yield (
            f"{table.name} has pools of {size.trials} trials; the public one takes part in a budget of {budget}, which "
            f"needs {TRIALS_PER_BUDGET * budget}"
        )


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(metavar="PRIVATE_DIR", help="The private trial set.")],
    public: Annotated[str, PUBLIC] = str(BUNDLED),
    revision: Annotated[str | None, REVISION] = None,
    pool: Annotated[Path, typer.Option(metavar="FILE", help="Where the SHA-256 goes.")] = HIDDEN_POOL,
) -> None:
    """Check a private trial set and write down its SHA-256, to be committed before the season."""
    if not folder.is_dir():
        raise SeedbenchError(f"{folder}: no such folder; a hidden pool is one on this machine")
    if folder.resolve().is_relative_to(HERE.parent.resolve()):
        raise SeedbenchError(f"{folder}: lies in the checkout, which is public; keep the hidden pool elsewhere")
    private, shown = load_trials(folder), load_trials(public, revision=revision)
    for problem in unfit(private, shown):
        raise SeedbenchError(f"{folder}: {problem}")
    before = published_pool(pool)
    if before is not None and before.sha256 != private.sha256:
        raise SeedbenchError(
            f"{pool}: another pool is published there, {before.sha256}, and a season keeps its own; delete the "
            "file once that season's board is closed"
        )
    published = PublishedPool(private.name, private.version, private.sha256)
    write_file(pool, to_json(published), parents=True)
    console = open_console(highlight=False, soft_wrap=True)
    for table in private.tables:
        console.print(f"{table.name}: {_grid(table)}")
    console.print(f"{pool}: sha256 {private.sha256}. Commit it, and keep {folder} to yourself.")


@app.command()
def reveal(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the boards.")] = RESULTS,
) -> None:
    """Fetch the hidden pool of every closed board from the Hub and check it against the SHA-256 that was published."""
    console = open_console(highlight=False, soft_wrap=True)
    boards = [(board, board.pool) for board in read_boards(results) if board.pool is not None]
    if not boards:
        raise SeedbenchError(f"{results}: no board was closed with a hidden pool")
    for board, pool in boards:
        with changing_board(results, board.name):
            revealed_board = revealed(read_board(results / board.name), pool)
            write_board(results, revealed_board)
        assert revealed_board.pool is not None
        console.print(f"{board.name}: {pool.name} v{pool.version} is the pool that was published")


def revealed(board: Board, pool: TrialsIdentity) -> Board:
    """The board with the Hub commit that its pool can be had from.

    Raises:
        SeedbenchError: it is not there, or is another one.
    """
    trials = load_trials(pool.name, revision=f"v{pool.version}")
    if trials.sha256 != pool.sha256:
        raise SeedbenchError(
            f"{pool.name} v{pool.version}: its SHA-256 is {trials.sha256}; {board.name} was closed with {pool.sha256}"
        )
    return replace(board, pool=replace(pool, revision=trials.revision))


def _grid(table: TrialTable) -> str:
    rows, columns = table.grid
    return f"{rows} × {columns} seeds, {counted(table.num_trials, 'trial')}"


if __name__ == "__main__":
    run(app, "python -m leaderboard.pool")
