"""`evaluate`: replays a strategy on a trial set, and scores what it kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, Unpack

import numpy as np
from threadpoolctl import threadpool_limits

from seedbench import __version__
from seedbench.evaluation.paired import pairs_of
from seedbench.evaluation.replayed import Replayed, replay_selected
from seedbench.evaluation.result import (
    Against,
    BudgetSummary,
    Difference,
    Evaluation,
    Row,
    StrategyIdentity,
    Summary,
    SummaryDifference,
)
from seedbench.evaluation.scores import (
    TableScores,
    difference_intervals,
    gap_interval,
    known,
    multipliers,
    score_interval,
    summary_difference,
    summary_gap,
    summary_gap_at,
    summary_multiplier,
    summary_multipliers,
)
from seedbench.intervals import Interval
from seedbench.replay import Deletion, EvaluationKeywords, ReplayOptions, from_keywords
from seedbench.strategy import Strategy, load_strategy
from seedbench.trialset import Selection, TrialSet

#: What a strategy may be given as.
Given: TypeAlias = str | Path | Callable[..., Any] | Strategy


def evaluate(
    strategy: Given,
    trials: str | Path | TrialSet | None = None,
    *,
    against: Given | Sequence[Given] = (),
    intervals: bool = True,
    progress: Callable[[int, int], None] | None = None,
    **options: Unpack[EvaluationKeywords],
) -> Evaluation:
    """Replays a strategy on recorded trials under each budget and scores it.

    Args:
        strategy: a file (`my.py`, `my.py:name`) or the name of a shipped strategy, each with parameters or without
            (`start_many(fraction=0.5)`), or a callable.
        trials: a folder, a Hub dataset, or what `load_trials` returned; None for the bundled trial set.
        against: strategies, or one, to compare with on the same replicates.
        intervals: run everything again without each group of seeds, for 95% intervals.
        progress: called with the campaigns done so far and their total.
        **options: `revision`, `models`, `tasks`, `recipes`, `budgets`: which of the trials; `replicates`, `seed`,
            `protocol`, `track`, `processes`, `sandbox`, `time_limit`: how they are replayed. See
            `seedbench.replay.EvaluationKeywords`, and the classes that it extends.

    Raises:
        SelectionError: an unknown model, task, recipe, protocol or track; a budget that a table does not admit; odd
            replicates; the transfer track with trials of one task alone.
        StrategyFileError: a strategy that cannot be loaded.
        StrategyFailed: a campaign without a result.
        CannotSeal: a sandbox was asked for, and this machine cannot seal a process.
        TrialSetError: a trial set that cannot be read or trusted.
        TypeError: an unknown option.
    """
    selection, how = from_keywords(trials, options, EvaluationKeywords)
    return evaluate_selected(strategy, selection, how, against=against, intervals=intervals, progress=progress)


def evaluate_selected(
    strategy: Given,
    selection: Selection,
    options: ReplayOptions,
    *,
    against: Given | Sequence[Given] = (),
    intervals: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """`evaluate`, with its options as they are passed on."""
    alone = callable(against) or not isinstance(against, Iterable) or isinstance(against, str)
    others = (against,) if alone else tuple(against)  # type: ignore[arg-type]
    strategies = [load_strategy(one, sealed=options.sandbox) for one in (strategy, *others)]
    return scored(replay_selected(strategies, selection, options, intervals=intervals, progress=progress))


def scored(replayed: Replayed) -> Evaluation:
    """The evaluation of the first of the strategies that were replayed, against the others."""
    strategies = [one.strategy for one in replayed.replays]
    (own, *rest), deletions, options = replayed.scores, replayed.deletions, replayed.options
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        return Evaluation(
            protocol=options.protocol,
            track=options.track,
            trials=replayed.trials.identity,
            strategy=_identity(strategies[0]),
            seed=options.seed,
            replicates=options.replicates,
            seedbench=__version__,
            rows=_rows(own, deletions),
            summary=_summary(own, deletions),
            against=tuple(
                _against(other, own, its, deletions) for other, its in zip(strategies[1:], rest, strict=True)
            ),
            left_out=replayed.left_out,
            campaigns=_campaigns(own),
            pairs=pairs_of(own, deletions),
        )


def _identity(strategy: Strategy) -> StrategyIdentity:
    return StrategyIdentity(strategy.name, strategy.sha256, strategy.oracle, dict(strategy.parameters))


def _against(
    other: Strategy, own: Sequence[TableScores], its: Sequence[TableScores], deletions: Sequence[Deletion]
) -> Against:
    return Against(
        name=other.name,
        sha256=other.sha256,
        rows=_rows(its, deletions),
        summary=_summary(its, deletions),
        differences=_differences(own, its, deletions),
        summary_difference=SummaryDifference(**_ends("gap_closed", summary_difference(own, its, deletions))),
        oracle=other.oracle,
        parameters=dict(other.parameters),
    )


def _rows(every: Sequence[TableScores], deletions: Sequence[Deletion]) -> tuple[Row, ...]:
    rows = []
    for scores in every:
        table, replayed, baseline = scores.baseline.table, scores.replay, scores.baseline
        score, gap = score_interval(scores, deletions), gap_interval(scores, deletions)
        floor, to_win = float(baseline.floor.mean), float(baseline.gap.mean)
        worth = multipliers(scores, deletions)
        optimism = (replayed.validation_score - replayed.score).mean(axis=1)
        started = replayed.trials_started.mean(axis=1)
        spent = replayed.steps_spent.mean(axis=1) / table.num_steps
        rows += [
            Row(
                model=table.model,
                task=table.task,
                recipe=table.recipe,
                budget=budget,
                score=float(score.estimate[at]),
                score_low=known(score.low[at]),
                score_high=known(score.high[at]),
                floor=floor,
                ceiling=floor + to_win,
                **_ends("gap_closed", gap, at),
                compute_multiplier=worth[at].estimate,
                compute_multiplier_bound=worth[at].bound,
                compute_multiplier_low=known(worth[at].low),
                compute_multiplier_high=known(worth[at].high),
                optimism=float(optimism[at]),
                trials_started=float(started[at]),
                budget_spent=float(spent[at]),
                no_signal=baseline.no_signal,
                undefined_share=known(baseline.undefined_share),
            )
            for at, budget in enumerate(replayed.budgets)
        ]
    return tuple(rows)


def _summary(every: Sequence[TableScores], deletions: Sequence[Deletion]) -> Summary:
    by_budget = summary_multipliers(every)
    multiplier, bound = summary_multiplier(by_budget)
    budgets = tuple(
        BudgetSummary(
            budget=budget,
            compute_multiplier=estimate,
            compute_multiplier_bound=its_bound,
            **_ends("gap_closed", summary_gap_at(every, budget, deletions)),
        )
        for budget, (estimate, its_bound) in by_budget.items()
    )
    return Summary(
        **_ends("gap_closed", summary_gap(every, deletions)),
        compute_multiplier=known(multiplier),
        compute_multiplier_bound=bound,
        budgets=budgets,
    )


def _differences(
    every: Sequence[TableScores], others: Sequence[TableScores], deletions: Sequence[Deletion]
) -> tuple[Difference, ...]:
    differences = []
    for scores, other in zip(every, others, strict=True):
        table = scores.baseline.table
        score, gap = difference_intervals(scores, other, deletions)
        differences += [
            Difference(
                model=table.model,
                task=table.task,
                recipe=table.recipe,
                budget=budget,
                score=float(score.estimate[at]),
                score_low=known(score.low[at]),
                score_high=known(score.high[at]),
                **_ends("gap_closed", gap, at),
            )
            for at, budget in enumerate(scores.replay.budgets)
        ]
    return tuple(differences)


def _ends(name: str, interval: Interval, at: int = 0) -> dict[str, float | None]:
    """Entry `at` of an interval as the three fields of that name: the estimate, `_low` and `_high`; None for NaN."""
    ends = {name: interval.estimate, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {field: known(values[at]) for field, values in ends.items()}


def _campaigns(every: Sequence[TableScores]) -> dict[str, np.ndarray]:
    """One entry per table, budget and replicate, in that order."""
    parts = []
    for scores in every:
        table, replayed = scores.baseline.table, scores.replay
        budgets, replicates = replayed.score.shape
        count = budgets * replicates
        trial = replayed.trial.ravel()
        parts.append(
            {
                "model": np.full(count, table.model, dtype=object),
                "task": np.full(count, table.task, dtype=object),
                "recipe": np.full(count, table.recipe, dtype=object),
                "budget": np.repeat(np.array(replayed.budgets), replicates),
                "replicate": np.tile(np.arange(replicates), budgets),
                "score": replayed.score.ravel(),
                "validation_score": replayed.validation_score.ravel(),
                "weight_init_seed": table.weight_init_seeds[table.row[trial]],
                "data_order_seed": table.data_order_seeds[table.column[trial]],
                "checkpoint": replayed.checkpoint.ravel(),
                "trials_started": replayed.trials_started.ravel(),
                "steps_spent": replayed.steps_spent.ravel(),
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
