"""Clipping and Adam for the weights of many trials, each by itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from runners.data.recipe import Recipe
from runners.engines.bert import WORD, is_decayed

#: Adam's step counter in a recipe without bias correction starts here: both corrections are 1 to the last bit.
LATE_STEP = 1_000_000.0
#: Elements that a CPU's vector registers hold at most.
VECTOR = 16


class StackedAdam:
    """Clips each trial's gradient, then Adam with decoupled weight decay (Loshchilov & Hutter 2019), in torch's order.

    Args:
        master: float32 [K, …], the trials' weights by name; updated in place.
        recipe: Adam's constants.
        fused: with torch's fused kernel, which passes over memory once where plain operations do twenty times; on a
            CPU. On CUDA the plain operations are compiled instead.

    Attributes:
        moment1, moment2: of the gradient, like ``master``.
    """

    def __init__(self, master: dict[str, Tensor], recipe: Recipe, fused: bool):
        self.master, self.recipe = master, recipe
        self.moment1 = {name: torch.zeros_like(value, requires_grad=False) for name, value in master.items()}
        self.moment2 = {name: torch.zeros_like(value, requires_grad=False) for name, value in master.items()}
        # The kernel works a vector register at a time. Where a trial has no whole number of registers, how its last
        # elements are rounded would depend on the number of trials.
        whole = {name for name, value in master.items() if value[0].numel() % VECTOR == 0}
        self.fused = whole if fused else set()
        self.optimizer = self._fused_optimizer() if fused else None

    def _fused_optimizer(self) -> torch.optim.AdamW:
        recipe = self.recipe
        groups = [
            {
                "params": [self.master[name] for name in self.master if name in self.fused and is_decayed(name) is yes],
                "weight_decay": recipe.weight_decay * yes,
            }
            for yes in (True, False)
        ]
        betas = (recipe.adam_beta1, recipe.adam_beta2)
        optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=betas, eps=recipe.adam_epsilon, fused=True)
        for name in self.fused:
            moments = {"exp_avg": self.moment1[name], "exp_avg_sq": self.moment2[name]}
            optimizer.state[self.master[name]] = {"step": torch.tensor(0.0), **moments}
        return optimizer

    def reset(self) -> None:
        """Forgets all steps."""
        for name in self.master:
            self.moment1[name].zero_()
            self.moment2[name].zero_()
        if self.optimizer is not None:
            for state in self.optimizer.state.values():
                state["step"].fill_(0.0 if self.recipe.bias_correction else LATE_STEP)

    @torch.no_grad()
    def update(self, gradients: Mapping[str, Tensor], unique: Tensor, scalars: Tensor) -> Tensor:
        """One step.

        Args:
            gradients: [K, …] by name; that of the word table has the rows ``unique`` only.
            unique: int32 [T], as in a batch.
            scalars: float32 [4]: learning rate, and Adam's two bias corrections.

        Returns:
            float32 [K], the norm of each trial's gradient before clipping.
        """
        recipe = self.recipe
        squares = [gradient.float().square().flatten(1).sum(1) for gradient in gradients.values()]
        norm = torch.stack(squares).sum(0).sqrt()
        scale = torch.ones_like(norm)
        if recipe.max_gradient_norm > 0:
            scale = (recipe.max_gradient_norm / (norm + 1e-6)).clamp(max=1.0)
        rate, correction1, correction2 = scalars[0], scalars[1], scalars[2]
        for name, gradient in gradients.items():
            weight, first, second = self.master[name], self.moment1[name], self.moment2[name]
            if name == WORD:
                gradient = _spread_rows(gradient, unique, weight.shape[1])
            factor = scale.view(-1, *[1] * (gradient.dim() - 1))
            if name in self.fused:
                # The kernel takes it for contiguous, which the gradient of a transposed matrix is not.
                weight.grad = torch.mul(gradient.float(), factor, out=torch.empty_like(first))
                continue
            gradient = gradient.float() * factor
            first.copy_(first + (gradient - first) * (1 - recipe.adam_beta1))
            second.copy_(second * recipe.adam_beta2 + gradient * gradient * (1 - recipe.adam_beta2))
            decayed = weight * (1 - rate * recipe.weight_decay) if is_decayed(name) else weight
            denominator = second.sqrt() / correction2.sqrt() + recipe.adam_epsilon
            weight.copy_(decayed - rate / correction1 * first / denominator)
        if self.optimizer is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = float(rate)
            self.optimizer.step()
            self.optimizer.zero_grad()
        return norm


def _spread_rows(gradient: Tensor, unique: Tensor, rows: int) -> Tensor:
    """Gradient [K, T, H] of the rows ``unique`` [T] as one of the whole table [K, rows, H]."""
    tokens = gradient.shape[1]
    place = torch.full((rows + 1,), tokens, device=gradient.device)
    place = place.scatter(0, unique.long(), torch.arange(tokens, device=gradient.device))[:rows]
    gathered = gradient.index_select(1, place.clamp(max=tokens - 1))
    return torch.where((place < tokens).view(1, -1, 1), gathered, 0.0)
