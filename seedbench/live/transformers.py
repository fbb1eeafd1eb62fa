"""A `transformers.Trainer` as a training: measured at each evaluation, paused and resumed by its own checkpoints.

    from seedbench.live.transformers import training, training_arguments

    def make_trainer(run):
        model = AutoModelForSequenceClassification.from_pretrained(…)      # its head is drawn from the weight-init seed
        return Trainer(model, training_arguments(run, eval_steps=50, num_train_epochs=3), …)

    train = training(make_trainer, metric="eval_accuracy")

The file is a training then: `seedbench live my_strategy.py --train file.py …`. This module alone imports transformers,
when a training starts.
"""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbench.documents import foreign_json
from seedbench.errors import LiveError
from seedbench.files import remove_folder
from seedbench.live.contract import Measurement, Run

if TYPE_CHECKING:
    import transformers

_STATE = "trainer_state.json"  # what Trainer writes last of a checkpoint


def training_arguments(run: Run, *, eval_steps: float, **arguments: Any) -> transformers.TrainingArguments:
    """`TrainingArguments` with the run's folder and both seeds; logged and saved wherever it is evaluated.

    Args:
        run: of `make_trainer`.
        eval_steps: training steps from one evaluation to the next; below 1: a share of all steps.
        arguments: all others.
    """
    from transformers import TrainingArguments

    given: dict[str, Any] = {
        "output_dir": str(run.folder),
        "seed": run.weight_init_seed,
        "data_seed": run.data_order_seed,
        "eval_strategy": "steps",
        "eval_steps": eval_steps,
        "logging_strategy": "steps",
        "logging_steps": eval_steps,
        "save_strategy": "steps",
        "save_steps": eval_steps,
        "report_to": [],
        "disable_tqdm": True,
    }
    return TrainingArguments(**given | arguments)


def training(
    make_trainer: Callable[[Run], transformers.Trainer], *, metric: str, minimize: bool = False
) -> Callable[[Run], Iterator[Measurement]]:
    """The training of what makes a Trainer.

    The global random numbers are seeded with the weight-init seed before the Trainer is made, so that a head which a
    checkpoint does not bring depends on it and on nothing else; dropout follows them from there. Several may be in
    memory: each has the global random numbers to itself.

    Args:
        make_trainer: makes it; its arguments' `seed`, `data_seed` and `output_dir` are the run's, as
            `training_arguments` gives them, and it is evaluated.
        metric: which of the evaluation's metrics is the score, such as `eval_accuracy`.
        minimize: whether the metric is better the lower it is; the score is its negative then.

    Returns:
        A function of a run that yields its measurements. It raises `LiveError` where the Trainer is not as it should
        be, or an evaluation has no such metric.
    """

    def train(run: Run) -> Iterator[Measurement]:
        from transformers import set_seed

        scored = _Scored(metric, -1.0 if minimize else 1.0, run.folder)
        before = _random_state()
        set_seed(run.weight_init_seed)
        trainer = make_trainer(run)
        _check(trainer, run)
        checkpoint = _last_checkpoint(run.folder)
        if checkpoint is not None:
            history = foreign_json((checkpoint / _STATE).read_text())["log_history"]
            last = run.last.step if run.last else 0
            yield from (one for one in scored.all_of(history) if one.step > last)
        thread = _Thread(trainer, str(checkpoint) if checkpoint else None, scored)
        try:
            while (measured := thread.next()) is not None:
                yield measured
        finally:
            thread.close()
            _set_random_state(before)

    return train


def _check(trainer: transformers.Trainer, run: Run) -> None:
    args = trainer.args
    for name, found, wanted in (
        ("seed", args.seed, run.weight_init_seed),
        ("data_seed", args.data_seed, run.data_order_seed),
        ("output_dir", Path(args.output_dir or ".").absolute(), run.folder.absolute()),
    ):
        if found != wanted:
            raise LiveError(
                f"make_trainer: args.{name} must be {wanted}, found {found}; take training_arguments(run, …)"
            )
    if args.eval_strategy in ("no", None):
        raise LiveError('make_trainer: args.eval_strategy must be "steps" or "epoch", found "no"')
    if getattr(args, "eval_on_start", False):  # it would be the first validation point, and again where one goes on
        raise LiveError("make_trainer: args.eval_on_start must be False, found True: a validation point is trained for")


def _last_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint that is whole; those that a kill left half-written are removed."""
    found = {path: path.name.removeprefix("checkpoint-") for path in folder.glob("checkpoint-*")}
    steps = {path: int(step) for path, step in found.items() if step.isdecimal()}  # others are the training's own
    for checkpoint in sorted(steps, key=lambda path: steps[path], reverse=True):
        with suppress(OSError, ValueError):
            foreign_json((checkpoint / _STATE).read_text())
            return checkpoint
        remove_folder(checkpoint)
    return None


class _Scored:
    """Measurements out of a Trainer's log history.

    Args:
        metric: of the evaluation.
        sign: of the score.
        folder: where its checkpoints are.
    """

    def __init__(self, metric: str, sign: float, folder: Path) -> None:
        self._metric, self._sign, self._folder = metric, sign, folder

    def all_of(self, history: Sequence[dict[str, Any]]) -> list[Measurement]:
        """The measurement of each evaluation."""
        at = [index for index, entry in enumerate(history) if any(name.startswith("eval_") for name in entry)]
        return [self._one(history[: index + 1]) for index in at]

    def last_of(self, history: Sequence[dict[str, Any]]) -> Measurement:
        """The measurement of the last evaluation."""
        return self.all_of(history)[-1]

    def _one(self, history: Sequence[dict[str, Any]]) -> Measurement:
        *before, entry = history
        if self._metric not in entry:
            known = ", ".join(name for name in entry if name.startswith("eval_"))
            raise LiveError(f"training(metric={self._metric!r}): the evaluation has no such metric; it has {known}")
        step = int(entry["step"])
        saved = self._folder / f"checkpoint-{step}"
        return Measurement(
            step,
            self._sign * float(entry[self._metric]),
            float(entry.get("eval_loss", math.nan)),
            _train_loss(before),
            str(saved) if saved.exists() else None,
        )


def _train_loss(history: Sequence[dict[str, Any]]) -> float:
    """The mean training loss since the evaluation before; NaN where none was logged."""
    total, steps, logged = 0.0, 0, 0
    for entry in history:
        if "loss" in entry:
            total += float(entry["loss"]) * (int(entry["step"]) - logged)
            steps, logged = steps + int(entry["step"]) - logged, int(entry["step"])
        elif any(name.startswith("eval_") for name in entry):
            total, steps = 0.0, 0
    return total / steps if steps else math.nan


# ---- a Trainer that waits at its evaluations -------------------------------------------------------------------------


class _Closed(BaseException):
    """Thrown into a Trainer that is not going on."""


class _Thread:
    """A Trainer in a thread of its own, of which and of whose caller only one runs at a time.

    It stands still once an evaluation is measured, and saved where it is to be saved.
    """

    def __init__(self, trainer: transformers.Trainer, checkpoint: str | None, scored: _Scored) -> None:
        from transformers import TrainerCallback

        hand = self

        class Measure(TrainerCallback):
            evaluated = False

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if hand._closed:  # while it trained, by an interruption
                    raise _Closed

            def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                self.evaluated = True
                if not control.should_save:
                    self._stand_still(state)

            def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                if self.evaluated:
                    self._stand_still(state)

            def _stand_still(self, state: Any) -> None:
                self.evaluated = False
                hand._give(scored.last_of(state.log_history))

        trainer.add_callback(Measure())
        self._trainer, self._checkpoint = trainer, checkpoint
        self._go, self._stands = threading.Semaphore(0), threading.Semaphore(0)
        self._closed = self._ended = False
        self._measured: Measurement | None = None
        self._error: BaseException | None = None
        self._random = _random_state()
        self._thread = threading.Thread(target=self._run, name="trainer", daemon=True)
        self._thread.start()

    def next(self) -> Measurement | None:
        """Trains to the next evaluation; None at the end."""
        if self._ended:
            return None
        outside, self._measured = _random_state(), None
        _set_random_state(self._random)
        self._go.release()
        self._stands.acquire()
        self._random = _random_state()
        _set_random_state(outside)
        if self._error is not None:
            raise self._error
        return self._measured

    def close(self) -> None:
        """Ends it where it stands."""
        self._closed = True
        self._go.release()
        self._thread.join()

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self._closed:
                self._trainer.train(resume_from_checkpoint=self._checkpoint)
        except _Closed:
            pass
        except BaseException as error:  # raised in the thread that waits for it  # noqa: BLE001
            self._error = error
        finally:
            self._ended = True
            self._stands.release()

    def _give(self, measured: Measurement) -> None:
        """Called in its thread: hands a measurement over and stands still."""
        self._measured = measured
        self._stands.release()
        self._go.acquire()
        if self._closed:
            raise _Closed


def _random_state() -> tuple[Any, ...]:
    """The global random numbers of Python, NumPy and torch, on all devices."""
    import numpy as np
    import torch

    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), cuda


def _set_random_state(state: tuple[Any, ...]) -> None:
    import numpy as np
    import torch

    python, numpy, cpu, cuda = state
    random.setstate(python)
    np.random.set_state(numpy)
    torch.set_rng_state(cpu)
    if cuda:
        torch.cuda.set_rng_state_all(cuda)
