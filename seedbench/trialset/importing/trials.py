"""The rows of one trial table in a file of curves -> the rows of a trial set's `trials`."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.text import counted
from seedbench.trialset.importing.checkpoints import find_checkpoints
from seedbench.trialset.importing.options import CURVES, FIELDS
from seedbench.trialset.importing.rows import Checkpoint, Checkpoints, Seeds, TableRows, alike, score_range
from seedbench.trialset.importing.units import check_majority
from seedbench.trialset.schema import RECIPE_COLUMNS

LOSSES = ("train_loss", "validation_loss")
_RECIPE = {column.name for column in RECIPE_COLUMNS}
#: What trackers call the end of a run.
_WORDS = {
    **dict.fromkeys(("failed", "fail", "crashed", "error"), "failed"),
    **dict.fromkeys(("diverged",), "diverged"),
    **dict.fromkeys(("finished", "complete", "completed"), "finished"),
    **dict.fromkeys(("running", "killed", "pruned", "stopped", "preempted", "scheduled", "waiting"), None),
}
_DIGITS = 12  # of a score that was scaled: 71.3 percent are 0.713


def trial_rows(table: TableRows) -> Iterator[dict[str, Any]]:
    """What the schema's `trials` holds of each trial but its names.

    Raises:
        TrialSetError: what `find_checkpoints` refuses; a loss, a status or a field that is none; two values of a
            measure at one step.
    """
    checkpoints = find_checkpoints(table)
    scores = _with_worst(table, checkpoints)
    curves, replaced = _curves(table, checkpoints)
    scalars = _fields(table)
    words = _statuses(table)
    measures, majority = table.measures, table.options.majority_score
    if majority is not None:
        known = [score for of_trial in scores.values() for score in of_trial]
        check_majority(majority, known, measures.negated, table.name)
    for seeds, own in checkpoints.own.items():
        table.accounts.use(one.row for one in own.values())
        table.accounts.use(checkpoints.failed.get(seeds, ()))
        if not own and not checkpoints.failed.get(seeds):
            rest = [row for row in table.trials[seeds] if row not in table.accounts.left]
            table.accounts.use(rest[:1])  # all that there is to tell that it was begun
        with np.errstate(over="ignore"):  # a loss that float32 cannot hold is infinite in a trial set
            losses = {name: np.array(curves[name][seeds], dtype=np.float32) for name in LOSSES if name in curves}
        met_nan = any(not np.isfinite(loss).all() for loss in losses.values())
        others = {name: _scaled(table, name, values[seeds]) for name, values in curves.items() if name not in losses}
        ended = len(own) < len(checkpoints.step)
        last = list(own.values())[-1].score if own and not ended else None
        yield {
            "weight_init_seed": seeds[0],
            "data_order_seed": seeds[1],
            "status": "failed" if seeds in checkpoints.failed else _status(table, words[seeds], met_nan, last),
            "ended_at": len(own) if ended else None,
            "score_name": measures.score_name,
            "majority_score": None if majority is None else _times(majority, measures.sign_and_scale),
            "num_steps": checkpoints.step[-1],
            "step": np.array(checkpoints.step, dtype=np.int64),
            "score": np.array([_times(score, measures.sign_and_scale) for score in scores[seeds]]),
            **losses,
            **others,
            **scalars[seeds],
        }
    _rest(table, replaced)


def _times(value: float, factor: float) -> float:
    product = value * factor + 0.0  # never minus zero
    return product if abs(factor) == 1 else float(f"{product:.{_DIGITS}g}")


def _with_worst(table: TableRows, checkpoints: Checkpoints) -> dict[Seeds, list[float]]:
    """Scores of each trial's own checkpoints; where one is no number, and later ones are, the worst of the table."""
    finite = [one.score for own in checkpoints.own.values() for one in own.values() if math.isfinite(one.score)]
    if not finite:
        raise TrialSetError(f"{table.file.path}: no trial of {table.name} has a finite score at the steps they share")
    worst = max(finite) if table.measures.negated else min(finite)
    gaps = [one.row for own in checkpoints.own.values() for one in own.values() if not math.isfinite(one.score)]
    if gaps:
        table.note(
            f"{counted(len(gaps), 'score')} without a number, and later ones of the same trials have one (the first: "
            f"{table.file.place[gaps[0]]}): taken for {worst:g}, the worst there is"
        )
    return {
        seeds: [one.score if math.isfinite(one.score) else worst for one in own.values()]
        for seeds, own in checkpoints.own.items()
    }


def _curves(
    table: TableRows, checkpoints: Checkpoints
) -> tuple[dict[str, dict[Seeds, list[float]]], dict[str, list[int]]]:
    """What is recorded at every checkpoint of every trial; what is only at some is left out, since a trial set knows no
    empty checkpoints, and a NaN in their place would mean a diverged trial. And of each measure, the rows whose value
    another one of the same step replaces."""
    curves: dict[str, dict[Seeds, list[float | None]]] = {}
    replaced: dict[str, list[int]] = {}
    for name in (*LOSSES, "test_score", *CURVES):
        if name not in table.measures.others:
            continue
        found = {seeds: _at(table, seeds, name, own, checkpoints.shift) for seeds, own in checkpoints.own.items()}
        gaps = [
            list(checkpoints.own[seeds].values())[at].row
            for seeds, (values, _, _) in found.items()
            for at, value in enumerate(values)
            if value is None
        ]
        if gaps:
            table.note(_left_out(table, name, gaps, checkpoints))
            continue
        for _, rows, _ in found.values():
            table.accounts.use(rows)
        curves[name] = {seeds: values for seeds, (values, _, _) in found.items()}
        replaced[name] = [row for _, _, rows in found.values() for row in rows]
    if "test_score" in curves:
        _fill_test_scores(table, curves)
    return curves, replaced  # type: ignore[return-value]


def _left_out(table: TableRows, name: str, gaps: Sequence[int], checkpoints: Checkpoints) -> str:
    """That a measure is left out of a whole table, how much of it lacks, and what to do."""
    column, of_all = table.measures.others[name], sum(map(len, checkpoints.own.values()))
    cells = table.file.columns[column]
    beside = sum(cells[one.row] is not None for own in checkpoints.own.values() for one in own.values())
    if 2 * beside > of_all:
        rest = f"fill {'it' if len(gaps) == 1 else 'them'} in, or leave such rows out with --where '{column}!='"
    else:
        rest = "it takes one at every checkpoint"
    return (
        f"{name} ({column}) left out of the whole table: {len(gaps):,} of "
        f"{counted(of_all, 'checkpoint')} {'has' if len(gaps) == 1 else 'have'} none (the first: "
        f"{table.file.place[gaps[0]]}); {rest}"
    )


def _fill_test_scores(table: TableRows, curves: dict[str, Any]) -> None:
    """A test score that is no number is the worst there is, as a score is; where none is a number, there are none."""
    by_trial = curves["test_score"]
    finite = [value for values in by_trial.values() for value in values if math.isfinite(value)]
    gaps = sum(map(len, by_trial.values())) - len(finite)
    if not finite:
        table.note("test_score left out: none is a number")
        del curves["test_score"]
    elif gaps:
        worst = max(finite) if table.measures.negated else min(finite)
        table.note(f"{counted(gaps, 'test score')} without a number: taken for {worst:g}, the worst there is")
        for values in by_trial.values():
            values[:] = [value if math.isfinite(value) else worst for value in values]


def _at(
    table: TableRows, seeds: Seeds, name: str, own: Mapping[int, Checkpoint], shift: int
) -> tuple[list[float | None], list[int], list[int]]:
    """A trial's values at its own checkpoints, the rows used for them, and those that others replace. A train loss is
    the mean of what was logged since the checkpoint before, which is what a Trainer's losses are means of; of anything
    else there is one value a step, as there is one score."""
    steps = list(own)
    column = table.measures.others[name]
    found: list[dict[int, float]] = [{} for _ in steps]
    replaced: list[int] = []
    for row in table.trials[seeds]:
        value = table.file.number(column, row)
        if value is None:
            continue
        if name in LOSSES and value < 0:
            raise table.file.error(column, row, "a loss is never negative")
        if name in CURVES and not abs(value) <= 1:  # so that NaN fails, too
            raise table.file.error(column, row, "must be a number from -1 to 1")
        step = table.step(row) + shift
        at = bisect_left(steps, step)
        if at == len(steps) or step <= 0:
            continue
        here = own.get(step)
        if name == "train_loss":
            taken = here is None or row not in table.accounts.left  # left here: another row of this step
        else:
            taken = here is not None and not _scored_otherwise(table, row, here)
        if taken:
            found[at][row] = value
    if name != "train_loss":
        for values in filter(None, found):
            gone = _replaced(table, name, values)
            replaced += gone
            for row in gone:
                del values[row]
    used = [row for values in found for row in values if row not in table.accounts.left]
    return [_mean([*values.values()]) for values in found], used, replaced


def _scored_otherwise(table: TableRows, row: int, checkpoint: Checkpoint) -> bool:
    """Whether a row has another score than the one that is kept of its step: then nothing of the row is."""
    score = table.file.number(table.measures.score, row)
    return score is not None and not alike(score if math.isfinite(score) else math.nan, checkpoint.score)


def _replaced(table: TableRows, name: str, values: Mapping[int, float]) -> list[int]:
    """Row -> value, of one trial and step, in the file's order -> the rows whose value is not the one to keep."""
    rows, keep = list(values), table.options.keep
    kept = values[rows[-1 if keep == "last" else 0]]
    others = [row for row in rows if not alike(values[row], kept)]
    if others and keep is None:
        rule = (
            f"step {table.step(rows[0])} of this trial has a {name} already, in {table.file.place[rows[0]]} (--keep "
            "first or last)"
        )
        raise table.file.error(table.measures.others[name], others[0], rule)
    return others


def _mean(values: Sequence[float]) -> float | None:
    """Of values that may be one and the same, which is then not rounded."""
    return (values[0] if len({*values}) == 1 else sum(values) / len(values)) if values else None


def _scaled(table: TableRows, name: str, values: Sequence[float]) -> np.ndarray:
    factor = table.measures.sign_and_scale if name == "test_score" else 1.0
    return np.array([_times(value, factor) for value in values])


def _statuses(table: TableRows) -> dict[Seeds, str | None]:
    """What the file says of how each trial ended, in the schema's words; its last word counts. That a run finished does
    not say that it did not diverge, unless the file tells the two apart."""
    column = table.measures.others.get("status")
    if column is None:
        return dict.fromkeys(table.trials)
    values = table.file.columns[column]
    tells_apart = any(str(value).lower() == "diverged" for value in values)
    found: dict[Seeds, str | None] = {}
    for seeds, rows in table.trials.items():
        found[seeds] = None
        for row in rows:
            if values[row] is None:
                continue
            word = str(values[row]).lower()
            if word not in _WORDS:
                raise table.file.error(column, row, f"a status must be one of {', '.join(_WORDS)}")
            found[seeds] = None if _WORDS[word] == "finished" and not tells_apart else _WORDS[word]
    return found


def _status(table: TableRows, word: str | None, met_nan: bool, last: float | None) -> str | None:
    """The file's word, or what follows from what is recorded; None where neither tells.

    Args:
        table: of the trial.
        word: the file's.
        met_nan: whether a loss was no finite number.
        last: the score at the table's last checkpoint; None where the trial ended before.
    """
    if met_nan:
        return "failed" if word == "failed" else "diverged"
    majority = table.options.majority_score
    if word is not None or majority is None or last is None:
        return word
    above = majority - last if table.measures.negated else last - majority
    return "finished" if above > table.measures.tolerance else "diverged"


def _fields(table: TableRows) -> dict[Seeds, dict[str, Any]]:
    """Recipe fields and the like, of columns or given."""
    by_trial: dict[Seeds, dict[str, Any]] = {
        seeds: {name: _typed(name, text) for name, text in table.measures.values.items()} for seeds in table.trials
    }
    for name, column in table.measures.others.items():
        if name not in FIELDS or name in CURVES:
            continue
        values = table.file.columns[column]
        known = {seeds: [row for row in rows if values[row] is not None] for seeds, rows in table.trials.items()}
        together = [row for rows in known.values() for row in rows]
        for seeds, rows in known.items():
            some = together if name in _RECIPE else rows  # a recipe is that of all trials of a table
            if other := [row for row in some if values[row] != values[some[0]]]:
                whose = f"all trials of {table.name}" if name in _RECIPE else "all rows of a trial"
                rule = f"{name} must be the same in {whose}, or given (--field {name}=VALUE)"
                raise table.file.error(column, other[0], rule)
            if some:
                by_trial[seeds][name] = _typed(name, str(values[some[0]]))
    return by_trial


def _typed(name: str, text: str) -> Any:
    """A field's value from its text."""
    kind = FIELDS[name]
    try:
        if kind == "bool":
            return {"true": True, "false": False}[text.lower()]
        if kind.startswith("int"):
            if not float(text).is_integer():
                raise ValueError
            return int(float(text)) if "." in text or "e" in text.lower() else int(text)
        return float(text) if kind.startswith("float") else text
    except (KeyError, ValueError, OverflowError):
        raise TrialSetError(f"--field {name}: must be {kind}, found {text[:80]!r}") from None


def _rest(table: TableRows, replaced: Mapping[str, Sequence[int]]) -> None:
    """Names the values that others of their step replace, and the rows of which nothing was used."""
    accounts = table.accounts
    for name, rows in replaced.items():
        column, why = table.measures.others[name], f"another {name} of the same step is kept"
        unused = [row for row in rows if row not in accounts.used | accounts.left]
        accounts.leave(unused, f"{table.name}: {why}; {score_range(table.file, column, unused, 'value')}")
        if beside := [row for row in rows if row not in unused]:
            first, values = table.file.place[beside[0]], score_range(table.file, column, beside, "value")
            table.note(f"{counted(len(beside), 'value')} not used (the first: {first}): {why}; {values}")
    named = accounts.used | accounts.left
    rest = [row for rows in table.trials.values() for row in rows if row not in named]
    columns = [table.measures.score, *(column for name, column in table.measures.others.items() if name not in FIELDS)]
    measured = [row for row in rest if any(table.file.columns[column][row] is not None for column in columns)]
    accounts.leave(measured, f"{table.name}: at steps without a score, or of a measure that is left out")
    accounts.leave(sorted({*rest} - {*measured}), f"{table.name}: with nothing that was named")
