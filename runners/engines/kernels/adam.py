"""Clipping and Adam: the norm of all gradients, then one pass over all that a step reads and writes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from runners.engines.kernels.tiles import fold
from runners.engines.plain import AdamRule, AdamState

_NORM_BLOCK, _ADAM_BLOCK = 4096, 1024


@triton.jit
def _squares(gradient, out, size, first, parts, BLOCK: tl.constexpr):
    part, trial = tl.program_id(0), tl.program_id(1)
    at = part * BLOCK + tl.arange(0, BLOCK)
    g = tl.load(gradient + trial.to(tl.int64) * size + at, mask=at < size, other=0.0).to(tl.float32)
    tl.store(out + trial.to(tl.int64) * parts + first + part, tl.sum(g * g, axis=0))


def gradient_norm(gradients: Sequence[Tensor]) -> Tensor:
    """As in ``plain``."""
    trials, device = len(gradients[0]), gradients[0].device
    counts = [triton.cdiv(gradient[0].numel(), _NORM_BLOCK) for gradient in gradients]
    squares = torch.empty(trials, sum(counts), 1, device=device)
    first = 0
    for gradient, count in zip(gradients, counts, strict=True):
        _squares[count, trials](
            gradient.contiguous(), squares, gradient[0].numel(), first, sum(counts), BLOCK=_NORM_BLOCK
        )
        first += count
    return fold(squares).view(trials).sqrt()


@triton.jit
def _adam(
    weight, first, second, leaf, gradient, place, scale, scalars, size, width, source_rows,
    rate1, beta2, rate2, eps, decay, PLACED: tl.constexpr, LEAF: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    trial = tl.program_id(1)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < size
    at = trial.to(tl.int64) * size + i
    if PLACED:
        row = tl.load(place + i // width, mask=inside, other=source_rows)
        source = (trial.to(tl.int64) * source_rows + row) * width + i % width
        g = tl.load(gradient + source, mask=row < source_rows, other=0.0)
    else:
        g = tl.load(gradient + at, mask=inside, other=0.0)
    g = g.to(tl.float32) * tl.load(scale + trial)
    rate, correction1, correction2 = tl.load(scalars), tl.load(scalars + 1), tl.load(scalars + 2)
    m = tl.load(first + at, mask=inside, other=0.0)
    v = tl.load(second + at, mask=inside, other=0.0)
    w = tl.load(weight + at, mask=inside, other=0.0)
    m = m + (g - m) * rate1
    v = v * beta2 + g * g * rate2
    w = w * (1 - rate * decay) - rate / correction1 * m / (tl.sqrt(v) / tl.sqrt(correction2) + eps)
    tl.store(first + at, m, mask=inside)
    tl.store(second + at, v, mask=inside)
    tl.store(weight + at, w, mask=inside)
    if LEAF:
        tl.store(leaf + at, w.to(leaf.dtype.element_ty), mask=inside)


def adam_step(
    state: AdamState, gradient: Tensor, place: Tensor | None, scale: Tensor, scalars: Tensor, rule: AdamRule
) -> None:
    """As in ``plain``."""
    weight, first, second, leaf = state
    size = weight[0].numel()
    _adam[triton.cdiv(size, _ADAM_BLOCK), len(weight)](
        weight, first, second, weight if leaf is None else leaf, gradient.contiguous(),
        scale if place is None else place, scale, scalars, size, weight.shape[-1], gradient.shape[1],
        1 - rule.beta1, rule.beta2, 1 - rule.beta2, rule.epsilon, rule.weight_decay,
        PLACED=place is not None, LEAF=leaf is not None, BLOCK=_ADAM_BLOCK,
    )  # fmt: skip
