"""Replay: strategies × trial tables × budgets × replicates, and again without groups of seeds for the intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seedbench.errors import SelectionError
from seedbench.replay.batch import BATCH, Outcomes, Plan, Work, run_batch, sandbox_for
from seedbench.replay.options import ReplayOptions
from seedbench.replay.protocol import admitted_budgets, require_predictions
from seedbench.replay.transfer import ShownTables
from seedbench.replay.workers import run_batches
from seedbench.strategy import Strategy, load_strategy
from seedbench.trialset import TrialTable, whole_number


@dataclass(frozen=True)
class Deletion:
    """A group of seeds to leave out in a re-run.

    Attributes:
        model: in the tables of this model; those of others are not run again.
        axis: `weight_init_seed` or `data_order_seed`.
        seeds: the real seeds.
    """

    model: str
    axis: str
    seeds: frozenset[int]

    def keeps(self, table: TrialTable) -> np.ndarray:
        """bool [trials]: the trials of a table that are left."""
        if table.model != self.model:
            return np.ones(table.num_trials, dtype=bool)
        if self.axis == "weight_init_seed":
            seeds = table.weight_init_seeds[table.row]
        else:
            seeds = table.data_order_seeds[table.column]
        return ~np.isin(seeds, list(self.seeds))


@dataclass(frozen=True, eq=False)
class TableReplay:
    """One strategy on one table.

    Attributes:
        table: the trial table.
        budgets: those asked for, or of `seedbench.replay.protocol.BUDGETS` those that the table admits; in full trials.
        score: float64 [budgets, replicates], of the kept checkpoint on the test half.
        validation_score: float64 [budgets, replicates], of the same on the validation half: what the strategy saw.
        trial: int32 [budgets, replicates], the kept trial's index in the table.
        checkpoint: int32 [budgets, replicates], the kept checkpoint's index in the trial.
        trials_started: int32 [budgets, replicates], trials with a paid checkpoint.
        steps_spent: int64 [budgets, replicates], training steps paid for.
        best_validation_score: float64 [replicates, trials], of each trial's best checkpoint, also of deleted trials.
        best_test_score: float64 [replicates, trials], the test score of that checkpoint.
        decisions: `Decisions` [budgets, replicates]; None where they were not recorded.
    """

    table: TrialTable
    budgets: tuple[int, ...]
    score: np.ndarray
    validation_score: np.ndarray
    trial: np.ndarray
    checkpoint: np.ndarray
    trials_started: np.ndarray
    steps_spent: np.ndarray
    best_validation_score: np.ndarray
    best_test_score: np.ndarray
    decisions: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Replay:
    """One strategy on all tables.

    Attributes:
        strategy: the strategy.
        tables: one for each table, in the order given.
        deleted: [deletion][table], the first replicates again without the deleted seeds; None where a deletion does not
            touch a table (nor what it is shown of others), leaves nothing of it, or where the table admits no budget.
    """

    strategy: Strategy
    tables: tuple[TableReplay, ...]
    deleted: tuple[tuple[TableReplay | None, ...], ...]


def replay(
    strategies: Sequence[Strategy | Callable[..., Any] | str],
    tables: Sequence[TrialTable],
    budgets: Sequence[int] = (),
    options: ReplayOptions = ReplayOptions(),  # noqa: B008  (frozen)
    *,
    history: Sequence[TrialTable] = (),
    deletions: Sequence[Deletion] = (),
    deletion_replicates: int = 200,
    decisions: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Replay, ...]:
    """Replays strategies on trial tables; the same call gives the same bits for any number of processes.

    Args:
        strategies: what `seedbench.strategy.load_strategy` takes. All meet the same replicates.
        tables: trial tables.
        budgets: of a `Selection`; every table must have enough trials for them (four times as many in held-out-1).
            Empty: of `seedbench.replay.protocol.BUDGETS`, each table takes part in those it has enough trials for.
        options: how.
        history: on the transfer track, tables of which campaigns are shown those of the same model and another task;
            the cold track leaves them aside.
        deletions: what to leave out in re-runs, with the same halves, streams and order.
        deletion_replicates: replicates of a re-run, the first of all.
        decisions: whether to record what is decided in the campaigns on all seeds.
        progress: called with the campaigns done and their total.

    Returns:
        One for each strategy.

    Raises:
        SelectionError: a budget that a table does not admit; a table without predictions under a protocol that takes
            them; on the transfer track, one without another task in `history`.
        StrategyFailed: a campaign has no result; with several such campaigns always the same one.
        StrategyFileError: a strategy that cannot be loaded, or cannot be sent to another process.
    """
    for table in tables:
        require_predictions(table, options.protocol)
    loaded = tuple(load_strategy(strategy, sealed=options.sandbox) for strategy in strategies)
    replicates, again = options.replicates, min(deletion_replicates, options.replicates)
    plans = [
        _plan(table, fitting, deletions, _shown(table, history, options), replicates, again)
        for table, fitting in zip(tables, admitted_budgets(tables, budgets, options.protocol), strict=True)
    ]
    work = Work(loaded, tuple(plans), options, decisions)
    batches = [range(start, min(start + BATCH, replicates)) for start in range(0, replicates, BATCH)]
    units = [(at, batch) for at in range(len(plans)) for batch in batches]
    total = sum(work.campaigns(plans[at], batch) for at, batch in units)
    done = 0

    def advance(campaigns: int) -> None:
        nonlocal done
        done += campaigns
        if progress is not None:
            progress(done, total)

    outcomes = [Outcomes.empty(plan, work, replicates) for plan in plans]
    for (at, batch), part in zip(units, run_batches(work, units, advance), strict=True):
        outcomes[at].put(part, batch)
    every = list(zip(plans, outcomes, strict=True))
    return tuple(
        Replay(
            strategy,
            tuple(_table_replay(plan, part, number) for plan, part in every),
            tuple(
                tuple(_table_replay(plan, part, number, which) if which in plan.keeps else None for plan, part in every)
                for which in range(len(deletions))
            ),
        )
        for number, strategy in enumerate(loaded)
    )


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
    require_predictions(table, options.protocol)
    replicate = whole_number(replicate, "a replicate must be a whole number from 0, found")
    if replicate < 0:
        raise SelectionError(f"a replicate must be a whole number from 0, found {replicate}")
    (admitted,) = admitted_budgets([table], [budget], options.protocol)
    start = replicate - replicate % 2
    plan = _plan(table, admitted, (), _shown(table, history, options), start + 2, 0)
    work = Work((load_strategy(strategy, sealed=options.sandbox),), (plan,), options, decisions)
    with sandbox_for(work) as sandbox:
        outcomes = run_batch(work, plan, range(start, start + 2), sandbox=sandbox, only=replicate)
    return _table_replay(plan, outcomes.only(replicate - start), 0)


def _shown(table: TrialTable, history: Sequence[TrialTable], options: ReplayOptions) -> ShownTables | None:
    return ShownTables.of(table, history) if options.track == "transfer" else None


def _plan(
    table: TrialTable,
    budgets: tuple[int, ...],
    deletions: Sequence[Deletion],
    shown: ShownTables | None,
    replicates: int,
    deletion_replicates: int,
) -> Plan:
    """The campaigns on one table, and those to be run again: where a deletion leaves some of it and changes them."""
    keeps: dict[int | None, np.ndarray | None] = {None: None}
    histories: dict[int | None, ShownTables | None] = {None: shown}
    for number, deletion in enumerate(deletions if budgets else ()):
        keep = deletion.keeps(table)
        left = shown and shown.keeping([deletion.keeps(other) for other in shown.tables])
        if keep.any() and not (keep.all() and (left is None or left.whole)):
            keeps[number], histories[number] = keep, left
    return Plan(table, budgets, keeps, histories, replicates, deletion_replicates)


def _table_replay(plan: Plan, outcomes: Outcomes, strategy: int, deletion: int | None = None) -> TableReplay:
    variant, replicates = list(plan.keeps).index(deletion), plan.count(deletion)

    def of(values: np.ndarray) -> np.ndarray:
        return values[variant, strategy, :, :replicates]

    return TableReplay(
        table=plan.table,
        budgets=plan.budgets,
        score=of(outcomes.score),
        validation_score=of(outcomes.validation_score),
        trial=of(outcomes.trial),
        checkpoint=of(outcomes.checkpoint),
        trials_started=of(outcomes.trials_started),
        steps_spent=of(outcomes.steps_spent),
        best_validation_score=outcomes.best_validation_score[:replicates],
        best_test_score=outcomes.best_test_score[:replicates],
        decisions=None if outcomes.decisions is None or deletion is not None else outcomes.decisions[strategy],
    )
