"""Trainings that are generators, in this process, a few in memory at a time; `__main__` runs one as a command."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from seedbench.documents import read_regular
from seedbench.errors import CannotWrite, LiveError
from seedbench.files import make_folder, write_file
from seedbench.live.contract import Ended, Failed, Measurement, Outcome, Request, Run
from seedbench.live.lines import STDERR, Lines, write_line

Train = Callable[[Run], Iterator[Measurement]]
TRAIN = "train"  # what a file binds, unless it is said


class Generators:
    """Trains one trial at a time, in this process.

    What is measured is written to the trial's folder before anybody is told. Pausing is not asking for the next; of
    those paused the one that waits longest is closed where there are too many, and started again in its folder.

    Args:
        train: the training.
        in_memory: so many are held at most.
    """

    slots, trains_here = 1, True

    def __init__(self, train: Train, in_memory: int = 2) -> None:
        self._train, self._in_memory = train, in_memory
        self._held: dict[Path, tuple[Generator[Measurement], Lines]] = {}  # last used last
        self._asked: list[Request] = []

    def start(self, request: Request) -> None:
        """Takes a request; `wait` trains it."""
        self._asked.append(request)

    def wait(self) -> list[tuple[Request, Outcome]]:
        """Trains the first that was asked for to its validation point."""
        request = self._asked.pop(0)
        return [(request, self._to(request))]

    def close(self) -> None:
        """Closes all that are in memory."""
        while self._held:
            self._close(next(iter(self._held)))

    def _to(self, request: Request) -> Outcome:
        try:
            here = request.folder in self._held
            training, lines = self._held.pop(request.folder) if here else self._started(request)
            while lines.read() <= request.checkpoint:
                write_line(request.folder, next(training))
        except StopIteration:
            return Ended()
        except CannotWrite:  # a full disk is no failure of the training
            raise
        except Exception as error:  # the training's own  # noqa: BLE001
            write_file(request.folder / STDERR, "".join(traceback.format_exception(error)))
            return Failed(failure(error))
        self._held[request.folder] = training, lines
        outcome = lines.found[request.checkpoint]
        if isinstance(outcome, Failed):
            self._close(request.folder)
        return outcome

    def _started(self, request: Request) -> tuple[Generator[Measurement], Lines]:
        while len(self._held) >= self._in_memory:
            self._close(next(iter(self._held)))
        make_folder(request.folder)
        here = Lines(request.folder)
        here.finish()
        here.read()
        run = Run(request.weight_init_seed, request.data_order_seed, request.folder, here.last)
        return _ascending(self._train(run)), Lines(request.folder, request.measured)

    def _close(self, folder: Path) -> None:
        training, _ = self._held.pop(folder)
        with suppress(Exception):  # its own `finally`; what it measured is told
            training.close()


def _ascending(training: Iterable[Measurement]) -> Generator[Measurement]:
    """What a training yields; one that does not get on would be passed over without end.

    Raises:
        ValueError: a step that is not above the one before.
    """
    last, steps = -1, iter(training)
    try:
        for measured in steps:
            if isinstance(measured, Measurement):
                if measured.step <= last:
                    raise ValueError(f"train(run) yielded step {measured.step} after step {last}: steps must ascend")
                last = measured.step
            yield measured
    finally:
        if isinstance(steps, Generator):
            steps.close()


def failure(error: BaseException) -> str:
    """An exception of a training in one line."""
    message = " ".join(str(error).split())
    return type(error).__name__ + (f": {message}" if message else "")


def train_file(text: str) -> tuple[Path, str]:
    """The file of `file.py` or `file.py:name`, and the name; the file is read and not run.

    Raises:
        LiveError: no such file or name, or it is not Python.
    """
    file, colon, name = text.partition(".py:")
    path, name = Path(f"{file}.py" if colon else file), name or TRAIN
    try:
        tree = ast.parse(read_regular(path))
    except OSError as error:
        raise LiveError(f"--train {text}: {path} cannot be read: {error.strerror}") from None
    except (SyntaxError, ValueError) as error:
        raise LiveError(f"--train {text}: {path} is not Python: {' '.join(str(error).split())}") from None
    if name not in set(_bound(tree.body)):
        raise LiveError(
            f"--train {text}: {path} binds no {name}, which is to be a generator function {name}(run); a script is "
            f"given with its seeds, as in 'python {path} --seed {{weight_init_seed}}'"
        )
    return path, name


def _bound(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that statements bind where they stand."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
            continue
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id
            elif isinstance(part, ast.alias):
                yield part.asname or part.name
            elif isinstance(part, ast.FunctionDef):
                yield part.name
