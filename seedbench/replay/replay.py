"""Replay: strategies × trial tables × budgets × replicates."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from seedbench.errors import SelectionError
from seedbench.replay.batch import BATCH, Outcomes, Plan, Work
from seedbench.replay.kept import Kept, Unit, keeping
from seedbench.replay.options import ReplayOptions
from seedbench.replay.protocol import PoolSize, admitted_budgets, pool_size_of, scored_tables
from seedbench.replay.transfer import ShownTables, without_secrets
from seedbench.replay.workers import run_batches
from seedbench.strategy import Strategy, load_strategy
from seedbench.trialset import TrialTable, whole_number

#: The default of `known`.
NOTHING_KNOWN: Mapping[str, Outcomes] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class TableReplay:
    """One strategy on one table.

    Attributes:
        table: the trial table.
        size: of its pools.
        budgets: those asked for, or of `seedbench.replay.protocol.BUDGETS` those that the table admits; in full trials.
        score: float64 [budgets, replicates], of the kept checkpoint on the test set.
        validation_score: float64 [budgets, replicates], of the same on the dev set: what the strategy saw.
        trial: int32 [budgets, replicates], the kept trial's index in the table.
        checkpoint: int32 [budgets, replicates], the kept checkpoint's index in the trial.
        trials_started: int32 [budgets, replicates], trials with a paid checkpoint.
        steps_spent: int64 [budgets, replicates], training steps paid for.
        validations: int32 [budgets, replicates], measurements paid for.
        rows_seen: uint8 [budgets, replicates, rows / 8], the rows of the grid that each campaign has seen: those of the
            trials that it started, and what it asked for; as `np.packbits` packs them.
        columns_seen: uint8 [budgets, replicates, columns / 8], likewise.
        first: int32 [largest budget, replicates], the first trials of each replicate's order: those of best-of-n.
        decisions: `Decisions` [budgets, replicates]; None where they were not recorded.
    """

    table: TrialTable
    size: PoolSize
    budgets: tuple[int, ...]
    score: np.ndarray
    validation_score: np.ndarray
    trial: np.ndarray
    checkpoint: np.ndarray
    trials_started: np.ndarray
    steps_spent: np.ndarray
    validations: np.ndarray
    rows_seen: np.ndarray
    columns_seen: np.ndarray
    first: np.ndarray
    decisions: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Replay:
    """One strategy on all tables.

    Attributes:
        strategy: the strategy.
        tables: one for each table, in the order given.
    """

    strategy: Strategy
    tables: tuple[TableReplay, ...]


def replay(
    strategies: Sequence[Strategy | Callable[..., Any] | str],
    tables: Sequence[TrialTable],
    budgets: Sequence[int] = (),
    options: ReplayOptions = ReplayOptions(),  # noqa: B008  (frozen)
    *,
    history: Sequence[TrialTable] = (),
    decisions: bool = False,
    known: Mapping[str, Outcomes] = NOTHING_KNOWN,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Replay, ...]:
    """Replays strategies on trial tables; the same call gives the same bits for any number of processes.

    Args:
        strategies: what `seedbench.strategy.load_strategy` takes. All meet the same replicates.
        tables: trial tables.
        budgets: of a `Selection`; the pools of every table must have four times as many trials. Empty: of
            `seedbench.replay.protocol.BUDGETS`, each table takes part in those that its pools are large enough for.
        options: how.
        history: on the transfer track, tables of which campaigns are shown those of the same model and another task;
            the cold track leaves them aside.
        decisions: whether to record what is decided in the campaigns.
        known: what an earlier call found on tables of the same content (`table_sha256`), by their names, with the same
            strategies, budgets and options; no decisions. Of each a batch of replicates, drawn at random, is run once
            more, and all others too where it comes out differently.
        progress: called with the campaigns done and their total.

    Returns:
        One for each strategy.

    Raises:
        SelectionError: a budget that a table does not admit; a table without test scores under a protocol that takes
            them; on the transfer track, one without another task in `history`.
        StrategyFailed: a campaign has no result; with several such campaigns always the same one.
        StrategyFileError: a strategy that cannot be loaded, or cannot be sent to another process.
    """
    for table in tables:
        scored_tables([table], options.protocol)
    loaded = tuple(load_strategy(strategy, sealed=options.sandbox) for strategy in strategies)
    plans = [
        _plan(table, fitting, history, options)
        for table, fitting in zip(tables, admitted_budgets(tables, budgets), strict=True)
    ]
    work = Work(loaded, tuple(plans), options, decisions)
    batches = [range(start, min(start + BATCH, options.replicates)) for start in range(0, options.replicates, BATCH)]
    drawn = {at: random.SystemRandom().choice(batches) for at, plan in enumerate(plans) if plan.table.name in known}
    units = [(at, batch) for at in range(len(plans)) for batch in batches if drawn.get(at, batch) == batch]
    total = sum(work.campaigns(plans[at], batch) for at, batch in units)
    done = 0

    def advance(campaigns: int) -> None:
        nonlocal done
        done += campaigns
        if progress is not None:
            progress(done, total)

    outcomes = [Outcomes.empty(plan, work, options.replicates) for plan in plans]
    with keeping(work) as kept:
        _run(work, units, outcomes, kept, advance)
        differ = []
        for at, batch in drawn.items():
            earlier = known[plans[at].table.name]
            if outcomes[at].differs(earlier, batch):
                differ += [(at, other) for other in batches if other != batch]
            else:
                outcomes[at].put(earlier, range(options.replicates))
        total += sum(work.campaigns(plans[at], batch) for at, batch in differ)
        _run(work, differ, outcomes, kept, advance)
    every = list(zip(tables, plans, outcomes, strict=True))
    return tuple(
        Replay(strategy, tuple(_table_replay(table, plan, part, number, options) for table, plan, part in every))
        for number, strategy in enumerate(loaded)
    )


def _run(
    work: Work, units: Sequence[Unit], outcomes: Sequence[Outcomes], kept: Kept | None, advance: Callable[[int], None]
) -> None:
    """Puts what comes out of batches in its place; those that were kept are not run."""
    found = kept.found(units) if kept else {}
    for (at, batch), part in found.items():
        outcomes[at].put(part, batch)
        advance(work.campaigns(work.plans[at], batch))
    left = [unit for unit in units if unit not in found]
    for (at, batch), part in zip(left, run_batches(work, left, advance) if left else (), strict=True):
        outcomes[at].put(part, batch)
        if kept:
            kept.put((at, batch), part)


def replay_one(
    strategy: Strategy | Callable[..., Any] | str,
    table: TrialTable,
    budget: int,
    replicate: int,
    options: ReplayOptions = ReplayOptions(),  # noqa: B008  (frozen)
    *,
    history: Sequence[TrialTable] = (),
    decisions: bool = False,
) -> TableReplay:
    """One campaign again, as `replay` ran it: the same result (arrays of shape [1, 1]) or the same exception."""
    scored_tables([table], options.protocol)
    replicate = whole_number(replicate, "a replicate must be a whole number from 0, found")
    if replicate < 0:
        raise SelectionError(f"a replicate must be a whole number from 0, found {replicate}")
    (admitted,) = admitted_budgets([table], [budget])
    plan = _plan(table, admitted, history, options)
    work = Work((load_strategy(strategy, sealed=options.sandbox),), (plan,), options, decisions)
    (outcomes,) = run_batches(work, [(0, range(replicate, replicate + 1))], lambda campaigns: None)
    return _table_replay(table, plan, outcomes, 0, options)


def _plan(table: TrialTable, budgets: tuple[int, ...], history: Sequence[TrialTable], options: ReplayOptions) -> Plan:
    shown = ShownTables.of(table, history) if options.track == "transfer" else None
    needed = table.test_score if options.protocol != "dodge2020" else None
    return Plan(replace(without_secrets(table), test_score=needed), pool_size_of(table), budgets, shown)


def _table_replay(
    table: TrialTable, plan: Plan, outcomes: Outcomes, strategy: int, options: ReplayOptions
) -> TableReplay:
    trial, checkpoint = outcomes.trial[strategy], outcomes.checkpoint[strategy]
    test = table.score if options.protocol == "dodge2020" else table.test_score
    assert test is not None  # it was asked for
    return TableReplay(
        table=table,
        size=plan.size,
        budgets=plan.budgets,
        score=test[trial, checkpoint],
        validation_score=table.score[trial, checkpoint],
        trial=trial,
        checkpoint=checkpoint,
        trials_started=outcomes.trials_started[strategy],
        steps_spent=outcomes.steps_spent[strategy],
        validations=outcomes.validations[strategy],
        rows_seen=outcomes.rows_seen[strategy],
        columns_seen=outcomes.columns_seen[strategy],
        first=outcomes.first,
        decisions=None if outcomes.decisions is None else outcomes.decisions[strategy],
    )
