"""Advice: what must be told apart is, what cannot be is not, and best-of-n is what paper says."""

import json
import re
import shlex
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from seedbench.advice.advise import _enough_replicates, advise
from seedbench.advice.report import print_advice
from seedbench.advice.result import Needed
from seedbench.advice.words import live_words, needed_words
from seedbench.cli.app import app
from seedbench.errors import SelectionError
from seedbench.evaluation import evaluate
from seedbench.strategy import load_strategy, tried_settings
from seedbench.trialset import TrialSet
from tests.advice.said import said_of
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


def counts(*right):
    """Runs of one data order and one checkpoint, which have so many of four examples right."""
    return table_by_hand([[[[1] * count + [0] * (4 - count)]] for count in right], [1, 1, 1, 1])


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


def test_the_answer_says_so(advice):
    *_, first, second, gain, third, fourth = said_of(advice)
    best = advice.advised
    assert first.startswith(
        f"With a budget of 4 full trials, use {best.label}: on one trial table it is {best.difference:.4f} better "
        "than plain best-of-n"
    )
    assert "told from it at 95% also for 4 settings together" in first
    assert second.startswith("Plain best-of-n needs ")
    assert gain == (
        f"Expected on test examples: {best.gain:+.4f} (95% interval {best.gain_low:+.4f} to {best.gain_high:+.4f}) "
        "above one full trial."
    )
    (table,) = advice.tables
    assert best.gain - advice.gain == pytest.approx(best.difference)
    assert advice.gain == pytest.approx(table.score - table.floor)
    assert 0 < advice.gain < advice.to_win == pytest.approx(table.ceiling - table.floor, rel=0.1)
    assert third.startswith(f"Plain best-of-n scores {advice.tables[0].score:.4f} ±")
    assert fourth.startswith("It needs ") and "for 0.8000" in fourth


def test_trials_that_are_all_alike():
    """Whatever is kept has three of four right: nothing differs, nothing is to be won, one full trial is enough."""
    found = advise(2, trial_set(counts(*[3] * 12)), score=0.75, protocol="dodge2020", **QUICK)
    assert {candidate.verdict for candidate in found.candidates} == {"same"}
    assert {candidate.difference for candidate in found.candidates} == {0.0}
    assert {candidate.gap_closed for candidate in found.candidates} == {None}
    assert found.advised is None and {candidate.difference_p for candidate in found.candidates} == {1.0}
    (table,) = found.tables
    assert (table.floor, table.score, table.ceiling) == (0.75, 0.75, 0.75)
    assert (table.needed.full_trials, table.needed.bound) == (1.0, None)
    assert "None of them scored better." in said_of(found)
    assert said_of(found)[0] == (
        "Choosing among seeds wins nothing: the best of many full trials here scores what one does. Train one full "
        "trial."
    )
    assert found.wins_nothing and (found.gain, found.to_win, found.to_win_high) == (0, 0, 0)


def test_noise_alone_is_not_told_to_be_better():
    """Predictions at random: whatever scored highest did so by luck, and the answer is best-of-n."""
    rng = np.random.default_rng(1)
    table = table_by_hand(rng.integers(0, 2, (6, 6, 4, 100)), np.arange(100) % 2)
    table = replace(table, test_score=rng.normal(0.5, 0.05, table.score.shape))
    found = advise(4, trial_set(table), replicates=100)
    assert found.tables[0].no_signal
    assert not {candidate.verdict for candidate in found.candidates} & {"better", "worse"}
    said = " ".join(said_of(found))
    assert said.startswith("Choosing among seeds wins nothing here that is told from noise: ")
    assert f"{found.to_win:+.4f} above one (95% interval " in said and "Train one full trial." in said
    assert "plain best-of-n is not told to be better than one full trial on one trial table" in said
    assert f"none of {len(tried_settings())} other settings can be told to do better than plain best-of-n" in said
    assert "Expected on test examples" not in said  # of best-of-n, which is not what is advised
    assert "seedbench live full_trials --budget 1 " in " ".join(live_words(found))
    assert "may be that by luck" in said or "None of them scored better" in said
    assert {candidate.gap_closed for candidate in found.candidates} == {None}
    assert {candidate.compute_multiplier for candidate in found.candidates} == {None}


@pytest.mark.parametrize("protocol", ["held-out-2", "dodge2020"])
def test_tables_that_tell_nothing_alone_may_tell_something_together(protocol):
    """Of eleven runs of 2/4 and one of 3/4, on seeds of their own: R(2) - R(1) is 1/4 (1/6 - 1/12) on each."""
    table = counts(*[2] * 11, 3)
    tables = [
        replace(table, recipe=f"recipe-{number}", weight_init_seeds=table.weight_init_seeds + 1000 * number)
        for number in range(6)
    ]
    few, many = (advise(2, trial_set(*tables[:n]), protocol=protocol, **QUICK) for n in (2, 6))
    for found in (few, many):
        assert all(one.no_signal for one in found.tables) and found.gain == pytest.approx(1 / 48)
        told = found.to_win_low > 0
        said = " ".join([*said_of(found), *live_words(found)])
        assert found.wins_nothing == ("Train one full trial." in said) == ("--budget 1 " in said) == (not told)
        assert ("Expected on " in said) == told
    assert many.to_win_low > 0 and many.gain_low > 0 > few.to_win_low


def test_one_full_trial_is_not_advised_beside_a_strategy():
    """The first checkpoint has the best dev score, the last the best test score: only best-of-n wins nothing."""
    right = [[[[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]]] * 12
    table = replace(table_by_hand(right, [1, 1, 1, 1]), test_score=np.tile([0.25, 0.5, 0.75], (12, 1)))
    found = advise(2, trial_set(table), replicates=10, candidates=[("last_checkpoint", {})])
    assert found.wins_nothing and found.advised.label == "last_checkpoint"
    said = " ".join(said_of(found))
    assert said.startswith("Plain best-of-n wins nothing: the best of many full trials here scores what one does. R")
    assert "Train one" not in said and "Choosing among seeds" not in said
    assert "use last_checkpoint: on one trial table it is 0.5000 better than plain best-of-n" in said
    assert "told from it at 95%." in said and "settings together" not in said
    assert "Expected on test examples: +0.5000" in said
    assert "seedbench live last_checkpoint --budget 2 " in " ".join(live_words(found))


def test_equal_dev_scores_are_not_said_to_be_equal_trials():
    """Best-of-n cannot choose among them, and wins nothing; their test scores differ."""
    table = replace(counts(*[3] * 12), test_score=np.linspace(0.5, 0.8, 12)[:, None])
    found = advise(2, trial_set(table), **QUICK)
    assert found.wins_nothing and found.tables[0].score_high - found.tables[0].score > 0.01
    assert said_of(found)[0].startswith("Choosing among seeds wins nothing: the best of many full trials here scores ")


@pytest.mark.parametrize("right", [(1, 3), (3, 3)], ids=["differ", "alike"])
def test_one_setting_is_one(right):
    found = advise(2, trial_set(counts(*right * 6)), replicates=10, candidates=SETTINGS[3:])
    said = " ".join(said_of(found))
    assert found.advised is None and "the one other setting cannot be told to do better" in said
    assert "It did not score better." in said or "But that may be luck; " in said
    assert "1 other settings" not in said and "None of them" not in said and "the best of 1 " not in said


def test_few_seeds_have_no_intervals():
    rng = np.random.default_rng(1)
    table = table_by_hand(rng.integers(0, 2, (4, 4, 2, 20)), np.arange(20) % 2)
    found = advise(2, trial_set(table), **QUICK)
    assert {candidate.verdict for candidate in found.candidates} == {"unknown"}
    assert found.tables[0].score_low is None and found.advised is None
    assert found.tables[0].no_interval == "few_rows"
    said = " ".join(said_of(found))
    assert "say nothing about others, so there are no intervals" in said


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
    """All settings on few replicates, and four of them on all."""
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


def test_the_four_best_on_few_replicates_are_run_on_all(followed):
    found, done = followed
    settings = len(tried_settings())
    first = [one for one in found.candidates if one.verdict != "not followed"]
    left = [one for one in found.candidates if one.verdict == "not followed"]
    assert [one.replicates for one in found.candidates] == [100] * len(first) + [50] * len(left)
    assert len(first) + len(left) == settings and sum(one.repeats is None for one in first) == 4
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
    assert left > len(found.distinct) - 4  # some of them did the same on few replicates
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
    assert best.difference_p == pytest.approx(alone[best.label].difference_p / 4 * (4 + left))


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
    assert "Without ±: left after 50 replicates, on which 4 others did better" in said
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


# --- what is shown ----------------------------------------------------------------------------------------------------


def printed(advice, width):
    out = StringIO()
    print_advice(advice, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 130])
def test_the_report_fits_and_has_the_answer_before_what_it_rests_on(advice, width):
    text = printed(advice, width)
    assert text.startswith("Recipe first: ") and "\nWith a budget of 4 full trials, use " in text
    lines = text.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "…" not in text and "nan" not in text.lower() and "None" not in text
    best = advice.advised
    half = best.difference_high - best.difference
    assert sum(f"{best.difference:+.4f} ±{half:.4f} ▲" in line for line in lines) >= 1
    assert ("its 95%" in text) == (width == 130)


def test_the_advised_strategy_can_be_copied(advice, tmp_path):
    lines = printed(advice, 80).split("As a strategy file:\n")[1].splitlines()[:2]
    file = tmp_path / "advised.py"
    file.write_text("\n".join(line.strip() for line in lines) + "\n")
    built = load_strategy(str(file)).build()
    for name, value in advice.advised.parameters.items():
        assert getattr(built, name) == value
    assert type(built).__name__ == type(load_strategy(advice.advised.name).build()).__name__


def test_it_ends_with_the_command_that_runs_it_live(advice, tmp_path):
    """Word for word, with a command and a folder in their places: what it plans is what is advised."""
    command = printed(advice, 80).split("validation points:\n")[1].replace("\\\n", "")
    for blank, filled in {"DIR": str(tmp_path / "out"), "COMMAND": "my-training", " K ": " 5 "}.items():
        command = command.replace(blank, filled)
    program, *words = shlex.split(command)
    planned = CliRunner().invoke(app, [*words, "--dry-run"])
    assert program == "seedbench" and planned.exit_code == 0, planned.exception
    assert f"strategy: {advice.advised.label}\nbudget: 4 full trials of 5 checkpoints" in planned.output
    assert "my-training " in planned.output and not (tmp_path / "out").exists()


def test_command(run, trials_folder):
    arguments = ("advise", "--budget", 2, "--trials", trials_folder, "--recipe", "other", "--replicates", 4)
    code, out, err = run(*arguments, "--processes", 1, "--score", 0.9)
    assert (code, err) == (0, "") and "\nWith a budget of 2 full trials, " in out
    code, out, err = run(*arguments, "--processes", 1, "--json", "-")
    assert code == 0 and json.loads(out)["tables"][0]["recipe"] == "other" and "With a budget" in err


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (["--budget", "4", "--min-gain", "0.01"], "--min-gain chooses a budget, and one is given"),
        (["--min-gain", "0"], "'--min-gain': must be a number above 0, found '0'"),
        (["--min-gain", "nan"], "'--min-gain': must be a number above 0, found 'nan'"),
        (["--train-examples", "0"], "must be a whole number from 1 on, found '0'"),
        (["--train-examples", "many"], "must be a whole number from 1 on, found 'many'"),
        (["--bias-correction", "--recipe", "dodge2020-lr1e-4-all"], "is recorded as trained with Adam's bias"),
        (["--budget", "40", "--train-examples", "256"], "enough for a budget of"),
        (["--budget", "0"], "must be a whole number from 1 on"),
        (["--budget", "1000", "--protocol", "dodge2020"], "enough for a budget of"),
        (["--budget", "4", "--table", "a/b/c"], "unknown table 'a/b/c': trial set"),
        (["--budget", "4", "--task", "qnli"], "unknown task 'qnli'"),
        (["--budget", "4", "--score", "nan"], "'--score': must be a finite number, found 'nan'"),
        (["--budget", "4", "--task", "mrpc"], "none of these 2 tables has test scores"),
        (["--budget", "4", "--protocol", "mine"], "unknown protocol 'mine'"),
        (["--budget", "4", "--replicates", "2"], "replicates must be at least 3"),
        (["--budget", "4", "--json", "no/file.json"], "no such folder"),
    ],
)
def test_refused(refused, arguments, rule):
    refused("advise", *arguments, rule=rule)
