"""The runs that every file of a layout holds, and what they become.

What `layouts/write.py` wrote: seed s scores 0.5 + 0.1 s + 0.01 n at its n-th validation, at steps 10, 20 and 30; seed 3
is stopped after the second. The other files hold the same runs.
"""

from __future__ import annotations

from pathlib import Path

from seedbench.trialset import TrialTable, load_trials, validate_folder
from seedbench.trialset.importing import Imported, ImportOptions, import_curves
from tests.trialset.layouts.write import points

LAYOUTS = Path(__file__).parent / "layouts"
SCORES = [[0.61, 0.62, 0.63], [0.71, 0.72, 0.73], [0.81, 0.82, 0.82]]
POINTS = list(points())  # seed, number, step, score


def read(source: Path | str, out: Path, **options) -> tuple[TrialTable, Imported]:
    """The one table that a source makes, which must be the known runs."""
    done = import_curves(source, out, ImportOptions(**{"model": "m", "task": "rte", "recipe": "r"} | options))
    assert validate_folder(out) == []
    (table,) = load_trials(out).tables
    assert table.score.tolist() == SCORES and table.ended_at.tolist() == [3, 3, 2] and table.unknown.all()
    return table, done


def text(rows: list[list[object]], delimiter: str = ",") -> str:
    return "".join(f"{delimiter.join(map(str, row))}\n" for row in rows)
