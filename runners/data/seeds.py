"""Every random number of a trial, each from a stream with a name; the global generators are never touched.

| stream | drawn from | what it decides |
|---|---|---|
| head | weight_init_seed | the classifier's initial weights |
| weights <name> | weight_init_seed | those of another parameter that the checkpoint lacks (``runners.engines.drawn``) |
| order | data_order_seed, epoch | the permutation of the training examples in that epoch |
| test | nothing | which examples are the test set (``runners.data.held_out``) |
| subset | train_subset_seed | which training examples a few-sample recipe uses (the same for all trials) |
| dropout | dropout_seed, step, site | which elements are dropped there (see ``runners.engines.dropout``) |

Streams are made by NumPy on the CPU, so they do not depend on the device or on the version of torch.
"""

from __future__ import annotations

import hashlib

import numpy as np

UINT64 = np.uint64


def stream(name: str, *seeds: int) -> np.random.Generator:
    """An independent generator for this name and these seeds (Philox keyed by their SHA-256)."""
    digest = hashlib.sha256(repr((name, *map(int, seeds))).encode()).digest()
    return np.random.Generator(np.random.Philox(key=np.frombuffer(digest[:16], dtype=np.uint64)))


def classifier_weights(weight_init_seed: int, num_labels: int, hidden_size: int, std: float) -> np.ndarray:
    """The head a trial starts from: float32 [num_labels, hidden_size], normal with deviation ``std``; its bias is 0."""
    return (stream("head", weight_init_seed).standard_normal((num_labels, hidden_size)) * std).astype(np.float32)


def missing_weights(name: str, weight_init_seed: int, shape: tuple[int, ...], std: float) -> np.ndarray:
    """What another parameter starts from that its checkpoint lacks: float32, normal with deviation ``std``."""
    return (stream(f"weights {name}", weight_init_seed).standard_normal(shape) * std).astype(np.float32)


def data_order(data_order_seed: int, epoch: int, train_size: int) -> np.ndarray:
    """The order of one epoch: int64 [train_size]."""
    return stream("order", data_order_seed, epoch).permutation(train_size)


def train_subset(train_subset_seed: int, train_size: int, subset_size: int) -> np.ndarray:
    """The examples a few-sample recipe trains on: int64 [subset_size], ascending."""
    return np.sort(stream("subset", train_subset_seed).choice(train_size, subset_size, replace=False))


def default_dropout_seed(weight_init_seed: int, data_order_seed: int) -> int:
    """The dropout seed of a grid cell: a non-negative 63-bit number that depends on both seeds."""
    digest = hashlib.sha256(repr(("dropout", int(weight_init_seed), int(data_order_seed))).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def drawn_seeds(key: str, axis: str, count: int) -> list[int]:
    """The first `count` seeds of an axis that follow from a secret key: non-negative 63-bit numbers, not to be guessed.

    Args:
        key: 64 hexadecimal digits, drawn at random.
        axis: ``weight_init_seed`` or ``data_order_seed``.
        count: how many; fewer of them are the first of more.
    """
    digests = (hashlib.sha256(repr(("drawn", key, axis, number)).encode()).digest() for number in range(count))
    return [int.from_bytes(digest[:8], "little") >> 1 for digest in digests]


def dropout_keys(dropout_seeds: np.ndarray, step: int, num_sites: int) -> np.ndarray:
    """The keys of every dropout mask of one step.

    Args:
        dropout_seeds: uint64 [trials].
        step: 0-based training step.
        num_sites: places in the model where there is dropout.

    Returns:
        int32 [trials, num_sites, 2]: an offset and an odd multiplier for ``runners.engines.dropout.keep_mask``.
    """
    sites = np.arange(1, num_sites + 1, dtype=UINT64)
    with np.errstate(over="ignore"):
        per_step = _splitmix64(dropout_seeds.astype(UINT64) ^ _splitmix64(np.array([step + 1], UINT64)))
        keys = _splitmix64(per_step[:, None] + sites * UINT64(0x9E3779B97F4A7C15))
    keys = keys.view(np.int32).reshape(len(dropout_seeds), num_sites, 2)
    keys[..., 1] |= 1
    return keys


def _splitmix64(x: np.ndarray) -> np.ndarray:
    """The finalizer of SplitMix64 (Steele, Lea & Flood 2014), a bijection of 64-bit integers that mixes all bits."""
    with np.errstate(over="ignore"):
        x = x + UINT64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> UINT64(30))) * UINT64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> UINT64(27))) * UINT64(0x94D049BB133111EB)
        mixed: np.ndarray = x ^ (x >> UINT64(31))
        return mixed
