"""What a person sees: every number is there, it fits the terminal, and the words say what the numbers say."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from seedbench.evaluation import Difference, Evaluation, LeftOut, Row, Summary
from seedbench.evaluation.numbers import BudgetSummary, SummaryDifference
from seedbench.evaluation.report import FIRST_LESS_IT, LEAVE_OUT, LEGEND, _columns, _summary_table, print_report
from seedbench.evaluation.result import Against, StrategyIdentity
from seedbench.evaluation.words import points_of_gap, words
from seedbench.influences import NoInterval
from seedbench.trialset import TrialsIdentity

#: Columns that say by themselves what they are.
PLAIN = {"budget", "its 95%"}
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
        best_of_n=0.75,
        best_of_n_low=0.74,
        best_of_n_high=0.76,
        difference=0.0060,
        difference_low=0.0010,
        difference_high=0.0110,
        difference_p=0.02,
        difference_detectable=0.0071,
        floor=floor,
        ceiling=ceiling,
        oracle=0.83,
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
        validations=10.0 * budget,
        validation_seconds=None,
        no_signal=False,
        no_interval=None,
        axis_held_fixed=False,
        undefined_share=0.0,
    )
    return Row(**{**fields, **changed})


def at_budget(rows, budget):
    """Points won over points to win at one budget, of all tables that have it."""
    members = [r for r in rows if r.budget == budget]
    room = sum(r.ceiling - r.floor for r in members)
    gap = sum(r.score - r.floor for r in members) / room if room > 0 else None
    return BudgetSummary(budget, 1.775, None, gap, None, None)


def summary_of(budgets=(), **changed):
    fields = dict(
        tables=4,
        gap_closed=0.46,
        gap_closed_low=0.35,
        gap_closed_high=0.57,
        difference=0.03,
        difference_low=-0.02,
        difference_high=0.08,
        difference_p=0.4,
        difference_detectable=0.07,
        compute_multiplier=1.775,
        compute_multiplier_bound=None,
        budgets=budgets,
    )
    return Summary(**{**fields, **changed})


NOTHING = dict.fromkeys(("gap_closed", "difference", "compute_multiplier"))
NO_SUMMARY = NOTHING | {f"{name}_{end}": None for name in ("gap_closed", "difference") for end in ("low", "high")}
NO_SUMMARY |= {"tables": 0, "difference_p": None, "difference_detectable": None}


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
        summary=summary_of(tuple(at_budget(rows, b) for b in budgets)),
        against=tuple(against),
        left_out=(),
    )
    return Evaluation(**{**fields, **changed})


def other(rows, name="full_trials", difference=0.06, half=0.05, p=0.01):
    score = 0.0040 if difference > 0 else -0.0040
    ends = (score, score - 0.003, score + 0.003, 0.03, 0.005)
    differences = tuple(Difference(r.model, r.task, r.recipe, r.budget, *ends, 0.06, 0.01, 0.11) for r in rows)
    summary = summary_of(gap_closed=0.40, gap_closed_low=0.30, gap_closed_high=0.50, compute_multiplier=1.0)
    total = SummaryDifference(difference, difference - half, difference + half, p, 0.08)
    return Against(name, "2" * 64, tuple(rows), summary, differences, total)


FULL = [row(task, budget, gap=budget / 40) for task in ("cola", "mrpc", "rte", "sst2") for budget in BUDGETS]


def printed(evaluation, width):
    out = StringIO()
    print_report(evaluation, Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 104, 150])
def test_four_tables_five_budgets_two_others_fit_and_lose_nothing(width):
    text = printed(evaluation(FULL, [other(FULL), other(FULL, "successive_halving", -0.02)]), width)
    lines = text.splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    assert "…" not in text
    scored = [line.split() for line in lines if "+0.0060 ±0.0050 ▲" in line]
    assert len(scored) == 20
    assert scored[0][:6] == ["2", "0.7050", "±0.0100", "+0.0060", "±0.0050", "▲"]
    assert scored[0][scored[0].index("5%") :][:2] == ["5%", "±10"]
    # Columns that only a wide terminal has room for.
    assert [word in scored[0] for word in ("0.0071", "1.50×", "+0.0123", "31.0")] == [
        True,
        True,
        width > 80,
        width > 80,
    ]
    assert ("1.25–∞" in scored[0]) == (width == 150)
    assert text.count("+0.0040 ±0.0030 ▲") == text.count("-0.0040 ±0.0030 ▼") == 20
    assert text.count("one full trial 0.7000, best of many 0.8000, oracle 0.8300") == 4
    assert "+6 ±5 ▲" in text and "-2 ±5 ▼" in text  # as above, and in words: the first less the other
    flowing = " ".join(text.split())
    assert all(f"{much} of the gap than" in flowing for much in ("6 points more", "2 points less"))
    assert "few-sample 0.2.0, held-out-2, cold track, 200 replicates, seed 7" in text


@pytest.mark.parametrize("width", [80, 140])
def test_nine_others_are_set_below_each_other_where_there_is_no_room(width):
    names = [f"other_strategy_{number}" for number in range(9)]
    text = printed(evaluation(FULL, [other(FULL, name) for name in names]), width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width and "…" not in text
    assert text.count("+0.0040 ±0.0030 ▲") == 9 * 20
    assert [name for name in names if f"to {name}" not in text] == []


def test_words_say_what_the_numbers_say():
    said = words(evaluation(FULL, [other(FULL), other(FULL, "asha", -0.02, p=0.4), other(FULL, "patience", -0.09)]))
    assert said == [
        "At a budget of 8 full trials mine.py finds what plain best-of-n needs 14.2 for.",
        "Over 4 trial tables mine.py closes 46% of the gap between one full trial and the best of many (95% interval "
        "35% to 57%).",
        "That is 3 points more than best-of-n closes with the same budgets (95% interval -2 to +8), not told from "
        "0 at 95% for 4 strategies together; a true difference of 7 points is found four times in five.",
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
    budgets = (BudgetSummary(8, multiplier, bound, 0.5, None, None),)
    summary = summary_of(budgets, compute_multiplier=multiplier, compute_multiplier_bound=bound)
    found = evaluation(rows, summary=summary)
    assert words_ in words(found)[0]
    sign = {"<": "≤ ", ">": "≥ ", None: ""}[bound]
    assert f"{sign}{multiplier:.2f}×" in printed(found, 80)


def test_nothing_is_said_of_compute_from_few_replicates():
    assert "plain best-of-n needs" in words(evaluation(FULL))[0]
    assert not any("plain best-of-n needs" in said for said in words(evaluation(FULL, replicates=20)))


@pytest.mark.parametrize(("replicates", "said"), [(3, True), (199, True), (200, False), (500, False)])
def test_so_few_replicates_that_intervals_are_wide_are_said(replicates, said):
    found = [line for line in words(evaluation(FULL, replicates=replicates)) if " replicates " in line]
    wide = f"With {replicates} replicates intervals are wider than with 200 or more."
    assert found == [wide] * said


def test_one_that_would_be_told_alone_is_not_among_many():
    found = evaluation(FULL, [other(FULL, p=0.08), other(FULL, "asha", p=0.08)])
    (said, _) = [sentence for sentence in words(found) if "points more of the gap than" in sentence]
    assert said.endswith("(95% interval +1 to +11): the data cannot tell them apart, among 2 comparisons.")
    assert "+6 ±5 ▲" not in printed(found, 100) and "+6 ±5" in printed(found, 100)


def test_what_looking_took_is_said_beside_the_steps():
    rows = [row(budget=2, validation_seconds=7.25), row(budget=8, validation_seconds=300.0)]
    assert words(evaluation(rows))[-1] == (
        "The budget does not count validation: with 8 full trials in sst2 few-sample-128 it asked for 80, 5.0 min "
        "where the trials were trained."
    )
    assert "7.2 s" in printed(evaluation(rows), 110) and "5.0 min" in printed(evaluation(rows), 110)


def test_why_there_is_no_interval_and_what_one_does_not_cover():
    rows = [
        row("rte", no_interval="few_rows", score_low=None, score_high=None, no_signal=None),
        row("sst2", axis_held_fixed=True),
    ]
    said = words(evaluation(rows))
    assert "In rte few-sample-128 it is unknown whether there is signal: not in the summary." in said
    assert "In rte few-sample-128 two to four weight-init seeds say too little about others: no intervals." in said
    assert (
        "In sst2 few-sample-128 all trials share one seed of an axis: intervals say nothing about others of it." in said
    )


def test_undefined_is_never_a_number():
    rows = [
        row(
            "rte",
            gap=0.0,
            no_signal=True,
            gap_closed=None,
            gap_closed_low=None,
            gap_closed_high=None,
            compute_multiplier=None,
            compute_multiplier_low=None,
            optimism=None,
        ),
        row("sst2", score_low=None, score_high=None, gap_closed_low=None, gap_closed_high=None, no_signal=None),
    ]
    text = printed(evaluation(rows, summary=summary_of(**NO_SUMMARY)), 110)
    assert "no signal" in text and "nan" not in text.lower() and "None" not in text
    (line,) = [line for line in text.splitlines() if "50%" in line and "+0.0123" in line]
    assert line.split()[1:3] == ["0.7500", "+0.0060"]
    assert "no signal; best-of-n scores 0.7500 ±0.0100 with 8" in text
    assert "In rte few-sample-128 seeds make too little difference" in text
    assert "No table is known to have signal: the summary is of none, and so is empty." in text


def test_budget_left_unspent_and_tables_left_out_are_said():
    rows = [row(budget=8, budget_spent=4.1), row(budget=16)]
    unscored = [LeftOut(table, "no test scores") for table in ("org/m/cola/r", "org/m/mrpc/r", "n/cola/r")]
    said = words(evaluation(rows, left_out=(LeftOut("m/rte/r", "too few trials"), *unscored)))
    assert "It left budget unspent: in sst2 few-sample-128 it spent 4.1 of 8 full trials." in said
    assert "Left out, having too few trials for these budgets: rte r of m." in said
    assert (
        "Left out, having no test scores: cola r and mrpc r of org/m and cola r of n; --protocol dodge2020 takes them."
        in said
    )


def test_the_picture_puts_the_point_on_its_interval():
    # -25% is column 0 and 150% the last; at width 136 the plot has 18 columns.
    text = printed(evaluation([row(gap=0.5, half=0.25), row(budget=16, gap=3.0, half=0.5)]), 136)
    plotted = [line for line in text.splitlines() if "●" in line]
    head = next(line for line in text.splitlines() if "100%" in line and "compute" in line)
    zero, one = head.index("0  "), head.index("100%")
    assert plotted[0][zero] == "┊" and plotted[0][one] == "┊"
    at = plotted[0].index("●")
    assert abs(at - (zero + one) / 2) <= 1
    assert plotted[0][at - 1 : at + 2] == "─●─"
    assert plotted[1].index("●") > one  # far beyond, drawn at the edge


def test_one_strategy_alone_has_no_comparison():
    text = printed(replace(evaluation(FULL), against=()), 100)
    assert FIRST_LESS_IT not in text and "less that of another" not in text


def test_few_seeds_are_said_where_there_are_intervals():
    said = "In sst2 few64 an axis has fewer than 12 seeds, on which intervals were not tried"
    few = row(few_seeds=True)
    said = said.replace("few64", few.recipe)
    assert any(one.startswith(said) for one in words(evaluation([few])))
    assert not any("fewer than 12" in one for one in words(evaluation([row()])))
    without = row(few_seeds=True, no_interval=NoInterval.FEW_ROWS)
    assert not any("fewer than 12" in one for one in words(evaluation([without])))


@pytest.mark.parametrize("width", [80, 116, 140])
def test_every_column_has_a_legend(width):
    titles = {title for title in _columns([row()], 12, width >= 140) if title.strip() and "100%" not in title}
    summary = {str(column.header) for column in _summary_table(evaluation([row()]), width).columns}
    budgets = {str(budget) for budget in BUDGETS}
    assert (titles | summary) - PLAIN - budgets - {""} <= LEGEND.keys() | {FIRST_LESS_IT}


@pytest.mark.parametrize("width", [60, 80, 116, 140])
def test_a_legend_has_no_column_that_is_not_shown(width):
    """The head of the scores is the first line with "budget"; a line of the legend is a term and two spaces or more."""
    lines = printed(evaluation([row()]), width).splitlines()
    heads = " ".join(line for line in lines if line.split()[:1] == ["budget"])
    for term in (*LEAVE_OUT, "its 95%"):
        assert any(line.startswith(f"{term}  ") for line in lines) == (term in heads), term


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-0.011, -0.002, "-1.1 to -0.2"),
        (-0.004, 0.024, "-0.4 to +2.4"),
        (-0.07, 0.03, "-7 to +3"),
        (0, 0.1, "+0.0 to +10.0"),
    ],
)
def test_an_end_of_an_interval_that_would_be_zero_has_a_decimal(low, high, said):
    difference = SummaryDifference((low + high) / 2, low, high, 0.5, 0.01)
    assert f"(95% interval {said})" in points_of_gap(difference, "another")
