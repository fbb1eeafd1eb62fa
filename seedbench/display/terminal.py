"""Numbers as a terminal shows them: rounded, with their intervals, and drawn in characters."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from rich.cells import cell_len
from rich.table import Column, Table
from rich.text import Text

UNDEFINED = "–"
BARS = "▁▂▃▄▅▆▇█"
MARKED = 0.05  # a p-value below it
_FOLDED = 12  # columns that are enough for text that may be cut anywhere


def percent(share: float | None) -> str:
    """0.123 -> 12%."""
    return UNDEFINED if share is None else f"{share * 100:z.0f}%"


def percent_range(low: float | None, high: float | None) -> str:
    """An interval of shares, in brackets; '' without one."""
    return "" if low is None or high is None else f" (95% interval {low * 100:z.0f}% to {high * 100:z.0f}%)"


def half(value: float | None, high: float | None, scale: float, format_: str = ".0f") -> str:
    """Half the width of a symmetric interval, as ' ±0.0110'; '' without one."""
    return "" if value is None or high is None else f" ±{(high - value) * scale:{format_}}"


def difference(value: float | None, high: float | None, p: float | None, scale: float, format_: str) -> Text:
    """A difference with half of its interval, marked ▲ (better) or ▼ where its p-value is below 0.05.

    Args:
        value: above 0 where what is spoken of is better.
        high: upper end of its symmetric interval.
        p: the smallest level at which it is told from 0.
        scale: to multiply with.
        format_: with a sign, as "+.4f".
    """
    if value is None:
        return Text(UNDEFINED)
    never_minus_zero = format_.replace("+", "+z")
    text = f"{value * scale:{never_minus_zero}}{half(value, high, scale, format_.lstrip('+'))}"
    if p is None:
        return Text(text)
    if p >= MARKED:
        return Text(text, style="dim")
    return Text(f"{text} ▲", style="green") if value > 0 else Text(f"{text} ▼", style="red")


def bounded(value: float, bound: str | None, format_: str) -> str:
    """A number that may be a bound only, as '≤ 1.2'."""
    return {"<": "≤ ", ">": "≥ "}.get(bound or "", "") + f"{value:{format_}}"


def multiplier(value: float | None, bound: str | None) -> str:
    """A compute multiplier, as '1.50×'."""
    return UNDEFINED if value is None else bounded(value, bound, ".2f") + "×"


def multiplier_range(low: float | None, high: float | None) -> str:
    """A multiplier's interval; an end that the recorded trials do not reach stays open."""
    if low is None and high is None:
        return UNDEFINED
    return f"{low or 0:.2f}–{'∞' if high is None else f'{high:.2f}'}"


def full_trials(trials: float, bound: str | None) -> str:
    """A number of full trials: with one decimal below 100, whole from there on."""
    return bounded(trials, bound, ".1f" if trials < 100 else ".0f")


def seconds(value: float) -> str:
    """Seconds, or minutes or hours where they are many: 12 s, 3.5 min, 2.0 h."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if value >= 2 * size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def fitted(grid: Table, width: int, leave_out: Sequence[str] = ()) -> Table:
    """A table without the columns that there is no room for: columns go before digits do.

    Args:
        grid: cells are text; columns that do not wrap, and those on the right, are as wide as what is in them.
        width: of the terminal, in columns.
        leave_out: titles of columns in the order in which they go; after these the last one goes, then the one before.
            The first two stay.

    Returns:
        The same table, changed.
    """
    for title in leave_out:
        if _least(grid) > width:
            grid.columns[:] = [column for column in grid.columns if str(column.header) != title]
    while len(grid.columns) > 2 and _least(grid) > width:
        grid.columns.pop()
    return grid


def _least(grid: Table) -> int:
    """The width that a table needs."""
    _, right, _, left = grid.padding
    between = max(left, right) if grid.collapse_padding else left + right
    return sum(map(_least_of, grid.columns)) + between * len(grid.columns) + left + right - between


def _least_of(column: Column) -> int:
    """The width that a column needs, without padding: one that wraps has room for its longest word."""
    cells = (column.header, *column.cells)
    if column.width is not None:
        return column.width
    if column.overflow == "fold":
        return _FOLDED
    if column.no_wrap or column.justify == "right":
        return max(column.min_width or 0, *map(_cells, cells))
    return max((_cells(word) for cell in cells for word in str(cell).split()), default=0)


def _cells(cell: object) -> int:
    return max((cell_len(line) for line in str(cell).splitlines()), default=0)


def legend(meanings: Mapping[str, str], parts: Iterable[object] = (), columns: Collection[str] = ()) -> Table:
    """What the terms of a report mean, a line each.

    Args:
        meanings: term -> meaning.
        parts: of the report; its tables, as they were fitted, say which columns are shown.
        columns: those terms that are titles of columns, and have no line where no table shows them.
    """
    shown = {str(column.header) for part in parts if isinstance(part, Table) for column in part.columns}
    grid = Table.grid(padding=(0, 2))
    for term, meaning in meanings.items():
        if term in shown or term not in columns:
            grid.add_row(Text(term, style="dim", no_wrap=True), Text(meaning, style="dim"))
    return grid


def joined(names: Sequence[str]) -> str:
    """a, b and c."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def sparkline(shares: Sequence[float | None]) -> str:
    """Shares of a whole as bars; those beyond 0 and 1 are drawn as these, None as nothing."""
    top = len(BARS) - 1
    return "".join(" " if share is None else BARS[min(max(round(share * top), 0), top)] for share in shares)


def place(value: float, limits: tuple[float, float], width: int) -> int:
    """The column of a plot `width` wide in which a value is drawn: at the edge if it lies beyond the limits."""
    low, high = limits
    return round((min(max(value, low), high) - low) / (high - low) * (width - 1))


def interval_plot(
    value: float | None,
    low: float | None,
    high: float | None,
    limits: tuple[float, float],
    width: int,
    marks: Sequence[float],
) -> str:
    """A value as a point on its interval, with ┊ at the marks; '' without a value."""
    if value is None:
        return ""
    line = [" "] * width
    for mark in marks:
        line[place(mark, limits, width)] = "┊"
    if low is not None and high is not None:
        first, last = place(low, limits, width), place(high, limits, width)
        line[first : last + 1] = "─" * (last + 1 - first)
    line[place(value, limits, width)] = "●"
    return "".join(line)
