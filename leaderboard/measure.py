"""One entry measured once, in a process of its own: `python -m leaderboard.measure …`, started by `verify`.

Whatever an entry does to this process (it should be able to do nothing) ends with it, and so does all it has started.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from leaderboard.boards import Board, belongs
from leaderboard.environment import differences, pins_sha256
from leaderboard.results import BAD_SUBMISSION, VERIFIED, Key, Result, read_result, write_result
from seedbench.commands import open_console
from seedbench.documents import Positive, Sha256, from_json
from seedbench.errors import SeedbenchError, StrategyFailed, StrategyFileError
from seedbench.evaluation import Evaluation, evaluate_selected, outcomes_by_table
from seedbench.processes import end_with
from seedbench.replay import Decisions, Outcomes, replay_one, table_sha256
from seedbench.sandbox import open_sandbox
from seedbench.strategy import Strategy
from seedbench.submission import Submission, check_own_name, read_submission
from seedbench.text import visible
from seedbench.trialset import Selection, TrialSet, load_trials

ANOTHER_BOARD = 3  # exit code: the entry is not of this board

_EXAMPLE_BUDGET = 8  # or less, where the table does not admit it
# What a result has of its entry, by the same name.
_OF_ENTRY = ("name", "authors", "url", "license", "source_sha256", "attribute", "claimed")
# Columns of campaigns that tell a trial's seeds, and what it measured on the dev set and when.
_OF_TRIALS = ("weight_init_seed", "data_order_seed", "validation_score", "checkpoint")


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
        earlier: folders with results on earlier boards, of which campaigns are taken over, the newest first.
        first: folder with the result of the first run, where this is the second; "": it is the first.
        trusting: whether an entry of the organisers first runs in process, and then, but for the hidden pool, sealed on
            a drawn batch of replicates of each table alone, which is faster by far; anybody else's never does.
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
    earlier: tuple[str, ...] = ()
    first: str = ""
    trusting: bool = False


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
    """Reads an entry and runs it, sealed and whole but for `Order.trusting`; None where it is of another board.

    Raises:
        SeedbenchError: what is not the entry's fault: no trial set, a machine that cannot seal.
    """
    folder, board = Path(order.entry), order.board
    try:
        entry = read_submission(folder)
    except SeedbenchError as error:
        return replace(blank_result(folder, order.key, None), said=visible(str(error)))
    if not belongs(entry.claimed, board):
        return None
    blank = blank_result(folder, order.key, entry, order.baselines)
    if not blank.organisers:
        try:
            check_own_name(entry.name)
        except SeedbenchError as error:
            return replace(blank, said=str(error))
    trials = load_trials(order.trials, revision=order.revision)
    if trials.sha256 != order.key.trials_sha256:
        raise SeedbenchError(
            f"{order.trials}: its SHA-256 is {trials.sha256}, and was {order.key.trials_sha256} when the verification "
            "began; begin again"
        )
    strategy, trusted = entry.sealed_strategy(), order.trusting and blank.organisers
    if trusted and not order.first:
        open_sandbox().close()  # where nothing can be sealed, that is said before the work
        strategy = replace(strategy, sealed=False)
    options, earlier = board.options(order.processes), earlier_campaigns(order, blank, entry.parameters, trials)
    known = {name: outcomes for name, (_, outcomes) in earlier.items()}
    if trusted and order.first and not order.hidden:  # what is kept of a run on the hidden pool does not tell trials
        with suppress(SeedbenchError):  # what cannot be read is measured again, and then both
            first = read_result(Path(order.first), entry.slug)
            if first is not None and first.campaigns is not None:
                known |= outcomes_by_table(first.campaigns, trials.tables, options)
    with _progress(entry.slug) as advance:
        try:
            measured = evaluate_selected(strategy, Selection(trials=trials), options, known=known, progress=advance)
            example = None if order.hidden else _example(strategy, measured, trials, board)
        except (StrategyFailed, StrategyFileError) as failed:
            if trusted and not strategy.sealed:  # what is said of an entry is what it does in a sealed process
                return measure(replace(order, trusting=False))
            reason = failed.reason if isinstance(failed, StrategyFailed) else str(failed)
            if not failed.verdict:  # of no sealed process: a worker of this one was killed, or it lacked something
                raise SeedbenchError(reason) from None
            return replace(blank, verdict=failed.verdict, **_told(order, reason, failed.frames))
    assert measured.campaigns is not None  # it comes from a replay
    found = outcomes_by_table(measured.campaigns, trials.tables, options)
    return replace(
        blank,
        verdict=VERIFIED,
        measured=replace(measured, campaigns=None),
        example=example,
        tables={table.name: table_sha256(table) for table in trials.tables if table.name in found},
        taken_over={
            name: of
            for name, (of, outcomes) in earlier.items()
            if not outcomes.differs(found[name], range(options.replicates))
        },
        campaigns=_without_trials(measured.campaigns) if order.hidden else measured.campaigns,
    )


def blank_result(folder: Path, key: Key, entry: Submission | None, baselines: Collection[str] = ()) -> Result:
    """A result with nothing measured, which says whose the entry is.

    Args:
        folder: the entry's.
        key: of the result.
        entry: what is in the folder; None where it cannot be read.
        baselines: SHA-256 of the sources of the organisers' entries.
    """
    blank = Result(folder.name, key, BAD_SUBMISSION, name=folder.name, packages=differences(), pins=pins_sha256())
    if entry is None:
        return blank
    organisers = entry.source_sha256 in baselines and not entry.parameters
    return replace(blank, **{name: getattr(entry, name) for name in _OF_ENTRY}, organisers=organisers)


def _without_trials(campaigns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Campaigns as entries are compared by, with 0 for all that tells which trials they kept."""
    return {**campaigns, **{name: np.zeros_like(campaigns[name]) for name in _OF_TRIALS}}


def earlier_campaigns(
    order: Order, blank: Result, parameters: Mapping[str, Any], trials: TrialSet
) -> dict[str, tuple[str, Outcomes]]:
    """What earlier boards have of a rule, so that a new version of a trial set costs its new tables alone.

    Args:
        order: with the folders to look in.
        blank: of the entry, with nothing measured.
        parameters: of its strategy.
        trials: the trial set of this board.

    Returns:
        By table, of those that have not changed: the board for which the campaigns were run, and what came out.
    """
    content = {table.name: table_sha256(table) for table in trials.tables} if order.earlier else {}
    taken: dict[str, tuple[str, Outcomes]] = {}
    for folder in map(Path, order.earlier):
        with suppress(SeedbenchError):  # what cannot be read is measured again
            result = read_result(folder, blank.slug)
            if result is None or not _same_rule(result, blank, parameters):
                continue
            assert result.campaigns is not None  # it is verified
            same = [table for table in trials.tables if result.tables.get(table.name) == content[table.name]]
            for name, outcomes in outcomes_by_table(result.campaigns, same, order.board.options()).items():
                taken.setdefault(name, (result.taken_over.get(name, folder.parent.name), outcomes))
    return taken


def _same_rule(result: Result, blank: Result, parameters: Mapping[str, Any]) -> bool:
    """Whether an earlier result is of the same rule, verified under the same seed and with the same packages."""
    one, other = result.key, blank.key
    return (
        result.verified
        and result.measured is not None
        and (result.source_sha256, result.attribute) == (blank.source_sha256, blank.attribute)
        and (result.packages, result.pins) == (blank.packages, blank.pins)
        and result.measured.strategy.parameters == parameters
        and (one.seed, one.replicates) == (other.seed, other.replicates)
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
