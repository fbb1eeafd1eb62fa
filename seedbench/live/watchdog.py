"""Ends what a killed process leaves running: a small process that waits for the other end of a pipe to close.

Nothing can be done in a process that gets SIGKILL; this one is another, and does nothing else. What is started tells it
by itself, before it becomes the command that it is to be: there is no moment in which it runs and nobody would end it.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

_PYTHON = (sys.executable, "-I", "-S", __file__)


class Watchdog:
    """Process groups that end with this process, however it ends. It is there before the first of them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            _PYTHON,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start(self, words: Sequence[str], **how: Any) -> subprocess.Popen[Any]:
        """Starts a command in a process group of its own, which ends with this process from its first moment on.

        Args:
            words: the command; its standard input is empty.
            how: as for `subprocess.Popen`.

        Raises:
            OSError: it cannot be started.
        """
        if self._process.poll() is not None:
            raise OSError(errno.ESRCH, "the process that would end it with this one has itself been ended")
        failed, tell = os.pipe()
        with open(failed, "rb") as answer:
            try:
                process = subprocess.Popen(
                    (*_PYTHON, str(tell), *words),
                    stdin=self._process.stdin,
                    start_new_session=True,
                    pass_fds=(*how.pop("pass_fds", ()), tell),
                    **how,
                )
            finally:
                os.close(tell)
            number = answer.read()  # until it is closed: by the command's beginning, or with a process that was killed
        if number:
            with process:  # closes what was opened for it, and waits for its end
                self.forget(process.pid)
            raise OSError(int(number), os.strerror(int(number)))
        return process

    def forget(self, group: int) -> None:
        """It has ended; its number may become another's."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # the watchdog has ended, or is closed
            self._process.stdin.write(b"-%d\n" % group)
            self._process.stdin.flush()

    def close(self) -> None:
        """Ends the watchdog, and what it still watches.

        Waits until every holder of the pipe has gone: that is this process, and a process that `start` was interrupted
        at, until it has told of itself.
        """
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait()


def main() -> None:
    """Watches the groups that it is told of, until nobody is left who could tell it of one."""
    watched: set[int] = set()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        (watched.add if line[:1] == b"+" else watched.discard)(int(line[1:]))
    for group in watched:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)


def become(tell: int, words: list[str]) -> None:
    """Tells the watchdog, which is at the other end of standard input, and becomes a command.

    Args:
        tell: a pipe, to which an error number is written where it cannot; it closes where it can.
        words: the command.
    """
    os.set_inheritable(tell, False)
    try:
        os.write(0, b"+%d\n" % os.getpid())
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)  # the watchdog's pipe closes with those who can tell it something
        os.close(empty)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and would hand on
            signal.signal(number, signal.SIG_DFL)
        os.execvp(words[0], words)
    except OSError as error:
        os.write(tell, b"%d" % (error.errno or errno.EIO))
        sys.exit(1)


if __name__ == "__main__":
    become(int(sys.argv[1]), sys.argv[2:]) if sys.argv[1:] else main()
