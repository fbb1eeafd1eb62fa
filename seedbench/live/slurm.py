"""Trainings that are commands, as SLURM jobs: each job trains one trial as far as the strategy is sure to want it.

A job ends there, and the next one of the trial starts in its folder, wherever that runs: the campaign's folder is on a
file system that all nodes see. Whether a job is alive is asked of ``squeue``; that it is done, its result file says.
"""

from __future__ import annotations

import getpass
import hashlib
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedbench.errors import LiveError
from seedbench.live.contract import Failed, Measurement, Outcome, Request
from seedbench.live.folder import SLURM
from seedbench.live.process import RESTARTS, Training
from seedbench.live.watchdog import Watchdog
from seedbench.slurm import RUNNING, WAITING

_POLL_SECONDS = 0.1
_ASK_SECONDS = 5.0  # from one question to SLURM to the next
_SILENT_SECONDS = 900.0  # so long SLURM may be busy, and not answer, while jobs train
_LATE_SECONDS = 10.0  # so long a result may take to be seen here after its job has ended
_TIME = 60  # minutes of a job, unless it is said; one whose time is up is queued again


@dataclass(frozen=True)
class TrainTo:
    """A job: trains one trial to a validation point. submitit pickles it and calls it elsewhere.

    Attributes:
        words: the command, from `process.template`.
        request: the trial, and from which validation point to which.
        last: index of a trial's last one.
        grace: seconds from SIGTERM to SIGKILL.
    """

    words: tuple[str, ...]
    request: Request
    last: int
    grace: float

    def __call__(self) -> list[Outcome]:
        """Trains, where it was not measured before; leaves nothing running. The outcomes, of which the last may be an
        end."""
        watchdog = Watchdog()
        training = Training(self.words, self.request, {}, grace=self.grace, watchdog=watchdog)
        outcomes: list[Outcome] = []
        try:
            for checkpoint in range(self.request.checkpoint, max(self.request.until, self.request.checkpoint) + 1):
                if not training.is_there(checkpoint, checkpoint == self.last):
                    training.go()
                while (outcome := training.outcome(checkpoint, checkpoint == self.last)) is None:
                    time.sleep(_POLL_SECONDS / 10)
                outcomes.append(outcome)
                if not isinstance(outcome, Measurement):
                    break
            return outcomes
        finally:
            training.stop()
            watchdog.close()

    def checkpoint(self) -> Any:
        """What submitit queues again on preemption or when the time is up: the same, which goes on in its folder."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class Jobs:
    """Trains by a command in SLURM jobs.

    Args:
        words: the command, from `process.template`.
        last: index of a trial's last validation point.
        out: the campaign's folder.
        slots: so many jobs at a time.
        grace: seconds from SIGTERM to SIGKILL.
        parameters: of the jobs, as submitit's `SlurmExecutor` names them.

    Raises:
        LiveError: no submitit, no SLURM, or parameters that they do not know.
    """

    trains_here = False

    def __init__(
        self,
        words: Sequence[str],
        last: int,
        out: Path,
        *,
        slots: int,
        grace: float,
        parameters: Mapping[str, str | int],
    ) -> None:
        try:
            from submitit import SlurmExecutor
        except ImportError:
            raise LiveError("--workers slurm needs submitit: pip install 'seedbench[slurm]'") from None
        self.slots = slots
        self._words, self._last, self._grace = tuple(words), last, grace
        self._name = f"seedbench-{hashlib.sha256(str(out.absolute()).encode()).hexdigest()[:12]}"
        try:
            self._executor = SlurmExecutor(out.absolute() / SLURM)
            self._executor.update_parameters(**{"time": _TIME, **parameters, "job_name": self._name})
        except RuntimeError:
            raise LiveError("--workers slurm: no srun here; run this on a machine of the cluster") from None
        except ValueError as error:
            raise LiveError(f"--slurm: {' '.join(str(error).split())[:300]}") from None
        self._jobs: dict[Request, Any] = {}
        self._known: dict[tuple[Path, int], Outcome] = {}  # by folder and checkpoint
        self._ready: list[Request] = []  # whose outcome is known
        self._starts: dict[Request, int] = {}
        self._gone: dict[Request, float] = {}  # since when no job is seen
        self._unsent: dict[Request, float] = {}  # since when SLURM does not take it
        self._asked = time.monotonic()
        self._silent: float | None = None  # since when SLURM does not answer
        self._cancel()  # those of a harness that was killed

    def start(self, request: Request) -> None:
        """Sends a job, unless one of this trial has come as far."""
        if (request.folder, request.checkpoint) in self._known:
            self._ready.append(request)
            return
        self._send(request)

    def _send(self, request: Request) -> None:
        """Sends a job. Where SLURM has taken others it may be busy, or full, and is asked again for a while."""
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        job = TrainTo(self._words, request, self._last, self._grace)
        try:
            self._jobs[request] = self._executor.submit(job)
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            since = self._unsent.setdefault(request, time.monotonic())
            if not self._starts or time.monotonic() - since > _SILENT_SECONDS:
                raise LiveError(f"--workers slurm: {' '.join(str(error).split())[:300]}") from None
            return
        self._starts[request] = self._starts.get(request, 0) + 1
        self._gone.pop(request, None)
        self._unsent.pop(request, None)

    def wait(self) -> list[tuple[Request, Outcome]]:
        """The outcomes of jobs that are done; those that died are sent again, twice."""
        found = [(request, self._known.pop((request.folder, request.checkpoint))) for request in self._ready]
        self._ready.clear()
        if not found:
            time.sleep(_POLL_SECONDS)
        results = [(request, self._result(request)) for request in list(self._jobs)]
        found += [(request, outcome) for request, outcome in results if outcome is not None]
        if not found and time.monotonic() - self._asked > _ASK_SECONDS:
            self._asked = time.monotonic()
            for request in list(self._unsent):
                self._send(request)
            alive = self._alive_if_known()
            if alive is None:
                return []
            for request, job in list(self._jobs.items()):
                if str(job.job_id) in alive:
                    self._gone.pop(request, None)
                elif time.monotonic() - self._gone.setdefault(request, time.monotonic()) > _LATE_SECONDS:
                    found += self._died(request, "its job ended without a result")
        return found

    def close(self) -> None:
        """Cancels all jobs, and waits until none is left in the queue."""
        if self._starts:
            self._cancel()
            self._jobs.clear()

    def _result(self, request: Request) -> Outcome | None:
        from submitit.core.utils import pickle_load

        path = self._jobs[request].paths.result_pickle
        if not path.exists():
            return None
        kind, result = pickle_load(path)
        if kind == "success":
            del self._jobs[request]
            outcomes: list[Outcome] = result
            first, *more = outcomes
            for checkpoint, outcome in enumerate(more, request.checkpoint + 1):
                self._known[request.folder, checkpoint] = outcome
            return first
        died = self._died(request, str(result).strip().splitlines()[-1])
        return died[0][1] if died else None

    def _died(self, request: Request, reason: str) -> list[tuple[Request, Outcome]]:
        """Sends a job again, or says that its trial has failed."""
        del self._jobs[request]
        if self._starts[request] <= RESTARTS:
            self.start(request)
            return []
        return [(request, Failed(f"{reason}, {self._starts[request]} times"))]

    def _alive(self) -> set[str]:
        """The ids of this campaign's jobs that wait or run."""
        states = [line.split("|") for line in self._ask("squeue", "--noheader", "--states=all", "--format=%i|%T")]
        return {words[0] for words in states if len(words) == 2 and words[1] in WAITING | RUNNING}

    def _alive_if_known(self) -> set[str] | None:
        """The same; None where SLURM does not answer for a while, as one that is busy or restarted."""
        try:
            alive = self._alive()
        except LiveError:
            self._silent = self._silent or time.monotonic()
            if time.monotonic() - self._silent > _SILENT_SECONDS:
                raise
            return None
        self._silent = None
        return alive

    def _cancel(self) -> None:
        """Ends this campaign's jobs, and waits until they have ended."""
        self._ask("scancel")
        end = time.monotonic() + self._grace + 60
        while self._alive():
            if time.monotonic() > end:
                raise LiveError(f"jobs {self._name} do not end; see squeue --name={self._name}")
            time.sleep(_POLL_SECONDS)

    def _ask(self, *words: str) -> list[str]:
        command = [*words, f"--user={getpass.getuser()}", f"--name={self._name}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise LiveError(f"{words[0]}: {error}") from None
        if done.returncode:
            reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
            raise LiveError(f"{words[0]} does not answer ({reason}); the same command goes on")
        return done.stdout.splitlines()
