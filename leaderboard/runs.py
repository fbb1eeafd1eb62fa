"""What the entries of one call share; two runs of each, in processes of their own, and what they say together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from leaderboard.boards import BASELINES, HERE, Board, open_board, read_baselines, read_boards, sha256_of
from leaderboard.environment import differences, pins_sha256
from leaderboard.measure import ANOTHER_BOARD, Order, blank_result
from leaderboard.results import BAD_SUBMISSION, NOT_MEASURED, Key, Result, read_result, write_result
from seedbench.documents import to_json
from seedbench.errors import SeedbenchError
from seedbench.files import remove_folder
from seedbench.replay import TRACKS
from seedbench.sandbox.submittable import SOURCE_BYTES
from seedbench.submission import ENTRY, ENTRY_BYTES, SOURCE, read_file, read_submission
from seedbench.trialset import TrialSet, load_trials
from seedbench.trialset.versions import parse

RUNS = 2
MOST_HOURS = 168  # of one run: a week; a process cannot be waited for longer than 596
WORK = ".work"  # folder in a board's, with the runs of entries that are not done


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What all entries of one call share.

    Attributes:
        board: where they belong.
        trials: the trial set to measure on.
        source: folder or Hub id that it was loaded from.
        hidden: whether it is the hidden pool.
        folder: of the results on it.
        processes: to split the work of an entry among.
        hours: limit of one run.
        baselines: SHA-256 of the sources of the organisers' entries.
        earlier: folders with results on earlier boards, the newest first: campaigns on tables that have not changed are
            taken over.
        other_packages: whether results that were measured with other packages than are here now are taken as well.
        in_process: whether the second run of the organisers' entries is, which is faster by far.
    """

    board: Board
    trials: TrialSet
    source: str
    hidden: bool
    folder: Path
    processes: int
    hours: float
    baselines: tuple[str, ...] = ()
    earlier: tuple[Path, ...] = ()
    other_packages: bool = False
    in_process: bool = True

    def key(self, entry: Path) -> Key:
        """What a result of an entry is of; any unreadable entry has a key of its own."""
        try:
            contents = [read_file(entry / SOURCE, SOURCE_BYTES), read_file(entry / ENTRY, ENTRY_BYTES)]
        except SeedbenchError as unreadable:
            contents = [str(unreadable).encode()]
        return Key(sha256_of(*contents), self.trials.sha256, self.board.seed, self.board.replicates)


def prepare(
    trials: str | None,
    public: str,
    revision: str | None,
    track: str,
    results: Path,
    *,
    replicates: int,
    processes: int,
    hours: float,
    baselines: Path = BASELINES,
    other_packages: bool = False,
) -> Verification:
    """Loads the trial set to measure on and finds the board.

    Args:
        trials: folder of the hidden pool; None: measure on the public trial set.
        public: folder or Hub id of the board's own trial set.
        revision: of that on the Hub.
        track: "cold" or "transfer".
        results: folder of the boards.
        replicates: campaigns per table and budget.
        processes: to split the work of an entry among.
        hours: limit of one run, at most `MOST_HOURS`.
        baselines: the file with the organisers' entries.
        other_packages: as in `Verification`.

    Raises:
        SeedbenchError: an option out of its range; the board is of other data; or it is to be measured on the hidden
            pool, and is still open, was closed without one, or with another.
    """
    if track not in TRACKS:
        raise SeedbenchError(f"--track {track}: there are {' and '.join(TRACKS)}")
    if replicates < 3:
        raise SeedbenchError(f"--replicates {replicates}: at least 3")
    if processes < 1:
        raise SeedbenchError(f"--processes {processes}: at least 1")
    if not 0 < hours <= MOST_HOURS:
        raise SeedbenchError(f"--hours {hours:g}: a number of hours above 0, at most {MOST_HOURS}")
    ours = tuple(sorted(set(read_baselines(baselines).values())))
    shown = load_trials(public, revision=revision)
    board = open_board(results, shown, track, replicates)
    verification = Verification(
        board=board,
        trials=shown,
        source=public,
        hidden=False,
        folder=results / board.name / "public",
        processes=processes,
        hours=hours,
        baselines=ours,
        earlier=_earlier(board, results),
        other_packages=other_packages,
    )
    if trials is None:
        return verification
    if not board.closed:
        raise SeedbenchError(
            f"{board.name} is open: measured on the hidden pool now, it could be climbed one entry after the other; "
            "close it first, with --close"
        )
    if board.pool is None:
        raise SeedbenchError(f"{board.name}: was closed before a hidden pool was published, and has none")
    private = load_trials(trials, revision=None if Path(trials).is_dir() else f"v{board.pool.version}")
    if private.sha256 != board.pool.sha256:
        raise SeedbenchError(
            f"{trials}: its SHA-256 is {private.sha256}; {board.name} was closed with the pool {board.pool.sha256}"
        )
    hidden = results / board.name / "hidden"
    return replace(verification, trials=private, source=trials, hidden=True, folder=hidden, earlier=())


def _earlier(board: Board, results: Path) -> tuple[Path, ...]:
    """Where the public results of earlier boards are; on the transfer track campaigns depend on all tables."""
    if board.track != "cold":
        return ()
    version = parse(board.trials.version)[:2]
    return tuple(
        results / other.name / "public"
        for other in read_boards(results)
        if (other.protocol, other.track) == (board.protocol, board.track) and parse(other.trials.version)[:2] < version
    )


def verify(entry: Path, verification: Verification, *, again: bool = False) -> Result | None:
    """Verifies one entry, or takes what an earlier call found of it.

    Args:
        entry: its folder.
        verification: how.
        again: whether an earlier call's result is left aside.

    Returns:
        The result, which is written, unless the machine was at fault (`NOT_MEASURED`); None if the entry is of another
        board.

    Raises:
        SeedbenchError: what is not the entry's fault: this machine cannot seal, no trial set, no room for the result.
    """
    key = verification.key(entry)
    work = verification.folder / WORK / entry.name
    writing = (work / str(RUNS) / f"{entry.name}.json").exists()  # a call was ended, and left half of a result maybe
    known = None if again or writing else read_result(verification.folder, entry.name)
    if known is not None and not verification.other_packages and not _packages_as_here(known):
        known = None
    if known is not None and known.key == key and known.verdict != BAD_SUBMISSION:
        # What else is in a bad one's folder is not in its key.
        marked = _with_organisers(known, verification)
        if marked != known:
            write_result(verification.folder, marked)
        return marked
    result = _run_twice(entry, key, verification, anew=again)
    if result is None or result.verdict == NOT_MEASURED:
        return result
    write_result(verification.folder, result)
    remove_folder(work)
    with suppress(OSError):  # not empty: another entry is on its way
        work.parent.rmdir()
    return result


def _with_organisers(result: Result, verification: Verification) -> Result:
    """A result with what the organisers wrote since of which entries are theirs: that is in no key."""
    changed = result.claimed is not None and bool(result.claimed.strategy.parameters)
    return replace(result, organisers=result.source_sha256 in verification.baselines and not changed)


def _packages_as_here(result: Result) -> bool:
    """Whether a result was measured with the packages that are here; so it is taken if that was not recorded."""
    return result.packages is None or (result.packages, result.pins) == (differences(), pins_sha256())


def _run_twice(entry: Path, key: Key, verification: Verification, *, anew: bool) -> Result | None:
    """What two runs say together; None if the entry is of another board.

    The second run of an entry of the organisers, whose source is the package's own, is in process: what is not the same
    sealed and in process is told, too.

    Where they differ or one failed, and something of before is among them, that may be at fault: a run that an earlier
    call left, with another seedbench maybe, or campaigns of an earlier board. Then both are done anew, with nothing of
    before.
    """
    if anew:
        verification = replace(verification, earlier=())
    runs, of_before = [], False
    for number in range(1, RUNS + 1):
        out = verification.folder / WORK / entry.name / str(number)
        left = None if anew else _left(entry, key, verification, out)
        run = left or _measure(entry, key, verification, out, in_process=verification.in_process and number > 1)
        if run is None:
            return None
        of_before |= left is not None or bool(run.taken_over)
        runs.append(run)
        if not run.verified:
            break
    if of_before and not (runs[-1].verified and _same(runs)):
        return _run_twice(entry, key, verification, anew=True)
    return _together(runs, verification.hidden)


def _left(entry: Path, key: Key, verification: Verification, out: Path) -> Result | None:
    """What an earlier call left of a run, where it is of the same and can be read."""
    with suppress(SeedbenchError):
        left = read_result(out, entry.name)
        if (
            left is not None
            and left.key == key
            and _packages_as_here(left)
            and (verification.earlier or not left.taken_over)
        ):
            return _with_organisers(left, verification)
    return None


def _together(runs: Sequence[Result], hidden: bool) -> Result:
    """What the runs found, if they found the same; else how they failed, without scores on the hidden pool."""
    first, last = runs[0], runs[-1]
    if not last.verified:
        return last
    if _same(runs):
        return first
    closed = " and ".join(str(run.measured and run.measured.summary.gap_closed) for run in runs)
    reason = f"two runs differ: they closed {closed} of the gap; campaign.rng alone is the same in both"
    failed = replace(first, verdict="not reproducible", said="" if hidden else reason)
    return replace(failed, measured=None, example=None, campaigns=None)


def _same(runs: Sequence[Result]) -> bool:
    """Whether runs that are verified found the same."""
    return all(run == runs[0] and _same_campaigns(run, runs[0]) for run in runs)


def _same_campaigns(one: Result, other: Result) -> bool:
    assert one.campaigns is not None and other.campaigns is not None
    return all(np.array_equal(one.campaigns[name], other.campaigns[name]) for name in one.campaigns)


def _measure(entry: Path, key: Key, verification: Verification, out: Path, *, in_process: bool) -> Result | None:
    """Has a process of its own run an entry once; None if the entry is of another board."""
    remove_folder(out)
    order = Order(
        entry=str(entry.absolute()),
        key=key,
        board=verification.board,
        trials=os.path.abspath(source) if os.path.isdir(source := verification.source) else source,
        revision=verification.trials.revision,
        hidden=verification.hidden,
        processes=verification.processes,
        out=str(out.absolute()),
        parent=os.getpid(),
        baselines=verification.baselines,
        earlier=tuple(str(folder.absolute()) for folder in verification.earlier),
        in_process=in_process,
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "leaderboard.measure"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=HERE.parent,
        env=_environment(),
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(to_json(order).encode(), timeout=verification.hours * 3600)
    except subprocess.TimeoutExpired:
        reason = f"one run took more than {verification.hours:g} hours"
        return _failed(entry, key, verification, "took too long", reason)
    finally:
        _end(process)
    if process.returncode == 2:
        raise SeedbenchError(output.decode().strip())
    if process.returncode == ANOTHER_BOARD:
        return None
    result = read_result(out, entry.name)
    if process.returncode or result is None:
        reason = f"the process that measured it ended with {process.returncode}"
        return _failed(entry, key, verification, NOT_MEASURED, reason)
    return result


def _failed(entry: Path, key: Key, verification: Verification, verdict: str, reason: str) -> Result:
    """What is said of an entry whose run left no result."""
    read = None
    with suppress(SeedbenchError):
        read = read_submission(entry)
    return replace(blank_result(entry, key, read, verification.baselines), verdict=verdict, said=reason)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process with all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _environment() -> dict[str, str]:
    """Without tokens: the trial set is on this machine already."""
    secret = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN")
    return {**{name: value for name, value in os.environ.items() if name not in secret}, "HF_HUB_OFFLINE": "1"}
