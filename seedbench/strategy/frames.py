"""What is said of a strategy that failed, to its author: their own lines, and none of this package's."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from seedbench.errors import InvalidReturn, StrategyStopped

if TYPE_CHECKING:
    from seedbench.strategy.loading import Strategy


#: Characters of an error's text, and of its type's name, that are looked at.
SHOWN, NAME = 10_000, 200


def author_frames(error: BaseException, strategy: Strategy | None = None) -> str:
    """The traceback of an error as the strategy's author wants it: the lines of their own files, and the error itself.

    Args:
        error: what the strategy raised.
        strategy: whose lines to show; None, or none of its lines in the traceback: all lines outside this package.

    Returns:
        Lines as Python prints them, causes included, without a newline at the end; "" where no line is the author's.
    """
    report = traceback.TracebackException.from_exception(error)
    package = str(Path(__file__).parents[1])
    own = (
        {strategy.filename, *(os.path.join(strategy.folder, path) for path in strategy.neighbours)} if strategy else {}
    )
    if not any(frame.filename in own for frame in traceback.extract_tb(error.__traceback__)):
        own = {}
    shown, pending, seen = False, [report], set()
    while pending:
        part = pending.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        keep = [f for f in part.stack if f.filename in own or (not own and not f.filename.startswith(package))]
        part.stack = traceback.StackSummary.from_list(keep)
        shown = shown or bool(keep)
        pending += [linked for linked in (part.__cause__, part.__context__) if linked is not None]
    return "".join(report.format()).rstrip("\n") if shown else ""


def failure_of(error: BaseException, strategy: Strategy) -> tuple[str, str]:
    """What is said of a strategy that an error ended: what it did, in one line, and `author_frames`.

    The error is the strategy's own: whatever its text, its notes, its fields and its causes do, this ends, and what
    cannot be shown is said to be such.
    """
    try:
        message = " ".join(str(error)[:SHOWN].split())
    except BaseException:  # of the error's own __str__  # noqa: BLE001
        message = "an exception that cannot be shown"
    if not isinstance(error, StrategyStopped | InvalidReturn):
        message = f"raised {type(error).__name__[:NAME]}" + (f": {message}" if message else "")
    try:
        return message, author_frames(error, strategy)
    except BaseException:  # of its notes, fields or causes  # noqa: BLE001
        return message, ""
