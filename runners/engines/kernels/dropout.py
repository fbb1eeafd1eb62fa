"""Dropout by element number."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from runners.engines.dropout import MULTIPLIERS, threshold
from runners.engines.plain import Mask

_FIRST = tl.constexpr(MULTIPLIERS[0])
_SECOND = tl.constexpr(MULTIPLIERS[1])
_BLOCK = 1024


@triton.jit
def kept(element, keys, threshold):
    """`runners.engines.dropout.keep_mask` in int32, which wraps around; ``keys`` points to the trial's two."""
    x = element * tl.load(keys + 1) + tl.load(keys)
    x = x ^ ((x >> 16) & 0xFFFF)
    x = x * _FIRST
    x = x ^ ((x >> 15) & 0x1FFFF)
    x = x * _SECOND
    x = x ^ ((x >> 16) & 0xFFFF)
    return x >= threshold


@triton.jit
def _dropout(x, element, keys, out, size, key_stride, threshold, scale, BLOCK: tl.constexpr):
    trial = tl.program_id(1)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < size
    keep = kept(tl.load(element + at, mask=inside, other=0), keys + trial * key_stride, threshold)
    offset = trial.to(tl.int64) * size + at
    value = tl.load(x + offset, mask=inside, other=0.0).to(tl.float32)
    tl.store(out + offset, tl.where(keep, value * scale, 0.0).to(out.dtype.element_ty), mask=inside)


def mask_arguments(mask: Mask) -> tuple[int, int, float]:
    """What a kernel takes of a mask beside its keys: their stride, the threshold, the factor of what is kept."""
    return mask.keys.stride(0), threshold(mask.probability), 1 / (1 - mask.probability)


def _masked(x: Tensor, element: Tensor, mask: Mask) -> Tensor:
    x = x.contiguous()
    out, size = torch.empty_like(x), element.numel()
    _dropout[triton.cdiv(size, _BLOCK), len(x)](x, element, mask.keys, out, size, *mask_arguments(mask), BLOCK=_BLOCK)
    return out


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, element: Tensor, keys: Tensor, probability: float) -> Tensor:
        ctx.save_for_backward(element, keys)
        ctx.probability = probability
        return _masked(x, element, Mask(keys, probability))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        element, keys = ctx.saved_tensors
        return _masked(gradient, element, Mask(keys, ctx.probability)), None, None, None


def dropout(x: Tensor, element: Tensor, mask: Mask) -> Tensor:
    """As in ``plain``."""
    return x if mask.probability == 0 else _Dropout.apply(x, element.contiguous(), *mask)
