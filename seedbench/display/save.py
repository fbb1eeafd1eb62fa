"""A chart as a static picture, the same as on a page, without what only a pointer would find."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seedbench.display.axes import ROOM
from seedbench.display.charts import HOVER
from seedbench.display.page import require, vega_lite_version
from seedbench.display.theme import THEMES, dark_rules, vega_config
from seedbench.errors import SeedbenchError
from seedbench.files import write_file

if TYPE_CHECKING:
    import altair as alt


def save(
    chart: alt.TopLevelMixin, path: str | PathLike[str], *, theme: str = "light", width: int = 640, title: str = ""
) -> None:
    """Writes a chart as SVG or PNG, by the ending of `path`.

    Args:
        chart: as on a page.
        path: a file that ends in .svg or .png.
        theme: "light" or "dark"; or "both", for an SVG that follows the reader's preference.
        width: in pixels; charts beside or above one another, and facets, have widths of their own.
        title: written above; a page has it in its text instead.

    Raises:
        SeedbenchError: another ending or theme, the file cannot be written, or altair or vl-convert-python is not
            installed.
    """
    require()
    import vl_convert

    path = Path(path)
    check_ending(path)
    if theme not in (*THEMES, "both") or (theme == "both" and path.suffix != ".svg"):
        raise SeedbenchError(f"a theme is light or dark, or both in an SVG; found {theme!r} for {path}")
    spec = _static(chart.to_dict())
    if not {"vconcat", "hconcat", "facet"} & spec.keys():
        spec |= {"width": width, "autosize": {"type": "fit-x", "contains": "padding"}}
        spec["params"] = [{**each, "value": width} if each["name"] == ROOM else each for each in spec.get("params", ())]
    if title:
        spec["title"] = title
    config = vega_config("light" if theme == "both" else theme)
    how: dict[str, Any] = {"vl_version": vega_lite_version(), "config": {**config, "aria": False}}
    if path.suffix == ".png":
        write_file(path, vl_convert.vegalite_to_png(spec, scale=2, **how))
        return
    drawn = vl_convert.vegalite_to_svg(spec, **how)
    if theme == "both":
        drawn = drawn.replace("><", f"><style>{dark_rules()}</style><", 1)
    write_file(path, drawn)


def check_ending(path: Path) -> None:
    """Refuses what is neither SVG nor PNG.

    Raises:
        SeedbenchError: by its ending.
    """
    if path.suffix not in (".svg", ".png"):
        raise SeedbenchError(f"{path}: a picture ends in .svg or .png")


def _static(spec: dict[str, Any]) -> dict[str, Any]:
    """The specification without layers for a pointer, tooltips and a description per mark."""
    spec = {key: value for key, value in spec.items() if key != "config"}
    for beside in ("vconcat", "hconcat"):
        if beside in spec:
            spec[beside] = [_static(part) for part in spec[beside]]
    if "facet" in spec:
        spec["spec"] = _static(spec["spec"])
    if "layer" in spec:
        spec["layer"] = [_static(layer) for layer in spec["layer"] if layer.get("name") != HOVER]
    if "mark" in spec:
        spec["mark"] = {**spec["mark"], "aria": False} if isinstance(spec["mark"], dict) else spec["mark"]
        spec["encoding"] = {key: value for key, value in spec.get("encoding", {}).items() if key != "tooltip"}
    return spec
