"""What verification installs: every package by version and SHA-256 of its file, those that the tests pass with."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"([a-z0-9-]+)==(\S+) --hash=sha256:[0-9a-f]{64}")


def pinned() -> dict[str, str]:
    lines = (ROOT / "leaderboard" / "requirements.txt").read_text().splitlines()
    found = [PINNED.fullmatch(line) for line in lines if not line.startswith("#")]
    assert found and all(found)  # nothing but names, versions and hashes: no address of an index
    return {match[1]: match[2] for match in found if match}


def needed() -> set[str]:
    """The names of what `seedbench[html]` needs, and what that needs, as it is installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["html"]
    pending = [(Requirement(text), {""}) for text in wanted]
    found: set[str] = set()
    while pending:
        one, extras = pending.pop()  # the extras of whoever needs it
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in extras)):
            continue
        found.add(name)
        try:
            pending += [(Requirement(text), {"", *one.extras}) for text in requires(name) or ()]
        except PackageNotFoundError:
            pytest.skip(f"{name} is not installed")
    return found


def test_all_that_is_needed_is_pinned():
    assert needed() <= pinned().keys()


def test_versions_are_those_that_the_tests_pass_with():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    tested = dict(re.split(r"==|\s*;", line)[:2] for line in lines if re.match(r"[\w.-]+==", line))
    tested = {canonicalize_name(name): version for name, version in tested.items()}
    for name, version in pinned().items():
        assert tested.get(name, version) == version, name
    assert len(pinned().keys() & tested.keys()) > 30
