"""The findings as a page: every question, its charts drawn, its notes; opened in a real browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seedbench.analyses import Findings, findings
from seedbench.analyses.charts import spaced
from seedbench.analyses.html import findings_html
from seedbench.trialset import load_trials
from tests.browser import DESKTOP, PHONE, opened
from tests.synthetic import additive_predictions, split_of, write

SIDE = 6


def with_diverged(seed: int) -> np.ndarray:
    """A grid whose trials of data-order seed 5 answer one label from the third checkpoint on."""
    predicted = additive_predictions(SIDE, SIDE, task="rte", examples=120, seed=seed)
    predicted[:, SIDE - 1, 2:] = 1
    return predicted


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> Findings:
    """Two tasks of 6 × 6 seeds, one with diverged trials, the other with a hole; and a single row of seeds."""
    folder = write(
        tmp_path_factory.mktemp("findings") / "synthetic",
        split_of(with_diverged(1), task="rte"),
        split_of(additive_predictions(SIDE, SIDE, seed=2), missing=[(1, 2)]),
        split_of(additive_predictions(1, 5, task="cola", seed=3), task="cola", recipe="row"),
    )
    return findings(load_trials(folder), permutations=199)


@pytest.fixture(scope="module")
def page(found, tmp_path_factory) -> Path:
    file = tmp_path_factory.mktemp("page") / "findings.html"
    file.write_text(findings_html(found), encoding="utf-8")
    return file


@pytest.mark.parametrize(("width", "dark"), [(DESKTOP, True), (PHONE, False)])
def test_the_page_opens_and_draws_everything(browser, found, page, width, dark):
    with opened(browser, page, width=width, dark=dark) as seen:
        figures = seen.page.locator("figure:visible")
        assert seen.page.locator("figure .plot svg:visible").count() == figures.count()
        for figure in figures.all():  # something is drawn in each, and text says how to read it and where it is from
            assert figure.locator(".role-mark path, .role-mark line").count() > 0
            assert figure.locator("p").inner_text().count("Source: ") == 1
        assert seen.overflow() == 0
        assert (seen.complaints, seen.requests) == ([], [])


def figure(seen, title: str, number: int):
    """A figure by its title, of the table with that number."""
    return seen.page.locator("figure", has=seen.page.locator(f"figcaption:text-is('{title}')")).nth(number)


def test_the_charts_show_the_findings(browser, found, page):
    row, rte, sst2 = found.tables  # cola/row, rte, sst2
    assert [table.task for table in found.tables] == ["cola", "rte", "sst2"]
    with opened(browser, page) as seen:
        cells = figure(seen, "Every pair of seeds", 2)
        assert cells.locator(".role-mark.mark-rect path").count() == SIDE * SIDE - 1
        assert cells.locator(".role-mark.mark-symbol path").count() == 1  # the hole
        best = max(value for line in sst2.factors.heatmap.value for value in line if value is not None)
        assert f"{best:.3f}" in cells.locator(".plot").inner_text()

        curves = figure(seen, "Score", 1)
        assert curves.locator(".role-mark.mark-line path").count() == 2  # finished and diverged
        assert curves.locator(".role-legend-label text").all_text_contents() == ["finished", "diverged"]
        for number, table in enumerate(found.tables):
            groups = 2 if table.diverged.diverged else 1
            assert figure(seen, "Score", number).locator(".role-mark.mark-line path").count() == groups

        expected = figure(seen, "Expected validation performance", 1)
        assert f"best found: {rte.expected.best:.4f}" in expected.locator(".plot").inner_text()
        assert expected.locator(".role-mark.mark-area path").count() > 0
        assert figure(seen, "Expected validation performance", 0).locator(".role-mark.mark-area path").count() == 0

        assert figure(seen, "Where the variance comes from", 0).locator(".role-mark.mark-rect path").count() >= 3
        (shared, alone) = found.shared_seeds
        ranks = figure(seen, "Ranks of the weight-init seeds in every task", 0)
        seeds = len(shared.factors[0].seeds)
        assert ranks.locator(".role-mark.mark-rect path").count() == seeds * (1 + len(shared.tasks))


def test_every_note_and_every_answer_is_said(found, page):
    text = page.read_text(encoding="utf-8")
    notes = [note for table in found.tables for part in (table, table.expected, table.factors) for note in part.notes]
    notes += [
        note for table in found.tables for part in (table.diverged, table.early, table.search) for note in part.notes
    ]
    notes += [note for shared in found.shared_seeds for note in shared.notes]
    assert len(notes) >= 6
    assert all(note.replace("'", "&#x27;") in text for note in notes)
    assert text.count("One trial can be expected to reach") == 3
    assert "6 of 36 diverged" in text
    assert found.trials.sha256 in text


def test_the_same_findings_are_the_same_bytes(found, page):
    assert findings_html(found) == page.read_text(encoding="utf-8")


def test_without_variance_or_with_one_trial_there_is_a_page(tmp_path, browser):
    same = np.broadcast_to(additive_predictions(1, 1, seed=4), (3, 3, 5, 60))
    folder = write(
        tmp_path / "set",
        split_of(same, recipe="same"),
        split_of(additive_predictions(1, 1, checkpoints=1), recipe="one"),
    )
    file = tmp_path / "page.html"
    file.write_text(findings_html(findings(load_trials(folder), permutations=199)), encoding="utf-8")
    with opened(browser, file, width=PHONE) as seen:
        assert seen.page.locator("figure .plot svg").count() == seen.page.locator("figure").count() > 4
        assert seen.page.locator(".note").count() >= 4
        assert (seen.complaints, seen.overflow()) == ([], 0)


def test_a_long_curve_is_drawn_with_few_points():
    assert spaced(5) == [1, 2, 3, 4, 5]
    assert len(spaced(625)) <= 64 and spaced(625)[:3] == [1, 2, 3] and spaced(625)[-1] == 625
