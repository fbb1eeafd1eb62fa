"""Dev and test examples of a task, and what was predicted of each: added to its tables."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seedbench.errors import TrialSetError
from seedbench.metrics import OF_ANY_LABELS
from seedbench.trialset.lists import curves_of
from seedbench.trialset.rows import first_twice, require_rows, require_trials
from seedbench.trialset.schema import EXAMPLE_SPLITS
from seedbench.trialset.table import TrialTable, majority_score_of

if TYPE_CHECKING:
    import pyarrow as pa


def with_examples(tables: list[TrialTable], split: pa.Table, where: str) -> list[TrialTable]:
    """A task's tables with the labels of its examples, and the majority score that follows where none is recorded.

    Raises:
        TrialSetError: the split of `examples` is malformed, or lacks the test set of a table.
    """
    task = tables[0].task
    tasks, splits = (np.array(split.column(name).to_pylist(), dtype=object) for name in ("task", "split"))
    require_rows(tasks == task, f"{where} column 'task'", f"must be {task!r}", tasks)
    order = np.select([splits == name for name in EXAMPLE_SPLITS], [0, 1], -1)
    rule = f"must be {' or '.join(EXAMPLE_SPLITS)}, in this order"
    require_rows((order >= 0) & (np.diff(order, prepend=0) >= 0), f"{where} column 'split'", rule, splits)
    example, label = split.column("example").to_numpy(), split.column("label").to_numpy()
    labels = _labels(tables)
    require_rows((label >= 0) & (label < labels), f"{where} column 'label'", f"must be {_up_to(labels)}", label)
    dev, test = example[order == 0], example[order == 1]
    rule = "must count the rows of validation from 0"
    require_rows(dev == np.arange(len(dev)), f"{where} column 'example'", rule, dev)
    require_rows(np.diff(test, prepend=-1) > 0, f"{where} column 'example'", "must rise in test, from 0", test)
    of_splits = {name: label[order == number] for number, name in enumerate(EXAMPLE_SPLITS)}
    for name, of_split in of_splits.items():
        if (of_split.size or name == "validation") and len(np.unique(of_split)) < 2:
            raise TrialSetError(f"{where} column 'label': two labels or more must occur in {name}")
    complete = []
    for table in tables:
        if table.test_score is not None and not test.size:
            raise TrialSetError(f"{where} column 'split': has no test, but {table.name} has a test_score")
        majority = table.majority_score
        if np.isnan(majority) and table.scored_by is not None:
            majority = majority_score_of(table.scored_by, of_splits["validation"])
        complete.append(
            replace(
                table,
                label=of_splits["validation"],
                test_label=None if table.test_score is None else of_splits["test"],
                majority_score=majority,
            )
        )
    return complete


def _up_to(labels: int) -> str:
    """What a label may be."""
    return "0 or 1" if labels == 2 else f"0 to {labels - 1}"


def _labels(tables: list[TrialTable]) -> int:
    """The number of labels of a task, which all of its tables have.

    Raises:
        TrialSetError: it is not recorded, not the same in all, or a score is a metric of two labels for more.
    """
    for table in tables:
        if table.labels is None or table.labels != tables[0].labels:
            raise TrialSetError(
                f"{table.name}: examples need num_labels, the same in all tables of a task that is not GLUE's; found "
                f"{table.labels} and {tables[0].labels}"
            )
        if table.labels > 2 and table.scored_by not in (None, *OF_ANY_LABELS):
            raise TrialSetError(f"{table.name}: {table.scored_by} is of two labels, and the task has {table.labels}")
    assert tables[0].labels is not None
    return tables[0].labels


def with_predictions(tables: list[TrialTable], split: pa.Table, where: str) -> list[TrialTable]:
    """A task's tables, which have labels, with what was predicted of the examples.

    Raises:
        TrialSetError: the split of `predictions` is malformed, or does not fit the tables.
    """
    names = split.column("trial_id").to_pylist()
    position = {name: row for row, name in enumerate(names)}
    if len(position) != len(names):
        raise TrialSetError(f"{where} column 'trial_id': {first_twice(names)!r} is there twice")
    known = {name for table in tables for name in table.trial_id}
    for missing, what in ((known - set(position), "is missing"), (set(position) - known, "is not in trials")):
        if missing:
            raise TrialSetError(f"{where}: trial {min(missing)!r} {what}")
    examples = {"predicted_label": "label", "test_predicted_label": "test_label"}
    found = {}
    for column, of in examples.items():
        if split.column(column).null_count == split.num_rows:
            continue
        widths = [len(label) for table in tables if (label := getattr(table, of)) is not None]
        if not widths:
            raise TrialSetError(f"{where} column {column!r}: no table of {tables[0].task} has a test_score")
        curves = curves_of(split.column(column), f"{where} column {column!r}", widths[0])
        labels = _labels(tables)
        if curves.values.size and not -1 <= curves.values.min() <= curves.values.max() < labels:
            worst = curves.values.min() if curves.values.min() < -1 else curves.values.max()
            raise TrialSetError(f"{where} column {column!r}: must be -1, {_up_to(labels)}, found {worst}")
        found[column] = curves
    complete = []
    for table in tables:
        rows = np.array([position[trial] for trial in table.trial_id])
        arrays: dict[str, Any] = {}
        for column, curves in found.items():
            if curves.null[rows].all():
                continue
            rule = f"must have the {table.num_checkpoints} checkpoints of trials, or those up to ended_at"
            require_trials(curves.length[rows] == table.ended_at, f"{where} column {column!r}", rule, table.trial_id)
            arrays[column] = curves.filled(rows, table.num_checkpoints)
        complete.append(replace(table, **arrays))
    return complete
