from __future__ import annotations

import numpy as np
import pytest
import torch

from runners.block import load_model, load_tokenizer
from runners.data.glue import load_task
from runners.data.recipe import get_recipe
from runners.engines.reference import finetune, make_optimizer, predict
from runners.trial_log import Cell

RECIPE = get_recipe("stable", precision="fp32", learning_rate=2e-3, epochs=8, validations_per_epoch=1, max_length=24)


@pytest.fixture(scope="module")
def data(tiny_model: str, tiny_glue: str):
    return load_task("sst2", tiny_glue, load_tokenizer(tiny_model), RECIPE)


@pytest.fixture(scope="module")
def trained(tiny_model: str, data):
    return finetune(load_model(tiny_model), data, RECIPE, Cell(1, 2))


def test_a_trial_learns_and_logs_every_step(trained, data) -> None:
    outcome, _ = trained
    assert outcome.step_train_loss.shape == outcome.gradient_norm.shape == (32,)
    assert outcome.logits.shape == (8, 20, 2) and outcome.test_logits.shape == (8, 6, 2)
    assert outcome.step_train_loss[-4:].mean() < outcome.step_train_loss[:4].mean()
    assert outcome.train_seconds > 0 and outcome.evaluation_seconds > 0


def test_the_last_logits_are_those_of_the_returned_model(trained, data) -> None:
    outcome, model = trained
    assert np.array_equal(outcome.logits[-1], predict(model, data.validation, RECIPE, "cpu"))
    assert np.array_equal(outcome.test_logits[-1], predict(model, data.test, RECIPE, "cpu"))


def test_the_same_seeds_give_the_same_bits_and_the_global_generator_is_not_used(tiny_model: str, data, trained) -> None:
    torch.manual_seed(123)
    again, _ = finetune(load_model(tiny_model), data, RECIPE, Cell(1, 2))
    assert np.array_equal(again.logits, trained[0].logits)
    assert np.array_equal(again.step_train_loss, trained[0].step_train_loss)


@pytest.mark.parametrize("cell", [Cell(3, 2), Cell(1, 4)])
def test_either_seed_changes_the_trial(tiny_model: str, data, trained, cell: Cell) -> None:
    other, _ = finetune(load_model(tiny_model), data, RECIPE, cell)
    assert not np.array_equal(other.logits, trained[0].logits)


def test_without_dropout_the_data_order_alone_decides_the_batches(tiny_model: str, data) -> None:
    """At learning rate 0 (the first step of a warm-up) the first loss depends on head and batch alone."""
    recipe = get_recipe("stable", precision="fp32", dropout=0.0, epochs=1, max_length=24)
    first = [finetune(load_model(tiny_model), data, recipe, Cell(1, order))[0].step_train_loss for order in (0, 1)]
    assert first[0][0] != first[1][0]


def test_without_bias_correction_the_first_step_is_sqrt_ten_times_as_long(tiny_model: str) -> None:
    """Adam's first step is rate * m / sqrt(v): 1 with correction, 0.1 / sqrt(0.001) = 3.162 without."""
    steps = {}
    for name in ("stable", "dodge2020"):
        recipe = get_recipe(name, learning_rate=1.0, weight_decay=0.0)
        model = torch.nn.Linear(1, 1, bias=False)
        optimizer = make_optimizer(model, recipe)
        before = model.weight.item()
        model.weight.grad = torch.ones(1, 1)
        optimizer.step()
        steps[name] = before - model.weight.item()
    assert steps["stable"] == pytest.approx(1, abs=1e-5)
    assert steps["dodge2020"] == pytest.approx(0.1 / 0.001**0.5, abs=1e-3)


def test_biases_and_layer_norm_are_not_decayed(tiny_model: str) -> None:
    model = load_model(tiny_model)
    decayed, spared = make_optimizer(model, RECIPE).param_groups
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert decayed["weight_decay"] == 0.01 and spared["weight_decay"] == 0
    assert {names[id(p)].endswith("bias") or "LayerNorm" in names[id(p)] for p in spared["params"]} == {True}
    assert {names[id(p)].endswith("bias") or "LayerNorm" in names[id(p)] for p in decayed["params"]} == {False}
