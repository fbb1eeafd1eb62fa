"""What is kept of a replay that was ended: whole parts are taken up, damaged ones are replayed again."""

from dataclasses import fields
from pathlib import Path

import numpy as np

from seedbench.replay.batch import Outcomes
from seedbench.replay.kept import Kept

UNIT = (0, range(4))


def test_a_part_that_is_damaged_is_not_there(tmp_path: Path) -> None:
    """As a machine that lost its power leaves it: empty, cut, or with other bytes."""
    kept = Kept(tmp_path)
    kept.put(UNIT, Outcomes(**{one.name: np.arange(40) for one in fields(Outcomes) if one.name != "decisions"}))
    assert kept.write() == 1
    (part,) = tmp_path.iterdir()
    assert np.array_equal(kept.found([UNIT])[UNIT].trial, np.arange(40))
    whole = part.read_bytes()
    for size in (0, 1, 10, len(whole) // 2, len(whole) - 3):
        part.write_bytes(whole[:size])
        assert kept.found([UNIT]) == {}
    for at in range(0, len(whole), 7):
        part.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        for found in kept.found([UNIT]).values():  # a byte that nothing depends on
            assert all(np.array_equal(array, np.arange(40)) for array in found.arrays().values())
