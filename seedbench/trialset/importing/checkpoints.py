"""The checkpoints of one trial table: who has which, who ended early, who failed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seedbench.errors import TrialSetError
from seedbench.tasks import TASKS
from seedbench.trialset.arrays import LARGEST_SCORE
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
        accounts: what becomes of each row.
    """

    file: CurveFile
    measures: Measures
    options: ImportOptions
    name: str
    trials: Mapping[Seeds, Sequence[int]]
    accounts: Accounts

    def note(self, text: str) -> None:
        self.accounts.notes.append(f"{self.name}: {text}")

    def step(self, row: int) -> int:
        """As it stands in the file."""
        return self.file.integer(self.measures.step, row, lowest=0, bits=32)

    def seed_words(self, seeds: Seeds) -> str:
        return f"weight-init seed {seeds[0]}, data-order seed {seeds[1]}"


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


def find_checkpoints(table: TableRows) -> Checkpoints:
    """The checkpoints of all trials.

    Raises:
        TrialSetError: a score that is none, two at one step, no score at all, or trials whose checkpoints differ
            otherwise than by ending earlier.
    """
    scored = {seeds: _scored(table, rows) for seeds, rows in table.trials.items()}
    shift = _from_zero(table, scored)
    own: dict[Seeds, dict[int, Checkpoint]] = {}
    failed: dict[Seeds, list[int]] = {}
    reached: dict[Seeds, Steps] = {}
    for seeds, by_step in scored.items():
        shifted = {step + shift: checkpoint for step, checkpoint in by_step.items()}
        last = max((step for step, one in shifted.items() if math.isfinite(one.score)), default=0)
        reached[seeds] = tuple(shifted)
        own[seeds] = {step: one for step, one in shifted.items() if step <= last}
        if last == 0 or last != max(shifted):
            failed[seeds] = [one.row for step, one in shifted.items() if step > last]
    if not any(own.values()):
        row = next(iter(table.trials.values()))[0]
        raise table.file.error(table.measures.score, row, f"no trial of {table.name} has a finite score after step 0")
    if table.options.common_steps:
        steps = _shared(table, [reached[seeds] for seeds in reached if seeds not in failed])
        _cut(table, own, failed, scored, steps, shift)
    else:
        steps = _of_all(table, reached, scored, shift)
    _say(table, own, failed, steps)
    return Checkpoints(steps, own, failed, shift)


def _scored(table: TableRows, rows: Sequence[int]) -> dict[int, Checkpoint]:
    """Step in the file -> checkpoint, by rising step. The same score at the same step twice is one."""
    by_step: dict[int, Checkpoint] = {}
    file, column = table.file, table.measures.score
    again: list[int] = []
    replaced: list[int] = []
    for row in rows:
        score = file.number(column, row)
        if score is None:
            continue
        step = table.step(row)
        new = Checkpoint(row, _checked(table, row, score))
        old = by_step.setdefault(step, new)
        if old is new:
            continue
        if old.score == new.score or math.isnan(old.score) and math.isnan(new.score):
            again.append(row)
        elif table.options.keep is None:
            rule = (
                f"step {step} of this trial has a score already, in {file.place[old.row]} (if it is of another run, "
                "name what tells runs apart by the seeds' columns or --run; else --keep first or last)"
            )
            raise file.error(column, row, rule)
        else:
            kept, gone = (old, new) if table.options.keep == "first" else (new, old)
            by_step[step] = kept
            replaced.append(gone.row)
    table.accounts.leave(again, "the same score of the same trial and step again")
    table.accounts.leave(replaced, f"another score of the same step is kept, {_range(file, column, replaced)} are not")
    return dict(sorted(by_step.items()))


def _checked(table: TableRows, row: int, score: float) -> float:
    if not math.isfinite(score):
        return math.nan
    column, scale = table.measures.score, table.measures.sign_and_scale
    if scale > 0 and table.name.split("/")[-2] in TASKS and abs(score * scale) > 1:
        rule = "a score of a GLUE task must be from -1 to 1 (--scale 0.01 for percent, --minimize if lower is better)"
        raise table.file.error(column, row, rule)
    if abs(score * scale) > LARGEST_SCORE:
        raise table.file.error(column, row, f"a score must be at most {LARGEST_SCORE:g} in size")
    return score


def _from_zero(table: TableRows, scored: dict[Seeds, dict[int, Checkpoint]]) -> int:
    """1 where steps are counted from 0, as epochs are; else what was measured before training goes."""
    steps = {step for by_step in scored.values() for step in by_step}
    if 0 not in steps:
        return 0
    if table.file.from_zero or "epoch" in table.measures.step.lower() or steps == set(range(len(steps))):
        table.note(f"{table.measures.step} is counted from 0: 1 is added")
        return 1
    gone = [by_step.pop(0).row for by_step in scored.values() if 0 in by_step]
    scores = _range(table.file, table.measures.score, gone)
    table.accounts.leave(gone, f"step 0 is before any training; {scores}")
    return 0


def _of_all(
    table: TableRows, reached: Mapping[Seeds, Steps], scored: Mapping[Seeds, Mapping[int, Checkpoint]], shift: int
) -> Steps:
    """The checkpoints of the table: all trials have its first ones, each up to where it ended."""
    counts = Counter(reached.values())
    fits = {steps: sum(counts[other] for other in counts if _begin_alike(steps, other)) for steps in counts}
    most = max(counts, key=lambda steps: (fits[steps] if steps else 0, len(steps)))
    longest = max((steps for steps in counts if _begin_alike(most, steps)), key=len)
    for seeds, steps in reached.items():
        if steps == longest[: len(steps)]:
            continue
        odd = [step for step in steps if step not in longest]
        lacks = next((step for step in longest if step not in steps), None)
        rows = table.trials[seeds]
        row = scored[seeds][odd[0] - shift].row if odd else _row_at(table, rows, lacks - shift if lacks else 0)
        what = f"step {odd[0] - shift} is none of theirs" if odd else f"step {(lacks or 0) - shift} has no score"
        raise TrialSetError(
            f"{table.file.path}: column {table.measures.step!r}, {table.file.place[row]}: the trials of {table.name} "
            f"must have the same checkpoints, each up to where it ended; {table.seed_words(seeds)} has {len(steps)}, "
            f"the longest {len(longest)} ({longest[0] - shift} to {longest[-1] - shift}); {what}: complete it, leave "
            "the trial out with --where, or cut all to what they share with --common-steps"
        )
    return longest


def _begin_alike(one: Steps, other: Steps) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _row_at(table: TableRows, rows: Sequence[int], step: int) -> int:
    """The row of a trial at a step that lacks a score, or its last row."""
    some = (row for row in rows if table.file.columns[table.measures.step][row] is not None)
    return next((row for row in some if table.step(row) == step), rows[-1])


def _shared(table: TableRows, reached: Sequence[Steps]) -> Steps:
    shared = sorted(set.intersection(*map(set, reached))) if reached else []
    if not shared:
        raise TrialSetError(
            f"{table.file.path}: the trials of {table.name} share no step at which all have a score; leave some out "
            "with --where"
        )
    return tuple(shared)


def _cut(
    table: TableRows,
    own: dict[Seeds, dict[int, Checkpoint]],
    failed: dict[Seeds, list[int]],
    scored: Mapping[Seeds, Mapping[int, Checkpoint]],
    steps: Steps,
    shift: int,
) -> None:
    """Takes from all trials what is not at these steps, and says what that was."""
    kept = set(steps)
    gone = sorted(one.row for by_step in scored.values() for step, one in by_step.items() if step + shift not in kept)
    out = set(gone)
    for seeds in scored:
        own[seeds] = {step: one for step, one in own[seeds].items() if step in kept}
        if seeds in failed:
            failed[seeds] = [row for row in failed[seeds] if row not in out]
            present = [step for step in steps if step in own[seeds]]
            if present != list(steps[: len(present)]):
                raise TrialSetError(
                    f"{table.file.path}: {table.seed_words(seeds)} of {table.name} failed, and lacks a score at a step "
                    "that all others share: leave it out with --where"
                )
    at = sorted(table.step(row) for row in gone)
    if gone:
        where = f"steps {at[0]} to {at[-1]} are not shared by all trials"
        table.accounts.leave(gone, f"{table.name}: {where}; {_range(table.file, table.measures.score, gone)}")


def _say(
    table: TableRows, own: Mapping[Seeds, Mapping[int, Checkpoint]], failed: Mapping[Seeds, object], steps: Steps
) -> None:
    early = [seeds for seeds in own if len(own[seeds]) < len(steps) and seeds not in failed]
    number = len(own)
    if early:
        table.note(f"{len(early)} of {number} trials ended before the last of {len(steps)} checkpoints, and are kept")
    if failed:
        first = table.seed_words(next(iter(failed)))
        table.note(
            f"{len(failed)} of {number} trials end without a score that is a number ({first}): kept as failed, and "
            "from there scored as the worst"
        )


def _range(file: CurveFile, column: str, rows: Iterable[int]) -> str:
    """The scores of rows, as they stand in the file."""
    scores = [score for row in rows if (score := file.number(column, row)) is not None and math.isfinite(score)]
    if not scores:
        return "no score was a number"
    return f"score {scores[0]:g}" if len(scores) == 1 else f"scores {min(scores):g} to {max(scores):g}"
