"""What all entries of one call of `leaderboard.verify` share: the board, the trials, and how they are run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from leaderboard.boards import BASELINES, Board, open_board, read_baselines, read_boards, sha256_of
from leaderboard.results import Key
from seedbench.errors import SeedbenchError
from seedbench.replay import TRACKS
from seedbench.sandbox.submittable import SOURCE_BYTES
from seedbench.submission import ENTRY, ENTRY_BYTES, SOURCE, read_file
from seedbench.trialset import TrialSet, load_trials
from seedbench.trialset.versions import parse

MOST_HOURS = 168  # of one run: a week; a process cannot be waited for longer than 596


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What all entries of one call share.

    Attributes:
        board: where they belong.
        trials: the trial set to measure on.
        source: folder or Hub id that it was loaded from.
        hidden: whether it is the hidden pool.
        folder: of the results on it.
        processes: to split the work of an entry among.
        hours: limit of one run.
        baselines: SHA-256 of the sources of the organisers' entries.
        earlier: folders with results on earlier boards, the newest first: campaigns on tables that have not changed are
            taken over.
        other_packages: whether results that were measured with other packages than are here now are taken as well.
        trusting: as in `measure.Order`.
    """

    board: Board
    trials: TrialSet
    source: str
    hidden: bool
    folder: Path
    processes: int
    hours: float
    baselines: tuple[str, ...] = ()
    earlier: tuple[Path, ...] = ()
    other_packages: bool = False
    trusting: bool = True

    def key(self, entry: Path) -> Key:
        """What a result of an entry is of; any unreadable entry has a key of its own."""
        try:
            contents = [read_file(entry / SOURCE, SOURCE_BYTES), read_file(entry / ENTRY, ENTRY_BYTES)]
        except SeedbenchError as unreadable:
            contents = [str(unreadable).encode()]
        return Key(sha256_of(*contents), self.trials.sha256, self.board.seed, self.board.replicates)


def prepare(
    trials: str | None,
    public: str,
    revision: str | None,
    track: str,
    results: Path,
    *,
    replicates: int,
    processes: int,
    hours: float,
    baselines: Path = BASELINES,
    other_packages: bool = False,
) -> Verification:
    """Loads the trial set to measure on and finds the board.

    Args:
        trials: folder of the hidden pool; None: measure on the public trial set.
        public: folder or Hub id of the board's own trial set.
        revision: of that on the Hub.
        track: "cold" or "transfer".
        results: folder of the boards.
        replicates: campaigns per table and budget.
        processes: to split the work of an entry among.
        hours: limit of one run, at most `MOST_HOURS`.
        baselines: the file with the organisers' entries.
        other_packages: as in `Verification`.

    Raises:
        SeedbenchError: an option out of its range; the board is of other data; or it is to be measured on the hidden
            pool, and is still open, was closed without one, or with another.
    """
    if track not in TRACKS:
        raise SeedbenchError(f"--track {track}: there are {' and '.join(TRACKS)}")
    if replicates < 3:
        raise SeedbenchError(f"--replicates {replicates}: at least 3")
    if processes < 1:
        raise SeedbenchError(f"--processes {processes}: at least 1")
    if not 0 < hours <= MOST_HOURS:
        raise SeedbenchError(f"--hours {hours:g}: a number of hours above 0, at most {MOST_HOURS}")
    ours = tuple(sorted(set(read_baselines(baselines).values())))
    shown = load_trials(public, revision=revision)
    board = open_board(results, shown, track, replicates)
    verification = Verification(
        board=board,
        trials=shown,
        source=public,
        hidden=False,
        folder=results / board.name / "public",
        processes=processes,
        hours=hours,
        baselines=ours,
        earlier=_earlier(board, results),
        other_packages=other_packages,
    )
    if trials is None:
        return verification
    if not board.closed:
        raise SeedbenchError(
            f"{board.name} is open: measured on the hidden pool now, it could be climbed one entry after the other; "
            "close it first, with --close"
        )
    if board.pool is None:
        raise SeedbenchError(f"{board.name}: was closed before a hidden pool was published, and has none")
    private = load_trials(trials, revision=None if Path(trials).is_dir() else f"v{board.pool.version}")
    if private.sha256 != board.pool.sha256:
        raise SeedbenchError(
            f"{trials}: its SHA-256 is {private.sha256}; {board.name} was closed with the pool {board.pool.sha256}"
        )
    hidden = results / board.name / "hidden"
    return replace(verification, trials=private, source=trials, hidden=True, folder=hidden, earlier=())


def _earlier(board: Board, results: Path) -> tuple[Path, ...]:
    """Where the public results of earlier boards are; on the transfer track campaigns depend on all tables."""
    if board.track != "cold":
        return ()
    version = parse(board.trials.version)[:2]
    return tuple(
        results / other.name / "public"
        for other in read_boards(results)
        if (other.protocol, other.track) == (board.protocol, board.track) and parse(other.trials.version)[:2] < version
    )
