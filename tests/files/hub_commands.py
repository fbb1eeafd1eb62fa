"""Commands that speak with the Hub, or with a board and its hidden pool, as worlds: see `tests.files.commands`.

The Hub is a local one, in the process of the test: it lives on where the command is killed. What the client writes into
its cache is a call that changes a disk like any other, and a request is one that changes the Hub.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import huggingface_hub
from huggingface_hub import constants

from leaderboard import pool
from leaderboard.boards import HIDDEN_POOL, Board, published_pool, read_board, write_board
from leaderboard.verification import Verification
from leaderboard.verify import close_board
from seedbench.cli.app import app
from seedbench.trialset import TrialsIdentity, load_trials
from tests.hub.hub import MAINTAINER, LocalHub
from tests.synthetic import Split, split_like_training, write

REPO, POOL = "seedbench/mine", "seedbench/hidden-2027"
_URL = "hub.txt"  # in a world: where its Hub is
_BOARD = "held-out-2-cold-1.0"
_SMALL = {"checkpoints": 3, "examples": 20}


@functools.cache
def _hub() -> LocalHub:
    """One for all worlds of this process, which are there one after the other."""
    return LocalHub().__enter__()


def _new_hub(folder: Path, repo: str) -> LocalHub:
    hub = _hub()
    hub.repos.clear()
    hub.large.clear()
    hub.new_repo("dataset", repo, False, "maintainer")
    (folder / _URL).write_text(hub.url)
    with _as_client(folder):
        huggingface_hub.HfApi().dataset_info(repo)  # before its first request a client makes one more, once
    return hub


def _pushed(hub: LocalHub, repo: str, folder: Path, version: str) -> None:
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    commit = hub.push(repo, files, title=f"Version {version}")
    hub.repo(repo).refs[f"refs/tags/v{version}"] = commit.oid


@contextmanager
def _as_client(folder: Path) -> Iterator[None]:
    """The Hub's client in this process: of the world's Hub, with its cache in the world, one thread for downloads."""
    url = (folder / _URL).read_text()
    settings = {
        "ENDPOINT": url,
        "HUGGINGFACE_CO_URL_TEMPLATE": url + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(folder / "cache"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_DISABLE_PROGRESS_BARS": True,
    }
    one_by_one = functools.partial(huggingface_hub.snapshot_download, max_workers=1)
    with (
        patch.multiple(constants, **settings),
        patch.object(huggingface_hub, "snapshot_download", one_by_one),
        patch.dict(os.environ, HF_TOKEN=MAINTAINER),
    ):
        yield


@contextmanager
def requests_are_calls(called: Callable[[], None]) -> Iterator[None]:
    """Says so before every request of the Hub's client."""
    client = type(huggingface_hub.utils.get_session())

    def send(self: Any, *arguments: Any, **options: Any) -> Any:
        called()
        return sent(self, *arguments, **options)

    sent = client.send
    with patch.object(client, "send", send):
        yield


# --- publish ----------------------------------------------------------------------------------------------------------


def _to_publish(folder: Path) -> None:
    """A version is on the Hub; the next one has a table more."""
    first = split_like_training(3, 3, **_SMALL)
    more = split_like_training(3, 3, task="rte", **_SMALL)
    hub = _new_hub(folder, REPO)
    for name, version, splits in (("first", "1.0.0", [first]), ("set", "1.1.0", [first, more])):
        held = write(folder / name, *splits, predictions=False, name=REPO, version=version)
        (held / "README.md").write_text(f"---\n---\nThe card of {version}: {load_trials(held).sha256}\n")
    _pushed(hub, REPO, folder / "first", "1.0.0")


def _publish(folder: Path) -> None:
    with _as_client(folder):
        assert not app(["publish", str(folder / "set"), REPO, "--version", "1.1.0"], standalone_mode=False)


def _read_published(folder: Path) -> Any:
    """What whoever loads a version finds: the files of every tag. The local set is as it was."""
    hub = _hub()
    assert load_trials(folder / "set").version == "1.1.0"
    tags = {tag: hub.repo(REPO).resolve(tag).files for tag in hub.tags(REPO)}
    for tag, files in tags.items():
        version = folder / {"v1.0.0": "first", "v1.1.0": "set"}[tag]
        for path in version.rglob("*.*"):
            assert hub.read(REPO, path.relative_to(version).as_posix(), tag) == path.read_bytes()
        assert "CHANGELOG.md" in files or tag == "v1.0.0"
    return sorted(tags)


# --- the hidden pool --------------------------------------------------------------------------------------------------


def _random_seeds(split: Split) -> Split:
    """The same trials under seeds that nobody trains by chance."""
    for row in split.trials:
        for axis in ("weight_init_seed", "data_order_seed"):
            row[axis] += 2**61
    return split


def _pool_at(folder: Path) -> Path:
    return write(
        folder / "private", _random_seeds(split_like_training(5, 5, seed=9, **_SMALL)), predictions=False, name=POOL
    )


def _identity(folder: Path, revision: str | None = None) -> TrialsIdentity:
    trials = load_trials(folder)
    return TrialsIdentity(trials.name, trials.version, trials.sha256, revision)


def _public_at(folder: Path) -> Board:
    public = write(folder / "public", split_like_training(5, 5, **_SMALL), predictions=False)
    return Board("held-out-2", "cold", _identity(public), 0, 2)


def _before_the_season(folder: Path) -> None:
    _pool_at(folder)
    _public_at(folder)


def _publish_pool(folder: Path) -> None:
    pool.publish(folder / "private", str(folder / "public"), None, folder / HIDDEN_POOL.name)


def _closed_with_a_pool(folder: Path) -> None:
    private = _pool_at(folder)
    write_board(folder / "results", _public_at(folder).closes({}, _identity(private)))
    _pushed(_new_hub(folder, POOL), POOL, private, "1.0.0")


def _reveal(folder: Path) -> None:
    with _as_client(folder):
        pool.reveal(folder / "results")


def _read_revealed(folder: Path) -> Any:
    board = read_board(folder / "results" / _BOARD)
    assert board.pool is not None and board.pool.revision in (None, _hub().tags(POOL)["v1.0.0"])
    return board.pool.revision is not None, board.entries


def _open_board(folder: Path) -> None:
    write_board(folder / "results", _public_at(folder))
    _pool_at(folder)
    _publish_pool(folder)


def _close(folder: Path) -> None:
    """`python -m leaderboard.verify --close`, up to where it measures."""
    results, shown = folder / "results", load_trials(folder / "public")
    verification = Verification(
        board=read_board(results / _BOARD),
        trials=shown,
        source=str(folder / "public"),
        hidden=False,
        folder=results / _BOARD / "public",
        processes=1,
        hours=1.0,
    )
    close_board(verification, [], results, published_pool(folder / HIDDEN_POOL.name))


def _read_closed(folder: Path) -> Any:
    """The seed is another in every world."""
    board = read_board(folder / "results" / _BOARD)
    assert (board.seed != 0) is board.closed is (board.pool is not None)
    return board.closed, board.pool


#: What each makes before, does, and reads.
HUB_COMMANDS = {
    "publish": (_to_publish, _publish, _read_published),
    "leaderboard.pool publish": (
        _before_the_season,
        _publish_pool,
        lambda at: published_pool(at / HIDDEN_POOL.name),
    ),
    "leaderboard.pool reveal": (_closed_with_a_pool, _reveal, _read_revealed),
    "leaderboard.verify --close": (_open_board, _close, _read_closed),
}
