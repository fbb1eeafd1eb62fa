"""A campaign's own curves as a trial set: trials that were stopped end where they were stopped."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

from seedbench.live.contract import Failed
from seedbench.live.session import Session
from seedbench.live.trial import LiveTrial
from seedbench.trialset import write_trials

VERSION = "1.0.0"
_LOSSES = ("validation_loss", "train_loss")


def write_curves(session: Session, folder: Path) -> bool:
    """Writes the trials of a campaign, in the place of those written before.

    Returns:
        Whether there are any: nothing is written where nothing was measured.

    Raises:
        TrialSetError: it cannot be written.
    """
    if not any(trial.measured for trial in session.trials):
        return False
    task = session.plan.name.rsplit("/", 2)[1]
    steps, losses = table_steps(session), _losses(session)
    rows = [_row(session, trial, steps, losses) for trial in session.trials if trial.measured or trial.end]
    write_trials(folder, {"trials": {task: rows}}, name=session.plan.name, version=VERSION, replace=True)
    return True


def table_steps(session: Session) -> list[int]:
    """The training steps at each validation point, which all trials of a table share.

    Those that the trainings told where they agree, going on at the last distance where no trial was trained so far;
    else those of the plan.
    """
    planned = list(session.plan.steps)
    told: list[int] = []
    for index in range(len(planned)):
        here = {trial.measured[index].step for trial in session.trials if len(trial.measured) > index}
        if len(here) > 1:
            return planned
        told.append(here.pop() if here else 2 * told[-1] - (told[-2] if index > 1 else 0))
    return told if told[0] > 0 and all(a < b for a, b in zip(told, told[1:], strict=False)) else planned


def _losses(session: Session) -> list[str]:
    """Which losses the trainings tell: of these, one that is missing may have been a NaN."""
    measured = [one for trial in session.trials for one in trial.measured]
    return [name for name in _LOSSES if any(isfinite(getattr(one, name)) for one in measured)]


def _row(session: Session, trial: LiveTrial, steps: list[int], losses: list[str]) -> dict[str, Any]:
    model, task, recipe = session.plan.name.rsplit("/", 2)
    own, full = len(trial.measured), len(trial.measured) == len(steps)
    return {
        "trial_id": f"{recipe}-wi{trial.weight_init_seed}-do{trial.data_order_seed}",
        "model": model,
        "task": task,
        "recipe": recipe,
        "weight_init_seed": trial.weight_init_seed,
        "data_order_seed": trial.data_order_seed,
        "status": _status(trial, full, session.plan.majority_score, losses),
        "ended_at": None if full else own,
        "score_name": session.plan.metric or "score",
        "majority_score": session.plan.majority_score,
        "num_steps": steps[-1],
        "step": steps,
        "score": [one.score for one in trial.measured],
        "validation_loss": [one.validation_loss for one in trial.measured],
        "train_loss": [one.train_loss for one in trial.measured],
        "train_seconds": trial.seconds or None,
    }


def _status(trial: LiveTrial, full: bool, majority_score: float | None, losses: list[str]) -> str | None:
    """As the schema has it; unknown where a trial was stopped, where nobody said what the commonest label scores, or
    where it ended above that and may have met a NaN on the way."""
    if isinstance(trial.end, Failed):
        return "failed"
    if majority_score is None or not (full or trial.end):
        return None
    if trial.measured[-1].score <= majority_score:
        return "diverged"
    told = all(isfinite(getattr(one, name)) for one in trial.measured for name in losses)
    return "finished" if told else None
