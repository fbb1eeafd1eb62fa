"""What a strategy does in one campaign: the list of its calls, and where two of them part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seedbench.campaign import Around, Labels, Measurements, PastArrays
from seedbench.errors import BudgetSpent, SeedbenchError, StrategyFailed
from seedbench.replay import Deadline, RecordedTrials, Replicates, run_campaign
from seedbench.strategy import Strategy

WAYS = ("worse", "better", "shuffled")  # how unpaid values are replaced

Call = tuple[Any, ...]  # its kind, then what it was called with: see `_said`


@dataclass(frozen=True)
class Case:
    """One campaign.

    Attributes:
        batch: holds its one replicate.
        budget: in full trials.
        time_limit: wall time in seconds that it may take.
        past: what it is shown of other tables.
    """

    batch: Replicates
    budget: int
    time_limit: float
    past: tuple[PastArrays, ...] = ()

    @property
    def replicate(self) -> int:
        return self.batch.replicates.start

    @property
    def name(self) -> str:
        return f"table {self.batch.table.name}, budget {self.budget}, replicate {self.replicate}"


@dataclass(frozen=True)
class Trace:
    """What happened in one campaign.

    Attributes:
        calls: the strategy's, and what it kept at the end.
        paid: how many checkpoints were paid for of each trial of the table; those without one are not in it.
        spent: share of the budget.
        failed: why it has no result, if it has none.
        budget_ended: whether the strategy asked for more than the budget had, which ended it before it returned.
    """

    calls: list[Call]
    paid: dict[int, int]
    spent: float
    failed: StrategyFailed | None = None
    budget_ended: bool = False


def traced(strategy: Strategy, case: Case) -> Trace:
    """Runs it."""
    trials = RecordedTrials(case.batch, case.replicate, past=case.past)
    deadline = Deadline(case.time_limit)
    calls: list[Call] = []
    paid: dict[int, int] = {}
    cuts: list[SeedbenchError] = []
    numbers: dict[Labels, int] = {}  # of the trials, in the order of their first checkpoint

    def asked(weight_init_seed: int | None, data_order_seed: int | None) -> None:
        calls.append(("start", weight_init_seed, data_order_seed))

    def train(labels: Labels, advance: Callable[[], Measurements]) -> Measurements:
        calls.append(("advance", numbers.setdefault(labels, len(numbers))))
        trial = trials.trial(*labels)
        paid[trial] = paid.get(trial, 0) + 1
        return advance()

    source = Around(trials.source(), train, asked)
    try:
        with deadline.installed():
            settled = run_campaign(strategy, trials, case.budget, deadline=deadline, source=source, cut=cuts.append)
    except StrategyFailed as failed:
        return Trace([*calls, ("fail", failed.reason)], paid, 0.0, failed)
    kept = ("keep", settled.weight_init_seed, settled.data_order_seed, settled.checkpoint)
    spent = settled.steps_spent / (case.budget * case.batch.table.num_steps)
    return Trace([*calls, kept], paid, spent, budget_ended=any(isinstance(cut, BudgetSpent) for cut in cuts))


def altered(case: Case, paid: dict[int, int], way: str) -> Case:
    """The same campaign with everything replaced that was not paid for: the future, other trials, the test scores."""
    batch, table = case.batch, case.batch.table
    unpaid = np.ones((table.num_trials, table.num_checkpoints), dtype=bool)
    for trial, count in paid.items():
        unpaid[trial, :count] = False
    score, loss, train_loss = batch.score.copy(), batch.validation_loss.copy(), batch.train_loss.copy()
    lowest, highest = min(0.0, float(score.min())), max(1.0, float(score.max()))
    for values, worst, best in ((score, lowest, highest), (loss, 9.0, 0.01), (train_loss, 9.0, 0.01)):
        if way == "shuffled":
            values[unpaid] = np.random.default_rng(case.replicate).permutation(values[unpaid])
        else:
            values[unpaid] = worst if way == "worse" else best
    whole = np.full_like(table.score, 0.0 if way == "worse" else 1.0)
    single = whole.astype(np.float32)
    changed = replace(table, train_loss=single, score=whole, validation_loss=single)
    batch = replace(
        batch, table=changed, score=score, validation_loss=loss, train_loss=train_loss, test_score=whole, curves={}
    )
    return replace(case, batch=batch)


def first_difference(cases: Sequence[Case], one: Sequence[Trace], other: Sequence[Trace]) -> str:
    """Where two runs of the same campaigns part, in words; '' where they do not."""
    for case, first, second in zip(cases, one, other, strict=True):
        left, right = first.calls, second.calls
        if left != right:
            shorter = min(len(left), len(right))
            at = next((n for n in range(shorter) if left[n] != right[n]), shorter)
            both = [_said(calls[at]) if at < len(calls) else "nothing" for calls in (left, right)]
            return f"{case.name}: call {at + 1} was {both[0]} in one run and {both[1]} in the other"
    return ""


def _said(call: Call) -> str:
    kind, *values = call
    if kind == "start":
        return f"start({', '.join('any' if value is None else str(value) for value in values)})"
    if kind == "advance":
        return f"advance of trial {values[0] + 1}"
    if kind == "keep":
        return f"keeping checkpoint {values[2] + 1} of the trial of seeds {values[0]}, {values[1]}"
    return f"a failure ({values[0]})"
