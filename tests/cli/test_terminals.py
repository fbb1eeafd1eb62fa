"""Terminals of any width, and what is no terminal: nothing is cut, and long work says what it does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

COMMANDS = {
    "evaluate": "evaluate start_many --against successive_halving --against asha --replicates 10 --processes 1",
    "compare": "compare start_many successive_halving --replicates 10 --processes 1",
    "advise": "advise --budget 2 --replicates 4 --processes 1",
    "trials": "trials",
    "trials show": "trials show",
    "findings": "findings --seed 3",
    "one campaign": "evaluate asha --only mini/sst2/few:4:1",
}
NUMBER = re.compile(r"(?<![\w.])[+\-±≤≥]?\d+(?:\.\d+[%×]?|%)(?![\w.])")


@pytest.mark.parametrize("command", COMMANDS)
def test_columns_go_before_digits_do(command: str, run, monkeypatch, trials_folder: Path) -> None:
    """Every number on a narrow terminal is one of a wide one."""
    printed = {}
    for width in 60, 200:
        monkeypatch.setenv("COLUMNS", str(width))
        code, printed[width], _ = run(*COMMANDS[command].split(), "--trials", trials_folder)
        assert code == 0
        assert max(len(line) for line in printed[width].splitlines()) <= width
    assert "…" not in re.sub(r"… and \d+ more", "", printed[60])
    narrow, wide = (NUMBER.findall(printed[width]) for width in (60, 200))
    assert (len(narrow) > 5 or command == "one campaign") and set(narrow) <= {*wide}
