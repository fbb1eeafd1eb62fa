"""What a page is made of: frozen dataclasses, text only; `render` turns them into HTML and escapes every string."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from seedbench.errors import SeedbenchError

if TYPE_CHECKING:
    import altair as alt

# http(s), an anchor or a relative path; no other scheme: `javascript:` would run, and titles come from strangers.
_HREF = re.compile(r"https?://[^\s]+|#[^\s]*|(?![/\\])[^\s:\\]+")


@dataclass(frozen=True)
class Link:
    """A link inside a text.

    Attributes:
        text: what is shown.
        href: https:// or http://, `#anchor`, or a path relative to the page.

    Raises:
        SeedbenchError: `href` is anything else.
    """

    text: str
    href: str

    def __post_init__(self) -> None:
        if not _HREF.fullmatch(self.href):
            raise SeedbenchError(f"a link is http(s)://, #anchor or a relative path; found {self.href[:200]!r}")


@dataclass(frozen=True)
class Code:
    """A piece of a text in the font of code."""

    text: str


Text: TypeAlias = str | Link | Code | tuple[str | Link | Code, ...]


@dataclass(frozen=True)
class Heading:
    """A heading; one of level 2 with an anchor is listed in the page's contents."""

    text: str
    level: int = 2
    anchor: str | None = None


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: Text


@dataclass(frozen=True)
class Note:
    """Something that must not be overlooked, such as what cannot be concluded; set apart."""

    text: Text


@dataclass(frozen=True)
class Source:
    """A source file, as it is."""

    text: str


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: its head.
        numeric: whether cells are aligned to the right.
        note: what it means, in a legend under the table.
    """

    title: str
    numeric: bool = False
    note: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell that is shown as `text` and sorted by `value`; None sorts last either way."""

    text: Text
    value: float | str | None


@dataclass(frozen=True)
class Table:
    """A table; on a narrow screen it scrolls by itself.

    Attributes:
        columns: the columns.
        rows: a cell per column: text, a number, None (shown as –), or a `Cell`.
        caption: what the table shows.
        sortable: whether a click on a head sorts by it.
        filterable: whether a field above the table hides rows that do not contain what is typed.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Text | Cell | float | None, ...], ...]
    caption: str = ""
    sortable: bool = False
    filterable: bool = False


@dataclass(frozen=True)
class Chart:
    """A figure.

    Attributes:
        chart: an altair chart without colours and width, which come from the page.
        title: what it shows.
        read: one sentence of how to read it.
        sources: the papers that the method comes from.
        notes: what cannot be concluded from it, in whole sentences.
        description: for those who cannot see it; title and reading help unless given.
    """

    chart: alt.TopLevelMixin
    title: str
    read: str
    sources: tuple[Link, ...] = ()
    notes: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True)
class Grid:
    """Parts side by side where each has `min_width` pixels, below one another elsewhere."""

    parts: tuple[Part, ...]
    min_width: int = 320


@dataclass(frozen=True)
class Details:
    """Parts that are folded away behind a line."""

    summary: Text
    parts: tuple[Part, ...]


Part: TypeAlias = Heading | Paragraph | Note | Source | Table | Chart | Grid | Details


@dataclass(frozen=True)
class Page:
    """A page.

    Attributes:
        title: of the page and of its window.
        parts: from top to bottom.
        lead: what it is, under the title.
        footer: where it comes from.
    """

    title: str
    parts: tuple[Part, ...]
    lead: Text = ""
    footer: Text = ""
