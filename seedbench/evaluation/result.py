"""`Evaluation`: what an evaluation found, as frozen dataclasses, to and from JSON. Whatever is undefined is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from seedbench import __version__
from seedbench.display import shown
from seedbench.documents import OMIT_EMPTY, Count, Positive, Sha256, Share, from_json, to_json, whole
from seedbench.errors import SeedbenchError
from seedbench.files import write_file
from seedbench.influences import NoInterval
from seedbench.metrics import Bound
from seedbench.replay import PROTOCOLS, TRACKS
from seedbench.text import counted
from seedbench.trialset import TrialsIdentity, as_measured

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

#: What prints it, by name: the report knows its result, so the result cannot import it.
REPORT = "seedbench.evaluation.report.evaluation_report"

#: Columns of `Evaluation.to_pandas` that compare a strategy with the evaluated one.
PAIRED = ("paired", "paired_low", "paired_high", "paired_p", "paired_detectable")


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
        return low, min(high, 1.0) if self.oracle <= 1 else high


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


@dataclass(frozen=True)
class LeftOut:
    """A selected table that takes no part, and why."""

    table: str
    reason: Literal["no test scores", "too few trials"]


@dataclass(frozen=True)
class NotTried:
    """Budgets of the usual ones that a table is too small for.

    Attributes:
        table: `model/task/recipe`.
        pool_trials: in each of its pools.
        budgets: that take larger pools.
    """

    table: str
    pool_trials: Positive
    budgets: tuple[int, ...]


def parameters_field() -> Any:
    """A field for the parameters that a strategy is given; where there are none, it is left out of the JSON."""
    return field(default_factory=dict, hash=False, metadata={OMIT_EMPTY: True})


@dataclass(frozen=True)
class Against:
    """Another strategy on the same replicates, and how the evaluated one differs from it."""

    name: str
    sha256: Sha256 | None
    rows: tuple[Row, ...]
    summary: Summary
    differences: tuple[Difference, ...]
    summary_difference: SummaryDifference
    oracle: bool = False
    parameters: dict[str, Any] = parameters_field()


@dataclass(frozen=True)
class StrategyIdentity:
    """Which strategy.

    Attributes:
        name: as it is shown, with its parameters.
        sha256: of its source; None for a callable without one.
        oracle: whether it was told the test scores: that shows how far choosing could get, and is no result.
        parameters: those it was given.
    """

    name: str
    sha256: Sha256 | None
    oracle: bool = False
    parameters: dict[str, Any] = parameters_field()


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What `evaluate` found; printed, it is the report of the command line, and a notebook shows the same.

    Rows are ordered by model, task, recipe and budget.

    Attributes:
        format: of its JSON.
        protocol: "held-out-2" or "dodge2020".
        track: "cold", or "transfer" where the strategy was shown the model's other tasks.
        trials: the trial set.
        strategy: what was evaluated.
        seed: of all hidden randomness.
        replicates: campaigns per table and budget.
        seedbench: the version that scored it.
        rows: one per table and budget.
        summary: all tables together.
        against: the strategies it was compared with.
        left_out: selected tables that take no part.
        not_tried: where no budgets were asked for, those of the usual ones that a table is too small for.
        campaigns: column name -> array, one entry per table, budget and replicate; not part of the JSON.
    """

    format: Literal[2] = field(default=2, kw_only=True)
    protocol: Annotated[str, whole(f"({'|'.join(PROTOCOLS)})", f"one of {', '.join(PROTOCOLS)}")]
    track: Annotated[str, whole(f"({'|'.join(TRACKS)})", f"one of {', '.join(TRACKS)}")]
    trials: TrialsIdentity
    strategy: StrategyIdentity
    seed: int
    replicates: Positive
    seedbench: str
    rows: tuple[Row, ...]
    summary: Summary
    against: tuple[Against, ...]
    left_out: tuple[LeftOut, ...]
    not_tried: tuple[NotTried, ...] = field(default=(), metadata={OMIT_EMPTY: True})
    campaigns: Mapping[str, np.ndarray] | None = field(default=None, compare=False, repr=False)

    def to_json(self) -> str:
        """The evaluation as JSON text, undefined as null; the same bytes for the same evaluation."""
        return to_json(self)

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """What `to_json` wrote.

        Raises:
            SeedbenchError: the text is not an evaluation: where in it, the rule and the value found.
        """
        return from_json(text, cls, f"not the JSON of an evaluation by seedbench {__version__}", error=SeedbenchError)

    def __repr__(self) -> str:
        against = f" against {', '.join(other.name for other in self.against)}" if self.against else ""
        tables = len({(row.model, row.task, row.recipe) for row in self.rows})
        on = f"{self.trials.name} {self.trials.version}, {self.protocol}"
        return (
            f"<Evaluation of {self.strategy.name}{against} on {on}: {counted(tables, 'table')}, "
            f"{counted(self.replicates, 'replicate')}; print() shows all of it>"
        )

    def __str__(self) -> str:
        return shown.as_text(self, REPORT)

    def _repr_html_(self) -> str:
        return shown.as_html(self, REPORT)

    def is_itself(self, other: Against) -> bool:
        """Whether a strategy was compared with itself."""
        mine, same = self.strategy, all(one.score == 0 for one in other.differences)
        return same and (mine.sha256, mine.parameters) == (other.sha256, other.parameters)

    def plot(self, table: str | None = None) -> alt.TopLevelMixin:
        """A figure, as a chart of altair (extra `html`): a notebook shows it, `.save("figure.svg")` writes it.

        Args:
            table: a trial table, by its name `model/task/recipe` or its end after a slash: what a budget buys there,
                best-of-n with its 95% band, every strategy's scores and the oracle's. None: the gap that each strategy
                closes at each budget, on all tables.

        Raises:
            SeedbenchError: altair or vl-convert-python is not installed; no such table, or several.
        """
        from seedbench.evaluation.figure import evaluation_figure
        from seedbench.evaluation.table_figure import table_figure

        return evaluation_figure(self) if table is None else table_figure(self, table)

    def to_pandas(self) -> pd.DataFrame:
        """One line per row of each strategy, the evaluated one first; undefined as NaN, or None of what is no number.

        Columns are `strategy`, those of `Row`, and `paired`: the strategy's score less that of the evaluated one on the
        same replicates, above 0 where it is better than that; with `paired_low`, `paired_high`, `paired_p` and
        `paired_detectable`, which are those of `Difference`, turned. They are NaN for the evaluated strategy itself.
        """
        import pandas as pd

        columns = [item.name for item in fields(Row)]
        lines = [
            [name, *(getattr(row, column) for column in columns), *paired]
            for name, rows, differences in [
                (self.strategy.name, self.rows, (None,) * len(self.rows)),
                *((other.name, other.rows, other.differences) for other in self.against),
            ]
            for row, paired in zip(rows, map(_turned, differences), strict=True)
        ]
        frame = pd.DataFrame(lines, columns=["strategy", *columns, *PAIRED])
        numbers = [item.name for item in fields(Row) if item.type in ("float", "float | None", "Share | None")]
        return frame.astype(dict.fromkeys((*numbers, *PAIRED), "float64"))

    def write_campaigns(self, path: str | PathLike[str]) -> None:
        """Writes `campaigns` as parquet: what every campaign kept, what that scored, what it spent and saw.

        Raises:
            SeedbenchError: there are none, or the file cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.campaigns is None:
            raise SeedbenchError("an evaluation read from JSON has no campaigns; evaluate again to get them")
        table = pa.table(dict(self.campaigns))
        write_file(path, lambda file: pq.write_table(table, file))


def _turned(difference: Difference | None) -> tuple[float | None, ...]:
    """The values of `PAIRED`: the other strategy less the evaluated one."""
    if difference is None:
        return (None,) * len(PAIRED)
    low, high = difference.score_low, difference.score_high
    return (
        0.0 - difference.score,
        None if high is None else 0.0 - high,
        None if low is None else 0.0 - low,
        difference.score_p,
        difference.score_detectable,
    )
