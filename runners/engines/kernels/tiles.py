"""How tokens are dealt to programs, and sums of what each leaves: in an order that their number alone decides."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

#: Tokens that one program adds up on its way, in kernels that leave sums over tokens.
ROWS = 16
#: Elements that a program holds at a time.
ELEMENTS = 2048
_COLUMNS = 128


def tile(width: int, largest: int = 2**16) -> tuple[int, int]:
    """Tokens and columns, powers of two, that a program takes at a time of tokens ``width`` wide."""
    columns = min(triton.next_power_of_2(width), largest)
    return min(max(ELEMENTS // columns, 1), ROWS), columns


@triton.jit
def _fold(parts, out, count, width, PARTS: tl.constexpr, COLUMNS: tl.constexpr):
    trial = tl.program_id(1)
    part, column = tl.arange(0, PARTS)[:, None], tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    total = tl.zeros([COLUMNS], tl.float32)
    for first in range(0, count, PARTS):
        inside = (first + part < count) & (column < width)[None, :]
        at = (trial.to(tl.int64) * count + first + part) * width + column[None, :]
        total += tl.sum(tl.load(parts + at, mask=inside, other=0.0), axis=0)
    tl.store(out + trial.to(tl.int64) * width + column, total.to(out.dtype.element_ty), mask=column < width)


def fold(parts: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Sums float32 [K, parts, W] over the parts: [K, W]."""
    trials, count, width = parts.shape
    out = torch.empty(trials, width, dtype=dtype, device=parts.device)
    columns = min(_COLUMNS, triton.next_power_of_2(width))
    _fold[triton.cdiv(width, columns), trials](parts, out, count, width, PARTS=ELEMENTS // columns, COLUMNS=columns)
    return out
