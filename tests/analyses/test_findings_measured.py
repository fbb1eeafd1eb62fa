"""Findings of curves that others recorded: measures that are better low, and one seed that stands for both."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedbench.analyses import findings
from seedbench.analyses.answers import SeedDensity
from seedbench.analyses.drawing import density_table
from seedbench.analyses.measured import as_measured
from seedbench.trialset import add_trials, load_trials
from seedbench.trialset.importing import ImportOptions, import_curves


def imported(folder: Path, *lines: str, header: str, **options) -> Path:
    (folder / "curves.csv").write_text("\n".join([header, *lines]))
    given = {"model": "m", "task": "lm", "recipe": "r", "score": "ppl"} | options
    import_curves(folder / "curves.csv", folder / "set", ImportOptions(**given))
    return folder / "set"


@pytest.fixture
def perplexities(tmp_path: Path) -> Path:
    """Three seeds, two checkpoints: the best are 2, 4 and 6."""
    lines = ["1,10,9", "1,20,2", "2,10,8", "2,20,4", "3,10,6", "3,20,7"]
    return imported(tmp_path, *lines, header="seed,step,ppl", minimize=True)


def test_what_is_better_low_is_shown_as_it_was_measured(perplexities):
    """Scores are -2, -4, -6. The best of one is 4 on average, of two (2 + 2 + 4) / 3, of three 2."""
    found = findings(perplexities, permutations=9)
    assert found.tables[0].expected.without_replacement == pytest.approx((-4, -8 / 3, -2))
    (table,) = as_measured(found).tables
    assert (table.metric, table.sign) == ("ppl", -1)
    assert table.expected.without_replacement == pytest.approx((4, 8 / 3, 2)) and table.expected.best == 2
    for low, high in zip(table.expected.low, table.expected.high, strict=True):
        assert low is None or high is None or low < high
    assert [(one.seed, one.value) for one in table.factors.by_seed] == [(1, 2), (2, 4), (3, 6)]
    (score,) = (one for one in table.diverged.curves if one.measure == "score")
    assert score.mean == pytest.approx((23 / 3, 13 / 3)) and score.low[0] < score.high[0]
    assert table.search.rows[0].best_of_n == pytest.approx(4) and table.search.rows[0].error_reduction is None
    assert any("no score is known to be perfect" in note for note in table.search.notes)


def test_no_interval_of_a_loss_is_below_0(tmp_path):
    """Of 0.1 and 4 nobody knows the mean within its size; one trial's own 0.1 would be crossed, too."""
    lines = [f"{seed},10,{0.1 if seed % 2 else 4}" for seed in range(1, 9)]
    (table,) = as_measured(findings(imported(tmp_path, *lines, header="seed,step,ppl", minimize=True))).tables
    assert table.expected.low[3] == 0 < table.expected.high[3]
    assert all(low is None or low >= 0 for low in table.expected.low)
    assert all(row.low is None or row.low >= 0 for row in table.search.rows)


def test_a_measure_that_was_below_0_may_be_so_again(tmp_path):
    lines = [f"{seed},10,{-0.1 if seed % 2 else 4}" for seed in range(1, 9)]
    (table,) = as_measured(findings(imported(tmp_path, *lines, header="seed,step,ppl", minimize=True))).tables
    assert min(low for low in table.expected.low if low is not None) < -0.1


def test_what_is_better_high_stays(tmp_path):
    folder = imported(tmp_path, "1,10,0.5", "2,10,0.6", header="seed,step,ppl")
    found = findings(folder, permutations=9)
    assert as_measured(found) == found and found.tables[0].sign == 1


def test_a_measure_that_is_no_share_of_anything_has_no_limits(run, tmp_path):
    """Log-likelihoods about -30: 1 is not perfect, -1 not the least, and densities lie where the values do."""
    rows = [(wi, do, -30 - 0.3 * (wi * do % 5) - 0.1 * do) for wi in range(6) for do in range(6)]
    lines = [f"{wi},{do},10,{score:.2f}" for wi, do, score in rows]
    folder = imported(tmp_path, *lines, header="weight_init_seed,data_order_seed,step,ppl")
    (table,) = findings(folder, permutations=9).tables
    value = [score for _, _, score in rows]
    assert table.expected.low[0] < sum(value) / 36 < table.expected.high[0] < -29
    assert table.search.rows[0].error_reduction is None and not table.shares
    assert table.factors.points[0] < min(value) and max(value) < table.factors.points[-1] < -28
    assert run("findings", "--trials", folder)[0] == 0


def test_a_density_too_narrow_to_be_seen_is_drawn_as_nothing():
    one = SeedDensity("weight_init", 3, "best", 0.5, (0.4, 0.6), (0.0, 0.0, 0.0))
    drawn = density_table([one], (0.0, 0.5, 1.0), 80)
    assert [cell.strip() for column in drawn.columns for cell in column.cells] == ["best weight-init 3", "0.5000", ""]


def test_the_terminal_and_the_listing_say_it(run, perplexities):
    code, out, _ = run("findings", "--trials", perplexities)
    assert code == 0 and "3 trials, 3 seeds, 2 checkpoints, score: ppl, lower is better" in out
    assert "One trial can be expected to reach 4.0000; the best of all 3 reached 2.0000" in out
    assert " 1      2.0000 \n" in out and "× 3" not in out and "-4.0" not in out
    assert "Not known whether diverged: 3 trials." in out and "0.0%" not in out
    code, out, _ = run("trials", perplexities)
    assert "m · lm · r  ppl, lower is better" in out and "2.0000   4.0000   6.0000" in out
    assert "Curves start at 7.6667 on average; 2 of 3 fall" in out


def test_seeds_that_stand_for_both_are_compared_between_tasks(tmp_path):
    """Seed 3 is the best on both tasks; 9 is only in one."""
    lines = [f"{task},{seed},10,0.{seed + more}" for task, more in (("lma", 1), ("lmb", 2)) for seed in (1, 2, 3)]
    folder = imported(tmp_path, *lines, "lma,9,10,0.9", header="task,seed,step,ppl", task=None)
    (shared,) = findings(folder, permutations=99).shared_seeds
    (factor,) = shared.factors
    assert (factor.factor, factor.seeds, factor.mean_rank) == ("seed", (3, 2, 1), (1, 2, 3))
    assert factor.correlations[0].spearman == pytest.approx(1)


def test_tasks_without_seeds_in_common(tmp_path):
    lines = [f"lma,{seed},10,0.{seed}" for seed in (1, 2)] + [f"lmb,{seed},10,0.{seed}" for seed in (3, 4)]
    folder = imported(tmp_path, *lines, header="task,seed,step,ppl", task=None)
    (shared,) = findings(folder, permutations=99).shared_seeds
    assert shared.factors == () and shared.notes == ("The tasks share 0 seeds: there is nothing to compare.",)


def test_labels_of_tables_that_were_imported_apart_are_no_common_seeds(tmp_path):
    """Both are numbered 0, 1, 2; what is called b in both is 1 in the one and 0 in the other."""
    for task, labels in (("lma", "abc"), ("lmb", "bxy"), ("lmc", "xyz")):
        (tmp_path / task).mkdir()
        lines = [f"{label},10,0.{at + 1}" for at, label in enumerate(labels)]
        imported(tmp_path / task, *lines, header="seed,step,ppl", task=task)
    add_trials(tmp_path / "lma/set", [tmp_path / "lmc/set"])
    (shared,) = findings(tmp_path / "lma/set", permutations=9).shared_seeds
    assert shared.factors == () and shared.notes == ("The tasks share 0 seeds: there is nothing to compare.",)
    add_trials(tmp_path / "lmb/set", [tmp_path / "lmc/set"])
    (shared,) = findings(tmp_path / "lmb/set", permutations=9).shared_seeds
    (factor,) = shared.factors
    assert [factor.name(seed) for seed in factor.seeds] == ["y", "x"]
    assert factor.mean == (pytest.approx((0.3, 0.2)), pytest.approx((0.2, 0.1)))


def test_seeds_of_the_names_of_runs_are_the_same_in_all_tables(tmp_path):
    lines = ["lma,a,10,0.1", "lma,b,10,0.2", "lmb,b,10,0.3", "lmb,a,10,0.4"]
    folder = imported(tmp_path, *lines, header="task,Name,step,ppl", task=None, run="Name")
    assert {table.weight_init_seeds.tolist() == [0, 1] for table in load_trials(folder).tables} == {True}
    (shared,) = findings(folder, permutations=99).shared_seeds
    assert shared.factors[0].correlations[0].spearman == pytest.approx(-1)
