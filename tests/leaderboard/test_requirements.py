"""What verification installs: every package by version and SHA-256 of its file, those that the tests pass with."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from leaderboard import environment, verify
from leaderboard.environment import PYTHON, REQUIREMENTS, differences, pinned
from seedbench import SeedbenchError
from seedbench.commands import application_of

ROOT = Path(__file__).parents[2]


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
    tested = {canonicalize_name(name): tried for name, tried in tested.items()}
    for name, pin in pinned().items():
        assert tested.get(name, pin) == pin, name
    assert len(pinned().keys() & tested.keys()) > 30


# --- what is installed ------------------------------------------------------------------------------------------------

HASH = f"--hash=sha256:{'0' * 64}"


def test_what_differs_from_the_pins_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "PYTHON", f"{sys.version_info.major}.{sys.version_info.minor}")
    file = tmp_path / "requirements.txt"
    file.write_text(f"# mine\nnumpy=={version('numpy')} {HASH}\nscipy==0.1 {HASH}\nno-such-package==2 {HASH}\n")
    assert differences(file) == (f"scipy {version('scipy')}, pinned 0.1", "no no-such-package, pinned 2")
    monkeypatch.setattr(environment, "PYTHON", "2.7")
    assert differences(file)[0].endswith(", pinned 2.7")
    file.write_text(f"numpy=={version('numpy')}\n")
    with pytest.raises(SeedbenchError, match=r"requirements.txt, line 1: must be package==version --hash"):
        differences(file)


def test_the_pins_are_for_one_python():
    assert f"(Python {PYTHON}, Linux x86-64)" in REQUIREMENTS.read_text().splitlines()[0]


def test_verification_refuses_other_packages_before_anything_else(tmp_path, monkeypatch):
    """In one line, which names four of them; with the option it goes on to the trial set, which is none."""
    different = tuple(f"package{number} 1, pinned 2" for number in range(6))
    monkeypatch.setattr(environment, "differences", lambda requirements: different)
    words = ["--public", str(tmp_path), "--results", str(tmp_path / "r")]
    said = str(CliRunner().invoke(application_of(verify.main), words).exception)
    assert (
        said.startswith("package0 1, pinned 2; package1 1, pinned 2; ")
        and "; and 2 more: install what leaderboard/" in said
    )
    assert "\n" not in said and "--require-hashes" in said and "--other-packages" in said
    said = str(CliRunner().invoke(application_of(verify.main), [*words, "--other-packages"]).exception)
    assert "manifest.json" in said
