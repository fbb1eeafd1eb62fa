"""Layers that charts of several kinds have: what tells series apart, levels drawn across, and grey lines beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seedbench.display.axes import Axis, Rows, across, legend_of, upwards, values_of
from seedbench.display.theme import CATEGORIES, DASHES, SHAPES

if TYPE_CHECKING:
    import altair as alt


def told_apart(
    series: str, names: Sequence[str], points: bool, offset: int = 18
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The colours of a series, and the shapes of its points or the dashes of its lines, as encodings.

    Where the colours begin again, the others are one further. Legends of one domain become one, if those of the same
    channel agree in all layers.
    """
    import altair as alt

    same: dict[str, Any] = {
        "type": "nominal",
        "sort": list(names),
        "title": None,
        "legend": legend_of(names, points, offset),
    }
    others: Sequence[Any] = SHAPES if points else DASHES
    kinds = [others[(number + number // CATEGORIES) % CATEGORIES] for number in range(len(names))]
    scale = alt.Scale(domain=list(names), range=kinds)
    colour = {"color": alt.Color(series, scale=alt.Scale(domain=list(names)), **same)}
    if points:
        return colour, {"shape": alt.Shape(series, scale=scale, **same)}
    return colour, {"strokeDash": alt.StrokeDash(series, scale=scale, **same)}


def levels_across(
    levels: Mapping[str, float], *, x: Axis | None = None, y: Axis | None = None, middle: float = 0.0
) -> list[alt.Chart]:
    """Lines at values of one axis, and what they are; labels beyond the middle stand to the left."""
    import altair as alt

    drawn = []
    for label, at in levels.items():
        base = alt.Chart(alt.InlineData(values=[{"at": at, "label": label}]))
        if y is not None:
            base = base.encode(y=upwards(y, "at"))
            text = base.mark_text(align="left", baseline="top", dx=5, dy=4).encode(x=alt.value(0))
        elif x is not None:
            base = base.encode(x=across(x, "at"))
            text = base.mark_text(align="right" if at > middle else "center", baseline="bottom", dy=-5).encode(
                y=alt.value(0)
            )
        drawn += [base.mark_rule(style="reference"), *([text.encode(text="label:N")] if label else [])]
    return drawn


def marked_lines(rows: Rows, x: Axis, y: Axis) -> list[alt.Chart]:
    """Grey lines, each with its label at its end: above the one that ends highest, below the others."""
    import altair as alt

    values = [row for row in values_of(rows) if row[y.field] is not None]
    last = {row["label"]: row for row in sorted(values, key=lambda row: row[x.field])}
    base = alt.Chart(alt.InlineData(values=values)).encode(x=across(x), y=upwards(y), detail="label:N")
    drawn = [base.mark_line(style="muted", strokeDash=[2, 3])]
    for place, row in enumerate(sorted(last.values(), key=lambda row: -row[y.field])):
        side: dict[str, Any] = {"baseline": "top", "dy": 4} if place else {"baseline": "bottom", "dy": -4}
        end = alt.Chart(alt.InlineData(values=[row])).encode(x=across(x), y=upwards(y), text="label:N")
        drawn.append(end.mark_text(style="muted", align="right", **side))
    return drawn
