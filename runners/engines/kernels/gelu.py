"""Bias and GELU in one pass."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from runners.engines.kernels.tiles import ROWS, fold, tile

_ROOT_HALF = tl.constexpr(0.7071067811865476)  # 1 / √2
_PEAK = tl.constexpr(0.3989422804014327)  # 1 / √(2π), the normal density at 0
_LARGEST_BLOCK = 512


@triton.jit
def _forward(x, bias, out, tokens, width, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    trial, token = tl.program_id(1), tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(2) * BLOCK + tl.arange(0, BLOCK)
    inside = (token < tokens)[:, None] & (column < width)[None, :]
    at = (trial.to(tl.int64) * tokens + token)[:, None] * width + column[None, :]
    value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    value += tl.load(bias + trial * width + column, mask=column < width, other=0.0).to(tl.float32)[None, :]
    y = 0.5 * value * (1 + tl.math.erf(value * _ROOT_HALF))
    tl.store(out + at, y.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _backward(
    gradient, x, bias, out, sums, tokens, width, SUMMED: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr
):
    """Of ``SUMMED`` tokens; leaves their sums for the bias."""
    part, trial = tl.program_id(0), tl.program_id(1)
    column = tl.program_id(2) * BLOCK + tl.arange(0, BLOCK)
    b = tl.load(bias + trial * width + column, mask=column < width, other=0.0).to(tl.float32)[None, :]
    total = tl.zeros([ROWS, BLOCK], tl.float32)
    for first in range(part * SUMMED, tl.minimum(part * SUMMED + SUMMED, tokens), ROWS):
        token = first + tl.arange(0, ROWS)
        inside = (token < tokens)[:, None] & (column < width)[None, :]
        at = (trial.to(tl.int64) * tokens + token)[:, None] * width + column[None, :]
        value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32) + b
        slope = 0.5 * (1 + tl.math.erf(value * _ROOT_HALF)) + value * _PEAK * tl.exp(-0.5 * value * value)
        g = tl.load(gradient + at, mask=inside, other=0.0).to(tl.float32) * slope
        total += g
        tl.store(out + at, g.to(out.dtype.element_ty), mask=inside)
    to = (trial.to(tl.int64) * tl.num_programs(0) + part) * width + column
    tl.store(sums + to, tl.sum(total, axis=0), mask=column < width)


class _BiasGelu(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        x, bias = x.contiguous(), bias.contiguous()
        trials, tokens, width = x.shape
        out, (rows, block) = torch.empty_like(x), tile(width, _LARGEST_BLOCK)
        _forward[triton.cdiv(tokens, rows), trials, triton.cdiv(width, block)](
            x, bias, out, tokens, width, ROWS=rows, BLOCK=block
        )
        ctx.save_for_backward(x, bias)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, bias = ctx.saved_tensors
        trials, tokens, width = x.shape
        parts, (rows, block) = triton.cdiv(tokens, ROWS), tile(width, _LARGEST_BLOCK)
        out, sums = torch.empty_like(x), torch.empty(trials, parts, width, device=x.device)
        _backward[parts, trials, triton.cdiv(width, block)](
            gradient.contiguous(), x, bias, out, sums, tokens, width, SUMMED=ROWS, ROWS=rows, BLOCK=block
        )
        return out, fold(sums, bias.dtype)


def bias_gelu(x: Tensor, bias: Tensor) -> Tensor:
    """As in ``plain``."""
    return _BiasGelu.apply(x, bias)
