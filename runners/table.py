"""A trial table to be made: what its trials share, which cells it has, and in which blocks they are trained."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from runners.data.dataset import Dataset
from runners.data.reading import check_task
from runners.data.recipe import Recipe, get_recipe
from runners.data.seeds import drawn_seeds
from runners.errors import RunnerError
from runners.trial_log import Cell, log_path, read_record
from seedbench.errors import CannotWrite
from seedbench.files import make_folder, write_new_file
from seedbench.trialset import load_trials
from seedbench.trialset.schema import NAME, NAME_RULE

ENGINES = ("reference", "stacked")
#: A trial set holds seeds as int64.
LARGEST_SEED = 2**63 - 1
#: Of one axis.
MOST_SEEDS = 999_999
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
        TableError: no such engine, a stack of less than two trials or of an engine that has none, or a name that no
            trial set has.
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
        if self.engine == "reference" and (self.stack is not None or self.compiled):
            raise TableError("--engine reference trains one trial at a time: leave --stack and --compile out")
        check_task(self.task, self.dataset)
        for option, name in (("--model-name", self.model_name), ("--set name", self.recipe.name)):
            # Below the folder of logs each is a folder, or several.
            if not NAME.fullmatch(name) or {"", ".", ".."} & {*name.split("/")}:
                rule = f"must be {NAME_RULE}, without empty parts, . and .. between /"
                raise TableError(
                    f"{option} {name!r}: {rule}; what is called otherwise would enter no trial set, or lie elsewhere"
                )

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
        TableError: not of this form, empty, negative, doubled, more than `MOST_SEEDS` or of more than 63 bits; the
            folder cannot keep a secret.
    """
    if match := re.fullmatch(r"random:([1-9]\d{0,5})", text, re.ASCII):
        return drawn_seeds(secret_key(logs), axis, int(match[1])) if logs else list(range(int(match[1])))
    seeds: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        try:
            more = range(int(first), int(last) if colon else int(first) + 1)
        except ValueError:
            raise TableError(
                f"seeds {text!r}: expected numbers and ranges such as 0:5 or 1,2, or random:5, got {part!r}"
            ) from None
        if more and more[-1] > LARGEST_SEED:
            raise TableError(f"seeds {text!r}: expected numbers of at most 63 bits ({LARGEST_SEED}), got {part!r}")
        if more and len(seeds) + (more[-1] - more[0] + 1) > MOST_SEEDS:  # len(more) may be more than an int of C
            raise TableError(f"seeds {text!r}: expected at most {MOST_SEEDS:,} of them, got {part!r}")
        seeds.extend(more)
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

    A recipe's name means the same fields in every table of a folder of logs, whatever its model and task.

    Raises:
        TrialLogError: a log is damaged.
        TableError: a log was made with other recipe fields under the same name.
    """
    pending: list[Cell] = []
    logs: list[Path] = []
    for cell in cells:
        if (path := spec.log_path(cell)).exists():
            logs.append(path)
        else:
            pending.append(cell)
    for folder in sorted(spec.out.glob(f"*/*/{spec.recipe.name}")):
        logs += sorted(folder.glob("wi*-do*.npz"))[:1]
    for path in logs:
        require_same_fields(spec, read_record(path).recipe_fields, path)
    return pending


def require_same_fields(spec: TableSpec, there: Mapping[str, object], where: Path | str) -> None:
    """The recipe of trials that are there is that of this table.

    Raises:
        TableError: it has another value for a field.
    """
    here = spec.recipe.fields()
    for name in {**here, **there}:  # a log of another version may have a field more
        if there.get(name) != here.get(name):
            raise TableError(
                f"{where}: recipe {spec.recipe.name!r} has {name} {there.get(name)!r} there and {here.get(name)!r} in "
                "this sweep; give the changed recipe a name of its own (--set name=…), or take another folder of logs"
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
        require_same_fields(spec, table.fields, f"--known {known}")
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
