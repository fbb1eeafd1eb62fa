"""The weights that a trial draws from its weight-init seed: all that its checkpoint does not bring.

That is the classification head of whatever shape (BERT's one layer, RoBERTa's two, DistilBERT's ``pre_classifier``,
DeBERTa's pooler), and what is missing below it, such as the pooler of a BERT that was saved without. Each has a stream
of its own, named like the parameter, so that there is no order in which they are drawn.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from runners.data import seeds
from runners.errors import RunnerError

HEAD = "classifier.weight"


def set_missing(model: PreTrainedModel, names: set[str]) -> None:
    """Notes on the model which of its parameters its checkpoint did not bring; copies keep the note."""
    model.__dict__["missing_parameters"] = frozenset(names)


def drawn_parameters(model: PreTrainedModel) -> tuple[str, ...]:
    """Names of the parameters that every trial draws: the head's, and those missing in the checkpoint."""
    body = f"{model.base_model_prefix}."
    missing: frozenset[str] = model.__dict__.get("missing_parameters", frozenset())
    return tuple(name for name, _ in model.named_parameters() if not name.startswith(body) or name in missing)


def initial_weights(model: PreTrainedModel, weight_init_seed: int) -> dict[str, np.ndarray]:
    """What a trial starts from, by parameter: float32.

    As transformers does it: matrices are normal with the deviation that the model's config names, biases are 0, norms
    are the identity.

    Raises:
        RunnerError: a parameter of another kind has to be drawn, or the config names no deviation.
    """
    modules = dict(model.named_modules())
    std = getattr(model.config, "initializer_range", None)
    if std is None:
        raise RunnerError(
            f"{type(model).__name__}: its config has no initializer_range, and how to draw its head is not known"
        )
    values = {}
    for name in drawn_parameters(model):
        owner, _, kind = name.rpartition(".")
        module, shape = modules[owner], tuple(model.get_parameter(name).shape)
        if kind == "bias" or is_norm(module):
            value = np.full(shape, float(kind != "bias"), np.float32)
        elif kind == "weight" and isinstance(module, nn.Linear | nn.Embedding):
            if name == HEAD:
                value = seeds.classifier_weights(weight_init_seed, shape[0], shape[1], std)
            else:
                value = seeds.missing_weights(name, weight_init_seed, shape, std)
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                value[module.padding_idx] = 0
        else:
            raise RunnerError(
                f"{type(model).__name__}: its checkpoint has no {name}, and how to draw a parameter of "
                f"{type(module).__name__} is not known; use a checkpoint that has it"
            )
        values[name] = value
    return values


def init_weights(model: PreTrainedModel, weight_init_seed: int) -> None:
    """Draws all that the checkpoint does not bring: what "weight initialisation" means in the paper."""
    with torch.no_grad():
        for name, value in initial_weights(model, weight_init_seed).items():
            model.get_parameter(name).copy_(torch.from_numpy(value))


def is_norm(module: nn.Module) -> bool:
    """Whether it is a LayerNorm, an RMSNorm or one of their many kinds: models bring classes of their own."""
    return isinstance(module, nn.LayerNorm) or type(module).__name__.endswith("Norm")


def spared_from_decay(model: nn.Module) -> set[str]:
    """Names of the parameters without weight decay: every bias, and all that norms have."""
    return {
        f"{owner}.{name}" if owner else name
        for owner, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if name.endswith("bias") or is_norm(module)
    }
