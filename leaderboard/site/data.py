"""What the site shows of a board: its entries with their ranks, best first, those that failed, and every number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from leaderboard.ranks import NONE, Comparisons, rank_intervals
from leaderboard.results import REMOVED, Key, Result, comparable_claim
from seedbench.documents import to_json
from seedbench.errors import SeedbenchError
from seedbench.evaluation import Evaluation, Row, Summary, held_together
from seedbench.submission import is_slug
from seedbench.trialset import TrialsIdentity

if TYPE_CHECKING:
    import pandas as pd

    from leaderboard.boards import Board

# Columns of all results, before those of a `Row`.
_ABOUT = (
    *("board", "slug", "name", "authors", "organisers", "verdict", "rank_best", "rank_worst"),
    *("pool", "kind", "summary_gap_closed"),
)


@dataclass(frozen=True)
class Entry:
    """A submission on a board.

    Attributes:
        slug: names its page.
        public: its verification on the public trial set.
        hidden: on the hidden pool, if there is one.
        ranks: the best and the worst rank that its differences to the others allow; None where it has none.
        source: of the strategy; None where its file cannot be read or is not the one that was verified.
        same_as: slugs of other entries with the same source, of which they bind the same, and the same parameters.
    """

    slug: str
    public: Result
    hidden: Result | None
    ranks: tuple[int, int] | None
    source: str | None
    same_as: tuple[str, ...] = ()

    @property
    def judged(self) -> Result:
        """What ranks come from: the result on the hidden pool, if there is one."""
        return self.hidden or self.public

    @property
    def gap(self) -> float | None:
        """Gap closed of all tables together, where ranks come from."""
        return gap_of(self.judged)

    @property
    def overfit(self) -> float | None:
        """Gap closed on the public trials minus that on the hidden pool."""
        public, hidden = gap_of(self.public), gap_of(self.hidden)
        return None if public is None or hidden is None else public - hidden


def summary_of(result: Result | None) -> Summary | None:
    """All tables together; None where nothing was measured."""
    return result.measured.summary if result is not None and result.measured is not None else None


def gap_of(result: Result | None) -> float | None:
    """Gap closed of all tables together; None where it is undefined or nothing was measured."""
    summary = summary_of(result)
    return summary.gap_closed if summary else None


@dataclass(frozen=True)
class Standing:
    """A board as the site shows it.

    Attributes:
        board: which.
        entries: the verified ones, the largest gap closed first.
        failed: the others, by slug.
        ranked_on: the pool that ranks come from: "hidden" once all have been run on it, "public" before.
        marks: slug -> the p-value of its difference to best-of-n on that pool, all entries together; None without one.
        pool: the hidden pool: the board's own, or while it is open the one that is published; None if there is none.
        hidden_to_come: the entries that the hidden pool has not seen, once it has seen others.
    """

    board: Board
    entries: tuple[Entry, ...]
    failed: tuple[Entry, ...]
    ranked_on: str
    marks: Mapping[str, float | None]
    pool: TrialsIdentity | None
    hidden_to_come: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        """Whether ranks are the last word: a seed that nobody knew, on trials that nobody knew."""
        return self.board.closed and self.ranked_on == "hidden" and not self.waiting

    @property
    def waiting(self) -> tuple[str, ...]:
        """The entries of a closed board that are not measured with its seed yet."""
        seen = {each.slug for each in (*self.entries, *self.failed)}
        return tuple(sorted((self.board.entries or {}).keys() - seen - self.board.removed.keys()))


def standing(
    board: Board,
    public: Sequence[Result],
    hidden: Sequence[Result],
    sources: Mapping[str, str],
    comparisons: Mapping[str, Comparisons] | None = None,
    published: TrialsIdentity | None = None,
) -> Standing:
    """Puts a board together, and ranks its entries.

    Args:
        board: which.
        public: every result on the public trial set.
        hidden: every result on the hidden pool; empty where there is none.
        sources: of the submissions, by slug; each is used where its SHA-256 is the verified one.
        comparisons: of the entries, by pool.
        published: the hidden pool of the season; a closed board has its own.

    Raises:
        SeedbenchError: a slug that names no page, or a result on the hidden pool without one on the public trials.
    """
    by_slug = {result.slug: result for result in hidden}
    for slug in [*(result.slug for result in public), *by_slug]:
        if not is_slug(slug):
            raise SeedbenchError(f"board {board.name}: slug {slug[:60]!r}: a-z, 0-9 and hyphens, at most 60")
    if alone := sorted(by_slug.keys() - {result.slug for result in public}):
        raise SeedbenchError(f"board {board.name}: {alone[0]} has a result on the hidden pool only; verify it on both")
    public = _with_removed(public, board)
    verified = {result.slug for result in public if result.verified}
    to_come = tuple(sorted(verified - by_slug.keys())) if by_slug else ()
    if to_come:
        by_slug = {}
    judged = [by_slug.get(result.slug, result) for result in public if result.slug in verified]
    ranked_on = "hidden" if by_slug else "public"
    compared = (comparisons or {}).get(ranked_on, NONE)
    ranks = rank_intervals([result for result in judged if not result.organisers], compared)
    entries, alike = [], _alike(public)
    for result in public:
        source = sources.get(result.slug)
        same = source is not None and sha256(source.encode()).hexdigest() == result.source_sha256
        hidden_result = by_slug.get(result.slug) if result.verified else None
        others = tuple(slug for slug in alike.get(_strategy_of(result), ()) if slug != result.slug)
        rank = ranks.get(result.slug)
        entries.append(Entry(result.slug, result, hidden_result, rank, source if same else None, others))
    good = [entry for entry in entries if entry.public.verified and (entry.hidden is None or entry.hidden.verified)]
    good.sort(key=lambda entry: (entry.gap is None, -(entry.gap or 0), entry.slug))
    failed = sorted((entry for entry in entries if entry not in good), key=lambda entry: entry.slug)
    pool = board.pool if board.closed else published
    p = [summary.difference_p if (summary := summary_of(entry.judged)) else None for entry in good]
    marks = dict(zip((entry.slug for entry in good), held_together(p), strict=True))
    return Standing(board, tuple(good), tuple(failed), ranked_on, marks, pool, to_come)


def _strategy_of(result: Result) -> str | None:
    """What makes two entries the same strategy, whatever they are called; None where it is not known."""
    if not result.source_sha256 or result.claimed is None:
        return None
    return to_json([result.source_sha256, result.attribute, result.claimed.strategy.parameters])


def _alike(results: Sequence[Result]) -> dict[str | None, list[str]]:
    alike: dict[str | None, list[str]] = {}
    for result in results:
        if (strategy := _strategy_of(result)) is not None:
            alike.setdefault(strategy, []).append(result.slug)
    return alike


def _with_removed(results: Sequence[Result], board: Board) -> list[Result]:
    """The results, where an entry was taken off the board with why in its place."""
    known = {result.slug: result for result in results}
    for slug, reason in board.removed.items():
        before = known.get(slug) or Result(slug, Key("", "", board.seed, board.replicates), REMOVED, name=slug)
        known[slug] = replace(
            before, verdict=REMOVED, said=reason, frames="", measured=None, example=None, campaigns=None
        )
    return list(known.values())


def tables_of(standing: Standing) -> dict[str, str]:
    """The public trial tables: name -> the name of its page."""
    pages: dict[str, str] = {}
    for entry in standing.entries:
        for row in entry.public.measured.rows if entry.public.measured else ():
            if (name := row.table) not in pages:
                page = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80]
                pages[name] = page if page not in pages.values() else f"{page}-{len(pages)}"
    return pages


def rows_of(evaluation: Evaluation | None, table: str) -> list[Row]:
    """An evaluation's rows of one trial table, by budget."""
    return [row for row in evaluation.rows if row.table == table] if evaluation else []


def results_frame(standings: Iterable[Standing]) -> pd.DataFrame:
    """All results as one table: a line per board, entry, pool, kind (measured or claimed), trial table and budget."""
    import pandas as pd

    lines = [line for each in standings for entry in (*each.entries, *each.failed) for line in _lines(each, entry)]
    frame = pd.DataFrame(lines, columns=[*_ABOUT, *(item.name for item in fields(Row))])
    numbers = [item.name for item in fields(Row) if item.type in ("float", "float | None")] + ["summary_gap_closed"]
    types = {"rank_best": "Int64", "rank_worst": "Int64", "no_signal": "boolean"} | dict.fromkeys(numbers, "float64")
    return frame.astype(types)


def _lines(standing: Standing, entry: Entry) -> Iterator[tuple[Any, ...]]:
    """The lines of an entry: `_ABOUT`, then a row's fields; of one that was removed nothing is told, nor claimed."""
    ranks = entry.ranks or (None, None)
    for pool, result in (("public", entry.public), ("hidden", entry.hidden)):
        if result is None:
            continue
        about = (standing.board.name, entry.slug, result.name, "; ".join(result.authors), result.organisers)
        claimed = pool == "public" and result.verdict != REMOVED
        kinds = {"measured": result.measured, "claimed": comparable_claim(result) if claimed else None}
        for kind, evaluation in kinds.items():
            for row in evaluation.rows if evaluation else ():
                gap = evaluation.summary.gap_closed if evaluation else None
                values = (getattr(row, item.name) for item in fields(Row))
                yield (*about, result.verdict, *ranks, pool, kind, gap, *values)
