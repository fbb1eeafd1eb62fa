"""What verification found of every entry, as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from leaderboard.boards import RESULTS, Board
from leaderboard.environment import FIRST_PINS
from seedbench.documents import Positive, Sha256, read_json, to_json
from seedbench.errors import SeedbenchError, SelectionError
from seedbench.evaluation import Evaluation, refuse_others
from seedbench.files import write_file
from seedbench.replay import BATCH, Decisions

POOLS = ("public", "hidden")
_AGAIN = "python -m leaderboard.verify {} --again"
VERIFIED, BAD_SUBMISSION, NOT_MEASURED, REMOVED = "verified", "bad submission", "not measured", "removed"

#: Verdicts of verification itself; the others are those of `seedbench.sandbox.VERDICTS`.
VERDICTS = {
    VERIFIED: "two runs gave the same result, both in sealed processes; of an organisers' entry one, on a drawn part",
    "not reproducible": "two runs gave different results",
    "took too long": "a run was not done in time",
    BAD_SUBMISSION: "the entry's files are not what they must be",
    NOT_MEASURED: "the process that was to measure it died; the next verification tries again",
    REMOVED: "taken off the board by the organisers",
}


@dataclass(frozen=True)
class Key:
    """What a result is of: with another key it is measured again.

    Attributes:
        entry_sha256: of the entry's two files.
        trials_sha256: of the trial set measured on.
        seed: of all hidden randomness.
        replicates: campaigns per table and budget.
    """

    entry_sha256: Sha256
    trials_sha256: Sha256
    seed: int
    replicates: Positive


@dataclass(frozen=True)
class Result:
    """What verification found of one entry.

    Attributes:
        format: of its JSON; without one it is 1.
        slug: name of the entry's folder.
        key: what was measured, on what.
        verdict: a name of `VERDICTS` or of `seedbench.sandbox.VERDICTS`.
        said: why it is not verified, in one line; "" on the hidden pool, whose scores it could tell.
        frames: the author's own lines of the traceback, if it raised.
        name: the entry's, or the slug where it cannot be read.
        authors: none where it cannot be read.
        url: as the entry gives it.
        license: of its source.
        source_sha256: of its source.
        attribute: what the source binds the strategy to; results that do not say are of entries that all had this one.
        organisers: whether the source is that of one of the organisers' entries.
        packages: what was not as `requirements.txt` pins it where this was measured; None where that was not recorded.
        pins: SHA-256 of what `requirements.txt` pinned then; results that do not say are of before it first changed.
        claimed: what its authors measured.
        measured: what counts; None unless verified.
        example: one campaign's decisions; None unless verified, and on the hidden pool, whose seeds it shows.
        tables: name -> SHA-256 of what its campaigns depend on (`table_sha256`), of the tables measured on.
        taken_over: name -> the board for which they were run, of the tables whose campaigns an earlier board had.
        campaigns: `Evaluation.campaigns`, of which entries are compared; None unless verified. In a file of its own. On
            the hidden pool the columns that tell which trials were kept are 0.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    slug: str
    key: Key
    verdict: str
    said: str = ""
    frames: str = ""
    name: str = ""
    authors: tuple[str, ...] = ()
    url: str | None = None
    license: str = ""
    source_sha256: str = ""
    attribute: str = "strategy"
    organisers: bool = False
    packages: tuple[str, ...] | None = None
    pins: Sha256 = FIRST_PINS
    claimed: Evaluation | None = None
    measured: Evaluation | None = None
    example: Decisions | None = None
    tables: dict[str, Sha256] = field(default_factory=dict)
    taken_over: dict[str, str] = field(default_factory=dict)
    campaigns: Mapping[str, np.ndarray] | None = field(default=None, compare=False, repr=False)

    @property
    def verified(self) -> bool:
        return self.verdict == VERIFIED


def write_result(folder: Path, result: Result) -> None:
    """Writes `<slug>.json`, and `<slug>.parquet` with its campaigns before it; each whole or not at all.

    Raises:
        SeedbenchError: they cannot be written.
    """
    campaigns = folder / f"{result.slug}.parquet"
    if result.campaigns is not None:
        table = pa.table(dict(result.campaigns))
        write_file(campaigns, lambda file: pq.write_table(table, file), parents=True)
    write_file(folder / f"{result.slug}.json", to_json(result, ensure_ascii=False), parents=True)
    if result.campaigns is None:
        try:
            campaigns.unlink(missing_ok=True)
        except OSError as error:
            raise SeedbenchError(
                f"{campaigns}: cannot be removed: {error.strerror}; it is of no result: remove it"
            ) from None


def read_result(folder: Path, slug: str) -> Result | None:
    """The result of an entry; None where there is none.

    Raises:
        SeedbenchError: the file is none, or the campaigns beside it are not those that it has the numbers of.
    """
    file = folder / f"{slug}.json"
    if not file.exists():
        return None
    result = read_json(file, Result, error=SeedbenchError, advice=f"measure it again: {_AGAIN.format(slug)}")
    if result.slug != slug:
        raise SeedbenchError(
            f"{file}: must be of {slug}, found {result.slug[:80]!r}; measure it again: {_AGAIN.format(slug)}"
        )
    if not result.verified:
        return result
    try:
        table = pq.read_table(folder / f"{slug}.parquet")
        campaigns = {name: table[name].to_numpy() for name in table.column_names}
        if result.measured is not None:
            refuse_others(campaigns, result.measured.rows, result.measured.replicates)
    except (OSError, pa.ArrowException, KeyError, ValueError, OverflowError, MemoryError, SelectionError) as error:
        message = " ".join(str(error).split())[:200]
        raise SeedbenchError(
            f"{folder / slug}.parquet: cannot be read beside {slug}.json: {message}; measure it again: "
            f"{_AGAIN.format(slug)}"
        ) from None
    return replace(result, campaigns=campaigns)


def results_of(board: Board, pool: str, results: Path = RESULTS) -> tuple[Result, ...]:
    """All results of a board on one of the `POOLS`, by slug.

    Of a closed board, those of its entries as they were then, with its seed, and on its own hidden pool.
    """
    folder = results / board.name / pool
    all_results = (read_result(folder, file.stem) for file in sorted(folder.glob("*.json")))
    return tuple(result for result in all_results if result is not None and _counts(result, board, pool))


def comparable_claim(result: Result) -> Evaluation | None:
    """What an entry claims, where that was scored on what it is verified on: the same trials and seed."""
    claimed, key = result.claimed, result.key
    if claimed is None or (claimed.trials.sha256, claimed.seed) != (key.trials_sha256, key.seed):
        return None
    return claimed


def taken_over_words(result: Result) -> str:
    """Which campaigns an earlier board had."""
    boards = " and ".join(sorted(set(result.taken_over.values())))
    return (
        f"campaigns on {len(result.taken_over)} of {len(result.tables)} tables, which have not changed, are those of "
        f"{boards}; in either run a batch of up to {BATCH} replicates of each, drawn at random, came out the same again"
    )


def _counts(result: Result, board: Board, pool: str) -> bool:
    if pool == "hidden" and (board.pool is None or result.key.trials_sha256 != board.pool.sha256):
        return False
    return board.entries is None or (result.key.seed, result.key.entry_sha256) == (
        board.seed,
        board.entries.get(result.slug),
    )


def gap_closed(evaluation: Evaluation | None) -> str:
    """The summary's gap closed with half of its interval: "61.2% ±14.0"."""
    if evaluation is None or evaluation.summary.gap_closed is None:
        return "–"
    summary = evaluation.summary
    if summary.gap_closed_low is None or summary.gap_closed_high is None:
        return f"{summary.gap_closed:.1%}"
    return f"{summary.gap_closed:.1%} ±{50 * (summary.gap_closed_high - summary.gap_closed_low):.1f}"
