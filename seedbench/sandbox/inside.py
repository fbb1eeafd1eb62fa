"""What runs in a sealed process: a strategy, with a campaign at the other end of a pipe.

Nothing here needs to be trusted: whoever evaluates keeps the books again, and believes none of what it is told. A
strategy that takes this code apart finds two pipes and what it has paid for.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from typing import Literal, NoReturn

from seedbench.campaign import Campaign
from seedbench.errors import BudgetSpent, InvalidReturn, PoolExhausted, StrategyFileError, StrategyStopped
from seedbench.sandbox.imports import allowed, imported, why_closed
from seedbench.sandbox.late import open_campaign
from seedbench.sandbox.messages import (
    FRAMES_BYTES,
    MODULES,
    SAID_BYTES,
    Failed,
    Imports,
    Keep,
    Load,
    Loaded,
    Run,
    Scan,
    cut,
    decode_job,
    encode,
    read_with_length,
)
from seedbench.sandbox.verdicts import CLOSED_SAID
from seedbench.strategy import Strategy, execute, failure_of, refuse_oracle, with_given


class NothingToImport:
    """The last of `sys.meta_path`: says why a module is not there."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        raise ModuleNotFoundError(why_closed(name), name=name)


def main(told: int, said: int) -> NoReturn:
    """Does what it is told, and ends."""
    try:
        work(told, said)
        os._exit(0)
    finally:
        os._exit(1)


def work(told: int, said: int) -> None:
    """Reads what is to be done, does it and answers."""
    job = decode_job(read_with_length(told))
    answer = Imports(_modules(job.source)) if isinstance(job, Scan) else _with_strategy(job, told, said)
    os.write(said, encode(answer))


def _with_strategy(job: Load | Run, told: int, said: int) -> Loaded | Keep | Failed:
    file = job.strategy if isinstance(job, Run) else job
    strategy = Strategy(file.name, file.source, file.filename, file.attribute, parameters=file.parameters)
    try:
        if isinstance(job, Run):  # it was loaded before: what it binds need not be checked again
            return _run(job, with_given(vars(execute(strategy))[file.attribute], strategy), told, said)
        strategy.build()
        refuse_oracle(strategy, "a sealed process")
        return Loaded()
    except StrategyFileError as error:
        return _failed("unusable", str(error), error.frames)
    except InvalidReturn as error:
        return _failed("invalid return", *failure_of(error, strategy))
    except StrategyStopped as error:
        return _failed("stopped", *failure_of(error, strategy))
    except BaseException as error:  # the strategy's own  # noqa: BLE001
        message, frames = failure_of(error, strategy)
        if isinstance(error, PermissionError) and error.errno == errno.EPERM:  # as the filter answers
            message = f"{message}; {CLOSED_SAID}"
        return _failed("raised", message, frames)


def _modules(source: str) -> list[str]:
    """What to import for a source; if it is not Python, loading it will say so."""
    try:
        return sorted({module for _, module in imported(source) if allowed(module)})[:MODULES]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _failed(verdict: Literal["raised", "stopped", "invalid return", "unusable"], message: str, frames: str) -> Failed:
    return Failed(verdict, cut(message, SAID_BYTES), cut(frames, FRAMES_BYTES))


def _run(job: Run, call: Callable[[Campaign], object], told: int, said: int) -> Keep:
    campaign, keep = open_campaign(job, told, said)
    try:
        returned = call(campaign)
    except (BudgetSpent, PoolExhausted):
        returned = None
    return keep(returned)
