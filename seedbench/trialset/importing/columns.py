"""The rows of one trial table in a file of curves -> the rows of a trial set's `trials`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.trialset.arrays import LARGEST_SCORE
from seedbench.trialset.importing.reading import CurveFile
from seedbench.trialset.schema import CONFIGS, RECIPE_COLUMNS, STATUSES, TASKS

LOSSES = ("train_loss", "validation_loss")
CURVES = (*LOSSES, "accuracy", "f1", "matthews_correlation")
_JUDGED = ("status", "ended_at", "majority_score")
SCALARS = {
    column.name: column.type
    for column in CONFIGS["trials"].columns
    if column.nullable and not column.type.startswith("list<") and column.name not in _JUDGED
}
_RECIPE = {column.name for column in RECIPE_COLUMNS}
Seeds = tuple[int, int]


class TableRows:
    """The rows of one trial table."""

    def __init__(self, file: CurveFile, called: Mapping[str, str], name: str, trials: dict[Seeds, list[int]]) -> None:
        self.file, self.called, self.name, self.trials = file, called, name, trials
        of_glue = name.split("/")[-2] in TASKS
        self.largest: float = 1 if of_glue else LARGEST_SCORE
        self.rule = "a number from -1 to 1" if of_glue else "a finite number"
        self.checkpoints = {seeds: self._checkpoints(rows) for seeds, rows in trials.items()}

    def _checkpoints(self, rows: Sequence[int]) -> dict[int, tuple[int, float]]:
        """Step -> row and score, by rising step. A row without a score, or before any training, is no checkpoint."""
        by_step: dict[int, tuple[int, float]] = {}
        column = self.called["score"]
        for row in rows:
            step = self.file.integer(self.called["step"], row, lowest=0, bits=32)
            score = self.file.number(column, row)
            if score is None or step == 0:
                continue
            if not abs(score) <= self.largest:  # so that NaN fails, too
                raise self.file.error(column, row, f"a score must be {self.rule}, higher is better")
            if step in by_step:
                first = self.file.place[by_step[step][0]]
                raise self.file.error(column, row, f"step {step} of this trial has a score already, in {first}")
            by_step[step] = row, score
        return dict(sorted(by_step.items()))

    def complete(self, skip: bool, notes: list[str]) -> list[Seeds]:
        """The trials that have the checkpoints that most have (of equally many, the longest).

        Raises:
            TrialSetError: a trial has others, and is not to be skipped; or there are no checkpoints.
        """
        steps = Counter(tuple(checkpoints) for checkpoints in self.checkpoints.values())
        common = max(steps, key=lambda some: (bool(some), steps[some], len(some)))
        if not common:
            row = next(iter(self.trials.values()))[0]
            raise self.file.error(self.called["score"], row, f"no trial of {self.name} has a score after step 0")
        kept = [seeds for seeds in self.trials if tuple(self.checkpoints[seeds]) == common]
        other = [seeds for seeds in self.trials if tuple(self.checkpoints[seeds]) != common]
        if other and not skip:
            its = self.checkpoints[other[0]]
            row, lacks = self._parting(other[0], common)
            raise TrialSetError(
                f"{self.file.path}: column {self.called['step']!r}, {self.file.place[row]}: the trials of "
                f"{self.name} must have the same checkpoints; weight-init seed {other[0][0]}, data-order seed "
                f"{other[0][1]} has {len(its)} ({_range(list(its))}), most have {len(common)} ({_range(common)}); "
                f"{lacks}: complete it, or --skip-incomplete"
            )
        if other:
            notes.append(f"{self.name}: {len(other)} of {len(self.trials)} trials left out, having other checkpoints")
        return kept

    def _parting(self, seeds: Seeds, common: Sequence[int]) -> tuple[int, str]:
        """The row at which a trial's checkpoints are not those of most, and what is the matter there."""
        its = self.checkpoints[seeds]
        if others := [step for step in its if step not in common]:
            return its[others[0]][0], f"step {others[0]} is none of theirs"
        step = next(step for step in common if step not in its)
        rows = self.trials[seeds]
        at = [row for row in rows if self.file.integer(self.called["step"], row, lowest=0, bits=32) == step]
        return (at[0], f"step {step} has no score") if at else (rows[-1], f"step {step} is missing")

    def trial_rows(
        self, kept: Sequence[Seeds], majority_score: float | None, notes: list[str]
    ) -> Iterator[dict[str, Any]]:
        """What the schema's `trials` holds of each trial but its names."""
        curves = self._curves(kept, notes)
        scalars = self._scalars(kept, notes)
        for seeds in kept:
            checkpoints = self.checkpoints[seeds]
            steps = np.array(list(checkpoints), dtype=np.int64)
            score = np.array([score for _, score in checkpoints.values()])
            with np.errstate(over="ignore"):  # a loss that float32 cannot hold is infinite in a trial set
                own = {
                    name: np.array(values[seeds]).astype(np.float32 if name in LOSSES else np.float64)
                    for name, values in curves.items()
                }
            met_nan = any(name in LOSSES and not np.isfinite(curve).all() for name, curve in own.items())
            yield {
                "weight_init_seed": seeds[0],
                "data_order_seed": seeds[1],
                "status": self._status(seeds, met_nan) or self._judged(met_nan, score[-1], majority_score),
                "majority_score": majority_score,
                "num_steps": int(steps[-1]),
                "step": steps,
                "score": score,
                **own,
                **scalars[seeds],
            }

    def _curves(self, kept: Sequence[Seeds], notes: list[str]) -> dict[str, dict[Seeds, list[float]]]:
        """What is recorded at every checkpoint of every trial; what is only at some is left out, since a trial set
        knows no empty checkpoints, and a NaN in their place would mean a diverged trial."""
        curves = {}
        for name in CURVES:
            if name not in self.called:
                continue
            of_trials = {
                seeds: self._train_loss(seeds) if name == "train_loss" else self._at_checkpoints(seeds, name)
                for seeds in kept
            }
            gaps = [(seeds, values.index(None)) for seeds, values in of_trials.items() if None in values]
            if not gaps:
                curves[name] = of_trials
            elif any(value is not None for values in of_trials.values() for value in values):
                seeds, at = gaps[0]
                place = self.file.place[list(self.checkpoints[seeds].values())[at][0]]
                notes.append(f"{self.name}: {self.called[name]} left out, not known at every checkpoint ({place})")
        return curves  # type: ignore[return-value]

    def _logged(self, seeds: Seeds, name: str) -> Iterator[tuple[int, float]]:
        """Step and value of every row of a trial that has one."""
        column = self.called[name]
        for row in self.trials[seeds]:
            value = self.file.number(column, row)
            if value is not None:
                if name in LOSSES:
                    if value < 0:
                        raise self.file.error(column, row, "a loss is never negative")
                elif not abs(value) <= 1:  # so that NaN fails, too
                    raise self.file.error(column, row, "must be a number from -1 to 1, as a score is")
                yield self.file.integer(self.called["step"], row, lowest=0), value

    def _at_checkpoints(self, seeds: Seeds, name: str) -> list[float | None]:
        values = dict(self._logged(seeds, name))
        return [values.get(step) for step in self.checkpoints[seeds]]

    def _train_loss(self, seeds: Seeds) -> list[float | None]:
        """The mean of what was logged since the checkpoint before, which is what a Trainer's losses are means of."""
        logged = list(self._logged(seeds, "train_loss"))
        means: list[float | None] = []
        before = 0
        for step in self.checkpoints[seeds]:
            some = [value for at, value in logged if before < at <= step]
            means.append(sum(some) / len(some) if some else None)
            before = step
        return means

    def _judged(self, met_nan: bool, last_score: float, majority_score: float | None) -> str | None:
        """What follows from what is recorded; None where the majority score would tell, and is not known."""
        if met_nan:
            return "diverged"
        if majority_score is None:
            return None
        return "diverged" if last_score <= majority_score else "finished"

    def _status(self, seeds: Seeds, met_nan: bool) -> str | None:
        """The file's own word, if any."""
        for row in self.trials[seeds] if "status" in self.file.columns else ():
            status = self.file.columns["status"][row]
            if status is None:
                continue
            if status not in STATUSES:
                raise self.file.error("status", row, f"must be one of {', '.join(STATUSES)}")
            if status == "finished" and met_nan:
                raise self.file.error("status", row, "a trial that met a NaN or infinite loss is diverged")
            return str(status)
        return None

    def _scalars(self, kept: Sequence[Seeds], notes: list[str]) -> dict[Seeds, dict[str, Any]]:
        """Recipe fields and the like, of columns called as in the schema; left out where one changes within a trial,
        as the learning rate that a Trainer logs, or is not of the schema's type."""
        by_trial: dict[Seeds, dict[str, Any]] = {seeds: {} for seeds in kept}
        for name in SCALARS:
            if name not in self.file.columns or name in self.called.values():
                continue
            column = self.file.columns[name]
            rows = {seeds: [row for row in self.trials[seeds] if column[row] is not None] for seeds in kept}
            if name in _RECIPE:  # the same in all trials of a table
                together = [row for some in rows.values() for row in some]
                rows = dict.fromkeys(kept, together)
            changes = [row for some in rows.values() for row in some if column[row] != column[some[0]]]
            if changes:
                notes.append(f"{self.name}: {name} left out, since it changes ({self.file.place[changes[0]]})")
                continue
            try:
                values = {seeds: self._scalar(name, some[0]) for seeds, some in rows.items() if some}
            except TrialSetError as error:
                notes.append(f"{self.name}: {name} left out: {error}")
                continue
            for seeds, value in values.items():
                by_trial[seeds][name] = value
        return by_trial

    def _scalar(self, name: str, row: int) -> Any:
        type_ = SCALARS[name]
        if type_.startswith("int"):
            return self.file.integer(name, row, bits=int(type_[3:]))
        if type_.startswith("float"):
            return self.file.number(name, row)
        value = str(self.file.columns[name][row])
        if type_ == "bool":
            if value.lower() not in ("true", "false"):
                raise self.file.error(name, row, "must be true or false")
            return value.lower() == "true"
        return value


def _range(steps: Sequence[int]) -> str:
    return f"{steps[0]} to {steps[-1]}" if steps else "none"
