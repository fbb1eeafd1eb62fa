"""The answers to one question about one trial table each, as frozen dataclasses.

Whatever is undefined is None, and a note says why. Intervals (`low`, `high`) are 95%. Scores are fractions of 1 on the
whole dev set; a trial's *value* is its best score over its checkpoints. Checkpoints are numbered from 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from seedbench.documents import Count, Positive, Share

Numbers = tuple[float, ...]
Curve = tuple[float | None, ...]


@dataclass(frozen=True)
class ExpectedPerformance:
    """Expected validation performance of the best of n trials; entry n-1 of every curve is the best of n, n = 1 ... N.

    Attributes:
        with_replacement: [N], the published estimator; it is biased downwards.
        deviation: [N], the published spread: standard deviation of the best of n trials drawn with replacement.
        without_replacement: [N], the unbiased estimator; its last entry is the best value found.
        standard_error: [N], of `without_replacement`, from having drawn just these seeds; None where leaving out seeds
            leaves fewer than n trials, or changes nothing.
        low: [N], lower end of its interval.
        high: [N], upper end.
        best: the best value found.
        best_weight_init_seed: of the trial that has it (the first of several).
        best_data_order_seed: of that trial.
        best_step: training step of that trial's best checkpoint.
        notes: what cannot be concluded, and why.
    """

    with_replacement: Numbers
    deviation: Numbers
    without_replacement: Numbers
    standard_error: Curve
    low: Curve
    high: Curve
    best: float | None
    best_weight_init_seed: int | None
    best_data_order_seed: int | None
    best_step: int | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Heatmap:
    """The values on the grid of seeds, rows and columns from the best mean to the worst.

    Attributes:
        weight_init_seeds: [rows], best first.
        data_order_seeds: [columns], best first.
        value: [rows][columns]; None for a missing trial.
        weight_init_mean: [rows], mean over the trials there are.
        data_order_mean: [columns], likewise.
    """

    weight_init_seeds: tuple[int, ...]
    data_order_seeds: tuple[int, ...]
    value: tuple[Curve, ...]
    weight_init_mean: Curve
    data_order_mean: Curve


@dataclass(frozen=True)
class Component:
    """A variance component of the two-way random-effects model.

    Attributes:
        source: "weight_init", "data_order" or "residual" (interaction and everything else).
        degrees_of_freedom: of the mean square.
        mean_square: of the analysis of variance.
        variance: its unbiased estimate, in squared score; may be negative, and is left so.
        low: lower end of its interval, not below 0.
        high: upper end, not below 0.
        share: of the sum of the three, negative ones counted as 0; None where that sum is 0.
    """

    source: str
    degrees_of_freedom: int
    mean_square: float
    variance: float
    low: float
    high: float
    share: Share | None


@dataclass(frozen=True)
class FactorTest:
    """Whether a factor makes a difference at all.

    Attributes:
        factor: "weight_init" or "data_order".
        f: mean square of the factor over that of the residual; None where the residual is 0.
        degrees_of_freedom: of both.
        p_value: of the F test.
        permutation_p_value: of the permutation test, within the levels of the other factor.
    """

    factor: str
    f: float | None
    degrees_of_freedom: tuple[int, int]
    p_value: Share | None
    permutation_p_value: Share


@dataclass(frozen=True)
class SeedDensity:
    """How the values of one seed's trials are distributed.

    Attributes:
        factor: "weight_init" or "data_order".
        seed: the seed.
        place: "best" or "worst", by its mean value.
        mean: its mean value.
        value: of its trials, ascending.
        density: kernel density at `Factors.points`; None where the values are too few or all the same.
    """

    factor: str
    seed: int
    place: str
    mean: float
    value: Numbers
    density: Numbers | None


@dataclass(frozen=True)
class SeedValue:
    """A trial of a table in which one seed stands for both.

    Attributes:
        seed: its weight-init seed.
        value: its best score.
    """

    seed: int
    value: float


@dataclass(frozen=True)
class Factors:
    """Weight initialisation against data order.

    Attributes:
        heatmap: the whole grid; None where it is too large and too empty to be laid out, or no two trials share a seed.
        by_seed: best first, where no two trials share a seed; else empty.
        weight_init_seeds: number of rows that `components` and `tests` are about: the part of the grid without holes.
        data_order_seeds: number of its columns.
        components: weight_init, data_order, residual; empty where there are none to tell.
        tests: weight_init, data_order; likewise.
        points: scores at which the densities are given, ascending.
        densities: of the best and of the worst seeds of either factor.
        notes: what cannot be concluded, and why.
    """

    heatmap: Heatmap | None
    by_seed: tuple[SeedValue, ...]
    weight_init_seeds: int
    data_order_seeds: int
    components: tuple[Component, ...]
    tests: tuple[FactorTest, ...]
    points: Numbers
    densities: tuple[SeedDensity, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parting:
    """From where on a diverged trial stays behind; None where it never does for good."""

    weight_init_seed: int
    data_order_seed: int
    checkpoint: int | None
    step: int | None


@dataclass(frozen=True)
class GroupCurves:
    """The trials of one status together; curves over checkpoints.

    Attributes:
        status: "finished", "diverged", or "unknown" where it is not known whether they diverged.
        measure: "score", "validation_loss" or "train_loss".
        mean: [checkpoints], over the trials whose value is finite; None where there is none.
        low: [checkpoints], 5% quantile of the same trials (a spread of trials, not an interval of the mean).
        high: [checkpoints], 95% quantile.
        undefined: [checkpoints], number of trials whose value is not finite or was not recorded.
    """

    status: str
    measure: str
    mean: Curve
    low: Curve
    high: Curve
    undefined: tuple[int, ...]


@dataclass(frozen=True)
class Diverged:
    """Diverged trials, as their status says.

    Attributes:
        trials: number of trials of which it is known, and which did not fail.
        diverged: number of those that diverged.
        share: diverged / trials; None where it is not known of any.
        share_low: lower end of its Wilson interval.
        share_high: upper end.
        behind: [checkpoints], the score below which a trial is behind: the 5% quantile of the finished trials; empty
            where there are none.
        partings: of the diverged trials, by weight-init seed, then data-order seed.
        median_checkpoint: median over those that part; None where none does.
        curves: score, validation_loss, train_loss of finished, then of diverged trials, then of those of which it is
            unknown; a measure that was not recorded is left out.
        notes: what cannot be concluded, and why.
    """

    trials: Count
    diverged: Count
    share: Share | None
    share_low: float | None
    share_high: float | None
    behind: Numbers
    partings: tuple[Parting, ...]
    median_checkpoint: float | None
    curves: tuple[GroupCurves, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EarlyLate:
    """Spearman correlation, over trials, of what is known at a checkpoint with the trial's value.

    Attributes:
        score: [checkpoints], of the score at the checkpoint; None where one of the two is the same in all trials.
        score_low: [checkpoints], lower end of its interval; None where there is none.
        score_high: [checkpoints], upper end.
        best_so_far: [checkpoints], of the best score until then; 1 at the last checkpoint by definition.
        best_so_far_low: [checkpoints].
        best_so_far_high: [checkpoints].
        constant: number of checkpoints at which all trials have the same score.
        notes: what cannot be concluded, and why.
    """

    score: Curve
    score_low: Curve
    score_high: Curve
    best_so_far: Curve
    best_so_far_low: Curve
    best_so_far_high: Curve
    constant: Count
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SearchRow:
    """Start many, stop early, continue some, at one budget: the best combination with hindsight.

    Attributes:
        budget: in full trials.
        combinations: number of (started, stop, continued) that spend the budget exactly.
        started: trials started.
        stop: checkpoint at which the choice is made; the last one for plain best-of-n.
        fraction: of a full trial that this is.
        continued: trials trained to the end.
        score: its expected best score; at least that of best-of-n, which is one of the combinations.
        low: lower end of its interval: of this combination, not of having chosen it.
        high: upper end.
        best_of_n: expected best score of `budget` full trials.
        error_reduction: (error of best-of-n - error) / error of best-of-n, error = 1 - score; None where best-of-n has
            no error left.
        error_reduction_low: lower end of its interval, likewise of this combination; None for plain best-of-n.
        error_reduction_high: upper end.
        held_out_score: expected best score where the combination is chosen on one half of the seeds and valued on the
            other: what the choice is worth without hindsight. None where a half has too few trials.
        held_out_best_of_n: that of best-of-n on the same halves.
        held_out_error_reduction: between those two; may be negative.
    """

    budget: Positive
    combinations: Positive
    started: Positive
    stop: Positive
    fraction: Share
    continued: Count
    score: float
    low: float | None
    high: float | None
    best_of_n: float
    error_reduction: float | None
    error_reduction_low: float | None
    error_reduction_high: float | None
    held_out_score: float | None
    held_out_best_of_n: float | None
    held_out_error_reduction: float | None


@dataclass(frozen=True)
class Search:
    """Start many, stop early, continue some.

    Attributes:
        rows: budgets 1 ... min(30, N); empty where all trials have the same value.
        notes: what cannot be concluded, and why.
    """

    rows: tuple[SearchRow, ...]
    notes: tuple[str, ...] = ()
