"""K BERT classifiers as one set of tensors with a leading axis of K.

The arithmetic is that of ``transformers.BertForSequenceClassification`` in eager attention, on packed tokens, as
batched matrix products. Weights keep their transformers names, except that query, key and value are one matrix,
and that the word table holds only the rows that the task's examples touch (the others have no gradient).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from runners.engines.dropout import attention_elements, dropout
from runners.engines.packing import Batch
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
    def forward(ctx, table: Tensor, index: Tensor) -> Tensor:  # noqa: ANN001
        ctx.save_for_backward(index)
        ctx.rows = table.shape[1]
        return table.index_select(1, index)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN001
        (index,) = ctx.saved_tensors
        one_hot = torch.arange(ctx.rows, device=index.device).unsqueeze(1) == index
        one_hot = one_hot.to(gradient.dtype).expand(gradient.shape[0], -1, -1)
        return torch.bmm(one_hot, gradient), None


class _Pad(torch.autograd.Function):
    """[K, T, H] tokens to [K, B * L, H], zero where there is no token; its gradient is the way back."""

    @staticmethod
    def forward(ctx, x: Tensor, token: Tensor, live: Tensor, slot: Tensor, token_live: Tensor) -> Tensor:  # noqa: ANN001
        ctx.save_for_backward(slot, token_live)
        return _take(x, token, live)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:  # noqa: ANN001
        return _take(gradient, *ctx.saved_tensors), None, None, None, None


def _take(x: Tensor, index: Tensor, live: Tensor) -> Tensor:
    return torch.where(live.view(-1, 1).bool(), x.index_select(1, index), 0.0)


def pad(x: Tensor, batch: Batch) -> Tensor:
    """Packed tokens [K, T, H] to padded ones [K, B * L, H]."""
    return _Pad.apply(x, batch.token, batch.live, batch.slot, batch.token_live)


def unpad(x: Tensor, batch: Batch) -> Tensor:
    """Padded tokens [K, B * L, H] to packed ones [K, T, H]."""
    return _Pad.apply(x, batch.slot, batch.token_live, batch.token, batch.live)


def _linear(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    """[K, T, in] times the trials' own [K, out, in], in the weights' precision."""
    weight = weights[name + ".weight"]
    return torch.bmm(x.to(weight.dtype), weight.transpose(1, 2)) + weights[name + ".bias"].unsqueeze(1)


def _layer_norm(x: Tensor, weights: dict[str, Tensor], name: str, eps: float) -> Tensor:
    x = F.layer_norm(x.float(), x.shape[-1:], eps=eps)
    return x * weights[name + ".weight"].unsqueeze(1) + weights[name + ".bias"].unsqueeze(1)


def _last_layer(
    x: Tensor, weights: dict[str, Tensor], batch: Batch, shape: Shape, no_token: Tensor, prefix: str
) -> Tensor:
    """The last layer without dropout, of each example's first token alone, [K, B, H]: nothing else is read of it."""
    trials, (examples, length), hidden = len(x), batch.live.shape, shape.hidden_size
    heads, head_size = shape.heads, hidden // shape.heads
    name = prefix + "attention.self.qkv"
    weight, bias = weights[name + ".weight"], weights[name + ".bias"]
    first = x.index_select(1, batch.first)
    query = torch.bmm(first.to(weight.dtype), weight[:, :hidden].transpose(1, 2)) + bias[:, :hidden].unsqueeze(1)
    both = torch.bmm(x.to(weight.dtype), weight[:, hidden:].transpose(1, 2)) + bias[:, hidden:].unsqueeze(1)
    key, value = pad(both, batch).view(trials, examples, length, 2, heads, head_size).permute(3, 0, 1, 4, 2, 5)
    query = query.view(trials, examples, heads, 1, head_size)
    scores = (query @ key.transpose(-1, -2)).float() * head_size**-0.5
    attention = scores.masked_fill(no_token, torch.finfo(torch.float32).min).softmax(-1).to(value.dtype)
    context = _linear((attention @ value).reshape(trials, examples, hidden), weights, prefix + "attention.output.dense")
    x = _layer_norm(context + first, weights, prefix + "attention.output.LayerNorm", shape.layer_norm_eps)
    output = _linear(F.gelu(_linear(x, weights, prefix + "intermediate.dense")), weights, prefix + "output.dense")
    return _layer_norm(output + x, weights, prefix + "output.LayerNorm", shape.layer_norm_eps)


def forward(weights: dict[str, Tensor], words: Tensor, batch: Batch, shape: Shape, training: bool) -> Tensor:
    """Logits of K classifiers on one batch.

    Args:
        weights: stacked weights but the word table; matrices may be bfloat16, the rest float32.
        words: float32 [K, T, H], rows ``batch.unique`` of the trials' word tables.
        batch: the packed batch.
        shape: the model's.
        training: with dropout.

    Returns:
        float32 [K, B, labels].
    """
    trials, examples, length = words.shape[0], batch.live.shape[0], batch.live.shape[1]
    heads, head_size = shape.heads, shape.hidden_size // shape.heads
    probability = shape.dropout if training else 0.0
    device = words.device
    element = batch.row.unsqueeze(1) * shape.hidden_size + torch.arange(
        shape.hidden_size, dtype=torch.int32, device=device
    )
    in_attention = attention_elements(examples, heads, length, shape.max_length, device)

    def drop(x: Tensor, site: int, elements: Tensor = element) -> Tensor:
        if probability == 0:
            return x
        return dropout(x, elements, batch.keys[:, site].view(-1, *[1] * elements.dim(), 2), probability)

    prefix = "bert.embeddings."
    x = _Lookup.apply(words, batch.inverse) + _Lookup.apply(weights[TOKEN_TYPE], batch.token_type)
    x = x + _Lookup.apply(weights[POSITION], batch.position)
    x = drop(_layer_norm(x, weights, prefix + "LayerNorm", shape.layer_norm_eps), 0)
    no_token = (batch.live == 0).view(1, examples, 1, 1, length)
    for layer in range(shape.layers):
        prefix, site = f"bert.encoder.layer.{layer}.", 1 + 3 * layer
        if layer == shape.layers - 1 and not training:
            x = _last_layer(x, weights, batch, shape, no_token, prefix)
            break
        qkv = pad(_linear(x, weights, prefix + "attention.self.qkv"), batch)
        query, key, value = qkv.view(trials, examples, length, 3, heads, head_size).permute(3, 0, 1, 4, 2, 5)
        scores = (query @ key.transpose(-1, -2)).float() * head_size**-0.5
        attention = scores.masked_fill(no_token, torch.finfo(torch.float32).min).softmax(-1)
        attention = drop(attention, site, in_attention).to(value.dtype)
        context = (attention @ value).transpose(2, 3).reshape(trials, examples * length, shape.hidden_size)
        context = _linear(unpad(context, batch), weights, prefix + "attention.output.dense")
        x = _layer_norm(
            drop(context, site + 1) + x, weights, prefix + "attention.output.LayerNorm", shape.layer_norm_eps
        )
        middle = F.gelu(_linear(x, weights, prefix + "intermediate.dense"))
        output = _linear(middle, weights, prefix + "output.dense")
        x = _layer_norm(drop(output, site + 2) + x, weights, prefix + "output.LayerNorm", shape.layer_norm_eps)
    first = x.index_select(1, batch.first) if training else x
    pooled = torch.tanh(_linear(first, weights, "bert.pooler.dense"))
    slot = torch.arange(examples, dtype=torch.int32, device=device).unsqueeze(1)
    number = slot * shape.hidden_size + torch.arange(shape.hidden_size, dtype=torch.int32, device=device)
    return _linear(drop(pooled, 1 + 3 * shape.layers, number), weights, "classifier").float()
