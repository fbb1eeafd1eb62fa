"""The page of an evaluation: a picture and a table of all tables together and of each, with the report's numbers."""

import re
from dataclasses import replace

import pytest

from seedbench import evaluate
from tests.browser import DESKTOP, PHONE, opened
from tests.synthetic import split_like_training, write

pytest.importorskip("altair")
pytest.importorskip("vl_convert")


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory):
    folder = write(
        tmp_path_factory.mktemp("page") / "set",
        split_like_training(5, 5, seed=2, checkpoints=3, examples=20, test_examples=200),
    )
    return evaluate("full_trials", folder, against=["last_checkpoint"], replicates=20)


def cells(page: str) -> list[list[str]]:
    """The text of each row of each table."""
    return [
        [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td.*?</td>", row)]
        for row in re.findall(r"<tr>(.*?)</tr>", re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))
    ]


def test_the_page_has_what_was_found(evaluation):
    from seedbench.evaluation.page import evaluation_html

    (other,) = evaluation.against
    page = evaluation_html(evaluation)
    assert page.count('<div class="plot"') == 2 and page.count('<div class="scroll"') == 2
    _, first, second, _, *rows = cells(page)
    less = 100 * other.summary_difference.gap_closed
    assert (first[0], second[0], first[-1]) == ("full_trials", "last_checkpoint", "–")
    assert second[-1].split()[0] == f"{round(less):+d}"
    assert [row[:3] for row in rows] == [
        [name, str(row.budget), f"{row.score:.4f}"]
        for name, its in (("full_trials", evaluation.rows), ("last_checkpoint", other.rows))
        for row in its
    ]
    assert [row[-1].split()[0] for row in rows] == ["–"] * len(evaluation.rows) + [
        f"{round(one.score, 4) + 0.0:+.4f}" for one in other.differences
    ]


def test_alone_and_without_signal_it_has_no_comparison_and_no_summary(evaluation):
    from seedbench.evaluation.page import evaluation_html

    nothing = dict.fromkeys(("gap_closed", "gap_closed_low", "gap_closed_high", "compute_multiplier"))
    rows = tuple(replace(row, no_signal=True, sign=-1, **nothing) for row in evaluation.rows)
    summary = replace(evaluation.summary, tables=0, budgets=(), **nothing)
    page = evaluation_html(replace(evaluation, rows=rows, summary=summary, against=()))
    assert page.count('<div class="plot"') == page.count('<div class="scroll"') == 1 and "first less it" not in page
    floor = rows[0].floor
    assert f"One full trial {-floor:.4f}, best of many" in page and "(lower is better)" in page
    assert all(f"{-row.score:.4f}" in page for row in rows) and "No signal; best-of-n scores" in page


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_it_fits(browser, run, tmp_path, width):
    out, few = tmp_path / "out.html", "few128-5-epochs-no-bias-correction-lr3e-4"
    how = ("--recipe", few, "--replicates", 8, "--processes", 1, "--against", "full_trials")
    assert run("evaluate", "start_many", *how, "--html", out)[0] == 0
    with opened(browser, out, width=width) as seen:
        assert seen.overflow() == 0 and seen.complaints == seen.requests == []
        assert seen.page.locator("table").count() == 2
