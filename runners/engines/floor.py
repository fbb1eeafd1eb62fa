"""What a step or a validation of the stacked engine takes at least on a card: its bytes and its multiplications.

Counted are the passes over memory that the engine makes on CUDA, each tensor read or written once a pass, as if
launching cost nothing. A matrix product takes the longer of its bytes and its multiplications, everything else its
bytes. That is a floor for these passes; fewer of them (attention in one kernel, say) would have a lower one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from runners.engines.packing import Layout

EXACT = 4  # bytes of a float32: weights, moments, residuals
#: Of a card's memory that is free, this share is given to trials.
MEMORY_SHARE = 0.8


class Pass(NamedTuple):
    """One pass over memory by one trial: bytes read and written, and two operations for each multiplication."""

    bytes: float
    operations: float = 0.0


@dataclass(frozen=True)
class Card:
    """Bytes and operations a second that a card does, in the precision of the products."""

    bandwidth: float
    rate: float

    def seconds(self, passes: Iterator[Pass]) -> float:
        """At least so long these take."""
        return sum(max(each.bytes / self.bandwidth, each.operations / self.rate) for each in passes)


@dataclass(frozen=True)
class Size:
    """A BERT: layers, hidden size, attention heads, intermediate size, its weights, and bytes of a product's number."""

    layers: int
    hidden: int
    heads: int
    intermediate: int
    parameters: int
    product_bytes: int = 2


def training_step(size: Size, layout: Layout) -> Iterator[Pass]:
    """The passes of one step of one trial."""
    for _ in range(size.layers):
        yield from _forward(size, layout)
        yield from _backward(size, layout)
    # Three lookups, LayerNorm and dropout, there and back, are about ten times the embeddings.
    yield Pass(10 * EXACT * layout.tokens * size.hidden)
    # The gradient's norm reads it. Adam reads it, reads and writes weight and moments, writes the products' copy.
    yield Pass(size.parameters * (3 * size.product_bytes + 6 * EXACT))


def validation(size: Size, layout: Layout) -> Iterator[Pass]:
    """The passes of one chunk of examples of one trial: the last layer is that of the examples' first tokens."""
    for _ in range(size.layers - 1):
        yield from _forward(size, layout)
    b, hidden, tokens = size.product_bytes, size.hidden, layout.tokens
    yield _product(b, tokens, hidden, 2 * hidden)
    yield Pass(2 * b * hidden * (tokens + layout.examples * layout.length))
    yield Pass(2 * b * hidden * layout.examples * layout.length)
    for width in (2 * hidden, size.intermediate, size.intermediate):
        yield _product(b, layout.examples, hidden, width)
    yield Pass(5 * EXACT * tokens * hidden)


def memory_of_trial(size: Size, tokens: int, length: int) -> float:
    """Bytes that one trial needs at most to train on batches of so many tokens, in examples of this length.

    Weights, two moments, a copy in the products' precision and the gradients, then the activations of a batch of
    full-length examples: about 40 values of a token and 4 attention maps in every layer. 25 trials of MiniLM-L6 took 12
    (CoLA, MRPC) to 18 GiB (RTE) on an H200, where this says 36.
    """
    per_layer = tokens * (40 * size.hidden + 4 * size.heads * length)
    return 20 * size.parameters + EXACT * size.layers * per_layer


def _product(b: int, rows: int, width: int, out: int) -> Pass:
    return Pass(b * (rows * width + width * out + rows * out), 2 * rows * width * out)


def _forward(size: Size, layout: Layout) -> Iterator[Pass]:
    """One layer."""
    b, hidden, tokens = size.product_bytes, size.hidden, layout.tokens
    slots = layout.examples * layout.length
    squares = slots * layout.length
    attention = Pass(b * (2 * slots * hidden + size.heads * squares), 2 * squares * hidden)
    yield _product(b, tokens, hidden, 3 * hidden)
    yield Pass(3 * b * hidden * (tokens + slots))  # to heads
    yield attention  # scores
    yield Pass(2 * b * size.heads * squares)  # softmax
    yield attention  # context
    yield Pass(b * hidden * (tokens + slots))  # to tokens
    yield _product(b, tokens, hidden, hidden)
    yield _product(b, tokens, hidden, size.intermediate)
    yield Pass(2 * b * tokens * size.intermediate)  # GELU
    yield _product(b, tokens, size.intermediate, hidden)
    for _ in range(2):
        yield Pass((2 * b + 2 * EXACT) * tokens * hidden)  # residual and LayerNorm


def _backward(size: Size, layout: Layout) -> Iterator[Pass]:
    """One layer: two products for each one forward, and what else there is with the gradients beside."""
    b, hidden, tokens = size.product_bytes, size.hidden, layout.tokens
    slots = layout.examples * layout.length
    squares = slots * layout.length
    attention = Pass(b * (2 * slots * hidden + size.heads * squares), 2 * squares * hidden)
    for _ in range(2):
        yield _product(b, tokens, hidden, 3 * hidden)
        yield attention
        yield attention
        yield _product(b, tokens, hidden, hidden)
        yield _product(b, tokens, hidden, size.intermediate)
        yield _product(b, tokens, size.intermediate, hidden)
        yield Pass((3 * b + 3 * EXACT) * tokens * hidden)  # residual and LayerNorm
    yield Pass(4 * b * hidden * (tokens + slots))  # to heads and to tokens
    yield Pass(3 * b * size.heads * squares)  # softmax
    yield Pass(3 * b * tokens * size.intermediate)  # GELU
