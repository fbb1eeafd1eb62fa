"""`compare`: two strategies on the same replicates: how they differ in score, and where their decisions part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Literal, Unpack

from seedbench.display import shown
from seedbench.documents import Count, Positive, to_json
from seedbench.evaluation import Evaluation, Given, named_apart, replay_selected, scored
from seedbench.metrics import ROUNDING
from seedbench.replay import (
    Decision,
    Decisions,
    EvaluationKeywords,
    Kind,
    ReplayOptions,
    TableReplay,
    decision,
    from_keywords,
    parting,
    steps_before,
)
from seedbench.strategy import load_strategy
from seedbench.trialset import Selection, TrialSet, TrialTable

#: What prints it, by name: the report knows its result, so the result cannot import it.
REPORT = "seedbench.comparison.report.comparison_report"

#: So many of the largest wins, and of the largest losses, are kept of each table and budget.
EXAMPLES = 2


@dataclass(frozen=True)
class Example:
    """One replicate in which the decisions part.

    Attributes:
        replicate: its number.
        difference: in reported score of what was kept, one minus other.
        spent_difference: in budget spent, in full trials.
        parted_after: checkpoints that both paid for alike before they parted.
        spent_before: what those cost, in full trials.
        decision: what the one did then.
        other_decision: what the other did then.
        one: all decisions of the one.
        other: all decisions of the other.
    """

    replicate: int
    difference: float
    spent_difference: float
    parted_after: int
    spent_before: float
    decision: Decision
    other_decision: Decision
    one: Decisions
    other: Decisions


@dataclass(frozen=True)
class FirstDecisions:
    """What the two did where they parted, and in how many replicates."""

    one: Kind
    other: Kind
    replicates: Positive


@dataclass(frozen=True)
class Fates:
    """What became, with the strategy that scored lower, of the checkpoint that the other kept: in how many replicates.

    Attributes:
        not_started: its trial was never started.
        left: its trial was left before that checkpoint.
        passed_over: it was paid for, too, and another one was kept.
    """

    not_started: Count
    left: Count
    passed_over: Count


@dataclass(frozen=True)
class Parted:
    """Two strategies' decisions on one trial table under one budget.

    Attributes:
        model: of the trial table.
        task: of the trial table.
        recipe: of the trial table.
        budget: in full trials.
        parted: replicates in which the decisions part.
        other_kept: replicates in which they keep different checkpoints.
        won: replicates in which what the one kept scores higher than what the other kept.
        tied: replicates in which both score the same.
        lost: replicates in which the one scores lower.
        won_by: of the replicates won, what became of the better checkpoint with the other.
        lost_by: of the replicates lost, what became of the better checkpoint with the one.
        spent_before: what both spent alike before they parted, in full trials: the median of the replicates in which
            they do; None where there is none.
        spent_difference: mean difference in budget spent, in full trials.
        first: what they did where they parted, the most frequent first.
        differences: difference in reported score, one minus other, of each replicate.
        examples: the largest wins, largest first; then the largest losses, likewise.
    """

    model: str
    task: str
    recipe: str
    budget: Positive
    parted: Count
    other_kept: Count
    won: Count
    tied: Count
    lost: Count
    won_by: Fates
    lost_by: Fates
    spent_before: float | None
    spent_difference: float
    first: tuple[FirstDecisions, ...]
    differences: tuple[float, ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, repr=False)
class Comparison:
    """What `compare` found.

    Attributes:
        format: of its JSON.
        evaluation: of the one strategy, against the other.
        parted: where their decisions part, for each row of the evaluation.
    """

    format: Literal[2] = field(default=2, kw_only=True)
    evaluation: Evaluation
    parted: tuple[Parted, ...]

    @property
    def names(self) -> tuple[str, str]:
        """Of the two strategies."""
        return self.evaluation.strategy.name, self.evaluation.against[0].name

    def __repr__(self) -> str:
        return f"<Comparison of {' and '.join(self.names)}; print() shows all of it>"

    def __str__(self) -> str:
        return shown.as_text(self, REPORT)

    def _repr_html_(self) -> str:
        return shown.as_html(self, REPORT)

    def to_json(self) -> str:
        """The comparison as JSON text, undefined as null; the same bytes for the same comparison."""
        return to_json(self)


def compare(
    one: Given,
    other: Given,
    trials: str | Path | TrialSet | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
    **options: Unpack[EvaluationKeywords],
) -> Comparison:
    """Compares two strategies on the same replicates.

    Differences and their intervals are those of `evaluate(one, against=other)`; what is decided is recorded in its
    campaigns.

    Args:
        one: a file (`my.py`, `my.py:name`), the name of a shipped strategy, or a callable.
        other: likewise; differences are one minus other.
        trials: as in `evaluate`.
        progress: called with the campaigns done so far and their total.
        **options: as in `evaluate`.

    Raises:
        SeedbenchError: what `evaluate` raises.
        TypeError: an unknown option.
    """
    return compare_selected(one, other, *from_keywords(trials, options, EvaluationKeywords), progress=progress)


def compare_selected(
    one: Given,
    other: Given,
    selection: Selection,
    options: ReplayOptions,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """`compare`, with its options as they are passed on."""
    strategies = named_apart([load_strategy(strategy, sealed=options.sandbox) for strategy in (one, other)])
    both = replay_selected(strategies, selection, options, decisions=True, progress=progress)
    parted = [
        _parted(its.table, list(zip(mine, theirs, strict=True)))
        for its, another in zip(*(replayed.tables for replayed in both.replays), strict=True)
        for mine, theirs in zip(_decisions(its), _decisions(another), strict=True)
    ]
    return Comparison(scored(both), tuple(parted))


def _decisions(replayed: TableReplay) -> Sequence[Sequence[Decisions]]:
    """[budgets][replicates]."""
    assert replayed.decisions is not None  # they were asked for
    decisions: Sequence[Sequence[Decisions]] = replayed.decisions.tolist()
    return decisions


def _parted(table: TrialTable, pairs: Sequence[tuple[Decisions, Decisions]]) -> Parted:
    """Two strategies in all replicates of one budget."""
    differences = [one.score - other.score for one, other in pairs]
    examples = [_example(one, other, at) for one, other in pairs if (at := parting(one, other)) is not None]
    wins = [example for example in examples if example.difference > ROUNDING]
    losses = [example for example in examples if example.difference < -ROUNDING]
    kinds = Counter((example.decision.kind, example.other_decision.kind) for example in examples)
    return Parted(
        model=table.model,
        task=table.task,
        recipe=table.recipe,
        budget=pairs[0][0].budget,
        parted=len(examples),
        other_kept=sum(one.kept != other.kept for one, other in pairs),
        won=len(wins),
        tied=len(pairs) - len(wins) - len(losses),
        lost=len(losses),
        won_by=_fates((example.one, example.other) for example in wins),
        lost_by=_fates((example.other, example.one) for example in losses),
        spent_before=median(example.spent_before for example in examples) if examples else None,
        spent_difference=fmean(one.full_trials_spent - other.full_trials_spent for one, other in pairs),
        first=tuple(FirstDecisions(*kind, replicates) for kind, replicates in kinds.most_common()),
        differences=tuple(differences),
        examples=(
            *sorted(wins, key=lambda example: -example.difference)[:EXAMPLES],
            *sorted(losses, key=lambda example: example.difference)[:EXAMPLES],
        ),
    )


def _fates(pairs: Iterable[tuple[Decisions, Decisions]]) -> Fates:
    """Of pairs (the better one, the worse one)."""
    counts = [0, 0, 0]
    for better, worse in pairs:
        seeds, checkpoint = better.kept
        trained = worse.trained(seeds)
        counts[0 if not trained else 1 if trained <= checkpoint else 2] += 1
    return Fates(*counts)


def _example(one: Decisions, other: Decisions, at: int) -> Example:
    return Example(
        replicate=one.replicate,
        difference=one.score - other.score,
        spent_difference=one.full_trials_spent - other.full_trials_spent,
        parted_after=at,
        spent_before=steps_before(one, at) / one.steps[-1],
        decision=decision(one, at),
        other_decision=decision(other, at),
        one=one,
        other=other,
    )
