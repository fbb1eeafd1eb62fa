"""The rows of one trial table, and which of them are checkpoints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seedbench.trialset.importing.accounts import Accounts
from seedbench.trialset.importing.measures import Measures
from seedbench.trialset.importing.options import ImportOptions
from seedbench.trialset.importing.reading import CurveFile

Seeds = tuple[int, int]
Steps = tuple[int, ...]


@dataclass(frozen=True)
class Checkpoint:
    """A row that has a score, and that score as the file has it: NaN where it is no finite number."""

    row: int
    score: float


@dataclass(frozen=True)
class TableRows:
    """The rows of one trial table.

    Attributes:
        file: all rows.
        measures: their columns.
        options: what was asked for.
        name: model/task/recipe.
        trials: seeds -> rows of a trial.
        labels: of each axis, what a seed's number was made of; empty where the numbers are the file's own.
        accounts: what becomes of each row.
    """

    file: CurveFile
    measures: Measures
    options: ImportOptions
    name: str
    trials: Mapping[Seeds, Sequence[int]]
    labels: tuple[Mapping[int, str], Mapping[int, str]]
    accounts: Accounts

    def note(self, text: str) -> None:
        self.accounts.notes.append(f"{self.name}: {text}")

    def step(self, row: int) -> int:
        """As it stands in the file, or where that counts fractions of epochs, in these."""
        column, parts = self.measures.step, self.measures.steps_in_one
        if parts > 1 and 0 <= (epochs := self.file.number(column, row) or -1.0) * parts < 2**31:
            return round(epochs * parts)
        remedy = "name the column of training steps with --step"
        return self.file.integer(column, row, lowest=0, bits=32, remedy=remedy)

    def seed_words(self, seeds: Seeds) -> str:
        one, other = (of.get(seed, str(seed)) for of, seed in zip(self.labels, seeds, strict=True))
        return f"seed {one}" if one == other else f"weight-init seed {one}, data-order seed {other}"

    def some_words(self, trials: Sequence[Seeds]) -> str:
        """The first of some trials, and whether there are more."""
        return self.seed_words(trials[0]) + ", …" * (len(trials) > 1)


@dataclass(frozen=True)
class Checkpoints:
    """Who was measured when.

    Attributes:
        step: of the table, ascending.
        own: seeds -> step -> checkpoint, those with a score; those of a trial that failed end before it did.
        failed: seeds -> rows that tell that a trial failed: scores that are no numbers, to its end.
        shift: what is added to the file's steps.
    """

    step: Steps
    own: Mapping[Seeds, Mapping[int, Checkpoint]]
    failed: Mapping[Seeds, Sequence[int]]
    shift: int


def alike(one: float, other: float) -> bool:
    """Whether two values are the same; NaN is NaN."""
    return one == other or math.isnan(one) and math.isnan(other)


def score_range(file: CurveFile, column: str, rows: Iterable[int], what: str = "score") -> str:
    """The scores of rows, or what else is in a column, as they stand in the file."""
    scores = [score for row in rows if (score := file.number(column, row)) is not None and math.isfinite(score)]
    if not scores:
        return f"no {what} was a number"
    return f"{what} {scores[0]:g}" if len(scores) == 1 else f"{what}s {min(scores):g} to {max(scores):g}"
