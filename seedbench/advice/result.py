"""`Advice`: what `advise` found, as frozen dataclasses, to JSON. Whatever is undefined is None."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from seedbench.display import shown
from seedbench.documents import Count, Positive, to_json
from seedbench.evaluation import LeftOut
from seedbench.influences import NoInterval
from seedbench.metrics import Bound
from seedbench.strategy import with_parameters_said
from seedbench.trialset import TrialsIdentity

#: What prints it, by name: the report knows its result, so the result cannot import it.
REPORT = "seedbench.advice.report.advice_report"

Verdict = Literal["better", "worse", "same", "unknown"]


@dataclass(frozen=True)
class Candidate:
    """One setting against plain best-of-n with the same budget.

    Attributes:
        name: of the shipped strategy.
        parameters: those that differ from its defaults.
        difference: mean over the tables of the score above that of plain best-of-n: above 0 it is better.
        difference_low: lower end of its 95% interval, of this setting alone; None where there is none.
        difference_high: upper end.
        difference_p: the smallest level at which it is told from 0 while all settings hold together (Holm 1979).
        difference_detectable: the true difference that is told from 0, by itself, four times in five.
        gap_closed: over the tables with signal, as in `Summary`; None where there is none.
        compute_multiplier: full trials that best-of-n needs for the same, per full trial of the budget; over the tables
            with signal, None where there is none.
        compute_multiplier_bound: "<" where it is at most that, ">" where it is at least that.
        compute_multiplier_low: lower end of its interval, of this setting alone; None where that is open.
        compute_multiplier_high: upper end; None where that is open.
        verdict: "better" or "worse" where `difference_p` is below 0.05; "same" where it never differs; else "unknown".
    """

    name: str
    parameters: dict[str, Any]
    difference: float
    difference_low: float | None
    difference_high: float | None
    difference_p: float | None
    difference_detectable: float | None
    gap_closed: float | None
    compute_multiplier: float | None
    compute_multiplier_bound: Bound | None
    compute_multiplier_low: float | None
    compute_multiplier_high: float | None
    verdict: Verdict

    @property
    def label(self) -> str:
        """The strategy and its parameters, as `start_many(fraction=0.1)`."""
        return with_parameters_said(self.name, self.parameters)


@dataclass(frozen=True)
class Needed:
    """Full trials that plain best-of-n needs to expect a score; at least that many where `bound` is ">".

    `low` and `high` are the ends of its 95% interval, None where that is open: the n for which best-of-n is expected to
    reach the score plus, and minus, half of its own interval there.
    """

    score: float
    full_trials: float
    bound: Bound | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class BestOfN:
    """What plain best-of-n does on one trial table. Scores are mean test scores, with 95% intervals.

    Attributes:
        model: of the trial table.
        task: of the trial table.
        recipe: of the trial table.
        trials: how many are recorded.
        floor: of one full trial.
        score: of the best of as many full trials as the budget holds.
        score_low: lower end of its interval.
        score_high: upper end of its interval.
        ceiling: the best that best-of-n scores with up to 64 full trials.
        oracle: the best test score in the pool.
        no_signal: whether full trials differ too little for any choice among them to matter; see `Row`.
        no_interval: why there are no intervals.
        needed: for the score that was asked for.
        sign: -1 where scores are the negative of what was measured; see `Row`.
    """

    model: str
    task: str
    recipe: str
    trials: Count
    floor: float
    score: float
    score_low: float | None
    score_high: float | None
    ceiling: float
    oracle: float
    no_signal: bool | None
    no_interval: NoInterval | None
    needed: Needed | None
    sign: Literal[-1, 1] = 1

    def measured(self, score: float) -> float:
        """A score of this table as it was measured."""
        return score if self.sign > 0 else 0.0 - score


@dataclass(frozen=True, repr=False)
class Advice:
    """What `advise` found.

    Attributes:
        format: of its JSON.
        budget: in full trials.
        protocol: "held-out-2" or "dodge2020".
        trials: the trial set.
        seed: of all randomness.
        replicates: campaigns per table and candidate.
        seedbench: the version.
        tables: what plain best-of-n does, table by table.
        left_out: tables that take no part.
        candidates: ordered by their difference to plain best-of-n, best first.
    """

    format: Literal[2] = field(default=2, kw_only=True)
    budget: Positive
    protocol: str
    trials: TrialsIdentity
    seed: int
    replicates: Positive
    seedbench: str
    tables: tuple[BestOfN, ...]
    left_out: tuple[LeftOut, ...]
    candidates: tuple[Candidate, ...]

    @property
    def advised(self) -> Candidate | None:
        """The best of those that can be told to be better than plain best-of-n; None where there is none."""
        return next((candidate for candidate in self.candidates if candidate.verdict == "better"), None)

    def __repr__(self) -> str:
        on = f"{self.trials.name} {self.trials.version}"
        return f"<Advice for a budget of {self.budget} on {on}; print() shows all of it>"

    def __str__(self) -> str:
        return shown.as_text(self, REPORT)

    def _repr_html_(self) -> str:
        return shown.as_html(self, REPORT)

    def to_json(self) -> str:
        """The advice as JSON text, undefined as null; the same bytes for the same advice."""
        return to_json(self)
