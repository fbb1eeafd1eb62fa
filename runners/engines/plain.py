"""The operations of a stacked BERT in plain torch: what a CPU runs, and what the kernels for CUDA must equal.

``runners.engines.kernels`` has functions of the same names and arguments. Every tensor of a trial leads with K, the
trial; T tokens are packed, [K, T, …], or padded to B examples of L tokens. A product leaves its bias to what comes
next, since a kernel adds it in the same pass over memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from runners.engines import dropout as masks
from runners.engines.packing import Batch


class Mask(NamedTuple):
    """Dropout at one place of the model in one step."""

    keys: Tensor  # [K, 2] int32; not looked at where the probability is 0
    probability: float


class Norm(NamedTuple):
    """A LayerNorm of K trials."""

    weight: Tensor  # [K, H] float32
    bias: Tensor  # [K, H] float32
    eps: float


class AdamState(NamedTuple):
    """One stacked tensor in training."""

    weight: Tensor  # [K, …] float32
    moment1: Tensor  # like it
    moment2: Tensor  # like it
    leaf: Tensor | None  # the weight in the products' precision; None where that is the weight itself


class AdamRule(NamedTuple):
    """Adam's constants for one tensor."""

    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float


def dropout(x: Tensor, element: Tensor, mask: Mask) -> Tensor:
    """``x`` [K, …] without the elements that the mask drops; ``element`` int32 […]: their numbers."""
    if mask.probability == 0:
        return x
    return masks.dropout(x, element, mask.keys.view(-1, *[1] * element.dim(), 2), mask.probability)


def product(x: Tensor, weight: Tensor) -> Tensor:
    """``x`` [K, T, in] times the trials' own ``weight`` [K, out, in], in the weight's precision: [K, T, out].

    The gradient of the weights comes out contiguous, as Adam reads them; autograd's own is transposed in memory.
    """
    return _Product.apply(x.to(weight.dtype), weight)


def to_heads(x: Tensor, bias: Tensor, batch: Batch, heads: int, parts: int) -> Tensor:
    """``x`` + ``bias``, such as query, key and value side by side, padded and by attention heads.

    Args:
        x: [K, T, parts * H].
        bias: [K, parts * H].
        batch: of the tokens.
        heads: by which H is divided.
        parts: how many lie side by side.

    Returns:
        [parts, K, B, heads, L, H / heads], 0 where there is no token.
    """
    examples, length = batch.live.shape
    padded = _Pad.apply(x + bias.unsqueeze(1), batch.token, batch.live, batch.slot, batch.token_live)
    return padded.view(len(x), examples, length, parts, heads, -1).permute(3, 0, 1, 4, 2, 5)


def to_tokens(x: Tensor, batch: Batch) -> Tensor:
    """``x`` [K, B, heads, L, H / heads] as packed tokens [K, T, H], 0 for those that are padding."""
    padded = x.transpose(2, 3).reshape(len(x), batch.live.numel(), -1)
    return _Pad.apply(padded, batch.slot, batch.token_live, batch.token, batch.live)


def attention_probabilities(scores: Tensor, live: Tensor, mask: Mask, max_length: int, scaling: float) -> Tensor:
    """Softmax over the tokens that are there, then dropout; computed in float32.

    Args:
        scores: [K, B, heads, queries, L]; with dropout there are L queries.
        live: int32 [B, L], 1 where there is a token. An example without any attends evenly.
        mask: dropout.
        max_length: row pitch of the element numbers.
        scaling: factor of the scores.

    Returns:
        Like ``scores``.
    """
    examples, heads, length = scores.shape[1:4]
    no_token = (live == 0).view(1, examples, 1, 1, -1)
    x = (scores.float() * scaling).masked_fill_(no_token, torch.finfo(torch.float32).min).softmax(-1)
    if mask.probability > 0:
        x = dropout(x, masks.attention_elements(examples, heads, length, max_length, x.device), mask)
    return x.to(scores.dtype)


def layer_norm(x: Tensor, norm: Norm) -> Tensor:
    """LayerNorm over the last axis of ``x`` [K, T, H], in float32."""
    x = F.layer_norm(x.float(), x.shape[-1:], eps=norm.eps)
    return (x * norm.weight.unsqueeze(1)).add_(norm.bias.unsqueeze(1))


def add_norm(x: Tensor, bias: Tensor, residual: Tensor, norm: Norm, row: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
    """LayerNorm(dropout(x + bias) + residual), how each half of a layer ends.

    Args:
        x: [K, T, H].
        bias: [K, H].
        residual: float32 [K, T, H].
        norm: its weights.
        row: int32 [T], the tokens' numbers for dropout.
        mask: dropout.

    Returns:
        [K, T, H], twice: in float32, which the next residual is, and in the precision of ``x``.
    """
    hidden = x.shape[-1]
    element = row.unsqueeze(1) * hidden + torch.arange(hidden, dtype=torch.int32, device=x.device)
    out = layer_norm(dropout(x + bias.unsqueeze(1), element, mask) + residual, norm)
    return out, out.to(x.dtype)


def bias_gelu(x: Tensor, bias: Tensor) -> Tensor:
    """gelu(x + bias), the exact one; ``x`` [K, T, I], ``bias`` [K, I]."""
    return F.gelu(x + bias.unsqueeze(1))


def gradient_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Float32 [K]: the norm of each trial's gradient over all tensors [K, …]."""
    # All squares in one place: fresh memory for those of each tensor takes longer than they do.
    room = torch.empty(max(gradient.numel() for gradient in gradients), device=gradients[0].device)
    sums = []
    for gradient in gradients:
        exact = gradient.float()
        squares = torch.mul(exact, exact, out=room[: exact.numel()].view(exact.shape))
        sums.append(squares.flatten(1).sum(1))
    return torch.stack(sums).sum(0).sqrt()


def adam_step(
    state: AdamState, gradient: Tensor, place: Tensor | None, scale: Tensor, scalars: Tensor, rule: AdamRule
) -> None:
    """One step of Adam with decoupled weight decay (Loshchilov & Hutter 2019) of one stacked tensor, in place.

    Args:
        state: what changes.
        gradient: [K, …] like the weight or, with ``place``, [K, rows of the batch, H].
        place: int32 [rows of the table]: where in ``gradient`` a row's is; at or beyond its end: the row has none.
        scale: float32 [K], each trial's factor of the gradient.
        scalars: float32 [4]: learning rate, and Adam's two bias corrections.
        rule: Adam's constants.
    """
    weight, first, second, leaf = state
    rate, correction1, correction2 = scalars[0], scalars[1], scalars[2]
    if place is not None:
        gradient = spread_rows(gradient, place)
    gradient = gradient.float() * scale.view(-1, *[1] * (gradient.dim() - 1))
    first.copy_(first + (gradient - first) * (1 - rule.beta1))
    second.copy_(second * rule.beta2 + gradient * gradient * (1 - rule.beta2))
    decayed = weight * (1 - rate * rule.weight_decay) if rule.weight_decay else weight
    weight.copy_(decayed - rate / correction1 * first / (second.sqrt() / correction2.sqrt() + rule.epsilon))
    if leaf is not None:
        leaf.copy_(weight)


def spread_rows(gradient: Tensor, place: Tensor) -> Tensor:
    """A table's gradient [K, rows, H] from that of the batch's rows; ``place`` as in `adam_step`."""
    rows = gradient.shape[1]
    return torch.where((place < rows).view(1, -1, 1), gradient.index_select(1, place.clamp(max=rows - 1)), 0.0)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.bmm(x, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        return torch.bmm(gradient, weight), torch.bmm(gradient.transpose(1, 2), x)


class _Pad(torch.autograd.Function):
    """Rows of [K, rows, H] at an index, 0 where it is not live; the gradient goes the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor, live: Tensor, back: Tensor, back_live: Tensor) -> Tensor:
        ctx.save_for_backward(back, back_live)
        return _take(x, index, live)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        return _take(gradient, *ctx.saved_tensors), None, None, None, None


def _take(x: Tensor, index: Tensor, live: Tensor) -> Tensor:
    return x.index_select(1, index).masked_fill_(live.view(-1, 1) == 0, 0.0)
