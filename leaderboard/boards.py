"""Boards: what is measured on, which seed, and whether entries are still taken.

A board is a protocol, a track and a version of the trial set (major.minor). It is provisional while its seed is public;
closing it draws a seed that nobody could know and fixes the entries. No score of it changes after that: a new version
of the trial set starts a new board, on which the entries of the older ones take part.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from seedbench.documents import Positive, Sha256, read_json, to_json
from seedbench.errors import SeedbenchError
from seedbench.evaluation import Evaluation
from seedbench.files import locked, make_folder, write_file
from seedbench.replay import ReplayOptions
from seedbench.trialset import TrialSet, TrialsIdentity
from seedbench.trialset.versions import parse

HERE = Path(__file__).parent
SUBMISSIONS, RESULTS = HERE / "submissions", HERE / "results"
HIDDEN_POOL, BASELINES = HERE / "hidden_pool.json", HERE / "baselines.json"

PROTOCOL = "held-out-2"
REPLICATES = 2000  # with more, intervals hardly narrow
PUBLIC_SEED = 0  # of a provisional board, and of what entries claim
FILE = "board.json"


@dataclass(frozen=True)
class PublishedPool:
    """`hidden_pool.json`: which private trial set an open board will be closed with."""

    format: Literal[1] = field(default=1, kw_only=True)
    name: str
    version: str
    sha256: Sha256


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes:
        format: of its JSON; without one it is 1.
        protocol: of all its results.
        track: "cold" or "transfer".
        trials: the public trial set.
        seed: of all hidden randomness.
        replicates: campaigns per table and budget.
        entries: folder name -> SHA-256 of the entry; what there was when the board was closed. None: it is open.
        pool: the hidden pool whose SHA-256 was published when the board was closed, if there was one; its revision is
            the Hub commit it was revealed as, None before that.
        removed: folder name -> why; entries that were taken off the board, which keeps their line.
        notes: what went wrong on it, for its readers.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    protocol: str
    track: str
    trials: TrialsIdentity
    seed: int
    replicates: Positive
    entries: dict[str, Sha256] | None = None
    pool: TrialsIdentity | None = None
    removed: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`protocol-track-major.minor`, the name of its folder."""
        return f"{self.protocol}-{self.track}-{minor_version(self.trials)}"

    @property
    def closed(self) -> bool:
        """Whether the seed is drawn and the entries are fixed."""
        return self.entries is not None

    def options(self, processes: int = 1) -> ReplayOptions:
        """How all campaigns of the board are replayed."""
        return ReplayOptions(
            replicates=self.replicates,
            seed=self.seed,
            protocol=self.protocol,
            track=self.track,
            processes=processes,
        )

    def closes(self, entries: dict[str, str], pool: TrialsIdentity | None) -> Board:
        """The same with a seed drawn now, no entries but these, and no hidden pool but this."""
        return replace(self, seed=secrets.randbits(63), entries=dict(sorted(entries.items())), pool=pool)


def belongs(claimed: Evaluation, board: Board) -> bool:
    """Whether an entry takes part in a board: it was made for it, or for an earlier version of its trial set."""
    if (claimed.protocol, claimed.track, claimed.trials.name) != (board.protocol, board.track, board.trials.name):
        return False
    try:
        return parse(claimed.trials.version)[:2] <= parse(board.trials.version)[:2]
    except ValueError:  # the entry's, which can say anything
        return False


def minor_version(trials: TrialsIdentity) -> str:
    """The part of a trial set's version that makes a board: "1.4.2" -> "1.4"."""
    return ".".join(trials.version.split(".")[:2])


def open_board(results: Path, trials: TrialSet, track: str, replicates: int) -> Board:
    """The board of a trial set; a new one is not written before it has a result.

    Raises:
        SeedbenchError: it is there with other data, or other replicates.
    """
    identity = trials.identity
    fresh = Board(PROTOCOL, track, identity, PUBLIC_SEED, replicates)
    file = results / fresh.name / FILE
    if not file.exists():
        return fresh
    board = read_board(file.parent)
    if board.trials.sha256 != identity.sha256:
        raise SeedbenchError(
            f"{file}: measured on {board.trials.name} {board.trials.version}, sha256 {board.trials.sha256}, not on "
            f"{identity.version}, {identity.sha256}; a board is not rewritten: give its own (--public, --revision)"
        )
    if board.replicates != replicates:
        raise SeedbenchError(
            f"{file}: measured with --replicates {board.replicates}, not {replicates}; a board is not rewritten"
        )
    return board


def read_board(folder: Path) -> Board:
    """The board in a folder.

    Raises:
        SeedbenchError: there is none, it is the board of another folder, or of a version that is none.
    """
    advice = "a board is what leaderboard.verify writes"
    board = read_json(folder / FILE, Board, error=SeedbenchError, advice=advice)
    if (found := board.name) != (name := folder.absolute().name):
        raise SeedbenchError(f"{folder / FILE}: must be of the board {name}, found {found[:80]!r}; {advice}")
    try:
        parse(board.trials.version)
    except ValueError as error:
        raise SeedbenchError(f"{folder / FILE}: {error}; {advice}") from None
    return board


def read_boards(results: Path = RESULTS) -> tuple[Board, ...]:
    """All boards, the newest version first, then by name."""
    boards = sorted((read_board(file.parent) for file in results.glob(f"*/{FILE}")), key=lambda board: board.name)
    return tuple(sorted(boards, key=lambda board: [-number for number in parse(board.trials.version)[:2]]))


def write_board(results: Path, board: Board) -> None:
    """Writes `board.json`, whole or not at all.

    Raises:
        SeedbenchError: it cannot be written.
    """
    write_file(results / board.name / FILE, to_json(board, ensure_ascii=False), parents=True)


@contextmanager
def changing_board(results: Path, name: str) -> Iterator[None]:
    """Nobody else reads a board to write it meanwhile.

    Raises:
        SeedbenchError: another command does so for too long, or there is no writing there.
    """
    make_folder(results / name)
    with locked(results / name / FILE):
        yield


def published_pool(file: Path = HIDDEN_POOL) -> TrialsIdentity | None:
    """The private trial set whose SHA-256 is published; None if there is none.

    Raises:
        SeedbenchError: the file says something else.
    """
    if not file.exists():
        return None
    pool = read_json(
        file, PublishedPool, error=SeedbenchError, advice="the hidden pool's name, version and sha256 belong there"
    )
    return TrialsIdentity(pool.name, pool.version, pool.sha256, None)


def read_baselines(file: Path = BASELINES) -> dict[str, str]:
    """Folder name -> SHA-256 of the source, of the organisers' entries; empty where none are written.

    Raises:
        SeedbenchError: the file says something else.
    """
    if not file.exists():
        return {}
    return read_json(
        file,
        dict[str, Sha256],
        error=SeedbenchError,
        advice="the names and SHA-256 of the organisers' entries belong there",
    )


def sha256_of(*contents: bytes) -> str:
    """Of several contents, each hashed by itself first."""
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()
