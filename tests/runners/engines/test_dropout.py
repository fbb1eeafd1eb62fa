from __future__ import annotations

import numpy as np
import pytest
import torch

from runners.data import seeds
from runners.engines import dropout


def masks(count: int, size: int, probability: float = 0.1) -> np.ndarray:
    keys = torch.from_numpy(seeds.dropout_keys(np.arange(count, dtype=np.uint64), 3, 1)[:, 0])
    number = torch.arange(size, dtype=torch.int32)
    return dropout.keep_mask(number, keys.unsqueeze(1), probability).numpy()


def test_the_hash_by_hand() -> None:
    """With multiplier 1 and offset 0 an element is kept where lowbias32 of its number, read as signed, is high."""

    def lowbias32(x: int) -> int:
        x = (x ^ (x >> 16)) * 0x7FEB352D % 2**32
        x = (x ^ (x >> 15)) * 0x846CA68B % 2**32
        return x ^ (x >> 16)

    number = torch.arange(1000, dtype=torch.int32)
    kept = dropout.keep_mask(number, torch.tensor([0, 1], dtype=torch.int32), 0.3).tolist()
    signed = [(lowbias32(i) + 2**31) % 2**32 - 2**31 for i in range(1000)]
    assert kept == [value >= int(0.3 * 2**32) - 2**31 for value in signed]


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_the_share_dropped_is_the_probability(probability: float) -> None:
    """200 masks of 5,000: a share's standard error is at most 0.0005."""
    assert abs((~masks(200, 5000, probability)).mean() - probability) < 0.0025


def test_masks_are_independent_of_each_other_and_along_the_elements() -> None:
    """Correlations of 20,000 draws have a standard error of 0.007."""
    drawn = masks(8, 20_000, 0.5).astype(float)
    between = np.corrcoef(drawn) - np.eye(8)
    assert np.abs(between).max() < 0.035
    for lag in (1, 2, 32, 128, 384):
        assert abs(np.corrcoef(drawn[0][lag:], drawn[0][:-lag])[0, 1]) < 0.035


def test_kept_elements_are_scaled_so_that_the_mean_stays() -> None:
    keys = torch.from_numpy(seeds.dropout_keys(np.array([1], np.uint64), 0, 1)[0, 0])
    out = dropout.dropout(torch.ones(10_000), torch.arange(10_000, dtype=torch.int32), keys, 0.2)
    assert set(out.tolist()) == {0.0, 1.25}
    assert abs(out.mean() - 1) < 0.03


def test_a_mask_does_not_depend_on_padding() -> None:
    site = dropout.DropoutSite(0.5, max_length=16)
    keys = torch.from_numpy(seeds.dropout_keys(np.array([1], np.uint64), 0, 1)[0, 0])

    def fresh(*shape: int) -> torch.Tensor:
        site.keys = keys
        return site(torch.ones(shape))

    assert torch.equal(fresh(3, 5, 8), fresh(3, 9, 8)[:, :5])
    assert torch.equal(fresh(3, 2, 5, 5), fresh(3, 2, 9, 9)[:, :, :5, :5])


def test_a_layer_that_is_passed_again_draws_another_mask_and_the_same_ones_in_the_next_run() -> None:
    """Of 4,000 elements at probability one half, two masks agree in 2,000, give or take 32."""
    site, keys = dropout.DropoutSite(0.5, max_length=16), torch.tensor([7, 9], dtype=torch.int32)
    runs = []
    for _ in range(2):
        site.keys = keys
        runs.append([site(torch.ones(100, 40)) for _ in range(3)])
    for first, second in zip(*runs, strict=True):
        assert torch.equal(first, second)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert abs((runs[0][one] == runs[0][other]).sum() - 2000) < 160
