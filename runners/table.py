"""A trial table to be made: what its trials share, which cells it has, and in which blocks they are trained."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from runners.data.reading import Dataset, check_task
from runners.data.recipe import Recipe, get_recipe
from runners.data.seeds import drawn_seeds
from runners.errors import RunnerError
from runners.trial_log import Cell, log_path, read_record
from seedbench.errors import CannotWrite
from seedbench.files import make_folder, write_new_file
from seedbench.trialset import load_trials

ENGINES = ("reference", "stacked")
KEY = "random_seeds.key"  # in a folder of logs: what its `random:N` seeds follow from


class TableError(RunnerError):
    """A table that cannot be as described; the message names the option and the value."""


@dataclass(frozen=True, kw_only=True)
class TableSpec:
    """What all trials of a table share, and how they are run.

    Attributes:
        model: a folder or a Hub name.
        model_name: what the logs call it.
        glue: a folder in the layout of ``nyu-mll/glue``, or a Hub dataset.
        task: a GLUE task, or the name that the data set has been given.
        dataset: where the examples are read in GLUE's stead; None: they are GLUE's.
        recipe: everything that is not a seed.
        engine: "reference" (one at a time) or "stacked" (a column at a time).
        out: folder of the logs.
        stack: trials trained together by the stacked engine; None: as many as fit.
        compiled: whether the stacked engine compiles, on a CPU: worth it for tens of trials; None: no.

    Raises:
        TableError: no such engine, or a stack of less than two trials.
    """

    model: str
    model_name: str
    glue: str
    task: str
    recipe: Recipe
    engine: str
    out: Path
    stack: int | None = None
    compiled: bool | None = None
    dataset: Dataset | None = None

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise TableError(f"--engine {self.engine!r}: expected {' or '.join(ENGINES)}")
        if self.stack is not None and self.stack < 2:
            raise TableError(f"--stack {self.stack}: the stacked engine trains at least 2 trials together")
        check_task(self.task, self.dataset)

    @property
    def source(self) -> str | Dataset:
        """Where the examples are read."""
        return self.dataset or self.glue

    def log_path(self, cell: Cell) -> Path:
        """Where the cell's log lies."""
        return log_path(self.out, self.model_name, self.task, self.recipe, cell)


def table_spec(
    *,
    model: str,
    model_name: str | None,
    glue: str,
    task: str,
    recipe: str,
    changes: Iterable[str] = (),
    engine: str,
    out: Path,
    stack: int | None = None,
    compiled: bool | None = None,
    dataset: Dataset | None = None,
) -> TableSpec:
    """The spec that a command line describes.

    Args:
        model: see `TableSpec`, so too what is not here.
        model_name: None: as the model, which is then no folder.
        recipe: the name of a recipe.
        changes: changed fields of it, as `parse_changes` reads them.

    Raises:
        RunnerError: an argument outside its range.
    """
    check_task(task, dataset)
    if model_name is None and Path(model).exists():
        raise TableError(f"--model {model}: a folder has no public name; give one with --model-name")
    if engine == "reference" and (stack is not None or compiled):
        raise TableError("--engine reference trains one trial at a time: leave --stack and --compile out")
    changed = get_recipe(recipe, **parse_changes(changes))
    return TableSpec(
        model=model,
        model_name=model_name or model,
        glue=glue,
        task=task,
        recipe=changed,
        engine=engine,
        out=out,
        stack=stack,
        compiled=compiled,
        dataset=dataset,
    )


def grid(weight_init_seeds: str, data_order_seeds: str, logs: Path | None) -> tuple[Cell, ...]:
    """Every cell of these rows and columns, as `parse_seeds` reads them, column by column."""
    rows = parse_seeds(weight_init_seeds, "weight_init_seed", logs)
    columns = parse_seeds(data_order_seeds, "data_order_seed", logs)
    return tuple(Cell(row, column) for column in columns for row in rows)


def parse_seeds(text: str, axis: str, logs: Path | None) -> list[int]:
    """``"0:5"`` (0 … 4), ``"3"``, a comma list of these, or ``"random:5"``: five seeds that nobody can guess.

    Args:
        text: as given.
        axis: ``weight_init_seed`` or ``data_order_seed``.
        logs: folder of the logs, which keeps what random seeds follow from: there, they are the same again, in every
            table. None: their number alone counts, and nothing is drawn or kept.

    Raises:
        TableError: not of this form, empty, negative or doubled; the folder cannot keep a secret.
    """
    if match := re.fullmatch(r"random:([1-9]\d{0,5})", text, re.ASCII):
        return drawn_seeds(secret_key(logs), axis, int(match[1])) if logs else list(range(int(match[1])))
    seeds: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        try:
            seeds.extend(range(int(first), int(last)) if colon else [int(first)])
        except ValueError:
            raise TableError(
                f"seeds {text!r}: expected numbers and ranges such as 0:5 or 1,2, or random:5, got {part!r}"
            ) from None
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise TableError(f"seeds {text!r}: expected one or more different numbers, none negative")
    return seeds


def secret_key(logs: Path) -> str:
    """What random seeds follow from in a folder of logs, drawn from the operating system the first time.

    Raises:
        TableError: its file cannot be written or read, or holds something else.
    """
    file = logs / KEY
    try:
        make_folder(logs)
        if not file.exists():
            write_new_file(file, secrets.token_hex(32) + "\n", mode=0o600)  # another job's may be there by now
        key = file.read_text(encoding="ascii", errors="replace").strip()
    except (CannotWrite, OSError) as error:
        reason = error.reason if isinstance(error, CannotWrite) else error.strerror
        raise TableError(f"{file}: what random seeds follow from cannot be kept there ({reason})") from None
    if not re.fullmatch("[0-9a-f]{64}", key):
        raise TableError(f"{file}: random seeds follow from 64 hexadecimal digits there, found {key[:20]!r}")
    return key


def parse_changes(changes: Iterable[str]) -> dict[str, Any]:
    """``["learning_rate=1e-4", "epochs=3"]`` as recipe fields of their types.

    Raises:
        TableError: no such field, or a value of another type.
    """
    types = {field.name: str(field.type) for field in fields(Recipe)}
    parsed: dict[str, Any] = {}
    for change in changes:
        name, _, text = change.partition("=")
        if name not in types:
            raise TableError(f"--set {change!r}: a recipe has no field {name!r}; there are {', '.join(sorted(types))}")
        try:
            if types[name] == "bool":
                parsed[name] = {"true": True, "false": False}[text.lower()]
            elif text.lower() == "none" and "None" in types[name]:
                parsed[name] = None
            else:
                parsed[name] = {"int": int, "int | None": int, "float": float, "str": str}[types[name]](text)
        except (KeyError, ValueError):
            raise TableError(f"--set {change!r}: {name} must be {types[name]}, got {text!r}") from None
    return parsed


def pending_cells(spec: TableSpec, cells: Sequence[Cell]) -> list[Cell]:
    """The cells that have no log yet.

    Raises:
        TrialLogError: a log is damaged.
        TableError: a log of this table was made with other recipe fields.
    """
    pending = []
    for cell in cells:
        path = spec.log_path(cell)
        if not path.exists():
            pending.append(cell)
        elif read_record(path).recipe_fields != spec.recipe.fields():
            raise TableError(
                f"{path}: recipe {spec.recipe.name!r} has other fields here than in this sweep; give the changed "
                "recipe a name of its own (--set name=…) or another --out"
            )
    return pending


def check_recipe_name(spec: TableSpec) -> None:
    """A recipe's name means the same fields in every task of a folder of logs.

    Raises:
        TrialLogError: a log is damaged.
        TableError: it stands for other fields in the table of another task.
    """
    for folder in sorted(spec.log_path(Cell(0, 0)).parents[1].parent.glob(f"*/{spec.recipe.name}")):
        path = next(folder.glob("wi*-do*.npz"), None)
        if path is None or folder.parent.name == spec.task:  # whose cells are checked one by one
            continue
        there = read_record(path).recipe_fields
        for name, value in spec.recipe.fields().items():
            if there.get(name) != value:
                raise TableError(
                    f"{folder}: recipe {spec.recipe.name!r} has {name} {there.get(name)!r} there and {value!r} in this "
                    "sweep; give the changed recipe a name of its own (--set name=…) or another --out"
                )


def without_known(spec: TableSpec, cells: Sequence[Cell], known: Path) -> list[Cell]:
    """The cells that the trial set in the folder ``known`` does not hold.

    Raises:
        TrialSetError: the folder is no trial set.
        TableError: the table is there with other recipe fields.
    """
    for table in load_trials(known).tables:
        if (table.model, table.task, table.recipe) != (spec.model_name, spec.task, spec.recipe.name):
            continue
        for name, value in spec.recipe.fields().items():
            if table.fields.get(name) != value:
                raise TableError(
                    f"--known {known}: recipe {spec.recipe.name!r} has {name} {table.fields.get(name)!r} there and "
                    f"{value!r} in this sweep; give the changed recipe a name of its own (--set name=…)"
                )
        rows, columns = table.weight_init_seeds[table.row], table.data_order_seeds[table.column]
        held = set(zip(rows.tolist(), columns.tolist(), strict=True))
        return [cell for cell in cells if (cell.weight_init_seed, cell.data_order_seed) not in held]
    return list(cells)


def make_blocks(cells: Sequence[Cell], size: int) -> list[list[Cell]]:
    """Splits cells into blocks of at most ``size`` cells of one grid column."""
    blocks = []
    for _, column in groupby(sorted(cells, key=lambda c: c.data_order_seed), key=lambda c: c.data_order_seed):
        remaining = iter(sorted(column, key=lambda c: c.weight_init_seed))
        while block := list(islice(remaining, size)):
            blocks.append(block)
    return blocks
