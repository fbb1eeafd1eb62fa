"""`Advice`: what `advise` found, as frozen dataclasses, to JSON. Whatever is undefined is None."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from seedbench.documents import Count, Positive, to_json
from seedbench.metrics import Bound
from seedbench.strategy import with_parameters_said
from seedbench.trialset import TrialsIdentity

Verdict = Literal["better", "worse", "same", "unknown"]


@dataclass(frozen=True)
class Candidate:
    """One setting against plain best-of-n on the same replicates. All intervals hold for all candidates together.

    Attributes:
        name: of the shipped strategy.
        parameters: those that differ from its defaults.
        difference: mean over the tables of the difference in mean test score to plain best-of-n.
        difference_low: lower end of its interval; None where there is none, as everywhere here.
        difference_high: upper end.
        gap_closed: of all tables together, as in `Summary`.
        compute_multiplier: full trials that best-of-n needs for the same, per full trial of the budget.
        compute_multiplier_bound: "<" where it is at most that, ">" where it is at least that.
        compute_multiplier_low: lower end of its interval; None where that is open.
        compute_multiplier_high: upper end; None where that is open.
        verdict: "better" or "worse" where 0 lies outside the interval; "same" where it never differs; else "unknown".
    """

    name: str
    parameters: dict[str, Any]
    difference: float
    difference_low: float | None
    difference_high: float | None
    gap_closed: float | None
    compute_multiplier: float
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

    `low` and `high` are its 95% interval, None where that is open.
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
        ceiling: of the best of 64 full trials, or of all where there are fewer.
        no_signal: whether full trials differ too little for any choice among them to matter; see `Row`.
        needed: for the score that was asked for.
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
    no_signal: bool | None
    needed: Needed | None


@dataclass(frozen=True)
class Advice:
    """What `advise` found.

    Attributes:
        format: of its JSON; without one it is 1.
        budget: in full trials.
        protocol: "held-out-1" or "dodge2020".
        trials: the trial set.
        seed: of all randomness.
        replicates: campaigns per table and candidate.
        seedbench: the version.
        tables: what plain best-of-n does, table by table.
        left_out: names of tables too small for the budget.
        critical_value: half an interval of a candidate is so many standard errors; None where there are none.
        candidates: ordered by their difference to plain best-of-n, best first.
    """

    format: Literal[1] = field(default=1, kw_only=True)
    budget: Positive
    protocol: str
    trials: TrialsIdentity
    seed: int
    replicates: Positive
    seedbench: str
    tables: tuple[BestOfN, ...]
    left_out: tuple[str, ...]
    critical_value: float | None
    candidates: tuple[Candidate, ...]

    @property
    def advised(self) -> Candidate | None:
        """The best of those that can be told to be better than plain best-of-n; None where there is none."""
        return next((candidate for candidate in self.candidates if candidate.verdict == "better"), None)

    def to_json(self) -> str:
        """The advice as JSON text, undefined as null; the same bytes for the same advice."""
        return to_json(self)
