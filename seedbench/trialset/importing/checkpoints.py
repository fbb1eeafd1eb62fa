"""The checkpoints of one trial table: who has which, who ended early, who failed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress

from seedbench.errors import TrialSetError
from seedbench.tasks import TASKS
from seedbench.trialset.arrays import LARGEST_SCORE
from seedbench.trialset.importing.common_steps import cut_to, shared_steps
from seedbench.trialset.importing.layouts import EMPTY_EVERYWHERE
from seedbench.trialset.importing.rows import Checkpoint, Checkpoints, Seeds, Steps, TableRows, alike, score_range


def find_checkpoints(table: TableRows) -> Checkpoints:
    """The checkpoints of all trials.

    Raises:
        TrialSetError: a score that is none, two at one step, no score at all, or trials whose checkpoints differ
            otherwise than by ending earlier.
    """
    scored = {seeds: _scored(table, rows) for seeds, rows in table.trials.items()}
    if table.options.empty_is_nan:
        measured = {step for by_step in scored.values() for step in by_step}
        scored = {seeds: _with_empty(table, seeds, by_step, measured) for seeds, by_step in scored.items()}
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
        steps = shared_steps(table, [reached[seeds] for seeds in reached if seeds not in failed])
        cut_to(table, own, failed, scored, steps, shift)
    else:
        steps = _of_all(table, reached, scored, shift)
    _say(table, own, failed, steps, shift)
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
        if alike(old.score, new.score):
            again.append(row)
        elif table.options.keep is None:
            rule = (
                f"step {step} of this trial has a score already, in {file.place[old.row]} (if it is of another run, "
                "name what tells the two apart by the seeds' columns, --run, --task, --recipe or --model; else --keep "
                "first or last)"
            )
            raise file.error(column, row, rule)
        else:
            kept, gone = (old, new) if table.options.keep == "first" else (new, old)
            by_step[step] = kept
            replaced.append(gone.row)
    table.accounts.leave(again, "the same score of the same trial and step again")
    table.accounts.leave(
        replaced, f"another score of the same step is kept, {score_range(file, column, replaced)} are not"
    )
    return dict(sorted(by_step.items()))


def _with_empty(
    table: TableRows, seeds: Seeds, by_step: Mapping[int, Checkpoint], measured: Container[int]
) -> dict[int, Checkpoint]:
    """A trial's checkpoints, and NaN where its score is empty at a step at which any trial was measured."""
    empty = {step: Checkpoint(row, math.nan) for step, row in _empty(table, seeds).items() if step in measured}
    return dict(sorted((empty | {**by_step}).items()))


def _empty(table: TableRows, seeds: Seeds) -> dict[int, int]:
    """Step in the file -> row of a trial that has no score there, where the step is one."""
    scores, steps = table.file.columns[table.measures.score], table.file.columns[table.measures.step]
    found: dict[int, int] = {}
    for row in table.trials[seeds]:
        if scores[row] is None and steps[row] is not None:
            with suppress(TrialSetError):  # a row without a score may have whatever it likes for a step
                found.setdefault(table.step(row), row)
    return found


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
    if (parts := table.measures.steps_in_one) > 1:
        table.note(f"{table.measures.step} has fractions: counted in parts of 1/{parts}")
    if 0 not in steps:
        return 0
    by_name = "epoch" in table.measures.step.lower() or steps == set(range(len(steps)))
    if table.file.from_zero or (by_name and parts == 1):  # epoch 0 of 0, 0.5, 1 is before training
        table.note(f"{table.measures.step} is counted from 0: 1 is added")
        return 1
    gone = [by_step.pop(0).row for by_step in scored.values() if 0 in by_step]
    scores = score_range(table.file, table.measures.score, gone)
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
        empty = not odd and row in _empty(table, seeds).values()
        advice = "; --empty-is-nan takes its empty score for NaN" if empty else ""
        what = f"step {odd[0] - shift} is none of theirs" if odd else f"step {(lacks or 0) - shift} has no score"
        raise TrialSetError(
            f"{table.file.path}: column {table.measures.step!r}, {table.file.place[row]}: the trials of {table.name} "
            f"must have the same checkpoints, each up to where it ended; {table.seed_words(seeds)} has {len(steps)}, "
            f"the longest {len(longest)} ({longest[0] - shift} to {longest[-1] - shift}); {what}: complete it, leave "
            f"the trial out with --where, or cut all to what they share with --common-steps{advice}"
        )
    return longest


def _begin_alike(one: Steps, other: Steps) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _row_at(table: TableRows, rows: Sequence[int], step: int) -> int:
    """The row of a trial at a step that lacks a score, or its last row."""
    some = (row for row in rows if table.file.columns[table.measures.step][row] is not None)
    return next((row for row in some if table.step(row) == step), rows[-1])


def _say(
    table: TableRows,
    own: Mapping[Seeds, Mapping[int, Checkpoint]],
    failed: Mapping[Seeds, object],
    steps: Steps,
    shift: int,
) -> None:
    early = [seeds for seeds in own if len(own[seeds]) < len(steps) and seeds not in failed]
    number = len(own)
    if early:
        table.note(f"{len(early)} of {number} trials ended before the last of {len(steps)} checkpoints, and are kept")
        unclear = early
        if table.file.layout not in EMPTY_EVERYWHERE:
            left = {seeds: set(steps) - set(own[seeds]) for seeds in early}
            unclear = [seeds for seeds in early if any(step + shift in left[seeds] for step in _empty(table, seeds))]
        if unclear:
            table.note(
                f"{len(unclear)} of these ({table.some_words(unclear)}) have empty scores "
                "from there on, and may as well have diverged: NaN is empty in what pandas writes; if so, "
                "--empty-is-nan makes them failed trials"
            )
    if failed:
        table.note(
            f"{len(failed)} of {number} trials end without a score that is a number ({table.some_words([*failed])}): "
            "kept as failed, and from there scored as the worst"
        )
