"""What a person says about a file of curves: once, checked, in one object."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from seedbench.errors import TrialSetError
from seedbench.trialset.schema import CONFIGS

#: Layout -> how it is recognised.
LAYOUTS = {
    "long": "one row per trial and logged step, a column a measure",
    "names": "a column of names (key, tag, metric) and one of values, as MLflow's metrics",
    "charts": "a column a run, '<run> - <metric>', as a Weights & Biases chart is exported",
    "wide": "a column a run, and one of steps; never guessed",
    "optuna": "Optuna's trials_dataframe with intermediate_values_<step>, or a study",
    "scalars": "TensorBoard's CSV: Wall time, Step, Value; a file a run and tag",
    "trainer": "trainer_state.json of a transformers Trainer, or its log_history",
    "events": "TensorBoard event files; a folder a run",
}
SEEDS = ("weight_init_seed", "data_order_seed")
NAMES = ("model", "task", "recipe")
CURVES = ("accuracy", "f1", "matthews_correlation")
_OTHERS = ("status", "ended_at", "score_name", "majority_score", "train_loss", "validation_loss", "test_score")
#: What `fields` may name: whatever else of the schema a trial may have, with its type.
FIELDS = {
    column.name: column.type
    for column in CONFIGS["trials"].columns
    if column.nullable and column.name not in _OTHERS and (column.name in CURVES or "list<" not in column.type)
}
_CONDITION = re.compile(r"(.+?)(!=|=)(.*)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """How to read a file of curves. What is None is found by itself or is not used.

    Attributes:
        layout: one of `LAYOUTS`; None: recognised by its columns and files.
        model, task, recipe: a column, or the name itself; None: the column of that name, or what `seeds_from` finds.
        weight_init_seed, data_order_seed: a column of seeds, or of any labels; both may be the same one.
        run: a column that names the run, where no file does.
        seeds_from: a pattern of run names, as `wi{weight_init_seed}_do{data_order_seed}` or `seed-{seed}`, a name in
            braces standing for letters and digits; or a regular expression with named groups.
        step: the column of training steps done.
        score: the column of scores on the dev set.
        test_score: likewise on the test set.
        validation_loss, train_loss: columns of losses.
        status: a column that says how a run ended.
        minimize: the score is better the lower it is.
        scale: what scores are multiplied by: 0.01 for percent.
        majority_score: of always predicting the commoner label, in the file's units; None: unknown.
        fields: a column of the schema -> a column of the file, or the value itself.
        where: `column=value` or `column!=value`; only such rows are read.
        ignore: columns that are taken for not there.
        leave_out: files of a folder that are not read: a path in it, or a pattern with `*`.
        empty_is_nan: an empty score at a step where other trials have one is NaN, as pandas writes it.
        common_steps: cut all trials of a table to the steps that they share.
        keep: `first` or `last` of two scores at one step; None: they are refused.
        study: which study of a storage.
        name: of the trial set; None: that of its folder.
        version: of the data.

    Raises:
        TrialSetError: a value that cannot be.
    """

    layout: str | None = None
    model: str | None = None
    task: str | None = None
    recipe: str | None = None
    weight_init_seed: str | None = None
    data_order_seed: str | None = None
    run: str | None = None
    seeds_from: str | None = None
    step: str | None = None
    score: str | None = None
    test_score: str | None = None
    validation_loss: str | None = None
    train_loss: str | None = None
    status: str | None = None
    minimize: bool = False
    scale: float = 1.0
    majority_score: float | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    where: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    empty_is_nan: bool = False
    common_steps: bool = False
    keep: str | None = None
    study: str | None = None
    name: str | None = None
    version: str = "1.0.0"

    def __post_init__(self) -> None:
        if self.layout is not None and self.layout not in LAYOUTS:
            raise TrialSetError(f"--layout: must be one of {', '.join(LAYOUTS)}, found {self.layout!r}")
        if not (0 < self.scale < math.inf):
            raise TrialSetError(f"--scale: must be a number above 0, found {self.scale:g}")
        if self.majority_score is not None and not math.isfinite(self.majority_score):
            raise TrialSetError(f"--majority-score: must be a finite number, found {self.majority_score}")
        if self.keep not in (None, "first", "last"):
            raise TrialSetError(f"--keep: must be first or last, found {self.keep!r}")
        for name in self.fields:
            if name not in FIELDS:
                raise TrialSetError(f"--field: there is no field {name!r}; there are {', '.join(FIELDS)}")
        for condition in self.where:
            if not _CONDITION.fullmatch(condition):
                raise TrialSetError(f"--where: must be COLUMN=VALUE or COLUMN!=VALUE, found {condition!r}")

    @property
    def conditions(self) -> tuple[tuple[str, bool, str], ...]:
        """Of `where`: column, whether it must be equal, value."""
        found = (_CONDITION.fullmatch(condition) for condition in self.where)
        return tuple((one[1].strip(), one[2] == "=", one[3].strip()) for one in found if one)
