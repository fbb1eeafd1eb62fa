"""Strategies replayed on what is selected, and their scores table by table: what results are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from seedbench.evaluation.scores import Baseline, TableScores, baseline_of, deletions_of, table_scores
from seedbench.replay import Deletion, Replay, ReplayOptions, replay
from seedbench.strategy import Strategy
from seedbench.trialset import Selection, TrialSet, resolve_trials

DELETION_REPLICATES = 200  # of each re-run for the intervals, or fewer if there are fewer replicates


@dataclass(frozen=True, eq=False)
class Replayed:
    """What came out of all campaigns.

    Attributes:
        trials: the trial set, whole.
        options: how it was replayed.
        replays: one for each strategy.
        deletions: what was left out in re-runs.
        baselines: of each table that was selected; None where it admits none of the budgets.
        scores: [strategy][table]: of the tables that have a baseline.
    """

    trials: TrialSet
    options: ReplayOptions
    replays: tuple[Replay, ...]
    deletions: tuple[Deletion, ...]
    baselines: tuple[Baseline | None, ...]
    scores: tuple[tuple[TableScores, ...], ...]

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of the tables that were selected, and are too small for any of the budgets."""
        return tuple(
            replayed.table.name
            for replayed, baseline in zip(self.replays[0].tables, self.baselines, strict=True)
            if baseline is None
        )


def replay_selected(
    strategies: Sequence[Strategy],
    selection: Selection,
    options: ReplayOptions,
    *,
    intervals: bool = True,
    deletion_replicates: int = DELETION_REPLICATES,
    decisions: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Replayed:
    """Replays strategies on the selected tables under the selected budgets.

    Args:
        strategies: loaded; all meet the same replicates.
        selection: on what.
        options: how.
        intervals: run everything again without each group of seeds.
        deletion_replicates: of each re-run, or all where there are fewer.
        decisions: whether to record those of the campaigns on all seeds.
        progress: called with the campaigns done and their total.

    Raises:
        SeedbenchError: what `seedbench.replay.replay` and `resolve_trials` raise.
    """
    trials = resolve_trials(selection)
    tables = selection.of(trials.name, trials.tables)
    models = {table.model for table in tables}
    seen = trials.tables if options.track == "transfer" else tables
    deletions = deletions_of([table for table in seen if table.model in models])
    replays = replay(
        strategies,
        tables,
        selection.budgets,
        options,
        history=trials.tables,
        deletions=deletions if intervals else (),
        deletion_replicates=deletion_replicates,
        decisions=decisions,
        progress=progress,
    )
    again = min(deletion_replicates, options.replicates)
    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        baselines = tuple(
            baseline_of(table, deletions, again) if table.budgets else None for table in replays[0].tables
        )
        scores = tuple(_scores(one, baselines) for one in replays)
    return Replayed(trials, options, replays, deletions, baselines, scores)


def _scores(replayed: Replay, baselines: Sequence[Baseline | None]) -> tuple[TableScores, ...]:
    return tuple(
        table_scores(table, [again[at] for again in replayed.deleted], baseline)
        for at, (table, baseline) in enumerate(zip(replayed.tables, baselines, strict=True))
        if baseline is not None
    )
