"""Files of curves damaged in every way, and tables of odd values: each ends as our own one line, with nothing written,
or as a trial set that is valid and in which every trial of the file is. SEEDBENCH_SLOW=1 runs all inputs."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seedbench.errors import TrialSetError
from seedbench.trialset import TrialSet, load_trials, validate_folder
from seedbench.trialset.importing import LAYOUTS, Imported, ImportOptions, import_curves
from tests.trialset.layouts.write import points

INPUTS = 250 if os.environ.get("SEEDBENCH_SLOW") == "1" else 25  # of each of the three kinds
fuzzed = settings(
    max_examples=INPUTS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
FILES = Path(__file__).parent / "layouts"


def outcome(source: Path, parent: Path, **options: Any) -> tuple[Imported, TrialSet] | None:
    """What an import makes; None where it is refused, in one line and without a trace."""
    out = parent / "set"
    try:
        done = import_curves(source, out, ImportOptions(**options))
    except TrialSetError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
        assert not out.exists()
        return None
    assert all("\n" not in note for note in done.notes)
    assert validate_folder(out) == []
    return done, load_trials(out)


# --- bytes ------------------------------------------------------------------------------------------------------------


def whole_files() -> dict[str, tuple[bytes, str]]:
    """Name -> content, and what its score is called."""
    rows = [(seed, step, score) for seed, _, step, score in points()]
    frame = pd.DataFrame(rows, columns=["seed", "step", "acc"])
    parquet = io.BytesIO()
    frame.to_parquet(parquet)
    text = frame.to_csv(index=False).encode()
    return {
        "curves.csv": (text, "acc"),
        "curves.csv.gz": (gzip.compress(text, mtime=0), "acc"),
        "semicolons.csv": (frame.to_csv(index=False, sep=";", decimal=",").encode(), "acc"),
        "unicode.txt": (frame.to_csv(index=False, sep="\t").encode("utf-16"), "acc"),
        "excel.csv": (b"sep=;\r\n" + frame.to_csv(index=False, sep=";").encode(), "acc"),
        "curves.parquet": (parquet.getvalue(), "acc"),
        "curves.jsonl": (frame.to_json(orient="records", lines=True).encode(), "acc"),
        "trainer_state.json": ((FILES / "trainer/run-seed1/trainer_state.json").read_bytes(), "eval_accuracy"),
        "metrics.csv": ((FILES / "mlflow/metrics.csv").read_bytes(), "eval_accuracy"),
        "events.out.tfevents.1": (next(FILES.glob("events/seed_1/*")).read_bytes(), "eval/accuracy"),
        "mlflow.db": ((FILES / "mlflow/mlflow.db").read_bytes(), "eval_accuracy"),
        "seed1.csv": ((FILES / "keras/seed1.csv").read_bytes(), "val_accuracy"),
        "wandb.csv": (b'"Step","seed1 - acc","seed1 - acc__MIN","seed1 - acc__MAX"\n10,0.5,0.5,0.5\n20,,,\n', "acc"),
        "optuna.csv": (b"number,state,intermediate_values_0,intermediate_values_1\n0,COMPLETE,0.5,0.6\n1,FAIL,,\n", ""),
    }


WHOLE = whole_files()


@st.composite
def damaged(draw: Callable[..., Any], content: bytes) -> bytes:
    """Bytes flipped, cut off, cut out, repeated, put in."""
    at = draw(st.integers(0, len(content) - 1))
    length = draw(st.integers(1, 64))
    how = draw(st.sampled_from(["flip", "cut off", "cut out", "repeat", "put in", "blank"]))
    if how == "flip":
        return content[:at] + bytes([content[at] ^ draw(st.integers(1, 255))]) + content[at + 1 :]
    middle = {
        "cut off": b"",
        "cut out": content[at + length :],
        "repeat": content[at : at + length] * 2 + content[at + length :],
        "put in": draw(st.binary(min_size=1, max_size=16)) + content[at:],
        "blank": b" " * length + content[at + length :],
    }
    return content[:at] + middle[how]


@fuzzed
@given(data=st.data())
def test_a_damaged_file(data: st.DataObject, tmp_path: Path) -> None:
    name = data.draw(st.sampled_from(sorted(WHOLE)))
    content, score = WHOLE[name]
    layout = data.draw(st.sampled_from([None] * 5 + sorted(LAYOUTS)))
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        file = Path(folder) / name
        file.write_bytes(data.draw(damaged(content)))
        outcome(file, Path(folder), model="m", task="rte", recipe="r", score=score or None, layout=layout)


# --- values -----------------------------------------------------------------------------------------------------------

SEEDS = st.sampled_from(
    ["0", "1", "2", "2.0", "init-1", "init-10", "", "nan", "-1", "1e3", "ß", "a b", str(2**63), "0x1"]
)
STEPS = st.sampled_from(["0", "10", "10.0", "20", "30", "", "-5", "1.5", "nan", str(2**31), "1_0", "inf"])
NUMBERS = st.sampled_from(
    [
        "0.5",
        "0.6",
        "0.25",
        "nan",
        "NaN",
        "",
        "NA",
        "inf",
        "-inf",
        "1e-320",
        "87.5",
        "1e101",
        "-0.3",
        "0,5",
        "high",
        "-0.0",
        "75.4%",
        "n/a",
    ]
)
STATES = st.sampled_from(["", "finished", "FAILED", "diverged", "killed", "running", "lost"])
PLAIN = st.tuples(
    st.sampled_from("012"), st.sampled_from(["10", "20", "30"]), st.sampled_from(["0.5", "0.6", "nan", ""])
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "minimize": st.booleans(),
        "common_steps": st.booleans(),
        "empty_is_nan": st.booleans(),
        "keep": st.sampled_from(["first", "last"]),
        "scale": st.sampled_from([0.01, 1.0, 1e300, 1e-300]),
        "majority_score": st.sampled_from([0.5, -1e300, 0.5000001]),
        "where": st.sampled_from([("seed=1",), ("seed!=1",), ("acc!=",), ("step=10", "seed!=2")]),
        "train_loss": st.just("loss"),
        "validation_loss": st.just("loss"),
        "test_score": st.just("test"),
        "status": st.just("state"),
        "fields": st.sampled_from([{"f1": "test"}, {"epochs": "3"}, {"learning_rate": "loss"}, {"device": "state"}]),
        "ignore": st.sampled_from([("loss",), ("state",)]),
        "run": st.just("seed"),
        "seeds_from": st.sampled_from(["{seed}", "init-{weight_init_seed}", "(?P<seed>.*)"]),
        "layout": st.sampled_from(["long", "wide", "trainer"]),
        "task": st.sampled_from(["rte", "lm"]),
    },
)


def as_csv(rows: list[tuple[str, ...]], header: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


@fuzzed
@given(
    rows=st.lists(st.tuples(SEEDS, STEPS, NUMBERS, NUMBERS, NUMBERS, STATES), max_size=8),
    plain=st.lists(PLAIN, max_size=12),
    options=OPTIONS,
    step=st.sampled_from(["step", "epoch"]),
)
@example(rows=[], plain=[("0", "10", "nan"), ("1", "20", "0.5")], options={"common_steps": True}, step="step")
def test_odd_values_and_options(
    rows: list[Any], plain: list[Any], options: dict[str, Any], step: str, tmp_path: Path
) -> None:
    some = rows + [(*one, "0.7", "0.4", "") for one in plain]
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        file = Path(folder) / "curves.csv"
        file.write_text(as_csv(some, ("seed", step, "acc", "loss", "test", "state")), encoding="utf-8")
        made = outcome(file, Path(folder), **{"model": "m", "task": "lm", "recipe": "r", "score": "acc"} | options)
        if made and options.get("layout") != "wide":
            assert made[0].rows == len(some)


@fuzzed
@given(rows=st.lists(PLAIN, min_size=1, max_size=30), lines=st.booleans())
@example(rows=[("1", "20", "0.5"), ("1", "20", "0.6"), ("1", "20", "0.5")], lines=False)
def test_every_trial_is_there_and_every_score_is_its_own(
    rows: list[tuple[str, str, str]], lines: bool, tmp_path: Path
) -> None:
    """Plain values: a trial for each seed, and each finite score that is not replaced at its step."""
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        file = Path(folder) / "curves.csv"
        file.write_text(as_csv(rows, ("seed", "step", "acc")), encoding="utf-8")
        if lines:
            records = (
                {"seed": seed, "step": int(step), "acc": float(acc) if acc else None} for seed, step, acc in rows
            )
            file.write_text("\n".join(map(json.dumps, records)))
        made = outcome(file, Path(folder), model="m", task="lm", recipe="r", score="acc", keep="last")
        if made is None:
            return
        (table,) = made[1].tables
        last = {(seed, int(step)): float(acc) for seed, step, acc in rows if acc}
        finite = {key: score for key, score in last.items() if math.isfinite(score)}
        assert {str(seed) for seed in table.weight_init_seeds} == {seed for seed, _, _ in rows}
        for (seed, step), score in finite.items():
            trial = table.weight_init_seeds[table.row].tolist().index(int(seed))
            assert table.score[trial, table.step.tolist().index(step)] == pytest.approx(score)
