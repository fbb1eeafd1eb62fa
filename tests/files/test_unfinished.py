"""What is kept of long work goes after a week in which nobody has written to it, and not before."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from seedbench.files import append_line, kept_folder

WEEK = 7 * 86_400


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def begun(work: bytes, days: float) -> Path:
    """The folder of work that was begun, and left, so many days ago; with a file and one in a folder."""
    folder = kept_folder(work)
    assert folder is not None
    then = time.time() - days * 86_400
    (folder / "parts").mkdir(parents=True)
    for path in (folder / "found.jsonl", folder / "parts" / "one"):
        path.write_text("1\n")
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (then, then))
    return folder


def test_what_nobody_came_back_to_is_removed() -> None:
    old, new = begun(b"old", 8), begun(b"new", 6)
    kept_folder(b"another")
    assert not old.exists() and (new / "found.jsonl").exists()


@pytest.mark.parametrize("name", ["found.jsonl", "parts/one"])
def test_what_is_written_to_is_not_old(name: str) -> None:
    """A line at the end of a file, or new content of one further down, does not change when the folder was."""
    running = begun(b"running", 8)
    append_line(running / name, "2")
    assert running.stat().st_mtime < time.time() - WEEK
    kept_folder(b"another")
    assert (running / name).read_text() == "1\n2\n"


def test_what_is_asked_for_is_there_however_old() -> None:
    old = begun(b"old", 30)
    assert kept_folder(b"old") == old
    assert (old / "found.jsonl").read_text() == "1\n"


def test_nobody_has_a_cache_where_nobody_has_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither HOME nor an entry of the user's number in the password file: as in a container run by any number."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    monkeypatch.delenv("HOME")
    assert kept_folder(b"work") is None
    monkeypatch.setenv("HOME", "here")
    assert kept_folder(b"work") is None
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept_folder(b"work").is_relative_to(tmp_path / ".cache" / "seedbench")
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")  # its specification: a relative path is ignored
    assert kept_folder(b"work").is_relative_to(tmp_path / ".cache" / "seedbench")
    assert not list(tmp_path.iterdir())
