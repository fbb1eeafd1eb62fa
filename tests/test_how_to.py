"""What CONTRIBUTING.md says is how: each change is made in a copy of the checkout, and what shows it is run there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
PATCHES = sorted((ROOT / ".github" / "how-to").glob("*.patch"))
PARTS = ("seedbench", "runners", "dataset_card", "leaderboard", "tests", "CHANGELOG.md", "README.md", "pyproject.toml")
SEEDBENCH = (sys.executable, "-c", "from seedbench.cli import main; main()")
COMMANDS = [line for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="no git: applies no patch")


def git_apply(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = ["git", "apply", *map(str, words)]
    environment = {**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkout") / "seedbench"
    folder.mkdir()
    for name in PARTS:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def test_every_patch_is_on_the_page_and_applies_alone(copy: Path) -> None:
    assert [f"({path.parent.name}/{path.name})" in PAGE for path in PATCHES] == [True] * 8
    for path in PATCHES:
        done = git_apply(copy, "--check", path)
        assert done.returncode == 0, f"{path.name}: {done.stderr}"


def test_what_the_page_says_is_so(copy: Path) -> None:
    """All changes in one copy; the tests that they bring, in one process, the commands, and lint."""
    for path in PATCHES:
        done = git_apply(copy, path)
        assert done.returncode == 0, f"{path.name}: {done.stderr}"
    environment = {**os.environ, "PYTHONPATH": str(copy), "COLUMNS": "100"}
    environment.pop("PYTEST_ADDOPTS", None)
    words = [shlex.split(command) for command in COMMANDS]
    tests = list(dict.fromkeys(name for program, *names in words if program == "pytest" for name in names))
    assert len(tests) >= 8
    runs = [[sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]]
    runs += [[*SEEDBENCH, *arguments] for program, *arguments in words if program == "seedbench"]
    assert len(runs) == 5
    runs.append([sys.executable, "-m", "ruff", "check", "--no-cache", "."])
    said = []
    for run in runs:
        done = subprocess.run(run, cwd=copy, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{run}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        said.append(done.stdout)
    assert "When trials are at their best" in said[3]
