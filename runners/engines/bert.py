"""K BERT classifiers as one set of tensors with a leading axis of K.

The arithmetic is that of ``transformers.BertForSequenceClassification`` in eager attention, on packed tokens, as
batched matrix products. Weights keep their transformers names, except that query, key and value are one matrix,
and that the word table holds only the rows that the task's examples touch (the others have no gradient).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from runners.engines import plain
from runners.engines.packing import Batch
from runners.engines.plain import Mask, Norm
from runners.errors import RunnerError

WORD = "bert.embeddings.word_embeddings.weight"
POSITION = "bert.embeddings.position_embeddings.weight"
TOKEN_TYPE = "bert.embeddings.token_type_embeddings.weight"
HEAD = ("classifier.weight", "classifier.bias")
CUT = (WORD, POSITION)  # tables of which the engine keeps some rows only


@dataclass(frozen=True)
class Shape:
    """What the forward pass needs to know of the model."""

    layers: int
    heads: int
    hidden_size: int
    layer_norm_eps: float
    max_length: int
    dropout: float

    @property
    def sites(self) -> int:
        """Places with dropout: embeddings, three a layer (attention, its output, the block's output), classifier."""
        return 2 + 3 * self.layers

    @staticmethod
    def of(config: PreTrainedConfig, max_length: int, dropout: float) -> Shape:
        """Reads it from a BERT config.

        Raises:
            RunnerError: another architecture or activation than BERT's.
        """
        if config.model_type != "bert" or config.hidden_act != "gelu":
            raise RunnerError(
                f"the stacked engine trains BERT with gelu, this is {config.model_type!r} with "
                f"{getattr(config, 'hidden_act', None)!r}: use --engine reference"
            )
        return Shape(
            config.num_hidden_layers,
            config.num_attention_heads,
            config.hidden_size,
            config.layer_norm_eps,
            max_length,
            dropout,
        )


def stack_weights(model: PreTrainedModel, heads: Tensor, words: Tensor, max_length: int) -> dict[str, Tensor]:
    """The starting weights of K trials.

    Args:
        model: the pretrained classifier; every trial starts from its body.
        heads: float32 [K, labels, hidden], the trials' own classifier weights.
        words: int64 [rows], the rows of the word table to keep.
        max_length: positions to keep.

    Returns:
        float32 tensors [K, …] on the CPU, views of one copy where all trials start alike.
    """
    weights = {}
    state = {name: value.detach().float() for name, value in model.named_parameters()}
    for name, value in state.items():
        if ".self.key." in name or ".self.value." in name or name in HEAD:
            continue
        if ".self.query." in name:
            value = torch.cat([state[name.replace("query", part)] for part in ("query", "key", "value")])
            name = name.replace("query", "qkv")
        elif name == WORD:
            value = value[words]
        elif name == POSITION:
            value = value[:max_length]
        weights[name] = value.expand(len(heads), *value.shape)
    weights[HEAD[0]] = heads
    weights[HEAD[1]] = torch.zeros(heads.shape[:2])
    return weights


def unstack_weights(weights: dict[str, Tensor], trial: int) -> dict[str, Tensor]:
    """The weights of one trial under their transformers names (word and position tables as short as stacked)."""
    state = {}
    for name, value in weights.items():
        if ".self.qkv." in name:
            for part, third in zip(("query", "key", "value"), value[trial].chunk(3), strict=True):
                state[name.replace("qkv", part)] = third
        else:
            state[name] = value[trial]
    return state


def is_decayed(name: str) -> bool:
    """Whether weight decay applies: not to biases and not to LayerNorm."""
    return not name.endswith("bias") and "LayerNorm" not in name


class _Lookup(torch.autograd.Function):
    """Rows of a table [K, rows, H] at ``index`` [T]. The gradient is a matrix product: summed in one fixed order."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.rows = table.shape[1]
        return table.index_select(1, index)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        one_hot = torch.arange(ctx.rows, device=index.device).unsqueeze(1) == index
        one_hot = one_hot.to(gradient.dtype).expand(gradient.shape[0], -1, -1)
        return torch.bmm(one_hot, gradient), None


@dataclass(frozen=True)
class _Pass:
    """One pass of K classifiers over a batch; ``probability`` is dropout's."""

    weights: dict[str, Tensor]
    batch: Batch
    shape: Shape
    probability: float
    operations: ModuleType

    def mask(self, site: int) -> Mask:
        return Mask(self.batch.keys[:, site], self.probability)

    def norm(self, name: str) -> Norm:
        return Norm(self.weights[name + ".weight"], self.weights[name + ".bias"], self.shape.layer_norm_eps)

    def product(self, x: Tensor, name: str) -> tuple[Tensor, Tensor]:
        """The product with a linear layer's matrix, and the layer's bias, which is yet to be added."""
        return self.operations.product(x, self.weights[name + ".weight"]), self.weights[name + ".bias"]

    def linear(self, x: Tensor, name: str) -> Tensor:
        x, bias = self.product(x, name)
        return x + bias.unsqueeze(1)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, site: int) -> Tensor:
        """Attention of [K, B, heads, queries, H / heads] to the tokens of each example."""
        scores, scaling = query @ key.transpose(-1, -2), query.shape[-1] ** -0.5
        mask, max_length = self.mask(site), self.shape.max_length
        return self.operations.attention_probabilities(scores, self.batch.live, mask, max_length, scaling) @ value

    def layer(self, x: Tensor, low: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """All tokens through a layer: [K, T, H] in float32 and in the products' precision, likewise out."""
        prefix, site = f"bert.encoder.layer.{number}.", 1 + 3 * number
        qkv, bias = self.product(low, prefix + "attention.self.qkv")
        query, key, value = self.operations.to_heads(qkv, bias, self.batch, self.shape.heads, 3)
        context = self.operations.to_tokens(self.attend(query, key, value, site), self.batch)
        return self.after_attention(context, x, prefix, site)

    def last_layer(self, x: Tensor, low: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """Each example's first token alone, [K, B, H], through the last layer: nothing else is read of it.

        Only without dropout, whose masks are those of all tokens.
        """
        prefix, site, hidden = f"bert.encoder.layer.{number}.", 1 + 3 * number, self.shape.hidden_size
        name, first = prefix + "attention.self.qkv", self.batch.first
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        query = self.operations.product(low.index_select(1, first), weight[:, :hidden]) + bias[:, :hidden].unsqueeze(1)
        both = self.operations.product(low, weight[:, hidden:])
        key, value = self.operations.to_heads(both, bias[:, hidden:], self.batch, self.shape.heads, 2)
        context = self.attend(query.view(*key.shape[:3], 1, -1), key, value, site)
        return self.after_attention(context.reshape(query.shape), x.index_select(1, first), prefix, site)

    def after_attention(self, context: Tensor, x: Tensor, prefix: str, site: int) -> tuple[Tensor, Tensor]:
        """The rest of a layer, of the tokens in ``context`` and ``x``."""
        row = self.batch.row
        context, bias = self.product(context, prefix + "attention.output.dense")
        norm = self.norm(prefix + "attention.output.LayerNorm")
        x, low = self.operations.add_norm(context, bias, x, norm, row, self.mask(site + 1))
        middle = self.operations.bias_gelu(*self.product(low, prefix + "intermediate.dense"))
        output, bias = self.product(middle, prefix + "output.dense")
        return self.operations.add_norm(
            output, bias, x, self.norm(prefix + "output.LayerNorm"), row, self.mask(site + 2)
        )

    def elements(self, row: Tensor) -> Tensor:
        """Numbers of the elements of rows with these numbers: int32 [rows, H]."""
        hidden = self.shape.hidden_size
        return row.unsqueeze(1) * hidden + torch.arange(hidden, dtype=torch.int32, device=row.device)


def forward(
    weights: dict[str, Tensor],
    words: Tensor,
    batch: Batch,
    shape: Shape,
    *,
    training: bool,
    operations: ModuleType = plain,
) -> Tensor:
    """Logits of K classifiers on one batch.

    Args:
        weights: stacked weights but the word table; matrices may be bfloat16, the rest float32.
        words: float32 [K, T, H], rows ``batch.unique`` of the trials' word tables.
        batch: the packed batch.
        shape: the model's.
        training: with dropout.
        operations: what it is computed with: ``plain``, or ``kernels``, whose functions are the same.

    Returns:
        float32 [K, B, labels].
    """
    run = _Pass(weights, batch, shape, shape.dropout if training else 0.0, operations)
    x = _Lookup.apply(words, batch.inverse) + _Lookup.apply(weights[TOKEN_TYPE], batch.token_type)
    x = x + _Lookup.apply(weights[POSITION], batch.position)
    x = plain.layer_norm(x, run.norm("bert.embeddings.LayerNorm"))
    x = operations.dropout(x, run.elements(batch.row), run.mask(0))
    low = x.to(weights["bert.pooler.dense.weight"].dtype)
    for number in range(shape.layers - (not training)):
        x, low = run.layer(x, low, number)
    if training:
        low = low.index_select(1, batch.first)
    else:
        _, low = run.last_layer(x, low, shape.layers - 1)
    pooled = torch.tanh(run.linear(low, "bert.pooler.dense"))
    slot = torch.arange(len(batch.first), dtype=torch.int32, device=words.device)
    pooled = operations.dropout(pooled, run.elements(slot), run.mask(1 + 3 * shape.layers))
    return run.linear(pooled, "classifier").float()
