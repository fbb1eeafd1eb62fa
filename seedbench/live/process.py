"""One training as a command: a process group of its own, stopped at its lines, ended for good, started again."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import string
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from seedbench.errors import LiveError
from seedbench.files import explained, make_folder
from seedbench.live.contract import NOTHING_MEASURED, Ended, Failed, Outcome, Request
from seedbench.live.lines import MEASUREMENTS, STDERR, STDOUT, Lines
from seedbench.live.watchdog import Watchdog
from seedbench.processes import signal_name

#: A process that dies is started again so often; then its trial has failed.
RESTARTS = 2
_NO_LINE = f'{NOTHING_MEASURED}; a line is such as {{"step": 100, "score": 0.81}}'
FIELDS = ("weight_init_seed", "data_order_seed", "folder")
LOCK = ".running"  # held by a training's processes, names their group and machine: what a killed harness left is found


def template(command: str, fields: Sequence[str] = FIELDS, *, option: str = "--train") -> tuple[str, ...]:
    """A command line as words, in which fields stand as `{folder}`; `option` is what gave it, for messages.

    Raises:
        LiveError: it is no command line, or has another field.
    """
    given = f"{option} {command!r}"
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise LiveError(f"{given}: is no command line: {error}") from None
    try:
        named = [part[1:] for word in words for part in string.Formatter().parse(word) if part[1] is not None]
    except ValueError as error:
        raise LiveError(f"{given}: {error}; a brace that is no field is written twice") from None
    if not words:
        raise LiveError(f"{given}: must be a command")
    for name, form, conversion in named:
        if name not in fields or form or conversion:
            whole = str(name) + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
            raise LiveError(f"{given}: has the field {{{whole}}}; there are {', '.join(fields)}")
    return words


def filled(words: Sequence[str], given: object) -> list[str]:
    """A template with the fields of a request, or of what else has them, in their places."""
    values = {name: getattr(given, name) for name in (*FIELDS, "saved") if hasattr(given, name)}
    values["folder"] = values["folder"].absolute()
    return [word.format(**values) for word in words]


class Training:
    """The process of one trial, or none; and what it wrote.

    Args:
        words: the command, from `template`.
        request: of the trial; the first that it is trained for here.
        environment: of the process, beside this process's own.
        grace: seconds from SIGTERM to SIGKILL.
        watchdog: ends the process where this one is killed.

    Attributes:
        lines: what was measured.
    """

    def __init__(
        self,
        words: Sequence[str],
        request: Request,
        environment: Mapping[str, str],
        *,
        grace: float,
        watchdog: Watchdog,
    ) -> None:
        self._words = filled(words, request)
        self.folder, self._environment, self._grace, self._watchdog = request.folder, environment, grace, watchdog
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths, self._at = 0, 0
        self._to_end_by: float | None = None  # it was told to
        self._last_line: float | None = None  # when the trial's last was seen
        make_folder(self.folder)
        end_left_over(self.folder, grace)
        self.lines = Lines(self.folder, request.measured)
        self.lines.finish()
        self.lines.read()

    @property
    def alive(self) -> bool:
        """Whether there is a process, stopped or not."""
        return self._process is not None and self._process.poll() is None

    def go(self) -> None:
        """Lets it train: goes on where it is stopped, is started where there is no process."""
        if self._process is None:
            self._start()
        else:
            self._signal(signal.SIGCONT)

    def is_there(self, checkpoint: int, last: bool) -> bool:
        """Whether a validation point needs no more training; arguments as of `outcome`."""
        return self.lines.read() > checkpoint and not (last and self.alive)

    def outcome(self, checkpoint: int, last: bool) -> Outcome | None:
        """What became of a validation point; None: nothing yet. Where there is something it is stopped.

        Args:
            checkpoint: index of the validation point.
            last: whether it is the trial's last, after which it may come to its end by itself, for as long as the
                grace is; unless it measures more than it was said to.

        Raises:
            LiveError: the command cannot be started.
            CannotWrite: the trial's folder cannot be written.
        """
        ended = self._process is None or self._process.poll() is not None  # before reading: then all is written
        if self.lines.read() > checkpoint:
            if last and not ended and self._may_end(checkpoint):
                return None
            if not ended:
                self._signal(signal.SIGSTOP)
            return self.lines.found[checkpoint]
        if not ended:
            return None
        code = self._process.returncode if self._process else 0
        self._gone()
        if code == 0:
            return Ended() if self.lines.last else Failed(f"{_NO_LINE}{_instead(self.folder)}")
        self._deaths = self._deaths + 1 if len(self.lines.found) == self._at else 1
        self._at = len(self.lines.found)
        if self._deaths > RESTARTS:
            how = f"exit code {code}" if code > 0 else signal_name(-code)
            return Failed(f"{how}, {self._deaths} times{_end_of(self.folder / STDERR)}")
        self.lines.finish()
        self._start()
        return None

    def _may_end(self, checkpoint: int) -> bool:
        """Whether it is left alone after its last line, to save what it likes."""
        self._last_line = self._last_line or time.monotonic()
        return len(self.lines.found) == checkpoint + 1 and time.monotonic() - self._last_line < self._grace

    def ask_to_end(self) -> None:
        """Sends SIGTERM, once: to some programs a second one says to leave all as it is."""
        if self.alive and self._to_end_by is None:
            self._to_end_by = time.monotonic() + self._grace
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)  # one that is stopped takes no notice

    def stop(self) -> None:
        """Ends it and all of its group: SIGTERM, where it was not sent before, then SIGKILL."""
        if self._process is None:
            return
        self.ask_to_end()
        if self._to_end_by is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0.0, self._to_end_by - time.monotonic()))
        self._gone()

    def _start(self) -> None:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **self._environment}
        with ExitStack() as opened:
            with explained(self.folder):
                lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                opened.callback(os.close, lock)
                out, error = (opened.enter_context(open(self.folder / name, "ab")) for name in (STDOUT, STDERR))
            try:
                _lock(lock, wait=self._grace)
                self._process = self._watchdog.start(
                    self._words, stdout=out, stderr=error, env=environment, pass_fds=(lock,)
                )
                os.ftruncate(lock, os.pwrite(lock, f"{self._process.pid} {socket.gethostname()}".encode(), 0))
            except OSError as failed:
                raise LiveError(f"--train: {self._words[0]}: cannot be started: {failed.strerror}") from None

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _gone(self) -> None:
        """Nothing of its group is left."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._watchdog.forget(self._process.pid)
            self._process, self._to_end_by = None, None
            _unlock(self.folder / LOCK)


def _lock(file: int, wait: float) -> None:
    """Locks a file that is open; whoever has it inherited holds the lock.

    Raises:
        OSError: another has it.
    """
    import fcntl

    end = time.monotonic() + wait
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def _unlock(path: Path) -> None:
    """Removes the lock of a training that has ended; it stays where anything that it started still holds it."""
    with suppress(OSError), open(path, "rb+") as file:
        _lock(file.fileno(), wait=0)
        path.unlink()


def end_left_over(folder: Path, grace: float) -> None:
    """Ends the processes that a killed harness left in a trial's folder, and removes their lock.

    Args:
        folder: the trial's.
        grace: seconds to wait for their end.

    Raises:
        LiveError: they do not end, or are another machine's.
        CannotWrite: the lock cannot be opened or removed.
    """
    path = folder / LOCK
    if not path.exists():
        return
    with explained(folder), open(path, "rb+") as file:
        try:
            _lock(file.fileno(), wait=0)
        except OSError:
            group, _, machine = file.read().decode(errors="replace").partition(" ")
            if group.isdecimal() and machine == socket.gethostname():
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(int(group), signal.SIGKILL)
            try:
                _lock(file.fileno(), wait=grace)
            except OSError:
                where = f" on {machine}" if machine else ""
                raise LiveError(f"{folder}: is in use by another process{where}; end it first") from None
        path.unlink()


def run_to_its_end(words: Sequence[str]) -> tuple[int, str, str]:
    """Runs a command that is no training; all that it started ends with it, and with this process.

    Returns:
        Its exit code, and what it wrote to standard output and to standard error.

    Raises:
        OSError: it cannot be started.
    """
    watchdog, pipe = Watchdog(), subprocess.PIPE
    try:
        process = watchdog.start(words, stdout=pipe, stderr=pipe, text=True, errors="replace")
        out, error = process.communicate()
    finally:
        watchdog.close()  # which ends it
    return process.returncode, out, error


def last_words(written: str) -> str:
    """The last line of what was written, for a message; "" where there is none."""
    lines = written.strip().splitlines()
    return f": {' '.join(lines[-1].split())[:200]}" if lines else ""


def _instead(folder: Path) -> str:
    """What a training wrote that measured nothing, for a message."""
    for name in (MEASUREMENTS, STDOUT, STDERR):
        if words := _end_of(folder / name):
            return f"; {name} ends with{words}"
    return "; it wrote nothing"


def _end_of(path: Path) -> str:
    """The last words of a file."""
    with suppress(OSError), open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
        return last_words(file.read().decode(errors="replace"))
    return ""
