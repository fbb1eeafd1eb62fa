"""The campaign in a sealed process: it asks whoever evaluates only when somebody looks.

What a checkpoint costs is known here, so that training it can be written down and asked for later; what was measured,
and the labels of a trial that was started at random, come when the strategy reads them, for all calls until then in one
message. Most strategies train some way before they look, and handing over between processes takes longer than a call.

The books here are for the strategy's convenience. Those that count are kept by `seedbench.campaign`, on the other side.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
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
    one_by_one,
    past_tables,
    reach,
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
    marks, done = marks_of(tuple(job.steps)), (0, *job.steps)
    length, steps_of_trial = len(job.steps), job.steps[-1]
    remaining: float = job.budget * steps_of_trial
    unstarted = job.unstarted
    books: list[list[Checkpoint | Measurements | None]] = []  # of each trial, by its number, what is paid for
    measured_to: list[int] = []  # of each trial, how many of these are measured
    requests: list[bytes] = []  # of each trial, the message to train it to its next checkpoint
    started: dict[tuple[int, int], Trial] = {}  # those whose labels are known
    paid: list[Trial] = []  # those with a checkpoint
    waiting: list[tuple[Trial, int]] = []  # trials to be trained to so many checkpoints, or to be started (0); in order
    lowest = float("-inf")
    idle, idle_since = 0, (remaining, unstarted)
    past: list[tuple[PastTable, ...]] = []
    read, write = os.read, os.write

    def ask() -> None:
        """Has everything done that waits."""
        if not waiting:
            return
        if len(waiting) == waiting[0][1] == 1:
            trial, _ = waiting.pop()
            write(said, requests[trial._number])
            measure(trial, [decode_measured(read(told, MESSAGE_BYTES))])
            return
        asked = waiting[:]
        waiting.clear()
        write(said, encode(Calls([(trial._number if count else START, count) for trial, count in asked])))
        answers = decode_answers(read_with_length(told))
        labels, measured = iter(answers[0]), iter(answers[1])
        for trial, count in asked:
            if count:
                measure(trial, islice(measured, count))
            else:
                label(trial, *next(labels))

    def wait(trial: Trial, count: int) -> None:
        if count and waiting and waiting[-1][0] is trial and waiting[-1][1]:
            waiting[-1] = trial, waiting[-1][1] + count
            return
        waiting.append((trial, count))
        if len(waiting) == CALLS:
            ask()

    def label(trial: Trial, row: int, column: int) -> None:
        trial.weight_init_seed, trial.data_order_seed = row, column
        started[row, column] = trial

    def measure(trial: Trial, new: Iterable[Measurements]) -> None:
        booked, index = books[trial._number], measured_to[trial._number]
        score, best = lowest if trial._best is None else trial._best.score, None
        for measured in new:
            if isinstance(made_already := booked[index], Checkpoint):
                fill(made_already, measured)
            else:
                booked[index] = measured
            if measured[0] > score:
                score, best = measured[0], index
            index += 1
        measured_to[trial._number] = index
        if best is not None:
            trial._best = made(trial, best)

    def fill(checkpoint: Checkpoint, measured: Measurements) -> None:
        checkpoint.score, checkpoint.validation_loss, checkpoint.train_loss, checkpoint.repeated = measured

    def made(trial: Trial, index: int) -> Checkpoint:
        booked = books[trial._number]
        measured = booked[index]
        if isinstance(measured, Checkpoint):
            return measured
        checkpoint = booked[index] = Checkpoint()
        checkpoint.trial = trial
        checkpoint.index = index
        _, checkpoint.step, checkpoint.fraction = marks[index]
        if measured is not None:
            fill(checkpoint, measured)
        return checkpoint

    def show(trial: Trial) -> list[seen.Checkpoint]:
        return [made(trial, index) for index in range(len(books[trial._number]))]

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
            wait(trial, 0)
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
        trial = Trial()
        trial._ask, trial._number = ask, len(books)
        trial._best = trial._shown = None
        trial.complete = False
        trial.advance = lambda: advance_by(trial, 1)
        trial._show = lambda _: show(trial)
        books.append([])
        measured_to.append(0)
        requests.append(encode(Advance(trial._number)))
        return trial

    def advance_by(trial: seen.Trial, count: int) -> seen.Checkpoint:
        nonlocal remaining
        if not isinstance(trial, Trial):
            return one_by_one(trial, count)
        booked = books[trial._number]
        first = len(booked)
        to, wanted = reach(done, first, count, remaining)
        if to > first:
            remaining -= done[to] - done[first]
            booked.extend([None] * (to - first))
            if not first:
                paid.append(trial)
            if to == length:
                trial.complete = True
            if trial._shown is not None:
                trial._shown += [made(trial, index) for index in range(first, to)]
            wait(trial, to - first)
        if to < wanted or first == length:
            count_idle()
            raise refusal(trial, marks[to][0], remaining)
        return made(trial, to - 1)

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
    campaign._advance_by = advance_by
    campaign._start = start
    campaign._remaining = lambda: remaining / steps_of_trial
    campaign._trials = lambda: tuple(paid)
    campaign._unstarted = lambda: unstarted
    campaign._new_rng = partial(_rng, job.entropy)
    campaign._rng = None
    return campaign, keep


def _rng(entropy: bytes) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(int.from_bytes(entropy, "little")))
