"""A session and whoever trains for it: asks, trains, tells, until the strategy has decided."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Protocol

from seedbench.live.contract import Outcome, Request
from seedbench.live.interruption import Interruption
from seedbench.live.session import Session


class Workers(Protocol):
    """Whoever trains.

    Attributes:
        slots: how many requests may be in training at a time.
        trains_here: whether `wait` trains, and may be interrupted at any time; else it returns within a second, and
            is not interrupted.
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
        SeedbenchError: as `Session.ask`, and what the workers raise.
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
                        seconds = time.monotonic() - training.pop(request)
                        session.tell_outcome(request, outcome, round(seconds, 3))
                        progress(request, outcome)
        finally:
            with interruption.held():
                workers.close()
