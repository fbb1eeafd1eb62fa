"""The campaign in a sealed process: it asks whoever evaluates only when somebody looks.

What a checkpoint costs is known here, so that training it can be written down and asked for later; what was measured,
and the labels of a trial that was started at random, come when the strategy reads them, for all calls until then in one
message. Most strategies train some way before they look, and handing over between processes takes longer than a call.

The books here are for the strategy's convenience. Those that count are kept by `seedbench.campaign`, on the other side.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from seedbench import campaign as seen
from seedbench.campaign import (
    Measurements,
    PastTable,
    check_label,
    chosen,
    marks_of,
    not_paid_for,
    past_tables,
    refusal,
    stop_if_idle,
)
from seedbench.sandbox.messages import (
    CALLS,
    MESSAGE_BYTES,
    START,
    Advance,
    AskHistory,
    Calls,
    Keep,
    Refused,
    Run,
    Start,
    decode_answers,
    decode_history,
    decode_measured,
    decode_started,
    encode,
    read_with_length,
)


class Checkpoint(seen.Checkpoint):
    """One whose measurements come when they are read."""

    __slots__ = ()
    trial: Trial

    def __getattr__(self, name: str) -> Any:  # called where a slot is empty
        if name in ("score", "validation_loss", "train_loss", "repeated"):
            self.trial._ask()
        return object.__getattribute__(self, name)


class Trial(seen.Trial):
    """One whose labels and best checkpoint come when they are read."""

    __slots__ = ("_ask", "_number")
    _ask: Callable[[], None]
    _number: int  # in the order of starting

    def __getattr__(self, name: str) -> Any:
        if name in ("weight_init_seed", "data_order_seed"):
            self._ask()
        return object.__getattribute__(self, name)

    @property
    def best(self) -> seen.Checkpoint:
        self._ask()
        return super().best


def open_campaign(job: Run, told: int, said: int) -> tuple[seen.Campaign, Callable[[object], Keep]]:
    """Opens a campaign over two pipes.

    Args:
        job: the campaign.
        told: the pipe to read answers from.
        said: the pipe to write messages to.

    Returns:
        The campaign, and what turns a strategy's answer into the last message; `InvalidReturn` where it is none.
    """
    marks = marks_of(tuple(job.steps))
    length, steps_of_trial = len(job.steps), job.steps[-1]
    remaining: float = job.budget * steps_of_trial
    unstarted = job.unstarted
    books: list[list[Checkpoint]] = []  # of each trial, by its number, the checkpoints paid for
    requests: list[bytes] = []  # of each trial, the message to train it to its next checkpoint
    started: dict[tuple[int, int], Trial] = {}  # those whose labels are known
    paid: list[Trial] = []  # those with a checkpoint
    waiting: list[Trial | Checkpoint] = []  # trials to be started, checkpoints to be measured, in order
    idle, idle_since = 0, (remaining, unstarted)
    past: list[tuple[PastTable, ...]] = []
    read, write = os.read, os.write

    def ask() -> None:
        """Has everything done that waits."""
        if len(waiting) == 1 and isinstance(checkpoint := waiting[0], Checkpoint):
            waiting.clear()
            write(said, requests[checkpoint.trial._number])
            measure(checkpoint, decode_measured(read(told, MESSAGE_BYTES)))
        elif waiting:
            asked = waiting[:]
            waiting.clear()
            write(said, encode(Calls([START if isinstance(one, Trial) else one.trial._number for one in asked])))
            labels, measured = map(iter, decode_answers(read_with_length(told)))
            for one in asked:
                if isinstance(one, Trial):
                    label(one, *next(labels))
                else:
                    measure(one, next(measured))

    def wait(one: Trial | Checkpoint) -> None:
        waiting.append(one)
        if len(waiting) == CALLS:
            ask()

    def label(trial: Trial, row: int, column: int) -> None:
        trial.weight_init_seed, trial.data_order_seed = row, column
        started[row, column] = trial

    def measure(checkpoint: Checkpoint, measured: Measurements) -> None:
        checkpoint.score, checkpoint.validation_loss, checkpoint.train_loss, checkpoint.repeated = measured
        trial = checkpoint.trial
        if trial._best is None or checkpoint.score > trial._best.score:
            trial._best = checkpoint

    def count_idle() -> None:
        nonlocal idle, idle_since
        if idle_since != (remaining, unstarted):
            idle, idle_since = 0, (remaining, unstarted)
        idle += 1
        stop_if_idle(idle)

    def start(weight_init_seed: int | None, data_order_seed: int | None) -> Trial:
        nonlocal unstarted
        if weight_init_seed is None and data_order_seed is None and unstarted:
            unstarted -= 1
            trial = new_trial()
            wait(trial)
            return trial
        ask()
        if type(weight_init_seed) is type(data_order_seed) is int and (weight_init_seed, data_order_seed) in started:
            count_idle()
            return started[weight_init_seed, data_order_seed]
        try:
            row = None if weight_init_seed is None else check_label(0, weight_init_seed, job.grid[0])
            column = None if data_order_seed is None else check_label(1, data_order_seed, job.grid[1])
            write(said, encode(Start(row, column)))
            answer = decode_started(read(told, MESSAGE_BYTES))
            if isinstance(answer, Refused):
                raise answer.exception()
        except Exception:
            count_idle()
            raise
        unstarted -= 1
        trial = new_trial()
        label(trial, answer.weight_init_seed, answer.data_order_seed)
        return trial

    def new_trial() -> Trial:
        booked: list[Checkpoint] = []
        trial = Trial()
        trial._ask, trial._number = ask, len(books)
        trial.checkpoints = checkpoints = []
        trial.complete = False
        trial._best = None
        books.append(booked)
        requests.append(encode(Advance(trial._number)))

        def advance() -> Checkpoint:
            nonlocal remaining
            index = len(booked)
            cost, step, fraction = marks[index]
            if cost > remaining:
                count_idle()
                raise refusal(trial, cost, remaining)
            remaining -= cost
            checkpoint = Checkpoint()
            checkpoint.trial = trial
            checkpoint.index = index
            checkpoint.step = step
            checkpoint.fraction = fraction
            checkpoints.append(checkpoint)
            booked.append(checkpoint)
            if not index:
                paid.append(trial)
            if index + 1 == length:
                trial.complete = True
            wait(checkpoint)
            return checkpoint

        trial.advance = advance
        return trial

    def history() -> tuple[PastTable, ...]:
        if not past:
            write(said, encode(AskHistory()))
            past.append(past_tables(decode_history(read_with_length(told))))
        return past[0]

    def keep(returned: object) -> Keep:
        checkpoint = chosen(returned, paid)
        ask()
        for number, booked in enumerate(books):
            if checkpoint in booked:
                return Keep(number, booked.index(checkpoint))
        raise not_paid_for()

    campaign = seen.Campaign()
    campaign.budget = job.budget
    campaign.grid = job.grid
    campaign.checkpoints_per_trial = length
    campaign.steps = tuple(job.steps)
    campaign.majority_score, campaign.metric, campaign.dev_examples, campaign.labels = job.task
    campaign._history = history
    campaign._ahead = None
    campaign._start = start
    campaign._remaining = lambda: remaining / steps_of_trial
    campaign._trials = lambda: tuple(paid)
    campaign._unstarted = lambda: unstarted
    campaign._new_rng = partial(_rng, job.entropy)
    campaign._rng = None
    return campaign, keep


def _rng(entropy: bytes) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(int.from_bytes(entropy, "little")))
