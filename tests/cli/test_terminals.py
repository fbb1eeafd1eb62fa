"""Terminals of any width, and what is no terminal: nothing is cut, and long work says what it does."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from seedbench import evaluate
from seedbench.cli import common
from tests.processes import until

ROOT = Path(__file__).parents[2]

COMMANDS = {
    "evaluate": "evaluate start_many --against successive_halving --against asha --replicates 10 --processes 1",
    "compare": "compare start_many successive_halving --replicates 10 --processes 1",
    "advise": "advise --budget 2 --replicates 4 --processes 1",
    "advise a budget": "advise --replicates 4 --processes 1",
    "trials": "trials",
    "trials show": "trials show",
    "findings": "findings --seed 3",
    "one campaign": "evaluate asha --only mini/sst2/few:4:1",
}
#: Code and commands, which no terminal is too narrow for.
TO_COPY = re.compile(r" +(from seedbench\.|strategy = |seedbench live |--checkpoints K |'COMMAND )")
NUMBER = re.compile(r"(?<![\w.])[+\-±≤≥]?\d+(?:\.\d+[%×]?|%)(?![\w.])")


@pytest.mark.parametrize("narrow_width", [40, 60])
@pytest.mark.parametrize("command", COMMANDS)
def test_columns_go_before_digits_do(command: str, narrow_width: int, run, monkeypatch, trials_folder: Path) -> None:
    """Every number on a narrow terminal is one of a wide one."""
    printed = {}
    for width in narrow_width, 200:
        monkeypatch.setenv("COLUMNS", str(width))
        code, printed[width], _ = run(*COMMANDS[command].split(), "--trials", trials_folder)
        assert code == 0
        assert all(len(line) <= width for line in printed[width].splitlines() if not TO_COPY.match(line))
    copied = [list(filter(TO_COPY.match, printed[width].splitlines())) for width in (narrow_width, 200)]
    assert copied[0] == copied[1] and len(copied[0]) == (3 if command.startswith("advise") else 0)
    assert "…" not in re.sub(r"… and \d+ more", "", printed[narrow_width])
    narrow, wide = (NUMBER.findall(printed[width]) for width in (narrow_width, 200))
    assert (len(narrow) > 5 or command == "one campaign") and set(narrow) <= {*wide}


SLOW = """
import os, time

def strategy(campaign):
    with open({log!r}, "a") as log:
        log.write(".")
    time.sleep(0.02)
    while os.path.getsize({log!r}) == 170 and not os.path.exists({go!r}):
        time.sleep(0.02)
    return campaign.start().advance()
"""


def test_an_evaluation_goes_on_where_it_was_ended(tmp_path: Path, small_folder: Path) -> None:
    """The same bytes as in one go, and no campaign twice but those of a batch that was not done: it is ended in the
    170th, when three batches of 50 took the three seconds after which they are kept."""
    log, go, file = tmp_path / "log", tmp_path / "go", tmp_path / "mine.py"
    file.write_text(SLOW.format(log=str(log), go=str(go)))
    options = ("--trials", small_folder, "--against", "full_trials", "--replicates", 250, "--processes", 1)
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT)}

    def start(out: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "seedbench", "evaluate", file, *options, "--json", out]
        return subprocess.Popen([*map(str, command)], env=environment, text=True, stderr=subprocess.PIPE, stdout=-3)

    ended = start(tmp_path / "ended.json")
    kept = tmp_path / "cache" / "seedbench" / "unfinished"
    until(lambda: log.exists() and log.stat().st_size == 170, "the 170th campaign waits", 300)
    assert len(list(kept.glob("*/*.npz"))) == 3
    ended.send_signal(signal.SIGINT)
    _, said = ended.communicate()
    assert ended.returncode == 130 and not (tmp_path / "ended.json").exists()
    assert "what is done is kept; the same command goes on from there" in said
    assert len(log.read_text()) == 170
    go.touch()
    again = start(tmp_path / "again.json")
    again.communicate()
    assert again.returncode == 0
    assert len(log.read_text()) - 170 == 250 - 150
    assert not kept.exists() or not list(kept.iterdir())
    whole = evaluate(file, small_folder, against="full_trials", replicates=250)
    assert (tmp_path / "again.json").read_text() == whole.to_json()


def test_long_work_says_how_far_it_is_where_there_is_no_terminal(run, monkeypatch, small_folder: Path) -> None:
    options = ("--trials", small_folder, "--replicates", "120", "--processes", "1")
    assert run("evaluate", "asha", *options)[2] == ""  # done before there was anything to say
    monkeypatch.setattr(common, "FIRST_LINE", 0.0)
    monkeypatch.setattr(common, "AT_ONCE", 1e-9)  # all of it takes less than a tenth of a second
    code, _, err = run("evaluate", "asha", *options)
    (line,) = err.splitlines()  # the next one is due half a minute later
    assert code == 0
    assert re.fullmatch(r"seedbench: asha: \d+ of 120 campaigns in \d+\.\d s, about \d+(\.\d)? s left", line)


def test_how_much_longer_it_takes():
    """Four seconds to start with, 200 of 1,000 done by an earlier call, 80 more in two seconds: 720 take 18."""
    at = iter([4.0, 4.05, 5.0, 6.0, 26.0, 26.1])
    pace = common.Pace(lambda: next(at))
    said = [pace.left(done, 1000) for done in (100, 200, 240, 280, 600, 1000)]
    assert said == ["", "", "", ", about 18 s left", ", about 22 s left", ""]
