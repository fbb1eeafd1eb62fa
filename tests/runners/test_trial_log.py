from __future__ import annotations

import os
import random
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runners.data.recipe import get_recipe
from runners.errors import RunnerError
from runners.export import rows_of, splits_of
from runners.trial_log import Cell, Outcome, Record, TrialLog, TrialLogError, log_path, read_log, read_record, write_log
from seedbench.errors import SeedbenchError

CELL = Cell(1, 2)


def make_log(cell: Cell = CELL, logits: np.ndarray | None = None, task: str = "sst2") -> TrialLog:
    """Two checkpoints (steps 2 and 4) of four examples with labels 1, 1, 0, 0."""
    recipe = get_recipe("stable")
    record = Record(
        model="someone/tiny",
        task=task,
        recipe=recipe.name,
        recipe_fields=recipe.fields(),
        weight_init_seed=cell.weight_init_seed,
        data_order_seed=cell.data_order_seed,
        dropout_seed=cell.dropout_seed,
        step=[2, 4],
        train_seconds=1.0,
        evaluation_seconds=0.5,
        device="cpu",
        engine="reference",
        seedbench_version="0",
        torch_version="0",
        transformers_version="0",
        model_sha256="0" * 64,
        data_sha256="0" * 64,
    )
    if logits is None:
        logits = np.array([[[0, 1], [1, 0], [1, 0], [1, 0]], [[0, 1], [0, 1], [1, 0], [1, 0]]], np.float32)
    outcome = Outcome(np.array([3, 1, 0.5, 0.5], np.float32), np.ones(4, np.float32), logits, 1.0, 0.5)
    return TrialLog(record, np.array([1, 1, 0, 0], np.int8), outcome)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    log = make_log()
    path = tmp_path / "logs" / "wi1-do2.npz"
    write_log(path, log)
    read = read_log(path)
    assert read.record == log.record
    assert np.array_equal(read.outcome.logits, log.outcome.logits)
    assert np.array_equal(read.outcome.step_train_loss, log.outcome.step_train_loss)
    assert read.label.tolist() == [1, 1, 0, 0]
    assert read.test_label is None and read.test_rows is None and read.outcome.test_logits is None
    assert [file.name for file in path.parent.iterdir()] == ["wi1-do2.npz"]
    assert read_record(path) == log.record


def test_the_test_set_is_kept_with_its_rows(tmp_path: Path) -> None:
    log = make_log()
    log = replace(
        log,
        record=replace(log.record, drawn=["classifier.weight"]),
        outcome=replace(log.outcome, test_logits=np.ones((2, 3, 2), np.float32)),
        test_label=np.array([0, 1, 1]),
        test_rows=np.array([5, 70, 900]),
    )
    write_log(tmp_path / "wi1-do2.npz", log)
    read = read_log(tmp_path / "wi1-do2.npz")
    assert read.outcome.test_logits.tolist() == log.outcome.test_logits.tolist()
    assert read.test_label.tolist() == [0, 1, 1] and read.test_rows.tolist() == [5, 70, 900]
    assert read.record.drawn == ["classifier.weight"]


def test_a_log_that_cannot_be_finished_leaves_nothing(tmp_path: Path) -> None:
    log = make_log()
    unwritable = replace(log, record=replace(log.record, recipe_fields={"name": object()}))
    with pytest.raises(TypeError):
        write_log(tmp_path / "wi1-do2.npz", unwritable)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_what_was_there(tmp_path: Path) -> None:
    write_log(tmp_path / "wi0-do2.npz", make_log(Cell(0, 2)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(TrialLogError, match=r"wi1-do2.npz: cannot be written \(File too large\)"):
            write_log(tmp_path / "wi1-do2.npz", make_log())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["wi0-do2.npz"]
    assert read_log(tmp_path / "wi0-do2.npz").record.weight_init_seed == 0


def test_a_truncated_log_is_named(tmp_path: Path) -> None:
    path = tmp_path / "wi1-do2.npz"
    write_log(path, make_log())
    for size in (0, 10, path.stat().st_size // 2, path.stat().st_size - 5):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(TrialLogError, match="wi1-do2.npz: not a trial log"):
            read_log(path)
        write_log(path, make_log())


def test_a_table_has_a_folder_of_its_own(tmp_path: Path) -> None:
    path = log_path(tmp_path, "owner/model", "rte", "stable", Cell(3, 4))
    assert path == tmp_path / "owner--model" / "rte" / "stable" / "wi3-do4.npz"


def test_flipped_bytes_are_one_line_or_a_log(tmp_path):
    """SEEDBENCH_SLOW=1: 3,000 logs."""
    drawn, path, refused = random.Random(23), tmp_path / "wi0-do0.npz", 0
    write_log(path, make_log())
    whole = path.read_bytes()
    for _ in range(3000 if os.environ.get("SEEDBENCH_SLOW") == "1" else 300):
        damaged = bytearray(whole)
        for _ in range(drawn.choice([1, 1, 3, 10])):
            damaged[drawn.randrange(len(damaged))] ^= drawn.randrange(1, 256)
        path.write_bytes(damaged if drawn.random() < 0.8 else damaged[: drawn.randrange(len(damaged))])
        for read in (read_record, lambda file: splits_of(rows_of([read_log(file)]))):
            try:
                read(path)
            except (RunnerError, SeedbenchError) as error:
                refused += 1
                assert len(str(error).splitlines()) == 1
    assert refused
