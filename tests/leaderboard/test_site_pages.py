"""What the site's pages say of boards, entries and pools of all kinds; no browser is needed to read it."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html import unescape

import pandas as pd
import pytest

from leaderboard.build import read_standings
from leaderboard.results import Result
from leaderboard.site.curves import AT_MOST, _levels, bought_chart, score_chart
from leaderboard.site.data import standing, tables_of
from leaderboard.site.files import site_files
from seedbench.errors import SeedbenchError
from tests.leaderboard.world import FIRST_ONLY, POOL


def test_a_caption_speaks_of_grey_lines_where_there_are_some(world):
    standing = world.standings()[0]
    table = next(iter(tables_of(standing)))
    best = standing.entries[0]
    alone = replace(standing, entries=(best,))
    for shown, grey in ((alone, False), (standing, True)):
        assert ("Grey lines are baselines." in score_chart(shown, table, best, "").read) == grey


def test_of_many_entries_the_best_are_drawn(world):
    (standing,) = world.standings()
    table = next(iter(tables_of(standing)))
    assert "are drawn" not in bought_chart(standing, table, "").read
    best = standing.entries[0]
    entries = tuple(replace(best, slug=f"rule-{number}") for number in range(AT_MOST + 2))
    chart = bought_chart(replace(standing, entries=entries), table, "")
    assert f"The best {AT_MOST} of {AT_MOST + 2} entries are drawn." in chart.read
    drawn = chart.chart.to_json()
    assert f"(rule-{AT_MOST - 1})" in drawn and f"(rule-{AT_MOST})" not in drawn


def test_one_level_where_seeds_make_no_difference(world):
    row = world.entries["patience"].measured.rows[0]
    assert set(_levels(row)) == {"one full trial", "best of many", "oracle"}
    assert set(_levels(replace(row, no_signal=True))) == {"one full trial, best of many", "oracle"}


def test_a_claim_of_another_seed_stands_beside_nothing(world):
    """What was claimed under the public seed is no lie when the board's own seed gives something else."""
    result = world.entries["patience"]
    closed = replace(result, key=replace(result.key, seed=5), measured=replace(result.measured, seed=5))
    pages = [
        site_files([standing(world.board, [each], [], {})])[f"{world.board.name}/strategies/patience.html"].decode()
        for each in (result, closed)
    ]
    assert [">claimed<" in page or "claimed</button>" in page for page in pages] == [True, False]
    assert "under seed 0: not of what is measured here" in pages[1]


def page_of(world, *results: Result) -> str:
    """The first one's page, on a board of these."""
    files = site_files([standing(world.board, results, [], {})])
    return unescape(files[f"{world.board.name}/strategies/{results[0].slug}.html"].decode())


def test_the_same_source_under_other_names_is_said(world):
    """With the same parameters, and of what it binds the same: others make another strategy of it."""
    result = world.entries["patience"]
    copies = [replace(result, slug=slug, name=slug) for slug in ("b-copy", "c-copy")]
    identity = replace(result.claimed.strategy, parameters={"checkpoints": 3})
    other = replace(result, slug="other", claimed=replace(result.claimed, strategy=identity))
    binds = replace(result, slug="binds", attribute="another")
    others = [other, binds]
    assert "The same source with the same parameters as b-copy and c-copy." in page_of(world, result, *copies, *others)
    for alone in others:
        assert "The same source" not in page_of(world, alone, result, *copies)


def test_other_packages_than_those_that_are_pinned_are_said(world):
    result = world.entries["patience"]
    said = "Measured with other packages than pinned"
    page = page_of(world, replace(result, packages=("numpy 2.0, pinned 2.1", "no h11, pinned 0.16")))
    assert said in page and "no h11, pinned 0.16; numpy 2.0, pinned 2.1" in page
    assert said not in page_of(world, result) and said not in page_of(world, replace(result, packages=()))


def test_scores_that_are_better_low_are_shown_as_they_were_measured(world):
    """Inside, a score of that kind is the negative of it."""
    result = world.entries["patience"]
    shown = result.measured.rows[0]
    rows = tuple(
        replace(row, sign=-1, score=-row.score, score_low=negative(row.score_high), score_high=negative(row.score_low))
        for row in result.measured.rows
    )
    low = replace(result, measured=replace(result.measured, rows=rows), claimed=replace(result.claimed, rows=rows))
    found = standing(world.board, [low], [], {})
    files = site_files([found])
    table = f"{world.board.name}/tables/{tables_of(found)[shown.table]}.html"
    cells_of = [
        re.findall(r"<td[^>]*>(-?\d\.\d{4})", files[page].decode())
        for page in (f"{world.board.name}/strategies/patience.html", table)
    ]
    score = f"{shown.score:.4f}"
    assert cells_of[0][:2] == [score, score] and cells_of[1] == [score]


def negative(value: float | None) -> float | None:
    return None if value is None else -value


def test_a_board_on_which_no_gap_is_defined(world):
    result = world.entries["patience"]
    summary = replace(result.measured.summary, gap_closed=None, gap_closed_low=None, gap_closed_high=None)
    undefined = replace(result, measured=replace(result.measured, summary=summary))
    page = site_files([standing(world.board, [undefined], [], {})])[f"{world.board.name}/index.html"].decode()
    assert "Patience" in page and "Gap closed on the public trials" not in page


def test_a_source_that_is_not_the_verified_one_is_not_shown(world):
    public = [result for result in world.entries.values() if result.verified]
    found = standing(world.board, public, [], {"patience": "something else", "first-only": FIRST_ONLY})
    assert {each.slug: each.source for each in found.entries if each.source} == {"first-only": FIRST_ONLY}


@pytest.mark.parametrize("slug", ["../up", "a/b", "A", "", ".hidden", "a" * 61])
def test_a_slug_that_names_no_page_is_refused(world, slug):
    with pytest.raises(SeedbenchError, match="a-z, 0-9 and hyphens"):
        standing(world.board, [replace(world.entries["bad"], slug=slug)], [], {})


def test_no_board_yet(tmp_path):
    files = site_files(read_standings(tmp_path / "none", tmp_path / "none"))
    assert sorted(files) == ["README.md", "index.html", "results.csv", "results.parquet", "rules.html", "vega.js"]
    assert b"There is no board yet." in files["index.html"]
    assert pd.read_parquet(io.BytesIO(files["results.parquet"])).empty


def test_a_hidden_pool_is_published_before_its_results(world, tmp_path):
    pool = tmp_path / "hidden_pool.json"
    pool.write_text(f'{{"name": "{POOL.name}", "version": "1.0.0", "sha256": "{POOL.sha256}"}}')
    (before,) = read_standings(world.submissions, world.results, pool)
    assert (before.ranked_on, before.pool) == ("public", POOL)
    page = site_files([before])[f"{world.board.name}/index.html"].decode()
    assert "hidden pool when the board is closed" in page and f"sha256 {POOL.sha256}, to be revealed" in page
    closed = replace(world.board, entries={})
    assert standing(closed, [], [], {}, published=POOL).pool is None  # that of another season


def test_a_revealed_pool_is_linked(world):
    board = replace(world.board, entries={}, pool=replace(POOL, revision="c0ffee"))
    page = site_files([standing(board, [], [], {})])[f"{board.name}/index.html"].decode()
    assert f'revealed as <a href="https://huggingface.co/datasets/{POOL.name}/tree/c0ffee">' in page
