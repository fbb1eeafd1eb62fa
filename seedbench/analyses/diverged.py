"""Diverged trials: how many there are, when they part from the others, and what their curves look like."""

from __future__ import annotations

import math

import numpy as np

from seedbench.analyses.answers import Diverged, GroupCurves, Parting
from seedbench.analyses.common import Floats, curve, plain
from seedbench.text import counted
from seedbench.trialset import TrialTable

QUANTILE = 0.05  # of the finished trials; a trial below it is behind
_MEASURES = ("score", "validation_loss", "train_loss")


def diverged_trials(table: TrialTable) -> Diverged:
    """Everything about the diverged trials of one table."""
    diverged, ended = table.diverged, table.status == "finished"
    count, trials = int(diverged.sum()), int((diverged | ended).sum())
    low, high = wilson_interval(count, trials) if trials else (None, None)
    finished = table.score[ended]
    # An order statistic and no number between two: a trial that ties with a finished one is not behind it.
    behind = np.quantile(finished, QUANTILE, axis=0, method="lower") if len(finished) else np.empty(0)
    partings = []
    for trial in np.flatnonzero(diverged):
        at = parts_at(table.score[trial], behind) if len(finished) else None
        partings.append(
            Parting(
                weight_init_seed=int(table.weight_init_seeds[table.row[trial]]),
                data_order_seed=int(table.data_order_seeds[table.column[trial]]),
                checkpoint=None if at is None else at + 1,
                step=None if at is None else int(table.step[at]),
            )
        )
    known = [parting.checkpoint for parting in partings if parting.checkpoint is not None]
    notes = []
    if unknown := int(table.unknown.sum()):
        notes.append(f"Not known whether diverged: {counted(unknown, 'trial')}.")
    if failed := int((table.status == "failed").sum()):
        notes.append(f"Failed, and counted as neither: {counted(failed, 'trial')}.")
    if not trials:
        pass
    elif not count:
        notes.append("No trial diverged: when they part from the others cannot be told.")
    elif not len(finished):
        notes.append("Every trial diverged: there are no others to part from.")
    elif len(known) < count:
        notes.append(f"{count - len(known)} of {count} diverged trials never stay behind the others for good.")
    return Diverged(
        trials=trials,
        diverged=count,
        share=count / trials if trials else None,
        share_low=low,
        share_high=high,
        behind=plain(behind),
        partings=tuple(partings),
        median_checkpoint=float(np.median(known)) if known else None,
        curves=_curves(table),
        notes=tuple(notes),
    )


def parts_at(score: Floats, behind: Floats) -> int | None:
    """Scores of a trial [C] and the limit [C] -> the first checkpoint (from 0) from which on it stays below, or None.

    Judged with hindsight: nobody who watches the trial knows yet that it will stay there.
    """
    not_below = np.flatnonzero(score >= behind)
    first = int(not_below[-1]) + 1 if not_below.size else 0
    return first if first < len(score) else None


def wilson_interval(count: int, trials: int) -> tuple[float, float]:
    """The 95% score interval of a share.

    It takes the trials for independent; those that share a seed are not, so that it is too narrow where divergence
    depends on the seeds.

    Source:
        Wilson 1927 (J. American Statistical Association 22); recommended by Brown, Cai and DasGupta 2001.
    """
    z2 = 1.959964**2
    share = count / trials
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return (centre - half if count else 0.0), (centre + half if count < trials else 1.0)


def _curves(table: TrialTable) -> tuple[GroupCurves, ...]:
    curves = []
    for measure in _MEASURES:
        recorded = getattr(table, measure).astype(np.float64)
        if np.isnan(recorded).all():
            continue
        for status in ("finished", "diverged", "unknown"):
            members = table.unknown if status == "unknown" else table.status == status
            if members.any():
                curves.append(_group_curves(status, measure, recorded[members]))
    return tuple(curves)


def _group_curves(status: str, measure: str, of_group: Floats) -> GroupCurves:
    """Values [trials, checkpoints], NaN and infinite ones left out and counted."""
    finite = np.isfinite(of_group)
    columns = [of_group[finite[:, at], at] for at in range(of_group.shape[1])]
    spread = np.array(
        [[c.mean(), *np.quantile(c, [QUANTILE, 1 - QUANTILE])] if c.size else [np.nan] * 3 for c in columns]
    )
    return GroupCurves(
        status=status,
        measure=measure,
        mean=curve(spread[:, 0]),
        low=curve(spread[:, 1]),
        high=curve(spread[:, 2]),
        undefined=tuple((~finite).sum(axis=0).tolist()),
    )
