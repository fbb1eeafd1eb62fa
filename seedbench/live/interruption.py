"""What ends a process, held back for as long as something must not be left half-done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interruption:
    """Holds back Ctrl-C, SIGTERM and the end of the terminal where they would leave something half-done.

    A trial in the middle of a step can be paused after it; a process that is being started can be ended when it is
    known.
    """

    SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

    def __init__(self) -> None:
        self.asked = self._held = False

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Takes over the signals, and gives them back; only a process's main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._take) for number in self.SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, an interruption waits for ``check`` or for the end."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        self.check()

    def check(self) -> None:
        """Raises KeyboardInterrupt if an interruption waits."""
        if self.asked:
            raise KeyboardInterrupt

    def _take(self, *_: object) -> None:
        self.asked = True
        if not self._held:
            raise KeyboardInterrupt
