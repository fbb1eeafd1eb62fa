"""Clipping and Adam for the weights of many trials, each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

import torch
from torch import Tensor

from runners.data.recipe import LATE_STEP, Recipe
from runners.engines import plain
from runners.engines.bert import WORD, is_decayed
from runners.engines.plain import AdamRule, AdamState

#: Elements that a CPU's vector registers hold at most.
VECTOR = 16


class StackedAdam:
    """Clips each trial's gradient, then Adam with decoupled weight decay (Loshchilov & Hutter 2019), in torch's order.

    With the plain operations, on a CPU, it is torch's fused kernel, which passes over memory once where they do twenty
    times.

    Args:
        master: float32 [K, …], the trials' weights by name; updated in place.
        leaves: the same in the precision of the products, but the word table, updated along with them; where that is
            float32, the same tensors.
        recipe: Adam's constants.
        operations: ``plain`` or ``kernels``.

    Attributes:
        moment1, moment2: of the gradient, like ``master``.
    """

    def __init__(
        self, master: dict[str, Tensor], leaves: Mapping[str, Tensor], recipe: Recipe, operations: ModuleType
    ) -> None:
        self.master, self.recipe, self.operations = master, recipe, operations
        self.moment1 = {name: torch.zeros_like(value, requires_grad=False) for name, value in master.items()}
        self.moment2 = {name: torch.zeros_like(value, requires_grad=False) for name, value in master.items()}
        self.leaves = {name: leaf for name, leaf in leaves.items() if leaf is not master[name]}
        # torch's kernel works a vector register at a time. Where a trial has no whole number of registers, how its last
        # elements are rounded would depend on the number of trials.
        whole = {name for name, value in master.items() if value[0].numel() % VECTOR == 0}
        self.fused = whole if operations is plain else set()
        self.clipped = {name: torch.empty_like(self.moment1[name]) for name in self.fused}  # what that kernel reads
        self.optimizer = self._fused_optimizer() if self.fused else None

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
            self.master[name].grad = self.clipped[name]
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
        norm = self.operations.gradient_norm([self._placed(name, each) for name, each in gradients.items()])
        scale = torch.ones_like(norm)
        if self.recipe.max_gradient_norm > 0:
            scale = (self.recipe.max_gradient_norm / (norm + 1e-6)).clamp(max=1.0)
        for name, gradient in gradients.items():
            weight = self.master[name]
            if name not in self.fused:
                place = _places(unique, weight.shape[1]) if name == WORD else None
                state = AdamState(weight, self.moment1[name], self.moment2[name], self.leaves.get(name))
                self.operations.adam_step(state, gradient, place, scale, scalars, self._rule(name))
                continue
            if name == WORD:
                rows = unique[unique < weight.shape[1]].long()
                self.clipped[name].zero_().index_copy_(1, rows, gradient[:, : len(rows)])
            self.clipped[name].mul_(scale.view(-1, *[1] * (weight.dim() - 1)))
        if self.optimizer is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = float(scalars[0])
            self.optimizer.step()
            for name in self.fused & self.leaves.keys():
                self.leaves[name].copy_(self.master[name])
        return norm

    def _placed(self, name: str, gradient: Tensor) -> Tensor:
        """The gradient, moved to where torch's kernel reads it, if it does; the word table's few rows are not yet."""
        return self.clipped[name].copy_(gradient) if name in self.clipped and name != WORD else gradient

    def _rule(self, name: str) -> AdamRule:
        recipe = self.recipe
        decay = recipe.weight_decay if is_decayed(name) else 0.0
        return AdamRule(recipe.adam_beta1, recipe.adam_beta2, recipe.adam_epsilon, decay)


def _places(unique: Tensor, rows: int) -> Tensor:
    """Where in ``unique`` [T] each of a table's rows is: int32 [rows]; T for a row that is not there."""
    tokens = len(unique)
    place = torch.full((rows + 1,), tokens, dtype=torch.int32, device=unique.device)
    return place.scatter(0, unique.long(), torch.arange(tokens, dtype=torch.int32, device=unique.device))[:rows]
