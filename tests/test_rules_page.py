"""The page of all rules on all bundled tables: of these trials and these rules, and no more than what was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataset_card.rules import DOCS, MEASURED, Cell, measure, outdated, read_measured
from dataset_card.rules_page import BUDGETS, pages
from seedbench import evaluate, load_trials
from seedbench.documents import to_json


@pytest.fixture(scope="module")
def measured():
    return read_measured()


def test_it_was_measured_on_these_trials_with_these_rules(measured):
    assert outdated(measured, load_trials()) == []
    assert to_json(measured) == (DOCS / MEASURED).read_text(encoding="utf-8")
    changed = replace(measured, rules=measured.rules[1:], trials=replace(measured.trials, version="9.0.0"))
    assert outdated(changed, load_trials()) == ["the trials", measured.rules[0].label]


def test_page_and_pictures_are_what_was_measured(measured):
    files = pages(measured)
    assert len(files) == 4  # the page, and a picture of each kind of table
    for name, content in files.items():
        assert (DOCS / name).read_text(encoding="utf-8") == content, f"{name}: python -m dataset_card.rules"
    page = files["rules.md"]
    assert all(page.count(f"| `{rule.label}` |") >= len(measured.tables) for rule in measured.rules)


@pytest.mark.parametrize("name", ["full_trials", "start_many", "patient_halving"])
def test_a_rule_measured_again_is_the_same(measured, name):
    """On the smallest table; others beside it change nothing but p-values."""
    again = evaluate(name, tasks="mrpc", recipes="few256-all", protocol="dodge2020", replicates=measured.replicates)
    (rule,) = (one for one in measured.rules if one.label == name)
    found = [(row.budget, row.score, row.difference, row.compute_multiplier) for row in again.rows]
    stored = [(c.budget, c.score, c.difference, c.multiplier) for c in rule.tables["mrpc/few256-all"]]
    assert [pytest.approx(one, abs=1e-4) for one in found] == stored


def test_what_readme_and_changelog_say_of_patient_halving(measured):
    (rule,) = (one for one in measured.rules if one.label == "patient_halving")
    cells = [cell for cells in rule.tables.values() for cell in cells]
    assert min(cell.difference for cell in cells) >= 0
    from_8 = [cell.multiplier for cell in cells if cell.budget >= 8]
    assert min(from_8) > 1.1 and max(from_8) < 3.8


def test_rules_said_to_be_baselines_are(measured):
    by_label = {rule.label: rule for rule in measured.rules}
    signal = [table.name for table in measured.tables if table.signal]

    def won(label: str) -> list[Cell]:
        return [cell for name in signal for cell in by_label[label].tables[name] if cell.budget in BUDGETS]

    assert max(cell.difference for cell in won("last_checkpoint")) <= 0
    assert sum(cell.difference for cell in won("race")) / len(won("race")) < 0.001


def test_measuring_few_campaigns_has_every_rule_and_table(measured):
    found = measure(replicates=3)
    assert [rule.label for rule in found.rules] == [rule.label for rule in measured.rules]
    assert [table.name for table in found.tables] == [table.name for table in measured.tables]
