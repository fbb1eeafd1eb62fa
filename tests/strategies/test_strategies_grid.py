"""The shipped strategies that choose their seeds on the grid, on campaigns small enough to follow on paper."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedbench import evaluate
from seedbench.campaign import PastArrays, past_tables
from seedbench.errors import StrategyFileError
from seedbench.strategies.additive_seeds import AdditiveSeeds
from seedbench.strategies.thompson import draws
from seedbench.strategy import load_strategy
from tests.curves import Curves, made, run, started, trained
from tests.synthetic import labels_of, split_of


def finished(row, column, score):
    return SimpleNamespace(weight_init_seed=row, data_order_seed=column, best=SimpleNamespace(score=score))


def test_additive_effects_of_two_trials_that_share_nothing():
    # Rows, columns and trials vary alike: a third of each trial's deviation from their mean, 0.15, goes to its row, a
    # third to its column. Nothing is known of the third row.
    promise = AdditiveSeeds(ratios=(1.0,)).expected_scores((3, 2), [finished(0, 0, 0.6), finished(1, 1, 0.9)])
    assert promise == pytest.approx(np.array([[0.65, 0.75], [0.75, 0.85], [0.7, 0.8]]))


def test_additive_effects_of_rows_seen_twice():
    # Each row's two trials are 0.2 off the mean. A row effect has the variance of what else is in a mean of two, of
    # columns and trials: half goes to the row, and of the 0.1 that is left half to each column.
    done = [finished(0, 0, 0.9), finished(0, 1, 0.9), finished(1, 2, 0.5), finished(1, 3, 0.5)]
    promise = AdditiveSeeds(ratios=(1.0,)).expected_scores((2, 4), done)
    assert promise == pytest.approx(np.array([[0.85, 0.85, 0.75, 0.75], [0.65, 0.65, 0.55, 0.55]]))


def test_additive_seeds_believes_in_the_effects_that_the_scores_show():
    # All that differs are rows: with them alone the row is worth the more, the more its variance may be.
    done = [finished(row, column, 0.5 + 0.1 * row) for row in range(3) for column in range(3)]
    some, any_ratio = (
        AdditiveSeeds(ratios=ratios).expected_scores((3, 3), done) for ratios in ((1.0,), (0.0, 1.0, 9.0))
    )
    assert some[:, 0] == pytest.approx([0.525, 0.6, 0.675])  # three trials: 3/4 of 0.1
    assert any_ratio[:, 0] == pytest.approx([0.5, 0.6, 0.7], abs=0.006)  # nearly the 27/28 of the largest ratio
    assert any_ratio == pytest.approx(any_ratio[:, :1] + np.zeros(3))


def test_additive_seeds_explores_rows_and_columns_and_then_finds_the_best_cell():
    """In 16 of 20 campaigns at least, on a table of row and column effects alone; a third of its trials is trained."""
    table = [[0.5 + 0.02 * row + 0.03 * column] for row in range(6) for column in range(6)]
    found = 0
    for seed in range(20):
        source = Curves(table, columns=6)
        kept = run("additive_seeds", source, 12, seed=seed)
        first = [source.cell(number) for number in started(source)[:6]]
        assert len({row for row, _ in first}) == len({column for _, column in first}) == 6
        found += (kept.weight_init_seed, kept.data_order_seed) == (5, 5)
    assert found >= 16


def test_additive_seeds_takes_any_trial_for_a_missing_one():
    source = Curves([[0.5], None, None, [0.6], None, [0.7]], columns=3)
    assert run("additive_seeds", source, 3).trials_started == 3


def test_thompson_draws_from_the_posteriors_of_standardised_scores():
    # 0.2 0.4 0.6 at the first checkpoint have mean 0.4 and deviation √(0.08 / 3); the only score at the second is no
    # better than itself. Nobody has played the fourth arm.
    rng = SimpleNamespace(normal=lambda mean, deviation: (mean, deviation))
    mean, deviation = draws(rng, 4, [(0, 0, 0.2), (0, 0, 0.4), (1, 0, 0.6), (2, 1, 0.9)])
    unit = 0.2 / (0.08 / 3) ** 0.5
    assert mean == pytest.approx([-unit / 3, unit / 2, 0, 0])
    assert deviation == pytest.approx([3**-0.5, 2**-0.5, 2**-0.5, 1])


@pytest.mark.parametrize("over", ["rows", "columns"])
def test_thompson_comes_back_to_the_better_seeds(over):
    # Two lines of 20, and the second is better by far. 16 trials, of which two random lines would give each about 8.
    good = [[0.1], [0.9]]
    table = [good[line] for line in range(2) for _ in range(20)] if over == "rows" else good * 20
    for seed in range(10):
        source = Curves(table, columns=20 if over == "rows" else 2)
        run(made("thompson", over=over), source, 16, seed=seed)
        assert sum(table[number] == [0.9] for number in started(source)) >= 12


def test_thompson_goes_on_with_other_seeds_when_one_is_used_up():
    source = Curves([[0.9], [0.9], [0.1], [0.1], [0.2], [0.2]], columns=2)
    assert run("thompson", source, 6).trials_started == 6


def test_thompson_over_trials_trains_a_trial_that_leads_before_others():
    # Constant curves: the best leads at every checkpoint that it reaches.
    table = [[score / 10] * 5 for score in (1, 2, 9, 2, 1, 2, 1, 2)]
    leads = 0
    for seed in range(10):
        source = Curves(table)
        run(made("thompson", over="trials"), source, 4, seed=seed)
        counts = trained(source)
        leads += len(counts) > 2 and counts[2] == max(counts)
    assert leads >= 9


def test_thompson_over_something_else():
    with pytest.raises(ValueError, match="Thompson: over must be 'rows', 'columns' or 'trials', got 'cells'"):
        made("thompson", over="cells")


def test_thompson_over_something_else_in_a_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from seedbench.strategies.thompson import Thompson\n\nstrategy = Thompson(over='cells')\n")
    with pytest.raises(StrategyFileError, match=r"mine.py, line 3: raised ValueError when loaded: Thompson: over must"):
        load_strategy(str(file))


def past(scores, rows=None, columns=None):
    """Another task's table, one checkpoint each; scores [rows, columns]."""
    scores = np.array(scores)
    rows = range(len(scores)) if rows is None else rows
    columns = range(scores.shape[1]) if columns is None else columns
    seeds = np.array([(row, column) for row in rows for column in columns])
    score = scores.reshape(-1, 1)
    loss = np.full_like(score, np.nan)
    ended = np.ones(len(score), dtype=np.int32)
    return PastArrays("rte", "few", True, 0.5, np.array([10]), seeds[:, 0], seeds[:, 1], score, loss, loss, ended)


def with_history(*tables):
    return lambda: past_tables(tables)


def test_good_seeds_starts_with_what_did_well_elsewhere():
    # Means elsewhere: rows 0.45 and 0.8, columns 0.7 and 0.55. So row 1 matters more than column 0.
    history = with_history(past([[0.5, 0.4], [0.9, 0.7]]))
    source = Curves([[0.1], [0.2], [0.3], [0.4]], columns=2)
    assert run("good_seeds", source, 3, history).trials_started == 3
    assert started(source) == [2, 3, 0]


def test_good_seeds_gives_every_task_the_same_weight_whatever_its_scale():
    # The first task says row 1, the second column 1, by a hundredth of the score; tie between the cells off both.
    history = with_history(past([[0.1, 0.1], [0.9, 0.9]]), past([[0.50, 0.51], [0.50, 0.51]]))
    source = Curves([[0.1]] * 4, columns=2)
    run("good_seeds", source, 4, history)
    assert started(source) == [3, 1, 2, 0]


def test_good_seeds_passes_over_missing_cells():
    # The best cell, 1 1, is missing; of row 0 nothing is known.
    history = with_history(past([[0.2, 0.4]], rows=[1]))
    source = Curves([[0.1], [0.1], [0.1], None], columns=2)
    run("good_seeds", source, 3, history)
    assert started(source) == [1, 0, 2]


def test_good_seeds_believes_many_trials_more_than_one():
    # Row 0 with one trial of 1 standard deviation: 1/2; row 1 with three of them: 3/4.
    history = with_history(past([[0.9], [0.1]], rows=[0, 2]), past([[0.9, 0.9, 0.9], [0.1, 0.1, 0.1]], rows=[1, 2]))
    source = Curves([[0.1]] * 9, columns=3)
    run("good_seeds", source, 1, history)
    assert source.cell(started(source)[0])[0] == 1


def test_good_seeds_on_the_transfer_track_wins_where_tasks_share_their_good_seeds(write_set):
    """Two tasks with the same effects of rows and columns; on the cold track nothing is known of them."""
    level = 0.6 + 0.04 * np.arange(6)[:, None] + 0.02 * np.arange(6)
    splits = []
    for seed, task in enumerate(("sst2", "rte")):
        label, hard = labels_of(task, 200), np.random.default_rng(seed).random((6, 6, 1, 200))
        predicted = np.where(hard < level[..., None, None], label, 1 - label)
        splits.append(split_of(predicted, task=task, test=predicted))
    folder = write_set(*splits)
    scores = {}
    for track in ("cold", "transfer"):
        rows = evaluate("good_seeds", folder, track=track, budgets=[2], replicates=20).rows
        scores[track] = [row.score for row in rows]
    # Of a pool of 5 x 5 the best cells are right 90% of the time or a little less; the better of two 79% on average.
    assert min(scores["transfer"]) > 0.85 > 0.83 > max(scores["cold"])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_good_seeds_with_any_history_and_any_pool(data):
    """Full trials until the budget or the pool is spent."""
    budget, columns = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 6))
    cells = data.draw(st.lists(st.sampled_from([None, [0.1, 0.3]]), min_size=1, max_size=36)) + [[0.2, 0.1]]
    shapes = data.draw(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 8)), max_size=3))
    random = np.random.default_rng(data.draw(st.integers(0, 9)))
    source = Curves(cells, columns=columns)
    shapes = [tuple(map(min, shape, source.grid)) for shape in shapes]
    history = with_history(*(past(random.random(shape).round(1)) for shape in shapes))
    assert run("good_seeds", source, budget, history).steps_spent == 2 * min(budget, source.unstarted)
