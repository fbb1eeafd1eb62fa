"""Each kernel against plain torch, forward and backward."""

from __future__ import annotations

import inspect
import os
from itertools import product as combinations

import numpy as np
import pytest
import torch

from runners.engines import plain
from runners.engines.plain import AdamRule, AdamState
from tests.runners.engines.kernels.cases import ALL, DEVICE, Case

pytest.importorskip("triton", reason="the kernels need triton")
from runners.engines import kernels

torch.set_num_threads(1)
TOLERANCE = 1e-6 if DEVICE == "cpu" else 1e-5  # of the largest number, or of 1
if os.environ.get("SEEDBENCH_SLOW") == "1":
    CASES = [Case(*sizes) for sizes in combinations((1, 3, 25), (96, 384), (1, 7, 33, 128), (0.0, 0.1))]
else:  # every value of each, and dropout in both sizes
    sizes = (1, 384, 33, 0.1), (3, 96, 33, 0.0), (1, 96, 128, 0.1), (3, 384, 7, 0.0), (25, 96, 1, 0.1)
    CASES = [Case(*each) for each in sizes]


def largest_error(actual: torch.Tensor, expected: torch.Tensor) -> float:
    assert actual.shape == expected.shape and actual.dtype == expected.dtype
    scale = max(1.0, expected.abs().max().item())
    return (actual.double() - expected.double()).abs().max().item() / scale


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"K{c.trials}-H{c.hidden}-L{c.length}-p{c.probability}")
@pytest.mark.parametrize("name", ALL)
def test_a_kernel_is_the_plain_operation(name: str, case: Case) -> None:
    for actual, expected in zip(ALL[name](kernels, case), ALL[name](plain, case), strict=True):
        assert largest_error(actual, expected) <= TOLERANCE


@pytest.mark.parametrize("name", ALL)
def test_in_bfloat16_they_differ_by_its_rounding(name: str) -> None:
    """A bfloat16 has 8 bits; plain torch rounds to it after every step, a kernel once."""
    case = Case(2, 32, 7, 0.1, torch.bfloat16)
    for actual, expected in zip(ALL[name](kernels, case), ALL[name](plain, case), strict=True):
        assert largest_error(actual, expected) <= 2**-6


@pytest.mark.parametrize("name", ALL)
def test_the_same_bits_again_and_beside_others(name: str) -> None:
    """The first trial, alone and as one of three."""
    alone, again = (ALL[name](kernels, Case(1, 96, 7, 0.1)) for _ in range(2))
    for one, other, together in zip(alone, again, ALL[name](kernels, Case(3, 96, 7, 0.1)), strict=True):
        assert torch.equal(one, other) and torch.equal(one[0], together[0])


def test_an_example_without_tokens_attends_evenly() -> None:
    case = Case(1, 96, 7, 0.0)
    probabilities, _ = ALL["attention_probabilities"](kernels, case)
    assert (case.batch().live[2] == 0).all()
    assert torch.allclose(probabilities[0, 2], torch.full_like(probabilities[0, 2], 1 / 7))


def test_the_norm_of_all_gradients_by_hand() -> None:
    """Ones and twos: 5,000 + 4 · 7 in the first trial, four times that in the second."""
    gradients = [torch.ones(2, 100, 50, device=DEVICE), torch.full((2, 7), 2.0, device=DEVICE)]
    for gradient in gradients:
        gradient[1] *= 2
    norm = kernels.gradient_norm(gradients)
    assert norm.tolist() == pytest.approx([5028**0.5, 2 * 5028**0.5])
    assert torch.equal(norm[:1], kernels.gradient_norm([gradient[:1] for gradient in gradients]))


@pytest.mark.parametrize("trials", [1, 3, 25])
@pytest.mark.parametrize("table", [False, True], ids=["matrix", "word table"])
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_step_of_adam(trials: int, table: bool, precision: torch.dtype) -> None:
    """Three steps of one tensor; of the table 4 rows of 9 have a gradient, a row of padding behind them."""
    case = Case(trials, 96, 1, 0.0)
    scale = torch.linspace(0.5, 1.0, trials, device=DEVICE)
    scalars = torch.tensor([1e-3, 0.1, 0.001, 0.0], device=DEVICE)
    place = torch.tensor([5, 0, 5, 1, 5, 2, 5, 3, 5], dtype=torch.int32, device=DEVICE) if table else None
    states = []
    for operations in (kernels, plain):
        weight, moments = case.random("weight", 9, 96), case.random("moments", 2, 9, 96).unbind(1)
        leaf = None if precision == torch.float32 else weight.to(precision)
        state = AdamState(weight, moments[0].contiguous(), moments[1].square(), leaf)
        for step in range(3):
            gradient = case.random(f"gradient {step}", 5 if table else 9, 96, dtype=precision)
            operations.adam_step(state, gradient, place, scale, scalars, AdamRule(0.9, 0.999, 1e-6, 0.01))
        states.append(state)
    for actual, expected in zip(*states, strict=True):
        assert (actual is None) == (expected is None)
        if actual is not None:
            assert largest_error(actual, expected) <= (TOLERANCE if actual.dtype == torch.float32 else 2**-7)


def test_a_row_without_gradient_decays_all_the_same() -> None:
    """Without moments Adam moves a weight by its decay alone: 1 - 0.1 · 0.5."""
    weight = torch.ones(1, 2, 4, device=DEVICE)
    state = AdamState(weight, torch.zeros_like(weight), torch.zeros_like(weight), None)
    place = torch.tensor([1, 1], dtype=torch.int32, device=DEVICE)
    scalars = torch.tensor([0.1, 1.0, 1.0, 0.0], device=DEVICE)
    one = torch.ones(1, device=DEVICE)
    kernels.adam_step(state, torch.ones(1, 1, 4, device=DEVICE), place, one, scalars, AdamRule(0.9, 0.999, 1e-6, 0.5))
    assert np.allclose(weight.cpu(), 0.95)


def test_kernels_and_plain_operations_have_the_same_arguments() -> None:
    for name in kernels.__all__:
        assert inspect.signature(getattr(kernels, name)) == inspect.signature(getattr(plain, name)), name
