"""Trials in order: by what was seen of them, the best first."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from seedbench.campaign.objects import Trial

#: What `ranked` goes by.
RANKINGS = ("score", "loss", "both")


def ranked(trials: Iterable[Trial], by: str = "score") -> list[Trial]:
    """Trials, the best first; those that are equal stay in the order given.

    Args:
        trials: each with a checkpoint.
        by: "score": the best score so far. "loss": the lowest validation loss so far, and among equals the best score;
            one that was never finite comes last. "both": the mean of both ranks, where equals share theirs.

    Raises:
        ValueError: `by` is something else.
    """
    if by == "score":
        return sorted(trials, key=best_score, reverse=True)
    if by not in RANKINGS:
        raise ValueError(f"ranked: by must be one of {', '.join(RANKINGS)}, got {by!r}")
    trials = list(trials)
    worse, losses = [-best_score(trial) for trial in trials], [lowest_loss(trial) for trial in trials]
    first: Sequence[float] = losses
    if by == "both":
        first = [sum(both) for both in zip(_places(worse), _places(losses), strict=True)]
    return [trials[n] for n in sorted(range(len(trials)), key=lambda n: (first[n], worse[n]))]


def best_score(trial: Trial) -> float:
    """The best score that a trial has had."""
    return trial.best.score


def lowest_loss(trial: Trial) -> float:
    """The lowest validation loss that a trial has had; infinite where none was finite."""
    lowest = float("inf")
    for checkpoint in trial.checkpoints:
        if checkpoint.validation_loss < lowest:  # NaN is not
            lowest = checkpoint.validation_loss
    return lowest


def _places(values: Sequence[float]) -> list[int]:
    """Twice the number of smaller values, and once that of equal ones."""
    ascending = sorted(values)
    return [bisect_left(ascending, value) + bisect_right(ascending, value) for value in values]
