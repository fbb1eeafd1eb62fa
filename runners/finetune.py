"""The reference engine: fine-tunes a stock transformers classifier, one trial, top to bottom.

Written to be read. ``runners.stacked`` trains many trials at once and must agree with this file.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from runners import dropout, seeds
from runners.glue import NUM_LABELS, Examples, TaskData
from runners.recipe import Recipe, learning_rate, steps_per_epoch, validation_steps
from runners.trial_log import Cell, Outcome

#: Adam's step counter in a recipe without bias correction starts here: both corrections are 1 to the last bit.
LATE_STEP = 1_000_000.0


def finetune(
    pretrained: PreTrainedModel,
    data: TaskData,
    recipe: Recipe,
    cell: Cell,
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] = lambda step: None,
) -> tuple[Outcome, nn.Module]:
    """Trains one trial.

    Args:
        pretrained: a sequence classifier; it is copied, and its head is drawn anew.
        data: the task.
        recipe: how to train.
        cell: the seeds.
        device: where.
        progress: told the number of steps done after each of them.

    Returns:
        What the trial did, and the trained model.
    """
    device = torch.device(device)
    model = copy.deepcopy(pretrained).float()
    init_classifier(model, cell.weight_init_seed)
    sites = dropout.install(model, recipe.dropout, recipe.max_length)
    model.to(device)
    optimizer = make_optimizer(model, recipe)
    epoch_steps = steps_per_epoch(recipe, len(data.train))
    num_steps = epoch_steps * recipe.epochs
    points = set(validation_steps(recipe, len(data.train)))
    dropout_seed = np.array([cell.dropout_seed], np.uint64)
    losses: list[Tensor] = []
    norms: list[Tensor] = []
    logits: list[np.ndarray] = []
    evaluation_seconds, start = 0.0, _now(device)
    for step in range(num_steps):
        epoch, within = divmod(step, epoch_steps)
        if within == 0:
            order = seeds.data_order(cell.data_order_seed, epoch, len(data.train))
        batch = pad(data.train, order[within * recipe.batch_size : (within + 1) * recipe.batch_size], device)
        keys = torch.from_numpy(seeds.dropout_keys(dropout_seed, step, len(sites))[0]).to(device)
        for site, site_keys in zip(sites, keys, strict=True):
            site.keys = site_keys
        model.train()
        with _autocast(device, recipe):
            output = model(**batch.inputs).logits.float()
        loss = F.cross_entropy(output, batch.label)
        loss.backward()
        parameters = [parameter for parameter in model.parameters() if parameter.grad is not None]
        norm = nn.utils.clip_grad_norm_(parameters, recipe.max_gradient_norm or float("inf"))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step, num_steps)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.detach())
        norms.append(norm)
        if step + 1 in points:
            began = _now(device)
            logits.append(predict(model, data.validation, recipe, device))
            evaluation_seconds += _now(device) - began
        progress(step + 1)
    outcome = Outcome(
        step_train_loss=torch.stack(losses).cpu().numpy(),
        gradient_norm=torch.stack(norms).cpu().numpy(),
        logits=np.stack(logits),
        train_seconds=_now(device) - start - evaluation_seconds,
        evaluation_seconds=evaluation_seconds,
    )
    return outcome, model


def init_classifier(model: PreTrainedModel, weight_init_seed: int) -> None:
    """Draws the classification head from its seed: what "weight initialisation" means in the paper.

    Raises:
        ValueError: the model's head is not one linear layer called ``classifier``.
    """
    head = getattr(model, "classifier", None)
    if not isinstance(head, nn.Linear):
        raise ValueError(f"{type(model).__name__}: expected a linear layer named 'classifier' as head, got {head!r}")
    weights = seeds.classifier_weights(
        weight_init_seed, head.out_features, head.in_features, model.config.initializer_range
    )
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weights))
        head.bias.zero_()


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over two groups, with and without weight decay; without bias correction if the recipe says so."""
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    no_decay = [parameter for name, parameter in named if name.endswith("bias") or "LayerNorm" in name]
    decay = [parameter for name, parameter in named if not (name.endswith("bias") or "LayerNorm" in name)]
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

    def __init__(self, inputs: dict[str, Tensor], label: Tensor):
        self.inputs, self.label = inputs, label


def pad(data: Examples, index: np.ndarray, device: torch.device) -> PaddedBatch:
    """The examples ``index`` of ``data``, padded to the longest of them."""
    length = data.length[index]
    position = np.arange(length.max())
    live = position < length[:, None]
    source = np.where(live, data.start[index][:, None] + position, 0)
    arrays = {
        "input_ids": np.where(live, data.token_ids[source], 0),
        "token_type_ids": np.where(live, data.token_types[source], 0),
        "attention_mask": live,
    }
    inputs = {name: torch.from_numpy(array.astype(np.int64)).to(device) for name, array in arrays.items()}
    return PaddedBatch(inputs, torch.from_numpy(data.label[index]).to(device))


@torch.no_grad()
def predict(
    model: nn.Module, data: Examples, recipe: Recipe, device: torch.device | str, batch_size: int = 64
) -> np.ndarray:
    """Logits of every example, float32 [examples, labels]; the model is left as it was, in evaluation mode."""
    device = torch.device(device)
    model.eval()
    order = np.argsort(data.length, kind="stable")
    logits = np.empty((len(data), NUM_LABELS), np.float32)
    for start in range(0, len(order), batch_size):
        index = order[start : start + batch_size]
        with _autocast(device, recipe):
            logits[index] = model(**pad(data, index, device).inputs).logits.float().cpu().numpy()
    return logits


def _autocast(device: torch.device, recipe: Recipe) -> torch.autocast:
    return torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16")


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
