"""Blocks as jobs: what a job does, how it is sent through submitit, and what the scheduler says about it.

Whether a job is alive is asked of ``squeue`` or this machine's process table, not of submitit: its answers come from
``sacct``, which many clusters do not offer, or from the process that started the job.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import submitit
from submitit.core.utils import DelayedSubmission, FailedJobError, FailedSubmissionError, JobPaths, pickle_load

from runners.cluster.state import Batch, Block, Options, State, Wanted, cluster_folder, write_state
from runners.errors import RunnerError
from runners.table import TableSpec, pending_cells
from seedbench.slurm import RUNNING, WAITING
from seedbench.text import counted

EXECUTORS = ("slurm", "local", "debug")
#: SLURM's default limit (MaxArraySize) is 1,001.
MAX_ARRAY = 1000
#: A local job has no time limit of its own; submitit wants one, in minutes.
UNLIMITED = 60 * 24 * 365


class SchedulerError(RunnerError):
    """SLURM, or this machine's process table, does not answer or refuses."""


@dataclass(frozen=True)
class BlockJob:
    """A job: trains a block's cells that have no log yet. submitit pickles it and calls it elsewhere.

    Attributes:
        spec: the table.
        cells: the block.
        device: "cpu", "cuda", …; empty: a GPU if there is one.
        threads: CPU threads; 0 leaves torch's default.
        gpu: the one GPU of this machine that a local job shall see; empty: what the scheduler lets it see.
    """

    spec: TableSpec
    cells: Block
    device: str = ""
    threads: int = 0
    gpu: str = ""

    def __call__(self) -> int:
        """Trains, writes the logs, prints a line a trial; returns the number of trials."""
        if self.gpu:
            os.environ["CUDA_VISIBLE_DEVICES"] = (
                self.gpu
            )  # before torch is loaded; submitit's local executor set its own
        cells = pending_cells(self.spec, self.cells)
        if not cells:
            return 0
        import torch

        from runners.block import BlockRunner

        if self.threads:
            torch.set_num_threads(self.threads)
        runner = BlockRunner(self.spec, self.device or ("cuda" if torch.cuda.is_available() else "cpu"))
        runner.check_folder()
        print(f"{counted(len(cells), 'trial')} on {runner.provenance['device']}", flush=True)
        for number, cell in enumerate(runner.run(cells), 1):
            seeds = f"weight_init_seed={cell.weight_init_seed} data_order_seed={cell.data_order_seed}"
            print(f"{number}/{len(cells)} {seeds}", flush=True)
        return len(cells)

    def checkpoint(self) -> DelayedSubmission:
        """What submitit queues again on preemption or when the time is up: the same, since finished cells have logs."""
        return DelayedSubmission(self)


# ---- sending ---------------------------------------------------------------------------------------------------------


def send(out: Path, state: State, table: Wanted, blocks: Sequence[Block], device: str = "") -> None:
    """Sends blocks, and writes down that they were sent; "debug" trains them here and now.

    The state is written first: a command that is killed in between leaves a batch without jobs, which is sent again,
    and never jobs that nobody knows of.

    Raises:
        SchedulerError: no SLURM here, or sbatch refused.
        RunnerError: what a block that is trained here and now needs cannot be used.
    """
    options = table.options
    for start in range(0, len(blocks), MAX_ARRAY):
        chunk = tuple(blocks[start : start + MAX_ARRAY])
        batch = Batch(f"seedbench-{uuid.uuid4().hex[:8]}", table.key, options.executor, chunk, device)
        jobs = [_job(table, block, device) for block in chunk]
        if options.executor == "debug":
            for job in jobs:
                job()  # submitit's own executor of this name stops at a debugger's prompt where one raises
            continue
        executor = _executor(cluster_folder(out) / batch.name, batch.name, options)
        if options.executor == "local":
            batch = replace(batch, host=socket.gethostname())
        state.batches.append(batch)
        write_state(out, state)
        try:
            executor.submit_array(jobs)
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            state.batches.remove(batch)
            write_state(out, state)
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise SchedulerError(f"{options.executor}: {reason}") from None


def _executor(folder: Path, name: str, options: Options) -> submitit.Executor:
    if options.executor == "local":
        local = submitit.LocalExecutor(folder)
        local.update_parameters(timeout_min=UNLIMITED)
        return local
    try:
        slurm = submitit.SlurmExecutor(folder)
    except RuntimeError:
        raise SchedulerError(
            "--executor slurm: no srun here; run this on a machine of the cluster, or take --executor local"
        ) from None
    slurm.update_parameters(**{**options.slurm, "job_name": name, "array_parallelism": options.max_jobs})
    return slurm


def _job(table: Wanted, block: Block, device: str) -> BlockJob:
    kind, _, number = device.partition(":")
    if table.options.executor != "local" or kind != "cuda":
        return BlockJob(table.spec, block, device, table.options.threads)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    gpus = dict(enumerate(visible.split(","))) if visible else {}
    return BlockJob(table.spec, block, kind, table.options.threads, gpus.get(int(number or 0), number or "0"))


# ---- asking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Queue:
    """What the scheduler says of blocks, by batch name and block number.

    Attributes:
        alive: "pending" or "running", for those that are not over.
        reason: why those pending wait, in SLURM's words.
        ended: SLURM's word for the end of a job, as long as it remembers (minutes).
    """

    alive: dict[tuple[str, int], str]
    reason: dict[tuple[str, int], str]
    ended: dict[tuple[str, int], str]


def ask(out: Path, batches: Sequence[Batch]) -> Queue:
    """Asks SLURM, or this machine, about batches.

    Raises:
        SchedulerError: no answer, or the batch runs on another machine.
    """
    queue = Queue({}, {}, {})
    if any(batch.executor == "slurm" for batch in batches):
        text = _output(
            "squeue", "--array", "--states=all", "--noheader", f"--user={os.getuid()}", "--format=%i|%j|%T|%r"
        )
        names = {batch.name for batch in batches}
        for line in text.splitlines():
            job_id, *words = line.split("|", 3)
            if len(words) < 3 or words[0] not in names:  # some sites have squeue begin with a line "CLUSTER: name"
                continue
            name, state, reason = words
            key = name, _number(job_id)
            if state in WAITING:
                queue.alive[key] = "pending"
                if reason != "None":  # SLURM has not looked at it yet
                    queue.reason[key] = reason
            elif state in RUNNING:
                queue.alive[key] = "running"
            else:
                queue.ended[key] = state
    if any(batch.executor == "local" for batch in batches):
        processes = _processes(out)
        for batch in batches:
            if not is_here(batch):
                raise SchedulerError(f"{out}: {batch.name} was started on {batch.host}; run this there")
            if batch.name in processes:
                queue.alive[batch.name, 0] = "running"
    return queue


def is_here(batch: Batch) -> bool:
    """Whether this machine can tell what became of a batch."""
    return batch.executor != "local" or batch.host == socket.gethostname()


def _processes(out: Path) -> dict[str, list[int]]:
    """The processes of local batches, by batch name: submitit's controller and the job, as long as either lives."""
    processes: dict[str, list[int]] = {}
    start = f"{cluster_folder(out)}/"
    for process_id, command in _commands():
        module, _, folder = command.partition(start)
        if "submitit." in module and "/" not in folder:
            processes.setdefault(folder.strip(), []).append(process_id)
    return processes


def _commands() -> Iterator[tuple[int, str]]:
    """Number and command line of this machine's processes; from /proc where that is, since slim images have no ps."""
    if not Path("/proc/self/cmdline").exists():
        for line in _output("ps", "-A", "-ww", "-o", "pid=,args=").splitlines():
            process_id, _, command = line.strip().partition(" ")
            yield int(process_id), command
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SchedulerError(f"{command[0]}: {error}") from None
    if done.returncode:
        reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
        raise SchedulerError(f"{command[0]} does not answer ({reason}); nothing was changed, try again")
    return done.stdout


def _number(job_id: str) -> int:
    """The block's number in the id of a job: 7 in "1234_7"; a job that is no array has one block."""
    _, _, number = job_id.partition("_")
    return int(number) if number.isdigit() else 0


def cancel(out: Path, batches: Sequence[Batch]) -> None:
    """Ends the jobs of batches that are not over.

    Raises:
        SchedulerError: SLURM refuses.
    """
    processes = _processes(out) if any(batch.executor == "local" for batch in batches) else {}
    for batch in batches:
        if batch.executor == "slurm":
            _output("scancel", f"--name={batch.name}")
        for process_id in processes.get(batch.name, ()):
            # submitit's jobs take no notice of SIGTERM, and nothing that has no log is worth a farewell.
            with suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)


# ---- a job's own files -----------------------------------------------------------------------------------------------


def job_paths(out: Path, batch: Batch, number: int) -> JobPaths | None:
    """The files of a block's job; None if it never became one."""
    folder = cluster_folder(out) / batch.name
    for path in folder.glob("*_submitted.pkl"):
        job_id = path.name.removesuffix("_submitted.pkl")
        if _number(job_id) == number:
            return JobPaths(folder, job_id)
    return None


def raised(out: Path, batch: Batch, number: int) -> str | None:
    """The last line of the error that a block's job raised; None if it raised none."""
    paths = job_paths(out, batch, number)
    if paths is None or not paths.result_pickle.exists():
        return None
    outcome, result = pickle_load(paths.result_pickle)
    return _last_line(result) if outcome == "error" else None


def last_words(paths: JobPaths) -> str:
    """The last line that a job wrote, or that SLURM wrote on its behalf; srun's own epilogue left out."""
    for path in (paths.stderr, paths.stdout):
        try:
            if line := _last_line(path.read_text(errors="replace")):
                return line
        except FileNotFoundError:
            continue
    return "it wrote nothing"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("srun: ")]
    return lines[-1] if lines else ""
