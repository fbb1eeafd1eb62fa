"""The benchmarks' README.md says what is in results/, and nothing it points at is missing."""

import re

from tests.benchmarks.tables import HERE, README, filled, number, read, shown


def test_readme_holds_what_was_measured():
    text = README.read_text(encoding="utf-8")
    assert filled(text) == text, "run python -m tests.benchmarks.tables"
    files = set(re.findall(r"`?(test_\w+\.py)", text)) | set(re.findall(r"\]\(([\w.]+)\)", text))
    assert "test_peers.py" in files and "growth.svg" in files
    assert not [name for name in files if not (HERE / name).exists()]


def test_the_projects_readme_says_what_was_measured():
    text = " ".join((HERE.parents[1] / "README.md").read_text(encoding="utf-8").split())
    rows = {(row["rule"], row["tool"].split(" ")[0].split(",")[0]): row for row in reversed(read("peers")["rows"])}
    full, asha, median = (
        number(rows[rule, "seedbench"]["campaigns_per_second"]["median"])
        for rule in ("full_trials, as shipped", "asha, as shipped", "median stopping")
    )
    assert f"at {full} a second for `full_trials`, {asha} for `asha` and {median} for median stopping" in text
    times = [
        (row["tool"].split(" ")[0], row["seedbench_is_times_as_fast"]["median"])
        for row in read("peers")["rows"]
        if row["tool"].startswith(("Optuna", "Syne"))
    ]
    optuna, syne = ([by for tool, by in times if tool == name] for name in ("Optuna", "Syne"))
    assert (
        f"{min(optuna):.0f} to {max(optuna):.0f} times as fast as Optuna's pruners and "
        f"{min(syne):.0f} to {max(syne):.0f} times as fast as Syne Tune's simulator"
    ) in text


def test_numbers_have_three_digits():
    assert [number(value) for value in (4321.0, 99.96, 25.44, 0.12345)] == ["4,321", "100", "25.4", "0.123"]
    assert shown({"median": 1790.0, "low": 0.5, "high": 2000.0}) == "1,790 (0.5-2,000)"
