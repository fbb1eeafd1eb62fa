"""Figures: pages that stand alone, opened in a real browser; text that stays text; the same bytes again."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

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
from seedbench.display.theme import THEMES
from seedbench.errors import SeedbenchError
from tests.browser import DESKTOP, PHONE, WIDE, opened
from tests.display.examples import HOSTILE, SCORE, N, two_by_three, two_lines

PAPER = Link("Dodge et al. 2020", "https://arxiv.org/abs/2002.06305")


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
