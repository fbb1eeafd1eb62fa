"""Charts of the kinds that pages need. Colours and width come from the page; a chart is told apart without colour.

Rows are dicts of plain numbers and strings; an undefined number is None and leaves a gap. All field names are ours, so
that no string from a trial set is ever read as part of Vega-Lite's language; titles and labels are text to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from seedbench.figures.theme import CATEGORIES, DASHES, SHAPES

if TYPE_CHECKING:
    import altair as alt

    Drawn: TypeAlias = alt.LayerChart | alt.FacetChart  # as altair types what it layers

Rows = Sequence[Mapping[str, Any]]
HOVER = "hover"  # layers of this name are there for a pointer only; a static picture leaves them out
_LETTER = 7  # pixels, roughly
_CROSS = "M-1,-1L1,1M-1,1L1,-1"


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


def lines(
    rows: Rows,
    x: Axis,
    y: Axis,
    *,
    series: str | None = None,
    low: str | None = None,
    high: str | None = None,
    points: bool = False,
    reference: float | None = None,
    reference_label: str = "",
    height: int = 280,
) -> Drawn:
    """Lines over x, one for each value of `series` in the order of their appearance, with a band from low to high.

    Args:
        rows: one per line and x; y, low and high may be None.
        x: the axis to the right.
        y: the axis upwards.
        series: key of the name of the line; told apart by colour, dash and shape.
        low: key of the band's lower end; both ends or neither.
        high: key of its upper end.
        points: whether values are marked too.
        reference: a level to draw across.
        reference_label: what it is.
        height: in pixels.
    """
    import altair as alt

    names = list(dict.fromkeys(str(row[series]) for row in rows)) if series else []
    base = alt.Chart(alt.Data(values=_values(rows))).encode(x=_x(x))
    shown: list[alt.Chart] = []
    colour: dict[str, Any] = {}
    marks: dict[str, Any] = {}
    if series:
        # Legends of the same domain become one; so do those of equal layers.
        same: dict[str, Any] = {
            "type": "nominal",
            "sort": names,
            "legend": legend_of(names, 120 if points else 300),
            "title": None,
        }
        colour = {"color": alt.Color(series, scale=alt.Scale(domain=names), **same)}
        dashes = alt.Scale(domain=names, range=[DASHES[number % CATEGORIES] for number in range(len(names))])
        marks = {"strokeDash": alt.StrokeDash(series, scale=dashes, **same)}
    if low and high:
        band = base.mark_area(style="band", clip=True)
        shown.append(band.encode(y=_y(y, low), y2=alt.Y2(high), **colour))
    shown.append(base.mark_line(clip=True).encode(y=_y(y), **colour, **marks))
    if points:
        shape = {}
        if series:
            shapes = alt.Scale(domain=names, range=[SHAPES[number % CATEGORIES] for number in range(len(names))])
            shape = {"shape": alt.Shape(series, scale=shapes, **same)}
        shown.append(base.mark_point(clip=True).encode(y=_y(y), **colour, **shape))
    tips = [alt.Tooltip(series, type="nominal", title=" ")] if series else []
    tips += [_tip(x), _tip(y)]
    if low and high:
        tips += [_tip(y, low, "from"), _tip(y, high, "to")]
    shown.append(base.mark_point(size=150, opacity=0).encode(y=_y(y), tooltip=tips).properties(name=HOVER))
    if reference is not None:
        shown += _level(y, reference, reference_label)
    return alt.layer(*shown, height=height)


def intervals(
    rows: Rows,
    value: Axis,
    *,
    label: str = "label",
    low: str = "low",
    high: str = "high",
    bars: bool = False,
    reference: float | None = None,
    row_height: int = 34,
) -> Drawn:
    """A dot with its interval for each row, from top to bottom; or a bar from 0 with its interval.

    Args:
        rows: `value.field`, low and high may be None.
        value: the axis to the right.
        label: key of the row's name.
        low: key of the interval's lower end.
        high: key of its upper end.
        bars: bars from 0 instead of dots.
        reference: a value to draw a line at, such as 0 for differences.
        row_height: in pixels.
    """
    import altair as alt

    names = list(dict.fromkeys(str(row[label]) for row in rows))
    base = alt.Chart(alt.Data(values=_values(rows))).encode(y=alt.Y(label, type="nominal", sort=names, title=None))
    tips = [alt.Tooltip(label, type="nominal", title=" "), _tip(value)]
    tips += [_tip(value, low, "from"), _tip(value, high, "to")]
    shown: list[alt.Chart] = []
    if reference is not None:
        rule = alt.Chart(alt.Data(values=[{"at": reference}])).mark_rule(style="reference")
        shown.append(rule.encode(x=alt.X("at", type="quantitative")))
    if bars:
        shown.append(base.mark_bar(opacity=0.55, height={"band": 0.6}).encode(x=_x(value), tooltip=tips))
    style = "muted" if bars else "accent"
    shown.append(base.mark_rule(style=style, strokeWidth=2.5).encode(x=_x(value, low), x2=alt.X2(high), tooltip=tips))
    if bars:
        for end in (low, high):
            shown.append(base.mark_tick(style=style, thickness=2.5, size=12).encode(x=_x(value, end)))
    else:
        shown.append(base.mark_point(size=90).encode(x=_x(value), tooltip=tips))
    return alt.layer(*shown, height=max(row_height * len(names), row_height))


def heatmap(
    rows: Rows,
    x: Axis,
    y: Axis,
    value: Axis,
    *,
    reverse: bool = False,
    digits: bool = False,
    cell_height: int | None = None,
) -> Drawn:
    """A grid of cells, in the order in which x and y first appear in the rows; a cell without a value is crossed out.

    Args:
        rows: one per cell; its value may be None.
        x: the columns, by name.
        y: the rows, by name.
        value: what the colour tells.
        reverse: whether small values are the light ones.
        digits: whether each cell's value is written in it, where there is room.
        cell_height: in pixels; chosen if None.
    """
    import altair as alt

    columns = list(dict.fromkeys(str(row[x.field]) for row in rows))
    downwards = list(dict.fromkeys(str(row[y.field]) for row in rows))
    named = [{**row, x.field: str(row[x.field]), y.field: str(row[y.field])} for row in rows]
    labels = alt.Axis(labelOverlap=True, labelAngle=0, titlePadding=10, grid=False, domain=False, ticks=False)
    across = alt.X(x.field, type="nominal", sort=columns, title=x.title, axis=labels)
    down = alt.Y(y.field, type="nominal", sort=downwards, title=y.title, axis=labels)
    base = alt.Chart(alt.Data(values=_values(named))).encode(x=across, y=down)
    tips = [alt.Tooltip(x.field, type="nominal", title=x.title), alt.Tooltip(y.field, type="nominal", title=y.title)]
    tips.append(_tip(value))
    scale = alt.Scale(scheme="viridis", reverse=reverse, **_domain(value))
    legend = alt.Legend(tickCount=3, **_format(value))
    colour = alt.Color(value.field, type="quantitative", title=value.title, scale=scale, legend=legend)
    there = f"isValid(datum.{value.field})"
    cells = base.transform_filter(there).mark_rect().encode(color=colour, tooltip=tips)
    holes = base.transform_filter(f"!{there}").mark_point(style="muted", shape=_CROSS, size=90, filled=False)
    shown = [cells, holes.encode(tooltip=tips)]
    if digits:
        known = sorted(row[value.field] for row in _values(rows) if row[value.field] is not None)
        low, high = value.domain or (known[0], known[-1]) if known else (0, 0)
        bright = f"datum.{value.field} {'<' if reverse else '>'} {low + (high - low) * (0.4 if reverse else 0.6)!r}"
        ink = alt.condition(bright, alt.value("#000000"), alt.value("#ffffff"))  # on viridis, in either theme
        text = alt.Text(value.field, type="quantitative", format=value.format)
        wide = max((len(f"{number:{value.format}}") for number in known), default=0) * _LETTER + 4
        fits = alt.ExprRef(f"width / {len(columns)} < {wide} ? 0 : 1")
        shown.append(base.transform_filter(there).mark_text(fontSize=11, opacity=fits).encode(text=text, color=ink))
    height = cell_height or max(14, min(40, 420 // max(len(downwards), 1)))
    return alt.layer(*shown, height=height * len(downwards))


def legend_of(names: Sequence[str], symbol_size: int = 300) -> alt.Legend:
    """A legend above the chart, in as many columns as there is room for."""
    import altair as alt

    room = _LETTER * min(max(map(len, names)), 36) + 44
    columns = alt.ExprRef(f"max(1, floor(width / {room}))")
    return alt.Legend(orient="top", columns=columns, symbolType="stroke", symbolSize=symbol_size, title=None)


def _values(rows: Rows) -> list[dict[str, Any]]:
    """The rows with six significant digits, which a picture cannot tell from more; what is not finite is None."""

    def short(value: Any) -> Any:
        if not isinstance(value, Real) or isinstance(value, int):
            return value
        return float(f"{value:.6g}") if math.isfinite(value) else None

    return [{key: short(value) for key, value in row.items()} for row in rows]


def _domain(axis: Axis) -> dict[str, Any]:
    return {"domain": list(axis.domain), "nice": False} if axis.domain else {}


def _format(axis: Axis) -> dict[str, Any]:
    return {"format": axis.format} if axis.format else {}


def _position(axis: Axis, field: str | None) -> dict[str, Any]:
    import altair as alt

    values: dict[str, Any] = {"values": list(axis.values)} if axis.values else {}
    ticks = alt.Axis(labelOverlap=True, **_format(axis), **values)
    kind = {"nice": False} if axis.scale == "log" else {"zero": axis.zero}
    scale = alt.Scale(type=axis.scale, **{**kind, **_domain(axis)})
    return {
        "shorthand": field or axis.field,
        "type": "quantitative",
        "title": axis.title,
        "scale": scale,
        "axis": ticks,
    }


def _x(axis: Axis, field: str | None = None) -> alt.X:
    import altair as alt

    return alt.X(**_position(axis, field))


def _y(axis: Axis, field: str | None = None) -> alt.Y:
    import altair as alt

    return alt.Y(**_position(axis, field))


def _tip(axis: Axis, field: str | None = None, title: str | None = None) -> alt.Tooltip:
    import altair as alt

    return alt.Tooltip(field or axis.field, type="quantitative", title=title or axis.title, **_format(axis))


def _level(axis: Axis, at: float, label: str) -> list[alt.Chart]:
    """A line across the chart at a value of its y axis, and what it is."""
    import altair as alt

    base = alt.Chart(alt.Data(values=[{axis.field: at, "label": label}])).encode(y=_y(axis))
    text = base.mark_text(align="left", baseline="top", dx=5, dy=4)
    return [base.mark_rule(style="reference"), text.encode(text="label:N", x=alt.value(0))]
