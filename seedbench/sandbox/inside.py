"""What runs in a sealed process: a strategy, with a campaign whose source is a pipe.

Nothing here needs to be trusted: whoever evaluates keeps the books again, and believes none of what it is told. A
strategy that takes this code apart finds two pipes and what it has paid for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np

from seedbench.campaign import Campaign
from seedbench.errors import BudgetSpent, InvalidReturn, PoolExhausted, StrategyFileError, StrategyStopped
from seedbench.history import TableRecord, records
from seedbench.ledger import Measurements, check_label, open_campaign
from seedbench.sandbox.imports import ALLOWED_SAID, allowed, imported
from seedbench.sandbox.messages import (
    FRAMES_BYTES,
    MESSAGE_BYTES,
    MODULES,
    SAID_BYTES,
    Advance,
    AskHistory,
    Failed,
    Imports,
    Keep,
    Load,
    Loaded,
    Refused,
    Run,
    Scan,
    Start,
    cut,
    decode_history,
    decode_job,
    decode_measured,
    decode_started,
    encode,
    read_with_length,
)
from seedbench.strategy import Strategy, execute, failure_of, refuse_oracle


class NothingToImport:
    """The last of `sys.meta_path`: says why a module is not there."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        raise ModuleNotFoundError(
            f"No module named {name!r} in a sealed process: import statements bring in {ALLOWED_SAID}, nothing else",
            name=name,
        )


def main(told: int, said: int) -> NoReturn:
    """Reads what is to be done, does it, answers and ends."""
    try:
        job = decode_job(read_with_length(told))
        answer = Imports(_modules(job.source)) if isinstance(job, Scan) else _with_strategy(job, told, said)
        os.write(said, encode(answer))
        os._exit(0)
    finally:
        os._exit(1)


def _with_strategy(job: Load | Run, told: int, said: int) -> Loaded | Keep | Failed:
    file = job.strategy if isinstance(job, Run) else job
    strategy = Strategy(Path(file.filename).name, file.source, file.filename, file.attribute)
    try:
        if isinstance(job, Run):  # it was loaded before: what it binds need not be checked again
            return _run(job, vars(execute(strategy))[file.attribute], told, said)
        strategy.build()
        refuse_oracle(strategy, "a sealed process")
        return Loaded()
    except StrategyFileError as error:
        return _failed("unusable", str(error), error.frames)
    except InvalidReturn as error:
        return _failed("invalid return", *failure_of(error, strategy))
    except StrategyStopped as error:
        return _failed("stopped", *failure_of(error, strategy))
    except BaseException as error:
        return _failed("raised", *failure_of(error, strategy))


def _modules(source: str) -> list[str]:
    """What to import for a source; if it is not Python, loading it will say so."""
    try:
        return sorted({module for _, module in imported(source) if allowed(module)})[:MODULES]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _failed(verdict: Literal["raised", "stopped", "invalid return", "unusable"], said: str, frames: str) -> Failed:
    return Failed(verdict, cut(said, SAID_BYTES), cut(frames, FRAMES_BYTES))


def _run(job: Run, call: Callable[[Campaign], object], told: int, said: int) -> Keep:
    source = _Pipe(job, told, said)
    opened = open_campaign(source, job.budget, rng=partial(_rng, job.entropy), history=source.history)
    try:
        returned = call(opened.campaign)
    except (BudgetSpent, PoolExhausted):
        returned = None
    kept = opened.settle(returned)
    return Keep(source.numbers[kept.weight_init_seed, kept.data_order_seed], kept.checkpoint)


def _rng(entropy: bytes) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(int.from_bytes(entropy, "little")))


class _Pipe:
    """A source at the other end of a pipe; see `seedbench.ledger.Source`."""

    def __init__(self, job: Run, told: int, said: int) -> None:
        self.grid = job.grid
        self.steps: Sequence[int] = job.steps
        self.unstarted = job.unstarted
        self.majority_score = job.majority_score
        self.numbers: dict[tuple[int, int], int] = {}  # the labels of a started trial -> its number
        self._told, self._said = told, said
        self._records: tuple[TableRecord, ...] | None = None

    def start(
        self, weight_init_seed: int | None, data_order_seed: int | None
    ) -> tuple[int, int, Callable[[], Measurements]]:
        told, said, read, write, decode = self._told, self._said, os.read, os.write, decode_measured
        row = None if weight_init_seed is None else check_label(0, weight_init_seed, self.grid[0])
        column = None if data_order_seed is None else check_label(1, data_order_seed, self.grid[1])
        write(said, encode(Start(row, column)))
        answer = decode_started(read(told, MESSAGE_BYTES))
        if isinstance(answer, Refused):
            raise answer.exception()
        number = self.numbers[answer.weight_init_seed, answer.data_order_seed] = len(self.numbers)
        request = encode(Advance(number))

        def train() -> Measurements:
            write(said, request)
            return decode(read(told, MESSAGE_BYTES))

        return answer.weight_init_seed, answer.data_order_seed, train

    def history(self) -> tuple[TableRecord, ...]:
        """`campaign.history`; always the same objects."""
        if self._records is None:
            os.write(self._said, encode(AskHistory()))
            self._records = records(decode_history(read_with_length(self._told)))
        return self._records
