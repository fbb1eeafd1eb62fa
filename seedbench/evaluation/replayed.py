"""Strategies replayed on what is selected, and their scores table by table: what results are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from threadpoolctl import threadpool_limits

from seedbench.evaluation.result import LeftOut, NotTried
from seedbench.evaluation.scores import TableScores, baseline_of, table_scores
from seedbench.influences import Baseline
from seedbench.replay import (
    BUDGETS,
    NOTHING_KNOWN,
    Outcomes,
    Replay,
    ReplayOptions,
    TableReplay,
    replay,
    saying_how,
    scored_tables,
    unscored,
)
from seedbench.strategy import Strategy
from seedbench.trialset import Selection, TrialSet, TrialTable, resolve_trials


@dataclass(frozen=True, eq=False)
class Replayed:
    """What came out of all campaigns.

    Attributes:
        trials: the trial set, whole.
        options: how it was replayed.
        replays: one for each strategy.
        scores: of the tables that admit a budget, all strategies together.
        left_out: the other tables that were selected.
        not_tried: budgets that were not asked for, and that tables are too small for.
    """

    trials: TrialSet
    options: ReplayOptions
    replays: tuple[Replay, ...]
    scores: tuple[TableScores, ...]
    left_out: tuple[LeftOut, ...]
    not_tried: tuple[NotTried, ...]


def replay_selected(
    strategies: Sequence[Strategy],
    selection: Selection,
    options: ReplayOptions,
    *,
    base_of: Callable[[TableReplay], Baseline] | None = None,
    decisions: bool = False,
    known: Mapping[str, Outcomes] = NOTHING_KNOWN,
    progress: Callable[[int, int], None] | None = None,
) -> Replayed:
    """Replays strategies on the selected tables under the selected budgets.

    Args:
        strategies: loaded; all meet the same replicates.
        selection: on what.
        options: how.
        base_of: best-of-n of a table, at its budgets at least, where it is known; None: it is worked out afterwards.
        decisions: whether to record those of the campaigns.
        known: as `seedbench.replay.replay` takes it.
        progress: called with the campaigns done and their total.

    Raises:
        SeedbenchError: what `seedbench.replay.replay` and `resolve_trials` raise.
    """
    trials = resolve_trials(selection)
    selected = selection.of(trials.name, trials.tables)
    tables = scored_tables(selected, options.protocol)
    with saying_how(strategies, selection, options):
        replays = replay(
            strategies,
            tables,
            selection.budgets,
            options,
            history=trials.tables,
            decisions=decisions,
            known=known,
            progress=progress,
        )
    base_of = base_of or (lambda one: baseline_of(one.table, options.protocol, one.budgets))
    scores = _scores(replays, base_of, options.track)
    left_out = left_out_of(selected, [one.table for one in scores], options.protocol)
    not_tried = tuple(
        NotTried(one.table.name, one.size.trials, missing)
        for one in replays[0].tables
        if one.budgets and not selection.budgets and (missing := tuple(b for b in BUDGETS if b not in one.budgets))
    )
    return Replayed(trials, options, replays, scores, left_out, not_tried)


def replayed_again(
    replayed: Replayed,
    strategies: Sequence[Strategy],
    options: ReplayOptions,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Replayed:
    """Other strategies, or other replicates, where all tables had the same budgets; the baselines are taken over.

    Raises:
        SeedbenchError: what `seedbench.replay.replay` raises.
    """
    base = {one.table.name: one.baseline for one in replayed.scores}
    tables, budgets = [one.table for one in replayed.scores], replayed.scores[0].budgets
    replays = replay(strategies, tables, budgets, options, history=replayed.trials.tables, progress=progress)
    scores = _scores(replays, lambda one: base[one.table.name], options.track)
    return replace(replayed, options=options, replays=replays, scores=scores)


def _scores(
    replays: Sequence[Replay], base_of: Callable[[TableReplay], Baseline], track: str
) -> tuple[TableScores, ...]:
    """Of the tables that have budgets, all strategies together."""
    by_table = zip(*(one.tables for one in replays), strict=True)
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        return tuple(
            table_scores(of_table, base_of(of_table[0]), track) for of_table in by_table if of_table[0].budgets
        )


def left_out_of(selected: Sequence[TrialTable], used: Sequence[TrialTable], protocol: str) -> tuple[LeftOut, ...]:
    """Which of the selected tables are not used, and why."""
    return tuple(
        LeftOut(table.name, "no test scores" if unscored(table, protocol) else "too few trials")
        for table in selected
        if table not in used
    )
