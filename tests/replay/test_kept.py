"""What is kept of a replay that was ended: whole parts are taken up, damaged ones are replayed again."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from seedbench.replay import ReplayOptions
from seedbench.replay.batch import Outcomes, Work
from seedbench.replay.kept import Kept, _digest
from seedbench.strategy import load_strategy

UNIT = (0, range(4))


def part_of_40() -> Outcomes:
    return Outcomes(**{one.name: np.arange(40) for one in fields(Outcomes) if one.name != "decisions"})


def test_a_part_that_is_damaged_is_not_there(tmp_path: Path) -> None:
    """As a machine that lost its power leaves it: empty, cut, or with other bytes."""
    kept = Kept(tmp_path)
    kept.put(UNIT, part_of_40())
    assert kept.write()
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


def test_it_knows_what_it_could_not_write(tmp_path: Path) -> None:
    """As on a disk that fills up: the first part is there, the second is not."""
    kept = Kept(tmp_path)
    assert not kept.write()  # nothing is done
    kept.put(UNIT, part_of_40())
    assert kept.write()
    kept.put((1, range(4)), part_of_40())
    (tmp_path / "1-0-4.npz").mkdir()
    assert not kept.write()
    (tmp_path / "1-0-4.npz").rmdir()
    assert kept.write()


def test_two_functions_of_one_source_have_nothing_in_common() -> None:
    """As two versions of an entry may be, which both have its folder's name."""
    one = load_strategy("full_trials")
    other = replace(one, attribute="another")
    assert (one.name, one.sha256) == (other.name, other.sha256)
    of_one, of_other = (_digest(Work((strategy,), (), ReplayOptions())) for strategy in (one, other))
    assert of_one != of_other
