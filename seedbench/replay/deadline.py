"""A limit on the time of foreign code in this process."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from seedbench.cpus import waited_for_a_cpu
from seedbench.errors import StrategyStopped

#: Whether this Python can throw into code that runs; Windows's cannot.
CAN_STOP = hasattr(signal, "setitimer")

# After the first alarm, again and again: code that catches everything catches one, but hardly all of them.
_REPEAT_SECONDS = 0.01
_LONGEST = 10  # times the limit, by the clock, where nobody counts how long code has waited for a CPU


class Deadline:
    """Throws `StrategyStopped` into code that runs longer than it may.

    What counts is its CPU time, and time in which it waits for something else than a CPU, once the first alarm has gone
    off: with sixteen processes on one core a campaign takes sixteen times as long by the clock, which is not its fault.

    By SIGALRM, so it works in the main thread on POSIX; elsewhere there is no limit. It interrupts Python code and
    waiting, sleeping included, at any point, also where every exception is caught and ignored. It does not interrupt a
    single call into C that never comes back; only killing the process does, and that is left to a sealed process.

    Args:
        seconds: what each stretch from `start` to `stop` may take; 0: no limit.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._armed = False
        self._began = (0.0, 0.0)  # CPU time of this thread, and the clock's
        self._first: tuple[float, float, float] | None = None  # likewise at the first alarm, and the wait for a CPU
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
            self._began, self._first = (time.thread_time(), time.monotonic()), None
            signal.setitimer(signal.ITIMER_REAL, self.seconds, _REPEAT_SECONDS)

    def stop(self) -> None:
        """From now on it does not; safe to call when an alarm is under way."""
        self._armed = False
        if self._works:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _alarm(self, *_: object) -> None:
        if not self._armed:
            return
        signal.setitimer(signal.ITIMER_REAL, 0)  # the next one is not to go off in here
        left = self.seconds - self._counted()
        over = left <= _REPEAT_SECONDS / 2
        signal.setitimer(signal.ITIMER_REAL, _REPEAT_SECONDS if over else left, _REPEAT_SECONDS)
        if not over:
            return
        raise StrategyStopped(f"ran for more than {self.seconds:g} seconds in one campaign")

    def _counted(self) -> float:
        """Seconds since `start` that count."""
        cpu, clock, waited = time.thread_time(), time.monotonic(), waited_for_a_cpu()
        used = cpu - self._began[0]
        if waited is None:
            return max(used, (clock - self._began[1]) / _LONGEST)
        if self._first is None:
            self._first = cpu, clock, waited
        idle = (clock - self._first[1]) - (cpu - self._first[0]) - (waited - self._first[2])
        return used + max(idle, 0.0)
