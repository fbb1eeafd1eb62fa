"""The reference engine: fine-tunes a stock transformers classifier, one trial, top to bottom.

Written to be read. ``runners.engines.stacked`` trains many trials at once and must agree with this file.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from runners.data import seeds
from runners.data.glue import Examples, TaskData
from runners.data.recipe import LATE_STEP, Recipe, learning_rate, steps_per_epoch, validation_steps
from runners.engines import dropout
from runners.engines.drawn import init_weights, spared_from_decay
from runners.errors import RunnerError
from runners.trial_log import Cell, Outcome


def finetune(
    pretrained: PreTrainedModel,
    data: TaskData,
    recipe: Recipe,
    cell: Cell,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] = lambda step: None,
) -> tuple[Outcome, nn.Module]:
    """Trains one trial to its end.

    Args:
        pretrained: a sequence classifier; it is copied, and what its checkpoint lacks is drawn.
        data: the task.
        recipe: how to train.
        cell: the seeds.
        device: where.
        progress: told the number of steps done after each of them.

    Returns:
        What the trial did, and the trained model.

    Raises:
        RunnerError: a model whose weights or dropout no seed of a trial decides.
    """
    trial = ReferenceTrial(pretrained, data, recipe, cell, device)
    while not trial.complete:
        trial.advance(progress)
    return trial.outcome(), trial.model


class ReferenceTrial:
    """One trial, trained from validation point to validation point.

    It can be paused after any step: `state_dict` is all there is, because no random number comes from a generator with
    a state. A trial that goes on from it, also in another process, has the bits of one that was never paused.

    Args:
        pretrained, data, recipe, cell, device: as for `finetune`.

    Attributes:
        model: the classifier, with our dropout in the place of its own.
        step: training steps done.
        points: the steps after which it is validated, ascending; the last is the trial's end.
        logits: float32 [dev examples, labels] of each validation point passed.
        test_logits: float32 [test examples, labels], likewise; empty where there is no test set.
    """

    def __init__(
        self,
        pretrained: PreTrainedModel,
        data: TaskData,
        recipe: Recipe,
        cell: Cell,
        device: torch.device | str = "cpu",
    ) -> None:
        self.data, self.recipe, self.cell, self.device = data, recipe, cell, torch.device(device)
        self.model = copy.deepcopy(pretrained).float()
        init_weights(self.model, cell.weight_init_seed)
        self.sites = dropout.install(self.model, recipe.dropout, recipe.max_length)
        self.model.to(self.device)
        self.optimizer = make_optimizer(self.model, recipe)
        self.step = 0
        self.points = validation_steps(recipe, len(data.train))
        self.logits: list[np.ndarray] = []
        self.test_logits: list[np.ndarray] = []
        self.losses: list[Tensor] = []  # of each step; on the device, so that nothing waits for them
        self.norms: list[Tensor] = []
        self.train_seconds = self.evaluation_seconds = 0.0
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))  # of which epoch

    @property
    def complete(self) -> bool:
        """Whether the last validation point is passed."""
        return len(self.logits) == len(self.points)

    def advance(self, progress: Callable[[int], None] = lambda step: None) -> np.ndarray:
        """Trains to the next validation point; returns the logits there, float32 [dev examples, labels].

        ``progress`` is told the number of steps done after each of them. What it raises pauses the trial at that step.
        """
        point = self.points[len(self.logits)]
        start = _now(self.device)
        try:
            while self.step < point:
                self._train_step()
                progress(self.step)
        finally:
            self.train_seconds += _now(self.device) - start
        start = _now(self.device)
        if self.data.test is not None:
            self.test_logits.append(predict(self.model, self.data.test, self.recipe, self.device))
        self.logits.append(predict(self.model, self.data.validation, self.recipe, self.device))
        self.evaluation_seconds += _now(self.device) - start
        return self.logits[-1]

    def _train_step(self) -> None:
        recipe, data = self.recipe, self.data
        epoch, within = divmod(self.step, steps_per_epoch(recipe, len(data.train)))
        if self._order[0] != epoch:
            self._order = epoch, seeds.data_order(self.cell.data_order_seed, epoch, len(data.train))
        index = self._order[1][within * recipe.batch_size : (within + 1) * recipe.batch_size]
        batch = pad(data.train, index, self.device)
        dropout_seed = np.array([self.cell.dropout_seed], np.uint64)
        keys = torch.from_numpy(seeds.dropout_keys(dropout_seed, self.step, len(self.sites))[0]).to(self.device)
        for site, site_keys in zip(self.sites, keys, strict=True):
            site.keys = site_keys
        self.model.train()
        before = _generator_state(self.device) if self.step == 0 else None
        with _autocast(self.device, recipe):
            output = self.model(**batch.inputs).logits.float()
        if before is not None and not torch.equal(before, _generator_state(self.device)):
            raise RunnerError(
                f"{type(self.model).__name__} draws random numbers of its own in training, such as dropout that is no "
                "nn.Dropout: two runs of a cell would differ, so the reference engine does not train it"
            )
        loss = F.cross_entropy(output, batch.label)
        loss.backward()
        parameters = [parameter for parameter in self.model.parameters() if parameter.grad is not None]
        norm = nn.utils.clip_grad_norm_(parameters, recipe.max_gradient_norm or float("inf"))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, self.step, self.points[-1])
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.losses.append(loss.detach())
        self.norms.append(norm)
        self.step += 1

    def outcome(self) -> Outcome:
        """What the trial did so far; it has passed a validation point."""
        return Outcome(
            step_train_loss=torch.stack(self.losses).cpu().numpy(),
            gradient_norm=torch.stack(self.norms).cpu().numpy(),
            logits=np.stack(self.logits),
            train_seconds=self.train_seconds,
            evaluation_seconds=self.evaluation_seconds,
            test_logits=np.stack(self.test_logits) if self.test_logits else None,
        )

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes in training: tensors, numbers and lists of them, as ``torch.save`` takes them."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "losses": torch.stack(self.losses) if self.losses else torch.empty(0),
            "norms": torch.stack(self.norms) if self.norms else torch.empty(0),
            "logits": [torch.from_numpy(logits) for logits in self.logits],
            "test_logits": [torch.from_numpy(logits) for logits in self.test_logits],
            "train_seconds": self.train_seconds,
            "evaluation_seconds": self.evaluation_seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what ``state_dict`` of a trial of the same cell, recipe and data returned."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self.losses = list(state["losses"].to(self.device))
        self.norms = list(state["norms"].to(self.device))
        self.logits = [logits.numpy() for logits in state["logits"]]
        self.test_logits = [logits.numpy() for logits in state["test_logits"]]
        self.train_seconds, self.evaluation_seconds = state["train_seconds"], state["evaluation_seconds"]


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over two groups, with and without weight decay; without bias correction if the recipe says so."""
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    spared = spared_from_decay(model)
    no_decay = [parameter for name, parameter in named if name in spared]
    decay = [parameter for name, parameter in named if name not in spared]
    optimizer = torch.optim.AdamW(
        [{"params": decay, "weight_decay": recipe.weight_decay}, {"params": no_decay, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=(recipe.adam_beta1, recipe.adam_beta2),
        eps=recipe.adam_epsilon,
    )
    if not recipe.bias_correction:
        for _, parameter in named:
            optimizer.state[parameter] = {
                "step": torch.tensor(LATE_STEP),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
    return optimizer


class PaddedBatch:
    """A batch as stock models take it: ``inputs`` (int64 [examples, length] each) and ``label`` (int64 [examples])."""

    def __init__(self, inputs: dict[str, Tensor], label: Tensor) -> None:
        self.inputs, self.label = inputs, label


def pad(data: Examples, index: np.ndarray, device: torch.device) -> PaddedBatch:
    """The examples ``index`` of ``data``, padded to the longest of them."""
    length = data.length[index]
    position = np.arange(length.max())
    live = position < length[:, None]
    source = np.where(live, data.start[index][:, None] + position, 0)
    arrays = {
        "input_ids": np.where(live, data.token_ids[source], data.pad_id),
        "token_type_ids": np.where(live, data.token_types[source], 0),
        "attention_mask": live,
    }
    inputs = {name: torch.from_numpy(arrays[name].astype(np.int64)).to(device) for name in data.inputs}
    return PaddedBatch(inputs, torch.from_numpy(data.label[index]).to(device))


@torch.no_grad()
def predict(
    model: nn.Module, data: Examples, recipe: Recipe, device: torch.device | str, batch_size: int = 64
) -> np.ndarray:
    """Logits of every example, float32 [examples, labels]; the model is left as it was, in evaluation mode."""
    device = torch.device(device)
    model.eval()
    order = np.argsort(data.length, kind="stable")
    parts = []
    for start in range(0, len(order), batch_size):
        with _autocast(device, recipe):
            batch = pad(data, order[start : start + batch_size], device)
            parts.append(model(**batch.inputs).logits.float().cpu().numpy())
    logits = np.concatenate(parts)
    return logits[np.argsort(order)]


def _autocast(device: torch.device, recipe: Recipe) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")


def _generator_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
