"""Where every trial stands, by what was sent, the queue and the logs; and how what is to be sent is cut into blocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

from runners.cluster.state import Batch, Block, Wanted
from runners.trial_log import Cell

#: Where a trial can stand; the fields of `Standing`.
WORDS = ("done", "running", "pending", "unsent", "lost", "failed", "cancelled")


@dataclass(frozen=True)
class Standing:
    """Where the trials of one table stand; every cell is in exactly one of the seven.

    Attributes:
        done: there is a log.
        running, pending: in a job that runs, or that waits in the queue.
        unsent: in no job yet.
        lost: their job ended without their logs: killed, preempted, out of time. To be sent again.
        failed: their job raised an error, or they were lost too often.
        cancelled: their job was cancelled here.
        broken: the batch and the block of each job that failed cells were in last.
    """

    done: Block
    running: Block
    pending: Block
    unsent: Block
    lost: Block
    failed: Block
    cancelled: Block
    broken: tuple[tuple[Batch, int], ...]


def standing(
    table: Wanted, batches: Sequence[Batch], queue: Mapping[tuple[str, int], str], raised: Mapping[tuple[str, int], str]
) -> Standing:
    """Sorts a table's cells.

    Args:
        table: the table. Its logs are looked up here, so the queue must have been asked before.
        batches: all that was sent and not forgotten, in order.
        queue: "running" or "pending" for a batch's name and a block's number; a block that is over is not there.
        raised: the same for the blocks that raised an error, and the error's last line.
    """
    done = table.done()
    alive: dict[Cell, str] = {}
    last: dict[Cell, tuple[Batch, int]] = {}
    sent: Counter[Cell] = Counter()
    for batch in batches:
        if batch.table != table.key:
            continue
        for number, block in enumerate(batch.blocks):
            word = queue.get((batch.name, number))
            for cell in block:
                sent[cell] += 1
                last[cell] = batch, number
                if word and alive.get(cell) != "running":
                    alive[cell] = word

    def where(cell: Cell) -> str:
        if cell in done:
            return "done"
        if cell in alive:
            return alive[cell]
        if cell not in last:
            return "unsent"
        batch, number = last[cell]
        if batch.cancelled:
            return "cancelled"
        if (batch.name, number) in raised or sent[cell] >= table.options.attempts:
            return "failed"
        return "lost"

    sorted_cells: dict[str, list[Cell]] = {}
    for cell in table.cells:
        sorted_cells.setdefault(where(cell), []).append(cell)
    broken = dict.fromkeys((last[cell][0].name, last[cell][1]) for cell in sorted_cells.get("failed", ()))
    by_name = {batch.name: batch for batch in batches}
    return Standing(
        **{word: tuple(sorted_cells.get(word, ())) for word in WORDS},
        broken=tuple((by_name[name], number) for name, number in broken),
    )


def cut_blocks(cells: Sequence[Cell], size: int) -> list[Block]:
    """Splits cells into blocks of at most ``size``, by columns as far as possible.

    The trials of one column share their data order, and the stacked engine trains them together: a column that fits
    stays whole, a longer one is cut into near-equal parts, and parts share a block while they fit.
    """
    parts: list[list[Cell]] = []
    by_column = sorted(cells, key=lambda cell: (cell.data_order_seed, cell.weight_init_seed))
    for _, column in groupby(by_column, key=lambda cell: cell.data_order_seed):
        rest = list(column)
        for left in range(ceil(len(rest) / size), 0, -1):
            cut = ceil(len(rest) / left)
            parts.append(rest[:cut])
            rest = rest[cut:]
    blocks: list[list[Cell]] = []
    for part in parts:
        if blocks and len(blocks[-1]) + len(part) <= size:
            blocks[-1] += part
        else:
            blocks.append(part)
    return [tuple(block) for block in blocks]
