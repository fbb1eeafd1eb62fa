"""Ends what a killed process leaves running: a small process that waits for the other end of a pipe to close.

Nothing can be done in a process that gets SIGKILL; this one is another, and does nothing else.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress


class Watchdog:
    """Process groups that end with this process, however it ends. It is there before the first of them."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        """From now on this group ends with this process."""
        self._tell(f"+{group}\n")

    def forget(self, group: int) -> None:
        """It has ended; its number may become another's."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Ends the watchdog, and what it still watches."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.write(line.encode())
                self._process.stdin.flush()


def main() -> None:
    watched: set[int] = set()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        (watched.add if line[:1] == b"+" else watched.discard)(int(line[1:]))
    for group in watched:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
