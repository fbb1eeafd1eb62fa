"""All findings of a trial set: what they are made of, their JSON, the command line, and what a person sees."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from seedbench.analyses import findings, findings_report
from seedbench.errors import SelectionError, TrialSetError
from tests.scores import additive_scores, set_of, table_of


def noisy(rows, columns, seed=0, checkpoints=5):
    rng = np.random.default_rng(seed)
    clean = additive_scores(rows, columns, rng=rng, checkpoints=checkpoints)
    return np.round(clean + rng.normal(0, 0.01, clean.shape), 3)


ODD = {
    "holes": table_of(np.where(np.eye(4, 5)[..., None] > 0, None, noisy(4, 5)), recipe="holes"),
    "row": table_of(noisy(1, 6), recipe="row"),
    "column": table_of(noisy(6, 1), recipe="column"),
    "one": table_of(noisy(1, 1), recipe="one"),
    "constant": table_of(np.full((3, 3, 4), 0.5), recipe="constant"),
    "checkpoint": table_of(noisy(3, 3)[..., -1], recipe="checkpoint"),
    "diagonal": table_of(np.where(np.eye(5)[..., None] > 0, noisy(5, 5), None), recipe="diagonal"),
    "all-diverged": table_of(noisy(2, 2), recipe="all-diverged", diverged=[(0, 0), (0, 1), (1, 0), (1, 1)]),
}


def shown(found, width):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(findings_report(found, width))
    return console.export_text()


@pytest.fixture(scope="module")
def two_tasks():
    return findings(
        set_of(table_of(noisy(5, 4, 1), task="cola"), table_of(noisy(5, 4, 2), task="rte")), permutations=99
    )


def test_tables_and_groups_of_the_trial_set(trials):
    found = findings(trials, permutations=19)
    assert [(one.task, one.recipe, one.trials) for one in found.tables] == [
        ("mrpc", "few", 19),
        ("sst2", "few", 36),
        ("sst2", "other", 16),
    ]
    assert [(one.recipe, one.tasks) for one in found.shared_seeds] == [("few", ("mrpc", "sst2")), ("other", ("sst2",))]
    assert found.tables[0].metric == "mean of accuracy and f1"
    assert found.tables[1].expected.best == trials.tables[1].score.max()
    assert found.trials.sha256 == trials.sha256


def test_selection(trials):
    assert [one.name for one in findings(trials, recipes="other", permutations=1).tables] == ["mini/sst2/other"]
    with pytest.raises(SelectionError, match="unknown task 'rte'"):
        findings(trials, tasks="rte")
    with pytest.raises(SelectionError, match="needs permutations, found 0"):
        findings(trials, permutations=0)


def test_the_same_call_gives_the_same_bytes_and_another_seed_others(two_tasks):
    tables = set_of(table_of(noisy(5, 4, 1), task="cola"), table_of(noisy(5, 4, 2), task="rte"))
    assert findings(tables, permutations=99).to_json() == two_tasks.to_json()
    other = findings(tables, permutations=99, seed=1)
    assert other.tables[0].factors.components == two_tasks.tables[0].factors.components
    assert other.tables[0].search.rows[3].score == two_tasks.tables[0].search.rows[3].score
    assert other.to_json() != two_tasks.to_json()


def test_a_table_is_judged_by_itself(two_tasks):
    alone = findings(set_of(table_of(noisy(5, 4, 2), task="rte")), permutations=99)
    assert alone.tables[0] == two_tasks.tables[1]


def test_trials_that_ended_early_are_said():
    """As `seedbench live` leaves them: what is said of one trial is not said of a full one."""
    table = table_of(noisy(4, 4, checkpoints=3))
    (whole,) = findings(set_of(table), permutations=9).tables
    stopped = replace(table, ended_at=np.array([1, 2, *[3] * 14], dtype=np.int32))
    (found,) = findings(set_of(stopped), permutations=9).tables
    assert whole.notes == () and found.notes == (
        "2 of 16 trials ended, or were stopped, before the last checkpoint. They count with what they had reached: "
        "full trials may do better than is said here.",
    )


def test_a_score_that_is_no_number_takes_its_trial_out():
    score = noisy(4, 4)
    score[1, 2, 3] = np.nan
    without = np.array(noisy(4, 4), dtype=object)
    without[1, 2, :] = None
    (found,) = findings(set_of(table_of(score)), permutations=9).tables
    (expected,) = findings(set_of(table_of(without)), permutations=9).tables
    assert found.notes == ("1 trial left out: a score that is not a number cannot be compared.",)
    assert found.expected == expected.expected and found.search == expected.search
    with pytest.raises(TrialSetError, match="mini/sst2/few: every trial has a score that is not a number"):
        findings(set_of(table_of(np.full((2, 2, 2), np.nan))))


@pytest.mark.parametrize("name", ODD)
def test_odd_tables_have_notes_and_no_numbers_that_are_none(name):
    """Every undefined number is null: NaN is no JSON, and `to_json` refuses it. And a terminal shows it all."""
    found = findings(set_of(ODD[name]), permutations=9)
    content = json.loads(found.to_json(), parse_constant=pytest.fail)
    (table,) = content["tables"]
    parts = ("expected", "factors", "diverged", "early", "search")
    assert any(table[part]["notes"] for part in parts)
    for width in (80, 120):
        text = shown(found, width)
        assert "nan" not in text and "None" not in text and "inf " not in text
        assert max(map(len, text.splitlines())) <= width


def test_the_largest_seeds_are_not_cut_off():
    seeds = [2**63 - 5 + at for at in range(5)]
    text = shown(findings(set_of(table_of(noisy(5, 5), seeds=(seeds, seeds))), permutations=9), 80)
    assert "…" not in text and f"best weight-init {seeds[0]}"[:-1] in text


@pytest.mark.parametrize("width", [80, 100, 120])
def test_nothing_is_cut_off(two_tasks, width):
    text = shown(two_tasks, width)
    assert "…" not in text
    for title in ("Expected validation performance", "Weight initialisation against data order", "Diverged trials"):
        assert text.count(title) == 2
    for title in ("Early against late", "Start many, stop early", "mini · few · cola, rte"):
        assert title in text


def test_command_line(run, trials_folder):
    options = ("findings", "--trials", trials_folder, "--task", "sst2", "--recipe", "other")
    code, out, err = run(*options, "--json", "found.json", "--seed", 3)
    assert (code, err) == (0, "")
    assert "mini · sst2 · other" in out and "mrpc" not in out
    content = json.loads(Path("found.json").read_text())
    assert content["seed"] == 3 and len(content["tables"]) == 1
    code, out, err = run(*options, "--json", "-", "--seed", 3)
    assert code == 0 and out == Path("found.json").read_text() and "Expected validation" in err


def test_command_line_refuses(refused, trials_folder, tmp_path):
    refused("findings", "--trials", trials_folder, "--task", "rte", rule="unknown task 'rte'")
    refused("findings", "--trials", tmp_path / "none", rule="no such folder")
    refused("findings", "--json", tmp_path / "no" / "x.json", rule="no such folder")
    refused("findings", "--json", "same.html", "--html", "same.html", rule="given as --json and as --html")


def test_progress_reaches_its_end():
    """For every table a search of all, of what each of the deletions leaves, and of each pair of halves."""
    seen: list[tuple[int, int]] = []
    findings(set_of(*ODD.values()), permutations=1, progress=lambda *done: seen.append(done))
    total = seen[0][1]
    assert seen == [(number, total) for number in range(1, total + 1)]
    seen.clear()
    findings(set_of(table_of(noisy(4, 3))), permutations=1, progress=lambda *done: seen.append(done))
    assert seen[-1] == (1 + 4 + 3 + 8, 16)
