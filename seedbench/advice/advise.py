"""`advise`: which shipped strategy to use for a budget, and what plain best-of-n gives, judged on recorded trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TypeVar, Unpack

from threadpoolctl import threadpool_limits

from seedbench import __version__
from seedbench.advice.budgets import MIN_GAIN, choose_budget
from seedbench.advice.gains import best_gain, gain_by_luck, mean_over, most_gain
from seedbench.advice.nearest import how_near, nearest, situation_of
from seedbench.advice.recipes import recipe_pairs, train_examples_of
from seedbench.advice.result import Advice, BestOfN, Needed, Situation
from seedbench.advice.settings import judged, try_settings
from seedbench.display.terminal import joined
from seedbench.errors import SelectionError
from seedbench.evaluation import left_out_of
from seedbench.evaluation.rows import ends, score_ends
from seedbench.evaluation.scores import TableScores, best_of_n_scores, compared
from seedbench.influences import best_of_n, interval, total
from seedbench.metrics import LIMITS, full_trials_needed
from seedbench.replay import (
    BATCH,
    ReplayKeywords,
    ReplayOptions,
    admitted_budgets,
    from_keywords,
    pool_size_of,
    scored_tables,
    unscored,
)
from seedbench.strategy import Setting, tried_settings
from seedbench.trialset import Selection, TrialSet, TrialTable, resolve_trials

T = TypeVar("T")

#: Campaigns of each setting over all tables, whose mean an advice is of, for an answer in seconds.
CAMPAIGNS = 2000
#: Of each on one table, at least and at most: with fewer, intervals are wider than they need be.
CAMPAIGNS_OF_TABLE = (200, 500)
#: Of best-of-n: where it has intervals of its own, to say how many full trials a score needs.
SIZES = (1, 2, 3, 4, 6, 8, 11, 16, 23, 32, 45, 64)


def advise(
    budget: int | None = None,
    trials: str | Path | TrialSet | None = None,
    *,
    table: str | Sequence[str] = (),
    score: float | None = None,
    min_gain: float | None = None,
    train_examples: int | None = None,
    bias_correction: bool | None = None,
    candidates: Sequence[Setting] | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: Unpack[ReplayKeywords],
) -> Advice:
    """Tries several settings, and plain best-of-n, on the same replicates of recorded trials.

    Picking the best of many on the data that are to say how good it is needs verdicts that hold for all of them
    together (Holm 1979). The estimate itself of the one that looks best remains too good on average.

    Args:
        budget: in full trials; None: the smallest from which on one more full trial is expected to win less
            than `min_gain`.
        trials: a folder, a Hub dataset, or what `load_trials` returned; None for the bundled trial set.
        table: only these tables, or this one, by name: `model/task/recipe`, or the end of that after a slash where only
            one table has it. Without any, all with enough trials.
        score: how many full trials plain best-of-n needs to expect this score is said, too.
        min_gain: in the score's unit, without a budget; None: 0.005.
        train_examples: of somebody who has no trials yet, how many examples theirs will train on: only the tables
            nearest to that are used. Where these have no test scores, protocol "dodge2020" takes the place of the one
            asked for.
        bias_correction: likewise, whether their Adam corrects the bias of its moments.
        candidates: the settings to try, at least one; None: those that the shipped strategies say (`tried_settings`).
            Of more than three, only those that do best on few of the replicates are run on all.
        progress: called with the campaigns done so far and their total.
        **options: `revision`, `models`, `tasks`, `recipes`: which of the trials; `replicates`, `seed`, `protocol`,
            `processes`, `time_limit`: how they are replayed; where no number of replicates is given, from 500 on four
            tables or fewer to 200 on ten or more. See `seedbench.replay.ReplayKeywords`.

    Raises:
        SelectionError: a number that breaks its rule; a situation that no table has; a budget for which no table has
            enough trials, or not one of those named; an unknown name; no table with test scores, under the protocol
            that takes them.
        TrialSetError: a trial set that cannot be read or trusted.
        TypeError: an unknown option.
    """
    budgets = () if budget is None else (budget,)
    selection, how = from_keywords(trials, options, ReplayKeywords, tables=table, budgets=budgets)
    return advise_selected(
        selection,
        how,
        replicates=options.get("replicates"),
        score=score,
        min_gain=min_gain,
        situation=situation_of(train_examples, bias_correction),
        candidates=candidates,
        progress=progress,
    )


def advise_selected(
    selection: Selection,
    options: ReplayOptions,
    *,
    replicates: int | None,
    score: float | None = None,
    min_gain: float | None = None,
    situation: Situation | None = None,
    candidates: Sequence[Setting] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Advice:
    """`advise`, with its options as they are passed on; the selection has one budget or none, and the track is cold.

    Args:
        replicates: campaigns of each setting and table, in place of that in the options; None: the more tables, the
            fewer.
    """
    if score is not None and not math.isfinite(score):
        raise SelectionError(f"score must be a finite number, as 0.72, found {score:g}")
    if min_gain is not None and selection.budgets:
        raise SelectionError("min_gain chooses a budget, and one is given; leave one of them out")
    candidates = tried_settings() if candidates is None else candidates
    if not candidates:
        raise SelectionError("there must be at least one setting to try: a shipped strategy and its parameters")
    trials = resolve_trials(selection)
    selected, asked = selection.of(trials.name, trials.tables), options.protocol
    if situation is not None:
        selected = nearest(trials.name, selected, situation)
        if any(unscored(table, asked) for table in selected):
            options = replace(options, protocol="dodge2020")
    scored = scored_tables(selected, options.protocol)
    _refuse_impossible(scored, score, min_gain)
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        budget, choice = selection.budgets[0] if selection.budgets else None, None
        if budget is None:
            budget, choice = choose_budget(scored, options.protocol, MIN_GAIN if min_gain is None else min_gain)
    tables = _large_enough(scored, budget, named=bool(selection.tables))
    options = replace(options, replicates=_enough_replicates(len(tables)) if replicates is None else replicates)
    on = Selection(trials=trials, tables=tuple(each.name for each in tables), budgets=(budget,))
    sizes = (budget, *(SIZES if score is not None else ()))
    with threadpool_limits(limits=1), _Aside(options.processes) as aside:
        known = {one.name: aside(partial(best_of_n_scores, one, options.protocol, sizes)) for one in tables}
        pairs = aside(
            lambda: recipe_pairs(
                tables, trials.tables, options.protocol, budget, known=[scores() for scores in known.values()]
            )
        )
        tried = try_settings(
            candidates, on, options, base_of=lambda one: known[one.table.name]().baseline, progress=progress
        )
        every = tried.followed.scores
        most = interval(mean_over(every, most_gain))
        return Advice(
            budget=budget,
            protocol=options.protocol,
            trials=trials.identity,
            seed=options.seed,
            replicates=options.replicates,
            seedbench=__version__,
            situation=None if situation is None else how_near(situation, tables, asked, options.protocol),
            budget_choice=choice,
            **ends("gain", mean_over(compared(every), partial(best_gain, n=budget))),
            **ends("to_win", most),
            to_win_detectable=most.detectable,
            to_win_by_luck=gain_by_luck(every, options.protocol),
            pairs=pairs(),
            tables=tuple(_best_of_n(scores, budget, score) for scores in every),
            left_out=left_out_of(selected, tables, options.protocol),
            candidates=judged(tried, budget),
        )


class _Aside:
    """Works out what it is given while other processes run campaigns, in order; with one process, which runs them
    itself, when it is asked for it."""

    def __init__(self, processes: int) -> None:
        self._thread = ThreadPoolExecutor(1) if processes > 1 else None

    def __enter__(self) -> _Aside:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._thread is not None:  # after a failure nobody waits for what is not begun
            self._thread.shutdown(wait=kind is None, cancel_futures=kind is not None)

    def __call__(self, work: Callable[[], T]) -> Callable[[], T]:
        return cache(work) if self._thread is None else self._thread.submit(_by_one_thread, work).result


def _by_one_thread(work: Callable[[], T]) -> T:
    with threadpool_limits(limits=1):  # OpenMP has a limit for each thread
        return work()


def _enough_replicates(tables: int) -> int:
    """So many that all tables together have `CAMPAIGNS`, in whole batches, from the least to the most of a table."""
    least, most = CAMPAIGNS_OF_TABLE
    return max(least, min(most, -(-CAMPAIGNS // (tables * BATCH)) * BATCH))


# --- tables -----------------------------------------------------------------------------------------------------------


def _large_enough(tables: Sequence[TrialTable], budget: int, *, named: bool) -> tuple[TrialTable, ...]:
    """The tables with enough trials for the budget: all of them where they were named."""
    fitting = tuple(table for table in tables if pool_size_of(table).admits(budget))
    if not fitting or (named and len(fitting) < len(tables)):  # said of the largest, or of those named
        refused = [table for table in tables if table not in fitting] if named else tables
        admitted_budgets([max(refused, key=lambda table: table.num_trials)], [budget])
    return fitting


def _refuse_impossible(tables: Sequence[TrialTable], score: float | None, min_gain: float | None) -> None:
    """Raises `SelectionError` for a score that no table can have, or a gain that none can give; where that is known."""
    metrics = joined(sorted({table.metric_words for table in tables}))
    limits = [table.score_limits if table.metric in LIMITS else (-math.inf, math.inf) for table in tables]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    if score is not None and not low <= score <= high:
        raise SelectionError(f"score must be from {low:g} to {high:g}, as {metrics} is, found {score:g}")
    if min_gain is not None and min_gain > high - low:
        raise SelectionError(
            f"min_gain must be at most {high - low:g}, as {metrics} is from {low:g} to {high:g}, found {min_gain:g}"
        )


# --- scores -----------------------------------------------------------------------------------------------------------


def _best_of_n(scores: TableScores, budget: int, score: float | None) -> BestOfN:
    table, base = scores.table, scores.baseline
    return BestOfN(
        model=table.model,
        task=table.task,
        recipe=table.recipe,
        trials=table.num_trials,
        diverged=None if table.unknown.any() else int(table.diverged.sum()),
        bias_correction=table.fields.get("bias_correction"),
        train_examples=train_examples_of(table),
        floor=base.floor,
        **score_ends("score", total([best_of_n(scores.sample, budget)]), table),
        ceiling=base.ceiling,
        oracle=base.oracle,
        no_signal=None if scores.signal is None else not scores.signal,
        no_interval=base.grid.no_interval,
        needed=None if score is None else _needed(scores, score * table.sign),
        sign=-1 if table.sign < 0 else 1,
    )


def _needed(scores: TableScores, score: float) -> Needed:
    base = scores.baseline
    needed, bound = full_trials_needed(score, base.curve)
    nearest = min(base.sizes, key=lambda size: abs(math.log(size / needed)))
    there = interval(total([best_of_n(scores.sample, nearest)]))
    if there.high is None:
        return Needed(score=score, full_trials=needed, bound=bound, low=None, high=None)
    half_width = there.high - there.estimate
    (low, low_bound), (high, high_bound) = (
        full_trials_needed(score + sign * half_width, base.curve) for sign in (-1, 1)
    )
    return Needed(
        score=score,
        full_trials=needed,
        bound=bound,
        low=None if low_bound == "<" else low,
        high=None if high_bound == ">" else high,
    )
