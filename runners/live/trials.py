"""Trials that are trained a bit at a time, in any order: a few in memory, the others paused on disk."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from runners.block import BlockRunner
from runners.data.recipe import validation_steps
from runners.engines.reference import ReferenceTrial
from runners.errors import RunnerError
from runners.export import trial_row
from runners.trial_log import Cell, Outcome
from seedbench.errors import CannotWrite
from seedbench.files import write_file
from seedbench.live import Interruption, Measurement, Request

WRITE_SECONDS = 60.0

Row = dict[str, Any]  # of a trial set's config `trials`
Weights = dict[str, Tensor]


class LiveTrialError(RunnerError):
    """A paused trial that cannot be read or written; the message names the file."""


@dataclass
class _Held:
    """A trial in memory, a copy of its weights at its best checkpoint once it has moved on from there, and its age."""

    trial: ReferenceTrial
    best: int = -1
    best_weights: Weights | None = None
    written: float = field(default_factory=time.monotonic)  # or taken up


@dataclass(frozen=True)
class KeptWeights:
    """The weights of one checkpoint.

    Attributes:
        weights: as a stock model of that architecture takes them.
        logits: float32 [dev examples, labels], as measured in the campaign.
        retrained: largest difference from ``logits`` of a trial that had to be trained again; None where it had not.
    """

    weights: Weights
    logits: np.ndarray
    retrained: float | None


class LiveTrials:
    """The trials of one table, by cell; what is measured once is not trained again, also not by a later process.

    A trial's file holds its whole state: weights, optimizer, the losses and logits so far, and the weights of its best
    checkpoint. It is written when the trial leaves the memory, which a complete trial does at once, and at a checkpoint
    if the last time is more than `WRITE_SECONDS` ago: so much is lost when the process is killed.

    Args:
        runner: model, data and recipe.
        folder: where the files lie.
        in_memory: so many trials at most are held in memory, the last used.
        progress: told cell and number of steps done after each step; what it raises pauses the trial there.
    """

    def __init__(
        self, runner: BlockRunner, folder: Path, in_memory: int, progress: Callable[[Cell, int], None]
    ) -> None:
        self.runner, self.folder, self.in_memory, self.progress = runner, folder, in_memory, progress
        self.steps = validation_steps(runner.spec.recipe, len(runner.data.train))
        self._held: dict[Cell, _Held] = {}  # last used last
        self._rows: dict[Cell, Row] = {}

    def row(self, cell: Cell, checkpoint: int) -> Row:
        """A trial's row after it has reached a checkpoint: its lists end there, or later if it was trained further.

        Trains to that checkpoint, which is the next at most, unless it was measured before.
        """
        if cell not in self._rows:
            self._rows[cell] = self._recorded(cell)
        if checkpoint == len(self._rows[cell]["score"]):
            self._train(cell)
        return self._rows[cell]

    def pause(self) -> None:
        """Writes every trial that is in memory to its file."""
        for cell in list(self._held):
            self._put_away(cell)

    def kept(self, cell: Cell, checkpoint: int) -> KeptWeights:
        """The weights at a measured checkpoint.

        A file has those of the best checkpoint and of the last. Any other is reached by training the trial again.
        """
        if cell in self._held:
            self._put_away(cell)
        state = self._read(cell)
        logits = state["trial"]["logits"][checkpoint].numpy().copy()
        if state["best"] == checkpoint:
            return KeptWeights(state["best_weights"], logits, None)
        if state["trial"]["step"] == self.steps[checkpoint]:
            return KeptWeights(state["trial"]["model"], logits, None)
        trial = self._new(cell)
        for _ in range(checkpoint + 1):
            again = trial.advance(lambda step: self.progress(cell, step))
        return KeptWeights(trial.model.state_dict(), logits, float(np.abs(again - logits).max()))

    def steps_trained(self) -> int:
        """Steps of all trials in the folder."""
        self.pause()
        cells = (path.stem.removeprefix("wi").split("-do") for path in self.folder.glob("wi*-do*.pt"))
        return sum(self._read(Cell(int(row), int(column)))["trial"]["step"] for row, column in cells)

    def _train(self, cell: Cell) -> None:
        held = self._held.pop(cell, None) or self._take_up(cell)
        trial, scores = held.trial, self._rows[cell]["score"]
        if len(scores) and trial.step == self.steps[len(scores) - 1] and np.argmax(scores) == len(scores) - 1:
            held.best, held.best_weights = len(scores) - 1, _copy(trial.model.state_dict())
        try:
            trial.advance(lambda step: self.progress(cell, step))
        except KeyboardInterrupt:  # between two steps
            self._held[cell] = held
            raise
        except torch.cuda.OutOfMemoryError:
            raise LiveTrialError(
                f"{self.runner.device}: out of memory with {len(self._held) + 1} trials in it; lower --in-memory or "
                "the recipe's batch_size"
            ) from None
        # Any other exception may have come in the middle of a step: that trial goes back to what is in its file.
        self._held[cell] = held
        self._rows[cell] = self._row(cell, trial.outcome())
        if trial.complete:
            self._put_away(cell)
        elif time.monotonic() - held.written > WRITE_SECONDS:
            self._write(cell)

    def _row(self, cell: Cell, outcome: Outcome) -> Row:
        last = self.steps[len(outcome.logits) - 1]  # a paused trial may be on its way to the next checkpoint
        return trial_row(self.runner.log(cell, replace(outcome, step_train_loss=outcome.step_train_loss[:last])))

    def _recorded(self, cell: Cell) -> Row:
        """The row of a trial of which an earlier process left a file; else one without checkpoints."""
        if not self._path(cell).exists():
            return {"score": np.empty(0)}
        state = self._read(cell)["trial"]
        if not state["logits"]:
            return {"score": np.empty(0)}
        arrays = (state["losses"], state["norms"], torch.stack(state["logits"]))
        losses, norms, logits = (array.numpy().copy() for array in arrays)
        return self._row(cell, Outcome(losses, norms, logits, state["train_seconds"], state["evaluation_seconds"]))

    # ---- in memory and on disk -------------------------------------------------------------------------------------

    def _new(self, cell: Cell) -> ReferenceTrial:
        runner = self.runner
        return ReferenceTrial(runner.model, runner.data, runner.spec.recipe, cell, runner.device)

    def _take_up(self, cell: Cell) -> _Held:
        """A trial from its file, or a new one; others leave the memory for it."""
        while len(self._held) >= self.in_memory:
            self._put_away(next(iter(self._held)))
        held = _Held(self._new(cell))
        if self._path(cell).exists():
            state = self._read(cell, mmap=False)  # training goes on in these tensors
            held.trial.load_state_dict(state["trial"])
            held.best, held.best_weights = state["best"], state["best_weights"]
        return held

    def _put_away(self, cell: Cell) -> None:
        self._write(cell)
        del self._held[cell]

    def _write(self, cell: Cell) -> None:
        held = self._held[cell]
        trial = held.trial.state_dict()
        if held.trial.complete:
            del trial["optimizer"]  # two thirds of the file
        state = {"trial": trial, "best": held.best, "best_weights": held.best_weights}
        path = self._path(cell)
        try:
            write_file(path, lambda file: torch.save(state, file))
        except (CannotWrite, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
            reason = error.reason if isinstance(error, CannotWrite) else str(error).splitlines()[0]
            raise LiveTrialError(f"{path}: cannot be written ({reason}); is there room on that disk?") from None
        held.written = time.monotonic()

    def _read(self, cell: Cell, mmap: bool = True) -> dict[str, Any]:
        """A file's content; mapped, its tensors stay on disk until they are used."""
        path = self._path(cell)
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
            return state
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
            reason = str(error).splitlines()[0]
            raise LiveTrialError(f"{path}: not a paused trial ({reason}); remove it, and it is trained again") from None

    def _path(self, cell: Cell) -> Path:
        return self.folder / f"wi{cell.weight_init_seed}-do{cell.data_order_seed}.pt"


def _copy(weights: Weights) -> Weights:
    return {name: value.detach().to("cpu", copy=True) for name, value in weights.items()}


class GlueTrainings:
    """Trains what a session asks for, one trial at a time.

    Args:
        trials: the trials.
        interruption: waits until a trial is between two steps.

    Attributes:
        rows: by cell, the row of each trial that was asked for, as far as it is trained.
    """

    slots, trains_here = 1, True

    def __init__(self, trials: LiveTrials, interruption: Interruption) -> None:
        self._trials, self._interruption = trials, interruption
        self._asked: list[Request] = []
        self.rows: dict[Cell, Row] = {}

    def start(self, request: Request) -> None:
        """Takes a request; `wait` trains it."""
        self._asked.append(request)

    def wait(self) -> list[tuple[Request, Measurement]]:
        """Trains the first that was asked for to its validation point."""
        request = self._asked.pop(0)
        cell, index = Cell(request.weight_init_seed, request.data_order_seed), request.checkpoint
        with self._interruption.held():
            row = self.rows[cell] = self._trials.row(cell, index)
        score, validation_loss, train_loss = (
            float(row[name][index]) for name in ("score", "validation_loss", "train_loss")
        )
        return [(request, Measurement(int(row["step"][index]), score, validation_loss, train_loss))]

    def close(self) -> None:
        """Writes what is in memory to disk."""
        self._trials.pause()
