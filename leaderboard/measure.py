"""One entry measured once, in a process of its own: `python -m leaderboard.measure …`, started by `verify`.

Whatever an entry does to this process (it should be able to do nothing) ends with it, and so does all it has started.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leaderboard.boards import Board, belongs
from leaderboard.environment import differences
from leaderboard.results import BAD_SUBMISSION, VERIFIED, Key, Result, write_result
from seedbench.commands import open_console
from seedbench.documents import Positive, Sha256, from_json
from seedbench.errors import SeedbenchError, StrategyFailed, StrategyFileError
from seedbench.evaluation import Evaluation, evaluate_selected
from seedbench.processes import end_with
from seedbench.replay import Decisions, replay_one
from seedbench.strategy import Strategy, checked_parameters
from seedbench.submission import SOURCE, check_own_name, read_submission
from seedbench.text import visible
from seedbench.trialset import Selection, TrialSet, load_trials

ANOTHER_BOARD = 3  # exit code: the entry is not of this board

_EXAMPLE_BUDGET = 8  # or less, where the table does not admit it


@dataclass(frozen=True)
class Order:
    """What to measure.

    Attributes:
        entry: the entry's folder.
        key: of the result.
        board: where it belongs.
        trials: folder or Hub id of the trial set to measure on.
        revision: of a trial set on the Hub.
        hidden: whether that is the hidden pool, of which nothing but scores may be told.
        processes: to split the work among.
        out: folder for the result.
        parent: the process whose order it is.
        baselines: SHA-256 of the sources of the organisers' entries.
    """

    entry: str
    key: Key
    board: Board
    trials: str
    revision: str | None
    hidden: bool
    processes: Positive
    out: str
    parent: int
    baselines: tuple[Sha256, ...] = ()


def main() -> None:
    """Reads an order from standard input and writes the result; what is not the entry's fault is printed."""
    order = from_json(sys.stdin.buffer.read(), Order, "an order by leaderboard.verify", error=SeedbenchError)
    end_with(order.parent)
    try:
        result = measure(order)
        if result is not None:
            write_result(Path(order.out), result)
    except SeedbenchError as error:
        print(error)
        sys.exit(2)
    if result is None:
        sys.exit(ANOTHER_BOARD)


def measure(order: Order) -> Result | None:
    """Reads an entry and runs it in sealed processes; None where it is of another board.

    Raises:
        SeedbenchError: what is not the entry's fault: no trial set, a machine that cannot seal.
    """
    folder, board = Path(order.entry), order.board
    blank = Result(folder.name, order.key, BAD_SUBMISSION, name=folder.name, packages=differences())
    try:
        entry = read_submission(folder)
    except SeedbenchError as error:
        return replace(blank, said=visible(str(error)))
    if not belongs(entry.claimed, board):
        return None
    blank = replace(
        blank,
        **{name: getattr(entry, name) for name in ("name", "authors", "url", "license", "source_sha256", "claimed")},
        organisers=entry.source_sha256 in order.baselines and not entry.parameters,
    )
    if not blank.organisers:
        try:
            check_own_name(entry.name)
        except SeedbenchError as error:
            return replace(blank, said=str(error))
    trials = load_trials(order.trials, revision=order.revision)
    strategy = Strategy(
        entry.slug, entry.source, SOURCE, entry.attribute, sealed=True, parameters=checked_parameters(entry.parameters)
    )
    with _progress(entry.slug) as advance:
        try:
            measured = evaluate_selected(
                strategy, Selection(trials=trials), board.options(order.processes), progress=advance
            )
            example = None if order.hidden else _example(strategy, measured, trials, board)
        except StrategyFailed as failed:
            return replace(blank, verdict=failed.verdict, **_told(order, failed.reason, failed.frames))
        except StrategyFileError as refused:
            return replace(blank, verdict=refused.verdict, **_told(order, str(refused), refused.frames))
    return replace(
        blank,
        verdict=VERIFIED,
        measured=replace(measured, campaigns=None),
        example=example,
        campaigns=measured.campaigns,
    )


def _told(order: Order, reason: str, frames: str) -> dict[str, Any]:
    """What a strategy says when it fails may hold what it has seen, which on the hidden pool is not for everybody."""
    return {} if order.hidden else {"said": reason, "frames": frames}


def _example(strategy: Strategy, measured: Evaluation, trials: TrialSet, board: Board) -> Decisions:
    """The decisions of one campaign on the table where there is most to win, to be drawn."""
    first = max(measured.rows, key=lambda row: row.ceiling - row.floor)
    budgets = [row.budget for row in measured.rows if row.table == first.table]
    budget = max((budget for budget in budgets if budget <= _EXAMPLE_BUDGET), default=budgets[0])
    table = next(table for table in trials.tables if table.name == first.table)
    replayed = replay_one(strategy, table, budget, 0, board.options(), history=trials.tables, decisions=True)
    assert replayed.decisions is not None  # they were asked for
    decisions: Decisions = replayed.decisions.item()
    return decisions


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr; none where that is no terminal."""
    console = open_console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        job = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(job, completed=done, total=total)


if __name__ == "__main__":
    main()
