"""A command of the checkout where a module of its dependency group is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Run by Python as it starts: modules named in HIDDEN are not found.
HIDE = """
import os, sys
from importlib.machinery import PathFinder

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None if name in os.environ["HIDDEN"].split() else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""


def started(folder: Path, command: str, *hidden: str) -> subprocess.CompletedProcess[str]:
    (folder / "sitecustomize.py").write_text(HIDE, encoding="utf-8")
    environment = {**os.environ, "HIDDEN": " ".join(hidden), "PYTHONPATH": str(folder)}
    call = [sys.executable, "-m", command, "--help"]
    return subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("command", "hidden", "group"),
    [
        *(
            (f"runners.{name}", "torch", "runners")
            for name in ("card", "live", "on_paper", "plan", "reproduce", "sweep")
        ),
        ("runners.cluster", "submitit", "runners"),
        ("dataset_card.build", "mlcroissant", "card"),
        ("dataset_card.rules", "altair", "card"),
    ],
)
def test_a_module_that_is_missing_is_named_with_its_group(
    command: str, hidden: str, group: str, tmp_path: Path
) -> None:
    ended = started(tmp_path, command, hidden)
    assert ended.returncode == 2 and ended.stdout == ""
    assert ended.stderr == (
        f"{command}: error: {hidden} not installed; in the checkout: "
        f"pip install -c constraints.txt -e . --group {group}\n"
    )


@pytest.mark.parametrize("command", ["runners.export", "leaderboard.build"])
def test_a_command_that_does_without_starts(command: str, tmp_path: Path) -> None:
    assert started(tmp_path, command, "torch", "transformers", "datasets", "submitit").returncode == 0
