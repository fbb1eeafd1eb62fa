"""The stacked engine on kernels, in Triton's interpreter, against the same engine on plain torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from runners.block import load_model, load_tokenizer
from runners.data.glue import load_task
from runners.data.recipe import get_recipe
from runners.engines import bert
from runners.engines.stacked import StackedEngine
from runners.trial_log import Cell
from tests.runners.engines.kernels.cases import DEVICE

pytest.importorskip("triton", reason="the kernels need triton")
torch.set_num_threads(1)


def test_training_and_validation_are_the_plain_ones(tiny_model: str, tiny_glue: str) -> None:
    """Two trials of two steps, then a validation."""
    recipe = get_recipe(
        "stable",
        precision="fp32",
        learning_rate=1e-3,
        warmup_fraction=0.0,
        train_examples=8,
        batch_size=4,
        epochs=1,
        validations_per_epoch=1,
        max_length=24,
    )
    model, data = load_model(tiny_model), load_task("mrpc", tiny_glue, load_tokenizer(tiny_model), recipe)
    cells = [Cell(1, 2), Cell(5, 2)]
    plain = StackedEngine(model, data, recipe, 2)
    fused = StackedEngine(model, data, recipe, 2, DEVICE, kernels=True)
    assert fused.operations.__name__ == "runners.engines.kernels"
    for expected, actual in zip(plain.run(cells), fused.run(cells), strict=True):
        assert np.abs(actual.step_train_loss - expected.step_train_loss).max() <= 1e-6
        assert np.abs(actual.gradient_norm / expected.gradient_norm - 1).max() <= 1e-5
        assert np.abs(actual.logits - expected.logits).max() <= 1e-6
        assert np.abs(actual.test_logits - expected.test_logits).max() <= 1e-6
    for trial in range(2):
        started, ended = plain.start, fused.weights(trial)
        for name, expected in plain.weights(trial).items():
            assert (ended[name].cpu() - expected).abs().max() <= 2e-6, name
        assert not torch.equal(ended[bert.WORD].cpu(), started[bert.WORD][0])
