"""All packages pass `mypy --strict`, and what a caller gets wrong is known to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ["seedbench", "runners", "dataset_card", "leaderboard"]

CALLS = """\
from seedbench.comparison import compare
from seedbench.evaluation import evaluate
evaluate("asha", budgets=[2], replicates=20, tasks="rte")
compare("asha", "full_trials", track="transfer")
evaluate("asha", replicate=20)
compare("asha", "full_trials", seed="0")
"""


def test_the_packages_have_no_error_and_two_wrong_calls_have_one_each(tmp_path: Path) -> None:
    """With the cache of a run of mypy by itself, and for the next one."""
    pytest.importorskip("mypy")
    calls = tmp_path / "calls.py"
    calls.write_text(CALLS)
    # A process of its own: hundreds of megabytes of what it has read would stay in this one.
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--hide-error-context", *PACKAGES, str(calls)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    errors = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert len(errors) == 2 and done.returncode == 1, done.stdout + done.stderr
    assert 'calls.py:5: error: Unexpected keyword argument "replicate"' in errors[0]
    assert 'calls.py:6: error: Argument "seed"' in errors[1]
