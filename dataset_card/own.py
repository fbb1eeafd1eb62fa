"""The rule of our own without one of its parts each, and the limit that it is held against.

The limit is the same rule, told after a fifth of training which trials will fail. No rule can know that: it shows how
much of what there is to win by dropping them is won without being told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from types import SimpleNamespace
from typing import Any, ClassVar

from seedbench.campaign import Campaign, OracleCampaign, Trial
from seedbench.strategies.patient_halving import PatientHalving, Seen
from seedbench.trialset import TrialTable

OWN = "patient_halving"
#: What each part of it is replaced by, to see what the part is worth.
PARTS: dict[str, dict[str, Any]] = {
    "as it ships": {},
    "nobody dropped as failing": {"learnt": None},
    "the bar for failing at the majority class": {"learnt": 0.0},
    "ranks by score alone": {"rank_by": "score"},
    "ranks by validation loss alone": {"rank_by": "loss"},
    "no patience: ranks count from a fifth on": {"patience": 0.2},
    "nobody dropped by rank": {"power": 0.0},
    "one cohort, seeds at random": {"first": 1.0},
    "one cohort, and nobody dropped as failing": {"first": 1.0, "learnt": None},
}
#: Of the training, after which it is told.
TOLD_AT = 0.2
#: Below every score: what a trial is told to be worth that will fail, and the bar that it does not get over.
LOWEST = -1e9


@dataclass(frozen=True)
class ToldWhichFail(PatientHalving):
    """Patient halving, whose bar for failing is replaced by the truth; all else is the same.

    Args:
        failing: the scores that the trials which fail are reported by, at all checkpoints: what tells them apart here,
            where labels are hidden. See `told_which_fail`.
    """

    failing: frozenset[tuple[float, ...]] = frozenset()
    oracle: ClassVar[bool] = True  # is given an `OracleCampaign`

    def cohort(
        self,
        campaign: Campaign,
        done: list[float],
        share: list[float],
        seen: list[Seen],
        spare: float,
        cells: Iterator[tuple[int, int]],
    ) -> None:
        assert isinstance(campaign, OracleCampaign)
        failing = {labels for labels, scores in campaign.test_scores.items() if tuple(scores) in self.failing}
        super().cohort(_Telling(campaign, failing), done, share, seen, spare, cells)  # type: ignore[arg-type]

    def bar(self, seen: list[Seen], done: list[float], majority: float) -> float:  # noqa: ARG002
        return LOWEST if done[len(seen)] >= TOLD_AT - 1e-9 else -inf


def told_which_fail(table: TrialTable) -> ToldWhichFail:
    """The limit on a table, reported by its test set where it has one.

    A trial that is reported by the same scores throughout as one that fails counts as failing: it is worth no more.
    """
    scores = table.score if table.test_score is None else table.test_score
    curves = [tuple(curve) for curve in scores.tolist()]
    failing = {curve for curve, diverged in zip(curves, table.diverged, strict=True) if diverged}
    return ToldWhichFail(failing=frozenset(failing))


class _Telling:
    """A campaign whose trials are told whether they will fail, once they are trained that far."""

    def __init__(self, campaign: Campaign, failing: set[tuple[int, int]]) -> None:
        self._campaign, self._failing = campaign, failing

    def start(self, *labels: int) -> _Told:
        trial = self._campaign.start(*labels)
        return _Told(trial, (trial.weight_init_seed, trial.data_order_seed) in self._failing)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._campaign, name)


class _Told:
    """A trial, worth as much as it has scored, but for one that is known to fail."""

    def __init__(self, trial: Trial, fails: bool) -> None:
        self._trial, self._fails = trial, fails

    @property
    def best(self) -> Any:
        known = self._fails and self._trial.checkpoints[-1].fraction >= TOLD_AT - 1e-9
        return SimpleNamespace(score=LOWEST) if known else self._trial.best

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)
