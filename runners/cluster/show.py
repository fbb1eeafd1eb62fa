"""What a person sees of a cluster's work."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from runners.cluster.jobs import job_paths, last_words
from runners.cluster.rounds import View
from runners.cluster.standing import WORDS
from runners.cluster.state import Batch
from runners.trial_log import Cell
from seedbench.text import counted


def overview(view: View) -> Table:
    """A row per table."""
    shown = Table("table", "done", "running", "pending", "not sent", "failed", "waiting for", box=None)
    for column in shown.columns[1:6]:
        column.justify = "right"
    for key, state in view.standings.items():
        reasons = {
            reason
            for (name, _), reason in view.queue.reason.items()
            if any(batch.name == name and batch.table == key for batch in view.state.batches)
        }
        shown.add_row(
            key,
            f"{len(state.done)}/{len(view.state.tables[key].cells)}",
            *(str(len(cells)) for cells in (state.running, state.pending)),
            str(len(state.unsent) + len(state.lost) + len(state.cancelled)),
            Text(str(len(state.failed)), "red" if state.failed else ""),
            ", ".join(sorted(reasons)),
        )
    return shown


def failures(out: Path, view: View) -> list[str]:
    """A line per job that failed: which trials, how it ended, its last line and its log."""
    lines = []
    for key, state in view.standings.items():
        for batch, number in state.broken:
            lines.append(f"{key}: {_failure(out, view, batch, number, state.failed)}")
    return lines


def _failure(out: Path, view: View, batch: Batch, number: int, failed: Sequence[Cell]) -> str:
    count = len(set(batch.blocks[number]).intersection(failed))
    paths = job_paths(out, batch, number)
    if paths is None:
        return f"{counted(count, 'trial')}: {batch.name} was never submitted"
    end = view.queue.ended.get((batch.name, number), "ended")
    reason = view.errors.get((batch.name, number)) or last_words(paths)
    return f"{counted(count, 'trial')}, job {paths.job_id} {end}: {reason} (log: {paths.stderr})"


def summary(view: View) -> str:
    """The same in one line a table, for a console that is not a terminal."""
    lines = []
    for key, state in view.standings.items():
        counts = {word: len(getattr(state, word)) for word in WORDS if word != "done"}
        rest = "".join(f", {count} {word}" for word, count in counts.items() if count)
        lines.append(f"{key}: {len(state.done)}/{len(view.state.tables[key].cells)} done{rest}")
    return "\n".join(lines)


def print_failures(out: Path, view: View, console: Console) -> None:
    """A line per job that failed, not wrapped: the name of its log is there to be copied."""
    for line in failures(out, view):
        console.print(line, style="red", soft_wrap=True, highlight=False)


@contextmanager
def watching(out: Path, console: Console) -> Iterator[Callable[[View | None, str], None]]:
    """A table that is kept up to date on a terminal; elsewhere a line a table whenever something has changed."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=2) as live:

            def update(view: View | None, trouble: str) -> None:
                if view is None:
                    live.update(Text(trouble, "yellow"))
                else:
                    live.update(Group(overview(view), *(Text(line, "red") for line in failures(out, view))))

            yield update
        return
    printed = ""

    def show(view: View | None, trouble: str) -> None:
        nonlocal printed
        text = trouble if view is None else summary(view)
        if text != printed:
            console.print(text, soft_wrap=True, highlight=False)
            printed = text

    yield show
