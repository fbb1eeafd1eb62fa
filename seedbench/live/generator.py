"""Trainings that are generators: in this process, a few in memory at a time; or as a process of their own.

`python -m seedbench.live.generator FILE:NAME WEIGHT_INIT_SEED DATA_ORDER_SEED FOLDER` is the latter: the generator as a
command, so that it is paused, moved and run beside others as any command is.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from seedbench.errors import LiveError
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
        self._held: dict[Path, tuple[Iterator[Measurement], Lines]] = {}  # last used last
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
        held = request.folder in self._held
        training, lines = self._held.pop(request.folder) if held else self._started(request)
        try:
            while lines.read() <= request.checkpoint:
                measured = next(training)
                if not isinstance(measured, Measurement):
                    raise TypeError(f"train(run) must yield a Measurement, found a {type(measured).__name__}")
                write_line(request.folder, measured)
        except StopIteration:
            return Ended()
        except Exception as error:
            write_file(request.folder / STDERR, "".join(traceback.format_exception(error)))
            return Failed(failure(error))
        self._held[request.folder] = training, lines
        outcome = lines.found[request.checkpoint]
        if isinstance(outcome, Failed):
            self._close(request.folder)
        return outcome

    def _started(self, request: Request) -> tuple[Iterator[Measurement], Lines]:
        while len(self._held) >= self._in_memory:
            self._close(next(iter(self._held)))
        make_folder(request.folder)
        lines = Lines(request.folder)
        lines.finish()
        lines.read()
        run = Run(request.weight_init_seed, request.data_order_seed, request.folder, lines.last)
        return iter(self._train(run)), lines

    def _close(self, folder: Path) -> None:
        training, _ = self._held.pop(folder)
        with suppress(Exception):  # its own `finally`; what it measured is told
            training.close()  # type: ignore[attr-defined]


def failure(error: BaseException) -> str:
    """An exception of a training in one line."""
    message = " ".join(str(error).split())
    return type(error).__name__ + (f": {message}" if message else "")


def load_train(text: str) -> Train:
    """The training of `file.py` or `file.py:name`.

    Raises:
        LiveError: no such file or name, or the file raises.
    """
    file, _, name = text.partition(".py:")
    path = Path(file if file.endswith(".py") else f"{file}.py")
    if not path.is_file():
        raise LiveError(f"--train {text}: no such file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # a .py file has both
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    sys.path.append(str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise LiveError(f"--train {text}: the file raised {failure(error)}") from error
    found: Any = getattr(module, name or TRAIN, None)
    if not callable(found):
        raise LiveError(f"--train {text}: the file has no function {name or TRAIN}(run)")
    return found


def main(target: str, weight_init_seed: str, data_order_seed: str, folder: str) -> None:
    """Runs a training to its end and writes what it measures to its folder."""
    lines = Lines(Path(folder))
    lines.read()
    run = Run(int(weight_init_seed), int(data_order_seed), Path(folder), lines.last)
    for measured in load_train(target)(run):
        write_line(run.folder, measured)


if __name__ == "__main__":
    main(*sys.argv[1:])
