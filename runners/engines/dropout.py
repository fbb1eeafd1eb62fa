"""Dropout whose mask is a function of (trial, step, site, element) and of nothing else.

A mask that came from a generator's state would depend on the batch's padding, on the device and, where many
trials train at once, on the neighbours. Here an element's number is hashed with two 32-bit keys that
``runners.data.seeds.dropout_keys`` draws for the trial, the step and the place in the model. An element's number is its
place in the padded tensor [examples, max_length, …], so packing and padding do not change it.

The hash is an affine map of the number, ``number * odd + offset``, then the 32-bit mixer "lowbias32" of
C. Wellons (2018). It is meant for dropout, not for cryptography.
"""

from __future__ import annotations

from typing import Any

import torch
import transformers
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from runners.errors import RunnerError

#: The mixer's two multipliers, as signed 32-bit numbers.
MULTIPLIERS = 0x7FEB352D, 0x846CA68B - 2**32


#: What an attention module may call its dropout; the last is ours, in a module that has a probability and no more.
ATTENTION_DROPOUT = ("dropout", "attention_dropout", "attn_dropout", "attention_site")
#: By which a hash's offset moves with every use of a site: 2³² over the golden ratio, as a signed 32-bit number.
AGAIN = 0x9E3779B9 - 2**32


def threshold(probability: float) -> int:
    """What an element's hash must reach, as a signed 32-bit number, to be kept."""
    return int(probability * 2**32) - 2**31


def keep_mask(element: Tensor, keys: Tensor, probability: float) -> Tensor:
    """Which elements are kept.

    Args:
        element: int32, any shape: the number of each element.
        keys: int32 [..., 2] whose leading shape broadcasts against ``element``: offset and odd multiplier.
        probability: of being dropped.

    Returns:
        bool, in the broadcast shape.
    """
    x = element * keys[..., 1] + keys[..., 0]  # int32 products wrap around, as they should
    x ^= (x >> 16).bitwise_and_(0xFFFF)
    x *= MULTIPLIERS[0]
    x ^= (x >> 15).bitwise_and_(0x1FFFF)
    x *= MULTIPLIERS[1]
    x ^= (x >> 16).bitwise_and_(0xFFFF)
    return x >= threshold(probability)


def dropout(x: Tensor, element: Tensor, keys: Tensor, probability: float) -> Tensor:
    """``x`` with dropped elements set to 0 and kept ones scaled by 1 / (1 - probability)."""
    if probability == 0:
        return x
    return torch.where(keep_mask(element, keys, probability), x * (1 / (1 - probability)), 0.0)


class DropoutSite(nn.Module):
    """Takes the place of one ``nn.Dropout`` of a stock model; which mask it draws is set from outside, every step.

    A layer that a model passes several times in a step (ALBERT's) draws another mask each time.

    Attributes:
        p: probability of an element being dropped.
        max_length: row pitch of the element numbers.
        keys: int32 [2] of the current step.
        uses: times that these were used.
    """

    def __init__(self, p: float, max_length: int) -> None:
        super().__init__()
        self.p, self.max_length = p, max_length
        self.keys = torch.zeros(2, dtype=torch.int32)

    @property
    def keys(self) -> Tensor:
        return self._keys

    @keys.setter
    def keys(self, keys: Tensor) -> None:
        self._keys, self.uses = keys, 0

    def forward(self, x: Tensor) -> Tensor:
        """``x``: [examples, length, hidden], [examples, hidden] or attention probabilities."""
        if not self.training or self.p == 0:
            return x
        if x.dim() == 4 and x.shape[2] == x.shape[3]:
            return self.attention(x)
        number = torch.arange(x.shape[0], dtype=torch.int32, device=x.device)
        pitches = (self.max_length, x.shape[2]) if x.dim() == 3 else x.shape[1:]
        for size, pitch in zip(x.shape[1:], pitches, strict=True):
            number = number.unsqueeze(-1) * pitch + torch.arange(size, dtype=torch.int32, device=x.device)
        return self._drop(x, number)

    def attention(self, weights: Tensor) -> Tensor:
        """``weights``: attention probabilities [examples, heads, length, length]."""
        if not self.training or self.p == 0:
            return weights
        examples, heads, length = weights.shape[:3]
        number = attention_elements(examples, heads, length, self.max_length, weights.device)
        return self._drop(weights, number)

    def _drop(self, x: Tensor, number: Tensor) -> Tensor:
        keys = self.keys
        if self.uses:
            moved = torch.tensor([(self.uses * AGAIN) % 2**32, 0], device=keys.device)
            keys = (keys + moved).to(torch.int32)  # wraps around
        self.uses += 1
        return dropout(x, number, keys, self.p)


def attention_elements(examples: int, heads: int, length: int, max_length: int, device: torch.device) -> Tensor:
    """Element numbers of attention probabilities: int32 [examples, heads, length, length]."""
    row = torch.arange(examples * heads, dtype=torch.int32, device=device).view(examples, heads, 1, 1)
    token = torch.arange(length, dtype=torch.int32, device=device)
    return (row * max_length + token.unsqueeze(-1)) * max_length + token


def install(model: nn.Module, probability: float, max_length: int) -> list[DropoutSite]:
    """Replaces every ``nn.Dropout`` of ``model``, in module order, and its attention; returns the sites in that order.

    An attention module that holds only a probability (ModernBERT's) gets a site of its own.
    """
    sites = []
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Dropout):
            parent, _, attribute = name.rpartition(".")
            site = DropoutSite(probability, max_length)
            setattr(model.get_submodule(parent), attribute, site)
            sites.append(site)
        elif isinstance(getattr(module, "attention_dropout", None), float | int):
            module.attention_site = site = DropoutSite(probability, max_length)
            sites.append(site)
    verbosity = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()  # some compute attention themselves, with their nn.Dropout, and say so
    model.set_attn_implementation("seedbench")  # type: ignore[operator]
    transformers.logging.set_verbosity(verbosity)
    return sites


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Tensor, Tensor]:
    """Plain attention, [examples, heads, length, head size], with the module's own dropout.

    Raises:
        RunnerError: it has none that is known.
    """
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    sites = [getattr(module, name, None) for name in ATTENTION_DROPOUT]
    site = next((each for each in sites if isinstance(each, DropoutSite)), None)
    if site is None:
        raise RunnerError(
            f"how {type(module).__name__} drops attention is not known: it has no nn.Dropout called "
            f"{' or '.join(ATTENTION_DROPOUT[:-1])}, and no attention_dropout"
        )
    weights = site.attention(scores.softmax(-1))
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


AttentionInterface.register("seedbench", _attention)
AttentionMaskInterface.register("seedbench", eager_mask)
