"""Advice: what best-of-n needs on paper, which settings are followed to the end, and which tables take part."""

import json
import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from seedbench.advice.advise import _enough_replicates, advise
from seedbench.advice.report import print_advice
from seedbench.advice.result import Needed
from seedbench.advice.words import needed_words
from seedbench.errors import SelectionError
from seedbench.evaluation import evaluate
from seedbench.strategy import load_strategy, tried_settings
from tests.advice.made import QUICK, counts, told_at_once, trial_set
from tests.advice.said import said_of

# --- best-of-n on paper -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "full_trials", "bound"),
    [
        (0.25, 1, "<"),
        (0.5, 1, None),
        (0.5 + 3 / 22, 2, None),
        (0.5 + 3 / 44, 1.5, None),
        (0.9, 9, ">"),
    ],
)
def test_full_trials_needed(score, full_trials, bound):
    """Six runs of 1/4 and six of 3/4: one is worth 1/2; of two, 6 · 5 in 12 · 11 are both 1/4: 3/4 - 5/44."""
    found = advise(2, trial_set(counts(*[1, 3] * 6)), score=score, protocol="dodge2020", **QUICK)
    (table,) = found.tables
    assert (table.floor, table.score) == pytest.approx((1 / 2, 1 / 2 + 3 / 22))
    assert table.needed.full_trials == pytest.approx(full_trials) and table.needed.bound == bound


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (6.0, 20.0, "95% interval 6.0 to 20.0"),
        (6.0, None, "95% interval from 6.0 on, its upper end beyond the recorded trials"),
        (None, 20.0, "95% interval up to 20.0, its lower end below one full trial"),
        (None, None, "the 95% interval is open at both ends"),
    ],
)
def test_an_open_end_of_an_interval_is_said(low, high, said):
    (table,) = advise(2, trial_set(counts(*[1, 3] * 6)), protocol="dodge2020", **QUICK).tables
    needed = Needed(score=0.67, full_trials=13.3, bound=None, low=low, high=high)
    assert needed_words(needed, table) == f"needs 13.3 full trials for 0.6700 ({said})"


def test_what_differs_is_what_an_evaluation_says(trials):
    found = advise(4, trials, table="mini/sst2/few", **QUICK)
    evaluated = evaluate("hyperband", trials, recipes="few", tasks="sst2", budgets=4, replicates=10)
    (candidate,) = (one for one in found.candidates if one.label == "hyperband")
    (row,) = evaluated.rows
    ends = (candidate.difference, candidate.difference_low, candidate.difference_high, candidate.difference_detectable)
    assert ends == pytest.approx((row.difference, row.difference_low, row.difference_high, row.difference_detectable))
    assert candidate.difference_p >= row.difference_p  # among several, and alone


def test_settings_that_run_the_same_campaigns_count_once():
    """Of ten checkpoints 0.1 and 0.12 are the first: three settings are two comparisons, and Holm takes them as two."""
    trials = trial_set(told_at_once())
    apart = [("start_many", {"fraction": 0.1}), ("patience", {})]
    alike = [*apart, ("start_many", {"fraction": 0.12})]
    once, twice = (
        {one.label: one.difference_p for one in advise(4, trials, candidates=of, replicates=20).candidates}
        for of in (apart, alike)
    )
    assert len(twice) == 3 and twice["start_many(fraction=0.12)"] == twice["start_many(fraction=0.1)"]
    assert twice == once | {"start_many(fraction=0.12)": once["start_many(fraction=0.1)"]}
    assert all(p not in (None, 1.0) for p in once.values())


@pytest.fixture(scope="module")
def followed():
    """All settings on few replicates, and three of them on all."""
    done = []
    found = advise(4, trial_set(told_at_once()), replicates=100, progress=lambda *at: done.append(at))
    return found, done


@pytest.mark.parametrize(("tables", "replicates"), [(1, 500), (4, 500), (6, 350), (7, 300), (10, 200), (100, 200)])
def test_the_more_tables_the_fewer_replicates_of_each(tables, replicates):
    assert _enough_replicates(tables) == replicates


def test_no_number_of_tables_leaves_too_few_replicates():
    """Of a hundred tables: all settings on the few that are asked for."""
    one = told_at_once(6, 6, checkpoints=2, examples=50)
    tables = [replace(one, recipe=f"r{number}") for number in range(100)]
    found = advise(2, trial_set(*tables), replicates=4, candidates=tried_settings()[:6], processes=1)
    assert {one.replicates for one in found.candidates} == {4}


def test_tables_without_signal_take_no_part_where_others_have_it():
    """Fractions of the same trials, and beside them a table in which all trials are alike."""
    some = told_at_once()
    alike = replace(told_at_once(), recipe="alike", score=some.score * 0 + 0.5, test_score=None)
    rules = [("start_many", {}), ("patience", {})]
    how = {"candidates": rules, "replicates": 20, "protocol": "dodge2020"}
    alone, both = advise(4, trial_set(some), **how), advise(4, trial_set(some, alike), **how)
    assert [table.no_signal for table in both.tables] == [False, True] and both.compared == alone.tables
    assert both.candidates == alone.candidates and (both.gain, both.gain_low) == (alone.gain, alone.gain_low)
    assert "on one trial table with signal" in " ".join(said_of(both))


def test_the_three_best_on_few_replicates_are_run_on_all(followed):
    found, done = followed
    settings = len(tried_settings())
    first = [one for one in found.candidates if one.verdict != "not followed"]
    left = [one for one in found.candidates if one.verdict == "not followed"]
    assert [one.replicates for one in found.candidates] == [100] * len(first) + [50] * len(left)
    assert len(first) + len(left) == settings and sum(one.repeats is None for one in first) == 3
    assert done[-1][0] == done[-1][1] == 50 * settings + 100 * len(first)
    for some in (first, left):
        assert [one.difference for one in some] == sorted((one.difference for one in some), reverse=True)
    # On the few replicates they were better than all that is left.
    few = {one.label: one for one in advise(4, trial_set(told_at_once()), replicates=50).candidates}
    assert min(few[one.label].difference for one in first) >= max(few[one.label].difference for one in left)
    for one in left:
        assert (one.difference, one.gain, one.gap_closed) == (
            few[one.label].difference,
            few[one.label].gain,
            few[one.label].gap_closed,
        )
        assert {one.difference_low, one.difference_p, one.gain_high, one.compute_multiplier_low} == {None}


def test_what_is_not_followed_counts_among_what_holds_together(followed):
    """Holm: the smallest of n levels is n times what it is alone. Those left count each: on all they may differ."""
    found, _ = followed
    first = [one for one in found.candidates if one.verdict != "not followed"]
    left = len(found.candidates) - len(first)
    assert left > len(found.distinct) - 3  # some of them did the same on few replicates
    alone = {
        one.label: one
        for one in advise(
            4, trial_set(told_at_once()), candidates=[(one.name, one.parameters) for one in first], replicates=100
        ).candidates
    }
    for one in first:
        assert replace(one, difference_p=None, verdict="same") == replace(
            alone[one.label], difference_p=None, verdict="same"
        )
    best = min(first, key=lambda one: one.difference_p)
    assert 0 < best.difference_p < 1
    assert best.difference_p == pytest.approx(alone[best.label].difference_p / 3 * (3 + left))


def test_one_that_is_left_and_scored_higher_on_few_replicates_is_no_less_for_it(followed):
    """The best is said to be that of those that were followed; and if these scored no better, that they did not."""
    found, _ = followed
    first = [replace(one, verdict="unknown") for one in found.distinct if one.verdict != "not followed"]
    left = [one for one in found.distinct if one.verdict == "not followed"]

    def said(best, highest):
        followed = [replace(one, difference=best) for one in first]
        several = replace(found, candidates=(*followed, *(replace(one, difference=highest) for one in left)))
        return " ".join(said_of(several))

    assert f"{first[0].label} scored best: +0.0200" in said(0.02, 0.01)
    assert f"{first[0].label} scored best of those that were followed: +0.0200" in said(0.02, 0.03)
    assert "None of them scored better." in said(-0.01, -0.02)
    assert "None of those that were followed scored better." in said(-0.01, 0.01)


def test_what_is_not_followed_stands_where_it_scored_and_it_is_said(followed):
    found, _ = followed
    out = StringIO()
    print_advice(found, Console(file=out, width=120, force_terminal=False))
    said = " ".join(out.getvalue().split())
    assert "Without ±: left after 50 replicates, on which 3 others did better" in said
    lines = [line for line in out.getvalue().splitlines() if line.startswith(" ") and "×" in line]
    shown = [float(at.group()) for line in lines if (at := re.search(r"[+-]0\.\d{4}", line))]
    assert len(shown) == len([one for one in found.distinct if one.verdict != "same"])
    assert shown == sorted(shown, reverse=True)


@pytest.mark.parametrize(
    ("width", "said"), [(100, "fraction=0.1orfraction=0.12"), (50, "=0.1)orstart_many(fraction=0.12)")]
)
def test_settings_that_run_the_same_campaigns_are_one_line(width, said):
    alike = [("start_many", {"fraction": 0.1}), ("patience", {}), ("start_many", {"fraction": 0.12})]
    found = advise(4, trial_set(told_at_once()), candidates=alike, replicates=20)
    assert {one.label: one.repeats for one in found.candidates if one.repeats} == {
        "start_many(fraction=0.12)": "start_many(fraction=0.1)"
    }
    out = StringIO()
    print_advice(found, Console(file=out, width=width, force_terminal=False))
    assert said in "".join(out.getvalue().split())


# --- selection --------------------------------------------------------------------------------------------------------


def test_tables_too_small_are_left_out_unless_named(trials):
    found = advise(4, trials, **QUICK)
    assert [table.trials for table in found.tables] == [36]
    assert [(one.table, one.reason) for one in found.left_out] == [
        ("mini/mrpc/few", "too few trials"),
        ("mini/sst2/other", "too few trials"),
    ]
    with pytest.raises(SelectionError, match="mini/mrpc/few has 19 trials .* enough for a budget of 2"):
        advise(4, trials, table=["mini/sst2/few", "mini/mrpc/few"], **QUICK)
    with pytest.raises(SelectionError, match="mini/sst2/few has 36 trials .* enough for a budget of 6"):
        advise(10, trials, **QUICK)


def test_settings_are_strategies_of_their_own():
    settings = tried_settings()
    assert len({load_strategy(name, parameters=parameters).name for name, parameters in settings}) == len(settings)
    early = load_strategy("start_many", parameters={"fraction": 0.1})
    assert early.name == "start_many(fraction=0.1)" and early.build().fraction == 0.1
    assert load_strategy("start_many").build().fraction == 0.2


def test_json_is_the_same_for_any_processes(trials):
    text = advise(4, trials, table="mini/sst2/few", replicates=4).to_json()
    assert advise(4, trials, table="mini/sst2/few", replicates=4, processes=2).to_json() == text
    content = json.loads(text)
    assert len(content["candidates"]) == len(tried_settings()) and content["budget"] == 4 and content["format"] == 4
