"""`Evaluation.campaigns`: what came out of each campaign of one strategy, as columns, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from seedbench.errors import SelectionError
from seedbench.evaluation.numbers import Row
from seedbench.evaluation.scores import TableScores
from seedbench.replay import Outcomes, ReplayOptions, prepare
from seedbench.trialset import TrialTable

Columns = Mapping[str, np.ndarray]

_OF_TABLE = ("model", "task", "recipe")
_SEEDS = ("weight_init_seed", "data_order_seed")
_SEEN = ("rows_seen", "columns_seen")
# Those that are in `Outcomes` by the same name.
_COUNTED = ("checkpoint", "trials_started", "steps_spent", "validations")
#: Of each column the kinds of array, as NumPy has them, that it may be.
_KINDS = {
    **dict.fromkeys((*_OF_TABLE, *_SEEN), "O"),
    **dict.fromkeys(("score", "validation_score"), "f"),
    **dict.fromkeys(("budget", "replicate", *_SEEDS, *_COUNTED), "iu"),
}


def columns_of(every: Sequence[TableScores]) -> dict[str, np.ndarray]:
    """Of the first strategy: one entry per table, budget and replicate, in that order."""
    parts = []
    for one in every:
        table, replayed = one.table, one.replays[0]
        budgets, replicates = replayed.score.shape
        count = budgets * replicates
        trial = replayed.trial.ravel()
        parts.append(
            {
                "model": np.full(count, table.model, dtype=object),
                "task": np.full(count, table.task, dtype=object),
                "recipe": np.full(count, table.recipe, dtype=object),
                "budget": np.repeat(np.array(replayed.budgets), replicates),
                "replicate": np.tile(np.arange(replicates), budgets),
                "score": replayed.score.ravel(),
                "validation_score": replayed.validation_score.ravel(),
                "weight_init_seed": table.weight_init_seeds[table.row[trial]],
                "data_order_seed": table.data_order_seeds[table.column[trial]],
                "checkpoint": replayed.checkpoint.ravel(),
                "trials_started": replayed.trials_started.ravel(),
                "steps_spent": replayed.steps_spent.ravel(),
                "validations": replayed.validations.ravel(),
                **{name: _bytes(getattr(replayed, name)) for name in _SEEN},
            }
        )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def refuse_others(columns: Columns, rows: Sequence[Row], replicates: int) -> None:
    """Refuses columns, read from somewhere, that are not of the very campaigns of which an evaluation has the numbers.

    Args:
        columns: what should be its `Evaluation.campaigns`.
        rows: of the evaluation.
        replicates: of the evaluation.

    Raises:
        SelectionError: a column is missing or of another kind; other tables, budgets or replicates; other means.
    """
    for name, kinds in _KINDS.items():
        if name not in columns or columns[name].dtype.kind not in kinds:
            raise SelectionError(f"these are no campaigns: column {name} is missing, or of another kind")
    if any(set(map(type, columns[name])) - {bytes} for name in _SEEN):  # a loop over all of them takes seconds
        raise SelectionError(f"these are no campaigns: {' and '.join(_SEEN)} must be bytes")
    if (found := len(columns["replicate"])) != len(rows) * replicates:
        raise SelectionError(f"must be {len(rows):,} × {replicates:,} campaigns, found {found:,}")
    wanted = {
        name: np.repeat(np.array([getattr(row, name) for row in rows]), replicates) for name in (*_OF_TABLE, "budget")
    }
    wanted["replicate"] = np.tile(np.arange(replicates), len(rows))
    for name, values in wanted.items():
        if not np.array_equal(columns[name], values):
            raise SelectionError(f"column {name} is not that of the evaluation")
    for name in ("trials_started", "validations"):
        means = columns[name].reshape(len(rows), replicates).mean(axis=1)
        if not np.allclose(means, [getattr(row, name) for row in rows], rtol=1e-9):
            raise SelectionError(f"the means of {name} are not those of the evaluation: they are of another one")


def of_table(columns: Columns, table: TrialTable, replicates: int) -> dict[str, np.ndarray] | None:
    """The columns of one table, each [budgets, replicates]; seeds that were seen are uint8 [..., bytes].

    Returns:
        None where there is nothing of it.

    Raises:
        SelectionError: they are not of all these replicates, in order, under one budget after the other; or not all
            have seen seeds of one grid.
    """
    key = np.array([getattr(table, name) for name in _OF_TABLE], dtype=object)
    rows = np.flatnonzero((np.stack([columns[name] for name in _OF_TABLE], axis=1) == key).all(axis=1))
    if not rows.size:
        return None
    own = {name: values[rows] for name, values in columns.items() if name not in _OF_TABLE}
    budgets = np.unique(own["budget"])
    wanted = np.repeat(budgets, replicates), np.tile(np.arange(replicates), budgets.size)
    if not all(np.array_equal(own[name], of) for name, of in zip(("budget", "replicate"), wanted, strict=True)):
        raise SelectionError(f"{table.name}: these are not {replicates:,} campaigns, in order, under every budget")
    shape = (budgets.size, replicates)
    return {
        name: _packed(values).reshape(*shape, -1) if name in _SEEN else values.reshape(shape)
        for name, values in own.items()
    }


def outcomes_by_table(columns: Columns, tables: Sequence[TrialTable], options: ReplayOptions) -> dict[str, Outcomes]:
    """What a replay found, by the names of its tables, from the columns of its evaluation.

    Args:
        columns: `Evaluation.campaigns`.
        tables: with the same content as then; those on which nothing ran are left out.
        options: how it was replayed.

    Raises:
        SelectionError: they are of other replicates, or keep what a table has not.
    """
    found = {table.name: (table, of_table(columns, table, options.replicates)) for table in tables}
    return {name: _outcomes(table, own, options) for name, (table, own) in found.items() if own is not None}


def _outcomes(table: TrialTable, own: Columns, options: ReplayOptions) -> Outcomes:
    row, column = (np.searchsorted(getattr(table, f"{name}s"), own[name]) for name in _SEEDS)
    trial = table.trial_at(row, column)
    there = (trial >= 0) & (own["checkpoint"] >= 0) & (own["checkpoint"] < table.num_checkpoints)
    for name, place in zip(_SEEDS, (table.row, table.column), strict=True):
        there &= getattr(table, f"{name}s")[place[trial]] == own[name]
    if not there.all():
        raise SelectionError(f"{table.name}: has not all the trials and checkpoints that these campaigns keep")
    drawn = prepare(table, seed=options.seed, replicates=range(options.replicates), protocol=options.protocol)
    return Outcomes(
        trial=trial[None],
        **{name: own[name][None] for name in (*_COUNTED, *_SEEN)},
        first=drawn.order[:, : own["budget"].max()].T,
    )


def _bytes(packed: np.ndarray) -> np.ndarray:
    """uint8 [budgets, replicates, bytes] -> object [budgets x replicates], bytes of a bit for each seed."""
    found = np.empty(packed.shape[0] * packed.shape[1], dtype=object)
    found[:] = [row.tobytes() for row in packed.reshape(len(found), -1)]
    return found


def _packed(seen: np.ndarray) -> np.ndarray:
    """Bytes [n] -> uint8 [n, bytes].

    Raises:
        SelectionError: some are longer than others.
    """
    if len(set(map(len, seen.tolist()))) > 1:
        raise SelectionError("campaigns on one table have seen seeds of one grid, and these have not")
    return np.frombuffer(b"".join(seen.tolist()), dtype=np.uint8).reshape(len(seen), -1)
