"""What commands share: where their output goes, progress, and a clean standard output."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from seedbench.commands import open_console
from seedbench.errors import SeedbenchError
from seedbench.files import try_writing, write_file

FIRST_LINE, NEXT_LINE = 5.0, 30.0  # seconds until work that is not on a terminal says how far it is
AT_ONCE = 0.1  # seconds after the first word of how far it is, in which what was done before is said
LEAST_SHARE = 0.1  # of the work, before it is said how long the rest takes
#: Options of files that are of one kind, whatever they are called: the endings that say so.
ENDINGS = {"replicates_out": (".parquet",), "html": (".html", ".htm")}


def check_outputs(json: Path | None, *, inputs: Iterable[str | None] = (), **others: Path | None) -> bool:
    """Refuses files that could not be written, that are the same, or that are read: before the work, not after.

    Args:
        json: what --json says; - is standard output.
        inputs: strategies and trial sets, as they were given.
        others: what other options say, by their names.

    Returns:
        Whether the JSON goes to standard output.
    """
    from seedbench.strategy import file_of

    to_stdout = str(json) == "-"
    read = [_real(name) for given in inputs if given for name in {given, file_of(given)}]
    taken: dict[Path, str] = {}
    for name, path in {"json": None if to_stdout else json, **others}.items():
        if path is None:
            continue
        option, target = f"--{name.replace('_', '-')}", _real(path)
        if path.suffix not in ENDINGS.get(name, (path.suffix,)):
            raise SeedbenchError(f"{path}: {option} takes a file whose name ends in {ENDINGS[name][0]}")
        if any(_is_read(target, given) for given in read):
            raise SeedbenchError(f"{path}: {option} would write over what is read; give another file")
        _check_writable(path)
        if (other := taken.setdefault(target, option)) != option:
            raise SeedbenchError(f"{path}: given as {other} and as {option}; give two files")
    return to_stdout


def _is_read(target: Path, given: Path) -> bool:
    """Whether a file is a strategy's, or one of the data of a trial set."""
    if given.suffix == ".py":
        return target == given
    data = target.name == "manifest.json" or target.suffix == ".parquet"
    return data and os.path.isdir(given) and target.is_relative_to(given)


def _real(path: str | Path) -> Path:
    """With all links followed, as far as that leads anywhere."""
    return Path(os.path.realpath(path))


def _check_writable(path: Path) -> None:
    if os.path.isdir(path):
        raise SeedbenchError(f"{path}: is a folder; give a file")
    if os.path.exists(path) and not os.path.isfile(path):  # a device, a pipe: the file would take its place
        raise SeedbenchError(f"{path}: is no regular file; give another, or - for standard output with --json")
    if not os.path.isdir(path.absolute().parent):
        raise SeedbenchError(f"{path}: no such folder {path.absolute().parent}")
    try_writing(path)


def check_new_folder(folder: Path) -> None:
    """Refuses a folder that could not be made: before the work, not after."""
    if os.path.lexists(folder):
        raise SeedbenchError(f"{folder}: exists already, and is left as it is; give a new folder")
    parent = next(parent for parent in folder.absolute().parents if os.path.lexists(parent))
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise SeedbenchError(f"{folder}: cannot be made in {parent}")


def write_text(path: Path | None, text: str) -> None:
    """Writes a text file; - is standard output, None nowhere."""
    if str(path) == "-":
        sys.stdout.write(text)
    elif path is not None:
        write_file(path, text)


@contextmanager
def progress(name: str, unit: str = "campaigns") -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr; where that is no terminal, a line now and then."""
    if not sys.stderr.isatty():
        yield _lines(name, unit)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    pace = Pace()
    with Progress(*columns, console=open_console(stderr=True), transient=True, redirect_stdout=False) as bar:
        job = bar.add_task(name, total=None, left=unit)
        yield lambda done, total: bar.update(job, completed=done, total=total, left=unit + pace.left(done, total))


class Pace:
    """How much longer work will take, by how long it took since it was first said how far it is.

    What came before that, reading trials and starting processes, is not repeated; and what was done by an earlier call
    of the same command is said at once, and is no work of this one.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self._first = 0.0, 0

    def left(self, done: int, total: int) -> str:
        """What there is to say, as ", about 12 s left"; nothing before a tenth of the work tells how fast it is."""
        from seedbench.display.terminal import seconds

        now = self._clock()
        self._began = now if self._began is None else self._began
        if now - self._began < AT_ONCE:
            self._first = now, done
        passed, more = now - self._first[0], done - self._first[1]
        if more < LEAST_SHARE * (total - self._first[1]) or done >= total:
            return ""
        return f", about {seconds(passed * (total - done) / more)} left"


def _lines(name: str, unit: str) -> Callable[[int, int], None]:
    """Says how far the work is: the first time after some seconds, so that short work is done without a word."""
    from seedbench.display.terminal import seconds

    began, due, pace = time.monotonic(), FIRST_LINE, Pace()

    def advance(done: int, total: int) -> None:
        nonlocal due
        left, passed = pace.left(done, total), time.monotonic() - began
        if passed < due + (0 if left else NEXT_LINE):  # a little later with it, rather than at once without
            return
        due = passed + NEXT_LINE
        print(
            f"seedbench: {name}: {done:,} of {total:,} {unit} in {seconds(passed)}{left}", file=sys.stderr, flush=True
        )

    return advance


@contextmanager
def prints_to_stderr(active: bool) -> Iterator[None]:
    """What a strategy prints, here or in a worker process, does not get between the JSON on standard output."""
    if not active:
        yield
        return
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
