"""Publishing with the real client: one commit and a tag, nobody's push lost, and what died half-way is taken up."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dataset_card.build import build_card
from tests.hub.client import Client, Ended, environment
from tests.hub.hub import GUEST, MAINTAINER, LocalHub
from tests.synthetic import Split, split_like_training, write

FEW = split_like_training(3, 3, seed=1)
OTHER = split_like_training(2, 2, seed=2, recipe="other")


def trial_set(folder: Path, repo: str, version: str, *splits: Split, **options: Any) -> Path:
    """A trial set with its card, ready to be published."""
    write(folder, *splits, name=repo, version=version, **options)
    (folder / "README.md").write_text(build_card(folder))
    return folder


def publish(
    client: Client, folder: Path, version: str, *options: str, repo: str, token: str | None = MAINTAINER
) -> Ended:
    ended = client.seedbench("publish", folder, repo, "--version", version, *options, token=token)
    assert "Traceback" not in ended.err and MAINTAINER not in ended.out + ended.err
    return ended


def refused(ended: Ended) -> str:
    """The one line."""
    assert ended.code == 2 and ended.out == "", ended
    lines = [line for line in ended.err.splitlines() if line.startswith("seedbench: error: ")]
    assert len(lines) == 1 and lines[0] == ended.err.splitlines()[-1], ended.err
    return lines[0].removeprefix("seedbench: error: ")


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_first_version_a_second_beside_it_and_numbers_that_do_not_fit(
    hub: LocalHub, client: Client, tmp_path: Path
) -> None:
    repo = "seedbench/versions"
    first = trial_set(tmp_path / "first", repo, "1.0.0", FEW)
    (first / "CITATION.cff").write_text("of the first version")

    ended = publish(client, first, "1.0.0", "--dry-run", repo=repo)
    assert ended.code == 0 and "would push trials/sst2-00000-of-00001.parquet (" in ended.out
    assert ended.out.splitlines()[-1] == "would tag v1.0.0; nothing was written"
    assert ("dataset", repo) not in hub.repos

    ended = publish(client, first, "1.0.0", repo=repo)
    assert ended.code == 0, ended.err
    commit = hub.tags(repo)["v1.0.0"]
    assert ended.out == f"published: {repo} v1.0.0, commit {commit}\n"
    assert [line.split()[0] for line in ended.err.splitlines()] == ["checking", repo, "creating", "pushing", "tagging"]
    assert not hub.repo(repo).private
    assert [made.title for made in hub.repo(repo).history(hub.repo(repo).resolve("main"))] == [
        "Version 1.0.0",
        "initial commit",
    ]
    for path, content in files(first).items():
        assert hub.read(repo, path, "v1.0.0") == content
    changelog = hub.read(repo, "CHANGELOG.md").decode()
    assert re.search(r"\n## 1\.0\.0 \(\d{4}-\d\d-\d\d\)\n\n- First version\.\n", changelog)

    assert refused(publish(client, first, "1.0.0", repo=repo)).startswith(
        f"{repo}: version 1.0.0 exists (commit {commit[:8]})"
    )
    for wrong in ("0.9.0", "1.0.1", "1.2.0"):
        second = trial_set(tmp_path / wrong, repo, wrong, FEW, OTHER)
        line = refused(publish(client, second, wrong, repo=repo))
        assert line == f"--version {wrong} does not fit what changed since 1.0.0 (something added): 1.1.0 or 2.0.0"
    second = trial_set(tmp_path / "second", repo, "1.1.0", FEW, OTHER, max_file_bytes=1)
    ended = publish(client, second, "1.1.0", "--note", "Trials of another recipe.", repo=repo)
    assert ended.code == 0 and "  + table mini/sst2/other: 4 trials" in ended.err.splitlines()
    assert hub.tags(repo) == {"v1.0.0": commit, "v1.1.0": hub.repo(repo).resolve("main").oid}
    for path, content in files(first).items():
        assert hub.read(repo, path, "v1.0.0") == content
    on_main = set(hub.repo(repo).resolve("main").files)
    assert on_main == {*files(second), "CHANGELOG.md", ".gitattributes"}
    entries = re.split(r"^## ", hub.read(repo, "CHANGELOG.md").decode(), flags=re.MULTILINE)
    assert [entry.split()[0] for entry in entries] == ["#", "1.1.0", "1.0.0"]
    assert "- Trials of another recipe.\n- + table mini/sst2/other: 4 trials\n" in entries[1]


def test_what_is_pushed_in_between_is_never_overwritten(hub: LocalHub, client: Client, tmp_path: Path) -> None:
    repo = "seedbench/between"
    first = trial_set(tmp_path / "first", repo, "1.0.0", FEW)
    assert publish(client, first, "1.0.0", repo=repo).code == 0
    second = trial_set(tmp_path / "second", repo, "1.1.0", FEW, OTHER)

    hub.before("POST", f"{repo}/preupload", lambda _: hub.push(repo, {"README.md": b"mended by somebody"}))
    assert refused(publish(client, second, "1.1.0", repo=repo)) == f"{repo}: somebody has pushed meanwhile"
    assert list(hub.tags(repo)) == ["v1.0.0"] and hub.read(repo, "README.md") == b"mended by somebody"

    head = hub.repo(repo).resolve("main").oid
    line = refused(publish(client, second, "1.1.0", repo=repo))
    assert line.startswith(f"{repo}: would overwrite what was pushed to main after v1.0.0: README.md; look at it")
    assert line.endswith(f"give --parent {head}")
    line = refused(publish(client, second, "1.1.0", "--parent", hub.tags(repo)["v1.0.0"], repo=repo))
    assert line.startswith(f"{repo}: main is at {head}, not at --parent ")
    assert publish(client, second, "1.1.0", "--parent", head, repo=repo).code == 0
    assert hub.repo(repo).resolve("v1.1.0").parent == head
    assert hub.read(repo, "README.md") == (second / "README.md").read_bytes()


@pytest.mark.parametrize(
    ("hub", "moment"),
    [("lfs", "the first upload"), ("lfs", "the commit"), ("lfs", "the tag"), ("xet", "the first upload")],
    indirect=["hub"],
)
def test_a_push_that_is_killed_leaves_no_tag_and_is_taken_up_again(
    hub: LocalHub, client: Client, tmp_path: Path, moment: str
) -> None:
    repo = f"seedbench/killed-at-{moment.split()[-1]}"
    folder = trial_set(tmp_path / "set", repo, "1.0.0", split_like_training(3, 3, seed=len(moment)))  # in no other repo
    upload = ("PUT", "/lfs/") if hub.xet is None else ("GET", f"{repo}/xet-write-token")
    method, path = {
        "the first upload": upload,
        "the commit": ("POST", f"{repo}/commit"),
        "the tag": ("POST", f"{repo}/tag"),
    }[moment]
    command = [sys.executable, "-m", "seedbench", "publish", str(folder), repo, "--version", "1.0.0"]
    settings = environment(hub.url, tmp_path / "home", token=MAINTAINER, xet=hub.xet is not None)
    with subprocess.Popen(command, env=settings, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as killed:

        def kill(_: object) -> None:
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            raise ConnectionAbortedError

        hub.before(method, path, kill)
        killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert hub.tags(repo) == {}
    published = hub.repo(repo).resolve("main").title == "Version 1.0.0"
    assert published is (moment == "the tag")

    ended = publish(client, folder, "1.0.0", repo=repo)
    assert ended.code == 0 and ("pushing" in ended.err) is not published
    assert hub.tags(repo) == {"v1.0.0": hub.repo(repo).resolve("main").oid}
    assert [made.title for made in hub.repo(repo).history(hub.repo(repo).resolve("main"))] == [
        "Version 1.0.0",
        "initial commit",
    ]
    assert hub.read(repo, "CHANGELOG.md").count(b"## 1.0.0") == 1


@pytest.mark.parametrize("hub", ["lfs"], indirect=True)
def test_without_the_right_to(hub: LocalHub, client: Client, tmp_path: Path) -> None:
    repo = "seedbench/private"
    folder = trial_set(tmp_path / "set", repo, "1.0.0", FEW)
    line = refused(publish(client, folder, "1.0.0", repo=repo, token=None))
    assert line == "no Hugging Face token: run `hf auth login`, or set HF_TOKEN, with one that may write"
    line = refused(publish(client, folder, "1.0.0", repo=repo, token="hf_nobodys"))
    assert line == f"{repo}: the Hub does not know this token: run `hf auth login`, or set HF_TOKEN"
    assert (
        refused(publish(client, folder, "1.0.0", repo=repo, token=GUEST)) == f"{repo}: this token may not write there"
    )
    assert ("dataset", repo) not in hub.repos

    assert publish(client, folder, "1.0.0", "--private", repo=repo).code == 0
    assert hub.repo(repo).private and list(hub.tags(repo)) == ["v1.0.0"]
    assert (
        refused(publish(client, folder, "1.0.0", repo=repo, token=GUEST)) == f"{repo}: this token may not write there"
    )
    assert publish(client, folder, "1.0.0", repo=repo).code == 2  # it exists
    hub.repo(repo).private = False
    later = trial_set(tmp_path / "later", repo, "1.1.0", FEW, OTHER)
    assert "is public already" in refused(publish(client, later, "1.1.0", "--private", repo=repo))
    assert refused(publish(client, later, "1.1.0", repo=repo, token=GUEST)) == f"{repo}: this token may not write there"


def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    repo = "seedbench/unreachable"
    folder = trial_set(tmp_path / "set", repo, "1.0.0", FEW)
    command = [sys.executable, "-m", "seedbench", "publish", str(folder), repo, "--version", "1.0.0"]
    settings = environment("http://127.0.0.1:9", tmp_path / "home", token=MAINTAINER)
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=300)
    line = refused(Ended(done.returncode, done.stdout, done.stderr))
    assert line.startswith(f"{repo}: no connection to http://127.0.0.1:9 (ConnectError: ")
    settings["HF_HUB_OFFLINE"] = "1"
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=300)
    assert "HF_HUB_OFFLINE" in refused(Ended(done.returncode, done.stdout, done.stderr))


@pytest.mark.parametrize("hub", ["lfs"], indirect=True)
def test_a_folder_that_is_not_ready_is_refused_before_the_hub_is_asked(
    hub: LocalHub, client: Client, tmp_path: Path
) -> None:
    folder = trial_set(tmp_path / "set", "seedbench/ready", "1.0.0", FEW)
    (folder / "README.md").unlink()
    (folder / "notes.txt").write_text("forgotten")
    before = len(hub.requests)
    ended = publish(client, folder, "1.1.0", repo="seedbench/other")
    lines = [line for line in ended.err.splitlines() if line.startswith("seedbench: error: ")]
    assert ended.code == 2 and [line.rsplit("/", 1)[-1] for line in lines] == [
        "notes.txt: not listed in manifest.json",
        "other",
        "manifest.json: the trial set's version is 1.0.0; it is to be published as 1.1.0",
        f"README.md: no dataset card; build it: python -m dataset_card.build {folder}".rsplit("/", 1)[-1],
    ]
    assert "the trial set's name is seedbench/ready; it is to be published as seedbench/other" in lines[1]
    assert "must be like 1.0.0" in refused(publish(client, folder, "1.0", repo="seedbench/ready"))
    assert "is named owner/name" in refused(publish(client, folder, "1.0.0", repo="ready"))
    assert len(hub.requests) == before


@pytest.mark.parametrize("hub", ["xet"], indirect=True)
def test_no_token_is_printed_or_stored(hub: LocalHub, client: Client, tmp_path: Path) -> None:
    home = tmp_path / "home"
    repo = "seedbench/silent"
    folder = trial_set(tmp_path / "set", repo, "1.0.0", FEW)
    with Client(hub.url, home, token=MAINTAINER, xet=hub.xet is not None) as other:
        assert publish(other, folder, "1.0.0", repo=repo).code == 0
        other.seedbench("trials", repo)
    for path in [*home.rglob("*"), *folder.rglob("*")]:
        assert not path.is_file() or MAINTAINER.encode() not in path.read_bytes(), path
    assert all(MAINTAINER.encode() not in content for content in hub.large.values())
