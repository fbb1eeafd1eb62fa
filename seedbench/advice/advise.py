"""`advise`: which shipped strategy to use for a budget, and what plain best-of-n gives, judged on recorded trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from threadpoolctl import threadpool_limits

from seedbench import __version__
from seedbench.advice.result import Advice, BestOfN, Candidate, Needed, Verdict
from seedbench.errors import SelectionError
from seedbench.evaluation import Replayed, replay_selected
from seedbench.evaluation.scores import (
    Baseline,
    Sample,
    by_axis,
    combine,
    full_trials_interval,
    interval,
    known,
)
from seedbench.intervals import Interval, simultaneous
from seedbench.metrics import ROUNDING, best_of_n_of_ranked, full_trials_needed, gap_closed
from seedbench.randomness import stream
from seedbench.replay import Deletion, ReplayKeywords, ReplayOptions, admitted_budgets, from_keywords
from seedbench.strategy import load_strategy
from seedbench.trialset import Selection, TrialSet, TrialTable, resolve_trials

#: What plain best-of-n is called among the strategies: full trials, the best checkpoint of them all.
BASELINE = "full_trials"

#: A shipped strategy, and the parameters that differ from its defaults.
Setting = tuple[str, dict[str, Any]]

#: The settings that are tried.
CANDIDATES: tuple[Setting, ...] = (
    ("additive_seeds", {}),
    ("asha", {}),
    ("asha", {"reduction_factor": 2}),
    ("divergence_stop", {}),
    ("extrapolation", {}),
    ("hyperband", {}),
    ("hyperband", {"reduction_factor": 2}),
    ("median_stopping", {}),
    ("patience", {}),
    ("patience", {"patience": 2}),
    ("percentile_stopping", {}),
    ("percentile_stopping", {"percentile": 50.0}),
    ("start_many", {"fraction": 0.1}),
    ("start_many", {}),
    ("start_many", {"fraction": 0.3}),
    ("start_many", {"fraction": 0.4}),
    ("start_many", {"fraction": 0.5}),
    ("successive_halving", {}),
    ("successive_halving", {"reduction_factor": 2}),
    ("thompson", {}),
    ("thompson", {"over": "columns"}),
    ("top_k_early", {"checkpoints": 2}),
)
DELETION_REPLICATES = 100  # of each re-run: half of what an evaluation does, for an answer in half the time


def advise(
    budget: int,
    trials: str | Path | TrialSet | None = None,
    *,
    table: str | Sequence[str] = (),
    score: float | None = None,
    candidates: Sequence[Setting] = CANDIDATES,
    progress: Callable[[int, int], None] | None = None,
    **options: Unpack[ReplayKeywords],
) -> Advice:
    """Tries several settings, and plain best-of-n, on the same replicates of recorded trials.

    Picking the best of many on the data that are to say how good it is needs intervals that allow for it: see
    `seedbench.intervals.simultaneous`. The estimate itself of the one that looks best remains too good on average.

    Args:
        budget: in full trials.
        trials: a folder, a Hub dataset, or what `load_trials` returned; None for the bundled trial set.
        table: only these tables, or this one, by name: `model/task/recipe`. Without any, all with enough trials.
        score: how many full trials plain best-of-n needs to expect this score is said, too.
        candidates: the settings to try, at least one.
        progress: called with the campaigns done so far and their total.
        **options: `revision`, `models`, `tasks`, `recipes`: which of the trials; `replicates`, `seed`, `protocol`,
            `processes`, `time_limit`: how they are replayed. See `seedbench.replay.ReplayKeywords`.

    Raises:
        SelectionError: a budget for which no table has enough trials, or not one of those named; an unknown name.
        TrialSetError: a trial set that cannot be read or trusted.
        TypeError: an unknown option.
    """
    selection, how = from_keywords(trials, options, ReplayKeywords, tables=table, budgets=(budget,))
    return advise_selected(selection, how, score=score, candidates=candidates, progress=progress)


def advise_selected(
    selection: Selection,
    options: ReplayOptions,
    *,
    score: float | None = None,
    candidates: Sequence[Setting] = CANDIDATES,
    progress: Callable[[int, int], None] | None = None,
) -> Advice:
    """`advise`, with its options as they are passed on; the selection has one budget, and the track is cold."""
    (budget,) = selection.budgets
    if score is not None and not -1 <= score <= 1:
        raise SelectionError(f"a score is a number from -1 to 1, as 0.72, found {score:g}")
    if not candidates:
        raise SelectionError("there must be at least one setting to try: a shipped strategy and its parameters")
    trials = resolve_trials(selection)
    selected = selection.of(trials.name, trials.tables)
    tables = _large_enough(selected, budget, options.protocol, named=bool(selection.tables))
    replayed = replay_selected(
        [load_strategy(BASELINE), *(load_strategy(name, parameters=parameters) for name, parameters in candidates)],
        Selection(trials=trials, tables=tuple(each.name for each in tables), budgets=selection.budgets),
        options,
        deletion_replicates=DELETION_REPLICATES,
        progress=progress,
    )
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        judged, critical = _candidates(candidates, replayed, budget, stream(options.seed, "advise"))
        return Advice(
            budget=budget,
            protocol=options.protocol,
            trials=trials.identity,
            seed=options.seed,
            replicates=options.replicates,
            seedbench=__version__,
            tables=tuple(
                _best_of_n(scores.baseline, budget, score, replayed.deletions) for scores in replayed.scores[0]
            ),
            left_out=tuple(each.name for each in selected if each not in tables),
            critical_value=known(critical),
            candidates=judged,
        )


# --- tables -----------------------------------------------------------------------------------------------------------


def _large_enough(tables: Sequence[TrialTable], budget: int, protocol: str, *, named: bool) -> tuple[TrialTable, ...]:
    """The tables with enough trials for the budget: all of them where they were named."""

    def admits(table: TrialTable) -> bool:
        try:
            admitted_budgets([table], [budget], protocol)
        except SelectionError:
            return False
        return True

    fitting = tuple(table for table in tables if admits(table))
    if not fitting or (named and len(fitting) < len(tables)):  # said of the largest, or of those named
        refused = [table for table in tables if table not in fitting] if named else tables
        admitted_budgets([max(refused, key=lambda table: table.num_trials)], [budget], protocol)
    return fitting


# --- scores -----------------------------------------------------------------------------------------------------------


def _candidates(
    settings: Sequence[Setting], replayed: Replayed, budget: int, rng: np.random.Generator
) -> tuple[tuple[Candidate, ...], float]:
    """Scores of the baseline, then of each setting, on all tables -> candidates, best first; the critical value."""
    plain, deletions = replayed.scores[0], replayed.deletions
    base, *scores = (_mean([each.score for each in its]) for its in replayed.scores)
    differences = combine(lambda one, *rest: np.concatenate([each - one for each in rest], axis=1), base, *scores)
    around, critical = simultaneous(differences.whole, by_axis(differences, deletions), rng=rng)
    baselines = [each.baseline for each in plain]
    curve, expected = _mean_curve(baselines), _mean([_at_budget(baseline, budget) for baseline in baselines])
    floor, to_win = (sum(float(getattr(baseline, name).mean) for baseline in baselines) for name in ("floor", "gap"))
    judged = []
    for at, (name, parameters) in enumerate(settings):
        # What best-of-n is expected to score is known exactly; only the difference to it needs campaigns.
        score = combine(lambda difference, base, at=at: base + difference[:, [at]], differences, expected)
        mean_score = float(score.mean.item())
        needed = full_trials_needed(mean_score, curve.whole.mean(axis=0))
        above = combine(lambda one, r: one - r[:, : _fewest(baselines)], score, curve)
        low, high = full_trials_interval(_widened(interval(above, deletions), critical), needed)
        estimate, lowest, highest = (float(getattr(around, name)[at]) for name in ("estimate", "low", "high"))
        never_differs = not any(values[:, at].any() for values in (differences.whole, *differences.deleted.values()))
        judged.append(
            Candidate(
                name=name,
                parameters=parameters,
                difference=estimate,
                difference_low=known(lowest),
                difference_high=known(highest),
                gap_closed=known(float(gap_closed(len(baselines) * mean_score - floor, to_win))),
                compute_multiplier=needed[0] / budget,
                compute_multiplier_bound=needed[1],
                compute_multiplier_low=known(low / budget),
                compute_multiplier_high=known(high / budget),
                verdict="same" if never_differs else _verdict(lowest, highest),
            )
        )
    return tuple(sorted(judged, key=lambda candidate: -candidate.difference)), critical


def _verdict(low: float, high: float) -> Verdict:
    return "better" if low > ROUNDING else "worse" if high < -ROUNDING else "unknown"


def _best_of_n(baseline: Baseline, budget: int, score: float | None, deletions: Sequence[Deletion]) -> BestOfN:
    table, curve = baseline.table, combine(best_of_n_of_ranked, baseline.ranked)
    mean_curve = curve.mean
    left = interval(combine(lambda r: r[:, : baseline.fewest], curve), deletions)
    low, high = (float(end[budget - 1]) if budget <= baseline.fewest else math.nan for end in (left.low, left.high))
    asked = None
    if score is not None:
        needed = full_trials_needed(score, mean_curve)
        away = Interval(score - left.estimate, left.standard_error, score - left.high, score - left.low)
        fewest, most = full_trials_interval(away, needed)
        asked = Needed(score=score, full_trials=needed[0], bound=needed[1], low=known(fewest), high=known(most))
    floor = float(baseline.floor.mean)
    return BestOfN(
        model=table.model,
        task=table.task,
        recipe=table.recipe,
        trials=table.num_trials,
        floor=floor,
        score=float(mean_curve[budget - 1]),
        score_low=known(low),
        score_high=known(high),
        ceiling=floor + float(baseline.gap.mean),
        no_signal=baseline.no_signal,
        needed=asked,
    )


def _mean(samples: Sequence[Sample]) -> Sample:
    """The mean over tables."""
    return combine(lambda *values: sum(values) / len(values), *samples)


def _at_budget(baseline: Baseline, budget: int) -> Sample:
    """R(budget) [P, 1]; of all trials where a deletion leaves fewer."""

    def at(ranked: np.ndarray) -> np.ndarray:
        curve = best_of_n_of_ranked(ranked)
        return curve[:, [min(budget, curve.shape[1]) - 1]]

    return combine(at, baseline.ranked)


def _mean_curve(baselines: Sequence[Baseline]) -> Sample:
    """Best-of-n's curve R [P, n], the mean over the tables; n up to the trials of the smallest."""

    def mean(*ranked: np.ndarray) -> np.ndarray:
        curves = [best_of_n_of_ranked(each) for each in ranked]
        shortest = min(curve.shape[1] for curve in curves)
        return sum(curve[:, :shortest] for curve in curves) / len(curves)  # type: ignore[return-value]

    return combine(mean, *(baseline.ranked for baseline in baselines))


def _fewest(baselines: Sequence[Baseline]) -> int:
    return min(baseline.fewest for baseline in baselines)


def _widened(around: Interval, critical: float) -> Interval:
    """The same with another critical value."""
    half_width = critical * around.standard_error
    return replace(around, low=around.estimate - half_width, high=around.estimate + half_width)
