"""What to look at before believing trials that were just made: do curves repeat, where do they start, do they rise."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from seedbench.trialset.table import TrialTable


def same_curves(table: TrialTable) -> list[list[str]]:
    """Groups of trials that are the same at every checkpoint, by their ids: seeds that did nothing, or a row twice.

    Compared are all curves that are recorded, and every prediction where they are loaded.
    """
    groups: dict[bytes, list[str]] = {}
    recorded = (
        table.score,
        table.train_loss,
        table.validation_loss,
        table.test_score,
        table.predicted_label,
        table.test_predicted_label,
    )
    for trial, name in enumerate(table.trial_id):
        if table.status[trial] == "failed":  # what others share with it was not measured
            continue
        digest = hashlib.sha256()
        for values in recorded:
            if values is not None:
                digest.update(values[trial].tobytes())
        groups.setdefault(digest.digest(), []).append(str(name))
    return [names for names in groups.values() if len(names) > 1]


def rising(table: TrialTable) -> int:
    """Trials that score above their first checkpoint at a later one; what is better low then falls."""
    return int((table.score.max(axis=1) > table.score[:, 0]).sum())


def diverged_words(table: TrialTable) -> str:
    """How many trials diverged, how many failed, and of how many that is not known."""
    unknown, failed = int(table.unknown.sum()), int((table.status == "failed").sum())
    if unknown == table.num_trials:
        return "not known"
    others = f"{f', {failed} failed' if failed else ''}{f', {unknown} not known' if unknown else ''}"
    return f"{int(table.diverged.sum())}{others}"


def seeds_words(rows: int, columns: int, trials: int) -> str:
    """The seeds of a table: a grid, or a list where no two trials share one."""
    return f"{trials}" if rows == columns == trials else f"{rows} × {columns}"


def curve_words(table: TrialTable) -> str:
    """Where a table's curves start, how many rise, and whether any are the same, in a sentence."""
    first, majority = table.as_measured(np.array([table.score[:, 0].mean(), table.majority_score]))
    start = f"Curves start at {first:.4f} on average"
    if not np.isnan(majority):
        start += f" (the commoner label: {majority:.4f})"
    flat = bool((table.score == table.score[:, :1]).all())
    way = "rise" if table.sign > 0 else "fall"
    parts = [start, "none changes" if flat else f"{rising(table)} of {table.num_trials} {way}"]
    if doubled := same_curves(table):
        others = sum(map(len, doubled)) - len(doubled)
        parts.append(
            f"{others} {'repeats' if others == 1 else 'repeat'} another, as {doubled[0][1]} does {doubled[0][0]}"
        )
    elif table.num_trials > 1:
        parts.append("no two are the same")
    ended = ended_words([table])
    return "; ".join(parts) + "." + (f" {ended}" if ended else "")


def ended_words(tables: Sequence[TrialTable]) -> str:
    """How many trials ended before the last checkpoint or failed, in a sentence; nothing where none did."""
    failed = sum(int((table.status == "failed").sum()) for table in tables)
    early = sum(int(((table.ended_at < table.num_checkpoints) & (table.status != "failed")).sum()) for table in tables)
    counts = [(early, "ended before the last checkpoint"), (failed, "failed, which is scored as the table's worst")]
    said = [f"{number:,} {what}" for number, what in counts if number]
    return f"{' and '.join(said)}." if said else ""
