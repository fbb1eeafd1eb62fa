"""Workflows and issue forms are what GitHub takes, and say what the project does."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
KINDS = [
    *((path, "vendor.github-workflows") for path in WORKFLOWS),
    *((path, "vendor.github-issue-forms") for path in FORMS),
    (ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml", "vendor.github-issue-config"),
]


def check(path: Path, schema: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(path)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(("path", "schema"), KINDS, ids=lambda value: getattr(value, "name", value))
def test_a_file_is_of_its_schema(path: Path, schema: str) -> None:
    done = check(path, schema)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_workflow_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tests.yml"
    path.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "runs-where:", 1))
    assert check(path, "vendor.github-workflows").returncode != 0


def test_every_python_that_is_supported_is_tested() -> None:
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    lowest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    versions = set(re.findall(r'"(3\.\d+)"', workflow))
    assert versions == {"3.11", "3.12", "3.13", "3.14"} and lowest == min(versions)


def test_scripts_and_actions_that_are_named_are_there() -> None:
    for path in WORKFLOWS:
        text = path.read_text()
        for script in re.findall(r"(?<![\w/])(\.(?:github|ci)/[\w./-]+)", text):
            assert (ROOT / script).exists(), f"{path.name} names {script}"
        jobs = yaml.safe_load(text)["jobs"]
        for step in (step for job in jobs.values() for step in job["steps"]):
            assert ("uses" in step) != ("run" in step)
            assert "@" in step.get("uses", "@"), f"{path.name}: an action needs a version: {step}"
