"""Charts and pictures of them: gaps for what is not known, files that stay small, colours that can be told apart."""

from __future__ import annotations

import itertools
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from seedbench import display
from seedbench.display import Column, Page, Table, charts, render
from seedbench.display.charts import Axis
from seedbench.display.theme import CATEGORIES, DASHES, SHAPES, THEMES
from seedbench.errors import SeedbenchError
from tests.display.examples import HOSTILE, SCORE, N, two_by_three, two_lines


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(SeedbenchError, match=r"^figures need vl_convert: pip install 'seedbench\[html\]'$"):
        display.require()


def test_undefined_numbers_are_gaps_and_dashes():
    rows = [{"n": 1, "score": 0.5}, {"n": 2, "score": float("nan")}, {"n": 3, "score": None}]
    spec = charts.lines(rows, N, SCORE, low="low", high="high").to_dict()
    (values,) = spec["datasets"].values()
    assert [row["score"] for row in values] == [0.5, None, None]
    assert [layer["mark"]["type"] for layer in spec["layer"]] == ["line", "point"]  # no band of nothing
    table = Table((Column("score", numeric=True),), ((None,), (float("nan"),), (0.25,)))
    assert render(Page("Numbers", (table,))).count('data-none="">–</td>') == 2


def test_a_picture_is_small_and_static(tmp_path):
    display.save(two_lines(), tmp_path / "lines.svg", title="A title")
    display.save(two_lines(), tmp_path / "dark.svg", theme="dark", width=400)
    display.save(two_by_three(), tmp_path / "cells.png")
    light, dark = (ElementTree.parse(tmp_path / name).getroot() for name in ("lines.svg", "dark.svg"))
    assert "A title" in "".join(light.itertext())
    assert (light.get("width"), dark.get("width")) == ("640", "400")
    text = (tmp_path / "lines.svg").read_text(encoding="utf-8")
    assert len(text) < 12_000 and 'opacity="0"' not in text  # nothing for a pointer
    assert THEMES["light"]["category"][0] in text
    assert THEMES["dark"]["category"][0] in (tmp_path / "dark.svg").read_text(encoding="utf-8")
    assert (tmp_path / "cells.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "cells.png").stat().st_size < 60_000


def test_a_picture_of_both_themes_follows_the_reader(browser, tmp_path):
    """The colours that a browser draws are those of the theme that is preferred."""
    display.save(two_lines(), tmp_path / "both.svg", theme="both")
    line = "document.querySelector('.mark-line path')"
    for theme in ("light", "dark"):
        page = browser.new_page(color_scheme=theme)
        page.goto((tmp_path / "both.svg").as_uri())
        drawn = page.evaluate(f"getComputedStyle({line}).stroke")
        red, green, blue = bytes.fromhex(THEMES[theme]["category"][0][1:])
        assert drawn == f"rgb({red}, {green}, {blue})"
        page.close()


def test_hostile_text_in_a_picture_is_text(tmp_path):
    rows = [{"label": HOSTILE, "v": 1.0, "low": 0.0, "high": 2.0}]
    display.save(charts.intervals(rows, Axis("v", HOSTILE)), tmp_path / "a.svg", title=HOSTILE)
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert HOSTILE in "".join(root.itertext())
    assert not [element.tag for element in root.iter() if element.tag.endswith(("script", "image", "a"))]


@pytest.mark.parametrize(
    ("name", "theme", "said"),
    [
        ("a.pdf", "light", "ends in .svg or .png"),
        ("a.svg", "sepia", "light or dark"),
        ("a.png", "both", "or both in an SVG"),
    ],
)
def test_no_other_picture(tmp_path, name, theme, said):
    with pytest.raises(SeedbenchError, match=said):
        display.save(two_lines(), tmp_path / name, theme=theme)
    assert not list(tmp_path.iterdir())


# Colour vision without one kind of cone, on linear RGB: Machado, Oliveira and Fernandes 2009, severity 1.0.
VISIONS = {
    "all cones": np.eye(3),
    "no long": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no medium": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "no short": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(colour: str) -> np.ndarray:
    """#rrggbb -> linear RGB [3]."""
    c = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    """Linear RGB [3] -> CIE L*a*b* [3]."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    f = np.cbrt(np.maximum(to_xyz @ rgb / [0.9505, 1, 1.089], 1e-9))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio."""
    dark, light = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_colours_can_be_told_apart_and_read(theme):
    for matrix in VISIONS.values():
        seen = [lab(np.clip(np.asarray(matrix) @ linear(colour), 0, 1)) for colour in theme["category"]]
        assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 20  # 2.3 is just noticeable
    assert all(contrast(colour, theme["paper"]) >= 3 for colour in theme["category"])  # WCAG 2.2, graphics
    for name, paper in itertools.product(("ink", "muted", "link"), ("paper", "raised")):
        assert contrast(theme[name], theme[paper]) >= 4.5  # WCAG 2.2, text
    assert len(theme["category"]) == len(set(map(str, DASHES))) == len(set(SHAPES)) == CATEGORIES


def test_twelve_lines_share_no_pair_of_colour_and_dash():
    rows = [{"n": 0, "score": number, "which": f"line {number}"} for number in range(2 * CATEGORIES)]
    spec = charts.lines(rows, N, SCORE, series="which").to_dict()
    dashes = spec["layer"][0]["encoding"]["strokeDash"]["scale"]["range"]
    pairs = {(number % CATEGORIES, str(dash)) for number, dash in enumerate(dashes)}
    assert len(pairs) == 2 * CATEGORIES


def test_values_that_are_nearly_equal_have_ticks_that_differ():
    """Of trials that all end alike the axis spans less than its numbers have digits for."""
    import vl_convert

    rows = [{"x": x, "y": 0.57 + 1e-5 * x} for x in (0.0, 0.5, 1.0)]
    chart = charts.lines(rows, Axis("x", "share", format=".0%"), Axis("y", "score", format=".2f")).to_dict()
    svg = vl_convert.vegalite_to_svg(chart)
    labels = re.findall(r">(0\.\d\d)</text>", svg)
    assert labels and len(labels) == len(set(labels))
