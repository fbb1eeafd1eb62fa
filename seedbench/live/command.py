"""Trainings that are commands, on this machine: several at a time, others stopped in memory, the rest on disk."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from seedbench.errors import LiveError
from seedbench.live.contract import Failed, Outcome, Request
from seedbench.live.process import Training
from seedbench.live.watchdog import Watchdog

#: How often it looks: from one look to the next this share of the time that it has waited, within these limits.
_POLL_SHARE, _POLL_SECONDS = 0.01, (0.02, 0.1)
_TURN_SECONDS = 0.5  # so long `wait` waits; then whoever called may be interrupted
GRACE_SECONDS = 30.0


class Commands:
    """Trains by a command, each trial in a process group of its own.

    A process is stopped (SIGSTOP) at the line that was waited for, and goes on when more is asked of its trial. Where
    more are stopped than may be held, the one that waits longest ends (SIGTERM, then SIGKILL), and is started again in
    its folder; one that has failed ends at once. What it trains between its line and the stop is not charged. After a
    trial's last line its process may come to its end by itself, for as long as the grace is.

    Args:
        words: the command, from `process.template`.
        last: index of a trial's last validation point.
        slots: so many train at a time.
        in_memory: so many processes are there at most, training or stopped.
        grace: seconds from SIGTERM to SIGKILL.
        gpus: what `CUDA_VISIBLE_DEVICES` may be, one for each process; (): it is left as it is.

    Raises:
        LiveError: this system has no process groups.
    """

    trains_here = False

    def __init__(
        self,
        words: Sequence[str],
        last: int,
        *,
        slots: int = 1,
        in_memory: int = 2,
        grace: float = GRACE_SECONDS,
        gpus: Sequence[str] = (),
    ) -> None:
        if not hasattr(os, "killpg"):
            raise LiveError("commands are trained on POSIX alone, where processes can be stopped; take a session")
        self.slots = slots
        self._words, self._last, self._grace, self._gpus = words, last, grace, gpus
        self._in_memory = max(in_memory, slots)
        self._watchdog = Watchdog()
        self._trainings: dict[Path, Training] = {}  # last used last
        self._gpu_of: dict[Path, str] = {}
        self._waiting: dict[Path, Request] = {}
        self._since: dict[Path, float] = {}

    def start(self, request: Request) -> None:
        """Begins, or goes on, to train for a request."""
        folder = request.folder
        training = self._trainings.pop(folder, None)
        if training is None:
            gpu = self._free_gpu()
            environment = {"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}
            training = Training(self._words, request, environment, grace=self._grace, watchdog=self._watchdog)
            self._gpu_of[folder] = gpu
        self._trainings[folder] = training
        self._waiting[folder], self._since[folder] = request, time.monotonic()
        if training.is_there(request.checkpoint, request.checkpoint == self._last):
            return
        if not training.alive:
            self._make_room(folder)
        training.go()

    def wait(self) -> list[tuple[Request, Outcome]]:
        """Waits for an outcome, or half a second; longer where a process is ended, which has its grace."""
        end = time.monotonic() + _TURN_SECONDS
        while True:
            found = []
            for folder, request in list(self._waiting.items()):
                last = request.checkpoint == self._last
                outcome = self._trainings[folder].outcome(request.checkpoint, last)
                if outcome is not None:
                    found.append((request, outcome))
                    del self._waiting[folder], self._since[folder]
                    if last or isinstance(outcome, Failed) or not self._trainings[folder].alive:
                        self._end(folder)
            if found or time.monotonic() > end:
                return found
            time.sleep(self._pause())

    def _pause(self) -> float:
        """Seconds to the next look: short where something has just begun, so that no short training waits for long."""
        shortest, longest = _POLL_SECONDS
        waited = time.monotonic() - max(self._since.values(), default=0.0)
        return min(max(_POLL_SHARE * waited, shortest), longest)

    def close(self) -> None:
        """Ends all processes: SIGTERM to all, then SIGKILL to those that are left."""
        for training in self._trainings.values():
            training.ask_to_end()
        for folder in list(self._trainings):
            self._end(folder)
        self._watchdog.close()

    def _make_room(self, but: Path) -> None:
        """Ends those stopped that wait longest, until one more may be there."""
        alive = [folder for folder, training in self._trainings.items() if training.alive and folder != but]
        stopped = [folder for folder in alive if folder not in self._waiting]
        for folder in stopped[: max(0, len(alive) + 1 - self._in_memory)]:
            self._end(folder)

    def _end(self, folder: Path) -> None:
        self._trainings.pop(folder).stop()
        self._gpu_of.pop(folder, None)

    def _free_gpu(self) -> str:
        """The GPU with the fewest processes that train, then the fewest at all."""
        if not self._gpus:
            return ""
        training = Counter(gpu for folder, gpu in self._gpu_of.items() if folder in self._waiting)
        held = Counter(self._gpu_of.values())
        return min(self._gpus, key=lambda gpu: (training[gpu], held[gpu]))


def visible_gpus() -> tuple[str, ...]:
    """What this process may see, as `CUDA_VISIBLE_DEVICES` says it; () where that is not set."""
    return tuple(one.strip() for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one.strip())
