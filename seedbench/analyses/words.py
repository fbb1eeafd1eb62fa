"""The findings as sentences: what a terminal and a page say alike."""

from __future__ import annotations

from collections.abc import Sequence

from seedbench.analyses.answers import Diverged, EarlyLate, Factors
from seedbench.analyses.factors import NAMES
from seedbench.analyses.result import SharedFactor, TableFindings
from seedbench.display.terminal import UNDEFINED


def number(value: float | None, format_: str) -> str:
    """A number, or – where it is undefined."""
    return UNDEFINED if value is None else f"{value:{format_}}"


def chance(p_value: float | None) -> str:
    """A p-value in words."""
    if p_value is None:
        return UNDEFINED
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def p_value(value: float | None) -> str:
    """A p-value with four decimals; no permutation test, and no rounding, makes it 0."""
    return UNDEFINED if value is None else "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def deviation(variance: float) -> str:
    """The standard deviation in hundredths of the score; of a negative variance with a minus, so that it is seen."""
    return f"{'-' if variance < 0 else ''}{abs(variance) ** 0.5 * 100:.2f}"


def expected_sentence(table: TableFindings) -> str:
    found = table.expected
    if table.trials == 1:
        return f"The one trial reached {found.best:.4f}."
    return (
        f"One trial can be expected to reach {found.without_replacement[0]:.4f}; the best of all {table.trials:,} "
        f"reached {found.best:.4f} (weight-init seed {found.best_weight_init_seed}, data-order seed "
        f"{found.best_data_order_seed}, step {found.best_step:,})."
    )


def factors_sentence(found: Factors) -> str:
    """Empty where there are no components to tell."""
    if not found.components:
        return ""
    tests = {test.factor: test for test in found.tests}
    shares = {one.source: one.share or 0.0 for one in found.components}
    said = [f"{NAMES[one]}s {shares[one]:.0%} ({chance(tests[one].permutation_p_value)})" for one in tests]
    return f"Of the variance between trials: {', '.join(said)}, the rest {shares['residual']:.0%}."


def diverged_sentence(found: Diverged, checkpoints: int) -> str:
    interval = f"95% interval {found.share_low:.1%} to {found.share_high:.1%}"
    text = f"{found.diverged} of {found.trials} diverged (met a NaN, or ended no better than the commoner label): "
    text += f"{found.share:.1%}, {interval}"
    if found.median_checkpoint is not None:
        parted = sum(one.checkpoint is not None for one in found.partings)
        text += (
            f"; {parted} of them stay below 95% of the others, from checkpoint {found.median_checkpoint:g} of "
            f"{checkpoints} on (median)"
        )
    return f"{text}."


def early_sentence(found: EarlyLate, step: Sequence[int]) -> str:
    """Empty where there are no intervals."""
    told = [at for at, low in enumerate(found.score_low[:-1]) if low is not None and low > 0]
    if told:
        first = told[0]
        return (
            f"The score at checkpoint {first + 1} ({step[first] / step[-1]:.0%} of a trial) is the first whose "
            "correlation with the best score can be told from 0."
        )
    if any(low is not None for low in found.score_low):
        return "No score before the last one has a correlation with the best score that can be told from 0."
    return ""


def search_sentence(table: TableFindings) -> str:
    """Of a budget of eight full trials, or of a quarter of all trials: with more, starting all of them is best. Empty
    where there is nothing to search for.
    """
    if not table.search.rows:
        return ""
    row = table.search.rows[min(8, max(1, table.trials // 4)) - 1]
    what = f"With {row.budget} full trials" if row.budget > 1 else "With one full trial"
    if row.started == row.budget:
        return f"{what} no combination does better than plain best-of-n."
    rule = f"start {row.started}, stop at {row.fraction:.0%}, continue {row.continued or 'none'}"
    said = f"{what}, {rule} does best"
    if row.error_reduction is not None:
        said += f": {row.error_reduction:.1%} less error than best-of-n, with hindsight"
    if row.held_out_error_reduction is not None:
        less = row.held_out_error_reduction
        direction = "less" if less >= 0 else "more"
        said += f"; chosen on half of the seeds and valued on the others, {abs(less):.1%} {direction}"
    return f"{said}."


def shared_sentence(found: SharedFactor) -> str:
    name = NAMES[found.factor]
    said = f"Of {len(found.seeds)} {name}s, seed {found.seeds[0]} has the best mean rank, {found.mean_rank[0]:.2f}"
    if found.expected_best_mean_rank is not None:
        luck = f"{found.expected_best_mean_rank:.2f}"
        said += f"; luck alone gives the best seed {luck} on average ({chance(found.p_value)})"
    return f"{said}."
