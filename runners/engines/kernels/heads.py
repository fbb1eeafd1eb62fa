"""Packed tokens to attention heads, with the bias of the product before, and back."""

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from runners.engines.kernels.tiles import ROWS, fold, tile
from runners.engines.packing import Batch


@triton.jit
def _place(part, trial, slot, h, trials, examples, heads, length, HEAD: tl.constexpr):
    """Where the elements ``h`` of some slots are in [parts, K, B, heads, L, HEAD]; a slot is one of B * L."""
    example = (part * trials + trial).to(tl.int64) * examples + (slot // length)[:, None]
    return ((example * heads + (h // HEAD)[None, :]) * length + (slot % length)[:, None]) * HEAD + (h % HEAD)[None, :]


@triton.jit
def _to_heads(
    x, bias, token, live, out, tokens, length, examples, heads, trials, HEAD: tl.constexpr, HIDDEN: tl.constexpr,
    PARTS: tl.constexpr, BIAS: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    trial, slot, h = tl.program_id(1), tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, BLOCK)
    present = slot < examples * length
    there = (tl.load(live + slot, mask=present, other=0) != 0)[:, None] & (h < HIDDEN)[None, :]
    source = trial.to(tl.int64) * tokens + tl.load(token + slot, mask=present, other=0)
    for part in tl.static_range(PARTS):
        value = tl.load(x + (source * PARTS + part)[:, None] * HIDDEN + h[None, :], mask=there, other=0.0)
        if BIAS:
            b = tl.load(bias + (trial * PARTS + part) * HIDDEN + h, mask=h < HIDDEN, other=0.0).to(tl.float32)
            value = tl.where(there, value.to(tl.float32) + b[None, :], 0.0).to(out.dtype.element_ty)
        to = _place(part, trial, slot, h, trials, examples, heads, length, HEAD)
        tl.store(out + to, value, mask=present[:, None] & (h < HIDDEN)[None, :])


@triton.jit
def _to_tokens(
    x, slot, live, out, sums, tokens, length, examples, heads, trials, HEAD: tl.constexpr, HIDDEN: tl.constexpr,
    PARTS: tl.constexpr, COUNT: tl.constexpr, SUM: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Of ``COUNT`` tokens; leaves their sums, which are a bias's gradient, where ``SUM`` says so."""
    block, trial, h = tl.program_id(0), tl.program_id(1), tl.arange(0, BLOCK)
    for part in tl.static_range(PARTS):
        total = tl.zeros([ROWS, BLOCK], tl.float32)
        for first in range(block * COUNT, tl.minimum(block * COUNT + COUNT, tokens), ROWS):
            token = first + tl.arange(0, ROWS)
            present = token < tokens
            there = (tl.load(live + token, mask=present, other=0) != 0)[:, None] & (h < HIDDEN)[None, :]
            place = tl.load(slot + token, mask=present, other=0)
            at = _place(part, trial, place, h, trials, examples, heads, length, HEAD)
            value = tl.load(x + at, mask=there, other=0.0)
            total += value.to(tl.float32)
            to = ((trial.to(tl.int64) * tokens + token) * PARTS + part)[:, None] * HIDDEN + h[None, :]
            tl.store(out + to, value, mask=present[:, None] & (h < HIDDEN)[None, :])
        if SUM:
            own = ((trial.to(tl.int64) * tl.num_programs(0) + block) * PARTS + part) * HIDDEN + h
            tl.store(sums + own, tl.sum(total, axis=0), mask=h < HIDDEN)


def _heads(x: Tensor, bias: Tensor | None, token: Tensor, live: Tensor, heads: int, parts: int) -> Tensor:
    x, (trials, tokens, width), (examples, length) = x.contiguous(), x.shape, live.shape
    hidden = width // parts
    rows, block = tile(hidden)
    out = torch.empty(parts, trials, examples, heads, length, hidden // heads, dtype=x.dtype, device=x.device)
    _to_heads[triton.cdiv(examples * length, rows), trials](
        x, x if bias is None else bias.contiguous(), token, live, out, tokens, length, examples, heads, trials,
        HEAD=hidden // heads, HIDDEN=hidden, PARTS=parts, BIAS=bias is not None, ROWS=rows, BLOCK=block,
    )  # fmt: skip
    return out


def _tokens(x: Tensor, slot: Tensor, live: Tensor, with_sums: bool) -> tuple[Tensor, Tensor]:
    """``x`` [parts, K, B, heads, L, H / heads] as [K, T, parts * H], and its sums over every ``ROWS`` tokens."""
    x, (parts, trials, examples, heads, length, size) = x.contiguous(), x.shape
    tokens, hidden = len(slot), heads * size
    rows, block = tile(hidden)
    count = ROWS if with_sums else rows
    blocks = triton.cdiv(tokens, count)
    out = torch.empty(trials, tokens, parts * hidden, dtype=x.dtype, device=x.device)
    sums = torch.empty(trials, blocks if with_sums else 0, parts * hidden, device=x.device)
    _to_tokens[blocks, trials](
        x, slot, live, out, sums, tokens, length, examples, heads, trials,
        HEAD=size, HIDDEN=hidden, PARTS=parts, COUNT=count, SUM=with_sums, ROWS=rows, BLOCK=block,
    )  # fmt: skip
    return out, sums


class _ToHeads(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, bias: Tensor, token: Tensor, live: Tensor, slot: Tensor, token_live: Tensor,
        heads: int, parts: int,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(slot, token_live)
        ctx.dtype = bias.dtype
        return _heads(x, bias, token, live, heads, parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        slot, token_live = ctx.saved_tensors
        out, sums = _tokens(gradient, slot, token_live, with_sums=True)
        return out, fold(sums, ctx.dtype), None, None, None, None, None, None


class _ToTokens(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, token: Tensor, live: Tensor, slot: Tensor, token_live: Tensor) -> Tensor:
        ctx.save_for_backward(token, live)
        ctx.heads = x.shape[2]
        out, _ = _tokens(x.unsqueeze(0), slot, token_live, with_sums=False)
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        token, live = ctx.saved_tensors
        return _heads(gradient, None, token, live, ctx.heads, 1)[0], None, None, None, None


def to_heads(x: Tensor, bias: Tensor, batch: Batch, heads: int, parts: int) -> Tensor:
    """As in ``plain``."""
    return _ToHeads.apply(x, bias, batch.token, batch.live, batch.slot, batch.token_live, heads, parts)


def to_tokens(x: Tensor, batch: Batch) -> Tensor:
    """As in ``plain``."""
    return _ToTokens.apply(x, batch.token, batch.live, batch.slot, batch.token_live)
