"""The same outcomes for any number of processes and replicates."""

import multiprocessing
import os
import signal
import sys
import time

import numpy as np
import pytest

from seedbench import StrategyFailed, StrategyFileError
from seedbench.replay import ReplayOptions, replay, replay_one, same_workers
from seedbench.replay.batch import BATCH

STRATEGIES = ("full_trials", "asha", "median_stopping")


def as_bytes(results):
    arrays = []
    for result in results:
        for part in result.tables:
            arrays += [
                value for value in vars(part).values() if isinstance(value, np.ndarray) and value is not part.table
            ]
    return b"".join(array.tobytes() for array in arrays)


def test_the_same_bytes_for_any_number_of_processes(trials):
    assert 2 * BATCH < 110
    outcomes = []
    for processes in (1, 2, 3):
        done = []
        results = replay(
            STRATEGIES,
            trials.tables,
            options=ReplayOptions(replicates=110, processes=processes),
            progress=lambda *at, done=done: done.append(at),
        )
        assert done[-1][0] == done[-1][1]
        outcomes.append(as_bytes(results))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(outcomes[0]) > 50_000


def test_the_same_failure_for_any_number_of_processes(trials, tmp_path):
    path = tmp_path / "fails.py"
    path.write_text(
        "def strategy(campaign):\n    campaign.start().advance()\n"
        "    if campaign.rng.random() < 0.02:\n        raise KeyError(3)\n"
    )
    said = []
    for processes in (1, 2):
        with pytest.raises(StrategyFailed) as caught:
            replay([str(path)], trials.tables, options=ReplayOptions(replicates=200, processes=processes))
        said.append((str(caught.value), caught.value.frames))
    assert said[0] == said[1] and "raised KeyError: 3" in said[0][0] and "line 4, in strategy" in said[0][1]


@pytest.mark.skipif(sys.platform != "linux", reason="a process that ends is told by its mark, and Windows starts anew")
def test_processes_that_are_kept_do_what_comes_after_and_are_replaced_where_they_ended(trials, tmp_path):
    tells, ends = tmp_path / "tells.py", tmp_path / "ends.py"
    lines = [
        "import os, pathlib",
        "def strategy(campaign):",
        f"    pathlib.Path({str(tmp_path)!r}, f'{{os.getpid()}}.pid').touch()",
        "    campaign.start().advance()",
    ]
    tells.write_text("\n".join(lines))
    ends.write_text("import os\ndef strategy(campaign):\n    os._exit(3)\n")

    def who(replicates: int) -> set[str]:
        replay([str(tells)], trials.tables, options=ReplayOptions(replicates=replicates, processes=2))
        found = {path.name for path in tmp_path.glob("*.pid")}
        for name in found:
            (tmp_path / name).unlink()
        return found

    with same_workers(2):
        first = who(300)
        assert first and len(first | who(400)) <= 2
        with pytest.raises(StrategyFailed, match="ended its process, with exit code 3"):
            replay([str(ends)], trials.tables, options=ReplayOptions(replicates=110, processes=2))
        second = who(300)
        assert second and not second & first
        for name in second:
            os.kill(int(name.removesuffix(".pid")), signal.SIGKILL)
        while any(child.is_alive() and f"{child.pid}.pid" in second for child in multiprocessing.active_children()):
            time.sleep(0.01)
        third = who(300)
        assert third and not third & second
    assert not who(300) & third


def test_what_cannot_travel_is_refused_where_it_must(trials):
    with pytest.raises(
        StrategyFileError, match="cannot be sent to another process .*; give it as a file, or use one process"
    ):
        replay([lambda campaign: None], trials.tables, options=ReplayOptions(replicates=120, processes=2))


def test_the_first_replicates_do_not_depend_on_how_many_follow(trials):
    few, many = (
        replay(["asha"], trials.tables, options=ReplayOptions(replicates=count))[0].tables for count in (6, 120)
    )
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a.score, b.score[:, :6])
        np.testing.assert_array_equal(a.trial, b.trial[:, :6])


def test_one_campaign_again(trials):
    table = trials.tables[1]
    whole = replay(["asha"], [table], (2, 4), options=ReplayOptions(replicates=10, seed=3))[0].tables[0]
    for budget, replicate in ((2, 0), (4, 7)):
        again = replay_one("asha", table, budget, replicate, options=ReplayOptions(seed=3))
        for name in ("score", "validation_score", "trial", "checkpoint", "trials_started", "steps_spent"):
            values = getattr(again, name)
            assert values.shape == (1, 1)
            assert values.item() == getattr(whole, name)[whole.budgets.index(budget), replicate]
