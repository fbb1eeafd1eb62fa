"""Which trial a row is of: model, task, recipe and the two seeds, from columns, from the run's name, or given."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seedbench.errors import TrialSetError
from seedbench.text import counted
from seedbench.trialset.importing.options import NAMES, SEEDS, ImportOptions
from seedbench.trialset.importing.reading import CurveFile
from seedbench.trialset.schema import NAME, NAME_RULE, TASK_NAME

_NAME_RULES = {"model": (NAME, NAME_RULE), "task": (TASK_NAME, "small letters and digits"), "recipe": (NAME, NAME_RULE)}
_BRACES = re.compile(r"\{(\w+)\}")
_SEED_IN_NAME = re.compile(r"seed[-_=]?(?P<seed>\d+)(?!\d)", re.IGNORECASE)
_SHOWN = 3


@dataclass(frozen=True)
class Naming:
    """The trial of each row.

    Attributes:
        table: model, task, recipe of each row.
        seeds: weight-init and data-order seed of each row.
        labels: of each axis, what a seed's number was made of; empty where the numbers are the file's own.
        columns: those of the file that were used.
        notes: what a reader should know.
    """

    table: Sequence[tuple[str, str, str]]
    seeds: Sequence[tuple[int, int]]
    labels: tuple[Mapping[int, str], Mapping[int, str]]
    columns: frozenset[str]
    notes: tuple[str, ...]


def name_trials(file: CurveFile, options: ImportOptions) -> Naming:
    """Finds the trial of each row.

    Raises:
        TrialSetError: a name or a seed is not to be had, or is none.
    """
    runs = file.run
    if options.run is not None:
        if options.run not in file.columns:
            raise file.absent(options.run, "--run")
        runs = [str(value) for value in file.columns[options.run]]
    found = _found(file, runs, options.seeds_from)
    used = {options.run} if options.run else set()
    names = [_name(file, meaning, getattr(options, meaning), found, used) for meaning in NAMES]
    notes: list[str] = []
    axes, labels, taken = [], [], []
    for meaning in SEEDS:
        values, source = _seed_values(
            file, meaning, getattr(options, meaning), found, runs, options.seeds_from is not None
        )
        if source in file.columns:
            used.add(source)
        numbers, text_of = _numbered(file, values, source)
        if text_of and source not in taken:
            shown = [f"{text} is {number}" for number, text in list(text_of.items())[:_SHOWN]]
            more = ["…"] * (len(text_of) > _SHOWN)
            notes.append(f"{source}: {counted(len(text_of), 'label')}, numbered as seeds: {', '.join(shown + more)}")
        axes.append(numbers)
        labels.append(text_of)
        taken.append(source)
    if taken[0] == taken[1]:
        notes.append(f"one seed a trial ({taken[0]}) for both weight initialisation and data order")
    return Naming(
        list(zip(*names, strict=True)),
        list(zip(*axes, strict=True)),
        (labels[0], labels[1]),
        frozenset(used),
        tuple(notes),
    )


def _found(file: CurveFile, runs: Sequence[str] | None, pattern: str | None) -> dict[str, list[str]]:
    """Group of the pattern -> what it is in each row's run; without one, the number after `seed`, if all have it."""
    if pattern is None:
        matches = {run: _SEED_IN_NAME.search(run) for run in set(runs or ())}
        seeds = {run: match["seed"] for run, match in matches.items() if match}
        if runs is None or len(seeds) < len(matches) or len(set(seeds.values())) < len(seeds):
            return {}
        return {"seed": [seeds[run] for run in runs]}
    if runs is None:
        raise TrialSetError(f"{file.path}: --seeds-from needs names of runs: name their column with --run")
    compiled = _compiled(pattern)
    of_run = {run: compiled.search(run) for run in dict.fromkeys(runs)}
    for run, match in of_run.items():
        if match is None or None in match.groupdict().values():
            raise TrialSetError(f"{file.path}: --seeds-from {pattern!r} must match every run's name, not so {run!r}")
    return {name: [str(of_run[run][name]) for run in runs] for name in compiled.groupindex}  # type: ignore[index]


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern with names in braces, or a regular expression with named groups."""
    known = {*SEEDS, *NAMES, "seed"}
    parts = _BRACES.split(pattern)
    regular = "(?P<" in pattern
    text = (
        pattern
        if regular
        else "".join(
            f"(?P<{part}>[A-Za-z0-9]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)
        )
    )
    try:
        compiled = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise TrialSetError(f"--seeds-from: not a pattern ({error}), found {pattern!r}") from None
    if not compiled.groupindex or not known >= set(compiled.groupindex):
        rule = "must have some of {" + "}, {".join(sorted(known)) + "}, and no others"
        raise TrialSetError(f"--seeds-from: {rule}, found {pattern!r}")
    return compiled


def _name(
    file: CurveFile, meaning: str, given: str | None, found: Mapping[str, list[str]], used: set[str]
) -> list[str]:
    """A model, task or recipe of each row."""
    option = f"--{meaning}"
    pattern, rule = _NAME_RULES[meaning]
    column = given or meaning
    there = sorted({str(value) for value in file.columns.get(meaning, ()) if value is not None})
    if given and column not in file.columns and len(there) > 1:
        shown = ", ".join(there[:_SHOWN]) + (", …" if len(there) > _SHOWN else "")
        raise TrialSetError(
            f"{file.path}: {option} {given} would make one {meaning} of the {len(there)} that column {meaning!r} has: "
            f"{shown}; leave {option} out, or take some with --where {meaning}=…, or --ignore {meaning}"
        )
    if column not in file.columns and (given or meaning in found):
        values = [given] * len(file.place) if given else found[meaning]
        for value in values:
            if not pattern.fullmatch(str(value)):
                absent = ", which is no column either" if given else ""
                raise TrialSetError(f"{option}: a {meaning} must be {rule}, found {value!r}{absent}")
        return [str(value) for value in values]
    used.add(column)
    for row, value in enumerate(file.columns[column]):
        if value is None or not pattern.fullmatch(str(value)):
            raise file.error(column, row, f"a {meaning} must be {rule} (or give it with {option})")
    return [str(value) for value in file.columns[column]]


def _seed_values(
    file: CurveFile,
    meaning: str,
    given: str | None,
    found: Mapping[str, list[str]],
    runs: Sequence[str] | None,
    asked: bool,
) -> tuple[Sequence[object], str]:
    """What tells the seed of each row, and what that is called; a pattern that was asked for goes before columns."""
    option = f"--{meaning.replace('_', '-')}"
    if given is not None:
        if given not in file.columns:
            raise file.absent(given, option)
        return file.columns[given], given
    own, both = found.get(meaning), found.get("seed")
    if own or (both and asked):
        return own or both or (), f"{meaning if own else 'seed'} in the names of runs"
    for column in (meaning, "seed"):
        if column in file.columns:
            return file.columns[column], column
    if both:
        return both, "seed in the names of runs"
    if runs is not None:
        return runs, "run"
    raise file.absent(meaning, f"{option}, or the runs with --run")


def _numbered(file: CurveFile, values: Sequence[object], source: str) -> tuple[list[int], dict[int, str]]:
    """Seeds as they are, where all are whole numbers; labels numbered from 0 in their natural order. Names of runs that
    are one number written in two ways, 1 and 01, are labels: they are two runs."""
    for row, value in enumerate(values):
        if value is None:
            raise file.error(source, row, "must be a seed or a label")
    if source in file.columns and all(map(_is_number, values)):
        return [file.integer(source, row) for row in range(len(values))], {}
    texts = [str(value) for value in values]
    if all(text.isascii() and text.isdecimal() and int(text) < 2**63 for text in texts):
        numbers = [int(text) for text in texts]
        if len({*numbers}) == len({*texts}):
            return numbers, {}
    order = {text: number for number, text in enumerate(sorted(set(texts), key=lambda text: (_natural(text), text)))}
    return [order[text] for text in texts], {number: text for text, number in order.items()}


def _is_number(value: object) -> bool:
    text = str(value).replace(",", ".")
    try:
        return not isinstance(value, bool) and "_" not in text and math.isfinite(float(text))  # Python takes 0_1 for 1
    except ValueError:
        return False


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Digits are compared as numbers: run-2 before run-10."""
    parts = re.split(r"([0-9]{1,18})", text)
    return [(1, int(part), "") if number % 2 else (0, 0, part) for number, part in enumerate(parts)]
