"""Small files of curves, and the one table that they make."""

from __future__ import annotations

from pathlib import Path

from seedbench.trialset import TrialTable, load_trials, validate_folder
from seedbench.trialset.importing import Imported, ImportOptions, import_curves

HEADER = "model,task,recipe,weight_init_seed,data_order_seed,step,score"


def write_csv(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "curves.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def grid_lines(rows=2, columns=3, steps=(10, 20), start="bert,rte,mine"):
    """Scores 0.5 + 0.1 · row + 0.01 · column + 0.001 · step."""
    return [
        f"{start},{row},{column},{step},{0.5 + 0.1 * row + 0.01 * column + 0.001 * step:.3f}"
        for row in range(rows)
        for column in range(columns)
        for step in steps
    ]


def imported(tmp_path: Path, *lines: str, header: str = "seed,step,acc", **options) -> tuple[TrialTable, Imported]:
    """The one table that a CSV file makes, of task qnli and with score acc unless options say otherwise."""
    options = {"model": "m", "task": "qnli", "recipe": "r", "score": "acc"} | options
    done = import_curves(write_csv(tmp_path, *lines, header=header), tmp_path / "set", ImportOptions(**options))
    return only_table(tmp_path / "set"), done


def only_table(folder: Path) -> TrialTable:
    assert validate_folder(folder) == []
    (table,) = load_trials(folder).tables
    return table
