"""Numbers and names as the site's pages write them."""

from __future__ import annotations

from leaderboard.site.data import Entry
from seedbench.display.terminal import UNDEFINED, half
from seedbench.evaluation import Row


def share(value: float | None, high: float | None) -> str:
    """A share of 1 and half of its symmetric interval: 70% ±1."""
    return UNDEFINED if value is None else f"{value * 100:.0f}%{half(value, high, 100)}"


def score(row: Row) -> str:
    """A row's score as it was measured, and half of its symmetric interval: 0.7000 ±0.0100."""
    return f"{row.measured(row.score):.4f}{half(row.score, row.score_high, 1, '.4f')}"


def points(difference: float | None) -> str:
    """A difference of two shares, in points: +12."""
    return UNDEFINED if difference is None else f"{difference * 100:+z.0f}"


def rank(entry: Entry) -> str:
    """1–3 where its differences to others allow ranks 1 to 3."""
    if entry.ranks is None:
        return UNDEFINED
    best, worst = entry.ranks
    return str(best) if best == worst else f"{best}–{worst}"


def by(entry: Entry) -> str:
    """Its authors, where there is little room: the first of more than two."""
    authors = entry.public.authors
    return f"{authors[0]} et al." if len(authors) > 2 else ", ".join(authors)


def short(table: str) -> str:
    """`owner/model/task/recipe` without the owner."""
    return " · ".join(table.split("/")[-3:])
