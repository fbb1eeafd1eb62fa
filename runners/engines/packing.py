"""Batches without padding: the tokens of all examples one behind the other, and the indices that go with them.

Everything a training step needs from the host is one int32 vector, so that a step is one copy to the device, and
one place in memory for a CUDA graph. Trials of one grid column share it: they see the same batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from runners.data.glue import Examples


class Batch(NamedTuple):
    """Index tensors of one batch of B examples, T tokens, at most L tokens an example, for K trials.

    Padding tokens (beyond the real ones, up to T) and padding examples (up to B) are there so that few different
    shapes occur; ``weight`` and ``token_live`` keep them out of every result.
    """

    unique: Tensor  # [T] rows of the word table that occur, ascending, then the table's size as padding
    inverse: Tensor  # [T] the token's place in ``unique``
    position: Tensor  # [T] the token's position in its example
    token_type: Tensor  # [T]
    row: Tensor  # [T] example * max_length + position: the token's number for dropout
    slot: Tensor  # [T] example * L + position: the token's place in the padded batch
    token_live: Tensor  # [T] 1 for a token, 0 for padding
    token: Tensor  # [B * L] the inverse of ``slot``; 0 where there is no token
    live: Tensor  # [B, L] 1 where there is a token
    first: Tensor  # [B] the example's first token
    label: Tensor  # [B]
    weight: Tensor  # [B] float32, the example's share in the loss
    scalars: Tensor  # [4] float32: learning rate, and Adam's two bias corrections
    keys: Tensor  # [K, sites, 2] dropout keys


@dataclass(frozen=True)
class Layout:
    """Where the parts of a batch lie in its vector.

    Attributes:
        tokens, examples, length: T, B and L.
        trials, sites: K and the number of dropout sites; 0 trials for evaluation.
    """

    tokens: int
    examples: int
    length: int
    trials: int
    sites: int

    def _sizes(self) -> list[int]:
        padded = self.examples * self.length
        b = self.examples
        return [self.tokens] * 7 + [padded, padded, b, b, b, 4, self.trials * self.sites * 2]

    @property
    def size(self) -> int:
        """Length of the vector; every part starts at a multiple of 16 bytes."""
        return sum(_round_up(size, 4) for size in self._sizes())

    def views(self, vector: Tensor) -> Batch:
        """The parts of ``vector``, int32 [size], as tensors that share its memory."""
        parts, offset = [], 0
        for size in self._sizes():
            parts.append(vector[offset : offset + size])
            offset += _round_up(size, 4)
        batch = Batch(*parts)
        return batch._replace(
            live=batch.live.view(self.examples, self.length),
            weight=batch.weight.view(torch.float32),
            scalars=batch.scalars.view(torch.float32),
            keys=batch.keys.view(self.trials, self.sites, 2),
        )

    def pack(self, vector: np.ndarray, data: Examples, index: np.ndarray, max_length: int, table_rows: int) -> None:
        """Writes the examples ``index`` of ``data`` into ``vector``, int32 [size], all zeros before."""
        part = dict(zip(Batch._fields, self._parts(vector), strict=True))
        length = data.length[index]
        count, real = int(length.sum()), len(index)
        first = np.cumsum(length) - length
        example = np.repeat(np.arange(real), length)
        position = np.arange(count) - first[example]
        source = data.start[index][example] + position
        slot = example * self.length + position
        unique, inverse = np.unique(data.token_ids[source], return_inverse=True)
        part["unique"][: len(unique)] = unique
        part["unique"][len(unique) :] = table_rows
        part["inverse"][:count] = inverse
        part["position"][:count] = position
        part["token_type"][:count] = data.token_types[source]
        part["row"][:count] = example * max_length + position
        part["slot"][:count] = slot
        part["token_live"][:count] = 1
        part["token"][slot] = np.arange(count)
        part["live"][slot] = 1
        part["first"][:real] = first
        part["label"][:real] = data.label[index]
        part["weight"].view(np.float32)[:real] = 1 / real

    def set_step(self, vector: np.ndarray, scalars: tuple[float, ...], keys: np.ndarray) -> None:
        """Writes what differs between two steps on the same examples: ``scalars`` and dropout ``keys``."""
        parts = self._parts(vector)
        parts[-2].view(np.float32)[: len(scalars)] = scalars
        parts[-1][:] = keys.reshape(-1)

    def _parts(self, vector: np.ndarray) -> list[np.ndarray]:
        parts, offset = [], 0
        for size in self._sizes():
            parts.append(vector[offset : offset + size])
            offset += _round_up(size, 4)
        return parts


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def batch_layout(data: Examples, index: np.ndarray, examples: int, trials: int, sites: int, coarse: bool) -> Layout:
    """The layout that fits the examples ``index``; ``coarse`` rounds it up so that few different ones occur."""
    length = data.length[index]
    tokens, longest = int(length.sum()), int(length.max())
    if coarse:
        tokens, longest = _round_up(tokens, 32 if tokens <= 512 else 64), _round_up(longest, 32)
    return Layout(tokens, examples, longest, trials, sites)


def chunk_limits(trials: int, heads: int) -> tuple[int, int]:
    """What a chunk of a validation has at most on a card, as of `evaluation_chunks`: tokens and padded squares.

    Args:
        trials: how many are validated together.
        heads: attention heads of each.
    """
    return max(300_000 // trials, 1024), max(3_000_000_000 // (6 * heads * trials), 128 * 128)


def evaluation_chunks(data: Examples, tokens: int, padded_squares: int) -> list[np.ndarray]:
    """Splits ``data`` into chunks of examples of similar length.

    Args:
        data: the examples.
        tokens: at most this many tokens a chunk.
        padded_squares: at most this many examples * length².

    Returns:
        int64 index arrays that cover every example once, shortest examples first.
    """
    order = np.argsort(data.length, kind="stable")
    chunks: list[list[int]] = [[]]
    total = 0
    for i in order:
        length = int(data.length[i])
        full = total + length > tokens or (len(chunks[-1]) + 1) * length**2 > padded_squares
        if chunks[-1] and full:
            chunks.append([])
            total = 0
        chunks[-1].append(int(i))
        total += length
    return [np.array(chunk) for chunk in chunks]
