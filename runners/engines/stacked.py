"""The stacked engine: all weight initialisations of one grid column train at once.

Trials of a column share the data order, hence tokens, shapes and indices; each has its own weights, optimizer
state, dropout masks and gradient clipping. On a CUDA device steps run on kernels of their own (``kernels``) and are
replayed as CUDA graphs, one for each shape of batch, and a whole validation is one graph; nothing is compiled by torch,
which there takes minutes and draws another dropout mask in attention (torch 2.11). The result of a trial is that of
``runners.engines.reference`` within rounding, and does not depend on its neighbours; on CUDA its last bits may depend
on how many train together, since cuBLAS picks a product's algorithm by that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from types import ModuleType

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from runners.data import seeds
from runners.data.glue import Examples, TaskData
from runners.data.recipe import Recipe, learning_rate, steps_per_epoch, validation_steps
from runners.engines import bert as stacked_bert
from runners.engines import plain
from runners.engines.adam import StackedAdam
from runners.engines.drawn import drawn_parameters, initial_weights
from runners.engines.graphs import Graphs
from runners.engines.packing import Batch, Layout, batch_layout, chunk_limits, evaluation_chunks
from runners.errors import RunnerError
from runners.trial_log import Cell, Outcome

Segment = list[tuple[Layout, Tensor]]


class StackedEngine:
    """Trains up to ``trials`` cells of a grid column together; what is compiled or captured serves all columns.

    Args:
        model: the pretrained classifier (what its checkpoint lacks is drawn for every trial).
        data: the task.
        recipe: how to train.
        trials: K; a shorter column is filled up with copies that are thrown away.
        device: "cpu" or a CUDA device.
        compiled: with ``torch.compile``, on a CPU only.
        kernels: with kernels in place of plain torch; by default on CUDA only. On a CPU that is for tests, in Triton's
            interpreter.

    Raises:
        RunnerError: a model that it cannot train, ``compiled`` on CUDA, or no kernels there.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        data: TaskData,
        recipe: Recipe,
        trials: int,
        device: torch.device | str = "cpu",
        compiled: bool = False,
        kernels: bool | None = None,
    ) -> None:
        self.device = torch.device(device)
        self.on_cuda = self.device.type == "cuda"
        if self.on_cuda and compiled:
            raise RunnerError("--compile: for CPUs only; on CUDA the stacked engine has kernels of its own")
        self.recipe, self.model, self.dev_examples = recipe, model, len(data.validation)
        self.evaluated, self.labels = len(data.evaluated), len(data.labels)
        self.trials = max(trials, 2)  # a single batched matrix product takes another path, with other rounding
        self.shape = stacked_bert.Shape.of(model.config, recipe.max_length, recipe.dropout)
        words = np.unique(np.concatenate([data.train.token_ids, data.evaluated.token_ids]))
        self.words = torch.from_numpy(words).long()
        self.train = _renumber(data.train, words)
        self.operations = _kernels() if (self.on_cuda if kernels is None else kernels) else plain
        self.dtype = torch.bfloat16 if recipe.precision == "bf16" else torch.float32
        self._allocate()
        self._place_validation(_renumber(data.evaluated, words))
        self._losses = torch.compile(self._plain_losses) if compiled else self._plain_losses
        self._logits = torch.compile(self._plain_logits) if compiled else self._plain_logits
        self._graphs = Graphs(self.device)

    # ---- state -------------------------------------------------------------------------------------------------

    def _allocate(self) -> None:
        heads = torch.zeros(self.trials, self.labels, self.shape.hidden_size)
        start = stacked_bert.stack_weights(self.model, heads, self.words, self.recipe.max_length)
        self.start = {name: value[:1].to(self.device) for name, value in start.items()}
        self.master = {name: value.to(self.device, copy=True).contiguous() for name, value in start.items()}
        # Matrices and their biases take part in the products in the recipe's precision; the rest stays in float32.
        self.leaves = {}
        for name, value in self.master.items():
            if name == stacked_bert.WORD:
                continue
            exact = self.dtype == torch.float32 or "LayerNorm" in name or "embeddings" in name
            self.leaves[name] = (value if exact else value.to(self.dtype)).requires_grad_()
        self.adam = StackedAdam(self.master, self.leaves, self.recipe, self.operations)
        lost = [name for name in drawn_parameters(self.model) if name not in self.master or name in stacked_bert.CUT]
        if lost:
            raise RunnerError(
                f"the stacked engine cannot draw {', '.join(lost)}, which the checkpoint lacks: use --engine reference"
            )
        self.loss = torch.zeros(self.trials, device=self.device)
        self.norm = torch.zeros(self.trials, device=self.device)
        self.logits = torch.empty(self.trials, self.evaluated, self.labels, device=self.device)

    def _reset(self, cells: Sequence[Cell]) -> None:
        for name, value in self.master.items():
            value.detach().copy_(self.start[name])
        self.adam.reset()
        drawn = [initial_weights(self.model, cell.weight_init_seed) for cell in cells]
        for name in drawn[0]:
            self.master[name].detach().copy_(torch.from_numpy(np.stack([weights[name] for weights in drawn])))
        for name, leaf in self.leaves.items():
            leaf.detach().copy_(self.master[name])

    def weights(self, trial: int) -> dict[str, Tensor]:
        """The current float32 weights of one trial, by their transformers names (tables as short as stacked)."""
        return stacked_bert.unstack_weights({name: value.detach() for name, value in self.master.items()}, trial)

    # ---- one step ----------------------------------------------------------------------------------------------

    def _plain_losses(self, leaves: dict[str, Tensor], words: Tensor, batch: Batch) -> Tensor:
        logits = stacked_bert.forward(leaves, words, batch, self.shape, training=True, operations=self.operations)
        log_probability = logits.log_softmax(-1)
        label = batch.label.long().view(1, -1, 1).expand(logits.shape[0], -1, 1)
        return -(log_probability.gather(2, label).squeeze(2) * batch.weight).sum(1)

    @torch.no_grad()
    def _plain_logits(self, leaves: dict[str, Tensor], words: Tensor, batch: Batch) -> Tensor:
        return stacked_bert.forward(leaves, words, batch, self.shape, training=False, operations=self.operations)

    def _rows(self, batch: Batch) -> Tensor:
        table = self.master[stacked_bert.WORD]
        rows = table.detach().index_select(1, batch.unique.clamp(max=table.shape[1] - 1))
        torch._dynamo.maybe_mark_dynamic(rows, 1)
        return rows

    def _step(self, layout: Layout, vector: Tensor) -> None:
        batch = _mark_dynamic(layout.views(vector))
        words = self._rows(batch).requires_grad_()
        losses = self._losses(self.leaves, words, batch)
        gradients = torch.autograd.grad(losses.sum(), [words, *self.leaves.values()])
        by_name = dict(zip((stacked_bert.WORD, *self.leaves), gradients, strict=True))
        self.loss.copy_(losses.detach())
        self.norm.copy_(self.adam.update(by_name, batch.unique, batch.scalars))

    # ---- batches -----------------------------------------------------------------------------------------------

    def _place_validation(self, data: Examples) -> None:
        # On a CPU what a chunk needs fits its cache, and it is the same for every K, so that a trial's bits are.
        tokens, squares = chunk_limits(self.trials, self.shape.heads) if self.on_cuda else (512, 500_000)
        self.validation = []
        for index in evaluation_chunks(data, tokens, squares):
            layout = batch_layout(data, index, len(index), 0, self.shape.sites, coarse=self.on_cuda)
            vector = np.zeros(layout.size, np.int32)
            layout.pack(vector, data, index, self.recipe.max_length, len(self.words))
            views = layout.views(torch.from_numpy(vector).to(self.device))
            self.validation.append((torch.from_numpy(index).to(self.device), views))

    def _segment(self, orders: list[np.ndarray], first: int, last: int, dropout_seeds: np.ndarray) -> Segment:
        """The batches of steps first … last - 1 (0-based), on the device."""
        recipe, epoch_steps = self.recipe, steps_per_epoch(self.recipe, len(self.train))
        num_steps = epoch_steps * recipe.epochs
        plan = []
        for step in range(first, last):
            epoch, within = divmod(step, epoch_steps)
            index = orders[epoch][within * recipe.batch_size : (within + 1) * recipe.batch_size]
            layout = batch_layout(
                self.train, index, recipe.batch_size, self.trials, self.shape.sites, coarse=self.on_cuda
            )
            plan.append((step, index, layout))
        host = torch.zeros(sum(layout.size for *_, layout in plan), dtype=torch.int32, pin_memory=self.on_cuda)
        vectors = host.numpy()
        offset, ends = 0, []
        for step, index, layout in plan:
            vector = vectors[offset : offset + layout.size]
            layout.pack(vector, self.train, index, recipe.max_length, len(self.words))
            correct = recipe.bias_correction
            corrections = (
                1 - recipe.adam_beta1 ** (step + 1) if correct else 1.0,
                1 - recipe.adam_beta2 ** (step + 1) if correct else 1.0,
            )
            keys = seeds.dropout_keys(dropout_seeds, step, self.shape.sites)
            layout.set_step(vector, (learning_rate(recipe, step, num_steps), *corrections), keys)
            ends.append((layout, offset, offset + layout.size))
            offset += layout.size
        placed = host.to(self.device, non_blocking=True)
        return [(layout, placed[start:end]) for layout, start, end in ends]

    def _segments(self, cells: Sequence[Cell]) -> Iterator[Segment]:
        """One segment for each validation point, prepared one ahead in a thread."""
        orders = [
            seeds.data_order(cells[0].data_order_seed, epoch, len(self.train)) for epoch in range(self.recipe.epochs)
        ]
        dropout_seeds = np.array([cell.dropout_seed for cell in cells], np.uint64)
        points = [0, *validation_steps(self.recipe, len(self.train))]
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self._segment, orders, points[0], points[1], dropout_seeds)
            for start, end in zip(points[1:], [*points[2:], None], strict=True):
                segment = ahead.result()
                if end is not None:
                    ahead = pool.submit(self._segment, orders, start, end, dropout_seeds)
                yield segment

    # ---- a column ----------------------------------------------------------------------------------------------

    def _synchronized_seconds(self) -> float:
        if self.on_cuda:
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def _validate(self) -> None:
        for index, batch in self.validation:
            self.logits[:, index] = self._logits(self.leaves, self._rows(batch), _mark_dynamic(batch, examples=True))

    def run(self, cells: Sequence[Cell], progress: Callable[[float], None] = lambda share: None) -> list[Outcome]:
        """Trains the cells of one column from start to end.

        Args:
            cells: 1 … K cells with the same ``data_order_seed``.
            progress: told the share of the steps that is done, at each validation point.

        Returns:
            One outcome a cell, in order. ``train_seconds`` and ``evaluation_seconds`` are the cell's share.
        """
        if len({cell.data_order_seed for cell in cells}) != 1 or not 1 <= len(cells) <= self.trials:
            raise ValueError(f"a stack is 1 to {self.trials} cells of one data order, got {list(cells)}")
        filled = [*cells, *[cells[0]] * (self.trials - len(cells))]
        self._reset(filled)
        losses: list[Tensor] = []
        norms: list[Tensor] = []
        logits: list[Tensor] = []
        train_seconds = evaluation_seconds = 0.0
        num_points = len(validation_steps(self.recipe, len(self.train)))
        clock = self._synchronized_seconds()
        for segment in self._segments(filled):
            for layout, vector in segment:
                self._graphs.run(layout, partial(self._step, layout), vector)
                losses.append(self.loss.clone())
                norms.append(self.norm.clone())
            trained = self._synchronized_seconds()
            self._graphs.run("validation", self._validate)
            logits.append(self.logits.clone())
            now = self._synchronized_seconds()
            train_seconds += trained - clock
            evaluation_seconds += now - trained
            clock = now
            progress(len(logits) / num_points)
        step_loss, step_norm = torch.stack(losses).cpu().numpy(), torch.stack(norms).cpu().numpy()
        dev, test = np.split(torch.stack(logits).cpu().numpy(), [self.dev_examples], axis=2)
        return [
            Outcome(
                step_train_loss=step_loss[:, k].copy(),
                gradient_norm=step_norm[:, k].copy(),
                logits=dev[:, k].copy(),
                train_seconds=train_seconds / len(cells),
                evaluation_seconds=evaluation_seconds / len(cells),
                test_logits=test[:, k].copy() if test.shape[2] else None,
            )
            for k in range(len(cells))
        ]


def _kernels() -> ModuleType:
    try:
        from runners.engines import kernels
    except ImportError:
        raise RunnerError(
            "the stacked engine's kernels need triton, which comes with torch's builds for CUDA: pip install triton"
        ) from None
    return kernels


def _renumber(data: Examples, words: np.ndarray) -> Examples:
    return replace(data, token_ids=np.searchsorted(words, data.token_ids).astype(np.int32))


def _mark_dynamic(batch: Batch, examples: bool = False) -> Batch:
    """Tells the compiler which sizes differ from batch to batch: tokens, length and, in evaluation, examples."""
    for tensor in (*batch[:7], batch.token):
        torch._dynamo.maybe_mark_dynamic(tensor, 0)
    torch._dynamo.maybe_mark_dynamic(batch.live, 1)
    if examples:
        for tensor in (batch.live, batch.first, batch.label, batch.weight):
            torch._dynamo.maybe_mark_dynamic(tensor, 0)
    return batch
