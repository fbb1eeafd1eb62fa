"""One look at queue and logs, one round of sending, and the loop of both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import ceil
from pathlib import Path

from runners.cluster.jobs import Queue, SchedulerError, ask, is_here, raised, send
from runners.cluster.standing import Standing, cut_blocks, standing
from runners.cluster.state import Batch, Block, Options, State, Wanted, locked, write_state
from runners.errors import RunnerError
from runners.plan import measured_trials_per_hour
from runners.plan_file import PlannedTable
from runners.table import pending_cells
from runners.trial_log import Cell

#: Trials of the first block of a table whose speed is not known yet.
PILOT = 8


class ClusterError(RunnerError):
    """Trials that failed, or nothing to be done."""


@dataclass(frozen=True)
class View:
    """What one look at queue and logs saw: the standings by the tables' keys, and the errors that blocks raised."""

    state: State
    queue: Queue
    standings: dict[str, Standing]
    errors: dict[tuple[str, int], str]

    @property
    def busy(self) -> bool:
        """Whether any job runs or waits; one may do so a little longer than its last trial."""
        return bool(self.queue.alive)


def look(out: Path, state: State) -> View:
    """Asks the scheduler, then reads which logs are there.

    Raises:
        SchedulerError: the scheduler does not answer.
    """
    done = {key: table.done() for key, table in state.tables.items()}
    queue = ask(out, _to_ask(state.batches, done))
    errors = {}
    for batch in state.batches:
        for number, block in enumerate(batch.blocks):
            over = (batch.name, number) not in queue.alive and not done.get(batch.table, set()).issuperset(block)
            if over and (error := raised(out, batch, number)):
                errors[batch.name, number] = error
    standings = {key: standing(table, state.batches, queue.alive, errors) for key, table in state.tables.items()}
    return View(state, queue, standings, errors)


def _to_ask(batches: Iterable[Batch], done: Mapping[str, set[Cell]]) -> list[Batch]:
    """The batches of which something is to be known: what was trained on another machine and is done is not asked."""
    return [
        batch
        for batch in batches
        if is_here(batch) or not done.get(batch.table, set()).issuperset(chain.from_iterable(batch.blocks))
    ]


def send_round(out: Path, view: View) -> int:
    """Sends what is neither done nor under way, as far as there is room; returns the number of blocks.

    A table of which a block failed or was cancelled is left alone: that is for a person to look at.
    """
    sent = 0
    for key, table in view.state.tables.items():
        state, options = view.standings[key], table.options
        missing = [*state.unsent, *state.lost]
        if not missing or state.failed or state.cancelled:
            continue
        rate = table.trials_per_hour or measured_trials_per_hour(table.spec)
        if rate is None and (state.running or state.pending):
            continue  # its first block is under way, and will tell how fast a job is
        size = PILOT if rate is None else max(1, round(rate * options.block_minutes / 60))
        if options.executor == "local":
            size = min(size, ceil(len(missing) / options.max_jobs))
        blocks = cut_blocks(missing, size)[: 1 if rate is None else None]
        if options.executor == "local":
            sent += _send_local(out, view, table, blocks)
        else:
            send(out, view.state, table, blocks, *options.devices[:1])
            sent += len(blocks)
    return sent


def _send_local(out: Path, view: View, table: Wanted, blocks: Sequence[Block]) -> int:
    # submitit's local executor has no queue: it starts whatever it is given, so it is given no more than there is room.
    devices = table.options.devices
    busy = [batch.device for batch in view.state.batches if (batch.name, 0) in view.queue.alive]
    room = max(0, table.options.max_jobs - len(busy))
    for block in blocks[:room]:
        device = min(devices, key=busy.count)
        send(out, view.state, table, [block], device)
        view.queue.alive[view.state.batches[-1].name, 0] = "running"
        busy.append(device)
    return len(blocks[:room])


def register(out: Path, tables: Sequence[PlannedTable], options: Options) -> None:
    """Adds tables to those wanted, and forgets what became of their earlier blocks: what is missing is sent anew.

    What became of other tables' blocks is not forgotten: those that failed or were cancelled are left alone.

    Raises:
        RunnerError: a log is damaged, or of another recipe under the same name.
    """
    for table in tables:
        pending_cells(table.spec, table.cells)
    submitted: dict[str, set[Cell]] = {}
    with locked(out) as state:
        for table in tables:
            wanted = Wanted(table.spec, table.cells, options, table.trials_per_hour)
            before = state.tables.get(wanted.key)
            if before is not None:
                if before.spec.recipe != wanted.spec.recipe:
                    raise ClusterError(
                        f"{out}: recipe {wanted.spec.recipe.name!r} had other fields when its trials were sent; give "
                        "the changed recipe a name of its own (--set name=…) or another --out"
                    )
                wanted = replace(wanted, cells=tuple(dict.fromkeys((*before.cells, *wanted.cells))))
            state.tables[wanted.key] = wanted
            submitted[wanted.key] = wanted.done()
        alive = ask(out, _to_ask([batch for batch in state.batches if batch.table in submitted], submitted)).alive
        kept = [
            replace(batch, blocks=tuple(b if (batch.name, n) in alive else () for n, b in enumerate(batch.blocks)))
            if batch.table in submitted
            else batch
            for batch in state.batches
        ]
        state.batches = [batch for batch in kept if any(batch.blocks)]
        write_state(out, state)


def drive(out: Path, poll_seconds: float, show: Callable[[View | None, str], None]) -> View:
    """Sends and waits until every trial is done, or failed; lost blocks are sent again.

    Args:
        out: folder of the logs.
        poll_seconds: between two looks.
        show: told what each look saw; or, with None, why the scheduler did not answer.

    Raises:
        SchedulerError: in the first round the scheduler does not answer, or refuses what is sent while nothing is under
            way. Else it is asked again: where jobs are, a limit on their number ends with them.
    """
    first = True
    while True:
        try:
            with locked(out) as state:
                view = look(out, state)
                sent = send_round(out, view)
            show(view, "")
            if not sent and not view.busy:
                return view
            first = False
        except SchedulerError as error:
            if first and not _busy(out):
                raise
            show(None, str(error))
        time.sleep(poll_seconds)


def _busy(out: Path) -> bool:
    """Whether anything is under way, what the round that was refused sent before included.

    Raises:
        SchedulerError: the scheduler does not answer.
    """
    with locked(out) as state:
        return look(out, state).busy
