"""Charts of the kinds that pages need. Colours and width come from the page; a chart is told apart without colour.

Rows are dicts of plain numbers and strings; an undefined number is None and leaves a gap. All field names are ours, so
that no string from a trial set is ever read as part of Vega-Lite's language; titles and labels are text to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from seedbench.display.axes import (
    LETTER,
    ROOM,
    Axis,
    Rows,
    across,
    domain_of,
    number_format,
    tip,
    upwards,
    values_of,
    with_room,
)
from seedbench.display.layers import levels_across, marked_lines, told_apart

if TYPE_CHECKING:
    import altair as alt

    Drawn: TypeAlias = alt.LayerChart | alt.FacetChart  # as altair types what it layers

HOVER = "hover"  # layers of this name are there for a pointer only; a static picture leaves them out
_ABOVE = 30  # pixels between a legend and a chart that has labels above it
LEFT, RIGHT = "left", "right"  # where along x a point stands that is beside others, or a bar begins and ends
_CROSS = "M-1,-1L1,1M-1,1L1,-1"


def lines(
    rows: Rows,
    x: Axis,
    y: Axis,
    *,
    series: str | None = None,
    low: str | None = None,
    high: str | None = None,
    points: bool = False,
    levels: Mapping[str, float] = MappingProxyType({}),
    marked: Rows = (),
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
        levels: values of y to draw across, by what they are ("" goes without saying).
        marked: more lines to see the others against, in grey; the key "label" says at its end what each is.
        height: in pixels.
    """
    import altair as alt

    y = with_room(y, [*rows, *marked], (y.field, low, high), tuple(levels.values()))
    names = list(dict.fromkeys(str(row[series]) for row in rows)) if series else []
    data = alt.InlineData(values=values_of(rows))  # given once: altair copies it with every step
    base = alt.Chart().encode(x=across(x))
    shown: list[alt.Chart] = []
    colour: dict[str, Any] = {}
    marks: dict[str, Any] = {}
    dashes: dict[str, Any] = {}
    if series:
        colour, told = told_apart(series, names, points)
        marks, dashes = (told, {}) if points else ({}, told)
    cut = _beyond(rows, x) or _beyond(rows, y)  # else nothing is cut, and no point on an edge is halved
    known = any(row.get(low) is not None and row.get(high) is not None for row in rows) if low and high else False
    if known:
        band = base.mark_area(opacity=min(0.2, 0.4 / max(len(names), 1)), clip=cut or y.domain is not None)
        shown.append(band.encode(y=upwards(y, low), y2=alt.Y2(high or ""), **colour))
    shown.append(base.mark_line(clip=cut).encode(y=upwards(y), **colour, **dashes))
    if points:
        shown.append(base.mark_point(clip=cut).encode(y=upwards(y), **colour, **marks))
    tips = [alt.Tooltip(series, type="nominal", title=" ")] if series else []
    tips += [tip(x), tip(y)]
    if known:
        tips += [tip(y, low, "from"), tip(y, high, "to")]
    shown.append(base.mark_point(size=150, opacity=0).encode(y=upwards(y), tooltip=tips).properties(name=HOVER))
    shown += levels_across(levels, y=y)
    if marked:
        shown += marked_lines(marked, x, y)
    return alt.layer(*shown, data=data, height=height).add_params(alt.param(name=ROOM, value=600))


def beside(
    rows: Rows,
    points: Rows,
    x: Axis,
    y: Axis,
    *,
    series: str,
    low: str = "low",
    high: str = "high",
    levels: Mapping[str, float] = MappingProxyType({}),
    label: str = "",
    height: int = 340,
) -> Drawn:
    """A bar across with its band at every x, and before it points of several series, side by side so that all are seen.

    Args:
        rows: of the bars, one per x; y, low and high may be None.
        points: one per series and x; y, low and high may be None. A pointer finds the interval.
        x: the axis to the right, of numbers above 0 whose ratios count: its ticks are where the rows are.
        y: the axis upwards.
        series: key of the name of a point; told apart by colour and shape.
        low: key of the lower end of an interval.
        high: key of its upper end.
        levels: values of y to draw across, by what they are.
        label: what a bar and its band are, said below the last one.
        height: in pixels.
    """
    import altair as alt

    y = with_room(y, [*rows, *points], (y.field, low, high), tuple(levels.values()))
    places = sorted({row[x.field] for row in (*rows, *points)})
    names = list(dict.fromkeys(str(row[series]) for row in points))
    room = min((math.log2(two / one) for one, two in pairwise(places)), default=1.0)
    step = min(room / 8, 0.72 * room / max(len(names), 1))  # between two points
    moved = {name: 2 ** ((number - (len(names) - 1) / 2) * step) for number, name in enumerate(names)}
    half = 2 ** (0.44 * room)
    ends = (places[0] * 2 ** (-room / 2), places[-1] * 2 ** (room / 2))
    x = replace(x, scale="log", domain=ends, values=tuple(places))

    def along(field: str | None = None) -> alt.X:
        return across(x, field).axis(labelOverlap=True, grid=False, values=places, **number_format(x))

    bars = [{**row, LEFT: row[x.field] / half, RIGHT: row[x.field] * half} for row in values_of(rows)]
    known = [row for row in bars if row.get(low) is not None and row.get(high) is not None]
    base = alt.Chart(alt.InlineData(values=bars)).encode(x=along(LEFT), x2=alt.X2(RIGHT))
    tips = [tip(x), tip(y), *([tip(y, low, "from"), tip(y, high, "to")] if known else [])]
    shown: list[alt.Chart] = []
    if known:
        band = alt.Chart(alt.InlineData(values=known)).encode(x=along(LEFT), x2=alt.X2(RIGHT), tooltip=tips)
        shown.append(band.mark_rect(style="muted", opacity=0.22).encode(y=upwards(y, low), y2=alt.Y2(high)))
    shown += levels_across(levels, y=y)
    shown.append(base.mark_rule(style="ink", strokeWidth=2.5).encode(y=upwards(y), tooltip=tips))
    if label:
        last = alt.Chart(alt.InlineData(values=bars[-1:])).encode(x=along(RIGHT), y=upwards(y, low if known else None))
        shown.append(last.mark_text(align="right", baseline="top", dy=4).encode(text=alt.value(label)))
    placed = [{**row, LEFT: row[x.field] * moved[str(row[series])]} for row in points]
    dots = alt.Chart(alt.InlineData(values=values_of(placed))).encode(x=along(LEFT), y=upwards(y))
    colour, marks = told_apart(series, names, True)
    shown.append(dots.mark_point(size=60).encode(**colour, **marks))
    found = dots.mark_point(size=150, opacity=0).properties(name=HOVER)
    shown.append(found.encode(tooltip=[alt.Tooltip(series, type="nominal", title=" "), *tips]))
    return alt.layer(*shown, height=height).add_params(alt.param(name=ROOM, value=600))


def intervals(
    rows: Rows,
    value: Axis,
    *,
    label: str = "label",
    low: str = "low",
    high: str = "high",
    bars: bool = False,
    series: str | None = None,
    levels: Mapping[str, float] = MappingProxyType({}),
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
        series: key of a group of rows; told apart by colour and shape.
        levels: values to draw lines at, such as 0 for differences, by what they are ("" goes without saying).
        row_height: in pixels.
    """
    import altair as alt

    names = list(dict.fromkeys(str(row[label]) for row in rows))
    data = alt.InlineData(values=values_of(rows))
    base = alt.Chart().encode(y=alt.Y(label, type="nominal", sort=names, title=None))
    tips = [alt.Tooltip(label, type="nominal", title=" "), tip(value)]
    tips += [tip(value, low, "from"), tip(value, high, "to")]
    ends = [row[key] for row in rows for key in (value.field, low, high) if row.get(key) is not None]
    shown = levels_across(levels, x=value, middle=(min(ends) + max(ends)) / 2 if ends else 0.0)
    groups = sorted({str(row[series]) for row in rows}) if series else []  # the same colours whatever the order
    colour: dict[str, Any] = {}
    marks: dict[str, Any] = {}
    if series:
        colour, marks = told_apart(series, groups, True, _ABOVE if any(levels) else 18)
    if bars:
        shown.append(base.mark_bar(opacity=0.55, height={"band": 0.6}).encode(x=across(value), tooltip=tips))
    style = "muted" if bars else "accent"
    if any(row.get(low) is not None and row.get(high) is not None for row in rows):
        rule = base.mark_rule(style=style, strokeWidth=2.5)
        shown.append(rule.encode(x=across(value, low), x2=alt.X2(high), tooltip=tips, **colour))
        if bars:
            tick = base.mark_tick(style=style, thickness=2.5, size=12)
            shown += [tick.encode(x=across(value, end)) for end in (low, high)]
    if not bars:
        shown.append(base.mark_point(size=90).encode(x=across(value), tooltip=tips, **colour, **marks))
    drawn = alt.layer(*shown, data=data, height=max(row_height * len(names), row_height))
    return drawn.add_params(alt.param(name=ROOM, value=600))


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
    data = alt.InlineData(values=values_of(named))
    base = alt.Chart().encode(x=across, y=down)
    tips = [alt.Tooltip(x.field, type="nominal", title=x.title), alt.Tooltip(y.field, type="nominal", title=y.title)]
    tips.append(tip(value))
    scale = alt.Scale(scheme="viridis", reverse=reverse, **domain_of(value))
    legend = alt.Legend(tickCount=3, **number_format(value))
    colour = alt.Color(value.field, type="quantitative", title=value.title, scale=scale, legend=legend)
    there = f"isValid(datum.{value.field})"
    cells = base.transform_filter(there).mark_rect().encode(color=colour, tooltip=tips)
    holes = base.transform_filter(f"!{there}").mark_point(style="muted", shape=_CROSS, size=90, filled=False)
    shown = [cells, holes.encode(tooltip=tips)]
    if digits:
        known = sorted(row[value.field] for row in values_of(rows) if row[value.field] is not None)
        low, high = value.domain or (known[0], known[-1]) if known else (0, 0)
        bright = f"datum.{value.field} {'<' if reverse else '>'} {low + (high - low) * (0.4 if reverse else 0.6)!r}"
        ink = alt.condition(bright, alt.value("#000000"), alt.value("#ffffff"))  # on viridis, in either theme
        text = alt.Text(value.field, type="quantitative", format=value.format)
        wide = max((len(format(number, value.format.replace("~", ""))) for number in known), default=0) * LETTER + 10
        fits = alt.ExprRef(f"width / {len(columns)} < {wide} ? 0 : 1")
        shown.append(base.transform_filter(there).mark_text(fontSize=11, opacity=fits).encode(text=text, color=ink))
    height = cell_height or max(14, min(40, 420 // max(len(downwards), 1)))
    return alt.layer(*shown, data=data, height=max(height * len(downwards), LETTER * len(y.title)))


def _beyond(rows: Rows, axis: Axis) -> bool:
    """Whether a value lies beyond the ends that an axis is given."""
    values = [row[axis.field] for row in rows if row[axis.field] is not None]
    return axis.domain is not None and any(not axis.domain[0] <= value <= axis.domain[1] for value in values)
