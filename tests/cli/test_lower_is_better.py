"""A measure that is better low, as perplexity is: what was measured is shown, and decided is as on its negative."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def sets(run, tmp_path: Path) -> tuple[Path, Path]:
    """The same curves twice: as perplexities from 3 to 5, and as their negatives."""
    rng = np.random.default_rng(0)
    level = 4 + rng.normal(0, 0.3, (6, 1)) + rng.normal(0, 0.2, (1, 6)) + rng.normal(0, 0.2, (6, 6))
    lines = ["wi,do,step,ppl,negative"]
    for wi, do in np.ndindex(6, 6):
        for step in (1, 2, 3):
            value = round(level[wi, do] + 1 / step, 4)
            lines.append(f"{wi},{do},{step},{value},{-value}")
    (tmp_path / "curves.csv").write_text("\n".join(lines) + "\n")
    names = ["--model", "m", "--task", "lm", "--recipe", "r", "--weight-init-seed", "wi", "--data-order-seed", "do"]
    for name, score in (("low", ["--score", "ppl", "--minimize"]), ("high", ["--score", "negative"])):
        code, _, err = run("trials", "import", tmp_path / "curves.csv", tmp_path / name, *names, *score)
        assert code == 0, err
    return tmp_path / "low", tmp_path / "high"


EVALUATE = ("evaluate", "full_trials", "--against", "last_checkpoint", "--budget", "2")
ADVISE = ("advise", "--budget", "2", "--score", "{score}")


@pytest.mark.parametrize("command", [EVALUATE, ADVISE], ids=lambda command: command[0])
def test_levels_are_as_measured_and_nothing_else_differs(run, sets: tuple[Path, Path], command) -> None:
    shown = []
    for folder, score in zip(sets, ("4.2", "-4.2"), strict=True):
        given = [part.format(score=score) for part in command]
        options = ("--trials", folder, "--protocol", "dodge2020", "--replicates", "20", "--processes", "1")
        code, out, err = run(*given, *options)
        assert code == 0, err
        shown.append(out)
    low, high = (" ".join(out.split()) for out in shown)  # a terminal's lines and columns differ with a sign
    assert "one full trial 4." in low and "(lower is better)" in low
    assert "one full trial -4." in high and "lower is better" not in high
    turned = re.sub(r"(?<![\w.])-([345]\.\d{4})", r"\1", high).replace("high 1.0.0", "low 1.0.0")
    assert low.replace(" (lower is better)", "") == turned
    if command == ADVISE:
        assert re.search(r"It (needs|is not) .{,60}4\.2000", low), low
