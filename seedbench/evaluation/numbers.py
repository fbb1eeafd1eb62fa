"""The numbers of an evaluation: on one table, and on all together, with intervals. Whatever is undefined is None."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seedbench.documents import Count, Positive, Share
from seedbench.influences import NoInterval
from seedbench.metrics import Bound
from seedbench.trialset import as_measured

#: Of an axis in the smallest grid of tests/simulations: below, nobody has tried what intervals hold.
TRIED_SEEDS = 12


@dataclass(frozen=True)
class Row:
    """One strategy on one trial table under one budget. Whatever is undefined or unknown is None.

    Attributes:
        model: of the trial table.
        task: of the trial table; it fixes the unit of all scores.
        recipe: of the trial table.
        budget: in full trials.
        score: mean test score of the kept checkpoint; `score_low` and `score_high` are its 95% interval.
        best_of_n: what best-of-n scores with the budget, from the table alone, with its 95% interval.
        difference: score - best_of_n; above 0 where the strategy is better. Its 95% interval is of this pair alone.
        difference_p: the smallest level at which it is told from 0 while all strategies and budgets on this table hold
            together (Holm 1979); below 0.05 it is marked.
        difference_detectable: the true difference that is told from 0, by itself, four times in five.
        floor: what one full trial scores.
        ceiling: the best that best-of-n scores with up to 64 full trials.
        oracle: the best test score in the pool.
        gap_closed: (score - floor) / (ceiling - floor), with its 95% interval; None in a table without signal.
        compute_multiplier: full trials that best-of-n needs for the score, per full trial of the budget; likewise.
        compute_multiplier_bound: "<" where it is at most that, ">" where it is at least that.
        compute_multiplier_low: lower end of its 95% interval; None where that is open.
        compute_multiplier_high: upper end of its 95% interval; None where that is open.
        optimism: how much too high the kept checkpoint scored where it was chosen: validation minus test score, less
            the mean of the same over all trials at their best checkpoint; None where both scores are the same.
        trials_started: mean number of trials with a paid checkpoint.
        budget_spent: mean of the training steps spent, in full trials.
        validations: mean number of validations paid for.
        validation_seconds: what they took where the trials were trained, in the mean; the budget does not count it.
        no_signal: whether ceiling - floor is below two of its standard errors.
        no_interval: why there are no intervals.
        axis_held_fixed: whether all trials share one seed of an axis, of whose other seeds intervals then say nothing.
        undefined_share: share of the table's checkpoints whose metric is undefined (counted as 0), or that hold
            a prediction that is none (counted as wrong), on the whole dev set.
        floor_over_examples: standard error of `floor` from having these very examples, which no interval here covers;
            from the trial set's manifest, of the protocol that reports on the test set where there is one.
        ceiling_over_examples: the same of `ceiling`.
        best_of_n_over_examples: the same of `best_of_n`.
        few_seeds: whether an axis has fewer seeds than tables on which intervals were tried.
        sign: -1 where scores are the negative of what was measured, which is better low; `measured` turns them.
    """

    model: str
    task: str
    recipe: str
    budget: Positive
    score: float
    score_low: float | None
    score_high: float | None
    best_of_n: float
    best_of_n_low: float | None
    best_of_n_high: float | None
    difference: float
    difference_low: float | None
    difference_high: float | None
    difference_p: float | None
    difference_detectable: float | None
    floor: float
    ceiling: float
    oracle: float
    gap_closed: float | None
    gap_closed_low: float | None
    gap_closed_high: float | None
    compute_multiplier: float | None
    compute_multiplier_bound: Bound | None
    compute_multiplier_low: float | None
    compute_multiplier_high: float | None
    optimism: float | None
    trials_started: float
    budget_spent: float
    validations: float
    validation_seconds: float | None
    no_signal: bool | None
    no_interval: NoInterval | None
    axis_held_fixed: bool
    undefined_share: Share | None
    floor_over_examples: float | None = None
    ceiling_over_examples: float | None = None
    best_of_n_over_examples: float | None = None
    few_seeds: bool = False
    sign: Literal[-1, 1] = 1

    @property
    def table(self) -> str:
        """Name of the trial table, `model/task/recipe`."""
        return f"{self.model}/{self.task}/{self.recipe}"

    def measured(self, score: float) -> float:
        """A score of this row as it was measured."""
        return as_measured(score, self.sign)

    def band(self, low: float | None, high: float | None) -> tuple[float | None, float | None]:
        """The ends of an interval of scores as they were measured, for a picture: where the best test score is a share
        of 1, none passes 1."""
        if low is None or high is None:
            return None, None
        if self.sign < 0:
            return self.measured(high), self.measured(low)
        return low, min(high, 1.0) if abs(self.oracle) <= 1 else high


@dataclass(frozen=True)
class BudgetSummary:
    """All tables with signal that have a budget, together: the compute multiplier, points won over points to win."""

    budget: Positive
    compute_multiplier: float
    compute_multiplier_bound: Bound | None
    gap_closed: float | None
    gap_closed_low: float | None
    gap_closed_high: float | None


@dataclass(frozen=True)
class Summary:
    """All tables with signal together; None where there is none.

    Attributes:
        tables: how many those are.
        gap_closed: points won, in the mean over budgets, over points to win, both summed over the tables; with its 95%
            interval.
        difference: the same less that of best-of-n; above 0 where the strategy is better. Its interval is of this
            alone, and so is `difference_detectable`; see `Row`.
        difference_p: as in `Row`; of all strategies that were evaluated together.
        compute_multiplier: the geometric mean of those at each budget.
        compute_multiplier_bound: as in `Row`.
        budgets: the same at each budget.
    """

    tables: Count
    gap_closed: float | None
    gap_closed_low: float | None
    gap_closed_high: float | None
    difference: float | None
    difference_low: float | None
    difference_high: float | None
    difference_p: float | None
    difference_detectable: float | None
    compute_multiplier: float | None
    compute_multiplier_bound: Bound | None
    budgets: tuple[BudgetSummary, ...]


@dataclass(frozen=True)
class Difference:
    """The strategy minus another one on the same replicates; above 0 where the strategy is better.

    Attributes:
        model: of the trial table.
        task: of the trial table.
        recipe: of the trial table.
        budget: in full trials.
        score: difference in score; its 95% interval is of this pair alone.
        score_p: as `Row.difference_p`: all other strategies and budgets on this table hold together.
        score_detectable: as `Row.difference_detectable`.
        gap_closed: difference in gap closed, likewise; None in a table without signal.
    """

    model: str
    task: str
    recipe: str
    budget: Positive
    score: float
    score_low: float | None
    score_high: float | None
    score_p: float | None
    score_detectable: float | None
    gap_closed: float | None
    gap_closed_low: float | None
    gap_closed_high: float | None


@dataclass(frozen=True)
class SummaryDifference:
    """The strategy minus another one in the summary's gap closed; above 0 where the strategy is better.

    Its 95% interval is of this pair alone; `gap_closed_p` holds for all other strategies together, as in `Row`.
    """

    gap_closed: float | None
    gap_closed_low: float | None
    gap_closed_high: float | None
    gap_closed_p: float | None
    gap_closed_detectable: float | None
