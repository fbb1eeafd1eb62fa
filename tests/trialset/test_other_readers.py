"""Every file of a trial set is read by the engines that people have: the same values, nested lists included."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from seedbench.trialset import write_trials
from tests.synthetic import configs_of, split_like_training

Reader = Callable[[Path], list[dict[str, Any]]]


def with_duckdb(path: Path) -> list[dict[str, Any]]:
    duckdb = pytest.importorskip("duckdb")
    cursor = duckdb.sql(f"SELECT * FROM '{path}'")
    return [dict(zip(cursor.columns, row, strict=True)) for row in cursor.fetchall()]


def with_polars(path: Path) -> list[dict[str, Any]]:
    return pytest.importorskip("polars").read_parquet(path).to_dicts()


def with_fastparquet(path: Path) -> list[dict[str, Any]]:
    fastparquet = pytest.importorskip("fastparquet")
    with path.open("rb") as file:
        return fastparquet.ParquetFile(file).to_pandas().to_dict("records")


def with_pandas(path: Path) -> list[dict[str, Any]]:
    return pd.read_parquet(path, engine="pyarrow").to_dict("records")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial set of one task with every config."""
    split, rng = split_like_training(3, 3, test_examples=40), np.random.default_rng(0)
    split.trials[4]["train_loss"] = np.array([0.5, np.nan, np.inf, 0.2, 0.1])
    steps = [
        {"trial_id": row["trial_id"], "step_train_loss": rng.random(15), "gradient_norm": None} for row in split.trials
    ]
    logits = [
        {"trial_id": row["trial_id"], "logits": rng.random((5, 60, 2)).astype(np.float32)} for row in split.trials
    ]
    configs = configs_of(split) | {"steps": {"sst2": steps}, "logits": {"sst2": logits}}
    path = tmp_path_factory.mktemp("engines") / "set"
    write_trials(path, configs, name="x", version="1.0.0")
    return path


CONFIGS = ("trials", "predictions", "examples", "steps", "logits")
#: fastparquet reads no lists of lists.
READ = [(config, read) for config in CONFIGS for read in (with_pandas, with_duckdb, with_polars)] + [
    (config, with_fastparquet) for config in ("trials", "examples", "steps")
]


@pytest.mark.parametrize(("config", "read"), READ)
def test_an_engine_reads_what_was_written(folder: Path, config: str, read: Reader):
    path = folder / config / "sst2-00000-of-00001.parquet"
    expected, found = pq.read_table(path).to_pylist(), read(path)
    assert len(found) == len(expected)
    for row, other in zip(expected, found, strict=True):
        assert row.keys() == other.keys()
        for name, value in row.items():
            assert same(value, other[name]), (name, value, other[name])


def same(one: Any, other: Any) -> bool:
    """Equal as plain values; NaN is null to some engines, as in pandas."""
    if isinstance(other, np.ndarray | np.generic):
        other = other.tolist()
    if isinstance(one, list):
        return other is not None and len(one) == len(other) and all(map(same, one, other))
    if one is None or (isinstance(one, float) and math.isnan(one)):
        return other is None or other is pd.NaT or (isinstance(other, float) and math.isnan(other))
    return bool(one == other)
