"""Trials in order, on paper."""

from __future__ import annotations

from math import nan
from types import SimpleNamespace

import pytest

from seedbench import ranked


def trial(score, *losses):
    points = [SimpleNamespace(validation_loss=loss) for loss in losses]
    return SimpleNamespace(best=SimpleNamespace(score=score), checkpoints=points)


def test_by_score_loss_or_both():
    a, b, c = trial(0.9, 0.6, 0.5), trial(0.8, 0.2, 0.7), trial(0.7, 0.4)
    assert ranked([c, b, a]) == ranked([c, b, a], "score") == [a, b, c]
    assert ranked([a, b, c], "loss") == [b, c, a]  # lowest losses 0.5, 0.2, 0.4
    assert ranked([a, b, c], "both") == [b, a, c]  # places 0 + 2, 1 + 0, 2 + 1


def test_equals_stay_in_order_and_a_loss_that_is_none_comes_last():
    a, b, c = trial(0.5, nan), trial(0.5, nan, 0.9), trial(0.5, 0.9)
    assert ranked([a, b, c]) == [a, b, c] and ranked([c, b, a]) == [c, b, a]
    assert ranked([a, c, b], "loss") == [c, b, a] and ranked([a, b, c], "both") == [b, c, a]
    assert ranked([], "both") == []


def test_equals_share_their_place():
    # By score 0.9 0.7 0.7 0.5, by loss 0.3 0.3 0.1 0.2: places 0 + 2.5, 1.5 + 2.5, 1.5 + 0, 3 + 1; of two fourths the
    # better score comes first.
    a, b, c, d = trial(0.9, 0.3), trial(0.7, 0.3), trial(0.7, 0.1), trial(0.5, 0.2)
    assert ranked([d, c, b, a], "both") == [c, a, b, d]


def test_by_something_else():
    with pytest.raises(ValueError, match="ranked: by must be one of score, loss, both, got 'rank'"):
        ranked([trial(0.5, 0.5)], "rank")
