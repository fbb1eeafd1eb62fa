"""Batched matrix products whose gradients come out contiguous, as Adam reads them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.bmm(x, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous()
        # torch's own gradient of a transposed matrix is itself transposed in memory.
        return torch.bmm(gradient, weight), torch.bmm(gradient.transpose(1, 2), x)


def product(x: Tensor, weight: Tensor) -> Tensor:
    """As in ``plain``."""
    return _Product.apply(x.to(weight.dtype), weight)
