"""An evaluation as sentences: what it says, what it cannot tell, and what was left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from seedbench.display.terminal import MARKED, UNDEFINED, full_trials, joined, percent, percent_range, seconds
from seedbench.evaluation.numbers import TRIED_SEEDS
from seedbench.influences import NoInterval
from seedbench.metrics import ROUNDING
from seedbench.replay import TRIALS_PER_BUDGET
from seedbench.text import counted

if TYPE_CHECKING:
    from seedbench.evaluation.numbers import Row, Summary, SummaryDifference
    from seedbench.evaluation.result import Against, Evaluation, LeftOut, NotTried, StrategyIdentity

#: From fewer replicates nothing is said of how much compute something is worth.
ENOUGH_REPLICATES = 100
#: With fewer, intervals are wider than they need be: that of what a rule closes of the gap over six bundled tables was,
#: for seven rules, 1.4 to 7.5 times as wide with 30 as with 2,000, 1.2 to 5.5 with 60, 1.1 to 3 with 200, 1 to 2 with
#: 500. They hold: what 2,000 replicates gave was outside of 4.7, 2.2 and .4% of the lines with 3, 5 and 10 replicates.
_SOME_REPLICATES = 200

_NO_INTERVAL = {
    NoInterval.FEW_ROWS: "two to four weight-init seeds say too little about others: no intervals",
    NoInterval.FEW_COLUMNS: "two to four data-order seeds say too little about others: no intervals",
    NoInterval.ONE_TRIAL: "one trial says nothing about others: no intervals",
}


def words(evaluation: Evaluation) -> list[str]:
    """The summary as sentences."""
    name, summary, rows = evaluation.strategy.name, evaluation.summary, evaluation.rows
    ran: list[StrategyIdentity | Against] = [evaluation.strategy, *evaluation.against]
    sentences = [
        f"{one.name} is an oracle: it was told the test scores, and shows how far choosing could get."
        for one in ran
        if one.oracle
    ]
    if summary.gap_closed is None:
        sentences.append(no_signal_words(rows))
    else:
        sentences += _summary_words(name, summary, evaluation.replicates, len(ran))
    for other in evaluation.against:
        if evaluation.is_itself(other):
            sentences.append(itself_words(name, other.name))
        elif other.summary_difference.gap_closed is not None:
            sentences.append(f"That is {points_of_gap(other.summary_difference, other.name, len(ran) - 1)}.")
    sentences += [*caveats(rows), *few_replicates_words(evaluation.replicates)]
    sentences += [*left_out_words(evaluation.left_out), *not_tried_words(evaluation.not_tried)]
    idle = [row for row in rows if row.budget_spent < 0.9 * row.budget]
    if idle:
        worst = min(idle, key=lambda row: row.budget_spent / row.budget)
        spent, where = (
            f"{worst.budget_spent:.1f} of {counted(worst.budget, 'full trial')}",
            f"{worst.task} {worst.recipe}",
        )
        sentences.append(f"It left budget unspent: in {where} it spent {spent}.")
    longest = max((row for row in rows if row.validation_seconds), key=_looking, default=None)
    if longest is not None and longest.validation_seconds is not None:
        sentences.append(
            f"The budget does not count validation: with {counted(longest.budget, 'full trial')} in "
            f"{longest.task} {longest.recipe} it asked for {longest.validations:.0f}, "
            f"{seconds(longest.validation_seconds)} where the trials were trained."
        )
    return sentences


def _looking(row: Row) -> float:
    return row.validation_seconds or 0.0


def no_signal_words(rows: Sequence[Row]) -> str:
    """Why there is no summary."""
    if any(row.no_signal is None for row in rows):
        return "No table is known to have signal: the summary is of none, and so is empty."
    return "In none of these tables can the choice among full trials win what is told from noise: there is no summary."


def _summary_words(name: str, summary: Summary, replicates: int, strategies: int) -> Iterator[str]:
    tables = "one trial table" if summary.tables == 1 else counted(summary.tables, "trial table")
    spread = percent_range(summary.gap_closed_low, summary.gap_closed_high)
    if replicates >= ENOUGH_REPLICATES and (sentence := _worth(name, summary)):
        yield sentence
    yield (
        f"Over {tables} {name} closes {percent(summary.gap_closed)} of the gap between one full trial and the best "
        f"of many{spread}."
    )
    value, low, high = summary.difference, summary.difference_low, summary.difference_high
    if value is None or low is None or high is None or summary.difference_detectable is None:
        return
    if max(abs(low), abs(high)) <= ROUNDING:
        yield "That is what best-of-n closes: it is best-of-n."
        return
    amount, more = f"{abs(value) * 100:.0f}", "more" if value >= 0 else "less"
    told = "told" if summary.difference_p is not None and summary.difference_p < MARKED else "not told"
    together = f" at 95% for {strategies} strategies together" if strategies > 1 else " at 95%"
    yield (
        f"That is {amount} point{'s' * (amount != '1')} {more} than best-of-n closes with the same budgets (95% "
        f"interval {_points(low, high)}), {told} from 0{together}; a true difference of "
        f"{summary.difference_detectable * 100:.0f} points is found four times in five."
    )


def caveats(rows: Sequence[Row]) -> Iterator[str]:
    """What must be known of the tables to judge the numbers."""
    silent = _tables(row for row in rows if row.no_signal)
    if silent:
        yield f"In {joined(silent)} seeds make too little difference to be told from noise (no signal)."
    unknown = _tables(row for row in rows if row.no_signal is None)
    if unknown:
        yield f"In {joined(unknown)} it is unknown whether there is signal: not in the summary."
    for reason in dict.fromkeys(row.no_interval for row in rows if row.no_interval is not None):
        yield f"In {joined(_tables(row for row in rows if row.no_interval == reason))} {_NO_INTERVAL[reason]}."
    fixed = _tables(row for row in rows if row.axis_held_fixed)
    if fixed:
        yield f"In {joined(fixed)} all trials share one seed of an axis: intervals say nothing about others of it."
    few = _tables(row for row in rows if row.few_seeds and row.no_interval is None)
    if few:
        yield (
            f"In {joined(few)} an axis has fewer than {TRIED_SEEDS} seeds, on which intervals were not tried: they may "
            "be too narrow and differ with --seed, and with them the marks."
        )
    undefined = sorted({f"{row.task} {row.recipe} {row.undefined_share:.1%}" for row in rows if row.undefined_share})
    if undefined:
        yield f"Checkpoints whose score is undefined and counted as 0 or as wrong: {joined(undefined)}."


def few_replicates_words(replicates: int) -> Iterator[str]:
    """That so few replicates hide what more would show."""
    if replicates < _SOME_REPLICATES:
        yield f"With {replicates} replicates intervals are wider than with {_SOME_REPLICATES} or more."


def left_out_words(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """Which tables take no part, and why."""
    small = [one.table for one in left_out if one.reason == "too few trials"]
    if small:
        yield f"Left out, having too few trials for these budgets: {_of_models(small)}."
    unscored = [one.table for one in left_out if one.reason == "no test scores"]
    if unscored:
        yield f"Left out, having no test scores: {_of_models(unscored)}; --protocol dodge2020 takes them."


def not_tried_words(not_tried: Sequence[NotTried]) -> Iterator[str]:
    """Which of the usual budgets a table is too small for."""
    for trials, budgets in dict.fromkeys((one.pool_trials, one.budgets) for one in not_tried):
        tables = [one.table for one in not_tried if (one.pool_trials, one.budgets) == (trials, budgets)]
        several = len(budgets) > 1
        needed = joined([str(TRIALS_PER_BUDGET * budget) for budget in budgets])
        yield (
            f"{'Budgets' if several else 'Budget'} {joined(list(map(str, budgets)))} "
            f"{'are' if several else 'is'} not tried in {_of_models(tables)}: {'they take' if several else 'it takes'} "
            f"pools of {needed} trials, and a pool has {trials} there."
        )


def itself_words(name: str, other: str) -> str:
    """That two strategies are one."""
    return f"{other} is the same strategy as {name}: nothing is compared, and every difference is 0."


def _tables(rows: Iterable[Row]) -> list[str]:
    return sorted({f"{row.task} {row.recipe}" for row in rows})


def _of_models(tables: Iterable[str]) -> str:
    """Trial tables, each `model/task/recipe`: by task and recipe, and every model once."""
    of: dict[str, list[str]] = {}
    for table in tables:
        model, task, recipe = table.rsplit("/", 2)
        of.setdefault(model, []).append(f"{task} {recipe}")
    return joined([f"{joined(names)} of {model}" for model, names in of.items()])


def _worth(name: str, summary: Summary) -> str:
    """What plain best-of-n would need for the same: at 8 full trials, or at the budget next to it."""
    if not summary.budgets:
        return ""
    at = min(summary.budgets, key=lambda at: (abs(at.budget - 8), at.budget))
    where = f"At a budget of {counted(at.budget, 'full trial')} {name} finds"
    if at.compute_multiplier_bound == "<":
        return f"{where} no more than one full trial does."
    needed = full_trials(at.compute_multiplier * at.budget, at.compute_multiplier_bound)
    needed = f"at least{needed.lstrip('≥')}" if needed.startswith("≥") else needed
    return f"{where} what plain best-of-n needs {needed.strip()} for."


def points_of_gap(difference: SummaryDifference, other: str, together: int = 1) -> str:
    """A difference in gap closed in words, as '2 points less of the gap than other (95% interval -7 to +3)'.

    Args:
        difference: of the summary.
        other: the name of the strategy that it is to.
        together: how many such differences hold together.
    """
    if difference.gap_closed is None:
        return UNDEFINED
    low, high = difference.gap_closed_low, difference.gap_closed_high
    amount = f"{abs(difference.gap_closed) * 100:.0f}"
    unit = "point" if amount == "1" else "points"
    text = f"{amount} {unit} {'more' if difference.gap_closed >= 0 else 'less'} of the gap than {other}"
    if low is None or high is None:
        return text
    text += f" (95% interval {_points(low, high)})"
    if difference.gap_closed_p is not None and difference.gap_closed_p < MARKED:
        return text
    among = f", among {together} comparisons" if together > 1 and (low > 0 or high < 0) else ""
    return f"{text}: the data cannot tell them apart{among}"


def _points(low: float, high: float) -> str:
    """An interval in points; with a decimal where an end would be rounded to 0, on one side of which it is."""
    digits = 1 if min(abs(low), abs(high)) < 0.005 else 0
    return f"{100 * low:+z.{digits}f} to {100 * high:+z.{digits}f}"
