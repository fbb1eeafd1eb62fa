"""`Findings`: what was found in a trial set, and its JSON; the conventions are those of `answers`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from seedbench.analyses.answers import Diverged, EarlyLate, ExpectedPerformance, Factors, Numbers, Search
from seedbench.display import shown
from seedbench.documents import Count, Positive, Share, to_json
from seedbench.text import counted
from seedbench.trialset import TrialsIdentity

#: What prints it, by name: the report knows its result, so the result cannot import it.
REPORT = "seedbench.analyses.report.findings_report"


@dataclass(frozen=True)
class SeedNames:
    """What the user calls the seeds of a table; empty where they are called by their numbers.

    Attributes:
        weight_init: seed -> its label.
        data_order: likewise.
    """

    weight_init: dict[int, str] = field(default_factory=dict)
    data_order: dict[int, str] = field(default_factory=dict)

    def of(self, factor: str, seed: int | None) -> str:
        """The name of a seed of "weight_init" or "data_order"."""
        names = self.weight_init if factor == "weight_init" else self.data_order
        return str(seed) if seed is None else names.get(seed, str(seed))


@dataclass(frozen=True)
class TableFindings:
    """What one trial table says.

    Attributes:
        model: of the trial table.
        task: of the trial table.
        recipe: of the trial table.
        metric: what its score is, or the negative of which.
        sign: -1 where the score is the negative of the metric, which is better the lower it is.
        trials: number of trials that everything below is about.
        weight_init_seeds: number of rows of the grid.
        data_order_seeds: number of columns.
        step: [checkpoints], training steps done at each.
        expected: expected validation performance.
        factors: weight initialisation against data order.
        diverged: diverged trials.
        early: early against late.
        search: start many, stop early, continue some.
        notes: on the table as a whole: missing cells, trials left out.
        seed_names: labels of seeds.
    """

    model: str
    task: str
    recipe: str
    metric: str
    trials: Count
    weight_init_seeds: Count
    data_order_seeds: Count
    step: tuple[int, ...]
    expected: ExpectedPerformance
    factors: Factors
    diverged: Diverged
    early: EarlyLate
    search: Search
    notes: tuple[str, ...] = ()
    sign: Literal[-1, 1] = 1
    seed_names: SeedNames = SeedNames()

    @property
    def shares(self) -> bool:
        """Whether scores are shares of a perfect 1, which are told in hundredths."""
        return self.sign > 0 and self.expected.best is not None and abs(self.expected.best) <= 1

    @property
    def name(self) -> str:
        """`model/task/recipe`."""
        return f"{self.model}/{self.task}/{self.recipe}"


@dataclass(frozen=True)
class TaskCorrelation:
    """Rank correlation of the seeds' mean values in two tasks; None where a task's are all the same.

    Attributes:
        task: of the one.
        other: of the other.
        spearman: Spearman's.
        spearman_low: lower end of its interval.
        spearman_high: upper end.
        kendall: Kendall's tau-b.
    """

    task: str
    other: str
    spearman: float | None
    spearman_low: float | None
    spearman_high: float | None
    kendall: float | None


@dataclass(frozen=True)
class SharedFactor:
    """The seeds of one factor in all tasks.

    Attributes:
        factor: "weight_init" or "data_order"; "seed" where one seed stands for both in every trial.
        seeds: [seeds] that all tasks have, by mean rank, best first; of those with labels, their numbers in the first.
        mean: [tasks][seeds], mean value of the seed's trials.
        rank: [tasks][seeds], 1 is best; equal means share their ranks' mean.
        mean_rank: [seeds], over tasks.
        correlations: of every two tasks.
        expected_best_mean_rank: what the best of as many seeds gets by luck; None as `p_value`.
        p_value: of the permutation test whether the best mean rank is better than luck; None where it cannot be told.
        notes: what cannot be concluded, and why.
        names: seed -> its label; empty where they are called by their numbers.
    """

    factor: str
    seeds: tuple[int, ...]
    mean: tuple[Numbers, ...]
    rank: tuple[Numbers, ...]
    mean_rank: Numbers
    correlations: tuple[TaskCorrelation, ...]
    expected_best_mean_rank: float | None
    p_value: Share | None
    notes: tuple[str, ...] = ()
    names: dict[int, str] = field(default_factory=dict)

    def name(self, seed: int) -> str:
        """What the user calls a seed."""
        return self.names.get(seed, str(seed))


@dataclass(frozen=True)
class SharedSeeds:
    """Seeds that do well on every task: the tables of one model and one recipe.

    Attributes:
        model: of the tables.
        recipe: of the tables.
        tasks: of the tables, in order.
        factors: weight_init, data_order; empty with a single task.
        notes: what cannot be concluded, and why.
    """

    model: str
    recipe: str
    tasks: tuple[str, ...]
    factors: tuple[SharedFactor, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Findings:
    """What `findings` found.

    Attributes:
        format: of its JSON; without one it is 1.
        trials: the trial set.
        seed: of the permutations and of the halves of the seeds.
        permutations: of each permutation test.
        seedbench: the version that computed it.
        tables: by model, task, recipe.
        shared_seeds: by model, recipe.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    trials: TrialsIdentity
    seed: int
    permutations: Positive
    seedbench: str
    tables: tuple[TableFindings, ...]
    shared_seeds: tuple[SharedSeeds, ...]

    def __repr__(self) -> str:
        tables = counted(len(self.tables), "table")
        return f"<Findings in {self.trials.name} {self.trials.version}: {tables}; print() shows all of it>"

    def __str__(self) -> str:
        return shown.as_text(self, REPORT)

    def _repr_html_(self) -> str:
        return shown.as_html(self, REPORT)

    def to_json(self) -> str:
        """The findings as JSON text, undefined as null; the same bytes for the same findings."""
        return to_json(self)
