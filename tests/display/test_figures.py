"""Figures: pages that stand alone, opened in a real browser; text that stays text; the same bytes again."""

from __future__ import annotations

import hashlib
import itertools
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from seedbench import display
from seedbench.display import (
    Cell,
    Chart,
    Code,
    Column,
    Details,
    Grid,
    Heading,
    Link,
    Note,
    Page,
    Paragraph,
    Source,
    Table,
    charts,
    render,
)
from seedbench.display.charts import Axis
from seedbench.display.theme import CATEGORIES, DASHES, SHAPES, THEMES
from seedbench.errors import SeedbenchError
from tests.browser import DESKTOP, PHONE, WIDE, opened

HOSTILE = (
    """</script><script>window.hacked=1</script><img src="https://x.test/a.png" onerror="window.hacked=1">'"><b>&"""
)
PAPER = Link("Dodge et al. 2020", "https://arxiv.org/abs/2002.06305")
N, SCORE = Axis("n", "trials", format=",d"), Axis("score", "accuracy", format=".3f")


def two_lines(names=("best-of-n", "start many"), **options):
    """Two lines of four points; the second has no band."""
    rows = [
        {"n": n, "score": 0.5 + 0.1 * n, "low": 0.4 + 0.1 * n, "high": 0.6 + 0.1 * n, "which": names[0]}
        for n in range(4)
    ]
    rows += [{"n": n, "score": 0.5 + 0.05 * n, "low": None, "high": None, "which": names[1]} for n in range(4)]
    return charts.lines(rows, N, SCORE, series="which", low="low", high="high", **options)


def two_by_three(hole=True, names=("a", "b")):
    """A grid with the values 0 ... 5, the last of them missing."""
    rows = [
        {"x": x, "y": name, "v": None if hole and (x, y) == (2, 1) else 3 * y + x}
        for y, name in enumerate(names)
        for x in range(3)
    ]
    return charts.heatmap(rows, Axis("x", "data order"), Axis("y", "weights"), Axis("v", "score", format=".0f"))


def two_intervals(**options):
    rows = [
        {"label": "one", "v": 1.0, "low": 0.5, "high": 1.5},
        {"label": "other", "v": -1.0, "low": -3.0, "high": 1.0},
    ]
    return charts.intervals(rows, Axis("v", "difference"), **options)


def a_page() -> Page:
    """A part of every kind."""
    table = Table(
        (Column("name", note="what it is called"), Column("score", numeric=True)),
        (("b 10", Cell("0.70 ±0.1", 0.7)), ("B 9", 0.9), (Link("c", "#one"), None), ("a", 0.05)),
        caption="Some scores",
        sortable=True,
        filterable=True,
    )
    return Page(
        title="A page",
        lead=("after ", PAPER),
        parts=(
            Heading("One", anchor="one"),
            Paragraph(("text, ", Code("code"), " and ", Link("a link", "other.html"))),
            Chart(two_lines(), "Lines", "Up is better.", sources=(PAPER,), notes=("Nothing can be concluded.",)),
            Chart(two_lines(points=True, levels={"level": 0.6}), "Points", "Up is better."),
            Heading("Two", anchor="two"),
            Grid(
                (
                    Chart(two_by_three(), "Cells", "Lighter is better."),
                    Chart(two_intervals(levels={"": 0}), "Dots", "Right."),
                )
            ),
            table,
            Note("Mind this."),
            Details("More", (Chart(two_intervals(bars=True), "Folded bars", "Right is more."),)),
            Source("def strategy(campaign):\n    return campaign.start()"),
        ),
        footer="made by hand",
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    """`a_page`, rendered to a file."""
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(render(a_page()), encoding="utf-8")
    return file


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_a_page_opens_without_complaint_request_or_overflow(browser, page, width):
    with opened(browser, page, width=width) as found:
        assert found.page.locator(".plot svg").count() == 4  # the fifth is folded away
        assert found.overflow() == 0
        assert all(box["width"] <= width for box in (one.bounding_box() for one in found.page.locator("figure").all()))
        assert (found.complaints, found.requests) == ([], [])


def test_what_charts_draw(browser, page):
    with opened(browser, page) as found:
        lines, points, cells, dots = (found.page.locator("figure").nth(number) for number in range(4))
        assert lines.locator(".mark-line path").count() == 2
        dashes = {one.get_attribute("stroke-dasharray") for one in lines.locator(".mark-line path").all()}
        colours = {one.get_attribute("stroke") for one in lines.locator(".mark-line path").all()}
        assert len(dashes) == 2 and colours == set(THEMES["light"]["category"][:2])
        assert lines.locator(".mark-area path").count() == 2
        shown = '.role-mark.mark-symbol path:not([opacity="0"])'  # the legend has others
        shapes = {one.get_attribute("d") for one in points.locator(shown).all()}
        assert len(shapes) == 2  # circles and squares
        assert "level" in points.locator(".plot").inner_text()
        assert cells.locator(".role-mark.mark-rect path").count() == 5
        assert cells.locator(".role-mark.mark-symbol path").count() == 1  # the crossed-out cell
        assert dots.locator(".role-mark.mark-rule line").count() == 3  # two intervals and the level
        assert lines.locator('[role="graphics-document"]').get_attribute("aria-label") == "Lines. Up is better."


def side_by_side(names, **options):
    """Bars at 2, 4 and 8 with bands of ±1, and for each name a point on each bar."""
    bars = [{"n": n, "score": float(n), "low": n - 1.0, "high": n + 1.0} for n in (2, 4, 8)]
    points = [{**bar, "which": name} for name in names for bar in bars]
    return charts.beside(bars, points, N, SCORE, series="which", levels={"level": 0.5}, label="bars, 95%", **options)


@pytest.mark.parametrize("width", [PHONE, DESKTOP, WIDE])
def test_points_side_by_side_stand_on_their_bar_and_none_is_hidden(browser, tmp_path, width):
    names = [f"rule {number}" for number in range(15)]
    (tmp_path / "page.html").write_text(
        render(Page(title="A page", parts=(Chart(side_by_side(names), "Beside", "Up."),))), encoding="utf-8"
    )
    with opened(browser, tmp_path / "page.html", width=width) as found:
        plot = found.page.locator(".plot")
        room = plot.bounding_box()
        ends = (room["x"], room["x"] + room["width"])

        def middles(what: str) -> list[tuple[float, float]]:
            boxes = [one.bounding_box() for one in plot.locator(what).all()]
            assert all(ends[0] <= box["x"] and box["x"] + box["width"] <= ends[1] for box in boxes)
            return sorted((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes)

        bands = [one.bounding_box() for one in plot.locator(".role-mark.mark-rect path").all()]
        bands.sort(key=lambda box: box["x"])
        points = middles('.role-mark.mark-symbol path:not([opacity="0"])')
        assert len(bands) == 3 and len(points) == 3 * len(names)
        assert all(two - one > 2 for (one, _), (two, _) in itertools.pairwise(points))
        for number, band in enumerate(bands):
            its = points[number * len(names) : (number + 1) * len(names)]
            assert all(band["x"] < at < band["x"] + band["width"] for at, _ in its)
            assert all(abs(up - band["y"] - band["height"] / 2) < 2 for _, up in its)  # the bar is in its middle
        texts = [one.bounding_box() for one in plot.locator(".role-mark.mark-text text").all()]
        assert len(texts) == 2 and all(ends[0] <= box["x"] and box["x"] + box["width"] <= ends[1] for box in texts)
        assert plot.locator(".role-legend-label text").all_text_contents() == names


def test_a_folded_chart_is_drawn_when_it_is_opened(browser, page):
    with opened(browser, page) as found:
        found.page.locator("summary").click()
        found.page.wait_for_selector("details svg")
        assert found.page.locator("details .mark-rect path").count() >= 2
        assert found.complaints == []


def test_dark_and_back(browser, page):
    with opened(browser, page, dark=True) as found:

        def colours() -> tuple[str, str]:
            paper = found.page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
            return paper, found.page.locator(".mark-line path").first.get_attribute("stroke")

        assert colours() == ("rgb(20, 23, 27)", THEMES["dark"]["category"][0])
        found.page.emulate_media(color_scheme="light")
        found.page.wait_for_selector(f'.mark-line path[stroke="{THEMES["light"]["category"][0]}"]', state="attached")
        found.drawn()
        assert colours() == ("rgb(255, 255, 255)", THEMES["light"]["category"][0])
        assert found.page.locator(".plot svg").count() == 4


def test_charts_follow_the_window(browser, page):
    with opened(browser, page) as found:
        svg = found.page.locator(".plot svg").first
        wide = svg.bounding_box()["width"]
        found.page.set_viewport_size({"width": PHONE, "height": 800})
        now = found.page.evaluate("document.querySelector('.plot').clientWidth")
        found.page.wait_for_selector(f".plot[data-width='{now}'] svg")
        assert svg.bounding_box()["width"] <= now < PHONE < wide
        assert found.overflow() == 0


def test_a_table_sorts_and_filters(browser, page):
    with opened(browser, page) as found:
        table = found.page.locator("table.sortable")

        def names() -> list[str]:
            shown = [row for row in table.locator("tbody tr").all() if row.is_visible()]
            return [row.locator("td").first.inner_text() for row in shown]

        table.get_by_role("button", name="score").click()
        assert names() == ["B 9", "b 10", "a", "c"]  # highest first, nothing last
        table.get_by_role("button", name="score").click()
        assert names() == ["a", "b 10", "B 9", "c"]  # nothing is last still
        assert table.locator("th[aria-sort=ascending]").inner_text().startswith("score")
        table.get_by_role("button", name="name").click()
        assert names() == ["a", "B 9", "b 10", "c"]  # 9 before 10
        found.page.get_by_label("Filter").fill("B 0.7")
        assert names() == ["b 10"]
        found.page.get_by_label("Filter").fill("")
        assert len(names()) == 4
        assert found.complaints == []


def hostile_page() -> Page:
    """Text that would like to be more, wherever text can be."""
    lines = charts.lines(
        [{"n": n, "score": n / 4, "which": name} for name in (HOSTILE, "other" + HOSTILE) for n in range(3)],
        Axis("n", HOSTILE),
        Axis("score", HOSTILE),
        series="which",
        levels={HOSTILE: 0.3},
        marked=[{"n": 0, "score": 0.1, "label": HOSTILE}, {"n": 2, "score": 0.2, "label": HOSTILE}],
    )
    dots = charts.intervals([{"label": HOSTILE, "v": 1.0, "low": 0.0, "high": 2.0}], Axis("v", HOSTILE))
    cells = charts.heatmap(
        [{"x": HOSTILE, "y": HOSTILE, "v": 1.0}],
        Axis("x", HOSTILE),
        Axis("y", HOSTILE),
        Axis("v", HOSTILE),
        digits=True,
    )
    beside = side_by_side([HOSTILE, "other" + HOSTILE])
    link = Link(HOSTILE, 'https://x.test/"><script>window.hacked=1</script>')
    text = (HOSTILE, link, Code(HOSTILE))
    return Page(
        title=HOSTILE,
        lead=text,
        parts=(
            Heading(HOSTILE, anchor=HOSTILE),
            Heading(HOSTILE, anchor="two"),
            Paragraph(text),
            Note(text),
            *(Chart(chart, HOSTILE, HOSTILE, (link,), (HOSTILE,), HOSTILE) for chart in (lines, dots, cells, beside)),
            Table((Column(HOSTILE, note=HOSTILE),), ((Cell(HOSTILE, HOSTILE),), (text,)), HOSTILE, sortable=True),
            Details(HOSTILE, (Source(HOSTILE),)),
        ),
        footer=text,
    )


class Elements(HTMLParser):
    """The elements of a document, by name, and its text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


def test_hostile_text_makes_no_element_and_no_attribute():
    hostile, tame = Elements(render(hostile_page())), Elements(render(a_page()))
    assert set(hostile.tags) <= set(tame.tags)
    assert hostile.tags.count("script") == 4 + 3  # the charts' data, the themes' and the page's own two
    assert hostile.attributes <= tame.attributes
    assert hostile.text.count(HOSTILE) > 10


def test_hostile_text_does_nothing_in_a_browser(browser, tmp_path):
    file = tmp_path / "hostile.html"
    file.write_text(render(hostile_page()), encoding="utf-8")
    with opened(browser, file, width=PHONE) as found:
        assert found.page.title() == HOSTILE
        found.page.locator("figure").nth(1).locator(".mark-symbol path").first.hover()  # a tooltip is HTML
        found.page.wait_for_selector(".vg-tooltip.visible, #vg-tooltip-element.visible")
        assert HOSTILE[:20] in found.page.locator("#vg-tooltip-element").inner_text()
        found.page.locator("th button").click()
        assert found.page.evaluate("window.hacked") is None
        assert found.page.locator("img").count() == 0
        assert found.overflow() == 0
        assert (found.complaints, found.requests) == ([], [])


def test_a_script_that_got_in_would_not_run(browser, page, tmp_path):
    file = tmp_path / "broken.html"
    inserted = "<script>window.hacked=1</script><img src=https://x.test/a.png onerror=window.hacked=1></main>"
    file.write_text(page.read_text(encoding="utf-8").replace("</main>", inserted), encoding="utf-8")
    with opened(browser, file) as found:
        assert found.page.evaluate("window.hacked") is None
        assert len(found.complaints) >= 2 and all("Content Security Policy" in each for each in found.complaints)


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", " javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "//x.test", "/etc", "", "a b"],
)
def test_a_link_to_anything_else_is_refused(href):
    with pytest.raises(SeedbenchError, match=r"a link is http\(s\)://, #anchor or a relative path; found"):
        Link("here", href)


@pytest.mark.parametrize(
    "href", ["https://x.test/?a=b:c", "http://x.test", "#anchor", "strategies/asha.html", "../a.csv"]
)
def test_a_link_may_be(href):
    assert Link("here", href).href == href


def test_the_same_page_is_the_same_bytes():
    here = render(a_page())
    assert render(a_page()) == here
    code = (
        "import hashlib; from tests.display.test_figures import a_page; from seedbench.display import render;"
        "print(hashlib.sha256(render(a_page()).encode()).hexdigest())"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert elsewhere.stdout.strip() == hashlib.sha256(here.encode()).hexdigest()


def test_a_page_without_charts_carries_no_vega():
    small = render(Page("Words", (Paragraph("only"),)))
    assert len(small) < 15_000 and "vegaEmbed(" not in small.split("<script>")[0]


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
