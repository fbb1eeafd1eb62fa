"""The plain operations, where they are not autograd's or torch's own."""

from __future__ import annotations

import pytest
import torch

from runners.engines import plain


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_a_product_is_torchs_and_its_weights_gradient_lies_as_they_do(precision: torch.dtype) -> None:
    draw = torch.Generator().manual_seed(0)
    x, weight, gradient = (
        torch.randn(2, *shape, generator=draw).to(precision) for shape in ((50, 96), (192, 96), (50, 192))
    )
    results = []
    for product in (plain.product, lambda x, weight: torch.bmm(x, weight.transpose(1, 2))):
        inputs = x.clone().requires_grad_(), weight.clone().requires_grad_()
        output = product(*inputs)
        results.append((output, *torch.autograd.grad(output, inputs, gradient)))
    for own, torchs in zip(*results, strict=True):
        assert own.dtype == precision and torch.equal(own, torchs)
    assert results[0][2].is_contiguous() and not results[1][2].is_contiguous()


def test_the_norm_of_gradients_is_each_trials_over_all_tensors() -> None:
    """Ones and twos: 5,000 + 4 · 7 in the first trial, four times that in the second; in any order in memory."""
    ones, twos = torch.ones(2, 50, 100).transpose(1, 2), torch.full((2, 7), 2.0, dtype=torch.bfloat16)
    for gradient in (ones, twos):
        gradient[1] *= 2
    assert plain.gradient_norm([twos, ones]).tolist() == pytest.approx([5028**0.5, 2 * 5028**0.5])
