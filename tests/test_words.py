"""Sentences about one thing and about many, about what has no name, and about what does not change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seedbench.text import counted
from seedbench.trialset import curve_words, ended_words
from tests.synthetic import table_by_hand


@pytest.mark.parametrize(("number", "said"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (1200, "1,200 trials")])
def test_one_is_no_plural(number: int, said: str) -> None:
    assert counted(number, "trial") == said


def test_a_score_without_a_name_is_not_called_score_twice(run, tmp_path) -> None:
    rows = (f"{seed},{step},{0.5 + seed / 10 + step / 100}" for seed in (1, 2, 3) for step in (1, 2))
    lines = ["seed,step,score", *rows]
    (tmp_path / "curves.csv").write_text("\n".join(lines))
    names = ("--model", "m", "--task", "mine", "--recipe", "r", "--score", "score")
    assert run("trials", "import", tmp_path / "curves.csv", tmp_path / "set", *names)[0] == 0
    code, out, err = run("findings", "--trials", tmp_path / "set")
    assert code == 0, err
    assert "3 trials" in out and "score: score" not in out and "1 trials" not in out


def test_curves_that_do_not_change_neither_rise_nor_fall() -> None:
    label = [1, 1, 0, 0]
    flat = table_by_hand([[[[1, 1, 0, 1]] * 2, [[1, 1, 0, 0]] * 2]], label)
    assert "; none changes; " in curve_words(flat)
    rising = table_by_hand([[[[1, 1, 1, 1], [1, 1, 0, 0]], [[1, 1, 0, 1]] * 2]], label)
    assert "; 1 of 2 rise; " in curve_words(rising)
    falling = replace(rising, score=0 - rising.score, score_name="-loss", majority_score=np.nan)
    assert "; 0 of 2 fall; " in curve_words(falling)


def test_trials_that_ended_early_or_failed_are_said() -> None:
    label = [1, 1, 0, 0]
    table = table_by_hand([[[[1, 1, 1, 1], [1, 1, 0, 0]], [[1, 1, 0, 1]] * 2, [[1, 0, 0, 1]] * 2]], label)
    assert ended_words([table]) == ""
    status = np.array(["finished", "finished", "failed"], dtype=object)
    ended = replace(table, ended_at=np.array([2, 1, 1], dtype=np.int32), status=status)
    said = "1 ended before the last checkpoint and 1 failed, which is scored as the table's worst."
    assert ended_words([ended]) == said and curve_words(ended).endswith(said)
