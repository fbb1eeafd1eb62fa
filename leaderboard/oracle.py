"""The oracle on a board's public trials: how far choosing could get. Kept with the board, which may grow old."""

from __future__ import annotations

from pathlib import Path

from leaderboard.boards import Board
from seedbench.evaluation import Evaluation, evaluate_selected
from seedbench.files import write_file
from seedbench.trialset import Selection, TrialSet

_FILE = "oracle.json"


def keep_oracle(results: Path, board: Board, trials: TrialSet) -> None:
    """Runs the oracle with a board's seed and writes down what it scores, unless that is there.

    Args:
        results: folder of the boards.
        board: which.
        trials: its public trial set.

    Raises:
        SeedbenchError: it cannot be written.
    """
    if read_oracle(results, board) is None:
        scored = evaluate_selected("oracle", Selection(trials=trials), board.options(), intervals=False)
        write_file(results / board.name / _FILE, scored.to_json(), parents=True)


def read_oracle(results: Path, board: Board) -> Evaluation | None:
    """What `keep_oracle` wrote with the board's seed; None where there is nothing.

    Raises:
        SeedbenchError: the file says something else.
    """
    file = results / board.name / _FILE
    if not file.exists():
        return None
    oracle = Evaluation.from_json(file.read_text(encoding="utf-8"))
    return oracle if oracle.seed == board.seed else None
