"""Named streams of random numbers: every use of chance has a key of its own, so that none depends on another."""

from __future__ import annotations

import hashlib
import json

import numpy as np

#: What a seed may be, of either sign, since it is hashed: up to the value that is something else.
SEED_RULE = "seed must be an integer, found"


def stream(seed: int, *key: str | int) -> np.random.Generator:
    """An independent generator for this seed and key: PCG64, seeded by their SHA-256.

    Streams of different keys have nothing in common that could be computed without breaking SHA-256 or guessing the
    seed. A seed that must not be guessed needs to be large and secret.
    """
    digest = hashlib.sha256(json.dumps([seed, *key]).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def strategy_stream(seed: int, table: str, budget: int, replicate: int) -> np.random.Generator:
    """`campaign.rng` of one campaign."""
    return stream(seed, table, budget, replicate, "strategy")
