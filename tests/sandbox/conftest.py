"""A sandbox to share, and what is run in it; tests that need one are skipped, with the reason, where nothing can be
sealed."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator

import pytest

from seedbench import CannotSeal
from seedbench.replay import Deadline, RecordedTrials, prepare, run_campaign
from seedbench.sandbox import Limits, open_sandbox
from seedbench.sandbox.campaigns import Sandbox
from seedbench.strategy import load_strategy
from tests.synthetic import additive_predictions, table_by_hand


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", "SECRET")  # which no sealed process may find
        try:
            opened = open_sandbox()
        except CannotSeal as reason:
            pytest.skip(str(reason))
    with opened:
        yield opened


@pytest.fixture(scope="module")
def table():
    return table_by_hand(additive_predictions(4, 4, checkpoints=4, examples=20), [1, 0, 1, 0, 1] * 4)


@pytest.fixture
def write(tmp_path) -> Callable[[str], str]:
    def write_strategy(text: str) -> str:
        file = tmp_path / "mine.py"
        file.write_text(textwrap.dedent(text))
        return str(file)

    return write_strategy


@pytest.fixture
def sealed_run(sandbox, table):
    """Runs one campaign of a strategy's file in a sealed process; the settlement, or the failure."""
    recorded = RecordedTrials(prepare(table, seed=0, replicates=range(2)), 0)

    def run(file: str, **limits):
        sandbox.limits = Limits(**limits)
        strategy = load_strategy(file, sealed=True)
        sandbox.load(strategy)
        return run_campaign(strategy, recorded, 2, deadline=Deadline(0), sandbox=sandbox)

    return run
