"""The findings as sentences: what a terminal and a page say alike."""

from __future__ import annotations

from collections.abc import Sequence

from seedbench.analyses.answers import Diverged, EarlyLate, Factors
from seedbench.analyses.factors import NAMES, SHARED
from seedbench.analyses.result import SharedFactor, TableFindings
from seedbench.display.terminal import UNDEFINED
from seedbench.text import counted
from seedbench.trialset import seeds_words


def number(value: float | None, format_: str) -> str:
    """A number, or – where it is undefined."""
    return UNDEFINED if value is None else f"{value:{format_}}"


def size_words(table: TableFindings) -> str:
    """How many trials, seeds and checkpoints a table has, and what its score is."""
    seeds = seeds_words(table.weight_init_seeds, table.data_order_seeds, table.trials)
    checkpoints, lower = counted(len(table.step), "checkpoint"), "" if table.sign > 0 else ", lower is better"
    what = "" if table.metric == "score" else f", score: {table.metric}"
    return f"{counted(table.trials, 'trial')}, {seeds} seeds, {checkpoints}{what}{lower}"


def chance(p_value: float | None) -> str:
    """A p-value in words."""
    if p_value is None:
        return UNDEFINED
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"


def p_value(value: float | None) -> str:
    """A p-value with four decimals; no permutation test, and no rounding, makes it 0."""
    return UNDEFINED if value is None else "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def deviation(variance: float, shares: bool) -> str:
    """The standard deviation, in hundredths where scores are `shares` of 1; 0 where an estimate of the variance is
    negative, which a note says."""
    root = max(variance, 0.0) ** 0.5
    return f"{root * 100:.2f}" if shares else f"{root:.3g}"


def expected_sentence(table: TableFindings) -> str:
    expected = table.expected
    if table.trials == 1:
        return f"The one trial reached {expected.best:.4f}."
    names, seeds = table.seed_names, (expected.best_weight_init_seed, expected.best_data_order_seed)
    one, other = (names.of(factor, seed) for factor, seed in zip(NAMES, seeds, strict=True))
    whose = f"seed {one}" if names.weight_init and one == other else f"weight-init seed {one}, data-order seed {other}"
    return (
        f"One trial can be expected to reach {expected.without_replacement[0]:.4f}; the best of all {table.trials:,} "
        f"reached {expected.best:.4f} ({whose}, step {expected.best_step:,})."
    )


def factors_sentence(factors: Factors) -> str:
    """Empty where there are no components to tell."""
    if not factors.components:
        return ""
    tests = {test.factor: test for test in factors.tests}
    shares = {one.source: one.share or 0.0 for one in factors.components}
    parts = [f"{NAMES[one]}s {shares[one]:.0%} ({chance(tests[one].permutation_p_value)})" for one in tests]
    return f"Of the variance between trials: {', '.join(parts)}, the rest {shares['residual']:.0%}."


def diverged_sentence(diverged: Diverged, checkpoints: int) -> str:
    """Empty where it is not known of any trial."""
    if diverged.share is None:
        return ""
    interval = f"95% interval {diverged.share_low:.1%} to {diverged.share_high:.1%}"
    text = (
        f"{diverged.diverged} of {diverged.trials} diverged (met a NaN, or ended no better than the commoner label): "
    )
    text += f"{diverged.share:.1%}, {interval}"
    if diverged.median_checkpoint is not None:
        parted = sum(one.checkpoint is not None for one in diverged.partings)
        text += (
            f"; {parted} of them stay below 95% of the others, from checkpoint {diverged.median_checkpoint:g} of "
            f"{checkpoints} on (median)"
        )
    return f"{text}."


def early_sentence(early: EarlyLate, step: Sequence[int]) -> str:
    """Empty where there are no intervals."""
    told = [at for at, low in enumerate(early.score_low[:-1]) if low is not None and low > 0]
    if told:
        first = told[0]
        return (
            f"The score at checkpoint {first + 1} ({step[first] / step[-1]:.0%} of a trial) is the first whose "
            "correlation with the best score can be told from 0."
        )
    if any(low is not None for low in early.score_low):
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
    text = f"{what}, {rule} does best"
    if row.error_reduction is not None:
        text += f": {row.error_reduction:.1%} less error than best-of-n, with hindsight"
    if row.held_out_error_reduction is not None:
        less = row.held_out_error_reduction
        direction = "less" if less >= 0 else "more"
        text += f"; chosen on half of the seeds and valued on the others, {abs(less):.1%} {direction}"
    return f"{text}."


def shared_sentence(factor: SharedFactor) -> str:
    name = SHARED[factor.factor]
    best = factor.name(factor.seeds[0])
    text = f"Of {counted(len(factor.seeds), name)}, seed {best} has the best mean rank, {factor.mean_rank[0]:.2f}"
    if factor.expected_best_mean_rank is not None:
        luck = f"{factor.expected_best_mean_rank:.2f}"
        text += f"; luck alone gives the best seed {luck} on average ({chance(factor.p_value)})"
    return f"{text}."
