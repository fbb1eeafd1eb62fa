"""A session and whoever trains for it: asks, trains, tells, until the strategy has decided."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Protocol

from seedbench.errors import CannotWrite, LiveError
from seedbench.files import try_writing
from seedbench.live.contract import Failed, Measurement, Outcome, Request
from seedbench.live.interruption import Interruption
from seedbench.live.session import Session

_ROOM = bytes(2**16)  # a disk without room for this is full
_FULL = [os.strerror(getattr(errno, name)) for name in ("ENOSPC", "EDQUOT") if hasattr(errno, name)]


class Workers(Protocol):
    """Whoever trains.

    Attributes:
        slots: how many requests may be in training at a time.
        trains_here: whether `wait` trains, and may be interrupted at any time; else it is not interrupted, and returns
            within a second, or when a training that it ends has ended.
    """

    slots: int
    trains_here: bool

    def start(self, request: Request) -> None:
        """Begins, or goes on, to train for a request."""

    def wait(self) -> Sequence[tuple[Request, Outcome]]:
        """Waits until at least one of those started has an outcome, or for a moment."""

    def close(self) -> None:
        """Ends all that is still in training or paused; nothing is left running."""


def train_for(
    session: Session,
    workers: Workers,
    progress: Callable[[Request, Outcome | None], None] = lambda request, outcome: None,
    interruption: Interruption | None = None,
) -> None:
    """Trains what a session asks for until its campaign has ended; the workers are closed then, whatever happens.

    Args:
        session: asks.
        workers: train.
        progress: told of each request when it is started (None) and when it has an outcome.
        interruption: for workers that train here and want to look at it; None: one of its own.

    Raises:
        SeedbenchError: as `Session.ask`, and what the workers raise; or a training ended because a disk is full, which
            is not told: it is trained again by the same call.
        KeyboardInterrupt: also for SIGTERM and SIGHUP; all that was measured is told.
    """
    interruption = interruption or Interruption()
    training: dict[Request, float] = {}  # since when
    with interruption.installed():
        try:
            while True:
                waiting = session.open()
                with interruption.held():
                    for request in waiting:
                        if len(training) < workers.slots and request not in training:
                            training[request] = time.monotonic()
                            progress(request, None)
                            workers.start(request)
                if not training:
                    return
                with nullcontext() if workers.trains_here else interruption.held():
                    outcomes = workers.wait()
                with interruption.held():
                    for request, outcome in outcomes:
                        _refuse_full_disk(request, outcome)
                        seconds = time.monotonic() - training.pop(request)
                        session.tell_outcome(request, outcome, round(seconds, 3))
                        progress(request, outcome)
        finally:
            with interruption.held():
                workers.close()


def _refuse_full_disk(request: Request, outcome: Outcome) -> None:
    """Raises `LiveError` where a training ended and a disk is full: that is no property of its seeds, and all others
    would fail as it did. The training's own words may say so, or it may have found no room for them either."""
    if isinstance(outcome, Measurement):
        return
    said = outcome.reason if isinstance(outcome, Failed) else "it ended"
    full = next((words for words in _FULL if words in said), None)
    if full is None and request.folder.is_dir():
        try:
            try_writing(request.folder / "room", _ROOM)
        except CannotWrite as error:
            full = error.reason
    if full is not None:
        raise LiveError(
            f"trial {request.trial}, in {request.folder}: {said}, and there: {full}; it does not count as failed: make "
            "room, and the same command goes on"
        )
