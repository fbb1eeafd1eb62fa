"""The leaderboard's site, built from files as verification writes them, and opened in a real browser."""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import dataclass, replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from leaderboard.boards import Board, write_board
from leaderboard.build import main, read_standings
from leaderboard.ranks import keep_comparisons, read_comparisons
from leaderboard.results import Key, Result, write_result
from leaderboard.site.curves import AT_MOST, _levels, bought_chart, score_chart
from leaderboard.site.data import results_frame, standing, tables_of
from leaderboard.site.files import BUILT, CARD, site_files, write_site
from seedbench.errors import SeedbenchError
from seedbench.evaluation import evaluate
from seedbench.replay import replay_one
from seedbench.sandbox import VERDICTS
from seedbench.strategy import load_strategy
from seedbench.submission import Submission, write_submission
from seedbench.trialset import TrialSet, TrialsIdentity
from tests.browser import DESKTOP, PHONE, WIDE, opened

REPLICATES, VERDICT = 6, "forbidden system call"
POOL = TrialsIdentity("seedbench/hidden-2027", "1.0.0", "1" * 64, None)
HOSTILE = "=</script><script>window.hacked=1</script><b>"
FIRST_ONLY = """# A <b>bold</b> rule: </script> train one trial to its end.
def strategy(campaign):
    trial = campaign.start()
    while not trial.complete:
        trial.advance()
    return trial
"""


@dataclass(frozen=True)
class World:
    """What a build reads, and the results in it."""

    submissions: Path
    results: Path
    trials: TrialSet
    board: Board
    entries: dict[str, Result]

    def standings(self):
        return read_standings(self.submissions, self.results)


def entry(slug: str, name: str, source: Path, trials: TrialSet, submissions: Path, *, organisers: bool) -> Result:
    """An entry measured in process, and its submission's folder."""
    strategy = load_strategy(source)
    measured = evaluate(strategy, trials, replicates=REPLICATES, budgets=2)
    example = replay_one(strategy, trials.tables[0], 2, 0, decisions=True).decisions.item()
    plain = replace(measured, campaigns=None)
    text = source.read_text(encoding="utf-8")
    write_submission(submissions, Submission(slug, name, ("Ada", HOSTILE), None, "MIT", "strategy", text, plain))
    return Result(
        slug,
        Key("0" * 64, trials.sha256, 0, REPLICATES),
        "verified",
        name=name,
        authors=("Ada", HOSTILE),
        license="MIT",
        source_sha256=hashlib.sha256(text.encode()).hexdigest(),
        organisers=organisers,
        claimed=plain,
        measured=plain,
        example=example,
        campaigns=measured.campaigns,
    )


@pytest.fixture(scope="module")
def world(trials: TrialSet, tmp_path_factory) -> World:
    """An open board: two baselines, two entries with their submissions, and one that failed."""
    root = tmp_path_factory.mktemp("leaderboard")
    submissions, results = root / "submissions", root / "results"
    submissions.mkdir()
    (root / "first_only.py").write_text(FIRST_ONLY, encoding="utf-8")
    shipped = Path(load_strategy.__code__.co_filename).parents[1] / "strategies"
    made = [
        entry("full-trials", "full_trials", shipped / "full_trials.py", trials, submissions, organisers=True),
        entry("asha", "asha", shipped / "asha.py", trials, submissions, organisers=True),
        entry("patience", "Patience", shipped / "patience.py", trials, submissions, organisers=False),
        entry("first-only", HOSTILE, root / "first_only.py", trials, submissions, organisers=False),
    ]
    failed = replace(
        made[0],
        slug="bad",
        name="Bad",
        verdict=VERDICT,
        said=f"opened a socket {HOSTILE}",
        frames="line 3",
        measured=None,
        example=None,
        campaigns=None,
        organisers=False,
    )
    identity = TrialsIdentity(trials.name, trials.version, trials.sha256, trials.revision)
    board = Board("held-out-2", "cold", identity, 0, REPLICATES)
    write_board(results, board)
    for result in [*made, failed]:
        write_result(results / board.name / "public", result)
    keep_comparisons(results, board, "public", trials)
    return World(submissions, results, trials, board, {result.slug: result for result in [*made, failed]})


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


def test_one_level_where_seeds_make_no_difference(world):
    row = world.entries["patience"].measured.rows[0]
    assert set(_levels(row)) == {"one full trial", "best of many", "oracle"}
    assert set(_levels(replace(row, no_signal=True))) == {"one full trial, best of many", "oracle"}


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


def test_the_rules_are_a_page(browser, site):
    rules = (Path(__file__).parents[2] / "leaderboard" / "README.md").read_text(encoding="utf-8")
    with opened(browser, site / "rules.html", width=PHONE) as seen:
        assert seen.complaints == [] and seen.requests == [] and seen.overflow() == 0
        shown = seen.page.locator("main").inner_text()
    plain = " ".join(re.sub(r"[`*|#•-]|```bash", " ", shown).split())
    for line in rules.splitlines():
        for words in re.split(r"[`*|#-]+|bash$", line):
            assert " ".join(words.split()) in plain, words
