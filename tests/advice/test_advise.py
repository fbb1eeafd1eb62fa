"""Advice: what must be told apart is, what cannot be is not, and best-of-n is what paper says."""

import json
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from seedbench.advice.advise import CANDIDATES, advise
from seedbench.advice.report import advice_words, print_advice
from seedbench.errors import SelectionError
from seedbench.evaluation import evaluate
from seedbench.strategy import load_strategy
from seedbench.trialset import TrialSet
from tests.synthetic import table_by_hand

SETTINGS = (
    ("start_many", {"fraction": 0.1}),
    ("start_many", {"fraction": 0.5}),
    ("hyperband", {}),
    ("divergence_stop", {}),
)
QUICK = {"replicates": 10, "candidates": SETTINGS}


def trial_set(*tables):
    return TrialSet("made", "1.0.0", "0" * 64, None, tables)


def told_at_once(rows=8, columns=8, checkpoints=10, examples=400):
    """Trials between 0.5 and 1 that are from their first checkpoint on what they will be."""
    rng = np.random.default_rng(0)
    skill = rng.uniform(0.5, 1, (rows, columns, 1, 1))
    right = np.broadcast_to(rng.random((rows, columns, 1, examples)) < skill, (rows, columns, checkpoints, examples))
    label = np.arange(examples) % 2
    return table_by_hand(np.where(right, label, 1 - label), label)


def counts(*right, recipe="by-hand"):
    """A 2 × n table of one checkpoint, whose trials have so many of four examples right."""
    trials = [[[1] * count + [0] * (4 - count)] for count in right]
    half = len(trials) // 2
    return replace(table_by_hand([trials[:half], trials[half:]], [1, 1, 1, 1]), recipe=recipe)


@pytest.fixture(scope="module")
def advice():
    return advise(4, trial_set(told_at_once()), score=0.8, candidates=SETTINGS, replicates=100)


# --- what must be told apart, and what cannot be ----------------------------------------------------------------------


def test_looking_once_at_many_is_told_to_be_better(advice):
    """A tenth of each of 31 trials finds a better one than four whole trials do."""
    best = advice.advised
    assert best is not None and best == advice.candidates[0]
    by_label = {candidate.label: candidate for candidate in advice.candidates}
    early = by_label["start_many(fraction=0.1)"]
    assert early.verdict == "better" and early.difference_low > 0
    assert early.compute_multiplier > by_label["start_many(fraction=0.5)"].compute_multiplier > 1
    assert early.compute_multiplier_low > 1
    assert [candidate.difference for candidate in advice.candidates] == sorted(
        (candidate.difference for candidate in advice.candidates), reverse=True
    )


def test_the_answer_says_so_first(advice):
    first, second, third, fourth = advice_words(advice)
    best = advice.advised
    assert first.startswith(
        f"With a budget of 4 full trials, use {best.label}: on one trial table it scores {best.difference:.4f} more "
        "than plain best-of-n"
    )
    assert "picked the best of 4 settings" in first
    assert second.startswith("Plain best-of-n needs ")
    assert third.startswith(f"Plain best-of-n scores {advice.tables[0].score:.4f} ±")
    assert fourth.startswith("It needs ") and "for 0.8000" in fourth


def test_trials_that_are_all_alike():
    """Whatever is kept has three of four right: nothing differs, nothing is to be won, one full trial is enough."""
    found = advise(2, trial_set(counts(*[3] * 8)), score=0.75, protocol="dodge2020", **QUICK)
    assert {candidate.verdict for candidate in found.candidates} == {"same"}
    assert {candidate.difference for candidate in found.candidates} == {0.0}
    assert {candidate.gap_closed for candidate in found.candidates} == {None}
    assert found.advised is None and found.critical_value is None
    (table,) = found.tables
    assert (table.floor, table.score, table.ceiling) == (0.75, 0.75, 0.75)
    assert (table.needed.full_trials, table.needed.bound) == (1.0, None)
    assert "None of them scored higher." in advice_words(found)


def test_noise_alone_is_not_told_to_be_better():
    """Predictions at random: whatever scored highest did so by luck, and the answer is best-of-n."""
    rng = np.random.default_rng(1)
    table = table_by_hand(rng.integers(0, 2, (6, 6, 4, 100)), np.arange(100) % 2)
    found = advise(4, trial_set(table), replicates=10)
    assert not {candidate.verdict for candidate in found.candidates} & {"better", "worse"}
    said = " ".join(advice_words(found))
    assert "train them all to the end and keep the best checkpoint, which is plain best-of-n" in said
    assert f"none of {len(CANDIDATES)} other settings can be told to do better" in said
    assert "may be that by luck" in said and found.critical_value > 2.5


def test_one_row_has_no_intervals():
    table = table_by_hand([[[[1, 1, 0, 0]], [[1, 1, 1, 0]], [[1, 1, 1, 1]], [[1, 0, 0, 0]]]], [1, 1, 1, 1])
    found = advise(2, trial_set(table), protocol="dodge2020", **QUICK)
    assert {candidate.verdict for candidate in found.candidates} <= {"unknown", "same"}
    assert found.tables[0].score_low is None and found.advised is None
    assert any("says nothing about others" in sentence for sentence in advice_words(found))


# --- best-of-n on paper -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "full_trials", "bound"),
    [
        (0.5, 1, "<"),
        (0.625, 1, None),
        (5 / 6, 2, None),
        ((5 / 6 + 15 / 16) / 2, 2.5, None),
        (1.0, 4, None),
    ],
)
def test_full_trials_needed(score, full_trials, bound):
    """Trials of 1/4, 2/4, 3/4 and 1: the best of one is worth 5/8, of two 5/6, of three 15/16, of four 1."""
    found = advise(2, trial_set(counts(1, 2, 3, 4)), score=score, protocol="dodge2020", **QUICK)
    (table,) = found.tables
    assert (table.floor, table.score, table.ceiling) == pytest.approx((5 / 8, 5 / 6, 1))
    assert table.needed.full_trials == pytest.approx(full_trials) and table.needed.bound == bound


def test_more_than_all_trials_are_needed():
    """No more than 3/4 is there: the best of all four is worth that, and 9/10 is beyond."""
    found = advise(2, trial_set(counts(1, 2, 3, 3)), score=0.9, protocol="dodge2020", **QUICK)
    (table,) = found.tables
    assert (table.needed.full_trials, table.needed.bound) == (4, ">")


def test_what_differs_is_what_an_evaluation_says(trials):
    found = advise(4, trials, recipes="other", **QUICK)
    evaluated = evaluate("hyperband", trials, recipes="other", budgets=4, against="full_trials", replicates=10)
    (candidate,) = (one for one in found.candidates if one.label == "hyperband")
    difference = evaluated.against[0].differences[0]
    assert candidate.difference == pytest.approx(difference.score)
    # Of the same standard error, but wider: it holds for all of them.
    wider = (candidate.difference_high - candidate.difference) / (difference.score_high - difference.score)
    assert wider > 1.2


# --- selection --------------------------------------------------------------------------------------------------------


def test_tables_too_small_are_left_out_unless_named(trials):
    found = advise(8, trials, **QUICK)
    assert [table.trials for table in found.tables] == [36]
    assert found.left_out == ("mini/mrpc/few", "mini/sst2/other")
    with pytest.raises(SelectionError, match="mini/mrpc/few has 19, enough for a budget of 4"):
        advise(8, trials, table=["mini/sst2/few", "mini/mrpc/few"], **QUICK)
    with pytest.raises(SelectionError, match="mini/sst2/few has 36, enough for a budget of 9"):
        advise(10, trials, **QUICK)


def test_settings_are_strategies_of_their_own():
    assert len({load_strategy(name, parameters=parameters).name for name, parameters in CANDIDATES}) == len(CANDIDATES)
    early = load_strategy("start_many", parameters={"fraction": 0.1})
    assert early.name == "start_many(fraction=0.1)" and early.build().fraction == 0.1
    assert load_strategy("start_many").build().fraction == 0.2


def test_json_is_the_same_for_any_processes(trials):
    text = advise(4, trials, recipes="other", replicates=4).to_json()
    assert advise(4, trials, recipes="other", replicates=4, processes=2).to_json() == text
    content = json.loads(text)
    assert len(content["candidates"]) == len(CANDIDATES) and content["budget"] == 4


# --- what is shown ----------------------------------------------------------------------------------------------------


def printed(advice, width):
    out = StringIO()
    print_advice(advice, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_report_fits_and_begins_with_the_answer(advice, width):
    text = printed(advice, width)
    assert text.startswith("With a budget of 4 full trials, use ")
    lines = text.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "…" not in text and "nan" not in text.lower() and "None" not in text
    best = advice.advised
    half = best.difference_high - best.difference
    assert sum(f"{best.difference:+.4f} ±{half:.4f} ▲" in line for line in lines) >= 1
    assert ("its 95%" in text) == (width == 120)


def test_the_advised_strategy_can_be_copied(advice, tmp_path):
    lines = printed(advice, 80).split("As a strategy file:\n")[1].splitlines()[:2]
    file = tmp_path / "advised.py"
    file.write_text("\n".join(line.strip() for line in lines) + "\n")
    built = load_strategy(str(file)).build()
    for name, value in advice.advised.parameters.items():
        assert getattr(built, name) == value
    assert type(built).__name__ == type(load_strategy(advice.advised.name).build()).__name__


def test_command(run, trials_folder):
    arguments = ("advise", "--budget", 4, "--trials", trials_folder, "--recipe", "other", "--replicates", 4)
    code, out, err = run(*arguments, "--processes", 1, "--score", 0.9)
    assert (code, err) == (0, "") and out.startswith("With a budget of 4 full trials, ")
    code, out, err = run(*arguments, "--processes", 1, "--json", "-")
    assert code == 0 and json.loads(out)["tables"][0]["recipe"] == "other" and "With a budget" in err


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ([], "Missing option '--budget'"),
        (["--budget", "0"], "must be a whole number from 1 on"),
        (["--budget", "1000"], "enough for a budget of"),
        (["--budget", "4", "--table", "a/b/c"], "unknown table 'a/b/c': trial set"),
        (["--budget", "4", "--task", "rte"], "unknown task 'rte'"),
        (["--budget", "4", "--score", "nan"], "a score is a number from -1 to 1, as 0.72, found nan"),
        (["--budget", "4", "--protocol", "mine"], "unknown protocol 'mine'"),
        (["--budget", "4", "--replicates", "3"], "replicates come in pairs"),
        (["--budget", "4", "--json", "no/file.json"], "no such folder"),
    ],
)
def test_refused(refused, arguments, rule):
    refused("advise", *arguments, rule=rule)
