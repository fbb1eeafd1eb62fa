"""The numbers of a result: tables' quantities and their intervals as rows, summaries and differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seedbench.evaluation.numbers import TRIED_SEEDS, BudgetSummary, Difference, Row, Summary, SummaryDifference
from seedbench.evaluation.scores import (
    TableScores,
    gap,
    gap_difference,
    gap_over_best_of_n,
    mean_multiplier,
    reported,
    score_difference,
    summary_multipliers,
    with_signal,
)
from seedbench.influences import (
    Interval,
    Multiplier,
    Total,
    adjusted_p_values,
    best_of_n,
    interval,
    multiplier,
    never_differs,
    over_best_of_n,
    score,
    total,
)
from seedbench.metrics import best_checkpoint
from seedbench.trialset import ExamplesError, TrialSet, TrialTable

Fields = dict[str, Any]


def known(value: float) -> float | None:
    """A number for a result, where what is undefined is None and not NaN."""
    return None if math.isnan(value) else float(value)


def together(totals: Sequence[Total | None], *, untold: int = 0) -> list[float | None]:
    """p-values of quantities that are to hold together; None where one has no interval, or is none itself.

    What cannot differ from 0, as best-of-n from itself, has 1 and is no comparison. So many comparisons as are `untold`
    count as well.
    """
    compared = [one for one in totals if one is not None and not _nothing(one)]
    adjusted = iter(adjusted_p_values(compared, untold=untold).tolist())
    return [None if one is None else 1.0 if _nothing(one) else known(next(adjusted)) for one in totals]


def _nothing(found: Total) -> bool:
    return found.no_interval is None and never_differs(found)


def ends(name: str, found: Interval | Total | None) -> Fields:
    """An interval as the three fields of that name: the estimate, `_low` and `_high`."""
    if found is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    at = found if isinstance(found, Interval) else interval(found)
    return {name: at.estimate, f"{name}_low": at.low, f"{name}_high": at.high}


def score_ends(name: str, found: Total, table: TrialTable) -> Fields:
    """The same of a score: half of its interval is no more than all the scores there can be are apart."""
    at = interval(found)
    lowest, highest = table.score_limits
    if at.low is not None and at.high is not None and at.high - at.estimate > (apart := highest - lowest):
        at = replace(at, low=at.estimate - apart, high=at.estimate + apart)
    return ends(name, at)


def _compared(name: str, found: Total | None, p: float | None) -> Fields:
    """The same, with the p-value and the detectable difference."""
    detectable = None if found is None else interval(found).detectable
    return ends(name, found) | {f"{name}_p": p, f"{name}_detectable": detectable}


def rows_of(every: Sequence[TableScores], protocol: str, trials: TrialSet) -> list[tuple[Row, ...]]:
    """The rows of each strategy, by table and budget.

    Args:
        every: of all strategies together.
        protocol: how they were scored.
        trials: whose tables they are, for what it says of their examples.
    """
    found: list[list[Row]] = [[] for _ in range(len(every[0].replays))] if every else []
    for one in every:
        of_table = _of_table(one) | {"undefined_share": trials.undefined_share.get(one.table.name)}
        of_examples = _known_of_examples(one, protocol, trials.examples_error)
        rules = range(len(one.replays))
        compared = [[total([over_best_of_n(one.sample, rule, b)]) for b in one.budgets] for rule in rules]
        p = iter(together([cell for of_rule in compared for cell in of_rule]))
        too_high = _mean_optimism(one.table, protocol)
        for rule in rules:
            for at, budget in enumerate(one.budgets):
                found[rule].append(
                    Row(
                        **of_table,
                        **_of_rule(one, rule, budget, interval(compared[rule][at])),
                        **_of_campaigns(one, rule, at, too_high),
                        **_over_examples(of_examples, budget),
                        **_compared("difference", compared[rule][at], next(p)),
                    )
                )
    return [tuple(rows) for rows in found]


def _of_table(one: TableScores) -> Fields:
    """What is the same in all rows of a table."""
    table, base = one.table, one.baseline
    return {
        "model": table.model,
        "task": table.task,
        "recipe": table.recipe,
        "floor": base.floor,
        "ceiling": base.ceiling,
        "oracle": base.oracle,
        "no_signal": None if one.signal is None else not one.signal,
        "no_interval": base.grid.no_interval,
        "axis_held_fixed": base.grid.axis_held_fixed,
        "few_seeds": any(1 < seeds < TRIED_SEEDS for seeds in table.grid),
        "sign": table.sign,
    }


def _known_of_examples(
    one: TableScores, protocol: str, over_examples: Mapping[str, ExamplesError]
) -> ExamplesError | None:
    """What was resampled is what is reported: on the test set where the table has one, else on the dev set."""
    same = protocol != "dodge2020" or one.table.test_score is None
    return over_examples.get(one.table.name) if same else None


def _over_examples(found: ExamplesError | None, budget: int) -> Fields:
    if found is None:
        return {}
    return {
        "floor_over_examples": found.floor,
        "ceiling_over_examples": found.ceiling,
        "best_of_n_over_examples": found.best_of_n.get(str(budget)),
    }


def _of_rule(one: TableScores, rule: int, budget: int, difference: Interval) -> Fields:
    scored = total([score(one.sample, rule, budget)])
    fields = {"budget": budget} | score_ends("score", scored, one.table)
    fields |= score_ends("best_of_n", total([best_of_n(one.sample, budget)]), one.table)
    if one.signal is False:
        return fields | ends("gap_closed", None) | multiplier_fields(None)
    worth = None if difference.low is None or difference.high is None else (difference.low, difference.high)
    return (
        fields
        | ends("gap_closed", gap([one], rule, budget))
        | multiplier_fields(multiplier(one.baseline.curve, budget, scored.estimate, worth))
    )


def _of_campaigns(one: TableScores, rule: int, at: int, too_high: float | None) -> Fields:
    replayed = one.replays[rule]
    own = float((replayed.validation_score[at] - replayed.score[at]).mean())
    validations = float(replayed.validations[at].mean())
    return {
        "optimism": None if too_high is None else own - too_high,
        "trials_started": float(replayed.trials_started[at].mean()),
        "budget_spent": float(replayed.steps_spent[at].mean() / one.table.num_steps),
        "validations": validations,
        "validation_seconds": known(validations * one.seconds_of_validation),
    }


def _mean_optimism(table: TrialTable, protocol: str) -> float | None:
    """Validation minus test score of all trials at their own best checkpoint; None where both are the same."""
    if protocol == "dodge2020":
        return None
    best = best_checkpoint(table.score)[:, None]
    return float(np.take_along_axis(table.score - reported(table, protocol), best, axis=1).mean())


def multiplier_fields(found: Multiplier | None) -> Fields:
    """A multiplier as fields; an end that best-of-n on these trials does not reach is open."""
    if found is None:
        found = Multiplier(math.nan, None)
    return {
        "compute_multiplier": known(found.estimate),
        "compute_multiplier_bound": found.bound,
        "compute_multiplier_low": None if found.low_bound == "<" else found.low,
        "compute_multiplier_high": None if found.high_bound == ">" else found.high,
    }


def summaries_of(every: Sequence[TableScores], strategies: int) -> list[Summary]:
    """Of each strategy, over the tables with signal."""
    some = with_signal(every)
    compared = [gap_over_best_of_n(some, rule) for rule in range(strategies)]
    found = []
    for rule, (difference, p) in enumerate(zip(compared, together(compared), strict=True)):
        by_budget = summary_multipliers(every, rule)
        worth, bound = mean_multiplier(by_budget)
        found.append(
            Summary(
                tables=len(some),
                **ends("gap_closed", gap(some, rule)),
                **_compared("difference", difference, p),
                compute_multiplier=known(worth),
                compute_multiplier_bound=bound,
                budgets=_by_budget(every, rule, by_budget),
            )
        )
    return found


def _by_budget(
    every: Sequence[TableScores], rule: int, multipliers: Mapping[int, Multiplier]
) -> tuple[BudgetSummary, ...]:
    return tuple(
        BudgetSummary(
            budget=budget,
            compute_multiplier=found.estimate,
            compute_multiplier_bound=found.bound,
            **ends("gap_closed", gap(with_signal(every, budget), rule, budget)),
        )
        for budget, found in multipliers.items()
    )


def differences_of(every: Sequence[TableScores], others: Sequence[int]) -> list[tuple[Difference, ...]]:
    """The first strategy minus each of these others, by table and budget."""
    found: list[list[Difference]] = [[] for _ in others]
    for one in every:
        compared = [[score_difference(one, 0, other, budget) for budget in one.budgets] for other in others]
        p = iter(together([cell for of_other in compared for cell in of_other]))
        for number, other in enumerate(others):
            for at, budget in enumerate(one.budgets):
                closed = None if one.signal is False else gap_difference([one], 0, other, budget)
                found[number].append(
                    Difference(
                        model=one.table.model,
                        task=one.table.task,
                        recipe=one.table.recipe,
                        budget=budget,
                        **_compared("score", compared[number][at], next(p)),
                        **ends("gap_closed", closed),
                    )
                )
    return [tuple(rows) for rows in found]


def summary_differences_of(every: Sequence[TableScores], others: Sequence[int]) -> list[SummaryDifference]:
    """The first strategy minus each of these others, over the tables with signal."""
    some = with_signal(every)
    compared = [gap_difference(some, 0, other) for other in others]
    return [
        SummaryDifference(**_compared("gap_closed", one, p))
        for one, p in zip(compared, together(compared), strict=True)
    ]
