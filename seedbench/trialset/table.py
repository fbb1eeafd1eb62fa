"""One trial table as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from seedbench.metrics import LIMITS, METRICS, majority_score
from seedbench.tasks import TASKS
from seedbench.text import counted
from seedbench.trialset.schema import NEGATED, as_measured, sign_of


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class TrialTable:
    """All trials of one model × task × recipe, ordered by weight-init seed, then data-order seed. Arrays are read-only.

    All trials have the same checkpoints. After one that ended early its last measurement is repeated; after one that
    failed, the lowest score and test score of the table are, with losses of NaN.

    Attributes:
        model: name of the pretrained model.
        task: name of the task.
        recipe: name of the recipe.
        weight_init_seeds: int64 [rows], ascending: the rows of the seed grid.
        data_order_seeds: int64 [columns], ascending: its columns.
        row: int32 [trials], the grid row of each trial.
        column: int32 [trials], its grid column.
        trial_id: object [trials].
        status: object [trials], one of `seedbench.trialset.schema.STATUSES`; None where it is unknown.
        ended_at: int32 [trials], how many checkpoints each has of its own: all, where it ran to its end.
        step: int64 [checkpoints], training steps done at each checkpoint; the same for all trials.
        train_loss: float32 [trials, checkpoints], nats; NaN where not finite or not recorded.
        validation_loss: float32 [trials, checkpoints], nats, over the whole dev set; NaN likewise.
        score: float64 [trials, checkpoints], on the whole dev set: the task's metric, or what `score_name` says.
        score_name: what `score` measures; None: the metric of the GLUE task. With - in front: its negative.
        num_labels: recorded number of labels; None: that of the GLUE task, or unknown.
        majority_score: of always predicting the commoner label of the dev set; NaN where it is unknown.
        test_score: float64 [trials, checkpoints], the same on the test set; None where there is none.
        test_loss: float32 [trials, checkpoints], nats, over the test set; None where not recorded.
        evaluation_seconds: float64 [trials], of all validation points of each; NaN where not recorded.
        predicted_label: int8 [trials, checkpoints, examples], -1 where the logits were not finite; None where they
            are not recorded, or not loaded.
        test_predicted_label: int8 [trials, checkpoints, test examples], likewise.
        label: int8 [examples]; None where the trial set has no examples.
        test_label: int8 [test examples], likewise.
        fields: the recipe's fields, by column name of the schema.
    """

    model: str
    task: str
    recipe: str
    weight_init_seeds: np.ndarray
    data_order_seeds: np.ndarray
    row: np.ndarray
    column: np.ndarray
    trial_id: np.ndarray
    status: np.ndarray
    ended_at: np.ndarray
    step: np.ndarray
    train_loss: np.ndarray
    validation_loss: np.ndarray
    score: np.ndarray
    score_name: str | None = None
    num_labels: int | None = None
    majority_score: float = float("nan")
    test_score: np.ndarray | None = None
    test_loss: np.ndarray | None = None
    evaluation_seconds: np.ndarray
    predicted_label: np.ndarray | None = None
    test_predicted_label: np.ndarray | None = None
    label: np.ndarray | None = None
    test_label: np.ndarray | None = None
    fields: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __repr__(self) -> str:
        return f"<TrialTable {self}>"

    def __str__(self) -> str:
        rows, columns = self.grid
        trials, checkpoints = counted(self.num_trials, "trial"), counted(self.num_checkpoints, "checkpoint")
        test = "" if self.test_score is None else ", test scores"
        return f"{self.name}: {trials} on {rows if self.diagonal else f'{rows} × {columns}'} seeds, {checkpoints}{test}"

    @property
    def name(self) -> str:
        """`model/task/recipe`, as errors and `--only` write it."""
        return f"{self.model}/{self.task}/{self.recipe}"

    @property
    def metric(self) -> str | None:
        """What is measured, without the sign of `score_name`; None where it is unknown."""
        if self.score_name:
            return self.score_name.removeprefix(NEGATED)
        return TASKS[self.task].metric if self.task in TASKS else None

    @property
    def scored_by(self) -> str | None:
        """The metric by which scores follow from predictions, a key of `METRICS`; None where they do not."""
        return self.metric if self.metric in METRICS and self.sign > 0 else None

    @property
    def sign(self) -> int:
        """-1 where `score` is the negative of the metric, which is better the lower it is; else 1."""
        return sign_of(self.score_name)

    @property
    def metric_words(self) -> str:
        """What is measured, as people read it: a column's name as it is, GLUE's metrics in words."""
        return self.metric or "score" if self.score_name else (self.metric or "score").replace("_", " ")

    def as_measured(self, score: np.ndarray) -> np.ndarray:
        """Scores of any shape -> what was measured: the same, or their negatives."""
        return as_measured(score, self.sign)

    @property
    def score_limits(self) -> tuple[float, float]:
        """The lowest and the highest score there can be: 1 is perfect where scores are shares of it; infinite where
        nobody knows. A measure that is better the lower it is, and never below 0 here, is taken for a loss or an error,
        which cannot be below 0: its scores are not above."""
        if self.sign < 0:
            return -np.inf, 0.0 if self.score.max() <= 0 else np.inf
        if np.abs(self.score).max() > 1:  # no share of anything: a reward, a log-likelihood
            return -np.inf, np.inf
        return LIMITS.get(self.metric or "", (-1.0, 1.0))

    @property
    def num_trials(self) -> int:
        return len(self.row)

    @property
    def num_checkpoints(self) -> int:
        return len(self.step)

    @property
    def num_steps(self) -> int:
        """Training steps of one full trial: what one unit of budget buys."""
        return int(self.step[-1])

    @property
    def dev_examples(self) -> int | None:
        """Number of examples of the dev set; None where it is unknown."""
        return None if self.label is None else len(self.label)

    @property
    def labels(self) -> int | None:
        """Number of labels of the task; None where it is unknown."""
        return len(TASKS[self.task].labels) if self.task in TASKS else self.num_labels

    @property
    def diverged(self) -> np.ndarray:
        """bool [trials], whether a trial is known to have diverged."""
        diverged: np.ndarray = self.status == "diverged"
        return diverged

    @property
    def unknown(self) -> np.ndarray:
        """bool [trials], whether it is not known how a trial ended."""
        return np.array([status is None for status in self.status], dtype=bool)

    @property
    def grid(self) -> tuple[int, int]:
        """Numbers of weight-init seeds and of data-order seeds."""
        return len(self.weight_init_seeds), len(self.data_order_seeds)

    @property
    def diagonal(self) -> bool:
        """Whether no two trials share a seed of either kind, so that one seed stands for both; so of a single trial."""
        return self.grid == (self.num_trials, self.num_trials)

    @property
    def one_seed(self) -> bool:
        """Whether trials differ in one seed: along one axis only, or on a diagonal."""
        return 1 in self.grid or self.diagonal

    @property
    def missing(self) -> int:
        """Cells without a trial; on a diagonal there are none to miss."""
        rows, columns = self.grid
        return 0 if self.one_seed else rows * columns - self.num_trials

    @property
    def sparse(self) -> bool:
        """Whether the grid is too large, and too empty, to be laid out: a long diagonal is."""
        rows, columns = self.grid
        return rows * columns > max(_LAID_OUT, 10 * self.num_trials)

    def part(self, trials: np.ndarray) -> TrialTable:
        """The table of some of its trials, int [some], ascending: of those rows and columns that they have."""
        wi, row = np.unique(self.weight_init_seeds[self.row[trials]], return_inverse=True)
        do, column = np.unique(self.data_order_seeds[self.column[trials]], return_inverse=True)
        of_trials: dict[str, Any] = {name: getattr(self, name) for name in _OF_TRIALS}
        of_trials = {name: values[trials] for name, values in of_trials.items() if values is not None}
        return replace(
            self,
            weight_init_seeds=wi,
            data_order_seeds=do,
            row=row.astype(np.int32),
            column=column.astype(np.int32),
            **of_trials,
        )

    def trial_at(self, row: int | np.ndarray, column: int | np.ndarray) -> np.ndarray:
        """Grid rows and columns of one shape -> int32 of that shape, the trial in each cell; -1 where there is none."""
        places = self.row.astype(np.int64) * len(self.data_order_seeds) + self.column  # ascending, as trials are
        wanted = np.asarray(row, dtype=np.int64) * len(self.data_order_seeds) + np.asarray(column)
        trial = np.searchsorted(places, wanted)
        there = places[np.minimum(trial, self.num_trials - 1)] == wanted
        return np.where(there, trial, -1).astype(np.int32)

    @cached_property
    def seed_labels(self) -> tuple[dict[int, str], dict[int, str]]:
        """Of each axis, seed -> the label that it stands for, as the ids `model/recipe/label/label` of imported trials
        have them; empty where seeds are their own numbers."""
        start = f"{self.model}/{self.recipe}/"
        found: tuple[dict[int, str], dict[int, str]] = ({}, {})
        for trial_id, row, column in zip(self.trial_id, self.row, self.column, strict=True):
            labels = str(trial_id).removeprefix(start).split("/")
            seeds = int(self.weight_init_seeds[row]), int(self.data_order_seeds[column])
            if not str(trial_id).startswith(start) or len(labels) != 2:
                return {}, {}
            for of_axis, seed, label in zip(found, seeds, labels, strict=True):
                if of_axis.setdefault(seed, label) != label:
                    return {}, {}
        one, other = ({} if all(label == str(seed) for seed, label in axis.items()) else axis for axis in found)
        return one, other

    @cached_property
    def seed_keys(self) -> tuple[tuple[int | str, ...], tuple[int | str, ...]]:
        """Of each axis, what its seeds are in other tables of the model, too: their labels where they have some, since
        labels of tables that were imported apart are numbered apart; else their numbers. A label that is a number is
        one."""
        axes = (self.weight_init_seeds.tolist(), self.data_order_seeds.tolist())
        known = (labels if len({*labels.values()}) == len(labels) else {} for labels in self.seed_labels)
        one, other = (
            tuple(_key_of(labels.get(seed, str(seed))) for seed in seeds)
            for labels, seeds in zip(known, axes, strict=True)
        )
        return one, other

    def trial_name(self, trial: int) -> str:
        """What a trial's seeds are called, `3/7`: by their labels, which are one where both are the same."""
        seeds = int(self.weight_init_seeds[self.row[trial]]), int(self.data_order_seeds[self.column[trial]])
        one, other = (labels.get(seed, str(seed)) for labels, seed in zip(self.seed_labels, seeds, strict=True))
        return one if one == other and any(self.seed_labels) else f"{one}/{other}"

    @cached_property
    def cell(self) -> np.ndarray:
        """int32 [rows, columns], the trial in each cell, -1 where there is none; not for a `sparse` table."""
        rows, columns = self.grid
        cell = self.trial_at(*np.ogrid[:rows, :columns])
        cell.flags.writeable = False
        return cell


_LAID_OUT = 100_000  # cells, 400 kB
_OF_TRIALS = (
    "trial_id",
    "status",
    "ended_at",
    "train_loss",
    "validation_loss",
    "score",
    "test_score",
    "test_loss",
    "evaluation_seconds",
    "predicted_label",
    "test_predicted_label",
)


def _key_of(label: str) -> int | str:
    number = int(label) if label.isascii() and label.isdecimal() else None
    return label if number is None or str(number) != label else number


def majority_score_of(metric: str, label: np.ndarray) -> float:
    """Score, by a metric of `METRICS`, of always predicting the commonest of the labels, int8 [examples]."""
    return majority_score(metric, np.bincount(label, minlength=2))
