"""`.github/docs/attacks.md` counts what is tried: with SEEDBENCH_PIN=1 this file writes it anew."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

from tests.sandbox.test_attacks import attacks
from tests.test_submission import BAD_IMPORTS, BAD_SOURCES, SPOILED

ROOT = Path(__file__).parents[1]
PAGE = ROOT / ".github" / "docs" / "attacks.md"
FULL = "<!-- full runs: by hand -->\n"


def counted() -> str:
    """The page down to the full runs."""
    sealed = [(attack.values[0].stem, attack.values[2]) for attack in attacks()]
    kinds = Counter(stem for stem, _ in sealed)
    verdicts = Counter(expected.partition(";")[0].partition(":")[0] for _, expected in sealed)
    lines = [
        "# Attacks that are tests",
        "",
        f"**{len(sealed)} strategies** attack the seal, each twice (once where time is its weapon), in every run",
        "of the tests (`tests/sandbox/attacks`, run by `tests/sandbox/test_attacks.py`). None may get out, and each",
        "must end as it says:",
        "",
        "| verdict | attacks |",
        "|---|---:|",
        *(f"| {verdict} | {number} |" for verdict, number in sorted(verdicts.items())),
        "",
        "| file | attacks |",
        "|---|---:|",
        *(f"| `{stem}.py` | {number} |" for stem, number in sorted(kinds.items())),
        "",
        f"**{len(BAD_SOURCES) + len(BAD_IMPORTS) + len(SPOILED)} entries** are refused before anything of them runs: "
        f"{len(BAD_SOURCES)} sources, {len(BAD_IMPORTS)} imports and",
        f"{len(SPOILED)} spoiled folders (`tests/test_submission.py`); pull requests that hide what a merge undoes:",
        "`tests/leaderboard/test_pull_request_attacks.py`.",
        "",
    ]
    return "\n".join(lines) + "\n"


def test_the_page_counts_what_there_is():
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else FULL
    by_hand = text.partition(FULL)[2]
    if os.environ.get("SEEDBENCH_PIN") == "1":
        PAGE.write_text(counted() + FULL + by_hand, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8").partition(FULL)[0] == counted()


def test_the_tests_that_promises_are_held_by_are_there():
    """Every file of tests, and every test, that `.github/SECURITY.md` names."""
    named = re.findall(r"`((?:tests/|test_)[\w./]*)`", (ROOT / ".github" / "SECURITY.md").read_text(encoding="utf-8"))
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > 12
    assert [name for name in named if not ((ROOT / name).exists() or f"def {name}(" in sources)] == []
