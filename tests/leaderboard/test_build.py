"""The leaderboard's site, built from files as verification writes them, and opened in a real browser."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from leaderboard.build import main
from leaderboard.ranks import read_comparisons
from leaderboard.results import Result
from leaderboard.site.data import results_frame, standing, tables_of
from leaderboard.site.files import BUILT, CARD, site_files, write_site
from seedbench.errors import SeedbenchError
from seedbench.sandbox import VERDICTS
from tests.browser import DESKTOP, PHONE, WIDE, opened
from tests.leaderboard.world import FIRST_ONLY, HOSTILE, POOL, VERDICT


@pytest.fixture(scope="module")
def site(world, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("site") / "out"
    write_site(site_files(world.standings()), out)
    return out


def cells(page, table: int) -> list[list[str]]:
    """The texts of a table's visible rows."""
    rows = page.locator("table").nth(table).locator("tbody tr:visible").all()
    return [row.locator("td").all_inner_texts() for row in rows]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [PHONE, DESKTOP, WIDE])
def test_every_kind_of_page_opens(browser, world, site, width, dark):
    board = site / world.board.name
    pages = len(list(site.rglob("*.html")))
    assert pages == 2 + 1 + 3 + 5  # the first and the rules, the board's, three tables', five entries'
    strategies = [board / "strategies" / f"{slug}.html" for slug in ("first-only", "bad")]
    for page in [site / "index.html", board / "index.html", next((board / "tables").iterdir()), *strategies]:
        with opened(browser, page, width=width, dark=dark) as seen:
            assert seen.page.locator(".plot svg").count() == seen.page.locator(".plot").count()
            assert seen.overflow() == 0, page
            assert seen.complaints == [], page
            assert {Path(request).name for request in seen.requests} <= {"vega.js"}
            assert seen.page.evaluate("window.hacked") is None


def test_the_ranking_comes_first(browser, world, site):
    """Before what is to be said of it, and within the first screen."""
    with opened(browser, site / world.board.name / "index.html") as seen:
        tops = [seen.page.locator(part).first.bounding_box()["y"] for part in ("table", ".note", ".plot")]
        assert tops == sorted(tops) and tops[0] < 900


def test_every_link_leads_to_a_file(site):
    for page in site.rglob("*.html"):
        for href in re.findall(r'href="([^"#][^"]*)"', page.read_text(encoding="utf-8")):
            if not href.startswith(("http", "data:")):
                assert (page.parent / unescape(href)).is_file(), (page, href)


def test_the_board_sorts_and_filters(browser, world, site):
    gaps = {slug: result.measured.summary.gap_closed for slug, result in world.entries.items() if result.measured}
    names = {slug: result.name for slug, result in world.entries.items()}
    best_first = [names[slug] for slug in sorted(gaps, key=lambda slug: (-gaps[slug], slug))]
    with opened(browser, site / world.board.name / "index.html") as seen:
        assert [row[1] for row in cells(seen.page, 0)] == best_first
        seen.page.get_by_role("button", name="public").click()
        seen.page.get_by_role("button", name="public").click()
        gap_of = {names[slug]: gap for slug, gap in gaps.items()}
        assert [gap_of[row[1]] for row in cells(seen.page, 0)] == sorted(gaps.values())  # equal ones in either order
        seen.page.get_by_label("Filter").fill("baseline asha")
        assert [row[1] for row in cells(seen.page, 0)] == ["asha"]
        assert cells(seen.page, 2) == [["Bad", VERDICT, f"opened a socket {HOSTILE}", f"Ada, {HOSTILE}"]]


def test_ranks_are_shared_where_the_difference_includes_zero(world, site):
    (found,) = world.standings()
    ranks = {each.slug: each.ranks for each in found.entries}
    assert ranks["asha"] is None and ranks["full-trials"] is None  # the organisers' have none
    (pair,) = (
        pair
        for pair in read_comparisons(world.results, world.board, "public").pairs
        if {pair.one, pair.other} == {"patience", "first-only"}
    )
    if pair.p is None or pair.p >= 0.05:
        assert (ranks["patience"], ranks["first-only"]) == ((1, 2), (1, 2))
    else:
        better = pair.one if pair.difference > 0 else pair.other
        assert ranks[better] == (1, 1) and {ranks["patience"], ranks["first-only"]} == {(1, 1), (2, 2)}
    assert found.ranked_on == "public" and not found.final


def test_an_entry_has_its_source_its_decisions_and_both_results(browser, world, site):
    result = world.entries["first-only"]
    with opened(browser, site / world.board.name / "strategies" / "first-only.html") as seen:
        assert seen.page.locator("h1").inner_text() == HOSTILE
        assert seen.page.locator("pre").inner_text().strip() == FIRST_ONLY.strip()
        figure = seen.page.locator("figure").last
        paid = sum(len(trial.validation_score) for trial in result.example.trials)
        assert figure.locator(".role-mark.mark-rect path").count() == paid == world.trials.tables[0].num_checkpoints
        rows = cells(seen.page, 1)
        assert [row[2].split(" ")[0] for row in rows] == [f"{row.score:.4f}" for row in result.measured.rows]
        assert [row[3] for row in rows] == [f"{row.score:.4f}" for row in result.claimed.rows]
    with opened(browser, site / world.board.name / "strategies" / "bad.html") as seen:
        said = f"{VERDICT} ({VERDICTS[VERDICT]}). opened a socket {HOSTILE}"
        assert said in seen.page.locator(".note").first.inner_text()


def test_what_a_budget_buys_is_drawn_with_every_rule_and_an_entry_among_baselines(browser, world, site):
    (shown,) = world.standings()
    for table, page in tables_of(shown).items():
        with opened(browser, site / world.board.name / "tables" / f"{page}.html") as seen:
            labels = set(seen.page.locator(".role-mark.mark-text text").all_text_contents())
            assert labels == {"oracle", "one full trial", "best-of-n, 95%" if table == "mini/sst2/few" else "best-of-n"}
            names = seen.page.locator(".role-legend-label text").all_text_contents()
            assert len(names) == 4  # a long one is cut
            for name, entry in zip(names, shown.entries, strict=True):
                assert entry.public.name.startswith(name.removesuffix("…"))
            assert "what one full trial and the oracle" in seen.page.locator("main").inner_text()
    with opened(browser, site / world.board.name / "strategies" / "patience.html") as seen:
        labels = set(seen.page.locator(".role-mark.mark-text text").all_text_contents())
        assert labels >= {"oracle", "full_trials", "asha", "one full trial", "best of many"}
        assert "the best of many and the oracle" in seen.page.locator("main").inner_text()


def test_a_hidden_pool_ranks_and_shows_the_gap(browser, world, tmp_path):
    def moved(result: Result, points: float) -> Result:
        summary = replace(result.measured.summary, gap_closed=result.measured.summary.gap_closed - points)
        key = replace(result.key, trials_sha256="1" * 64)
        return replace(result, key=key, measured=replace(result.measured, summary=summary), example=None)

    public = [result for result in world.entries.values() if result.verified]
    hidden = [moved(result, 5.0 if result.slug == "patience" else 0.1) for result in public[:-1]]
    board = replace(world.board, entries=dict.fromkeys([*world.entries, "late"], ""), pool=POOL)
    started = standing(board, public, hidden, {})
    assert (started.ranked_on, started.hidden_to_come, started.final) == ("public", ("first-only",), False)
    assert started.entries[0].hidden is None and len(started.entries) == 4  # ranks wait for the last one
    hidden.append(replace(moved(public[-1], 0.0), verdict="raised", measured=None, campaigns=None))
    found = standing(board, public, hidden, {})
    assert (found.ranked_on, found.hidden_to_come, found.waiting) == ("hidden", (), ("bad", "late"))
    assert not found.final
    all_run = replace(board, entries=dict.fromkeys(world.entries, ""))
    assert standing(all_run, [*public, world.entries["bad"]], hidden, {}).final
    assert found.entries[-1].slug == "patience"  # worst there, whatever it is on the public trials
    assert [each.slug for each in found.failed] == ["first-only"]  # which raised there
    write_site(site_files([found]), tmp_path / "site")
    with opened(browser, tmp_path / "site" / world.board.name / "index.html") as seen:
        assert f"sha256 {POOL.sha256}, to be revealed after the season" in seen.page.locator("footer").inner_text()
        assert "Not run with the board's seed yet: bad, late." in seen.page.locator(".note").first.inner_text()
        last = cells(seen.page, 0)[-1]
        assert (last[0], last[1], last[3]) == ("1", "Patience", "+500")
        assert cells(seen.page, 2)[0][:2] == [HOSTILE, "raised"]


def test_all_results_are_data(world, site):
    csv, parquet = pd.read_csv(site / "results.csv"), pd.read_parquet(site / "results.parquet")
    assert list(csv.columns) == list(parquet.columns) and len(csv) == len(parquet)
    mine = parquet[(parquet.slug == "patience") & (parquet.kind == "measured")]
    assert mine.score.tolist() == [row.score for row in world.entries["patience"].measured.rows]
    assert set(parquet.name) >= {HOSTILE}  # as it is
    assert set(csv.name) >= {f"'{HOSTILE}"}  # no formula
    assert set(parquet[parquet.slug == "bad"].kind) == {"claimed"}
    result = world.entries["patience"]
    of_another_seed = replace(result, key=replace(result.key, seed=5))
    assert set(results_frame([standing(world.board, [of_another_seed], [], {})]).kind) == {"measured"}
    failed = replace(world.entries["bad"], key=of_another_seed.key)  # nothing was measured that it could stand beside
    assert results_frame([standing(world.board, [failed], [], {})]).empty
    removed = replace(world.board, removed={"patience": "a look-up table"})
    assert results_frame([standing(removed, [result], [], {})]).empty


def test_the_command_builds_again_and_the_same_boards_are_the_same_bytes(world, site, tmp_path, capsys):
    def files(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    out = tmp_path / "site"
    write_site({"README.md": CARD.encode(), "old.html": b"from the build before"}, out)
    main(out, world.submissions, world.results)
    assert (out / "README.md").read_text(encoding="utf-8") == CARD and not (out / "old.html").exists()
    again = files(out)
    assert again == files(site)
    assert json.loads(again.pop(BUILT)) == sorted(again)
    said = " ".join(capsys.readouterr().err.split())
    assert re.search(r"wrote \d+ files, \d\.\d MiB, in ", said)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site"]


def test_the_folder_it_is_called_from(tmp_path, monkeypatch):
    (tmp_path / "site").mkdir()
    monkeypatch.chdir(tmp_path / "site")
    main(Path("."), tmp_path / "none", tmp_path / "none")
    assert (tmp_path / "site" / "index.html").is_file()


def test_a_folder_of_something_else_is_left_alone(tmp_path, monkeypatch):
    """It is refused before anything is built."""
    monkeypatch.setattr("leaderboard.build.site_files", lambda standings: pytest.fail("built"))
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(SeedbenchError, match="holds something other than the site"):
        main(tmp_path, tmp_path / "none", tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_failed_build_leaves_the_last_one(tmp_path):
    out = tmp_path / "site"
    write_site({"README.md": CARD.encode(), "index.html": b"old"}, out)
    with pytest.raises(SeedbenchError, match="cannot be written"):
        write_site({"README.md": CARD.encode(), "index.html": b"new", "index.html/x": b"no folder"}, out)
    assert (out / "index.html").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_the_rules_are_a_page(browser, site):
    rules = (Path(__file__).parents[2] / "leaderboard" / "README.md").read_text(encoding="utf-8")
    with opened(browser, site / "rules.html", width=PHONE) as seen:
        assert seen.complaints == [] and seen.requests == [] and seen.overflow() == 0
        shown = seen.page.locator("main").inner_text()
    plain = " ".join(re.sub(r"[`*|#•-]|```bash", " ", shown).split())
    for line in rules.splitlines():
        for words in re.split(r"[`*|#-]+|bash$", line):
            assert " ".join(words.split()) in plain, words
