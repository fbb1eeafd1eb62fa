"""`Evaluation`: what an evaluation found, as frozen dataclasses, to and from JSON. Whatever is undefined is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from seedbench import __version__
from seedbench.documents import OMIT_EMPTY, Positive, Sha256, Share, from_json, to_json, whole
from seedbench.errors import SeedbenchError
from seedbench.files import write_file
from seedbench.metrics import Bound
from seedbench.replay import PROTOCOLS, TRACKS
from seedbench.trialset import TrialsIdentity

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Row:
    """One strategy on one trial table under one budget. Whatever is undefined, or was not asked for, is None.

    Attributes:
        model: of the trial table.
        task: of the trial table; it fixes the unit of all scores.
        recipe: of the trial table.
        budget: in full trials.
        score: mean test score of the kept checkpoint; `score_low` and `score_high` are its 95% interval.
        floor: what one full trial scores.
        ceiling: what the best of 64 full trials scores (of all, where there are fewer).
        gap_closed: (score - floor) / (ceiling - floor), with its 95% interval.
        compute_multiplier: full trials that best-of-n needs for the score, per full trial of the budget.
        compute_multiplier_bound: "<" where it is at most that, ">" where it is at least that.
        compute_multiplier_low: lower end of its 95% interval; None where that is open.
        compute_multiplier_high: upper end of its 95% interval; None where that is open.
        optimism: how much higher the kept checkpoint scored where it was chosen: validation minus test score.
        trials_started: mean number of trials with a paid checkpoint.
        budget_spent: mean of the training steps spent, in full trials.
        no_signal: whether ceiling - floor is below two standard errors; None where a single row or column says nothing.
        undefined_share: share of the table's checkpoints whose metric is undefined (counted as 0), or that hold
            a prediction that is none (counted as wrong), on the whole dev set.
    """

    model: str
    task: str
    recipe: str
    budget: Positive
    score: float
    score_low: float | None
    score_high: float | None
    floor: float
    ceiling: float
    gap_closed: float | None
    gap_closed_low: float | None
    gap_closed_high: float | None
    compute_multiplier: float
    compute_multiplier_bound: Bound | None
    compute_multiplier_low: float | None
    compute_multiplier_high: float | None
    optimism: float
    trials_started: float
    budget_spent: float
    no_signal: bool | None
    undefined_share: Share | None


@dataclass(frozen=True)
class BudgetSummary:
    """All tables that have a budget, together: the compute multiplier, points won over points to win."""

    budget: Positive
    compute_multiplier: float
    compute_multiplier_bound: Bound | None
    gap_closed: float | None
    gap_closed_low: float | None
    gap_closed_high: float | None


@dataclass(frozen=True)
class Summary:
    """All tables together: points won over points to win, and the geometric mean of the multipliers at each budget."""

    gap_closed: float | None
    gap_closed_low: float | None
    gap_closed_high: float | None
    compute_multiplier: float | None
    compute_multiplier_bound: Bound | None
    budgets: tuple[BudgetSummary, ...]


@dataclass(frozen=True)
class Difference:
    """The strategy minus another one on the same replicates, in score and in gap closed, with 95% intervals."""

    model: str
    task: str
    recipe: str
    budget: Positive
    score: float
    score_low: float | None
    score_high: float | None
    gap_closed: float | None
    gap_closed_low: float | None
    gap_closed_high: float | None


@dataclass(frozen=True)
class SummaryDifference:
    """The strategy minus another one in the summary's gap closed, with its 95% interval."""

    gap_closed: float | None
    gap_closed_low: float | None
    gap_closed_high: float | None


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


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found. Rows are ordered by model, task, recipe and budget.

    Attributes:
        format: of its JSON; without one it is 1.
        protocol: "held-out-1" or "dodge2020".
        track: "cold", or "transfer" where the strategy was shown the model's other tasks.
        trials: the trial set.
        strategy: what was evaluated.
        seed: of all hidden randomness.
        replicates: campaigns per table and budget.
        seedbench: the version that scored it.
        rows: one per table and budget.
        summary: all tables together.
        against: the strategies it was compared with.
        left_out: names of selected tables too small for any of the budgets.
        campaigns: column name -> array, one entry per table, budget and replicate; not part of the JSON.
        pairs: column name -> array, see `seedbench.evaluation.paired.pairs_of`; not part of the JSON.
    """

    format: Literal[1] = field(default=1, kw_only=True)
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
    left_out: tuple[str, ...]
    campaigns: Mapping[str, np.ndarray] | None = field(default=None, compare=False, repr=False)
    pairs: Mapping[str, np.ndarray] | None = field(default=None, compare=False, repr=False)

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

    def to_pandas(self) -> pd.DataFrame:
        """One line per row, columns as in `Row`, undefined as NaN (None where the column is not a number)."""
        import pandas as pd

        columns = [item.name for item in fields(Row)]
        frame = pd.DataFrame([[getattr(row, name) for name in columns] for row in self.rows], columns=columns)
        numbers = [item.name for item in fields(Row) if item.type in ("float", "float | None", "Share | None")]
        return frame.astype(dict.fromkeys(numbers, "float64"))

    def write_campaigns(self, path: str | PathLike[str]) -> None:
        """Writes `campaigns` as parquet: score, kept seeds and checkpoint, steps spent of every campaign.

        Raises:
            SeedbenchError: there are none, or the file cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self.campaigns is None:
            raise SeedbenchError("an evaluation read from JSON has no campaigns; evaluate again to get them")
        table = pa.table(dict(self.campaigns))
        write_file(path, lambda file: pq.write_table(table, file))
