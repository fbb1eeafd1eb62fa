"""Two strategies on the same replicates: differences that follow from paper, where decisions part, what is shown."""

import json
import platform
import re
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from seedbench.comparison.compare import Fates, FirstDecisions, compare
from seedbench.comparison.report import comparison_words, histogram, print_comparison
from seedbench.trialset import TrialSet
from tests.browser import DESKTOP, PHONE, opened
from tests.synthetic import table_by_hand

QUICK = {"replicates": 6, "processes": 1}


def all_alike(*right):
    """A trial set of one table, 5 × 5, in which every trial has so many of four examples right."""
    label = [1, 1, 1, 1]
    trial = [[1] * count + [0] * (4 - count) for count in right]
    table = table_by_hand([[trial] * 5] * 5, label)
    return TrialSet("alike", "1.0.0", "0" * 64, None, (table,))


def full_trial(campaign):
    """One trial to its end."""
    trial = campaign.start()
    while not trial.complete:
        trial.advance()
    return trial


def first_checkpoint(campaign):
    """One trial's first checkpoint, and nothing else."""
    return campaign.start().advance()


def first_of_a_full_trial(campaign):
    """A full trial, of which the first checkpoint is kept."""
    return full_trial(campaign).checkpoints[0]


def two_first_checkpoints(campaign):
    campaign.start().advance()
    return campaign.start().advance()


def compared(one, other, trials, **options):
    return compare(one, other, trials, **{"budgets": [2], "protocol": "dodge2020", **QUICK, **options})


def test_another_checkpoint_kept_of_the_same_trial():
    """Both pay for the same four checkpoints; the one keeps 3 of 4 right, the other 1 of 4: half a point apart.

    What the one kept, the other had paid for, too, and passed over.
    """
    found = compared(full_trial, first_of_a_full_trial, all_alike(1, 2, 3, 3))
    (part,) = found.parted
    assert part.differences == (0.5,) * 6
    assert (part.won, part.tied, part.lost, part.parted, part.other_kept) == (6, 0, 0, 6, 6)
    assert part.won_by == Fates(not_started=0, left=0, passed_over=6) and part.lost_by == Fates(0, 0, 0)
    assert (part.spent_before, part.spent_difference) == (1.0, 0.0)
    assert part.first == (FirstDecisions("ends", "ends", 6),)
    assert [example.replicate for example in part.examples] == [0, 1]  # of equal ones the first
    assert found.evaluation.against[0].differences[0].score == pytest.approx(0.5)


def test_a_trial_that_is_left_too_early():
    """The one stops after a quarter of the trial, with 1 of 4 right; the other goes on, and has 3 of 4 in the end."""
    found = compared(first_checkpoint, full_trial, all_alike(1, 2, 3, 3))
    (part,) = found.parted
    assert part.differences == (-0.5,) * 6
    assert (part.won, part.tied, part.lost) == (0, 0, 6)
    assert part.lost_by == Fates(not_started=0, left=6, passed_over=0)
    assert (part.spent_before, part.spent_difference) == (0.25, -0.75)
    assert part.first == (FirstDecisions("ends", "trains", 6),)
    example = part.examples[0]
    assert (example.parted_after, example.difference, example.spent_difference) == (1, -0.5, -0.75)
    assert (example.one.kept[1], example.other.kept[1]) == (0, 2)


def test_the_same_score_for_less():
    """Nothing is learnt after the first checkpoint: the same is kept, and three quarters of a trial are saved."""
    found = compared(first_checkpoint, full_trial, all_alike(2, 2, 2, 2))
    (part,) = found.parted
    assert (part.parted, part.other_kept, part.tied, part.examples) == (6, 0, 6, ())
    assert part.spent_difference == -0.75
    assert "In 0 they keep different checkpoints" in " ".join(comparison_words(found))


def test_a_trial_never_started():
    """Keeping the second trial instead of the first: the same score on trials that are all alike, another kept."""
    (part,) = compared(two_first_checkpoints, first_checkpoint, all_alike(1, 2)).parted
    assert (part.parted, part.other_kept, part.tied) == (6, 6, 6)
    assert part.first == (FirstDecisions("starts", "ends", 6),)


def test_a_strategy_against_itself():
    found = compared("asha", "asha", all_alike(1, 2, 3, 4), budgets=[2, 4])
    assert found.names == ("asha", "asha (second)")
    for part in found.parted:
        assert (part.parted, part.other_kept, part.tied, part.first, part.examples) == (0, 0, 6, (), ())
        assert part.spent_before is None and set(part.differences) == {0.0}
    assert "They decide the same in all 12 campaigns." in comparison_words(found)


def test_every_campaign_is_run_once():
    """Six replicates under two budgets: 12 calls of each strategy."""
    calls = {"full_trial": 0, "first_checkpoint": 0}

    def counted(strategy):
        def call(campaign):
            calls[strategy.__name__] += campaign.grid == (4, 4)
            return strategy(campaign)

        call.__name__ = strategy.__name__
        return call

    seen = []
    compared(
        *map(counted, (full_trial, first_checkpoint)), all_alike(1, 2, 3, 4), budgets=[2, 4],
        progress=lambda *at: seen.append(at),
    )  # fmt: skip
    assert calls == {"full_trial": 12, "first_checkpoint": 12}
    assert [done for done, _ in seen] == sorted({done for done, _ in seen}) and seen[-1][0] == seen[-1][1]


# --- on trials that differ --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def comparison(trials):
    return compare("asha", "full_trials", trials, **QUICK)


def test_the_parts_add_up(comparison):
    differences = comparison.evaluation.against[0].differences
    assert len(comparison.parted) == len(differences) == 4  # budgets 2; 2, 4; 2
    for part, difference in zip(comparison.parted, differences, strict=True):
        assert (part.task, part.recipe, part.budget) == (difference.task, difference.recipe, difference.budget)
        assert np.mean(part.differences) == pytest.approx(difference.score, abs=0.15)  # less the luck of the orders
        assert part.won == sum(value > 0 for value in part.differences)
        assert part.won + part.tied + part.lost == 6
        assert part.won == sum(vars(part.won_by).values()) and part.lost == sum(vars(part.lost_by).values())
        assert part.parted == sum(first.replicates for first in part.first)
        shown = [example.difference for example in part.examples]
        wins = sorted((value for value in part.differences if value > 0), reverse=True)
        losses = sorted(value for value in part.differences if value < 0)
        assert shown == wins[:2] + losses[:2]


def test_json_is_the_same_for_any_processes(comparison, trials):
    text = comparison.to_json()
    assert compare("asha", "full_trials", trials, replicates=6, processes=2).to_json() == text
    content = json.loads(text)
    assert content["evaluation"]["against"][0]["name"] == "full_trials"
    assert content["parted"][0]["examples"][0]["one"]["strategy"] == "asha"


@pytest.mark.skipif(platform.system() != "Linux" or platform.machine() != "x86_64", reason="no sealed processes here")
def test_sealed_strategies_decide_the_same(trials):
    """What a strategy decides in a sealed process is seen from outside."""
    options = {"recipes": "other", "budgets": 2, "replicates": 4}
    sealed = compare("asha", "full_trials", trials, sandbox=True, **options)
    assert sealed.to_json() == compare("asha", "full_trials", trials, **options).to_json()


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_fits_and_hides_nothing(comparison, width):
    out = StringIO()
    print_comparison(comparison, Console(file=out, width=width, force_terminal=False))
    text = out.getvalue()
    lines = text.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "…" not in text and "nan" not in text.lower() and "None" not in text
    assert sum(bool(re.match(r" +\d+ +[+-]0\.\d{4}", line)) for line in lines) == 4
    assert ("●" in text) == (width == 120)
    flat = " ".join(text.split())
    assert "asha against full_trials on synthetic 1.0.0" in flat
    assert "They part always where asha starts another trial and full_trials trains the same trial on." in flat
    example = next(part.examples[0] for part in comparison.parted if part.budget == 4)
    assert f"replicate {example.replicate} {example.difference:+.4f}" in flat
    (row, column), checkpoint = example.other.kept
    assert f"keeps {row}/{column} at checkpoint {checkpoint + 1}: chosen for" in flat


def test_histogram():
    """Two values at either end, four about zero, in 13 bins; the highest bar is the most frequent."""
    assert histogram([-1.0, -1.0, 0.0, 0.01, -0.01, 0.0, 1.0, 1.0], 1.0) == "▅     █     ▅"


def test_the_page(trials):
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    from seedbench.comparison.page import comparison_html

    comparison = compare("asha", "full_trials", trials, recipes="other", budgets=2, **QUICK)
    (part,) = comparison.parted
    page = comparison_html(comparison)
    assert "<h1>asha against full_trials</h1>" in page and "mini · sst2 · other" in page
    # The interval, the histogram, and two drawings of each example and of the one that is not folded away.
    assert page.count('<div class="plot"') == 1 + 1 + 2 * (len(part.examples) + 1)
    for example in part.examples:
        for decisions in (example.one, example.other):
            (row, column), checkpoint = decisions.kept
            assert f"{decisions.strategy} keeps {row}/{column} at checkpoint {checkpoint + 1}: chosen for" in page


def test_where_the_dev_set_reports_nothing_is_called_a_test_score():
    """Nor is it on a page of an evaluation."""
    pytest.importorskip("altair")
    pytest.importorskip("vl_convert")
    from seedbench.comparison.page import comparison_html
    from seedbench.evaluation.page import evaluation_html

    found, out = compared("asha", "full_trials", all_alike(1, 2, 3, 4)), StringIO()
    print_comparison(found, Console(file=out, width=200, force_terminal=False))
    for text in (out.getvalue(), comparison_html(found), evaluation_html(found.evaluation)):
        assert "test score" not in re.sub(r"<(script|style)(?![^>]*json).*?</\1>", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_last_column_can_be_read(browser, run, tmp_path, width):
    """On a bundled table, whose name is long: at 1,200 pixels as it stands, on a phone when it is scrolled to."""
    pytest.importorskip("altair")
    out, table = tmp_path / "out.html", "few128-5-epochs-no-bias-correction-lr3e-4"
    few = ("--recipe", table, "--replicates", 8, "--processes", 1)
    assert run("compare", "start_many", "full_trials", *few, "--html", out)[0] == 0
    with opened(browser, out, width=width) as seen:
        column = seen.page.locator("table").first.locator("tr > :last-child")
        assert column.first.inner_text() == "spent" and column.count() > 1
        if width == PHONE:
            column.first.evaluate("cell => cell.scrollIntoView({inline: 'end', block: 'nearest'})")
        box = column.first.evaluate_handle("cell => cell.closest('.scroll')").as_element().bounding_box()
        end = min(box["x"] + box["width"], width)
        for cell in column.all():
            its = cell.bounding_box()
            assert max(box["x"], 0) <= its["x"] and its["x"] + its["width"] <= end + 0.5
            assert cell.evaluate("cell => cell.scrollWidth <= cell.clientWidth")
        assert seen.overflow() == 0


# --- the command line -------------------------------------------------------------------------------------------------


def test_command(run, trials_folder):
    code, out, err = run(
        "compare", "asha", "full_trials", "--trials", trials_folder, "--recipe", "other", "--replicates", 4,
        "--processes", 1, "--json", "found.json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "asha against full_trials on synthetic 1.0.0" in out
    with open("found.json", encoding="utf-8") as file:
        assert [part["budget"] for part in json.load(file)["parted"]] == [2]


def test_json_alone_on_standard_output(run, trials_folder):
    code, out, err = run(
        "compare", "asha", "full_trials", "--trials", trials_folder, "--recipe", "other", "--replicates", 4,
        "--processes", 1, "--json", "-",
    )  # fmt: skip
    assert code == 0 and "asha against full_trials" in err
    assert set(json.loads(out)) == {"format", "evaluation", "parted"}


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["asha"], "Missing argument 'B'"),
        (["asha", "no_such"], "no strategy 'no_such'"),
        (
            ["asha", "full_trials", "--budget", "1000", "--recipe", "few128-all", "--protocol", "dodge2020"],
            "enough for a budget of",
        ),
        (["asha", "full_trials", "--replicates", "2"], "replicates must be at least 3"),
        (["asha", "full_trials", "--task", "qnli"], "unknown task 'qnli'"),
        (["asha", "full_trials", "--track", "warm"], "unknown track 'warm'"),
        (["asha", "full_trials", "--json", "a.html", "--html", "a.html"], "give two files"),
        (["asha", "full_trials", "--html", "no/folder.html"], "no such folder"),
    ],
)
def test_refused(refused, arguments, rule):
    refused("compare", *arguments, rule=rule)
