"""The trusted end of a sealed process: how it is started, heard, answered and ended. See `zygote` for the other end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from seedbench.errors import CannotSeal
from seedbench.sandbox import kernel
from seedbench.sandbox.messages import (
    MESSAGE_BYTES,
    Ended,
    Failed,
    Fork,
    Import,
    Kill,
    Ready,
    Said,
    Sealed,
    decode_report,
    decode_said,
    encode,
)
from seedbench.sandbox.verdicts import Breach, Limits, breach_of
from seedbench.text import visible

# How the zygote is started: isolated, and finding modules where this process does.
_BOOTSTRAP = "import sys; sys.path[:] = sys.argv[2:]; from seedbench.sandbox.zygote import main; main(int(sys.argv[1]))"
_REPORT_BYTES = 4096
_PATIENCE = 120.0  # seconds beyond a process's own limit: for the zygote to import things, on the slowest of machines


class Zygote:
    """The process that sealed ones are forked from: for one thread, and for one fork at a time.

    Raises:
        CannotSeal: it does not start.
    """

    def __init__(self) -> None:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-c", _BOOTSTRAP, str(theirs.fileno()), *_module_folders()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=[theirs.fileno()],
                    env=_environment(),
                    cwd="/",
                    start_new_session=True,  # Ctrl-C is for this process to hear
                )
            except OSError as error:
                self._link.close()
                raise CannotSeal(f"{sys.executable}: cannot be started anew: {error.strerror}") from None
        try:
            self.report(_PATIENCE)
        except BaseException:
            self.close()
            raise

    def import_modules(self, names: Iterable[str]) -> None:
        """Imports modules, so that processes forked from now on have them."""
        self.order(Import(sorted(names)))
        self.report(_PATIENCE)

    def order(self, order: Import | Fork | Kill, files: Iterable[int] = ()) -> None:
        """Tells it something, and hands files over."""
        try:
            socket.send_fds(self._link, [encode(order)], list(files))
        except BrokenPipeError:
            self._gone()

    def report(self, seconds: float) -> Ready | Ended:
        """What it says next, within so many seconds."""
        self._link.settimeout(seconds)
        try:
            content = self._link.recv(_REPORT_BYTES)
        except TimeoutError:
            raise CannotSeal(f"the process to fork sealed ones from has not answered in {seconds:g} s") from None
        report: Ready | Ended = decode_report(content) if content else self._gone()
        return report

    def close(self) -> None:
        """Ends it, and with it what it has forked."""
        self._link.close()
        self._process.kill()
        with self._process:  # which closes what is open still, and waits
            pass

    def _gone(self) -> NoReturn:
        self._process.kill()
        _, errors = self._process.communicate()
        last = errors.decode(errors="replace").strip().rpartition("\n")[2] or f"exit code {self._process.returncode}"
        raise CannotSeal(f"the process to fork sealed ones from has ended: {visible(last)}")


class SealedProcess:
    """A sealed process, from its start to its end; a context manager.

    Args:
        zygote: what it is forked from; its last fork must have ended.
        limits: what it may use.

    Raises:
        CannotSeal: the process could not be sealed.
    """

    def __init__(self, zygote: Zygote, limits: Limits) -> None:
        self._zygote, self._limits, self._ended = zygote, limits, False
        theirs_in, self._told = os.pipe()
        self._said, theirs_out = os.pipe()
        # Both sides on one core, the one that this process is on now: else one sleeps while the other works, and waking
        # it takes longer than all the rest. Between campaigns the scheduler is free to move this process.
        self._cores, core = os.sched_getaffinity(0), kernel.current_core()
        kernel.run_on({core})
        try:
            order = Fork(core, limits.cpu_seconds, limits.memory_bytes, limits.seconds)
            zygote.order(order, (theirs_in, theirs_out))
        except BaseException:
            self._ended = True
            self.close()
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    def __enter__(self) -> SealedProcess:
        try:
            first = self.hear()
            problem = first.said if isinstance(first, Failed) else "" if isinstance(first, Sealed) else repr(first)
        except Breach as breach:  # not the strategy's, of which the process knows nothing yet
            problem = f"it {breach.said}"
        except BaseException:
            self.close()
            raise
        if problem:
            self.close()
            raise CannotSeal(f"a process could not be sealed: {problem}")
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def read(self) -> bytes:
        """The next message as it is.

        Raises:
            Breach: there is none, or it is too long.
        """
        content = os.read(self._said, MESSAGE_BYTES + 1)
        if not content:
            raise self._breach()
        if len(content) > MESSAGE_BYTES:
            raise Breach(
                "oversize message", f"sent more than {MESSAGE_BYTES:,} bytes at a time from its sealed process"
            )
        return content

    def decode(self, content: bytes) -> Said:
        """What a message says.

        Raises:
            Breach: it is none.
        """
        try:
            said: Said = decode_said(content)
            return said
        except Exception as error:  # of msgspec, of text that is not UTF-8, of nesting: whatever it is, no message  # noqa: BLE001
            text = f"sent something from its sealed process that is no message of a campaign ({visible(str(error))})"
            raise Breach("malformed message", text) from None

    def hear(self) -> Said:
        """The next message."""
        return self.decode(self.read())

    def tell(self, content: bytes) -> None:
        """Sends a message of any length.

        Raises:
            Breach: there is nobody to hear it.
        """
        try:
            sent = os.write(self._told, content)
            while sent < len(content):
                sent += os.write(self._told, content[sent:])
        except BrokenPipeError:
            raise self._breach() from None

    def finish(self) -> None:
        """Waits for its end after its last message.

        Raises:
            Breach: it says more, or it does not end as it should.
        """
        if os.read(self._said, 1):
            raise Breach("out of turn", "sent a message from its sealed process after it had ended the campaign")
        ended = self._report()
        if ended != Ended("exit", 0):
            raise breach_of(ended, self._limits)

    def close(self) -> None:
        """Ends it, if it has not; gives back what belongs to it."""
        os.close(self._told)
        os.close(self._said)
        kernel.run_on(self._cores)
        if not self._ended:
            self._zygote.order(Kill())
            self._report()

    def _breach(self) -> Breach:
        return breach_of(self._report(), self._limits)

    def _report(self) -> Ended:
        ended = self._zygote.report(self._limits.seconds + _PATIENCE)
        self._ended = True
        assert isinstance(ended, Ended)
        return ended


def _module_folders() -> list[str]:
    """Absolute paths where modules of this process come from, this package's own folder included."""
    folders = [path for path in sys.path if os.path.isabs(path)]
    own = str(Path(__file__).parents[2])
    return folders if own in folders else [*folders, own]


def _environment() -> dict[str, str]:
    """Nothing of this process's environment but where its libraries are; one thread for all that computes."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    libraries = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    no_tick = "glibc.pthread.rseq=0"  # else the kernel would write to a thread's memory whenever it interrupts it
    return {"LC_ALL": "C.UTF-8", "GLIBC_TUNABLES": no_tick, **threads, **libraries}
