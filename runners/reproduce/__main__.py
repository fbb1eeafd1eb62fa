"""Trains recorded trials again and compares: ``python -m runners.reproduce --help``.

Which trials is drawn at random, by a seed that is part of the result; a draw of two begins a draw of five. What has
been trained is a log, as in a sweep, and not trained again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pyarrow.compute as pc
import typer
from rich.console import Console

from runners.block import IDENTITY, BlockRunner
from runners.data.recipe import Recipe
from runners.errors import RunnerError
from runners.options import COMPILED, DEVICES, GLUE, RESUMABLE, STACK, THREADS, WORKERS, reporting
from runners.reproduce.differences import PROVENANCE, compare, keep, kept_in, report
from runners.sweep import devices_of, sweep
from runners.table import TableSpec
from runners.trial_log import Cell, TrialLog, read_log
from seedbench.commands import count, natural, open_console, run
from seedbench.trialset import (
    BUNDLED,
    Reproduction,
    TableDrawnFrom,
    TrialTable,
    load_trials,
    read_manifest,
    read_split,
)


@dataclass(frozen=True, eq=False)
class Drawn:
    """The trials drawn from one table.

    Attributes:
        table: the table.
        trials: their places in it.
        rows: their recorded rows in the config ``trials``.
    """

    table: TrialTable
    trials: list[int]
    rows: list[dict[str, Any]]

    @property
    def cells(self) -> list[Cell]:
        """Their cells of the seed grid."""
        table = self.table
        rows, columns = table.weight_init_seeds[table.row], table.data_order_seeds[table.column]
        return [Cell(int(rows[trial]), int(columns[trial])) for trial in self.trials]


def draw(tables: Sequence[TrialTable], folder: Path, number: int, seed: int) -> list[Drawn]:
    """Draws ``number`` trials from all trials of the tables, all alike; tables without any are left out.

    Raises:
        RunnerError: there are not that many.
    """
    total = sum(table.num_trials for table in tables)
    if not 1 <= number <= total:
        raise RunnerError(f"--cells {number}: expected 1 to {total}, the trials there are to draw from")
    chosen = np.random.default_rng(seed).permutation(total)[:number]
    manifest, drawn, first = read_manifest(folder), [], 0
    for table in tables:
        trials = [int(place) - first for place in chosen if first <= place < first + table.num_trials]
        first += table.num_trials
        if trials:
            split = read_split(folder, manifest, "trials", manifest.shards("trials")[table.task])
            rows = [_row(split, table.trial_id[trial]) for trial in trials]
            drawn.append(Drawn(table, trials, rows))
    return drawn


def _row(split: Any, trial_id: str) -> dict[str, Any]:
    (row,) = split.filter(pc.field("trial_id") == trial_id).to_pylist()
    found: dict[str, Any] = row
    return found


def spec_of(drawn: Drawn, model: str, glue: str, engine: str | None, out: Path, **how: Any) -> TableSpec:
    """The table as it was recorded, to be trained by an engine: by the recorded one, if None.

    Raises:
        RunnerError: a recipe field or the engine is not recorded.
    """
    table, fields = drawn.table, drawn.table.fields
    for name, value in fields.items():
        if value is None and name != "train_examples":
            raise RunnerError(f"{table.name}: {name} is not recorded, so that its trials cannot be trained again")
    if engine is None:
        recorded = {row["engine"] for row in drawn.rows}
        if len(recorded) > 1 or None in recorded:
            raise RunnerError(f"{table.name}: was not recorded by one engine alone; give one with --engine")
        (engine,) = recorded
    recipe = Recipe(table.recipe, **fields)
    return TableSpec(
        model=model,
        model_name=table.model,
        glue=glue,
        task=table.task,
        recipe=recipe,
        engine=engine,
        out=out / engine,
        **how,
    )


def check_same(drawn: Drawn, spec: TableSpec) -> None:
    """Said before anything is trained.

    Raises:
        RunnerError: other weights, data or dropout seeds than recorded.
    """
    here = BlockRunner(spec, "cpu").provenance
    for row, cell in zip(drawn.rows, drawn.cells, strict=True):
        for name, what in IDENTITY.items():
            if row[name] != here[name]:
                raise RunnerError(
                    f"{drawn.table.name}: the {what} are not those of trial {row['trial_id']}: {name} is {here[name]} "
                    f"here, recorded {row[name]}; check --model and --glue"
                )
        if row["dropout_seed"] not in (None, cell.dropout_seed):
            raise RunnerError(
                f"{drawn.table.name}: trial {row['trial_id']} has dropout_seed {row['dropout_seed']}, and from its "
                f"seeds follows {cell.dropout_seed}: it was trained by other code"
            )


def recorded_steps(folder: Path, task: str) -> dict[str, np.ndarray]:
    """Trial -> its recorded loss at every training step, of a task; empty where a trial set has no ``steps``."""
    manifest = read_manifest(folder)
    if task not in manifest.shards("steps"):
        return {}
    split = read_split(folder, manifest, "steps", manifest.shards("steps")[task])
    losses = split.column("step_train_loss").to_pylist()
    return dict(zip(split.column("trial_id").to_pylist(), (np.float32(loss) for loss in losses), strict=True))


def reproduce(
    folder: Path,
    tables: Sequence[TrialTable],
    drawn: Sequence[Drawn],
    specs: Sequence[TableSpec],
    seed: int,
    devices: Sequence[str],
    threads: int,
    console: Console,
) -> Reproduction:
    """Trains what was drawn and has no log yet, with progress on ``console``, and compares it all with the record."""
    manifest, compared = read_manifest(folder), []
    for each, spec in zip(drawn, specs, strict=True):
        sweep(spec, each.cells, devices, threads, console)
        steps = recorded_steps(folder, each.table.task)
        for trial, row, cell in zip(each.trials, each.rows, each.cells, strict=True):
            by = {name: row[name] for name in PROVENANCE}
            log = read_log(spec.log_path(cell))
            _check_log(spec.log_path(cell), log, row)
            compared.append(compare(each.table, trial, log, by, steps.get(row["trial_id"])))
    spread = [table.score.max(axis=1) for table in tables]
    return Reproduction(
        name=manifest.name,
        version=manifest.version,
        tables=[
            TableDrawnFrom(
                table.model,
                table.task,
                table.recipe,
                table.num_trials,
                float(best.std(ddof=1)) if len(best) > 1 else None,
            )
            for table, best in zip(tables, spread, strict=True)
        ],
        seed=seed,
        engine=" and ".join(sorted({spec.engine for spec in specs})),
        trials=compared,
    )


def _check_log(path: Path, log: TrialLog, row: Mapping[str, Any]) -> None:
    """One that was there already may be of anything.

    Raises:
        RunnerError: other weights or data than recorded.
    """
    for name, what in IDENTITY.items():
        if getattr(log.record, name) != row[name]:
            raise RunnerError(
                f"{path}: made with other {what} than trial {row['trial_id']}: {name} is {getattr(log.record, name)} "
                f"there, recorded {row[name]}; give another --out"
            )


def main(
    model: Annotated[
        str, typer.Option(metavar="DIR|HUB_ID", help="The trials' model: a transformers folder or Hub name.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the new trial logs.")],
    trials: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the trial set; without it, the bundled one.")
    ] = BUNDLED,
    glue: Annotated[str, GLUE] = "nyu-mll/glue",
    task: Annotated[
        list[str] | None, typer.Option(metavar="T", help="Draw from this task only; may be repeated.")
    ] = None,
    recipe: Annotated[
        list[str] | None, typer.Option(metavar="R", help="Draw from this recipe only; may be repeated.")
    ] = None,
    model_name: Annotated[
        str | None, typer.Option(metavar="M", help="Draw from this model of the trial set only.")
    ] = None,
    number: Annotated[int, typer.Option("--cells", metavar="N", parser=count, help="Trials to draw.")] = 5,
    seed: Annotated[int, typer.Option(metavar="N", parser=natural, help="Of the draw.")] = 0,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="reference or stacked; without it, as recorded.")
    ] = None,
    stack: Annotated[int | None, STACK] = None,
    compiled: Annotated[bool | None, COMPILED] = None,
    device: Annotated[list[str] | None, DEVICES] = None,
    workers: Annotated[int, WORKERS] = 1,
    threads: Annotated[int, THREADS] = 0,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the comparison into this file, beside others in it.")
    ] = None,
) -> None:
    """Train recorded trials again and compare them with the record; run the same command again to go on."""
    console = open_console(stderr=True)
    with reporting(RESUMABLE):
        devices = devices_of(device, workers)
        read_manifest(trials)  # a folder, and no dataset of the Hub
        tables = load_trials(trials, predictions=True).select(model_name or (), task or (), recipe or ()).tables
        if len(models := {table.model for table in tables}) > 1:
            raise RunnerError(f"{trials} has {' and '.join(sorted(models))}: choose one with --model-name")
        if json is not None:
            kept_in(json)
            if not json.absolute().parent.is_dir():
                raise RunnerError(f"--json {json}: {json.absolute().parent} is no folder")
        drawn = draw(tables, trials, number, seed)
        specs = [spec_of(each, model, glue, engine, out, stack=stack, compiled=compiled) for each in drawn]
        for each, spec in zip(drawn, specs, strict=True):
            check_same(each, spec)
        done = reproduce(trials, tables, drawn, specs, seed, devices, threads, console)
        if json is not None:
            keep(done, json)
    open_console().print(report(done), soft_wrap=not open_console().is_terminal)


if __name__ == "__main__":
    run(main, "python -m runners.reproduce")
