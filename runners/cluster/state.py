"""What was sent to a cluster, on disk.

The trial logs say what is done. The state file says only which tables are wanted and which blocks were sent under
which name; whether a block is in the queue is asked of the scheduler (``runners.cluster.jobs``). So nothing can
disagree after an interruption: the same command, given again, starts from what is there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from runners.errors import RunnerError
from runners.table import TableSpec
from runners.trial_log import Cell
from seedbench import files
from seedbench.documents import Count, Positive, read_json, to_json

Block = tuple[Cell, ...]


class StateError(RunnerError):
    """A state file that cannot be used; the message names it."""


@dataclass(frozen=True)
class Options:
    """How the blocks of a table are run.

    Attributes:
        executor: "slurm", "local" or "debug".
        block_minutes: how long a block should take.
        max_jobs: jobs at the same time.
        devices: of the jobs: "cpu", "cuda", "cuda:1"; with none, a SLURM job takes a GPU if it sees one.
        threads: CPU threads of a job; 0 leaves torch's default.
        attempts: how often a block that keeps getting lost is sent before it counts as failed.
        slurm: what sbatch is told, under submitit's names (``time`` in minutes).
    """

    executor: str
    block_minutes: float
    max_jobs: Positive
    devices: tuple[str, ...] = ()
    threads: int = 0
    attempts: int = 3
    slurm: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """A table to be filled."""

    spec: TableSpec
    cells: tuple[Cell, ...]
    options: Options
    trials_per_hour: float | None = None

    @property
    def key(self) -> str:
        """What tells it from the other tables below the same folder."""
        return f"{self.spec.model_name} {self.spec.task} {self.spec.recipe.name}"

    def done(self) -> set[Cell]:
        """The cells whose logs are there."""
        try:
            names = set(os.listdir(self.spec.log_path(Cell(0, 0)).parent))
        except FileNotFoundError:
            return set()
        return {cell for cell in self.cells if self.spec.log_path(cell).name in names}


@dataclass(frozen=True)
class Batch:
    """Blocks sent together: a SLURM job array, or one local job.

    Attributes:
        name: of the SLURM job, and of the folder of the jobs' own files.
        table: the key of its table.
        blocks: cells of each job; empty where a block is over and was sent again under another name.
        device: a local job's.
        host: where a local batch runs.
        cancelled: it was ended on purpose.
    """

    name: str
    table: str
    executor: str
    blocks: tuple[Block, ...]
    device: str = ""
    host: str = ""
    cancelled: bool = False


@dataclass
class State:
    """The state file: the tables by key, and the batches in the order they were sent."""

    tables: dict[str, Wanted] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)


Pairs = tuple[tuple[Count, Count], ...]  # cells as a state file holds them: it lists thousands


@dataclass(frozen=True)
class _WantedFile:
    """`Wanted` in a state file."""

    spec: TableSpec
    cells: Pairs
    options: Options
    trials_per_hour: float | None


@dataclass(frozen=True)
class _BatchFile:
    """`Batch` in a state file."""

    name: str
    table: str
    executor: str
    blocks: tuple[Pairs, ...]
    device: str
    host: str
    cancelled: bool


@dataclass(frozen=True)
class _StateFile:
    """A state file."""

    format: Literal[1]
    tables: dict[str, _WantedFile]
    batches: tuple[_BatchFile, ...]


def cluster_folder(out: Path) -> Path:
    """Where everything but the trial logs lies."""
    return out / "cluster"


def _state_file(out: Path) -> Path:
    return cluster_folder(out) / "state.json"


@contextmanager
def locked(out: Path) -> Iterator[State]:
    """The state, while no other process can change it; `write_state` keeps changes."""
    files.make_folder(cluster_folder(out))
    with files.locked(_state_file(out), wait=None):
        yield read_state(out)


def write_state(out: Path, state: State) -> None:
    """Writes the state file, whole or not at all."""
    tables = {
        key: _WantedFile(table.spec, _pairs(table.cells), table.options, table.trials_per_hour)
        for key, table in state.tables.items()
    }
    batches = [
        _BatchFile(**_shallow(batch) | {"blocks": tuple(_pairs(block) for block in batch.blocks)})
        for batch in state.batches
    ]
    files.write_file(_state_file(out), to_json(_StateFile(1, tables, tuple(batches))))


def read_state(out: Path) -> State:
    """Reads the state file; without one, nothing was sent yet.

    Raises:
        StateError: it is damaged, or another version's.
    """
    path = _state_file(out)
    if not path.exists():
        return State()
    advice = "no state file of this version: once its jobs are over, remove it and submit again: the trial logs stay"
    there = read_json(path, _StateFile, advice=advice, error=StateError)
    return State(
        {
            key: Wanted(table.spec, _cells(table.cells), table.options, table.trials_per_hour)
            for key, table in there.tables.items()
        },
        [
            Batch(**_shallow(batch) | {"blocks": tuple(_cells(block) for block in batch.blocks)})
            for batch in there.batches
        ],
    )


def _shallow(value: Batch | _BatchFile) -> dict[str, Any]:
    return {item.name: getattr(value, item.name) for item in fields(value)}


def _pairs(cells: Sequence[Cell]) -> Pairs:
    return tuple((cell.weight_init_seed, cell.data_order_seed) for cell in cells)


def _cells(pairs: Sequence[Sequence[int]]) -> Block:
    return tuple(Cell(*pair) for pair in pairs)
