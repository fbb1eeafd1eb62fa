"""What tests of sweeps share: a short recipe, its table, command lines, run here or as a process, and the logs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import typer
from typer.testing import CliRunner, Result

from runners.table import TableSpec, table_spec
from runners.trial_log import read_log

SLOW = os.environ.get("SEEDBENCH_SLOW") == "1"
CHANGES = ["max_length=24", "epochs=2", "validations_per_epoch=2", "learning_rate=1e-3", "precision=fp32"]


def command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"runners.{module}", *arguments]


def run(arguments: list[str], **options) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    return subprocess.run(arguments, capture_output=True, text=True, cwd=root, timeout=300, **options)


def here(main: Callable[..., None], arguments: list[str]) -> Result:
    """A command line of `command` in this process."""
    app = typer.Typer()
    app.command()(main)
    return CliRunner().invoke(app, arguments[3:])


def stacked_spec(model: str, glue: str, out: Path, stack: int | None = None) -> TableSpec:
    return table_spec(
        model=model,
        model_name="someone/tiny",
        glue=glue,
        task="sst2",
        recipe="stable",
        changes=CHANGES,
        engine="stacked",
        out=out,
        stack=stack,
    )


def contents(out: Path) -> dict[str, list[bytes]]:
    """The arrays of every log; times and devices are not part of a trial."""
    logs = {path.name: read_log(path).outcome for path in sorted(out.rglob("*.npz"))}
    return {name: [o.logits.tobytes(), o.step_train_loss.tobytes()] for name, o in logs.items()}
