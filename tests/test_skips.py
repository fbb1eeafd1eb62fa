"""`--allowed-skips`, as `.ci/run` uses it: the real option on tests of its own, alone and with workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TESTS = """
import pytest

def test_passes():
    pass

def test_needs_a_card():
    pytest.skip("no card [H100] here")

def test_needs_a_library():
    pytest.importorskip("no_such_library", reason="no library 12")
"""


@pytest.mark.parametrize("workers", ["0", "2"])
@pytest.mark.parametrize(
    ("allowed", "code", "said"),
    [
        ("# all\nno card [H100] here\nno library *\n", 0, ""),
        ("no library 12\n", 1, "skipped, and not in skips.txt: no card [H100] here\n"),
        ("", 1, "skipped, and not in skips.txt: no library 12\n"),
    ],
)
def test_a_skip_that_is_not_listed_fails_the_run(
    tmp_path: Path, workers: str, allowed: str, code: int, said: str
) -> None:
    (tmp_path / "test_some.py").write_text(TESTS)
    (tmp_path / "skips.txt").write_text(allowed)
    options = ("-p", "tests.skips", "-p", "no:cacheprovider", "-n", workers, "--allowed-skips", "skips.txt", "-rs")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("PYTEST_ADDOPTS", None)
    words = [sys.executable, "-m", "pytest", *options, "test_some.py"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout and ("not in skips.txt" in done.stdout) == bool(said)


def test_ci_uses_it() -> None:
    assert '"--allowed-skips=$PWD/.ci/skips.txt"' in (ROOT / ".ci" / "run").read_text()
