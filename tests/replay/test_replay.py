"""Replay: halves, hidden order, grids that can be worked out on paper, and everything a strategy can break."""

import time
from dataclasses import replace

import numpy as np
import pytest

from seedbench import PoolExhausted, SelectionError, StrategyFailed, StrategyFileError, UnknownCell
from seedbench.campaign import open_campaign
from seedbench.metrics import best_of_n
from seedbench.randomness import strategy_stream, stream
from seedbench.replay import (
    Deletion,
    RecordedTrials,
    ReplayOptions,
    admitted_budgets,
    prepare,
    replay,
    replay_one,
    undefined_share,
)
from seedbench.replay.batch import BATCH
from seedbench.replay.replicates import pair_halves
from tests.synthetic import additive_predictions, table_by_hand

LABEL = [1, 1, 0, 0]
ONES, RIGHT, WRONG = [1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]


def two_by_two():
    """Accuracy of any half that has one example of either label: 0.5 for ONES, 1 for RIGHT, 0 for WRONG.

    So whatever the halves, the curves are (row 0) 0.5 1.0, 0.5 0.5; (row 1) 0.0 0.5, 1.0 0.0.
    """
    return table_by_hand([[[ONES, RIGHT], [ONES, ONES]], [[WRONG, ONES], [RIGHT, WRONG]]], LABEL)


def table_like_training(rows=4, columns=4, **world):
    examples = world.setdefault("examples", 40)
    return table_by_hand(additive_predictions(rows, columns, **world), [1, 0, 1, 0, 1] * (examples // 5))


def full_trials(campaign):
    while campaign.remaining >= 1 and campaign.unstarted:
        trial = campaign.start()
        while not trial.complete:
            trial.advance()
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


# --- halves -----------------------------------------------------------------------------------------------------------


def test_halves_are_disjoint_complete_and_stratified():
    label = np.array([1] * 7 + [0] * 4, dtype=np.int8)
    halves = pair_halves(label, seed=3, table="m/t/r", pairs=range(400))
    positives, negatives = halves[:, label == 1].sum(axis=1), halves[:, label == 0].sum(axis=1)
    assert set(negatives) == {2}  # 4 negatives: two in either half
    assert set(positives) == {3, 4}  # 7 positives: the odd one falls to either half with equal chance
    assert abs((positives == 4).mean() - 0.5) < 4 * 0.5 / np.sqrt(400)
    # Every example is as often in a half as out of it.
    assert np.abs(halves.mean(axis=0) - 0.5).max() < 4 * 0.5 / np.sqrt(400)
    assert len(np.unique(halves, axis=0)) > 100


def test_a_pair_exchanges_halves_and_shares_nothing_else():
    table = table_like_training()
    block = prepare(table, seed=5, replicates=range(6))
    np.testing.assert_array_equal(block.validation_score[0::2], block.test_score[1::2])
    np.testing.assert_array_equal(block.validation_score[1::2], block.test_score[0::2])
    assert not (block.validation_score[0] == block.validation_score[2]).all()
    for hidden in (block.order, block.row_label, block.column_label):
        assert len(np.unique(hidden, axis=0)) > 3


@pytest.mark.parametrize("task", ["sst2", "mrpc", "cola"])
def test_scores_on_halves_are_the_metric_of_the_half(task):
    rng = np.random.default_rng(0)
    label = (rng.random(31) < 0.6).astype(np.int8)
    predicted = rng.integers(-1, 2, (2, 2, 3, 31))
    table = table_by_hand(predicted, label, task=task)
    block = prepare(table, seed=1, replicates=range(4))
    halves = pair_halves(label, seed=1, table=table.name, pairs=range(2))
    for replicate in range(4):
        seen = halves[replicate // 2] if replicate % 2 == 0 else ~halves[replicate // 2]
        for half, scores in ((seen, block.validation_score), (~seen, block.test_score)):
            for trial in range(4):
                for checkpoint in range(3):
                    expected = metric_by_counting(task, table.predicted_label[trial, checkpoint][half], label[half])
                    assert scores[replicate, trial, checkpoint] == pytest.approx(expected, abs=1e-12)
        majority = np.full(seen.sum(), int(label[seen].mean() >= 0.5))
        assert block.majority_score[replicate] == pytest.approx(metric_by_counting(task, majority, label[seen]))


def metric_by_counting(task, predicted, label):
    """The metrics from their textbook definitions, one example at a time; -1 is the wrong label."""
    cells = {(1, 1): 0, (1, 0): 0, (0, 1): 0, (0, 0): 0}
    for guess, truth in zip(predicted.tolist(), label.tolist(), strict=True):
        cells[(guess if guess >= 0 else 1 - truth), truth] += 1
    tp, fp, fn, tn = cells[1, 1], cells[1, 0], cells[0, 1], cells[0, 0]
    accuracy = (tp + tn) / (tp + fp + fn + tn)
    if task == "sst2":
        return accuracy
    if task == "mrpc":
        return (accuracy + (2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0)) / 2
    margins = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / np.sqrt(margins) if margins else 0


def test_losses_on_halves_are_their_means_and_what_is_not_finite_stays_in_its_half():
    label = np.array([1, 0] * 6, dtype=np.int8)
    rng = np.random.default_rng(1)
    loss = rng.exponential(1, (4, 1, 12)).astype(np.float16)
    loss[1, 0, 3], loss[2, 0, 3], loss[2, 0, 4], loss[3, 0, 5] = np.nan, np.nan, np.inf, np.inf
    table = replace(table_by_hand(np.ones((2, 2, 1, 12)), label), example_loss=loss)
    block = prepare(table, seed=2, replicates=range(20))
    halves = pair_halves(label, seed=2, table=table.name, pairs=range(10))
    for replicate in range(20):
        seen = halves[replicate // 2] if replicate % 2 == 0 else ~halves[replicate // 2]
        expected = loss.astype(np.float64)[..., seen].mean(axis=-1)
        np.testing.assert_allclose(block.validation_loss[replicate], expected, rtol=1e-12)
    assert np.isnan(block.validation_loss[:, 1]).mean() == 0.5  # one NaN: in one half of every pair
    assert np.isinf(block.validation_loss[:, 3]).mean() == 0.5


def test_without_losses_a_strategy_sees_nan_and_not_the_loss_of_the_whole_dev_set():
    table = replace(two_by_two(), example_loss=None)
    assert np.isnan(prepare(table, seed=0, replicates=range(2)).validation_loss).all()
    assert np.isfinite(prepare(table, seed=0, replicates=range(2), protocol="dodge2020").validation_loss).all()


def test_a_block_does_not_depend_on_where_it_was_cut():
    table = table_like_training()
    whole, part = (prepare(table, seed=5, replicates=replicates) for replicates in (range(12), range(6, 10)))
    for name in ("validation_score", "validation_loss", "test_score", "majority_score", "order", "row_label"):
        np.testing.assert_array_equal(getattr(whole, name)[6:10], getattr(part, name))
    with pytest.raises(ValueError, match="replicates come in pairs"):
        prepare(table, seed=5, replicates=range(1, 3))


def test_hidden_randomness_depends_on_seed_and_table_but_not_on_budget_or_strategy():
    table = table_like_training()
    orders = {}
    for seed in (0, 1):
        for name in ("mini", "maxi"):
            orders[seed, name] = prepare(replace(table, model=name), seed=seed, replicates=range(2)).order.tobytes()
    assert len(set(orders.values())) == 4

    def started(campaign):
        seen.append([(t.weight_init_seed, t.data_order_seed) for t in (campaign.start() for _ in range(4))])
        campaign.start().advance()

    seen = []
    replay([started, started], [table], (1, 2, 4), options=ReplayOptions(replicates=4))
    assert seen[:6] == [seen[0]] * 6 and seen[6:] == [seen[6]] * 6 and seen[0] != seen[6]


def test_nothing_a_strategy_sees_changes_when_labels_of_the_test_half_change():
    table = table_like_training(examples=40)
    half = pair_halves(table.label, seed=0, table=table.name, pairs=range(1))[0]
    # A positive and a negative of the test half change places: the labels still count the same, so do the halves.
    a, b = np.flatnonzero(~half & (table.label == 1))[0], np.flatnonzero(~half & (table.label == 0))[0]
    label, predicted = table.label.copy(), table.predicted_label.copy()
    label[[a, b]] = label[[b, a]]
    predicted[..., ~half] = 1 - predicted[..., ~half]
    changed = replace(table, label=label, predicted_label=predicted, score=1 - table.score)
    # The halves follow from the labels' positions; keep them, so that nothing else differs.
    before, after = prepare(table, seed=0, replicates=range(2)), prepare_with_halves(changed, half)
    np.testing.assert_array_equal(before.validation_score[0], after.validation_score[0])
    np.testing.assert_array_equal(before.validation_loss[0], after.validation_loss[0])
    assert before.majority_score[0] == after.majority_score[0]
    assert (before.test_score[0] != after.test_score[0]).mean() > 0.5


def prepare_with_halves(table, half):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seedbench.replay.replicates.pair_halves", lambda *_, **__: half[None])
        return prepare(table, seed=0, replicates=range(2))


# --- randomness -------------------------------------------------------------------------------------------------------


def test_the_hidden_order_cannot_be_made_from_campaign_rng():
    table = table_like_training(5, 5)
    block = prepare(table, seed=11, replicates=range(40))
    agreement = []
    for replicate in range(40):
        rng = strategy_stream(11, table.name, 4, replicate)
        sequence = rng.bit_generator.seed_seq
        candidates = [rng, *(np.random.default_rng(child) for child in sequence.spawn(3)), np.random.default_rng(11)]
        candidates += [np.random.Generator(rng.bit_generator.jumped(jump)) for jump in (1, 2)]
        candidates += [np.random.default_rng([*np.atleast_1d(sequence.entropy), replicate])]
        for candidate in candidates:
            drawn = [candidate.permutation(size) for size in (5, 5, 25)]
            assert drawn[2].tolist() != block.order[replicate].tolist()
            agreement.append(np.corrcoef(np.argsort(drawn[2]), np.argsort(block.order[replicate]))[0, 1])
    # Ranks of independent permutations of 25: correlation 0 on average, with standard deviation 1 / sqrt(24).
    assert abs(np.mean(agreement)) < 4 / np.sqrt(24 * len(agreement))


def test_streams_differ_by_everything_in_their_key():
    keys = [
        ("t", 2, 0, "strategy"),
        ("t", 2, 1, "strategy"),
        ("t", 4, 0, "strategy"),
        ("u", 2, 0, "strategy"),
        ("t", 0, "halves"),
    ]
    numbers = {stream(seed, *key).random() for seed in (0, 1, 2**200) for key in keys}
    assert len(numbers) == 15
    assert stream(7, "a").random() == stream(7, "a").random()


def test_campaign_rng_is_the_strategy_s_own_for_each_campaign():
    table = two_by_two()
    seen = []

    def strategy(campaign):
        seen.append(campaign.rng.random())
        campaign.start().advance()

    replay([strategy], [table], (1,), options=ReplayOptions(replicates=4, seed=9))
    assert seen == [strategy_stream(9, table.name, 1, replicate).random() for replicate in range(4)]


# --- a grid on paper --------------------------------------------------------------------------------------------------


def test_one_full_trial_of_a_two_by_two_grid():
    table = two_by_two()
    found = run(full_trials, table, replicates=200)
    best_of_cell = {0: (1.0, 1), 1: (0.5, 0), 2: (0.5, 1), 3: (1.0, 0)}  # score and checkpoint; ties: the earliest
    for replicate in range(200):
        score, checkpoint = best_of_cell[found.trial[0, replicate]]
        assert (found.score[0, replicate], found.checkpoint[0, replicate]) == (score, checkpoint)
    np.testing.assert_array_equal(found.score, found.validation_score)
    assert (found.trials_started == 1).all() and (found.steps_spent == 20).all()
    # Each of the four trials comes first in a quarter of the replicates, so the mean score is 0.75.
    assert np.abs(np.bincount(found.trial[0], minlength=4) / 200 - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 200)
    assert abs(found.score.mean() - 0.75) < 4 * 0.25 / np.sqrt(200)
    np.testing.assert_array_equal(found.best_test_score, np.tile([1.0, 0.5, 0.5, 1.0], (200, 1)))


def test_two_first_checkpoints_of_a_two_by_two_grid():
    table = two_by_two()
    found = run(one_step_each, table, replicates=60)
    order = prepare(table, seed=0, replicates=range(60)).order
    first = np.array([0.5, 0.5, 0.0, 1.0])
    for replicate in range(60):
        a, b = order[replicate, :2]
        assert found.score[0, replicate] == max(first[a], first[b])
        assert found.trial[0, replicate] == (b if first[b] > first[a] else a)
    assert (found.trials_started == 2).all() and (found.steps_spent == 20).all() and (found.checkpoint == 0).all()


def test_labels_are_permuted_and_one_label_fixes_one_row():
    table = two_by_two()
    found = run(First(row=0), table, replicates=200)
    block = prepare(table, seed=0, replicates=range(200))
    for replicate in range(200):
        (row,) = np.flatnonzero(block.row_label[replicate] == 0)
        assert table.row[found.trial[0, replicate]] == row
        in_row = [trial for trial in block.order[replicate] if table.row[trial] == row]
        assert found.trial[0, replicate] == in_row[0]
    assert set(found.trial[0]) == {0, 1, 2, 3}
    cell = run(First(row=1, column=0), table, replicates=200)
    assert np.abs(np.bincount(cell.trial[0]) / 200 - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 200)


def test_dodge2020_selects_and_scores_on_the_whole_dev_set_and_equals_best_of_n():
    table = table_like_training(3, 3)
    found = run(full_trials, table, budgets=range(1, 10), replicates=400, protocol="dodge2020")
    np.testing.assert_array_equal(found.score, found.validation_score)
    np.testing.assert_array_equal(found.score[-1], table.score.max())  # a budget of all nine trials finds the best
    best = table.score.max(axis=1)
    expected = best_of_n(best, best)
    error = best.std() / np.sqrt(400)
    np.testing.assert_allclose(found.score.mean(axis=1), expected, atol=4 * error)
    assert (found.trials_started == np.arange(1, 10)[:, None]).all()


def test_a_grid_with_a_hole():
    table = table_by_hand([[[ONES, RIGHT], None], [[WRONG, ONES], [RIGHT, WRONG]]], LABEL)
    found = []

    def strategy(campaign):
        assert campaign.grid == (2, 2) and campaign.unstarted == 3
        trials = []
        for cell in [(0, 0), (0, 1), (1, 0), (1, 1)]:
            try:
                trials.append(campaign.start(*cell))
            except UnknownCell as error:
                assert (
                    str(error) == f"the trial of weight_init_seed {cell[0]}, data_order_seed {cell[1]} is missing here"
                )
        assert campaign.unstarted == 0
        found.append(len(trials))
        with pytest.raises(PoolExhausted, match="every trial is started"):
            campaign.start()
        return trials[0].advance()

    run(strategy, table, replicates=10, protocol="dodge2020")
    assert found == [3] * 10


def test_labels_that_are_none_are_unknown_cells():
    recorded = RecordedTrials(prepare(two_by_two(), seed=0, replicates=range(2)), 1)
    for labels in [(2, None), (None, -1), (0, 2), (0.5, None), ("0", 1), (-1, -1)]:
        with pytest.raises(UnknownCell, match="must be a whole number from 0 to 1, found"):
            open_campaign(recorded.source(), 1, rng=None).campaign.start(*labels)
    campaign = open_campaign(recorded.source(), 1, rng=None).campaign
    assert campaign.start(np.int64(1), np.int8(0)) is campaign.start(1, 0)
    campaign.start(weight_init_seed=1)
    with pytest.raises(PoolExhausted, match="every trial of weight_init_seed 1 is started"):
        campaign.start(weight_init_seed=1)
    assert campaign.unstarted == 2


def test_logits_that_were_not_finite_score_as_wrong_and_are_counted():
    broken = [[-1, -1, -1, -1]] * 2
    table = table_by_hand([[[ONES, RIGHT], broken], [broken, broken]], LABEL)
    found = run(First(), table, replicates=40)
    assert np.isfinite(found.score).all()
    np.testing.assert_array_equal(found.score[0], np.where(found.trial[0] == 0, 1.0, 0.0))
    assert undefined_share(table) == 0.75
    losses = []

    def look(campaign):
        while campaign.remaining:
            checkpoint = campaign.start().advance()
            losses.append((checkpoint.score, checkpoint.validation_loss))

    run(look, table, replicates=40)
    assert {score for score, loss in losses if np.isnan(loss)} == {0.0}  # every prediction of -1 came with a NaN loss
    assert {(score, loss) for score, loss in losses if not np.isnan(loss)} == {(0.5, 1.125)}  # one right, one wrong


# --- deletions --------------------------------------------------------------------------------------------------------


def test_a_deletion_leaves_out_rows_and_keeps_the_order_of_the_others():
    table = table_like_training(4, 3)
    seen = []

    def strategy(campaign):
        trials = []
        while campaign.unstarted:
            trials.append(campaign.start())
        seen.append((campaign.grid, [(t.weight_init_seed, t.data_order_seed) for t in trials]))
        trials[0].advance()

    deletion = Deletion("mini", "weight_init_seed", frozenset({101, 103}))
    (result,) = replay([strategy], [table], (1,), options=ReplayOptions(replicates=4), deletions=[deletion])
    (whole, less) = seen[:2]  # replicate 0: all trials, then those of seeds 100 and 102
    assert whole[0] == (4, 3) and less[0] == (2, 3)
    block = prepare(table, seed=0, replicates=range(2))
    left = sorted(block.row_label[0][[0, 2]])  # the old labels of the rows that are left close up: 0 and 1
    kept = [(left.index(row), column) for row, column in whole[1] if row in left]
    assert less[1] == kept
    again = result.deleted[0][0]
    assert set(table.row[again.trial[0]]) <= {0, 2}
    np.testing.assert_array_equal(again.best_test_score, result.tables[0].best_test_score)


def test_only_what_a_deletion_touches_is_run_again_and_as_often_as_asked():
    a, b = table_like_training(4, 4), replace(table_like_training(4, 4, seed=1), model="maxi")
    deletions = [
        Deletion("mini", "weight_init_seed", frozenset({100})),
        Deletion("maxi", "data_order_seed", frozenset({201, 999})),
        Deletion("mini", "weight_init_seed", frozenset({999})),
        Deletion("mini", "weight_init_seed", frozenset(range(100, 104))),
    ]
    done = []
    (result,) = replay(
        [full_trials],
        [a, b],
        (1, 2),
        options=ReplayOptions(replicates=12),
        deletions=deletions,
        deletion_replicates=8,
        progress=lambda *at: done.append(at),
    )
    assert [[part is not None for part in row] for row in result.deleted] == [
        [True, False],
        [False, True],
        [False] * 2,
        [False] * 2,
    ]
    assert result.deleted[0][0].score.shape == (2, 8) and result.tables[0].score.shape == (2, 12)
    assert done[-1] == (2 * 2 * 12 + 2 * 2 * 8,) * 2 and done == sorted(done)
    by_hand = replay([full_trials], [a], (1, 2), options=ReplayOptions(replicates=8))[0].tables[0]
    np.testing.assert_array_equal(by_hand.score, result.tables[0].score[:, :8])


# --- processes --------------------------------------------------------------------------------------------------------

STRATEGIES = ("full_trials", "asha", "median_stopping")


def as_bytes(results):
    arrays = []
    for result in results:
        for part in [*result.tables, *(part for row in result.deleted for part in row if part is not None)]:
            arrays += [
                value for value in vars(part).values() if isinstance(value, np.ndarray) and value is not part.table
            ]
    return b"".join(array.tobytes() for array in arrays)


def test_the_same_bytes_for_any_number_of_processes(trials):
    deletions = [
        Deletion("mini", "weight_init_seed", frozenset({1})),
        Deletion("mini", "data_order_seed", frozenset({0, 2})),
    ]
    assert 2 * BATCH < 110
    outcomes = []
    for processes in (1, 2, 3):
        done = []
        results = replay(
            STRATEGIES,
            trials.tables,
            options=ReplayOptions(replicates=110, processes=processes),
            deletions=deletions,
            deletion_replicates=60,
            progress=lambda *at, done=done: done.append(at),
        )
        assert done[-1][0] == done[-1][1]
        outcomes.append(as_bytes(results))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert len(outcomes[0]) > 100_000


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
    whole = replay(["asha"], [table], (2, 8), options=ReplayOptions(replicates=10, seed=3))[0].tables[0]
    for budget, replicate in ((2, 0), (8, 7)):
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
        try:
            trial.advance()
        except:  # noqa: E722
            pass


def swallows_exceptions(campaign):
    while True:
        try:
            campaign.start().advance()
        except Exception:
            pass


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
    table = two_by_two()
    began = time.monotonic()
    with pytest.raises(StrategyFailed) as caught:
        run(strategy, table, time_limit=0.3)
    assert time.monotonic() - began < 10
    failed = caught.value
    assert reason in failed.reason and "\n" not in str(failed)
    assert (failed.table, failed.budget, failed.replicate) == ("mini/sst2/by-hand", 1, 0)
    with pytest.raises(StrategyFailed) as again:
        replay_one(strategy, table, 1, 0, options=ReplayOptions(time_limit=0.3))
    assert str(again.value) == str(failed)


def test_the_author_s_own_lines_are_shown_and_no_others():
    with pytest.raises(StrategyFailed) as caught:
        run(raises, two_by_two())
    assert "in raises" in caught.value.frames and 'raise ValueError("two\\nlines")' in caught.value.frames
    assert "seedbench/run.py" not in caught.value.frames


def test_a_failure_in_a_re_run_says_so():
    def only_on_the_whole_grid(campaign):
        assert campaign.grid == (4, 4), "smaller"
        campaign.start().advance()

    with pytest.raises(
        StrategyFailed, match="AssertionError: smaller.*, in a re-run for the intervals, with a part of the seeds"
    ) as caught:
        replay(
            [only_on_the_whole_grid],
            [table_like_training()],
            (1,),
            options=ReplayOptions(replicates=4),
            deletions=[Deletion("mini", "weight_init_seed", frozenset({100}))],
        )
    assert "--only" not in str(caught.value) and "take seed labels from campaign.grid" in str(caught.value)


def test_a_strategy_that_ends_with_the_budget_or_the_pool_has_ended_well():
    def until_the_end(campaign):
        while True:
            trial = campaign.start()
            while not trial.complete:
                trial.advance()

    table = table_like_training(3, 3)
    by_budget = run(until_the_end, table, (2,))
    assert (by_budget.steps_spent == 2 * table.num_steps).all()
    by_pool = run(until_the_end, table, (9,), protocol="dodge2020")
    np.testing.assert_array_equal(by_pool.score, table.score.max())


def test_an_object_is_built_anew_for_each_campaign():
    class Counts:
        def __init__(self):
            self.calls = 0

        def __call__(self, campaign):
            self.calls += 1
            assert self.calls == 1
            campaign.start().advance()

    run(Counts(), two_by_two())


def test_the_timer_that_was_there_before_is_there_again():
    import signal

    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 500)
    try:
        run(full_trials, two_by_two())
        assert 400 < signal.getitimer(signal.ITIMER_REAL)[0] <= 500
        assert signal.getsignal(signal.SIGALRM)(0, None) is None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- what can be asked for --------------------------------------------------------------------------------------------


def test_budgets_that_a_table_has_enough_trials_for():
    small, large = table_like_training(3, 3), table_like_training(8, 8, examples=10)
    assert admitted_budgets([small, large], (), "held-out-2") == [(2,), (2, 4, 8, 16)]
    assert admitted_budgets([large, large], (2, 8), "held-out-2") == [(2, 8), (2, 8)]
    assert admitted_budgets([small, large], (), "dodge2020") == [(2, 4, 8), (2, 4, 8, 16, 32)]
    smallest = two_by_two()
    (result,) = replay([full_trials], [smallest, small], options=ReplayOptions(replicates=4))
    assert [part.budgets for part in result.tables] == [(), (2,)]
    assert result.tables[0].score.shape == (0, 2) and result.tables[0].best_test_score.shape == (2, 4)


def test_a_budget_asked_for_that_one_of_the_tables_cannot_take_is_refused_not_left_out():
    large, small = table_like_training(8, 8, examples=10), replace(table_like_training(3, 3), recipe="small")
    with pytest.raises(SelectionError) as caught:
        replay([full_trials], [large, small], (2, 4), options=ReplayOptions(replicates=4))
    assert str(caught.value) == (
        "budget 4 needs a table of at least 16 trials under protocol held-out-2; "
        "mini/sst2/small has 9, enough for a budget of 2; leave that table out, or the budget"
    )
    with pytest.raises(SelectionError, match="mini/sst2/by-hand has 4, enough for a budget of 1$"):
        replay([full_trials], [two_by_two()], (2,), options=ReplayOptions(replicates=4))


def test_a_table_too_small_for_any_budget_and_one_without_predictions():
    with pytest.raises(SelectionError, match="no table has the 8 trials that the smallest budget, 2, needs"):
        replay([full_trials], [two_by_two()], options=ReplayOptions(replicates=4))
    curves = replace(table_like_training(3, 3), predicted_label=None, example_loss=None, label=None)
    with pytest.raises(SelectionError, match="table mini/sst2/by-hand has no predictions, .* dodge2020 does not"):
        replay([full_trials], [curves], options=ReplayOptions(replicates=4))
    (result,) = replay([full_trials], [curves], options=ReplayOptions(replicates=4, protocol="dodge2020"))
    assert np.isfinite(result.tables[0].score).all()
    with pytest.raises(SelectionError, match="a replicate must be a whole number from 0, found -1"):
        replay_one(full_trials, two_by_two(), 1, -1)
