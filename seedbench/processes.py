"""Processes that must not outlive the one that started them, and the name of what ended one."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_LOOK = 0.5  # seconds


def end_with(parent: int) -> None:
    """Has this process end when the one that started it does, however that ends.

    On Linux the kernel sees to it (prctl(2), PR_SET_PDEATHSIG); elsewhere a thread looks now and then, which cannot be
    done while C code holds the interpreter. On a system without parents (Windows) nothing is done.

    Args:
        parent: number of the process that started this one, as that process knows it: where it has ended already, the
            kernel tells nobody, so this process ends here.
    """
    if not hasattr(os, "getppid") or sys.platform == "win32":
        return
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    else:
        threading.Thread(target=_look, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # asked last: from before on, its end is told
        os._exit(1)


def _look(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


def signal_name(number: int) -> str:
    """A signal's name; of one that has none, such as most of the real-time signals, "signal" and its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
