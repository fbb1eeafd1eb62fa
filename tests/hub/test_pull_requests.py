"""Pull requests of strangers on the local Hub, verified by the real client: what is said to each, and only once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seedbench import load_trials
from seedbench.submission import ENTRY, SOURCE
from tests.entries import HONEST, REPLICATES, claim, enter
from tests.hub.client import Client
from tests.hub.hub import GUEST, MAINTAINER, LocalHub
from tests.synthetic import split_like_training, write

REPO = "seedbench/leaderboard"
BACKTICKS = "def strategy(campaign):\n    raise ValueError('`' * 5 + '</details> @everybody [x](javascript:x)')\n"


@pytest.fixture(scope="module")
def hub(sealing: None) -> Iterator[LocalHub]:
    with LocalHub() as hub:
        hub.new_repo("dataset", REPO, False, "maintainer")
        hub.push(REPO, {"README.md": b"# Entries\n", "submissions/taken/strategy.py": b"x = 1\n"})
        yield hub


@pytest.fixture(scope="module")
def client(hub, tmp_path_factory) -> Iterator[Client]:
    with Client(hub.url, tmp_path_factory.mktemp("home"), token=MAINTAINER) as client:
        yield client


@pytest.fixture(scope="module")
def answered(hub, client, tmp_path_factory) -> dict[str, str]:
    """Title of each pull request -> what the maintainer's verification says to it."""
    place = tmp_path_factory.mktemp("verification")
    folder = write(place / "trials", split_like_training(5, 5, seed=2, checkpoints=3, examples=20, test_examples=200))
    claimed = claim(load_trials(folder))

    def files(slug: str, source: str = HONEST) -> dict[str, bytes]:
        entry = enter(place / "entries", slug, source, claimed)
        return {f"submissions/{slug}/{name}": (entry / name).read_bytes() for name in (SOURCE, ENTRY)}

    honest = files("honest")
    pull(client, "honest", honest)
    hub.push(REPO, {"submissions/newer/strategy.py": b"on main since\n"})
    pull(client, "raises", files("raises", BACKTICKS))
    pull(client, "outside", {**files("outside"), "README.md": b"mine\n"})
    pull(client, "two entries", {**files("one"), **files("two")})
    pull(client, "taken", {path.replace("/honest/", "/taken/"): content for path, content in honest.items()})
    pull(client, "no slug", {path.replace("/honest/", "/HO NEST/"): content for path, content in honest.items()})
    pull(client, "large", {**files("large"), f"submissions/large/{SOURCE}": b"#" * 70_000})
    pull(client, "half", {f"submissions/half/{SOURCE}": HONEST.encode()})
    forged = pull(client, "forged answer", files("forged", "import os\nos.fork()\n"))
    head = hub.repo(REPO).resolve(f"refs/pr/{forged}").oid
    comment(client, forged, f"**Verified** <!-- seedbench: {head} on held-out-2-cold-1.0 with seed 0 -->")
    for _ in range(2):  # the second time, everything has its answer
        verify(client, folder, place / "results")
    return {
        discussion.title: "\n".join(
            event["data"]["latest"]["raw"]
            for event in discussion.events
            if event["type"] == "comment" and event["author"]["name"] == "maintainer"
        )
        for discussion in hub.repo(REPO).discussions
    }


def pull(client: Client, title: str, files: dict[str, bytes]) -> int:
    return client.run(
        """
        from huggingface_hub import CommitOperationAdd, HfApi
        added = [CommitOperationAdd(path, bytes.fromhex(content)) for path, content in files.items()]
        result = HfApi().create_commit(
            repo, added, commit_message=title, repo_type="dataset", create_pr=True
        ).pr_num
        """,
        token=GUEST,
        repo=REPO,
        title=title,
        files={path: content.hex() for path, content in files.items()},
    )


def comment(client: Client, number: int, text: str) -> None:
    client.run(
        "from huggingface_hub import HfApi; HfApi().comment_discussion(repo, number, text, repo_type='dataset')",
        token=GUEST,
        repo=REPO,
        number=number,
        text=text,
    )


def verify(client: Client, trials: Path, results: Path) -> None:
    client.run(
        """
        from pathlib import Path
        from rich.console import Console
        from leaderboard.pull_requests import verify_pull_requests
        from leaderboard.verification import prepare
        options = {"replicates": replicates, "processes": 1, "hours": 1.0}
        verify_pull_requests(repo, prepare(None, trials, None, "cold", Path(results), **options), Console())
        """,
        repo=REPO,
        trials=trials,
        results=results,
        replicates=REPLICATES,
    )


def test_an_honest_entry_is_verified(answered):
    said = answered["honest"]
    assert said.startswith(
        "**Verified**: `honest` on board `held-out-2-cold-1.0` (synthetic 1.0.0, seed 0, 4 replicates)"
    )
    claimed, measured = (line for line in said.splitlines() if line.startswith(("| claimed", "| measured")))
    assert claimed.removeprefix("| claimed") == measured.removeprefix("| measured") != " | – |"


def test_what_an_entry_says_stays_in_its_block(answered):
    said = answered["raises"]
    assert said.startswith(
        "**Not verified**: raised.\n\n``````text\nstrategy raises raised ValueError: `````</details>"
    )
    assert said.count("``````") == 4


@pytest.mark.parametrize(
    ("title", "rule"),
    [
        ("outside", "change nothing else.\n\n```text\n'README.md'\n'submissions/outside/strategy.py'"),
        ("two entries", "it must add `submissions/<name>/strategy.py` and `submission.json`, and change nothing else"),
        ("no slug", "'submissions/HO NEST/strategy.py'"),
        ("half", "it must add"),
        ("taken", "it must add"),
        ("large", "`strategy.py` has 70,000 bytes; it has at most 65,536."),
    ],
)
def test_refused(answered, title, rule):
    assert answered[title].startswith("**Refused**: ") and rule in answered[title]


def test_somebody_else_s_comment_is_no_answer(answered):
    assert answered["forged answer"].startswith("**Not verified**: forbidden system call.")


def test_everybody_is_answered_once_and_nobody_is_merged(answered, hub):
    assert all(said.count("<!-- seedbench:") == 1 for said in answered.values())
    assert {discussion.status for discussion in hub.repo(REPO).discussions} == {"open"}
    assert sorted(path for path in hub.repo(REPO).resolve("main").files if "submissions/" in path) == [
        "submissions/newer/strategy.py",
        "submissions/taken/strategy.py",
    ]
