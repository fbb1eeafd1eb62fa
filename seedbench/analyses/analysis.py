"""`findings`: all analyses of all tables of a trial set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count, groupby
from pathlib import Path
from typing import Unpack

from threadpoolctl import threadpool_limits

from seedbench import __version__
from seedbench.analyses.common import with_scores
from seedbench.analyses.diverged import diverged_trials
from seedbench.analyses.early import early_late
from seedbench.analyses.expected import expected_performance
from seedbench.analyses.factors import factors
from seedbench.analyses.result import Findings, SeedNames, SharedSeeds, TableFindings
from seedbench.analyses.search import parts, search
from seedbench.analyses.shared import shared_seeds
from seedbench.errors import SelectionError
from seedbench.randomness import SEED_RULE, stream
from seedbench.text import counted
from seedbench.trialset import (
    Selection,
    SelectionKeywords,
    TrialSet,
    TrialTable,
    refuse_unknown,
    resolve_trials,
    whole_number,
)

PERMUTATIONS = 9999


def findings(
    trials: str | Path | TrialSet | None = None,
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    progress: Callable[[int, int], None] | None = None,
    **options: Unpack[SelectionKeywords],
) -> Findings:
    """Answers the questions of Dodge et al. 2020 for each trial table, with the uncertainty of each answer.

    Args:
        trials: a folder, a Hub dataset, or what `load_trials` returned; None for the bundled trial set.
        seed: of permutations and of the halves of the seeds; the same call gives the same result to the byte.
        permutations: of each permutation test.
        progress: called with the parts of the work done so far and their number.
        **options: `revision`, `models`, `tasks`, `recipes`: which of the trials, see
            `seedbench.trialset.SelectionKeywords`.

    Raises:
        SelectionError: an unknown model, task or recipe; a seed that is no integer; no permutations.
        TrialSetError: a trial set that cannot be read or trusted, or a table without a single complete trial.
        TypeError: an unknown option.
    """
    refuse_unknown(options, SelectionKeywords)
    selection = Selection(trials=trials, **options)  # type: ignore[arg-type]
    return findings_selected(selection, seed=seed, permutations=permutations, progress=progress)


def findings_selected(
    selection: Selection,
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    progress: Callable[[int, int], None] | None = None,
) -> Findings:
    """`findings`, with its options as they are passed on."""
    seed = whole_number(seed, SEED_RULE)
    if permutations < 1:
        raise SelectionError(f"a permutation test needs permutations, found {permutations}")
    trials = resolve_trials(selection)
    selected = selection.of(trials.name, trials.tables)
    complete = [with_scores(table) for table in selected]
    total, ticks = sum(parts(table) for table, _ in complete), count(1)

    def done() -> None:
        if progress:
            progress(next(ticks), total)

    with threadpool_limits(limits=1):  # a sum split among threads may differ in its last bit
        of_tables = tuple(_of_table(table, left_out, seed, permutations, done) for table, left_out in complete)
        shared = _shared([table for table, _ in complete], seed, permutations)
    return Findings(trials.identity, seed, permutations, __version__, of_tables, shared)


def _of_table(
    table: TrialTable, left_out: int, seed: int, permutations: int, done: Callable[[], None]
) -> TableFindings:
    rows, columns = table.grid
    notes = []
    if left_out:
        notes.append(f"{counted(left_out, 'trial')} left out: a score that is not a number cannot be compared.")
    if short := int((table.ended_at < table.num_checkpoints).sum()):
        notes.append(
            f"{short} of {counted(table.num_trials, 'trial')} ended, or were stopped, before the last checkpoint. They "
            "count with what they had reached: full trials may do better than is said here."
        )
    if table.num_trials == 1:
        notes.append("A single trial: nothing can be said of others.")
    return TableFindings(
        model=table.model,
        task=table.task,
        recipe=table.recipe,
        metric=table.metric_words,
        trials=table.num_trials,
        weight_init_seeds=rows,
        data_order_seeds=columns,
        step=tuple(table.step.tolist()),
        expected=expected_performance(table),
        factors=factors(table, rng=stream(seed, table.name, "permutations"), permutations=permutations),
        diverged=diverged_trials(table),
        early=early_late(table),
        search=search(table, rng=stream(seed, table.name, "halves of the seeds"), done=done),
        notes=tuple(notes),
        sign=-1 if table.sign < 0 else 1,
        seed_names=SeedNames(*table.seed_labels),
    )


def _shared(tables: Sequence[TrialTable], seed: int, permutations: int) -> tuple[SharedSeeds, ...]:
    def recipe_of(table: TrialTable) -> tuple[str, str]:
        return table.model, table.recipe

    return tuple(
        shared_seeds(list(group), rng=stream(seed, *key, "shared seeds"), permutations=permutations)
        for key, group in groupby(sorted(tables, key=recipe_of), key=recipe_of)
    )
