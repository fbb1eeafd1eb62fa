"""Softmax over the tokens that are there and dropout in one pass; the gradient computes the softmax again."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from runners.engines.kernels.dropout import kept, mask_arguments
from runners.engines.kernels.tiles import ELEMENTS
from runners.engines.plain import Mask

_LOWEST = tl.constexpr(-3.4028234663852886e38)  # float32's, as in plain: without any token a softmax is even


@triton.jit
def _softmax(scores, live, row, at, inside, queries, length, heads, scaling, BLOCK: tl.constexpr):
    """Of some rows of queries [B * heads * queries], and which of their keys are tokens."""
    column = tl.arange(0, BLOCK)
    example = row // (queries * heads)
    token = tl.load(live + example[:, None] * length + column[None, :], mask=inside, other=0) != 0
    s = tl.where(token, tl.load(scores + at, mask=inside, other=0.0).to(tl.float32) * scaling, _LOWEST)
    s = tl.where((column < length)[None, :], s, float("-inf"))
    e = tl.exp(s - tl.max(s, axis=1)[:, None])
    return e / tl.sum(e, axis=1)[:, None], token


@triton.jit
def _forward(
    scores, live, keys, out, rows, queries, length, heads, max_length, scaling, key_stride, threshold, scale,
    DROP: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    trial = tl.program_id(1)
    row, column = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, BLOCK)
    inside = (row < rows)[:, None] & (column < length)[None, :]
    at = (trial.to(tl.int64) * rows + row)[:, None] * length + column[None, :]
    p, _ = _softmax(scores, live, row, at, inside, queries, length, heads, scaling, BLOCK)
    if DROP:
        number = ((row // queries) * max_length + row % queries)[:, None] * max_length + column[None, :]
        p = tl.where(kept(number, keys + trial * key_stride, threshold), p * scale, 0.0)
    tl.store(out + at, p.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _backward(
    scores, live, keys, gradient, out, rows, queries, length, heads, max_length, scaling, key_stride, threshold, scale,
    DROP: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    trial = tl.program_id(1)
    row, column = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, BLOCK)
    inside = (row < rows)[:, None] & (column < length)[None, :]
    at = (trial.to(tl.int64) * rows + row)[:, None] * length + column[None, :]
    p, token = _softmax(scores, live, row, at, inside, queries, length, heads, scaling, BLOCK)
    g = tl.load(gradient + at, mask=inside, other=0.0).to(tl.float32)
    if DROP:
        number = ((row // queries) * max_length + row % queries)[:, None] * max_length + column[None, :]
        g = tl.where(kept(number, keys + trial * key_stride, threshold), g * scale, 0.0)
    g = p * (g - tl.sum(p * g, axis=1)[:, None])
    tl.store(out + at, tl.where(token, g * scaling, 0.0).to(out.dtype.element_ty), mask=inside)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, scores: Tensor, live: Tensor, keys: Tensor, probability: float, max_length: int, scaling: float
    ) -> Tensor:
        scores = scores.contiguous()
        trials, examples, heads, queries, length = scores.shape
        rows, block = examples * heads * queries, max(triton.next_power_of_2(length), 16)
        at_once = max(ELEMENTS // block, 1)
        ctx.grid = triton.cdiv(rows, at_once), trials
        numbers = rows, queries, length, heads, max_length, scaling
        ctx.arguments = *numbers, *mask_arguments(Mask(keys, probability)), probability > 0, at_once, block
        ctx.save_for_backward(scores, live, keys)
        out = torch.empty_like(scores)
        _forward[ctx.grid](scores, live, keys, out, *ctx.arguments)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        scores, live, keys = ctx.saved_tensors
        out = torch.empty_like(scores)
        _backward[ctx.grid](scores, live, keys, gradient.contiguous(), out, *ctx.arguments)
        return out, None, None, None, None, None


def attention_probabilities(scores: Tensor, live: Tensor, mask: Mask, max_length: int, scaling: float) -> Tensor:
    """As in ``plain``."""
    return _Attention.apply(scores, live, *mask, max_length, scaling)
