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
ROOM = "room"  # the parameter that a legend's columns depend on: the width of the whole chart, known before it is drawn
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
        series: key of the name of the line; told apart by colour, and by dash or shape.
        low: key of the band's lower end; both ends or neither.
        high: key of its upper end.
        points: whether values are marked, by shapes instead of dashes.
        reference: a level to draw across.
        reference_label: what it is.
        height: in pixels.
    """
    import altair as alt

    names = list(dict.fromkeys(str(row[series]) for row in rows)) if series else []
    data = alt.InlineData(values=_values(rows))  # given once: altair copies it with every step
    base = alt.Chart().encode(x=_x(x))
    shown: list[alt.Chart] = []
    colour: dict[str, Any] = {}
    marks: dict[str, Any] = {}
    dashes: dict[str, Any] = {}
    if series:
        # Legends of one domain become one, if those of the same channel agree in all layers.
        same: dict[str, Any] = {"type": "nominal", "sort": names, "title": None}
        legend = legend_of(names, points)
        colour = {"color": alt.Color(series, scale=alt.Scale(domain=names), legend=legend, **same)}
        others = SHAPES if points else DASHES  # where colours begin again, these are one further
        kinds = [others[(number + number // CATEGORIES) % CATEGORIES] for number in range(len(names))]
        scale = alt.Scale(domain=names, range=kinds)
        if points:
            marks = {"shape": alt.Shape(series, scale=scale, legend=legend, **same)}
        else:
            dashes = {"strokeDash": alt.StrokeDash(series, scale=scale, legend=legend, **same)}
    cut = x.domain is not None or y.domain is not None  # else nothing lies beyond, and an edge would halve its points
    known = any(row.get(low) is not None and row.get(high) is not None for row in rows) if low and high else False
    if known:
        band = base.mark_area(style="band", clip=cut)
        shown.append(band.encode(y=_y(y, low), y2=alt.Y2(high or ""), **colour))
    shown.append(base.mark_line(clip=cut).encode(y=_y(y), **colour, **dashes))
    if points:
        shown.append(base.mark_point(clip=cut).encode(y=_y(y), **colour, **marks))
    tips = [alt.Tooltip(series, type="nominal", title=" ")] if series else []
    tips += [_tip(x), _tip(y)]
    if known:
        tips += [_tip(y, low, "from"), _tip(y, high, "to")]
    shown.append(base.mark_point(size=150, opacity=0).encode(y=_y(y), tooltip=tips).properties(name=HOVER))
    if reference is not None:
        shown += _level(y, reference, reference_label)
    return alt.layer(*shown, data=data, height=height).add_params(alt.param(name=ROOM, value=600))


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
    data = alt.InlineData(values=_values(rows))
    base = alt.Chart().encode(y=alt.Y(label, type="nominal", sort=names, title=None))
    tips = [alt.Tooltip(label, type="nominal", title=" "), _tip(value)]
    tips += [_tip(value, low, "from"), _tip(value, high, "to")]
    shown: list[alt.Chart] = []
    if reference is not None:
        level = alt.Chart(alt.InlineData(values=[{"at": reference}])).mark_rule(style="reference")
        shown.append(level.encode(x=alt.X("at", type="quantitative")))
    if bars:
        shown.append(base.mark_bar(opacity=0.55, height={"band": 0.6}).encode(x=_x(value), tooltip=tips))
    style = "muted" if bars else "accent"
    if any(row.get(low) is not None and row.get(high) is not None for row in rows):
        rule = base.mark_rule(style=style, strokeWidth=2.5)
        shown.append(rule.encode(x=_x(value, low), x2=alt.X2(high), tooltip=tips))
        if bars:
            tick = base.mark_tick(style=style, thickness=2.5, size=12)
            shown += [tick.encode(x=_x(value, end)) for end in (low, high)]
    if not bars:
        shown.append(base.mark_point(size=90).encode(x=_x(value), tooltip=tips))
    return alt.layer(*shown, data=data, height=max(row_height * len(names), row_height))


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
    data = alt.InlineData(values=_values(named))
    base = alt.Chart().encode(x=across, y=down)
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
        wide = max((len(format(number, value.format.replace("~", ""))) for number in known), default=0) * _LETTER + 10
        fits = alt.ExprRef(f"width / {len(columns)} < {wide} ? 0 : 1")
        shown.append(base.transform_filter(there).mark_text(fontSize=11, opacity=fits).encode(text=text, color=ink))
    height = cell_height or max(14, min(40, 420 // max(len(downwards), 1)))
    return alt.layer(*shown, data=data, height=max(height * len(downwards), _LETTER * len(y.title)))


def legend_of(names: Sequence[str], points: bool = False) -> alt.Legend:
    """A legend above the chart, of lines or points, in as many columns as there is room for."""
    import altair as alt

    entry = _LETTER * min(max(map(len, names)), 36) + 44
    symbol: dict[str, Any] = {"symbolSize": 300, "symbolType": "stroke"}
    if points:
        symbol = {"symbolSize": 110, "symbolStrokeWidth": 0}
    return alt.Legend(
        orient="top", columns=alt.ExprRef(f"max(1, floor(({ROOM} - 60) / {entry}))"), title=None, **symbol
    )


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

    where: dict[str, Any] = {"values": list(axis.values)} if axis.values else {}
    if axis.format.endswith("d"):
        where["tickMinStep"] = 1  # of whole numbers
    ticks = alt.Axis(labelOverlap=True, **_format(axis), **where)
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

    position = _position(axis, field)
    if not axis.values:
        position["axis"].tickCount = alt.ExprRef("max(2, ceil(width / 70))")
    return alt.X(**position)


def _y(axis: Axis, field: str | None = None) -> alt.Y:
    import altair as alt

    return alt.Y(**_position(axis, field))


def _tip(axis: Axis, field: str | None = None, title: str | None = None) -> alt.Tooltip:
    import altair as alt

    return alt.Tooltip(field or axis.field, type="quantitative", title=title or axis.title, **_format(axis))


def _level(axis: Axis, at: float, label: str) -> list[alt.Chart]:
    """A line across the chart at a value of its y axis, and what it is."""
    import altair as alt

    base = alt.Chart(alt.InlineData(values=[{axis.field: at, "label": label}])).encode(y=_y(axis))
    text = base.mark_text(align="left", baseline="top", dx=5, dy=4)
    return [base.mark_rule(style="reference"), text.encode(text="label:N", x=alt.value(0))]
