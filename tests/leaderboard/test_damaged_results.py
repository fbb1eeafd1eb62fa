"""The site of results that are damaged: one line or a site, never a traceback. SEEDBENCH_SLOW=1: 500 of them."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from leaderboard.boards import Board, write_board
from leaderboard.build import read_standings
from leaderboard.ranks import keep_comparisons
from leaderboard.results import write_result
from leaderboard.site.files import site_files
from seedbench.errors import SeedbenchError
from seedbench.trialset import TrialsIdentity, load_trials
from tests.leaderboard.world import REPLICATES, entry

MUTATED = 500 if os.environ.get("SEEDBENCH_SLOW") == "1" else 24
SEED, SECONDS = 23, 10
SHIPPED = Path(__file__).parents[2] / "seedbench" / "strategies"
ODD = [None, True, -1, 0, 1.5, 1e308, 10**30, "", "x" * 5000, "../x", "é[/x]", [], {}, [[]], "verified", "removed"]


@pytest.fixture(scope="module")
def results(small_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board of two entries on one small table."""
    root, trials = tmp_path_factory.mktemp("damaged"), load_trials(small_folder)
    board = Board("held-out-2", "cold", TrialsIdentity(trials.name, trials.version, trials.sha256, None), 0, REPLICATES)
    write_board(root / "results", board)
    (root / "submissions").mkdir()
    for slug, file in (("full-trials", "full_trials"), ("asha", "asha")):
        made = entry(slug, file, SHIPPED / f"{file}.py", trials, root / "submissions", organisers=True)
        write_result(root / "results" / board.name / "public", made)
    keep_comparisons(root / "results", board, "public", trials)
    return root / "results"


def changed(value: Any, drawn: random.Random) -> Any:
    """A JSON value of which one part, at any depth, is something else, missing or there twice."""
    if isinstance(value, dict | list) and value and drawn.random() < 0.85:
        at = drawn.choice([*value]) if isinstance(value, dict) else drawn.randrange(len(value))
        copy = value.copy()
        how = drawn.random()
        if how < 0.1:
            del copy[at]
        elif how < 0.2 and isinstance(copy, list):
            copy.insert(at, copy[at])
        else:
            copy[at] = changed(value[at], drawn)
        return copy
    return drawn.choice(ODD)


def damaged(content: bytes, drawn: random.Random) -> bytes:
    """Bytes flipped, cut off, cut out, or put twice."""
    at, length = drawn.randrange(len(content)), drawn.randrange(1, 64)
    flipped = content[:at] + bytes([content[at] ^ drawn.randrange(1, 256)]) + content[at + 1 :]
    return drawn.choice([flipped, content[:at], content[:at] + content[at + length :], content[:at] + content[at:] * 2])


def test_damaged_results_are_one_line_or_a_site(results: Path, tmp_path: Path) -> None:
    drawn, refused, made = random.Random(SEED), 0, 0
    files = sorted(path.relative_to(results) for path in results.rglob("*") if path.is_file())
    for number in range(MUTATED):
        folder = tmp_path / str(number)
        shutil.copytree(results, folder)
        path = folder / drawn.choice(files)
        content = path.read_bytes()
        if path.suffix == ".json" and drawn.random() < 0.7:
            path.write_text(json.dumps(changed(json.loads(content), drawn)))
        else:
            path.write_bytes(damaged(content, drawn))
        began = time.process_time()
        try:
            standings = read_standings(tmp_path / "none", folder)
            if drawn.random() < 0.3 or MUTATED < 100:  # drawing takes longer than all else
                site_files(standings)
            made += 1
        except SeedbenchError as error:
            assert len(str(error).splitlines()) == 1, (number, error)
            refused += 1
        except Exception as error:
            raise AssertionError(f"{number}: {path.name}: {type(error).__name__}: {error}") from error
        assert time.process_time() - began < SECONDS, number
        shutil.rmtree(folder)
    assert refused > MUTATED / 3 and made


def test_a_board_of_a_version_that_is_none_is_one_line(results: Path, tmp_path: Path) -> None:
    """Its folder's name has two of the three numbers."""
    folder = shutil.copytree(results, tmp_path / "results")
    (file,) = folder.glob("*/board.json")
    board = json.loads(file.read_text())
    board["trials"]["version"] = "1.0.x"
    file.write_text(json.dumps(board))
    with pytest.raises(
        SeedbenchError, match=r"board\.json: a version must be like 1\.0\.0, found '1\.0\.x'; a board is"
    ):
        read_standings(tmp_path / "none", folder)
