"""The table of limits in `.github/docs/faults.md` is that of the code."""

import re
from pathlib import Path

from seedbench import documents, submission
from seedbench.live import contract, log
from seedbench.strategy import neighbours
from seedbench.trialset.limits import Limits

PAGE = Path(__file__).parents[1] / ".github" / "docs" / "faults.md"


def test_the_limits_are_those_of_the_code() -> None:
    stated = PAGE.read_text(encoding="utf-8").partition("## Limits")[2]
    rows = re.findall(r"^\| (.+) \| ([\d,]+) \|$", stated, re.MULTILINE)
    assert [int(number.replace(",", "")) for _, number in rows] == [
        *(vars(Limits())[name] for name in ("bytes", "trials", "tables", "document")),
        documents.LARGEST,
        neighbours.SOURCE_LARGEST,
        submission.SOURCE_BYTES,
        submission.ENTRY_BYTES,
        log.LARGEST_GRID,
        contract.LARGEST_STEP,
    ]
