from __future__ import annotations

import pytest

from runners.data.recipe import Recipe, RecipeError, get_recipe, learning_rate, steps_per_epoch, validation_steps


def test_ten_validation_points_an_epoch_end_with_the_epoch() -> None:
    recipe = get_recipe("dodge2020")
    steps = validation_steps(recipe, 2490)  # RTE: 156 steps an epoch
    assert steps_per_epoch(recipe, 2490) == 156
    assert len(steps) == 30
    assert steps[:3] == [16, 31, 47]
    assert [steps[9], steps[19], steps[29]] == [156, 312, 468]


def test_a_short_epoch_is_validated_after_every_step() -> None:
    recipe = get_recipe("dodge2020", epochs=2)
    assert validation_steps(recipe, 40) == [1, 2, 3, 4, 5, 6]


def test_learning_rate_rises_over_a_tenth_then_falls_to_zero() -> None:
    recipe = get_recipe("stable", learning_rate=1.0)
    rates = [learning_rate(recipe, step, 100) for step in range(100)]
    assert rates[0] == 0
    assert rates[5] == 0.5
    assert rates[10] == max(rates) == 1
    assert rates[55] == 0.5
    assert rates[99] == pytest.approx(1 / 90)


def test_the_schedule_is_that_of_transformers() -> None:
    torch = pytest.importorskip("torch")
    from transformers import get_linear_schedule_with_warmup

    recipe = get_recipe("dodge2020")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=recipe.learning_rate)
    schedule = get_linear_schedule_with_warmup(optimizer, 46, 468)
    for step in range(468):
        assert learning_rate(recipe, step, 468) == pytest.approx(schedule.get_last_lr()[0], rel=1e-12)
        optimizer.step()
        schedule.step()


def test_recipes_differ_in_bias_correction_only() -> None:
    dodge, stable = get_recipe("dodge2020").fields(), get_recipe("stable").fields()
    assert {name for name in dodge if dodge[name] != stable[name]} == {"bias_correction"}
    assert dodge["bias_correction"] is False


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer, got 0"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
        ({"precision": "fp16"}, "precision must be 'bf16' or 'fp32', got 'fp16'"),
        ({"momentum": 0.9}, "no field 'momentum'"),
        ({"learning_rate": float("inf")}, "learning_rate must be positive and finite, got inf"),
        ({"adam_epsilon": float("inf")}, "adam_epsilon must be positive and finite, got inf"),
        ({"weight_decay": float("nan")}, "weight_decay must be at least 0 and finite, got nan"),
        ({"adam_beta1": 1.0}, r"adam_beta1 must be in \[0, 1\), got 1.0"),
        ({"adam_beta2": -0.1}, r"adam_beta2 must be in \[0, 1\), got -0.1"),
    ],
)
def test_a_value_outside_its_range_is_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        get_recipe("stable", **changes)


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(RecipeError, match="no recipe 'dodge'; there are dodge2020, stable"):
        get_recipe("dodge")


def test_the_name_is_no_field() -> None:
    assert "name" not in Recipe("mine").fields()
