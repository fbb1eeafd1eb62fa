"""`Evaluation`: what an evaluation found, as frozen dataclasses, to and from JSON. Whatever is undefined is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from os import PathLike
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from seedbench import __version__
from seedbench.display import shown
from seedbench.documents import OMIT_EMPTY, Positive, Sha256, from_json, to_json, whole
from seedbench.errors import SeedbenchError
from seedbench.evaluation.numbers import Difference, Row, Summary, SummaryDifference
from seedbench.files import write_file
from seedbench.replay import PROTOCOLS, TRACKS
from seedbench.text import counted
from seedbench.trialset import TrialsIdentity

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

#: What prints it, by name: the report knows its result, so the result cannot import it.
REPORT = "seedbench.evaluation.report.evaluation_report"

#: Fields of `Difference`, and what they are called in `Evaluation.to_pandas`.
_DIFFERENCE = ("score", "score_low", "score_high", "score_p", "score_detectable")
_FIRST_LESS_IT = tuple(name.replace("score", "first_less_it") for name in _DIFFERENCE)


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
    """Another strategy on the same replicates, and how the evaluated one differs from it: that one minus this."""

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
        """Whether a strategy was compared with itself, as far as is known: not of what has no source."""
        mine, same = self.strategy, all(one.score == 0 for one in other.differences)
        return same and mine.sha256 is not None and (mine.sha256, mine.parameters) == (other.sha256, other.parameters)

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

        Columns are `strategy`, those of `Row`, and `first_less_it`: the score of the evaluated strategy less that of
        this one on the same replicates, as in `Difference`: above 0 where the evaluated one is better; with
        `first_less_it_low`, `_high`, `_p` and `_detectable`. They are NaN for the evaluated strategy itself.
        """
        import pandas as pd

        columns = [item.name for item in fields(Row)]
        lines = [
            [name, *(getattr(row, column) for column in columns), *(getattr(less, end, None) for end in _DIFFERENCE)]
            for name, rows, differences in [
                (self.strategy.name, self.rows, (None,) * len(self.rows)),
                *((other.name, other.rows, other.differences) for other in self.against),
            ]
            for row, less in zip(rows, differences, strict=True)
        ]
        frame = pd.DataFrame(lines, columns=["strategy", *columns, *_FIRST_LESS_IT])
        numbers = [item.name for item in fields(Row) if item.type in ("float", "float | None", "Share | None")]
        return frame.astype(dict.fromkeys((*numbers, *_FIRST_LESS_IT), "float64"))

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
