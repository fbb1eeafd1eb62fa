"""`Advice`: what `advise` found, as frozen dataclasses, to JSON. Whatever is undefined is None."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from seedbench.advice.budgets import BudgetChoice
from seedbench.advice.recipes import RecipePair
from seedbench.display import shown
from seedbench.documents import Count, Positive, to_json
from seedbench.evaluation import LeftOut
from seedbench.influences import NoInterval
from seedbench.metrics import ROUNDING, Bound
from seedbench.strategy import with_parameters_said
from seedbench.trialset import TrialsIdentity, as_measured

#: What prints it, by name: the report knows its result, so the result cannot import it.
REPORT = "seedbench.advice.report.advice_report"

Verdict = Literal["better", "worse", "same", "unknown", "not followed"]


@dataclass(frozen=True)
class Candidate:
    """One setting against plain best-of-n with the same budget.

    Attributes:
        name: of the shipped strategy.
        parameters: those that differ from its defaults.
        replicates: campaigns per table.
        difference: mean over the tables that settings are compared on (`Advice.compared`) of the score above that of
            plain best-of-n: above 0 it is better.
        difference_low: lower end of its 95% interval, of this setting alone; None where there is none.
        difference_high: upper end.
        difference_p: the smallest level at which it is told from 0 while all settings hold together (Holm 1979).
        difference_detectable: the true difference that is told from 0, by itself, four times in five.
        gain: mean over the same tables of the score above that of one full trial.
        gain_low: lower end of its 95% interval, of this setting alone; None where there is none.
        gain_high: upper end.
        gap_closed: over the tables with signal, as in `Summary`; None where there is none.
        compute_multiplier: full trials that best-of-n needs for the same, per full trial of the budget; over the tables
            with signal, None where there is none.
        compute_multiplier_bound: "<" where it is at most that, ">" where it is at least that.
        compute_multiplier_low: lower end of its interval, of this setting alone; None where that is open.
        compute_multiplier_high: upper end; None where that is open.
        verdict: "better" or "worse" where `difference_p` is below 0.05; "same" where it never differs; "not followed"
            where four others did better on few replicates: then there is neither interval nor level; else "unknown".
        repeats: label of a setting tried before it whose campaigns were all the same: the two are one comparison. Of
            two fractions that fall on the same checkpoint, one repeats the other. None where there is none.
    """

    name: str
    parameters: dict[str, Any]
    replicates: Positive
    difference: float
    difference_low: float | None
    difference_high: float | None
    difference_p: float | None
    difference_detectable: float | None
    gain: float
    gain_low: float | None
    gain_high: float | None
    gap_closed: float | None
    compute_multiplier: float | None
    compute_multiplier_bound: Bound | None
    compute_multiplier_low: float | None
    compute_multiplier_high: float | None
    verdict: Verdict
    repeats: str | None = None

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
        diverged: how many of them diverged; None where it is not known of some.
        bias_correction: whether Adam corrects the bias of its moments in this recipe; None where it is not recorded.
        train_examples: that the trials were trained on, as `train_examples` has it; None where it is not known.
        floor: of one full trial.
        score: of the best of as many full trials as the budget holds.
        score_low: lower end of its interval.
        score_high: upper end of its interval.
        ceiling: the best that best-of-n scores with up to 64 full trials.
        oracle: the best test score in the pool.
        no_signal: whether choosing among full trials wins nothing, or less than two standard errors; see `Row`.
        no_interval: why there are no intervals.
        needed: for the score that was asked for.
        sign: -1 where scores are the negative of what was measured; see `Row`.
    """

    model: str
    task: str
    recipe: str
    trials: Count
    diverged: Count | None
    bias_correction: bool | None
    train_examples: Count | None
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
        return as_measured(score, self.sign)


@dataclass(frozen=True)
class Situation:
    """What somebody without trials said of theirs, by which the nearest tables were chosen; and how near these are.

    Attributes:
        train_examples: of their trials; None: not said.
        bias_correction: whether their Adam corrects the bias of its moments; None: not said.
        examples_factor: by how many times the nearest table's training examples are more, or fewer; None where
            `train_examples` is.
        farthest_factor: the same of the farthest of the tables that are used.
        protocol_asked: what was asked for, where another took its place because a table has no test scores; else None.
    """

    train_examples: Positive | None
    bias_correction: bool | None
    examples_factor: float | None = None
    farthest_factor: float | None = None
    protocol_asked: str | None = None


@dataclass(frozen=True, repr=False)
class Advice:
    """What `advise` found.

    Attributes:
        format: of its JSON.
        budget: in full trials.
        protocol: "held-out-2" or "dodge2020".
        trials: the trial set.
        seed: of all randomness.
        replicates: campaigns per table and candidate that was followed.
        seedbench: the version.
        situation: by which the tables were chosen; None where they were selected.
        budget_choice: how the budget was chosen; None where it was given.
        gain: of plain best-of-n with the budget above one full trial, in the mean over the tables in `compared`.
        gain_low: lower end of its 95% interval; None where there is none.
        gain_high: upper end.
        to_win: likewise of the best of 64 full trials, or of as many as a pool of the table has, over all tables.
        to_win_low: lower end.
        to_win_high: upper end.
        to_win_detectable: what would have been told from 0 four times in five.
        to_win_by_luck: what that could be by the luck of the dev examples alone, if all trials were equally good: the
            expected best of as many scores that differ by independent binomial errors, which are larger than those of
            trials scored on the same examples. None where a test set reports, where trials fail, which is no luck, or
            it is not known how many do, where the metric is not accuracy, or where the number of examples is not known.
        pairs: of recipes, of which one has a fault that is in the tables, and the other has it mended.
        tables: what plain best-of-n does, table by table.
        left_out: tables that take no part.
        candidates: those that were followed first; then by their difference to plain best-of-n, the best first.
    """

    format: Literal[4] = field(default=4, kw_only=True)
    budget: Positive
    protocol: str
    trials: TrialsIdentity
    seed: int
    replicates: Positive
    seedbench: str
    situation: Situation | None
    budget_choice: BudgetChoice | None
    gain: float
    gain_low: float | None
    gain_high: float | None
    to_win: float
    to_win_low: float | None
    to_win_high: float | None
    to_win_detectable: float | None
    to_win_by_luck: float | None
    pairs: tuple[RecipePair, ...]
    tables: tuple[BestOfN, ...]
    left_out: tuple[LeftOut, ...]
    candidates: tuple[Candidate, ...]

    @property
    def distinct(self) -> tuple[Candidate, ...]:
        """The candidates that repeat no other: what is compared with plain best-of-n."""
        return tuple(candidate for candidate in self.candidates if candidate.repeats is None)

    @property
    def compared(self) -> tuple[BestOfN, ...]:
        """The tables that settings are compared on: those with signal, or all where there is none."""
        return tuple(table for table in self.tables if table.no_signal is False) or self.tables

    @property
    def advised(self) -> Candidate | None:
        """The best of those that can be told to be better than plain best-of-n; None where there is none."""
        return next((candidate for candidate in self.candidates if candidate.verdict == "better"), None)

    @property
    def wins_nothing(self) -> bool:
        """Whether choosing among full trials wins nothing that is told from noise: on no table, nor in their mean."""
        lows = (self.gain_low, self.to_win_low)  # tables that tell nothing alone may tell something together
        untold = all(low is not None and low <= ROUNDING for low in lows)
        return untold and all(table.no_signal for table in self.tables)

    @property
    def may_be_luck(self) -> bool:
        """Whether what choosing among full trials wins is no more than luck on the dev examples could give."""
        return self.to_win_by_luck is not None and self.to_win <= self.to_win_by_luck and not self.wins_nothing

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
