"""What the card says of trials that were trained again, from what ``python -m runners.reproduce --json`` wrote."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seedbench.errors import TrialSetError
from seedbench.trialset import Reproduction, TrialSet, read_reproductions
from seedbench.trialset.files import REPRODUCED

MADE_AGAIN = f"make {REPRODUCED} anew with python -m runners.reproduce, or remove it"


def reproduced(folder: Path, trials: TrialSet) -> str:
    """A line for every draw of trials that were trained again.

    Raises:
        TrialSetError: the file is none of these, or compares with other scores than the trial set records.
    """
    path = folder / REPRODUCED
    if not path.exists():
        return "None has been trained again to be compared yet."
    recorded = {
        (table.model, table.task, table.recipe, str(name)): score
        for table in trials.tables
        for name, score in zip(table.trial_id, table.score.tolist(), strict=True)
    }
    lines = []
    for draw in read_reproductions(path, f"not what runners.reproduce writes: {MADE_AGAIN}", TrialSetError):
        for one in draw.trials:
            if recorded.get((one.model, one.task, one.recipe, one.trial_id)) != one.recorded_score:
                raise TrialSetError(f"{path}: trial {one.trial_id} of {one.task} is not recorded so here; {MADE_AGAIN}")
        lines.append(f"- {_line(draw)}")
    return "\n".join(lines)


def _line(draw: Reproduction) -> str:
    trials = draw.trials
    tables = ", ".join(f"{table.task} {table.recipe}" for table in draw.tables)
    total = sum(table.trials for table in draw.tables)
    now, then = (
        " and ".join(sorted({f"the {by['engine']} engine on {by['device']}" for by in runs}))
        for runs in ([one.by for one in trials], [one.recorded_by for one in trials])
    )
    parts = [
        f"{_trials(len(trials))} of {tables}, drawn from {total} (seed {draw.seed}), by {now}, recorded by {then}: "
        f"{sum(one.equal for one in trials)} of {len(trials)} equal in every prediction, score and loss recorded"
    ]
    at_home = [one.equal for one in trials if _where(one.by) == _where(one.recorded_by)]
    if 0 < len(at_home) < len(trials):
        parts[0] += f" (of those recorded by the same engine on the same device: {sum(at_home)} of {len(at_home)})"
    changed = [count for one in trials for count in one.predictions_changed or ()]
    if any(changed):
        parts.append(
            f"every dev example is predicted the same at {changed.count(0)} of {len(changed)} checkpoints, at the "
            f"others all but {max(changed)} at most"
        )
        off = max(abs(max(one.recorded_score) - max(one.score)) for one in trials)
        spreads = [table.best_score_sd for table in draw.tables if table.best_score_sd is not None]
        beside = f", where seeds differ by {100 * min(spreads):.1f} (sd)" if spreads else ""
        parts.append(f"best scores are off by {100 * off:.1f} points at most{beside}")
    return "; ".join(parts) + "."


def _where(provenance: Mapping[str, str | None]) -> tuple[str | None, str | None]:
    return provenance["engine"], provenance["device"]


def _trials(number: int) -> str:
    return "One trial" if number == 1 else f"{number} trials"
