"""A wall-clock limit on foreign code in this process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from seedbench.errors import StrategyStopped

#: Whether this Python can throw into code that runs; Windows's cannot.
CAN_STOP = hasattr(signal, "setitimer")

# After the first alarm, again and again: code that catches everything catches one, but hardly all of them.
_REPEAT_SECONDS = 0.01


class Deadline:
    """Throws `StrategyStopped` into code that runs longer than it may.

    By SIGALRM, so it works in the main thread on POSIX; elsewhere there is no limit. It interrupts Python code and
    waiting, sleeping included, at any point, also where every exception is caught and ignored. It does not interrupt a
    single call into C that never comes back; only killing the process does, and that is left to a sealed process.

    Args:
        seconds: what each stretch from `start` to `stop` may take; 0: no limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._armed = False
        self._works = CAN_STOP and threading.current_thread() is threading.main_thread()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Takes over SIGALRM and its timer, and gives them back."""
        if not self._works:
            yield
            return
        handler = signal.signal(signal.SIGALRM, self._alarm)
        timer = signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            yield
        finally:
            signal.signal(signal.SIGALRM, handler)
            signal.setitimer(signal.ITIMER_REAL, *timer)

    def start(self) -> None:
        """From now on it counts."""
        self._armed = True
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, self.seconds, _REPEAT_SECONDS)

    def stop(self) -> None:
        """From now on it does not; safe to call when an alarm is under way."""
        self._armed = False
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _alarm(self, signal_number: int, frame: FrameType | None) -> None:
        if self._armed:
            raise StrategyStopped(f"ran for more than {self.seconds:g} seconds in one campaign")
