"""The page of all rules on all bundled tables: of these trials and these rules, and no more than what was measured."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from dataset_card.own import OWN, PARTS, ToldWhichFail, told_which_fail
from dataset_card.own_page import ASKED, cells_of, chooses_settings, chosen, limit, mean_multiplier
from dataset_card.rules import DOCS, MEASURED, main, measure, outdated, read_measured
from dataset_card.rules_page import pages
from seedbench import evaluate, load_trials
from seedbench.campaign import open_campaign
from seedbench.commands import exit_code
from seedbench.documents import to_json
from seedbench.errors import BudgetSpent
from seedbench.strategy import DEVELOPED_ON
from tests.curves import Curves


@pytest.fixture(scope="module")
def measured():
    return read_measured()


def test_it_was_measured_on_these_trials_with_these_rules(measured):
    assert outdated(measured, load_trials()) == []
    assert to_json(measured) == (DOCS / MEASURED).read_text(encoding="utf-8")
    changed = replace(measured, rules=measured.rules[1:], trials=replace(measured.trials, version="9.0.0"))
    changed = replace(changed, own_sha256="0" * 64)
    assert outdated(changed, load_trials()) == ["the trials", "dataset_card/own.py", measured.rules[0].label]


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
    readme, changelog = (
        " ".join((DOCS.parents[1] / name).read_text(encoding="utf-8").split()) for name in ("README.md", "CHANGELOG.md")
    )
    tables = {table.name: table for table in measured.tables}
    lower = {name: min(cell.difference for cell in rule.tables[name]) for name in tables}
    lower = {name: least for name, least in lower.items() if least < 0}
    developed = {*DEVELOPED_ON[OWN]}
    assert (len(tables), len(developed), len(lower)) == (19, 9, 6) and developed < tables.keys() - lower
    for text in (
        "`patient_halving`, which was developed on nine of the nineteen bundled tables, scored no lower than that on "
        "those nine at any budget, nor on four of the other ten; on six of the ten it also scored lower:",
        "on the eight of the ten that have signal",
    ):
        assert text in readme
    assert (
        "no lower than best-of-n on the nine bundled tables that it was developed on, and on four of the ten"
        in changelog
    )
    cola = {name for name in lower if name.startswith("cola/few1024-")}
    others = lower.keys() - cola
    assert f"on the three of CoLA with 1,024 examples, by up to {-min(lower[name] for name in cola):.3f}," in readme
    assert len(cola) == 3 and f"{-min(lower[name] for name in others):.3f}" == "0.002"
    of_name = {f"{table.task}/{table.recipe}": table for table in load_trials().tables}
    assert {of_name[name].task for name in others} == {"sst2"}
    assert max(np.count_nonzero(of_name[name].diverged) for name in others) == 1
    assert "on three of SST-2 whose trials learn all, or all but one, by less than 0.002." in readme
    assert min(lower[name] for name in others) > -0.002
    from_8 = [cell.multiplier for name in tables.keys() - lower for cell in rule.tables[name] if cell.budget >= 8]
    least = min(cell.multiplier for name in lower for cell in rule.tables[name] if cell.multiplier is not None)
    assert (
        f"from 8 on it is worth {min(from_8):.1f} to {max(from_8):.1f} times its compute on the thirteen, and as "
        f"little as {least:.1f} times on the six,"
    ) in readme
    judging = [table for table in measured.tables if table.signal and table.name not in developed]
    known_least = "cola/few1024-3-epochs-lr2e-4"
    without = [table for table in judging if table.name != known_least]
    assert len(judging) == len(without) + 1 == 8
    assert (
        f"{mean_multiplier(cells_of(rule, judging)):.2f} times, in the geometric mean over budgets of 4, 8 and 16, and "
        f"{mean_multiplier(cells_of(rule, without)):.2f} times without the one whose gap is known least."
    ) in readme
    assert "No difference of it to best-of-n is marked where all rules of a table hold together." in readme
    assert not [cell for cells in rule.tables.values() for cell in cells if cell.p is not None and cell.p < 0.05]


def test_the_mean_where_trials_fail_is_over_tables_with_signal(measured):
    rule = next(one for one in measured.rules if one.label == "patient_halving")
    failing = [table for table in measured.tables if table.signal and table.kind == "fails"]
    page = (DOCS / "rules.md").read_text(encoding="utf-8").splitlines()
    line = next(line for line in page if line.startswith("| `patient_halving` | "))
    assert line.split(" | ")[4] == f"{mean_multiplier(cells_of(rule, failing)):.2f}×"


def test_rules_said_to_be_baselines_are(measured):
    """None now: each wins somewhere. One that did not would be named, but for `full_trials`, which is best-of-n."""
    signal = [table for table in measured.tables if table.signal]
    best = {rule.label: max(cell.difference for cell in cells_of(rule, signal)) for rule in measured.rules}
    assert best.pop("full_trials") == 0 < min(best.values())
    assert "kept as baselines" not in (DOCS / "rules.md").read_text(encoding="utf-8")
    worst = min(best, key=best.__getitem__)
    never = replace(
        measured,
        rules=tuple(
            rule
            if rule.label != worst
            else replace(rule, tables={n: [replace(c, difference=-0.01) for c in cs] for n, cs in rule.tables.items()})
            for rule in measured.rules
        ),
    )
    assert f"Better than best-of-n nowhere here, and kept as baselines: `{worst}`." in pages(never)["rules.md"]


def test_the_limit_drops_what_will_fail_at_a_fifth_and_nothing_else():
    """Of 10 checkpoints, at the second; those that fail look best until then, and are as good as the others after."""
    failing = {number for number in range(24) if number % 2}
    curves = [[0.9] * 2 + [0.1] * 8 if number in failing else [0.5 + number / 100] * 10 for number in range(24)]
    source = Curves(curves)
    reported = {source.cell(number): curve for number, curve in enumerate(curves)}
    told = ToldWhichFail(failing=frozenset(tuple(curves[number]) for number in failing), power=0.0)
    campaign = open_campaign(source, 4, rng=lambda: np.random.default_rng(0), test_scores=lambda: reported).campaign
    with suppress(BudgetSpent):  # what is left, less than a trial, goes to the best of those dropped
        told(campaign)
    cohorts = source.log[: 3 * 10 + 2 * 2]  # 4 start, 2 of them fail: 0.4, and a fifth trial is all that fits beside 2
    assert {number: cohorts.count(number) for number in cohorts} == {0: 10, 2: 10, 4: 10, 1: 2, 3: 2}


def test_who_fails_is_told_by_what_is_reported_of_each_trial():
    """All that fail, and of the others one of CoLA, reported by the scores of one that fails."""
    no_worse = {}
    for table in [table for table in load_trials().tables if table.diverged.any()]:
        failing = told_which_fail(table).failing
        reported = table.score if table.test_score is None else table.test_score
        told = np.array([tuple(curve) in failing for curve in reported.tolist()])
        assert told[table.diverged].all()
        if others := np.count_nonzero(told & ~table.diverged):
            no_worse[f"{table.task}/{table.recipe}"] = others
    assert no_worse == {"cola/few1024-3-epochs-no-bias-correction-lr1e-4": 1}


def test_what_the_page_says_of_the_limit_is_what_was_measured(measured):
    failing = [table for table in measured.tables if table.kind == "fails"]
    assert list(measured.limit.tables) and set(measured.limit.tables) == {table.name for table in failing}
    page = limit(measured)
    assert [table.name for table in failing if not table.signal and table.name in page] == []
    for table in [table for table in failing if table.signal]:
        below = mean_multiplier(cells_of(measured.limit, [table])) < ASKED
        assert (f"{table.name} (" in page) == below, table.name
    doubled = {
        at: tuple(replace(c, multiplier=4.0, difference=1.0) for c in of) for at, of in measured.limit.tables.items()
    }
    assert "gets there on each of these tables" in limit(
        replace(measured, limit=replace(measured.limit, tables=doubled))
    )


def test_one_procedure_chooses_settings_where_nothing_is_judged(measured):
    """A setting that is better on tables with a test set alone is not chosen."""
    best, default = chosen(measured)["start_many"]
    tables = {
        at: tuple(
            replace(cell, multiplier=9.0 if at in (t.name for t in measured.tables if not chooses_settings(t)) else 0.5)
            for cell in of
        )
        for at, of in default.tables.items()
    }
    spoilt = replace(default, tables=tables)
    rules = tuple(spoilt if rule is default else rule for rule in measured.rules)
    assert chosen(replace(measured, rules=rules))["start_many"][0] == best != default


def test_parts_are_of_the_rule_as_it_ships(measured):
    whole, *parts = measured.parts
    (ships,) = (rule for rule in measured.rules if rule.label == OWN)
    assert whole.parameters == {} and whole.source_sha256 == ships.source_sha256
    assert [part.parameters for part in measured.parts] == list(PARTS.values())
    for part in parts:  # each makes a difference somewhere
        assert part.tables != whole.tables, part.label


def test_measuring_few_campaigns_has_every_rule_and_table(measured, monkeypatch):
    """Of four tables: with and without a test set, of trials that fail and that do not."""
    trials = load_trials()
    names = {"cola/few1024-3-epochs-no-bias-correction-lr1e-4", "sst2/few64-5-epochs-lr4e-4"}
    names |= {"mrpc/few256-all", "sst2/few64-all"}
    some = tuple(table for table in trials.tables if f"{table.task}/{table.recipe}" in names)
    monkeypatch.setattr("dataset_card.rules.load_trials", lambda: replace(trials, tables=some))
    found = measure(replicates=3, own_replicates=3)
    assert [rule.label for rule in found.rules] == [rule.label for rule in measured.rules]
    assert [table.name for table in found.tables] == [table.name for table in measured.tables if table.name in names]
    assert {table.name for table in measured.tables} == {f"{table.task}/{table.recipe}" for table in trials.tables}
    assert len(found.tables) == 4


@pytest.mark.parametrize("option", ["--replicates", "--own-replicates", "--processes"])
def test_what_says_how_to_measure_is_refused_where_nothing_is_measured(option, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["rules", "--folder", str(tmp_path), option, "3"])
    assert exit_code(main, "python -m dataset_card.rules") == 2
    said = f"dataset_card.rules: error: {option} is of what is measured: add --measure, or leave it out\n"
    assert capsys.readouterr().err == said
    assert not list(tmp_path.iterdir())
