"""Recipes: everything of a trial that is not a seed.

A recipe is frozen data. What follows from it and the size of the training set (how many steps, at which of
them to validate, the learning rate of a step) are the functions below; both engines use these and nothing else.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from math import ceil, inf

from runners.errors import RunnerError

#: Where torch's Adam counts its steps from in a recipe without bias correction: both corrections are 1 to the last bit.
LATE_STEP = 1_000_000.0


class RecipeError(RunnerError):
    """A recipe field outside its range; the message names the field, the rule and the value."""


@dataclass(frozen=True)
class Recipe:
    """How a trial is trained.

    Attributes:
        name: what the trial table is called; two recipes of different fields need different names.
        epochs: passes over the training examples.
        batch_size: examples per step; the last batch of an epoch may be smaller.
        learning_rate: peak learning rate.
        warmup_fraction: share of all steps over which the learning rate rises linearly from 0; it falls
            linearly to 0 over the rest.
        bias_correction: Adam's bias correction. BERT's own Adam leaves it out; Mosbach et al. (2021,
            arXiv 2006.04884) and Zhang et al. (2021, arXiv 2006.05987) show that this makes training unstable.
        adam_beta1, adam_beta2, adam_epsilon: Adam's constants.
        weight_decay: decoupled weight decay, applied to everything but biases and norms.
        max_gradient_norm: a trial's gradient is scaled down to this norm; 0 leaves it as it is.
        dropout: hidden, attention and classifier dropout probability.
        max_length: tokens per example, special tokens included; longer inputs are truncated.
        validations_per_epoch: validation points per epoch, evenly spaced, the last at the end of the epoch.
        train_examples: size of the training subset; None is all of it.
        train_subset_seed: which subset. Every trial of a table trains on the same examples.
        precision: "bf16" (matrix products in bfloat16, weights and optimizer in float32) or "fp32".
    """

    name: str
    epochs: int = 3
    batch_size: int = 16
    learning_rate: float = 2e-5
    warmup_fraction: float = 0.1
    bias_correction: bool = True
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-6
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    dropout: float = 0.1
    max_length: int = 128
    validations_per_epoch: int = 10
    train_examples: int | None = None
    train_subset_seed: int = 0
    precision: str = "bf16"

    def __post_init__(self) -> None:
        def require(field: str, rule: str, holds: bool) -> None:
            if not holds:
                raise RecipeError(f"recipe {self.name!r}: {field} must be {rule}, got {getattr(self, field)!r}")

        for field in ("epochs", "batch_size", "max_length", "validations_per_epoch"):
            require(field, "a positive integer", isinstance(getattr(self, field), int) and getattr(self, field) > 0)
        for field in ("learning_rate", "adam_epsilon"):
            require(field, "positive and finite", 0 < getattr(self, field) < inf)
        for field in ("warmup_fraction", "dropout", "adam_beta1", "adam_beta2"):
            require(field, "in [0, 1)", 0 <= getattr(self, field) < 1)
        for field in ("weight_decay", "max_gradient_norm"):
            require(field, "at least 0 and finite", 0 <= getattr(self, field) < inf)
        require("train_examples", "None or positive", self.train_examples is None or self.train_examples > 0)
        require("precision", "'bf16' or 'fp32'", self.precision in ("bf16", "fp32"))

    def fields(self) -> dict[str, bool | int | float | str | None]:
        """All fields but the name, as they are recorded with every trial."""
        record = asdict(self)
        del record["name"]
        return record


RECIPES = {
    recipe.name: recipe
    for recipe in (
        # Dodge et al. (2020), section 3: BERT's own fine-tuning set-up.
        Recipe("dodge2020", bias_correction=False),
        # The same with Adam as published, after Mosbach et al. (2021) and Zhang et al. (2021).
        Recipe("stable"),
        # Few-sample fine-tuning, for machines without an accelerator.
        Recipe("few64", epochs=10, learning_rate=2e-4, train_examples=64, validations_per_epoch=1),
        Recipe("few128", epochs=10, learning_rate=1e-4, train_examples=128, validations_per_epoch=1),
        Recipe("few256", epochs=5, learning_rate=1e-4, train_examples=256, validations_per_epoch=2),
        Recipe("few512", epochs=5, learning_rate=2e-4, train_examples=512, validations_per_epoch=2),
    )
}


def get_recipe(name: str, /, **changes: object) -> Recipe:
    """The recipe called ``name``, with the fields in ``changes`` replaced.

    Raises:
        RecipeError: no such recipe or field, or a value outside its range.
    """
    if name not in RECIPES:
        raise RecipeError(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    known = {field.name for field in fields(Recipe)}
    for field in changes:
        if field not in known:
            raise RecipeError(f"a recipe has no field {field!r}; there are {', '.join(sorted(known))}")
    return replace(RECIPES[name], **changes)  # type: ignore[arg-type]


def steps_per_epoch(recipe: Recipe, train_size: int) -> int:
    """Steps of one epoch over ``train_size`` examples."""
    return ceil(train_size / recipe.batch_size)


def validation_steps(recipe: Recipe, train_size: int) -> list[int]:
    """The training steps (1-based, ascending) after which a trial is validated.

    An epoch with fewer steps than validation points is validated after every step.
    """
    epoch = steps_per_epoch(recipe, train_size)
    points = min(recipe.validations_per_epoch, epoch)
    within = [round(epoch * point / points) for point in range(1, points + 1)]
    return [start * epoch + step for start in range(recipe.epochs) for step in within]


def learning_rate(recipe: Recipe, step: int, num_steps: int) -> float:
    """Learning rate of step ``step`` (0-based) of ``num_steps``: linear warm-up from 0, then linear decay to 0."""
    warmup = int(recipe.warmup_fraction * num_steps)
    if step < warmup:
        return recipe.learning_rate * step / warmup
    return recipe.learning_rate * (num_steps - step) / (num_steps - warmup)
