"""What follows from the state file: where each cell stands and what is sent again; and what sbatch is given."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runners.cluster import jobs
from runners.cluster.rounds import look, register
from runners.cluster.sbatch import SbatchError, minutes, slurm_parameters
from runners.cluster.standing import cut_blocks, standing
from runners.cluster.state import Batch, Options, StateError, Wanted, locked, read_state, write_state
from runners.data.recipe import get_recipe
from runners.plan_file import PlannedTable
from runners.table import TableSpec
from runners.trial_log import Cell, write_log
from tests.runners.test_trial_log import make_log


def wanted(out: Path, rows: int, attempts: int = 3) -> Wanted:
    spec = TableSpec(
        model="m", model_name="m", glue="g", task="sst2", recipe=get_recipe("stable"), engine="stacked", out=out
    )
    return Wanted(spec, tuple(Cell(row, 0) for row in range(rows)), Options("slurm", 30, 256, attempts=attempts))


def test_every_cell_stands_somewhere(tmp_path: Path) -> None:
    table = wanted(tmp_path, 7, attempts=2)
    cells = table.cells
    path = table.spec.log_path(cells[0])
    path.parent.mkdir(parents=True)
    path.touch()

    def batch(name: str, *blocks: tuple[Cell, ...], cancelled: bool = False) -> Batch:
        return Batch(name, table.key, "slurm", blocks, cancelled=cancelled)

    batches = [
        batch("first", (cells[0],), (cells[1],), (cells[2],), (cells[3],), (cells[5],)),
        batch("second", (cells[4],), cancelled=True),
        batch("third", (cells[5],)),  # lost twice
        Batch("other", "another table", "slurm", ((cells[6],),)),
    ]
    queue = {("first", 0): "running", ("first", 1): "running", ("first", 2): "pending"}
    found = standing(table, batches, queue, {})
    assert found.done == (cells[0],)
    assert found.running == (cells[1],)
    assert found.pending == (cells[2],)
    assert found.lost == (cells[3],)
    assert found.cancelled == (cells[4],)
    assert found.failed == (cells[5],)
    assert found.unsent == (cells[6],)
    assert found.broken == ((batches[2], 0),)
    assert standing(table, batches, queue, {("first", 3): "an error"}).failed == (cells[3], cells[5])


def test_a_table_that_is_submitted_leaves_what_became_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the other one a block was cancelled: it is not sent again before that table is submitted, too."""
    monkeypatch.setattr(jobs, "_output", lambda *command: "")  # squeue: no job is left
    cancelled, other = wanted(tmp_path, 2), wanted(tmp_path, 2)
    other = replace(other, spec=replace(other.spec, task="rte"))
    with locked(tmp_path) as state:
        state.tables[cancelled.key] = cancelled
        state.batches.append(Batch("first", cancelled.key, "slurm", (cancelled.cells,), cancelled=True))
        write_state(tmp_path, state)
    register(tmp_path, [PlannedTable(other.spec, other.cells)], other.options)
    found = look(tmp_path, read_state(tmp_path)).standings
    assert (found[cancelled.key].cancelled, found[other.key].unsent) == (cancelled.cells, other.cells)
    register(tmp_path, [PlannedTable(cancelled.spec, cancelled.cells)], cancelled.options)
    assert look(tmp_path, read_state(tmp_path)).standings[cancelled.key].unsent == cancelled.cells


def test_what_another_machine_has_finished_is_no_hindrance(tmp_path: Path) -> None:
    table = replace(wanted(tmp_path, 1), options=Options("local", 30, 1))
    more = replace(table, cells=(*table.cells, Cell(7, 7)))
    with locked(tmp_path) as state:
        state.tables[table.key] = table
        state.batches.append(Batch("first", table.key, "local", (table.cells,), host="elsewhere"))
        write_state(tmp_path, state)
    planned = [PlannedTable(more.spec, more.cells)]
    with pytest.raises(jobs.SchedulerError, match="was started on elsewhere"):
        register(tmp_path, planned, more.options)
    log = make_log(table.cells[0])
    record = replace(log.record, recipe_fields=table.spec.recipe.fields())
    write_log(table.spec.log_path(table.cells[0]), replace(log, record=record))
    register(tmp_path, planned, more.options)
    assert look(tmp_path, read_state(tmp_path)).standings[table.key].unsent == (Cell(7, 7),)


@pytest.mark.parametrize(("visible", "gpu"), [("", "1"), ("4,7", "7")])
def test_a_local_job_sees_one_gpu(visible: str, gpu: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    table = replace(wanted(tmp_path, 1), options=Options("local", 30, 2))
    job = jobs._job(table, table.cells, "cuda:1")
    assert (job.device, job.gpu) == ("cuda", gpu)
    slurm_job = jobs._job(wanted(tmp_path, 1), table.cells, "cuda")
    assert (slurm_job.device, slurm_job.gpu) == ("cuda", "")  # SLURM says what it sees


def test_blocks_keep_columns_whole_where_they_fit() -> None:
    def shape(blocks: list[tuple[Cell, ...]]) -> list[list[int]]:
        return [[cell.data_order_seed for cell in block] for block in blocks]

    grid = [Cell(row, column) for row in range(5) for column in range(3)]
    assert shape(cut_blocks(grid, 12)) == [[0] * 5 + [1] * 5, [2] * 5]
    assert shape(cut_blocks(grid, 5)) == [[0] * 5, [1] * 5, [2] * 5]
    assert shape(cut_blocks(grid, 4)) == [[0] * 3, [0] * 2, [1] * 3, [1] * 2, [2] * 3, [2] * 2]
    assert sorted(cell for block in cut_blocks(grid, 4) for cell in map(repr, block)) == sorted(map(repr, grid))


def test_a_damaged_state_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cluster" / "state.json"
    path.parent.mkdir()
    for text in ("{", json.dumps({"format": 2}), json.dumps({"format": 1, "tables": {"t": {}}, "batches": []})):
        path.write_text(text)
        with pytest.raises(StateError, match=f"{path}: .*no state file of this version"):
            read_state(tmp_path)


def test_time_limits_as_sbatch_takes_them() -> None:
    forms = {"90": 90, "90:30": 91, "1:30:00": 90, "2-12": 3600, "2-12:30": 3630, "0-0:0:1": 1}
    assert {text: minutes(text) for text in forms} == forms
    for text in ("", "1h", "-5", "0", "1:2:3:4"):
        with pytest.raises(SbatchError, match="--time"):
            minutes(text)


def test_options_reach_sbatch_under_their_names() -> None:
    parameters = slurm_parameters(
        30,
        {"partition": "gpu", "gres": "gpu:1", "account": None},
        ["cpus-per-task=4", "mail-user=a@b", "reservation=r"],
    )
    assert parameters == {
        "partition": "gpu",
        "gres": "gpu:1",
        "cpus_per_task": "4",
        "mail_user": "a@b",
        "additional_parameters": {"reservation": "r"},
        "time": 70,
    }
    assert slurm_parameters(30, {}, ["setup=a", "setup=b=c"])["setup"] == ["a", "b=c"]
    for named, others in (({"mem": "4G"}, ["mem=8G"]), ({}, ["reservation=r", "reservation=s"])):
        with pytest.raises(SbatchError, match="is given twice; leave one out"):
            slurm_parameters(30, named, others)
    assert slurm_parameters(30, {"account": "0123"}, ["qos=007"]).items() >= {"account": "0123", "qos": "007"}.items()
    switches = ["use-srun=0", "stderr-to-stdout"]
    assert slurm_parameters(30, {}, switches).items() >= {"use_srun": False, "stderr_to_stdout": True}.items()
    for text in ("use_srun=maybe", "use_srun="):
        with pytest.raises(SbatchError, match=f"--slurm '{text}': use_srun is true or false"):
            slurm_parameters(30, {}, [text])
    with pytest.raises(SbatchError, match="job-name"):
        slurm_parameters(30, {}, ["job-name=x"])
