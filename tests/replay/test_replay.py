"""Replay: pools, hidden randomness, campaigns on paper, processes, and what a strategy can get wrong."""

import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest

from seedbench import PoolExhausted, SelectionError, StrategyFailed, StrategyFileError, UnknownCell
from seedbench.campaign import open_campaign
from seedbench.influences import subgrid_size
from seedbench.metrics import best_of_n
from seedbench.randomness import strategy_stream, stream
from seedbench.replay import (
    RecordedTrials,
    ReplayOptions,
    admitted_budgets,
    pool_size_of,
    prepare,
    replay,
    replay_one,
    whole_table,
)
from seedbench.replay.batch import BATCH
from tests.scores import additive_scores, table_of


def three_by_three():
    """Every trial a score of its own, 0.1 ... 0.5; the test score is 1 less that of the dev set."""
    score = np.linspace(0.1, 0.5, 9).reshape(3, 3)
    found = np.stack([score, score + 0.1], axis=-1)
    return table_of(found, test=1 - found)


def additive(rows=4, columns=4, seed=0, **kind):
    rng = np.random.default_rng(seed)
    score = additive_scores(rows, columns, rng=rng)
    return table_of(score, test=score + rng.normal(0, 0.01, score.shape), **kind)


def full_trials(campaign):
    while campaign.remaining >= 1 and campaign.unstarted:
        campaign.advance([campaign.start()], campaign.checkpoints_per_trial)
    return max(campaign.trials, key=lambda trial: trial.best.score)


def one_step_each(campaign):
    """Starts as many trials as can be advanced once."""
    while campaign.unstarted:
        campaign.start().advance()


class First:
    """Trains the trial of two labels to its end."""

    def __init__(self, row=None, column=None):
        self.row, self.column = row, column

    def __call__(self, campaign):
        trial = campaign.start(self.row, self.column)
        while not trial.complete:
            trial.advance()
        return trial


def run(strategy, table, budgets=(1,), replicates=8, **options):
    (result,) = replay([strategy], [table], budgets, ReplayOptions(replicates=replicates, **options))
    return result.tables[0]


def unpacked(packed, seeds):
    return np.unpackbits(packed, axis=-1, count=seeds).astype(bool)


# --- pools ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "columns"), [(12, 12), (5, 9), (3, 2), (1, 8)])
def test_a_pool_is_a_random_sub_grid_of_its_size(rows, columns):
    table, replicates = additive(rows, columns), 200
    size, drawn = pool_size_of(table), prepare(table, seed=3, replicates=range(replicates))
    assert (size.rows, size.columns) == (subgrid_size(rows), subgrid_size(columns))
    assert size.trials == size.rows * size.columns and not size.diagonal
    present = np.zeros((replicates, rows), dtype=int)
    for at in range(replicates):
        chosen_rows, chosen_columns = drawn.rows[at], drawn.columns[at]
        assert len(set(chosen_rows.tolist())) == size.rows and len(set(chosen_columns.tolist())) == size.columns
        cells = {(row, column) for row in chosen_rows.tolist() for column in chosen_columns.tolist()}
        order = drawn.order[at]
        assert {(table.row[trial], table.column[trial]) for trial in order.tolist()} == cells
        assert len(order) == len(cells)
        present[at, chosen_rows] = 1
    share = size.rows / rows  # each row is in so many of the pools
    assert np.abs(present.mean(axis=0) - share).max() <= 4 * np.sqrt(share * (1 - share) / replicates)


def test_where_cells_are_missing_every_pool_has_the_smallest_number_of_trials():
    score = additive_scores(6, 6, rng=np.random.default_rng(1)).tolist()
    for row, column in ((0, 0), (1, 1), (2, 2), (3, 3)):
        score[row][column] = [None] * 5
    table = table_of(score)
    # Sub-grids of 5 x 5 have all four holes, or three, or two: those that leave out a row and a column with one each.
    size = pool_size_of(table)
    assert (size.rows, size.columns, size.trials) == (5, 5, 21)
    drawn = prepare(table, seed=0, replicates=range(100))
    assert drawn.order.shape == (100, 21)
    lost = 0
    for at in range(100):
        inside = np.isin(table.row, drawn.rows[at]) & np.isin(table.column, drawn.columns[at])
        assert inside[drawn.order[at]].all() and len(set(drawn.order[at].tolist())) == 21
        lost += int(inside.sum()) > 21
    assert lost > 50  # what such a pool loses counts as missing
    missing = []

    def ask_all(campaign):
        assert campaign.unstarted == 21
        for row in range(5):
            for column in range(5):
                try:
                    campaign.start(row, column)
                except UnknownCell:
                    missing.append((row, column))
        assert campaign.unstarted == 0
        campaign.start()  # nothing is left, which ends it well

    with pytest.raises(StrategyFailed, match="paid for no checkpoint"):
        run(ask_all, table)
    assert len(missing) == 4


def diagonal(seeds=16):
    """One run a seed: row and column are the same one."""
    score = [[[None] * 2] * seeds for _ in range(seeds)]
    for seed in range(seeds):
        score[seed][seed] = [0.1 + 0.01 * seed] * 2
    return table_of(score)


def test_one_seed_a_run_is_its_own_unit():
    table = diagonal()
    size = pool_size_of(table)
    assert (size.rows, size.columns, size.trials, size.diagonal) == (12, 12, 12, True)
    kept = run(First(row=3), table, replicates=50)
    by_column = run(First(column=3), table, replicates=50)
    drawn = prepare(table, seed=0, replicates=range(50))
    np.testing.assert_array_equal(kept.trial[0], drawn.rows[:, 3])
    np.testing.assert_array_equal(by_column.trial, kept.trial)  # the label of the seed, along either axis
    np.testing.assert_array_equal(by_column.rows_seen, kept.rows_seen)

    def two_labels(campaign):
        with pytest.raises(UnknownCell):
            campaign.start(0, 1)
        campaign.start(2).advance()

    seen = unpacked(run(two_labels, table, replicates=50).rows_seen[0], 16)
    for at in range(50):
        assert set(np.flatnonzero(seen[at])) == set(drawn.rows[at, :3].tolist())


def test_seeds_of_a_diagonal_that_come_in_another_order():
    table = diagonal()
    table = replace(table, column=table.column[::-1].copy())
    drawn = prepare(table, seed=0, replicates=range(3))
    for at in range(3):
        np.testing.assert_array_equal(drawn.columns[at], 15 - drawn.rows[at])
    kept = run(First(row=3, column=3), table, replicates=3)
    np.testing.assert_array_equal(kept.trial[0], drawn.rows[:, 3])


def test_a_pool_of_everything_for_live_training():
    table = three_by_three()
    drawn = whole_table(table, seed=5)
    assert sorted(drawn.order[0].tolist()) == list(range(9)) and drawn.replicates == range(1)


# --- what a campaign has seen -----------------------------------------------------------------------------------------


def test_seen_are_the_seeds_of_what_is_started_and_of_what_is_asked_for():
    score = additive_scores(5, 5, rng=np.random.default_rng(0)).tolist()
    table = table_of(score)

    def starts(campaign):
        campaign.start().advance()
        campaign.start()  # costs nothing, and is seen

    found = run(starts, table, replicates=20)
    drawn = prepare(table, seed=0, replicates=range(20))
    for axis, place, seeds in (("rows", table.row, 5), ("columns", table.column, 5)):
        seen = unpacked(getattr(found, f"{axis}_seen")[0], seeds)
        for at in range(20):
            assert set(np.flatnonzero(seen[at])) == set(place[drawn.order[at, :2]].tolist())

    def asks(campaign):
        trial = campaign.start(weight_init_seed=1)
        trial.advance()
        for label in range(2):
            with pytest.raises(UnknownCell):  # no such label: it says nothing
                campaign.start(label, 99)

    found = run(asks, table, replicates=20)
    for at in range(20):
        rows, columns = (unpacked(of[0], 5)[at] for of in (found.rows_seen, found.columns_seen))
        assert set(np.flatnonzero(rows)) == {drawn.rows[at, 0], drawn.rows[at, 1]}
        assert np.flatnonzero(columns).tolist() == [table.column[found.trial[0, at]]]


def test_a_missing_cell_that_was_asked_for_is_seen():
    score = additive_scores(5, 5, rng=np.random.default_rng(0)).tolist()
    for place in range(5):
        score[place][place] = [None] * 5
    table = table_of(score)

    def looks_for_holes(campaign):
        for row in range(campaign.grid[0]):
            for column in range(campaign.grid[1]):
                try:
                    campaign.start(row, column)
                except UnknownCell:
                    campaign.start((row + 1) % 4, None).advance()
                    return

    found = run(looks_for_holes, table, replicates=20)
    drawn = prepare(table, seed=0, replicates=range(20))
    for at in range(20):
        rows = set(np.flatnonzero(unpacked(found.rows_seen[0], 5)[at]).tolist())
        columns = set(np.flatnonzero(unpacked(found.columns_seen[0], 5)[at]).tolist())
        trials = set(drawn.order[at].tolist())
        there = {(table.row[t], table.column[t]) for t in trials}
        first = [(r, c) for r in drawn.rows[at].tolist() for c in drawn.columns[at].tolist()]
        hole = next(cell for cell in first if cell not in there)
        assert hole[0] in rows and hole[1] in columns


def test_first_are_the_trials_that_best_of_n_starts():
    table = additive(6, 6)
    found = run(full_trials, table, (1, 4), replicates=30)
    drawn = prepare(table, seed=0, replicates=range(30))
    assert found.first.shape == (4, 30)
    np.testing.assert_array_equal(found.first, drawn.order[:, :4].T)


# --- what is seen and what is reported --------------------------------------------------------------------------------


def test_chosen_by_the_dev_set_and_reported_on_the_test_set():
    found = run(full_trials, three_by_three(), replicates=20)
    np.testing.assert_allclose(found.score, 1 - found.validation_score)
    assert (found.checkpoint == 1).all() and (found.validations == 2).all() and (found.steps_spent == 20).all()
    same = run(full_trials, three_by_three(), replicates=20, protocol="dodge2020")
    np.testing.assert_array_equal(same.score, same.validation_score)
    np.testing.assert_array_equal(same.trial, found.trial)


def test_checkpoints_show_rounded_losses_and_what_only_repeats():
    losses = np.full((3, 3, 2), [0.693147, 0.123456])
    table = replace(
        table_of(np.full((3, 3, 2), 0.5), validation_loss=losses, train_loss=2 * losses),
        ended_at=np.array([1] * 9, dtype=np.int32),
    )
    seen = []

    def look(campaign):
        trial = campaign.start()
        for _ in range(2):
            c = trial.advance()
            seen.append((c.validation_loss, c.train_loss, c.repeated))

    found = run(look, table, replicates=3)
    assert seen == [(0.693, 1.39, False), (0.123, 0.247, True)] * 3
    assert (found.validations == 1).all() and (found.steps_spent == 20).all()


def test_best_of_n_is_the_mean_of_campaigns_that_start_n():
    """Over a thousand pools, within four standard errors."""
    table = additive(5, 5)
    found = run(full_trials, table, (1, 2, 4), replicates=1000, protocol="dodge2020")
    best = table.score.max(axis=1)
    drawn = prepare(table, seed=0, replicates=range(1000), protocol="dodge2020")
    by_pool = np.mean([best_of_n(best[order], best[order]) for order in drawn.order], axis=0)
    for at, budget in enumerate((1, 2, 4)):
        assert abs(found.score[at].mean() - by_pool[budget - 1]) < 4 * best.std() / np.sqrt(1000)
    assert (found.trials_started == [[1], [2], [4]]).all()


def test_labels_are_permuted_and_one_label_fixes_one_row():
    table = three_by_three()
    found = run(First(row=0), table, replicates=300)
    drawn = prepare(table, seed=0, replicates=range(300))
    for at in range(300):
        in_row = [trial for trial in drawn.order[at] if table.row[trial] == drawn.rows[at, 0]]
        assert found.trial[0, at] == in_row[0]
    cell = run(First(row=1, column=0), table, replicates=300)
    assert np.abs(np.bincount(cell.trial[0], minlength=9) / 300 - 1 / 9).max() < 4 * np.sqrt(8 / 81 / 300)


def test_labels_that_are_none_are_unknown_cells():
    recorded = RecordedTrials(prepare(three_by_three(), seed=0, replicates=range(2)), 1)
    for labels in [(2, None), (None, -1), (0, 2), (0.5, None), ("0", 1), (-1, -1)]:
        with pytest.raises(UnknownCell, match="must be a whole number from 0 to 1, found"):
            open_campaign(recorded.source(), 1, rng=None).campaign.start(*labels)
    campaign = open_campaign(recorded.source(), 1, rng=None).campaign
    assert campaign.start(np.int64(1), np.int8(0)) is campaign.start(1, 0)
    campaign.start(weight_init_seed=1)
    with pytest.raises(PoolExhausted, match="every trial of weight_init_seed 1 is started"):
        campaign.start(weight_init_seed=1)
    assert campaign.unstarted == 2


# --- randomness -------------------------------------------------------------------------------------------------------


def test_hidden_randomness_is_keyed_by_seed_table_and_replicate_alone():
    table = additive(5, 5)
    whole, part = (prepare(table, seed=5, replicates=replicates) for replicates in (range(12), range(6, 10)))
    for name in ("rows", "columns", "order"):
        np.testing.assert_array_equal(getattr(whole, name)[6:10], getattr(part, name))
    pools = set()
    for seed in (0, 1, 2**70, -1):
        for model in ("mini", "maxi"):
            pools.add(prepare(replace(table, model=model), seed=seed, replicates=range(2)).order.tobytes())
    assert len(pools) == 8


def test_the_hidden_order_cannot_be_made_from_campaign_rng():
    table = additive(5, 5)
    drawn = prepare(table, seed=11, replicates=range(40))
    agreement = []
    for replicate in range(40):
        rng = strategy_stream(11, table.name, 4, replicate)
        sequence = rng.bit_generator.seed_seq
        candidates = [rng, *(np.random.default_rng(child) for child in sequence.spawn(3)), np.random.default_rng(11)]
        candidates += [np.random.Generator(rng.bit_generator.jumped(jump)) for jump in (1, 2)]
        candidates += [np.random.default_rng([*np.atleast_1d(sequence.entropy), replicate])]
        order = drawn.order[replicate]
        for candidate in candidates:
            guessed = [candidate.permutation(size) for size in (5, 5, 16)][2]
            agreement.append(np.corrcoef(guessed, np.argsort(np.argsort(order)))[0, 1])
    # Ranks of independent permutations of 16: correlation 0 on average, with standard deviation 1 / sqrt(15).
    assert abs(np.mean(agreement)) < 4 / np.sqrt(15 * len(agreement))


def test_streams_differ_by_everything_in_their_key():
    keys = [
        ("t", 2, 0, "strategy"),
        ("t", 2, 1, "strategy"),
        ("t", 4, 0, "strategy"),
        ("u", 2, 0, "strategy"),
        ("t", 0, "pool"),
    ]
    numbers = {stream(seed, *key).random() for seed in (0, 1, 2**200) for key in keys}
    assert len(numbers) == 15
    assert stream(7, "a").random() == stream(7, "a").random()


def test_campaign_rng_is_the_strategy_s_own_for_each_campaign():
    table = three_by_three()
    seen = []

    def strategy(campaign):
        seen.append(campaign.rng.random())
        campaign.start().advance()

    replay([strategy], [table], (1,), options=ReplayOptions(replicates=4, seed=9))
    assert seen == [strategy_stream(9, table.name, 1, replicate).random() for replicate in range(4)]


# --- processes --------------------------------------------------------------------------------------------------------

STRATEGIES = ("full_trials", "asha", "median_stopping")


def as_bytes(results):
    arrays = []
    for result in results:
        for part in result.tables:
            arrays += [
                value for value in vars(part).values() if isinstance(value, np.ndarray) and value is not part.table
            ]
    return b"".join(array.tobytes() for array in arrays)


def test_the_same_bytes_for_any_number_of_processes(trials):
    assert 2 * BATCH < 110
    outcomes = []
    for processes in (1, 2, 3):
        done = []
        results = replay(
            STRATEGIES,
            trials.tables,
            options=ReplayOptions(replicates=110, processes=processes),
            progress=lambda *at, done=done: done.append(at),
        )
        assert done[-1][0] == done[-1][1]
        outcomes.append(as_bytes(results))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(outcomes[0]) > 50_000


def test_the_same_failure_for_any_number_of_processes(trials, tmp_path):
    path = tmp_path / "fails.py"
    path.write_text(
        "def strategy(campaign):\n    campaign.start().advance()\n"
        "    if campaign.rng.random() < 0.02:\n        raise KeyError(3)\n"
    )
    said = []
    for processes in (1, 2):
        with pytest.raises(StrategyFailed) as caught:
            replay([str(path)], trials.tables, options=ReplayOptions(replicates=200, processes=processes))
        said.append((str(caught.value), caught.value.frames))
    assert said[0] == said[1] and "raised KeyError: 3" in said[0][0] and "line 4, in strategy" in said[0][1]


def test_what_cannot_travel_is_refused_where_it_must(trials):
    with pytest.raises(
        StrategyFileError, match="cannot be sent to another process .*; give it as a file, or use one process"
    ):
        replay([lambda campaign: None], trials.tables, options=ReplayOptions(replicates=120, processes=2))


def test_the_first_replicates_do_not_depend_on_how_many_follow(trials):
    few, many = (
        replay(["asha"], trials.tables, options=ReplayOptions(replicates=count))[0].tables for count in (6, 120)
    )
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a.score, b.score[:, :6])
        np.testing.assert_array_equal(a.trial, b.trial[:, :6])


def test_one_campaign_again(trials):
    table = trials.tables[1]
    whole = replay(["asha"], [table], (2, 4), options=ReplayOptions(replicates=10, seed=3))[0].tables[0]
    for budget, replicate in ((2, 0), (4, 7)):
        again = replay_one("asha", table, budget, replicate, options=ReplayOptions(seed=3))
        for name in ("score", "validation_score", "trial", "checkpoint", "trials_started", "steps_spent"):
            values = getattr(again, name)
            assert values.shape == (1, 1)
            assert values.item() == getattr(whole, name)[whole.budgets.index(budget), replicate]


# --- what a strategy can get wrong ------------------------------------------------------------------------------------


def raises(campaign):
    campaign.start().advance()
    raise ValueError("two\nlines")


def leaves(campaign):
    campaign.start().advance()
    raise SystemExit("bye")


def swallows_everything(campaign):
    trial = campaign.start()
    while True:
        with suppress(BaseException):
            trial.advance()


def swallows_exceptions(campaign):
    while True:
        with suppress(Exception):
            campaign.start().advance()


def never_returns(campaign):
    campaign.start().advance()
    while True:
        pass


def sleeps(campaign):
    campaign.start().advance()
    time.sleep(1000)


@pytest.mark.parametrize(
    ("strategy", "reason"),
    [
        (raises, "strategy raises raised ValueError: two lines"),
        (leaves, "strategy leaves raised SystemExit: bye"),
        (lambda campaign: None, "strategy <lambda> paid for no checkpoint, so there is none to keep"),
        (lambda campaign: campaign.start(), "strategy <lambda> paid for no checkpoint"),
        (lambda campaign: campaign.start().advance().score, "; a strategy returns a Trial, a Checkpoint or None"),
        (
            lambda campaign: campaign.start(weight_init_seed=2),
            "raised UnknownCell: weight_init_seed must be a whole number from 0 to 1, found 2",
        ),
        (lambda campaign: [t.advance() for t in [campaign.start()] for _ in range(3)], "raised TrialComplete: "),
        (swallows_exceptions, "strategy swallows_exceptions made 10,000 calls in a row that paid for nothing"),
        (swallows_everything, "strategy swallows_everything ran for more than 0.3 seconds in one campaign"),
        (never_returns, "strategy never_returns ran for more than 0.3 seconds in one campaign"),
        (sleeps, "strategy sleeps ran for more than 0.3 seconds in one campaign"),
    ],
)
def test_a_campaign_without_a_result_says_which_and_why(strategy, reason):
    table = three_by_three()
    began = time.monotonic()
    with pytest.raises(StrategyFailed) as caught:
        run(strategy, table, time_limit=0.3)
    assert time.monotonic() - began < 10
    failed = caught.value
    assert reason in failed.reason and "\n" not in str(failed)
    assert (failed.table, failed.budget, failed.replicate) == ("mini/sst2/few", 1, 0)
    with pytest.raises(StrategyFailed) as again:
        replay_one(strategy, table, 1, 0, options=ReplayOptions(time_limit=0.3))
    assert str(again.value) == str(failed)


def test_the_author_s_own_lines_are_shown_and_no_others():
    with pytest.raises(StrategyFailed) as caught:
        run(raises, three_by_three())
    assert "in raises" in caught.value.frames and 'raise ValueError("two\\nlines")' in caught.value.frames
    assert "seedbench/run.py" not in caught.value.frames


def test_a_strategy_that_ends_with_the_budget_or_the_pool_has_ended_well():
    def until_the_end(campaign):
        while True:
            trial = campaign.start()
            while not trial.complete:
                trial.advance()

    table = additive(4, 4)
    by_budget = run(until_the_end, table, (2,))
    assert (by_budget.steps_spent == 2 * table.num_steps).all()

    def all_of_the_pool(campaign):
        while True:
            campaign.start().advance()

    by_pool = run(all_of_the_pool, table, (2,))
    assert (by_pool.trials_started == 9).all()


def test_an_object_is_built_anew_for_each_campaign():
    class Counts:
        def __init__(self):
            self.calls = 0

        def __call__(self, campaign):
            self.calls += 1
            assert self.calls == 1
            campaign.start().advance()

    run(Counts(), three_by_three())


def test_the_timer_that_was_there_before_is_there_again():
    import signal

    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 500)
    try:
        run(full_trials, three_by_three())
        assert 400 < signal.getitimer(signal.ITIMER_REAL)[0] <= 500
        assert signal.getsignal(signal.SIGALRM)(0, None) is None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- what can be asked for --------------------------------------------------------------------------------------------


def test_budgets_that_a_table_has_enough_trials_for():
    small, large = additive(4, 4), additive(8, 8)  # pools of 9 and 36
    assert admitted_budgets([small, large], ()) == [(2,), (2, 4, 8)]
    assert admitted_budgets([large, large], (2, 8)) == [(2, 8), (2, 8)]
    (result,) = replay([full_trials], [three_by_three(), small], options=ReplayOptions(replicates=4))
    assert [part.budgets for part in result.tables] == [(), (2,)]
    assert result.tables[0].score.shape == (0, 4) and result.tables[0].first.shape == (0, 4)


def test_a_budget_asked_for_that_one_of_the_tables_cannot_take_is_refused_not_left_out():
    large, small = additive(8, 8), additive(4, 4, recipe="small")
    with pytest.raises(SelectionError) as caught:
        replay([full_trials], [large, small], (2, 4), options=ReplayOptions(replicates=4))
    assert str(caught.value) == (
        "budget 4 needs pools of 16 trials, as of 5 × 5 seeds without a missing cell; mini/sst2/small has 16 trials on "
        "4 × 4 seeds, of which a pool has 9, enough for a budget of 2; leave that table out, or the budget"
    )
    with pytest.raises(SelectionError, match="as of 10 runs; .* a pool has 6, enough for a budget of 1$"):
        replay([full_trials], [additive(1, 8)], (2,), options=ReplayOptions(replicates=4))


def test_a_table_too_small_for_any_budget_and_one_without_test_scores():
    tiny = table_of(np.full((2, 2, 2), 0.5))
    with pytest.raises(
        SelectionError, match="budget 2 needs pools of 8 trials, as of 4 × 4 .*, too few for any budget"
    ):
        replay([full_trials], [tiny], options=ReplayOptions(replicates=4))
    unscored = replace(additive(4, 4), test_score=None)
    with pytest.raises(
        SelectionError, match="table mini/sst2/few has no test scores, .*; --protocol dodge2020 chooses"
    ):
        replay([full_trials], [unscored], options=ReplayOptions(replicates=4))
    (result,) = replay([full_trials], [unscored], options=ReplayOptions(replicates=4, protocol="dodge2020"))
    assert np.isfinite(result.tables[0].score).all()
    with pytest.raises(SelectionError, match="a replicate must be a whole number from 0, found -1"):
        replay_one(full_trials, three_by_three(), 1, -1)
