from __future__ import annotations

import pytest

from runners.engines.floor import Card, Pass, Size, training_step, validation
from runners.engines.packing import Layout

MINILM = Size(layers=6, hidden=384, heads=12, intermediate=1536, parameters=11_000_000)


def test_a_pass_takes_the_longer_of_its_bytes_and_its_operations() -> None:
    card = Card(bandwidth=10, rate=100)
    assert card.seconds(iter([Pass(20, 100), Pass(20, 400), Pass(5)])) == 2 + 4 + 0.5


def test_a_step_multiplies_six_times_each_weight_and_token() -> None:
    """As is well known: two operations forward and four backward; of attention 12 · H for each pair of tokens."""
    layout = Layout(tokens=1000, examples=10, length=100, trials=1, sites=0)
    operations = sum(each.operations for each in training_step(MINILM, layout))
    matrices = 6 * 12 * 384**2
    assert operations == 6 * matrices * 1000 + 6 * 12 * 384 * 10 * 100**2


def test_adam_moves_thirty_bytes_a_weight() -> None:
    """Read and written: weight and two moments, 24; the bfloat16 gradient read twice and the copy written once, 6."""
    assert list(training_step(MINILM, Layout(0, 0, 0, 1, 0)))[-1] == Pass(30 * 11_000_000)


def test_the_last_layer_of_a_validation_is_of_first_tokens() -> None:
    """One layer: keys and values of all tokens, the other ten parts of twelve of the first ones alone."""
    one = Size(layers=1, hidden=384, heads=12, intermediate=1536, parameters=0)
    operations = sum(each.operations for each in validation(one, Layout(1000, 10, 100, 0, 0)))
    assert operations == pytest.approx(2 * 384**2 * (2 * 1000 + 10 * 10))
