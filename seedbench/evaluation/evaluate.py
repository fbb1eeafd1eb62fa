"""`evaluate`: replays a strategy on a trial set, and scores what it kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from seedbench import __version__
from seedbench.errors import SelectionError
from seedbench.evaluation.paired import pairs_of
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
    Pool,
    TableScores,
    deletions_of,
    difference_intervals,
    gap_interval,
    multipliers,
    pool_of,
    score_interval,
    summary_difference,
    summary_gap,
    summary_gap_at,
    summary_multiplier,
    summary_multipliers,
    table_scores,
)
from seedbench.intervals import Interval
from seedbench.replay import Deletion, Replay, history_of_track, replay, whole_number
from seedbench.strategy import Strategy, load_strategy
from seedbench.trialset import TrialSet, TrialsIdentity, load_trials

DELETION_REPLICATES = 200  # of each re-run for the intervals, or fewer if there are fewer replicates


def evaluate(
    strategy: str | Path | Callable[..., Any] | Strategy,
    trials: str | Path | TrialSet | None = None,
    *,
    revision: str | None = None,
    models: str | Sequence[str] = (),
    tasks: str | Sequence[str] = (),
    recipes: str | Sequence[str] = (),
    budgets: int | Sequence[int] = (),
    replicates: int = 200,
    seed: int = 0,
    protocol: str = "held-out-1",
    track: str = "cold",
    processes: int = 1,
    against: str | Path | Callable[..., Any] | Strategy | Sequence[str | Path | Callable[..., Any] | Strategy] = (),
    intervals: bool = True,
    sandbox: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Replays a strategy on recorded trials under each budget and scores it.

    Args:
        strategy: a file (`my.py`, `my.py:name`), the name of a shipped strategy, or a callable.
        trials: a folder, a Hub dataset, or what `load_trials` returned; None for the bundled trial set.
        revision: tag or commit, if `trials` is a Hub dataset.
        models: only tables of these models, or of this one; empty for all. So too `tasks` and `recipes`.
        tasks: see `models`.
        recipes: see `models`.
        budgets: in full trials, one or several; every table must have enough trials for them: four times as many in
            held-out-1. Empty: each table takes part in those of 2, 4, 8, 16 and 32 that it has enough trials for.
        replicates: campaigns per table and budget; even, since they come in pairs.
        seed: of all hidden randomness; the same call gives the same result to the byte.
        protocol: "held-out-1", or "dodge2020" for selection and score on the same full dev set.
        track: "cold", or "transfer": `campaign.history` has the trials of the model's other tasks, all of them in the
            trial set, whatever is selected to be scored.
        processes: to split the work among; the result does not depend on it. More than one needs a strategy that can
            travel to another process: a file, a shipped name, or a callable that pickles.
        against: strategies, or one, to compare with on the same replicates.
        intervals: run everything again without each group of seeds, for 95% intervals.
        sandbox: run the strategies in sealed processes, see `seedbench.sandbox`; the result does not depend on it. It
            takes files and shipped strategies, on Linux on x86-64.
        progress: called with the campaigns done so far and their total.

    Raises:
        SelectionError: an unknown model, task, recipe, protocol or track; a budget that a table does not admit; odd
            replicates; the transfer track with trials of one task alone.
        StrategyFileError: a strategy that cannot be loaded.
        StrategyFailed: a campaign without a result.
        CannotSeal: a sandbox was asked for, and this machine cannot seal a process.
        TrialSetError: a trial set that cannot be read or trusted.
    """
    seed = whole_number(seed, "seed must be an integer, found")
    replicates = whole_number(replicates, "replicates come in pairs: give an even number of at least 2, not")
    alone = callable(against) or not isinstance(against, Iterable) or isinstance(against, str)
    others = (against,) if alone else tuple(against)  # type: ignore[arg-type]
    strategies = [load_strategy(one, sealed=sandbox) for one in (strategy, *others)]
    if isinstance(trials, TrialSet) and revision is not None:
        raise SelectionError(f"revision {revision!r} is of a Hub dataset; trial set {trials.name} is loaded already")
    trial_set = trials if isinstance(trials, TrialSet) else load_trials(trials, revision=revision)
    tables = trial_set.select(models, tasks, recipes).tables
    history = history_of_track(track, trial_set.tables)
    models_here = {table.model for table in tables}
    deletions = deletions_of([table for table in history or tables if table.model in models_here])
    replays = replay(
        strategies,
        tables,
        budgets,
        replicates=replicates,
        seed=seed,
        protocol=protocol,
        deletions=deletions if intervals else (),
        history=history,
        deletion_replicates=DELETION_REPLICATES,
        processes=processes,
        progress=progress,
    )
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        pools = [
            pool_of(table, deletions, min(DELETION_REPLICATES, replicates)) if table.budgets else None
            for table in replays[0].tables
        ]
        scored = [_scores(one, pools) for one in replays]
        own, rest = scored[0], scored[1:]
        return Evaluation(
            protocol=protocol,
            track=track,
            trials=TrialsIdentity(trial_set.name, trial_set.version, trial_set.sha256, trial_set.revision),
            strategy=StrategyIdentity(strategies[0].name, strategies[0].sha256, strategies[0].oracle),
            seed=seed,
            replicates=replicates,
            seedbench=__version__,
            rows=_rows(own, deletions),
            summary=_summary(own, deletions),
            against=tuple(
                Against(
                    other.name,
                    other.sha256,
                    _rows(its, deletions),
                    _summary(its, deletions),
                    _differences(own, its, deletions),
                    SummaryDifference(*_limits(summary_difference(own, its, deletions))),
                    other.oracle,
                )
                for other, its in zip(strategies[1:], rest, strict=True)
            ),
            left_out=tuple(table.name for table, pool in zip(tables, pools, strict=True) if pool is None),
            campaigns=_campaigns(own),
            pairs=pairs_of(own, deletions),
        )


def _scores(replayed: Replay, pools: Sequence[Pool | None]) -> list[TableScores]:
    return [
        table_scores(table, [again[at] for again in replayed.deleted], pool)
        for at, (table, pool) in enumerate(zip(replayed.tables, pools, strict=True))
        if pool is not None
    ]


def _rows(every: Sequence[TableScores], deletions: Sequence[Deletion]) -> tuple[Row, ...]:
    rows = []
    for scores in every:
        table, replayed, pool = scores.pool.table, scores.replay, scores.pool
        score, gap = score_interval(scores, deletions), gap_interval(scores, deletions)
        floor, to_win = float(pool.floor.mean), float(pool.gap.mean)
        worth = multipliers(scores, deletions)
        optimism = (replayed.validation_score - replayed.score).mean(axis=1)
        started = replayed.trials_started.mean(axis=1)
        spent = replayed.steps_spent.mean(axis=1) / table.num_steps
        rows += [
            Row(
                table.model,
                table.task,
                table.recipe,
                budget,
                float(score.estimate[at]),
                *_limits(score, at)[1:],
                floor,
                floor + to_win,
                *_limits(gap, at),
                worth[at].estimate,
                worth[at].bound,
                _known(worth[at].low),
                _known(worth[at].high),
                float(optimism[at]),
                float(started[at]),
                float(spent[at]),
                pool.no_signal,
                _known(pool.undefined_share),
            )
            for at, budget in enumerate(replayed.budgets)
        ]
    return tuple(rows)


def _summary(every: Sequence[TableScores], deletions: Sequence[Deletion]) -> Summary:
    by_budget = summary_multipliers(every)
    multiplier, bound = summary_multiplier(by_budget)
    budgets = tuple(
        BudgetSummary(budget, *found, *_limits(summary_gap_at(every, budget, deletions)))
        for budget, found in by_budget.items()
    )
    return Summary(*_limits(summary_gap(every, deletions)), _known(multiplier), bound, budgets)


def _differences(
    every: Sequence[TableScores], others: Sequence[TableScores], deletions: Sequence[Deletion]
) -> tuple[Difference, ...]:
    found = []
    for scores, other in zip(every, others, strict=True):
        table = scores.pool.table
        score, gap = difference_intervals(scores, other, deletions)
        found += [
            Difference(
                table.model,
                table.task,
                table.recipe,
                budget,
                float(score.estimate[at]),
                *_limits(score, at)[1:],
                *_limits(gap, at),
            )
            for at, budget in enumerate(scores.replay.budgets)
        ]
    return tuple(found)


def _limits(interval: Interval, at: int = 0) -> tuple[float | None, float | None, float | None]:
    """Estimate, low and high of entry `at` of an interval; None for NaN."""
    return _known(interval.estimate[at]), _known(interval.low[at]), _known(interval.high[at])


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _campaigns(every: Sequence[TableScores]) -> dict[str, np.ndarray]:
    """One entry per table, budget and replicate, in that order."""
    parts = []
    for scores in every:
        table, replayed = scores.pool.table, scores.replay
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
