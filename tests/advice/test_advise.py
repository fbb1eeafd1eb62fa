"""Advice: what must be told apart is, what cannot be is not, and what is shown says so."""

import json
import shlex
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from seedbench.advice.advise import advise
from seedbench.advice.report import print_advice
from seedbench.advice.words import live_words
from seedbench.cli.app import app
from seedbench.strategy import load_strategy, tried_settings
from tests.advice.made import QUICK, SETTINGS, counts, told_at_once, trial_set
from tests.advice.said import said_of
from tests.synthetic import table_by_hand


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
