"""`seedbench submit` opens a pull request on the local Hub, by the real client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedbench.submission import read_submission
from tests.hub.client import Client, Ended
from tests.hub.hub import GUEST, LocalHub

REPO = "seedbench/leaderboard"
SOURCE = '''"""The first trial."""


def strategy(campaign):
    trial = campaign.start()
    while not trial.complete:
        trial.advance()
    return trial
'''


@pytest.fixture(scope="module")
def leaderboard() -> Iterator[LocalHub]:
    with LocalHub() as hub:
        hub.new_repo("dataset", REPO, False, "maintainer")
        yield hub


@pytest.fixture(scope="module")
def client(leaderboard: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Client(leaderboard.url, tmp_path_factory.mktemp("home"), token=GUEST) as client:
        yield client


@pytest.fixture
def submit(client: Client, small_folder: Path, tmp_path: Path):
    """Runs `seedbench submit` in a folder of this test, by somebody without rights on the leaderboard."""
    (tmp_path / "mine.py").write_text(SOURCE)
    client.run("import os; os.chdir(folder)", folder=tmp_path)

    def run(name: str, *options: object, token: str | None = GUEST) -> Ended:
        small = ("--trials", small_folder, "--replicates", 4, "--processes", 1)
        return client.seedbench("submit", "mine.py", "--name", name, "--authors", "Me", *small, *options, token=token)

    return run


def test_a_submission_is_a_pull_request(leaderboard, submit, tmp_path):
    ended = submit("First trial")
    assert (ended.code, ended.err) == (0, "")
    pull = leaderboard.repo(REPO).discussions[-1]
    assert f"Pull request: {leaderboard.url}/datasets/{REPO}/discussions/{pull.num}\n" in ended.out
    assert (pull.status, pull.author, pull.title) == ("open", "guest", "Submission: First trial")
    there = leaderboard.repo(REPO).resolve(f"refs/pr/{pull.num}").files
    assert sorted(path for path in there if path.startswith("submissions/")) == [
        "submissions/first-trial/strategy.py",
        "submissions/first-trial/submission.json",
    ]
    fetched = tmp_path / "fetched" / "first-trial"
    fetched.mkdir(parents=True)
    for file in ("strategy.py", "submission.json"):
        (fetched / file).write_bytes(leaderboard.read(REPO, f"submissions/first-trial/{file}", f"refs/pr/{pull.num}"))
    assert read_submission(fetched) == read_submission(tmp_path / "first-trial")
    assert "submissions/first-trial/strategy.py" not in leaderboard.repo(REPO).resolve("main").files


def test_what_the_hub_refuses_is_one_line_and_the_folder_is_kept(leaderboard, submit, tmp_path):
    before = len(leaderboard.repo(REPO).discussions)
    nobody = submit("Second", token="hf_of_nobody")
    assert nobody.code == 2 and "no pull request was opened: the Hub does not know this token" in nobody.err
    assert read_submission(tmp_path / "second")
    nowhere = submit("Second", "--repo", "seedbench/none")
    assert nowhere.code == 2 and "seedbench/none: no pull request was opened: no such dataset repo" in nowhere.err
    leaderboard.push(REPO, {"submissions/second/submission.json": json.dumps({}).encode()})
    taken = submit("Second")
    assert taken.code == 2 and f"{REPO}: has an entry second already; submit under another --name" in taken.err
    assert len(leaderboard.repo(REPO).discussions) == before
