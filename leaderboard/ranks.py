"""How the entries of a board compare, pair by pair, and the ranks that this allows.

To compare campaigns takes the trials that they ran on, which the site is built without: verification compares, and
writes it down beside the results.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from leaderboard.boards import Board
from leaderboard.results import Key, Result, results_of
from seedbench.display.terminal import MARKED
from seedbench.documents import read_json, to_json
from seedbench.errors import SeedbenchError
from seedbench.evaluation import Apart, compared_apart, held_together
from seedbench.files import write_file
from seedbench.trialset import TrialSet


@dataclass(frozen=True)
class Comparisons:
    """All pairs of verified entries on one pool.

    Attributes:
        format: of its JSON; without one it is 1.
        entries: slug -> what was compared of it.
        pairs: their differences, each by itself.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    entries: dict[str, Key]
    pairs: tuple[Apart, ...]

    def of(self, results: Iterable[Result]) -> list[Apart]:
        """The pairs of these results, where both are those that were compared."""
        same = {result.slug for result in results if self.entries.get(result.slug) == result.key}
        return [pair for pair in self.pairs if {pair.one, pair.other} <= same]


NONE = Comparisons({}, ())


def keep_comparisons(results: Path, board: Board, pool: str, trials: TrialSet) -> None:
    """Compares all verified entries of a board on a pool, and writes it down.

    Args:
        results: folder of the boards.
        board: which.
        pool: one of `POOLS`.
        trials: what they were measured on.

    Raises:
        SeedbenchError: it cannot be written.
    """
    verified = [result for result in results_of(board, pool, results) if result.verified]
    campaigns = {result.slug: result.campaigns for result in verified if result.campaigns is not None}
    found = Comparisons(
        {result.slug: result.key for result in verified}, compared_apart(campaigns, trials.tables, board.options())
    )
    write_file(_file(results, board, pool), to_json(found), parents=True)


def read_comparisons(results: Path, board: Board, pool: str) -> Comparisons:
    """What `keep_comparisons` wrote; none where there is nothing.

    Raises:
        SeedbenchError: the file says something else.
    """
    file = _file(results, board, pool)
    if not file.exists():
        return NONE
    return read_json(file, Comparisons, error=SeedbenchError, advice="leaderboard.verify writes it anew")


def _file(results: Path, board: Board, pool: str) -> Path:
    return results / board.name / f"comparisons-{pool}.json"


def rank_intervals(results: Sequence[Result], comparisons: Comparisons) -> dict[str, tuple[int, int]]:
    """The ranks that each verified entry may have: from 1 + how many beat it, to how many it does not beat.

    One beats the other if their paired difference is told from 0 at 95% for all pairs of these entries together (Holm
    1979); an undefined one never is, and neither is a pair that was not compared.
    """
    ranked = [result for result in results if result.verified]
    pairs = comparisons.of(ranked)
    beats = set()
    for pair, p in zip(pairs, held_together([pair.p for pair in pairs]), strict=True):
        if p is not None and p < MARKED and pair.difference:
            beats.add((pair.one, pair.other) if pair.difference > 0 else (pair.other, pair.one))
    slugs = [result.slug for result in ranked]
    return {
        own: (
            1 + sum((other, own) in beats for other in slugs),
            sum((own, other) not in beats for other in slugs),
        )
        for own in slugs
    }
