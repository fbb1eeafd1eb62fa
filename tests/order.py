"""Files that take longest come first, so that at the end no worker is left alone with one."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
#: By seconds, as `pytest --durations` says them; each takes a dozen or more.
LONGEST = (
    "runners/cluster/test_cluster.py",
    "runners/test_sweep.py",
    "leaderboard/test_verify.py",
    "leaderboard/test_shipped_board.py",
    "leaderboard/test_suspect.py",
    "test_docs.py",
    "test_types.py",
    "live/test_transformers.py",
    "runners/test_sweep_plan.py",
    "test_checks.py",
    "cli/test_odd_places.py",
    "files/test_kills.py",
    "leaderboard/test_build.py",
    "leaderboard/test_verify_runs.py",
    "leaderboard/test_taken_over.py",
    "live/test_command.py",
    "live/test_training_faults.py",
    "runners/engines/kernels/test_kernels_compile.py",
    "runners/engines/kernels/test_kernel_step.py",
    "hub/test_pull_requests.py",
    "test_how_to.py",
    "hub/test_publish.py",
    "leaderboard/test_site_pages.py",
    "test_rules_page.py",
    "files/test_faults.py",
    "replay/test_ended_processes.py",
    "live/test_slurm.py",
    "test_processes.py",
    "comparison/test_compare.py",
    "live/test_page.py",
    "cli/test_terminals.py",
    "trialset/test_fuzz.py",
)


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "loadscopereorder"):  # pytest-xdist would sort files by their number of tests
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    order = {TESTS / name: place for place, name in enumerate(LONGEST)}
    gone = [path for path in order if not path.exists()]
    if gone:
        raise pytest.UsageError(f"{__file__}: LONGEST names {gone[0]}, which is not there")
    items.sort(key=lambda item: order.get(item.path, len(order)))
