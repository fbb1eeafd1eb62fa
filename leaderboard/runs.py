"""Two runs of an entry, in processes of their own, and what they say together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from leaderboard.boards import HERE
from leaderboard.environment import differences, pins_sha256
from leaderboard.measure import ANOTHER_BOARD, Order, blank_result
from leaderboard.results import BAD_SUBMISSION, NOT_MEASURED, Key, Result, read_result, write_result
from leaderboard.verification import Verification
from seedbench.documents import to_json
from seedbench.errors import SeedbenchError
from seedbench.files import remove_folder
from seedbench.submission import read_submission

RUNS = 2
WORK = ".work"  # folder in a board's, with the runs of entries that are not done


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
    marked = None if known is None else _marked(known, verification)
    if marked is not None and marked.key == key and marked.verdict != BAD_SUBMISSION:
        # What else is in a bad one's folder is not in its key.
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


def _marked(result: Result, verification: Verification) -> Result | None:
    """A result with what the organisers wrote since of which entries are theirs: that is in no key.

    None where one was theirs and is not any more: it was measured on trust.
    """
    changed = result.claimed is not None and bool(result.claimed.strategy.parameters)
    marked = replace(result, organisers=result.source_sha256 in verification.baselines and not changed)
    return None if result.organisers and not marked.organisers else marked


def _packages_as_here(result: Result) -> bool:
    """Whether a result was measured with the packages that are here; so it is taken if that was not recorded."""
    return result.packages is None or (result.packages, result.pins) == (differences(), pins_sha256())


def _run_twice(entry: Path, key: Key, verification: Verification, *, anew: bool) -> Result | None:
    """What two runs say together; None if the entry is of another board.

    An entry of the organisers runs in process, and then sealed on a drawn batch of replicates of each table; where one
    comes out differently, on all of that table. On the hidden pool it is sealed on all.

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
        run = left or _measure(entry, key, verification, out, first=out.with_name("1") if number > 1 else None)
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
            return _marked(left, verification)
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


def _measure(entry: Path, key: Key, verification: Verification, out: Path, *, first: Path | None) -> Result | None:
    """Has a process of its own run an entry once, for the first time or not; None if the entry is of another board."""
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
        first=str(first.absolute()) if first else "",
        trusting=verification.trusting,
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
