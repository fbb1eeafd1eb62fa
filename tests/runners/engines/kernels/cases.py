"""The operations of a stacked BERT on random numbers: what a module of them gives, and its gradients."""

from __future__ import annotations

import os
from dataclasses import dataclass
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from runners.data import seeds
from runners.data.glue import Examples
from runners.engines.packing import Batch, Layout
from runners.engines.plain import Mask, Norm

DEVICE = "cuda" if os.environ.get("TRITON_INTERPRET") == "0" else "cpu"
HEADS, MAX_LENGTH, WORDS = 4, 128, 50


@dataclass(frozen=True)
class Case:
    """Sizes, dropout probability and precision."""

    trials: int
    hidden: int
    length: int
    probability: float
    dtype: torch.dtype = torch.float32

    def batch(self) -> Batch:
        """An example as long as can be, one of five tokens or less, one without any, and five tokens of padding."""
        length = np.array([self.length, min(5, self.length)])
        start = np.concatenate([[0], np.cumsum(length)])
        words = np.arange(start[-1], dtype=np.int32) % WORDS
        data = Examples(words, np.zeros_like(words), start, np.zeros(2, int), "")
        layout = Layout(tokens=int(start[-1]) + 5, examples=3, length=self.length, trials=self.trials, sites=2)
        vector = np.zeros(layout.size, np.int32)
        layout.pack(vector, data, np.arange(2), MAX_LENGTH, WORDS)
        keys = seeds.dropout_keys(np.arange(self.trials, dtype=np.uint64), 3, 2)
        layout.set_step(vector, (1e-3, 0.1, 0.001), keys)
        return layout.views(torch.from_numpy(vector).to(DEVICE))

    def random(self, name: str, *shape: int, dtype: torch.dtype | None = None) -> Tensor:
        """Normal numbers [K, …] that differ by name; a trial's are the same for every K."""
        trials = [seeds.stream(name, trial).standard_normal(shape, np.float32) for trial in range(self.trials)]
        return torch.from_numpy(np.stack(trials)).to(DEVICE, dtype or self.dtype)


def _results(case: Case, outputs: tuple[Tensor, ...], inputs: tuple[Tensor, ...]) -> list[Tensor]:
    """Outputs [K, …] and the inputs' gradients, for random gradients of the outputs."""
    given = [case.random(f"gradient {at}", *o.shape[1:], dtype=o.dtype) for at, o in enumerate(outputs)]
    return [*(output.detach() for output in outputs), *torch.autograd.grad(outputs, inputs, given)]


def dropout(operations: ModuleType, case: Case) -> list[Tensor]:
    batch = case.batch()
    element = batch.row.unsqueeze(1) * case.hidden + torch.arange(case.hidden, dtype=torch.int32, device=DEVICE)
    x = case.random("x", *element.shape).requires_grad_()
    return _results(case, (operations.dropout(x, element, _mask(case, batch)),), (x,))


def attention_probabilities(operations: ModuleType, case: Case) -> list[Tensor]:
    batch = case.batch()
    x = case.random("x", 3, HEADS, case.length, case.length).requires_grad_()
    mask = _mask(case, batch)
    return _results(case, (operations.attention_probabilities(x, batch.live, mask, MAX_LENGTH, 0.3),), (x,))


def attention_of_one_query(operations: ModuleType, case: Case) -> list[Tensor]:
    """As in the last layer of a validation."""
    batch = case.batch()
    x = case.random("x", 3, HEADS, 1, case.length).requires_grad_()
    mask = Mask(batch.keys[:0, 1], 0.0)
    return _results(case, (operations.attention_probabilities(x, batch.live, mask, MAX_LENGTH, 0.3),), (x,))


def add_norm(operations: ModuleType, case: Case) -> list[Tensor]:
    batch, hidden = case.batch(), case.hidden
    x, bias = case.random("x", len(batch.row), hidden), case.random("bias", hidden)
    exact = {"dtype": torch.float32}
    residual = case.random("residual", len(batch.row), hidden, **exact)
    weight, norm_bias = case.random("weight", hidden, **exact), case.random("norm bias", hidden, **exact)
    inputs = tuple(value.requires_grad_() for value in (x, bias, residual, weight, norm_bias))
    norm = Norm(weight, norm_bias, 1e-12)
    return _results(case, operations.add_norm(x, bias, residual, norm, batch.row, _mask(case, batch)), inputs)


def bias_gelu(operations: ModuleType, case: Case) -> list[Tensor]:
    tokens = len(case.batch().row)
    x, bias = case.random("x", tokens, 2 * case.hidden), case.random("bias", 2 * case.hidden)
    inputs = x.requires_grad_(), bias.requires_grad_()
    return _results(case, (operations.bias_gelu(*inputs),), inputs)


def to_heads(operations: ModuleType, case: Case) -> list[Tensor]:
    batch = case.batch()
    inputs = case.random("x", len(batch.row), 3 * case.hidden), case.random("bias", 3 * case.hidden)
    inputs = tuple(value.requires_grad_() for value in inputs)
    return _results(case, tuple(operations.to_heads(*inputs, batch, HEADS, 3)), inputs)


def to_tokens(operations: ModuleType, case: Case) -> list[Tensor]:
    batch = case.batch()
    x = case.random("x", 3, HEADS, case.length, case.hidden // HEADS).requires_grad_()
    return _results(case, (operations.to_tokens(x, batch),), (x,))


def _mask(case: Case, batch: Batch) -> Mask:
    return Mask(batch.keys[:, 1], case.probability)


#: By name; a kernel sums within a trial only, so that its bits are the same for every number of trials.
ALL = {
    function.__name__: function
    for function in (
        dropout,
        attention_probabilities,
        attention_of_one_query,
        add_norm,
        bias_gelu,
        to_heads,
        to_tokens,
    )
}
