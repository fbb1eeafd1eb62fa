"""Which column is which measure: named by options, never taken because of what a column happens to be called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from seedbench.errors import TrialSetError
from seedbench.trialset.importing.options import FIELDS, NAMES, SEEDS, ImportOptions
from seedbench.trialset.importing.reading import CurveFile
from seedbench.trialset.importing.units import steps_in_one
from seedbench.trialset.schema import NEGATED

_SHOWN = 5
_OTHERS = ("test_score", "validation_loss", "train_loss", "status")
_NOT_IN_A_NAME = re.compile(r"[^\w.+/:@=-]+", re.ASCII)


@dataclass(frozen=True)
class Measures:
    """Columns of a file.

    Attributes:
        step: of training steps done.
        score: on the dev set.
        others: test_score, validation_loss, train_loss, status and fields of the schema -> their columns.
        values: fields of the schema -> a value that all trials have.
        score_name: what the trial set calls the score, with the sign.
        sign_and_scale: what the file's scores are multiplied by.
        steps_in_one: what the file's steps are multiplied by.
        tolerance: scores of the file that differ by no more are the same, as far as their decimals tell.
    """

    step: str
    score: str
    others: dict[str, str]
    values: dict[str, str]
    score_name: str
    sign_and_scale: float
    steps_in_one: int
    tolerance: float

    @property
    def negated(self) -> bool:
        """Whether a score is the negative of what the file has."""
        return self.sign_and_scale < 0

    @property
    def columns(self) -> set[str]:
        return {self.step, self.score, *self.others.values()}


def find_measures(file: CurveFile, options: ImportOptions) -> Measures:
    """Finds them in a file of which `require` holds.

    Raises:
        TrialSetError: a column is not there.
    """
    step, score = _step(file, options), score_column(file, options)
    assert step is not None and score is not None, "require comes first"
    named = {meaning: getattr(options, meaning) for meaning in _OTHERS}
    others = {meaning: column for meaning, column in named.items() if column is not None}
    for meaning, column in {"step": step, "score": score, **others}.items():
        if column not in file.columns:
            raise file.absent(column, f"--{meaning.replace('_', '-')}")
    others |= {name: given for name, given in options.fields.items() if given in file.columns}
    values = {name: given for name, given in options.fields.items() if given not in file.columns}
    for name, given in values.items():
        if FIELDS[name].startswith("list<"):
            raise file.absent(given, f"--field {name}=COLUMN")
    negated = options.minimize or file.minimize
    return Measures(
        step,
        score,
        others,
        values,
        _score_name(score, negated),
        -options.scale if negated else options.scale,
        steps_in_one(file, step),
        _tolerance(file, score, options),
    )


def require(file: CurveFile, options: ImportOptions) -> None:
    """Sees to it that it is known which columns are what, as far as that can be told before any value is read.

    Raises:
        TrialSetError: something must be said; with all that must be, and some of the columns that there are.
    """
    pattern = options.seeds_from or ""
    seeds = {"seed", *SEEDS} & set(file.columns) or options.weight_init_seed or options.data_order_seed
    said = {
        "--step": _step(file, options),
        "--score": score_column(file, options),
        "--weight-init-seed and --data-order-seed (or --run)": seeds or options.run or file.run is not None or pattern,
        **{
            f"--{name}": getattr(options, name)
            or name in file.columns
            or f"{{{name}}}" in pattern
            or f"<{name}>" in pattern
            for name in NAMES
        },
    }
    if missing := [option for option, known in said.items() if not known]:
        names = list(file.metrics if missing[0] == "--score" and file.metrics else filter(None, file.columns))
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise TrialSetError(
            f"{file.path}: read as layout {file.layout}; say with {', '.join(missing)} what is what: there are "
            f"{', '.join(names[:_SHOWN])}{more}"
        )


def _step(file: CurveFile, options: ImportOptions) -> str | None:
    return options.step or file.step or ("step" if "step" in file.columns else None)


def score_column(file: CurveFile, options: ImportOptions) -> str | None:
    """The column that is called so; else the only one that measures something, where the layout tells."""
    alone = file.metrics[0] if len(file.metrics) == 1 else None
    return options.score or ("score" if "score" in file.columns else alone)


def _score_name(column: str, negated: bool) -> str:
    """As the schema writes it."""
    name = _NOT_IN_A_NAME.sub("_", column).lstrip(".+/:@=-")[:79] or "score"
    return f"{NEGATED if negated else ''}{name}"


def _tolerance(file: CurveFile, score: str, options: ImportOptions) -> float:
    """Half of the last decimal of the coarser of the scores and the majority score, never more than half of the fourth
    decimal of a score: 0.5270758 and a file's 0.527076 are the same."""
    if options.majority_score is None:
        return 0.0
    decimals = min(file.decimals(score), _decimals(options.majority_score))
    return min(0.5 * 10.0**-decimals, 5e-5 / options.scale) * (1 + 1e-9)


def _decimals(number: float) -> int:
    text = f"{number!r}"
    return len(text.partition(".")[2]) if "e" not in text else 17
