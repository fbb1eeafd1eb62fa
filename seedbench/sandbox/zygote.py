"""A process that has imported what strategies may import, knows nothing else, and forks sealed processes.

It is started anew by `process`, so there is no trial set in its memory, nor anything of the environment. It talks to
whoever evaluates over one socket and runs no foreign code: it never sees a strategy's source. What it imports is on a
list, and can neither start a program nor open a socket: a filter refuses both from the start. A sealed process is a
fork of it, so that it starts in milliseconds and comes with everything imported.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import seedbench.parameters  # noqa: F401  (strategies call it)
from seedbench.cpus import waited_for_a_cpu
from seedbench.sandbox import inside, kernel
from seedbench.sandbox.filter import no_programs, program
from seedbench.sandbox.imports import ALWAYS, LATE
from seedbench.sandbox.messages import SAID_BYTES, Ended, Failed, Fork, Import, Ready, Sealed, cut, decode_order, encode
from seedbench.sandbox.rehearsal import rehearse

_ORDER_BYTES = 65536
_SHORTEST = 0.005  # seconds: what is left is less than a look at the clock is worth
_COLLECT_AFTER = 100_000  # as in a replay: campaigns make little garbage in cycles

#: Where a sealed process finds its pipes; 0, 1 and 2 are empty.
TOLD, SAID = 3, 4
_FILTER = kernel.Filter(program())
_FILES = os.sysconf("SC_OPEN_MAX")


def main(control: int) -> NoReturn:
    """Imports and forks as told, until the other end of the socket, a file that was inherited, is closed."""
    link = socket.socket(fileno=control)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when it ends
    kernel.be_killed_first()
    gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])
    kernel.forbid_new_privileges()
    with suppress(OSError):  # a kernel without filters: the first sealed process says so
        kernel.Filter(no_programs()).install()
    _import(ALWAYS)
    rehearse()
    if kernel.silence_vdso():  # where the kernel lets it; else the clock is left, and looks at the cycle counter
        kernel.forbid_cycle_counter()
    taken = _settle()
    link.send(encode(Ready()))
    while True:
        content, files, _, _ = socket.recv_fds(link, _ORDER_BYTES, 2)
        if not content:
            os._exit(0)
        order = decode_order(content)
        if isinstance(order, Import):
            if not sys.modules.keys() >= set(order.names):
                _import(order.names)
                taken = _settle()
            link.send(encode(Ready()))
        elif isinstance(order, Fork):
            link.send(encode(_fork(order, files, link, taken + order.memory_bytes)))


def _import(names: Sequence[str]) -> None:
    for name in names:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit):  # not there, or not on this system: the strategy's own import will say so  # noqa: BLE001
            continue
        _import(LATE.get(name, ()))


def _settle() -> int:
    """Leaves little for a fork to copy or to clear away; returns the bytes of address space that it starts with."""
    sys.path_importer_cache.clear()
    gc.collect()
    gc.freeze()  # so that no collection in a fork touches, and so copies, what is here
    kernel.use_huge_pages()
    return kernel.address_space()


def _fork(order: Fork, files: list[int], link: socket.socket, memory_bytes: int) -> Ended:
    zygote = os.getpid()
    kernel.run_on({order.core})  # where its parent waits for it: handing over between cores is slow
    pid = os.fork()
    if pid == 0:
        _become_sealed(order, zygote, files, memory_bytes)
    for file in files:
        os.close(file)
    process = os.pidfd_open(pid)
    try:
        return _wait(pid, process, order.total_seconds, link)
    finally:
        os.close(process)


def _wait(pid: int, process: int, seconds: float, link: socket.socket) -> Ended:
    """Waits for a fork to end; kills it when its time is over, when told to, and when the parent is gone.

    The clock is stopped while either of the two that take turns, the fork and whoever evaluates, waits for a CPU.
    """
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.register(link, select.POLLIN)
    began, waited = time.monotonic(), _waited(os.getppid())
    left = seconds
    while not (ready := dict(poll.poll(left * 1000))):
        counted = time.monotonic() - began - (_waited(os.getppid()) - waited) - _waited(pid)
        if (left := seconds - counted) < _SHORTEST:
            break
    if process not in ready:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if not ready:
        return Ended("time", 0)
    if link.fileno() in ready and not link.recv(_ORDER_BYTES):  # the parent is gone; all else it could say is `Kill`
        os._exit(0)
    if os.WIFSIGNALED(status):
        return Ended("signal", os.WTERMSIG(status))
    return Ended("exit", os.WEXITSTATUS(status))


def _waited(process: int) -> float:
    return waited_for_a_cpu(process) or 0.0


def _become_sealed(order: Fork, zygote: int, files: list[int], memory_bytes: int) -> NoReturn:
    """In the fork: gives everything up, says so, and does what it is told."""
    try:
        kernel.die_with_parent()
        if os.getppid() != zygote:
            os._exit(1)
        _keep_only(files)
        sys.path.clear()
        sys.meta_path.append(inside.NothingToImport())
        kernel.restrict_by_landlock()
        kernel.limit_resources(cpu_seconds=order.cpu_seconds, memory_bytes=memory_bytes)
        _FILTER.install()
        os.write(SAID, encode(Sealed()))
    except BaseException as error:  # said to the parent, whatever it is  # noqa: BLE001
        os.write(SAID, encode(Failed("unusable", cut(f"{type(error).__name__}: {error}", SAID_BYTES), "")))
        os._exit(1)
    inside.main(TOLD, SAID)


def _keep_only(files: list[int]) -> None:
    """Puts the two pipes where a sealed process finds them, and closes all but them and the empty standard streams."""
    apart = [fcntl.fcntl(file, fcntl.F_DUPFD, SAID + 1) for file in files]
    for file, place in zip(apart, (TOLD, SAID), strict=True):
        os.dup2(file, place, inheritable=False)
    os.dup2(1, 2)  # what its parent has there is a pipe, which would fill up and keep the next one waiting
    os.closerange(SAID + 1, _FILES)
