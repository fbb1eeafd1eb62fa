"""Bias, dropout, residual and LayerNorm in one pass."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from runners.engines.kernels.dropout import kept, mask_arguments
from runners.engines.kernels.tiles import ROWS, fold, tile
from runners.engines.plain import Mask, Norm


@triton.jit
def _sum_before_norm(
    x, bias, residual, row, keys, token, at, h, inside, tokens, hidden, threshold, scale, DROP: tl.constexpr
):
    """dropout(x + bias) + residual of some tokens, and which elements are kept; bias and keys are the trial's."""
    value = tl.load(x + at, mask=inside, other=0.0).to(tl.float32)
    value += tl.load(bias + h, mask=h < hidden, other=0.0).to(tl.float32)[None, :]
    keep = inside
    if DROP:
        number = tl.load(row + token, mask=token < tokens, other=0)[:, None] * hidden + h[None, :]
        keep = kept(number, keys, threshold) & inside
        value = tl.where(keep, value * scale, 0.0)
    return tl.where(inside, tl.load(residual + at, mask=inside, other=0.0) + value, 0.0), keep


@triton.jit
def _forward(
    x, bias, residual, weight, norm_bias, row, keys, out, low, mean, rstd,
    tokens, hidden, eps, key_stride, threshold, scale, DROP: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    trial, token, h = tl.program_id(1), tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, BLOCK)
    inside = (token < tokens)[:, None] & (h < hidden)[None, :]
    at = (trial.to(tl.int64) * tokens + token)[:, None] * hidden + h[None, :]
    own = trial * hidden + h
    z, _ = _sum_before_norm(
        x, bias + trial * hidden, residual, row, keys + trial * key_stride,
        token, at, h, inside, tokens, hidden, threshold, scale, DROP,
    )  # fmt: skip
    middle = tl.sum(z, axis=1) / hidden
    centred = tl.where(inside, z - middle[:, None], 0.0)
    inverse = 1 / tl.sqrt(tl.sum(centred * centred, axis=1) / hidden + eps)
    y = centred * inverse[:, None] * tl.load(weight + own, mask=h < hidden, other=0.0)[None, :]
    y += tl.load(norm_bias + own, mask=h < hidden, other=0.0)[None, :]
    tl.store(out + at, y, mask=inside)
    tl.store(low + at, y.to(low.dtype.element_ty), mask=inside)
    tl.store(mean + trial * tokens + token, middle, mask=token < tokens)
    tl.store(rstd + trial * tokens + token, inverse, mask=token < tokens)


@triton.jit
def _backward(
    gradient, low_gradient, x, bias, residual, weight, row, keys, mean, rstd,
    x_gradient, residual_gradient, sums, tokens, hidden, key_stride, threshold, scale,
    DROP: tl.constexpr, SUMMED: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Of ``SUMMED`` tokens; leaves their sums for the gradients of bias, weight and norm bias side by side."""
    part, trial, h = tl.program_id(0), tl.program_id(1), tl.arange(0, BLOCK)
    w = tl.load(weight + trial * hidden + h, mask=h < hidden, other=0.0)[None, :]
    bias_sum = tl.zeros([ROWS, BLOCK], tl.float32)
    weight_sum = tl.zeros([ROWS, BLOCK], tl.float32)
    norm_bias_sum = tl.zeros([ROWS, BLOCK], tl.float32)
    for first in range(part * SUMMED, tl.minimum(part * SUMMED + SUMMED, tokens), ROWS):
        token = first + tl.arange(0, ROWS)
        inside = (token < tokens)[:, None] & (h < hidden)[None, :]
        at = (trial.to(tl.int64) * tokens + token)[:, None] * hidden + h[None, :]
        z, keep = _sum_before_norm(
            x, bias + trial * hidden, residual, row, keys + trial * key_stride,
            token, at, h, inside, tokens, hidden, threshold, scale, DROP,
        )  # fmt: skip
        inverse = tl.load(rstd + trial * tokens + token, mask=token < tokens, other=0.0)[:, None]
        middle = tl.load(mean + trial * tokens + token, mask=token < tokens, other=0.0)[:, None]
        normed = tl.where(inside, (z - middle) * inverse, 0.0)
        g = tl.load(gradient + at, mask=inside, other=0.0)
        g += tl.load(low_gradient + at, mask=inside, other=0.0).to(tl.float32)
        weight_sum += g * normed
        norm_bias_sum += g
        g = g * w
        along = tl.sum(g * normed, axis=1)[:, None] / hidden
        g = tl.where(inside, (g - tl.sum(g, axis=1)[:, None] / hidden - normed * along) * inverse, 0.0)
        tl.store(residual_gradient + at, g, mask=inside)
        if DROP:
            g = tl.where(keep, g * scale, 0.0)
        bias_sum += g
        tl.store(x_gradient + at, g.to(x_gradient.dtype.element_ty), mask=inside)
    to = (trial.to(tl.int64) * tl.num_programs(0) + part) * 3 * hidden + h
    tl.store(sums + to, tl.sum(bias_sum, axis=0), mask=h < hidden)
    tl.store(sums + to + hidden, tl.sum(weight_sum, axis=0), mask=h < hidden)
    tl.store(sums + to + 2 * hidden, tl.sum(norm_bias_sum, axis=0), mask=h < hidden)


class _AddNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, bias: Tensor, residual: Tensor, weight: Tensor, norm_bias: Tensor, eps: float,
        row: Tensor, keys: Tensor, probability: float,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        x, bias, residual = x.contiguous(), bias.contiguous(), residual.contiguous()
        trials, tokens, hidden = x.shape
        out, low = torch.empty_like(residual), torch.empty_like(x)
        mean, rstd = torch.empty(2, trials, tokens, device=x.device)
        mask, (rows, block) = Mask(keys, probability), tile(hidden)
        _forward[triton.cdiv(tokens, rows), trials](
            x, bias, residual, weight, norm_bias, row, keys, out, low, mean, rstd, tokens, hidden, eps,
            *mask_arguments(mask), DROP=probability > 0, ROWS=rows, BLOCK=block,
        )  # fmt: skip
        ctx.save_for_backward(x, bias, residual, weight, row, keys, mean, rstd)
        ctx.mask = mask_arguments(mask)
        ctx.drop = probability > 0
        return out, low

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, low_gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, bias, residual, *_ = ctx.saved_tensors
        trials, tokens, hidden = x.shape
        parts, (rows, block) = triton.cdiv(tokens, ROWS), tile(hidden)
        x_gradient, residual_gradient = torch.empty_like(x), torch.empty_like(residual)
        sums = torch.empty(trials, parts, 3 * hidden, device=x.device)
        _backward[parts, trials](
            gradient.contiguous(), low_gradient.contiguous(), *ctx.saved_tensors, x_gradient, residual_gradient, sums,
            tokens, hidden, *ctx.mask, DROP=ctx.drop, SUMMED=ROWS, ROWS=rows, BLOCK=block, num_warps=8,
        )  # fmt: skip
        bias_gradient, weight_gradient, norm_bias_gradient = fold(sums).view(trials, 3, hidden).unbind(1)
        return (
            x_gradient, bias_gradient.to(bias.dtype), residual_gradient,
            weight_gradient, norm_bias_gradient, None, None, None, None,
        )  # fmt: skip


def add_norm(x: Tensor, bias: Tensor, residual: Tensor, norm: Norm, row: Tensor, mask: Mask) -> tuple[Tensor, Tensor]:
    """As in ``plain``."""
    return _AddNorm.apply(x, bias, residual, *norm, row, *mask)
