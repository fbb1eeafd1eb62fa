from __future__ import annotations

import numpy as np
import torch

from runners.data.glue import Examples
from runners.engines.packing import Layout, batch_layout, evaluation_chunks

# Three examples: [5 7], [7 7 6], [6]
DATA = Examples(
    token_ids=np.array([5, 7, 7, 7, 6, 6], np.int32),
    token_types=np.array([0, 1, 0, 0, 1, 0], np.int32),
    start=np.array([0, 2, 5, 6]),
    label=np.array([1, 0, 1]),
    sha256="",
)


def test_a_batch_by_hand() -> None:
    """Examples 1 and 0, room for one example more, lengths up to 3, max_length 10, a table of 8 rows."""
    layout = Layout(tokens=6, examples=3, length=3, trials=2, sites=1)
    vector = np.zeros(layout.size, np.int32)
    layout.pack(vector, DATA, np.array([1, 0]), 10, 8)
    layout.set_step(vector, (0.5, 1.0, 1.0), np.array([[[3, 5]], [[7, 9]]], np.int32))
    batch = layout.views(torch.from_numpy(vector))
    assert batch.unique.tolist() == [5, 6, 7, 8, 8, 8]
    assert batch.inverse.tolist() == [2, 2, 1, 0, 2, 0]
    assert batch.position.tolist() == [0, 1, 2, 0, 1, 0]
    assert batch.token_type.tolist() == [0, 0, 1, 0, 1, 0]
    assert batch.row.tolist() == [0, 1, 2, 10, 11, 0]
    assert batch.slot.tolist() == [0, 1, 2, 3, 4, 0]
    assert batch.token_live.tolist() == [1, 1, 1, 1, 1, 0]
    assert batch.live.tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert batch.token.tolist() == [0, 1, 2, 3, 4, 0, 0, 0, 0]
    assert batch.first.tolist() == [0, 3, 0]
    assert batch.label.tolist() == [0, 1, 0]
    assert batch.weight.tolist() == [0.5, 0.5, 0.0]
    assert batch.scalars.tolist() == [0.5, 1.0, 1.0, 0.0]
    assert batch.keys.tolist() == [[[3, 5]], [[7, 9]]]


def test_the_layout_is_exact_or_rounded_up() -> None:
    index = np.array([0, 1])
    assert batch_layout(DATA, index, 16, 2, 1, coarse=False) == Layout(5, 16, 3, 2, 1)
    assert batch_layout(DATA, index, 16, 2, 1, coarse=True) == Layout(32, 16, 32, 2, 1)


def test_chunks_cover_every_example_once_within_the_limits() -> None:
    length = np.random.default_rng(0).integers(1, 30, 200)
    start = np.concatenate([[0], np.cumsum(length)])
    data = Examples(np.zeros(start[-1], np.int32), np.zeros(start[-1], np.int32), start, np.zeros(200, int), "")
    chunks = evaluation_chunks(data, tokens=100, padded_squares=2000)
    assert sorted(np.concatenate(chunks)) == list(range(200))
    for chunk in chunks:
        assert length[chunk].sum() <= 100
        assert len(chunk) * length[chunk].max() ** 2 <= 2000
