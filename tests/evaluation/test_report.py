"""What a person sees: every number is there, it fits the terminal, and the words say what the numbers say."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from seedbench.evaluation import Difference, Evaluation, Row, Summary
from seedbench.evaluation.report import print_report, words
from seedbench.evaluation.result import Against, BudgetSummary, StrategyIdentity, SummaryDifference
from seedbench.trialset import TrialsIdentity

BUDGETS = (2, 4, 8, 16, 32)


def row(task="sst2", budget=8, gap=0.5, half=0.1, floor=0.70, ceiling=0.80, **changed):
    room = ceiling - floor
    score = floor + gap * room
    fields = dict(
        model="MiniLM-L6-H384-uncased",
        task=task,
        recipe="few-sample-128",
        budget=budget,
        score=score,
        score_low=score - half * room,
        score_high=score + half * room,
        floor=floor,
        ceiling=ceiling,
        gap_closed=gap,
        gap_closed_low=gap - half,
        gap_closed_high=gap + half,
        compute_multiplier=1.5,
        compute_multiplier_bound=None,
        compute_multiplier_low=1.25,
        compute_multiplier_high=None,
        optimism=0.0123,
        trials_started=31.0,
        budget_spent=float(budget),
        no_signal=False,
        undefined_share=0.0,
    )
    return Row(**{**fields, **changed})


def at_budget(rows, budget):
    """Points won over points to win at one budget, of all tables that have it."""
    members = [r for r in rows if r.budget == budget]
    room = sum(r.ceiling - r.floor for r in members)
    gap = sum(r.score - r.floor for r in members) / room if room > 0 else None
    return BudgetSummary(budget, 1.775, None, gap, None, None)


def evaluation(rows, against=(), **changed):
    budgets = sorted({row.budget for row in rows})
    fields = dict(
        protocol="held-out-2",
        track="cold",
        trials=TrialsIdentity("few-sample", "0.2.0", "0" * 64, None),
        strategy=StrategyIdentity("mine.py", "1" * 64),
        seed=7,
        replicates=200,
        seedbench="0.1.0",
        rows=tuple(rows),
        summary=Summary(0.46, 0.35, 0.57, 1.775, None, tuple(at_budget(rows, b) for b in budgets)),
        against=tuple(against),
        left_out=(),
    )
    return Evaluation(**{**fields, **changed})


def other(rows, name="full_trials", difference=0.06, half=0.05):
    differences = tuple(
        Difference(r.model, r.task, r.recipe, r.budget, 0.0060, 0.0010, 0.0110, 0.06, 0.01, 0.11) for r in rows
    )
    summary = Summary(0.40, 0.30, 0.50, 1.0, None, ())
    total = SummaryDifference(difference, difference - half, difference + half)
    return Against(name, "2" * 64, tuple(rows), summary, differences, total)


FULL = [row(task, budget, gap=budget / 40) for task in ("cola", "mrpc", "rte", "sst2") for budget in BUDGETS]


def printed(evaluation, width):
    out = StringIO()
    print_report(evaluation, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_four_tables_five_budgets_two_others_fit_and_lose_nothing(width):
    text = printed(evaluation(FULL, [other(FULL), other(FULL, "successive_halving", -0.02)]), width)
    lines = text.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "…" not in text
    scored = [line.split() for line in lines if "+0.0123" in line]
    assert len(scored) == 20
    assert scored[0][:5] == ["2", "0.7050", "±0.0100", "5%", "±10"]
    interval = ["1.25–∞"] if width >= 110 else []  # a column that only a wide terminal has room for
    assert scored[0][-3 - len(interval) :] == ["1.50×", *interval, "+0.0123", "31.0"]
    assert text.count("+0.0060 ±0.0050 ▲") == 40
    assert "few-sample 0.2.0, held-out-2, cold track, 200 replicates, seed 7" in text


@pytest.mark.parametrize("width", [80, 140])
def test_nine_others_are_set_below_each_other_where_there_is_no_room(width):
    names = [f"other_strategy_{number}" for number in range(9)]
    text = printed(evaluation(FULL, [other(FULL, name) for name in names]), width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width and "…" not in text
    assert text.count("+0.0060 ±0.0050 ▲") == 9 * 20
    assert [name for name in names if f"to {name}" not in text] == []


def test_words_say_what_the_numbers_say():
    said = words(evaluation(FULL, [other(FULL), other(FULL, "asha", -0.02), other(FULL, "patience", -0.09)]))
    assert said == [
        "At a budget of 8 full trials mine.py finds what plain best-of-n needs 14.2 for.",
        "Over 4 trial tables mine.py closes 46% of the gap between one full trial and the best of many (95% interval "
        "35% to 57%).",
        "That is 6 points more of the gap than full_trials (95% interval +1 to +11).",
        "That is 2 points less of the gap than asha (95% interval -7 to +3): the data cannot tell them apart.",
        "That is 9 points less of the gap than patience (95% interval -14 to -4).",
    ]


@pytest.mark.parametrize(
    ("bound", "multiplier", "words_"),
    [
        ("<", 0.125, "finds no more than one full trial does."),
        (">", 8.0, "needs at least 64.0 for"),
        (None, 1.0, "needs 8.0 for"),
    ],
)
def test_a_multiplier_beyond_the_data_is_a_bound(bound, multiplier, words_):
    rows = [row(compute_multiplier=multiplier, compute_multiplier_bound=bound)]
    summary = Summary(0.5, None, None, multiplier, bound, (BudgetSummary(8, multiplier, bound, 0.5, None, None),))
    found = evaluation(rows, summary=summary)
    assert words_ in words(found)[0]
    sign = {"<": "≤ ", ">": "≥ ", None: ""}[bound]
    assert f"{sign}{multiplier:.2f}×" in printed(found, 80)


def test_undefined_is_never_a_number():
    rows = [
        row("rte", gap=0.0, no_signal=True, gap_closed=None, gap_closed_low=None, gap_closed_high=None),
        row("sst2", score_low=None, score_high=None, gap_closed_low=None, gap_closed_high=None, no_signal=None),
    ]
    summary = Summary(None, None, None, None, None, ())
    text = printed(evaluation(rows, summary=summary), 100)
    assert "no signal" in text and "nan" not in text.lower() and "None" not in text
    (line,) = [line for line in text.splitlines() if "50%" in line and "+0.0123" in line]
    assert "±" not in line and "●" in line
    assert "In rte few-sample-128 seeds make too little difference" in text
    assert "mine.py has no gap to close" in text


def test_budget_left_unspent_and_tables_left_out_are_said():
    rows = [row(budget=8, budget_spent=4.1), row(budget=16)]
    said = words(evaluation(rows, left_out=("m/rte/r",)))
    assert "It left budget unspent: in sst2 few-sample-128 it spent 4.1 of 8 full trials." in said
    assert "Left out, having too few trials for these budgets: m/rte/r." in said


def test_the_picture_puts_the_point_on_its_interval():
    # -25% is column 0 and 150% the last; at width 100 the plot has 32 columns, so 0% is column 4, 100% column 22.
    text = printed(evaluation([row(gap=0.5, half=0.25), row(budget=16, gap=3.0, half=0.5)]), 100)
    plotted = [line for line in text.splitlines() if "●" in line]
    head = next(line for line in text.splitlines() if "100%" in line and "compute" in line)
    zero, one = head.index("0  "), head.index("100%")
    assert plotted[0][zero] == "┊" and plotted[0][one] == "┊"
    at = plotted[0].index("●")
    assert abs(at - (zero + one) / 2) <= 1
    assert plotted[0][at - 2 : at + 3] == "──●──"
    assert plotted[1].index("●") > one  # far beyond, drawn at the edge


def test_one_strategy_alone_has_no_comparison():
    text = printed(replace(evaluation(FULL), against=()), 100)
    assert "Paired" not in text and "paired" not in text
