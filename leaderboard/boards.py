"""Boards: what is measured on, which seed, and whether entries are still taken.

A board is a protocol, a track and a version of the trial set (major.minor). It is provisional while its seed is public;
closing it draws a seed that nobody could know and fixes the entries. A board never changes after that: a new version of
the trial set starts a new one.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from seedbench.errors import SeedbenchError
from seedbench.result import TrialsIdentity
from seedbench.trialset import TrialSet

HERE = Path(__file__).parent
SUBMISSIONS, RESULTS, HIDDEN_POOL = HERE / "submissions", HERE / "results", HERE / "hidden_pool.json"

PROTOCOL = "held-out-1"
PUBLIC_SEED = 0  # of a provisional board, and of what entries claim
FILE = "board.json"


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes:
        protocol: of all its results.
        track: "cold" or "transfer".
        trials: the public trial set.
        seed: of all hidden randomness.
        replicates: campaigns per table and budget.
        entries: folder name -> SHA-256 of the entry; what there was when the board was closed. None: it is open.
        pool: the hidden pool whose SHA-256 was published when the board was closed, if there was one; its revision is
            the Hub commit it was revealed as, None before that.
    """

    protocol: str
    track: str
    trials: TrialsIdentity
    seed: int
    replicates: int
    entries: dict[str, str] | None = None
    pool: TrialsIdentity | None = None

    @property
    def name(self) -> str:
        """`protocol-track-major.minor`, the name of its folder."""
        return f"{self.protocol}-{self.track}-{minor_version(self.trials)}"

    @property
    def closed(self) -> bool:
        """Whether the seed is drawn and the entries are fixed."""
        return self.entries is not None

    def closes(self, entries: dict[str, str], pool: TrialsIdentity | None) -> Board:
        """The same with a seed drawn now, no entries but these, and no hidden pool but this."""
        return replace(self, seed=secrets.randbits(63), entries=dict(sorted(entries.items())), pool=pool)


def minor_version(trials: TrialsIdentity) -> str:
    """The part of a trial set's version that makes a board: "1.4.2" -> "1.4"."""
    return ".".join(trials.version.split(".")[:2])


def open_board(results: Path, trials: TrialSet, track: str, replicates: int) -> Board:
    """The board of a trial set; one that is not there yet is made.

    Raises:
        SeedbenchError: it is there with other data, or other replicates.
    """
    identity = TrialsIdentity(trials.name, trials.version, trials.sha256, trials.revision)
    fresh = Board(PROTOCOL, track, identity, PUBLIC_SEED, replicates)
    folder = results / fresh.name
    if not (folder / FILE).exists():
        write_board(results, fresh)
        return fresh
    found = read_board(folder)
    for what, there, here in (
        ("trials", found.trials.sha256, identity.sha256),
        ("replicates", found.replicates, replicates),
    ):
        if there != here:
            raise SeedbenchError(
                f"{folder / FILE}: this board was measured on other {what} ({there}, not {here}); it is not rewritten"
            )
    return found


def read_board(folder: Path) -> Board:
    """The board in a folder.

    Raises:
        SeedbenchError: there is none.
    """
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Board)
    except (OSError, msgspec.DecodeError) as error:
        raise SeedbenchError(f"{folder / FILE}: no board: {error}") from None


def read_boards(results: Path = RESULTS) -> tuple[Board, ...]:
    """All boards, the newest version first, then by name."""
    found = sorted((read_board(file.parent) for file in results.glob(f"*/{FILE}")), key=lambda board: board.name)
    return tuple(sorted(found, key=lambda board: [-int(part) for part in minor_version(board.trials).split(".")]))


def write_board(results: Path, board: Board) -> None:
    """Writes `board.json`, whole or not at all."""
    folder = results / board.name
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, to_json(board))


def published_pool(file: Path = HIDDEN_POOL) -> TrialsIdentity | None:
    """The private trial set whose SHA-256 is published; None if there is none.

    Raises:
        SeedbenchError: the file says something else.
    """
    if not file.exists():
        return None
    try:
        published = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        return TrialsIdentity(published["name"], published["version"], published["sha256"], None)
    except (OSError, KeyError, msgspec.DecodeError) as error:
        raise SeedbenchError(f"{file}: the hidden pool's name, version and sha256 belong there: {error}") from None


def to_json(content: object) -> bytes:
    """As JSON text, the same bytes for the same content."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def write_whole(file: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    part.write_bytes(content)
    os.replace(part, file)


def sha256_of(*contents: bytes) -> str:
    """Of several contents, each hashed by itself first."""
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()
