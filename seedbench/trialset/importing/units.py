"""What scores and steps of a file are counted in, and which way is better: read where there is no doubt, else asked."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.trialset.importing.reading import CurveFile

#: Parts of names of measures that are better low, and of those that are better high.
_LOW = re.compile(
    r"(?<![a-z])(perplexity|ppl|\w*loss|error|err|wer|cer|ter|eer|rmse|mse|mae|nll|bpb|bpc|cross[ _-]?entropy)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_HIGH = re.compile(
    r"(?<![a-z])(accuracy|acc|f1|auc|auroc|mcc|matthews\w*|bleu|rouge\w*|precision|recall|pearsonr?|spearmanr?)"
    r"(?![a-z])",
    re.IGNORECASE,
)
_LARGEST_DENOMINATOR = 1000
_AS_WRITTEN = 2e-6  # an epoch that is a third is written 0.333333
_FRACTIONS = 1.0, 100.0  # a share of a whole at most, and in percent


def without_percent(file: CurveFile, columns: Sequence[str], scale: float) -> CurveFile:
    """Numbers of these columns without their percent signs: 75.46% is 75.46 of the file's units, which --scale 0.01
    makes 0.7546.

    Raises:
        TrialSetError: some have a sign and some have none, or nobody said what they are to be multiplied by.
    """
    changed = {}
    for column in columns:
        values = file.columns[column]
        signed = [row for row, value in enumerate(values) if isinstance(value, str) and value.endswith("%")]
        if not signed:
            continue
        if scale == 1:
            raise file.error(column, signed[0], "must be a number, not percent", "--scale 0.01 reads percent")
        plain = sorted({row for row, value in enumerate(values) if value is not None} - set(signed))
        if plain:
            rule = f"must be percent, as {file.place[signed[0]]} is ({values[signed[0]]})"
            raise file.error(column, plain[0], rule, "write all of the column in one way")
        changed[column] = [value if value is None else value[:-1].rstrip() for value in values]
    return replace(file, columns=file.columns | changed) if changed else file


def steps_in_one(file: CurveFile, step: str) -> int:
    """How many steps one of the file's units is: 1; or 4, where epochs are counted in quarters.

    Raises:
        TrialSetError: epochs are no fractions with a small denominator.
    """
    if "epoch" not in step.lower():
        return 1
    rows = [row for row, value in enumerate(file.columns[step]) if value is not None]
    numbers = {row: number for row in rows if math.isfinite(number := file.number(step, row) or 0.0)}
    values = np.unique(np.array(list(numbers.values())))
    values = values[np.abs(values) < 2**31]
    for parts in range(1, _LARGEST_DENOMINATOR + 1):
        if (np.abs(values * parts - np.round(values * parts)) <= _AS_WRITTEN * parts * (parts > 1)).all():
            return parts
    odd = next(row for row, number in numbers.items() if number != int(number))
    rule = f"must be whole epochs, or fractions with a denominator up to {_LARGEST_DENOMINATOR:,}"
    raise file.error(step, odd, rule, "name the column of training steps with --step")


def direction_note(score: str, negated: bool) -> str:
    """A question, where a column is called as if it were better the other way; else nothing."""
    if not negated and _LOW.search(score):
        return f"{score} is taken for better the higher it is; if it is better low, as its name sounds, add --minimize"
    if negated and _HIGH.search(score) and not _LOW.search(score):
        return f"{score} is taken for better the lower it is (--minimize), which its name does not sound like"
    return ""


def check_majority(majority: float, scores: Sequence[float], minimize: bool, table: str) -> None:
    """Refuses a majority score that cannot be of the same measure as a table's scores, both in the file's units.

    Raises:
        TrialSetError: it is in other units, or has the other sign.
    """
    low, high = min(scores), max(scores)
    share, percent = _FRACTIONS
    if minimize:
        wrong = majority < 0 <= low
    else:
        wrong = (-share <= low and high <= share < abs(majority)) or (
            share < low and high <= percent and 0 < majority <= share
        )
    if wrong:
        raise TrialSetError(
            f"--majority-score: must be in the units of the file's scores, which in {table} are {low:g} to {high:g}, "
            f"found {majority:g}"
        )
