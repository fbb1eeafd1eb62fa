"""Axes, legends and tooltips of charts, and the numbers along them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import altair as alt

Rows = Sequence[Mapping[str, Any]]
ROOM = "room"  # the parameter that a legend's columns depend on: the width of the whole chart, known before it is drawn
LETTER = 7  # pixels, roughly


@dataclass(frozen=True)
class Axis:
    """What is drawn along an axis, or as colour.

    Attributes:
        field: the key of the rows.
        title: what it is, with its unit.
        format: of its numbers, in d3's notation (".3f", "%").
        scale: "linear" or "log".
        zero: whether the axis begins at 0.
        domain: both ends; from the rows if None.
        values: where its ticks are; chosen if None.
    """

    field: str
    title: str
    format: str = ""
    scale: Literal["linear", "log"] = "linear"
    zero: bool = False
    domain: tuple[float, float] | None = None
    values: tuple[float, ...] | None = None


def legend_of(names: Sequence[str], points: bool = False, offset: int = 18) -> alt.Legend:
    """A legend `offset` pixels above the chart, of lines or points, in as many columns as there is room for."""
    import altair as alt

    entry = LETTER * min(max(map(len, names)), 36) + 44
    symbol: dict[str, Any] = {"symbolSize": 300, "symbolType": "stroke"}
    if points:
        symbol = {"symbolSize": 110, "symbolStrokeWidth": 0}
    symbol["symbolOpacity"] = 1  # not that of a band
    columns = alt.ExprRef(f"max(1, floor(({ROOM} - 60) / {entry}))")
    return alt.Legend(orient="top", columns=columns, offset=offset, title=None, **symbol)


def values_of(rows: Rows) -> list[dict[str, Any]]:
    """The rows with six significant digits, which a picture cannot tell from more; what is not finite is None."""

    def short(value: Any) -> Any:
        if not isinstance(value, Real) or isinstance(value, int):
            return value
        return float(f"{value:.6g}") if math.isfinite(value) else None

    return [{key: short(value) for key, value in row.items()} for row in rows]


def domain_of(axis: Axis) -> dict[str, Any]:
    return {"domain": list(axis.domain), "nice": False} if axis.domain else {}


def number_format(axis: Axis) -> dict[str, Any]:
    return {"format": axis.format} if axis.format else {}


def _position(axis: Axis, field: str | None) -> dict[str, Any]:
    import altair as alt

    where: dict[str, Any] = {"values": list(axis.values)} if axis.values else {}
    if (step := _smallest_step(axis.format)) is not None:
        where["tickMinStep"] = step  # else values that are nearly equal have ticks that all say the same
    ticks = alt.Axis(labelOverlap=True, **number_format(axis), **where)
    kind = {"nice": False} if axis.scale == "log" else {"zero": axis.zero}
    scale = alt.Scale(type=axis.scale, **{**kind, **domain_of(axis)})
    return {
        "shorthand": field or axis.field,
        "type": "quantitative",
        "title": axis.title,
        "scale": scale,
        "axis": ticks,
    }


def with_room(axis: Axis, rows: Rows, fields: Sequence[str | None], levels: Sequence[float] = ()) -> Axis:
    """The axis with a domain of some of the smallest steps that its numbers show, where all values lie closer together.

    Args:
        axis: where it has a domain, or shows all digits, it is left as it is.
        rows: as they are drawn.
        fields: the keys of what is drawn along it.
        levels: what is drawn besides.
    """
    step = _smallest_step(axis.format)
    known = [row[field] for row in rows for field in fields if field is not None and row.get(field) is not None]
    ends = [float(value) for value in (*known, *levels) if math.isfinite(value)]
    if step is None or step >= 1 or axis.domain or axis.zero or axis.values or axis.scale == "log" or not ends:
        return axis
    if max(ends) - min(ends) > 2 * step:
        return axis
    middle = round((max(ends) + min(ends)) / 2 / step) * step
    return replace(axis, domain=(middle - 2 * step, middle + 2 * step))


def _smallest_step(format_: str) -> float | None:
    """The step between two numbers that a format can tell apart; None where it shows all their digits."""
    if format_.endswith("d"):
        return 1
    found = re.fullmatch(r"[+,~]*\.(\d+)~?([f%])", format_)
    return None if found is None else 10.0 ** -(int(found[1]) + (2 if found[2] == "%" else 0))


def across(axis: Axis, field: str | None = None) -> alt.X:
    import altair as alt

    position = _position(axis, field)
    if not axis.values:
        position["axis"].tickCount = alt.ExprRef("max(2, ceil(width / 70))")
    return alt.X(**position)


def upwards(axis: Axis, field: str | None = None) -> alt.Y:
    import altair as alt

    return alt.Y(**_position(axis, field))


def tip(axis: Axis, field: str | None = None, title: str | None = None) -> alt.Tooltip:
    import altair as alt

    return alt.Tooltip(field or axis.field, type="quantitative", title=title or axis.title, **number_format(axis))
