"""The benchmarks' README.md says what is in results/, and nothing it points at is missing."""

import re

from tests.benchmarks.tables import HERE, README, filled, number, shown


def test_readme_holds_what_was_measured():
    text = README.read_text(encoding="utf-8")
    assert filled(text) == text, "run python -m tests.benchmarks.tables"
    files = set(re.findall(r"`?(test_\w+\.py)", text)) | set(re.findall(r"\]\(([\w.]+)\)", text))
    assert "test_peers.py" in files and "growth.svg" in files
    assert not [name for name in files if not (HERE / name).exists()]


def test_numbers_have_three_digits():
    assert [number(value) for value in (4321.0, 99.96, 25.44, 0.12345)] == ["4,321", "100", "25.4", "0.123"]
    assert shown({"median": 1790.0, "low": 0.5, "high": 2000.0}) == "1,790 (0.5-2,000)"
