"""Pull requests that are not what they look like: a history that hides what a merge undoes, an answer in a quote."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub.hf_api import RepoFile

from leaderboard.pull_requests import changed_entry, fenced, is_answered

README, VICTIM, OWN = (
    dict.fromkeys(names, "text")
    for names in (
        ["README.md"],
        ["submissions/victim/strategy.py", "submissions/victim/submission.json"],
        ["submissions/own/strategy.py", "submissions/own/submission.json"],
    )
)


class GitRepo:
    """A git repository, listed as the Hub lists one: commits as `git log` orders them, by dates that authors choose."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, day: int = 1, given: str = "") -> str:
        who = {f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        when = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"2026-01-{day:02d}T00:00:00Z")
        line, environment = ["git", "-C", str(self.folder), *arguments], {**os.environ, **who, **when}
        done = subprocess.run(line, env=environment, input=given, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self, files: dict[str, str], parents: list[str], day: int) -> str:
        blobs = {path: self.git("hash-object", "-w", "--stdin", given=content) for path, content in files.items()}
        entries = "".join(f"100644 {blob}\t{path}\n" for path, blob in blobs.items())
        self.git("read-tree", "--empty")
        self.git("update-index", "--add", "--index-info", given=entries)
        named = [word for parent in parents for word in ("-p", parent)]
        return self.git("commit-tree", self.git("write-tree"), "-m", "x", *named, day=day)

    def list_repo_commits(self, repo: str, repo_type: str, revision: str) -> list[SimpleNamespace]:
        return [SimpleNamespace(commit_id=commit) for commit in self.git("log", "--format=%H", revision).split()]

    def list_repo_tree(self, repo: str, recursive: bool, revision: str, repo_type: str) -> Iterator[RepoFile]:
        for line in self.git("ls-tree", "-r", "-l", revision).splitlines():
            about, path = line.split("\t")
            yield RepoFile(path=path, oid=about.split()[2], size=int(about.split()[3]))


@pytest.fixture
def repo(tmp_path) -> GitRepo:
    return GitRepo(tmp_path)


@pytest.fixture
def main(repo) -> list[str]:
    """The two commits of main; the second adds the victim."""
    first = repo.commit(README, [], 2)
    second = repo.commit(README | VICTIM, [first], 4)
    repo.git("update-ref", "refs/heads/main", second)
    return [first, second]


def test_an_entry_on_any_commit_of_main(repo, main):
    assert changed_entry(repo, "r", repo.commit(README | OWN, [main[0]], 1)) == ("own", "")
    half = repo.commit(README | VICTIM | {"submissions/own/strategy.py": "draft"}, [main[1]], 5)
    assert changed_entry(repo, "r", repo.commit(README | VICTIM | OWN, [half], 6)) == ("own", "")


def test_a_merge_that_takes_another_entry_away(repo, main):
    """Compared with the first commit of main it adds one entry; merged, it deletes the victim."""
    early = repo.commit(README | VICTIM | OWN, [main[1]], 1)  # dated before all of main
    head = repo.commit(README | OWN, [early, main[0]], 6)
    slug, problem = changed_entry(repo, "r", head)
    assert slug == "" and "without a merge" in problem
    repo.git("reset", "-q", "--hard", "main")
    repo.git("merge", "-q", head, "-m", "merge")
    assert "victim" not in repo.git("ls-tree", "-r", "--name-only", "HEAD")


def test_another_entry_deleted_or_moved(repo, main):
    for left in (README | OWN, README | OWN | {path.replace("victim", "moved"): "text" for path in VICTIM}):
        slug, problem = changed_entry(repo, "r", repo.commit(left, [main[1]], 5))
        assert slug == "" and "change nothing else" in problem and "submissions/victim/strategy.py" in problem


def test_an_answer_is_no_quote():
    """What a strategy raises is in our own comment; it must not stand for the answer to its author's next push."""
    mark = "<!-- seedbench: 1f on board with seed 0 -->"
    quoted = SimpleNamespace(author="we", content=f"**Not verified**\n\n{fenced(mark)}\n\n<!-- seedbench: 2e -->")
    theirs, ours = (SimpleNamespace(author=author, content=f"text\n\n{mark}\n") for author in ("they", "we"))
    merged = SimpleNamespace(author="we")  # an event without a text
    assert not is_answered([quoted, theirs, merged], "we", mark)
    assert is_answered([quoted, theirs, merged, ours], "we", mark)
