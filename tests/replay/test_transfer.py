"""The transfer track: history is of the other tasks, its labels are the campaign's own, and nothing else changes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from seedbench import Campaign, Checkpoint, SelectionError, StrategyFailed, Trial, TrialComplete, TrialSet, evaluate
from seedbench.campaign import open_campaign
from seedbench.checks import check_strategy
from seedbench.evaluation.scores import deletions_of
from seedbench.replay import Deletion, RecordedTrials, ReplayOptions, ShownTables, prepare, replay, replay_one
from seedbench.strategy import load_strategy
from tests.synthetic import additive_predictions, table_by_hand

ROWS, COLUMNS = (7, 3, 11, 5), (20, 10, 40, 30)


def table(task="sst2", recipe="few", rows=ROWS, columns=COLUMNS, model="mini", missing=(), seed=0):
    """A table of these real seeds. A trial's score at checkpoint c is 0.01 row seed + 0.0001 column seed + 0.2 c."""
    predicted = additive_predictions(len(rows), len(columns), task=task, checkpoints=3, examples=20, seed=seed).tolist()
    for row, column in missing:
        predicted[rows.index(row)][columns.index(column)] = None
    made = table_by_hand(predicted, [1, 0, 1, 1] * 5, task=task, step=(5, 10, 20))
    made = replace(
        made, model=model, recipe=recipe, weight_init_seeds=np.array(rows), data_order_seeds=np.array(columns)
    )
    level = made.weight_init_seeds[made.row] * 0.01 + made.data_order_seeds[made.column] * 0.0001
    return replace(made, score=level[:, None] + [0.0, 0.4, 0.2])


def real_seeds(trial: Trial) -> tuple[int, int]:
    """What the score of a trial of such a table says about who it is."""
    level = round(trial.checkpoints[0].score * 10_000)
    return level // 100, level % 100


def campaigns_of(own, tables, replicate=0, keep=None, history=None):
    """A replicate of a table: `(recorded, the first campaign on it)`."""
    shown = history or ShownTables.of(own, tables)
    recorded = RecordedTrials(prepare(own, seed=5, replicates=range(4)), replicate, keep, history=shown)
    return recorded, opened(recorded)


def opened(recorded) -> Campaign:
    return open_campaign(recorded.source(), 2, rng=lambda: None, history=recorded.history).campaign


# --- what is shown ----------------------------------------------------------------------------------------------------


def test_every_table_of_the_models_other_tasks_is_shown_its_own_recipe_first():
    own = table()
    tables = [
        table("rte", recipe="big"),
        table("rte", rows=(3, 5), columns=(10, 20, 30), missing=[(5, 30)]),
        own,
        table(recipe="big"),  # the same task: its dev examples are those the campaign is scored on
        table("mrpc", model="maxi"),
        table("cola", recipe="big"),
        table("mrpc"),
    ]
    _, campaign = campaigns_of(own, tables)
    assert [(record.task, record.recipe, record.same_recipe) for record in campaign.history] == [
        ("mrpc", "few", True),
        ("rte", "few", True),
        ("cola", "big", False),
        ("rte", "big", False),
    ]
    small = campaign.history[1]
    assert (small.grid, small.checkpoints_per_trial, len(small.trials)) == ((2, 3), 3, 5)
    assert small.majority_score == 0.75  # 15 of the 20 examples
    assert {real_seeds(trial) for trial in small.trials} == {(3, 10), (3, 20), (3, 30), (5, 10), (5, 20)}


def test_a_trial_of_history_is_a_complete_trial():
    own, other = table(), table("rte")
    _, campaign = campaigns_of(own, [own, other])
    (record,) = campaign.history
    trial = record.trials[5]
    assert isinstance(trial, Trial) and trial.complete
    assert [checkpoint.index for checkpoint in trial.checkpoints] == [0, 1, 2]
    assert [checkpoint.step for checkpoint in trial.checkpoints] == [5, 10, 20]
    assert [checkpoint.fraction for checkpoint in trial.checkpoints] == [0.25, 0.5, 1.0]
    assert all(isinstance(checkpoint, Checkpoint) and checkpoint.trial is trial for checkpoint in trial.checkpoints)
    row, column = real_seeds(trial)
    cell = other.cell[ROWS.index(row), COLUMNS.index(column)]
    assert [checkpoint.score for checkpoint in trial.checkpoints] == other.score[cell].tolist()
    assert [checkpoint.validation_loss for checkpoint in trial.checkpoints] == other.validation_loss[cell].tolist()
    assert [checkpoint.train_loss for checkpoint in trial.checkpoints] == [0.5, 0.5, 0.5]
    assert trial.best is trial.checkpoints[1]  # the second scores 0.4 more than the first, the third 0.2


def test_history_is_read_only():
    own = table()
    _, campaign = campaigns_of(own, [own, table("rte")])
    (record,) = campaign.history
    trial = record.trials[0]
    with pytest.raises(TrialComplete, match="of campaign.history: recorded, complete, and not for training"):
        trial.advance()
    for target, name in ((record, "trials"), (trial, "complete"), (trial, "best"), (trial.best, "score")):
        with pytest.raises(AttributeError):
            setattr(target, name, None)
    with pytest.raises(AttributeError):
        campaign.history = ()
    assert type(record.trials) is type(trial.checkpoints) is tuple


@pytest.mark.parametrize("what", ["trial", "checkpoint"])
def test_what_is_kept_is_of_the_campaign(what):
    def strategy(campaign):
        campaign.start().advance()
        trial = campaign.history[0].trials[0]
        return trial if what == "trial" else trial.best

    own = table()
    with pytest.raises(StrategyFailed, match="not of this campaign|not paid for in this campaign"):
        replay_one(strategy, own, 2, 0, ReplayOptions(track="transfer"), history=[own, table("rte")])


def test_on_the_cold_track_there_is_no_history():
    seen = []

    def strategy(campaign):
        seen.append(campaign.history)
        campaign.start().advance()

    replay_one(strategy, table(), 2, 0)
    assert seen == [()]


# --- labels -----------------------------------------------------------------------------------------------------------


def labels_by_seed(trials, seeds_of=real_seeds):
    """Of each axis, real seed -> label; fails where one seed has two."""
    found: tuple[dict, dict] = ({}, {})
    for trial in trials:
        for axis, seed, label in zip(
            found, seeds_of(trial), (trial.weight_init_seed, trial.data_order_seed), strict=True
        ):
            assert axis.setdefault(seed, label) == label
    return found


def own_labels(own, recorded):
    """The same of the campaign's own grid, from the side that knows."""
    found: tuple[dict, dict] = ({}, {})
    for (row, column), trial in recorded._by_cell.items():
        found[0][int(own.weight_init_seeds[own.row[trial]])] = row
        found[1][int(own.data_order_seeds[own.column[trial]])] = column
    return found


@pytest.mark.parametrize("replicate", range(4))
def test_a_seed_has_the_same_label_in_every_table(replicate):
    own = table()
    same = table("rte")
    wide = table("mrpc", rows=(1, 3, 5, 9, 13), columns=(10, 20, 30, 50))
    recorded, campaign = campaigns_of(own, [own, same, wide], replicate)
    mine = own_labels(own, recorded)
    for axis, size in enumerate(campaign.grid):
        assert sorted(mine[axis].values()) == list(range(size))
        every = labels_by_seed([trial for record in campaign.history for trial in record.trials])[axis]
        assert {seed: every[seed] for seed in mine[axis]} == mine[axis]
        beyond = {1, 9, 13} if axis == 0 else {50}
        assert {every[seed] for seed in beyond} == set(range(size, size + len(beyond)))
    for record in campaign.history:  # their order says nothing about the real seeds
        labels = [(trial.weight_init_seed, trial.data_order_seed) for trial in record.trials]
        assert labels == sorted(labels)


def test_labels_beyond_the_grid_are_drawn_for_every_replicate():
    own, wide = table(), table("mrpc", rows=(*ROWS, 50, 51, 52, 53))
    block = prepare(own, seed=5, replicates=range(40))
    drawn = set()
    for replicate in block.replicates:
        recorded = RecordedTrials(block, replicate, history=ShownTables.of(own, [own, wide]))
        (record,) = recorded.history()
        rows = labels_by_seed(record.trials)[0]
        drawn.add(tuple(rows[seed] for seed in (50, 51, 52, 53)))
    assert len(drawn) > 15  # of 24 orders


@pytest.mark.parametrize("protocol", ["held-out-2", "dodge2020"])
def test_a_strategy_that_does_not_look_runs_the_same_campaigns(trials, protocol):
    cold, transfer = (
        evaluate("asha", trials, budgets=[2, 4], replicates=4, protocol=protocol, track=track)
        for track in ("cold", "transfer")
    )
    assert (cold.track, transfer.track) == ("cold", "transfer")
    assert cold.rows == transfer.rows
    for name, values in cold.campaigns.items():
        assert (values == transfer.campaigns[name]).all()


# --- what it costs, and who shares it -------------------------------------------------------------------------------


def test_history_is_made_only_for_those_who_look(trials, monkeypatch):
    def refuse(*_):
        raise AssertionError("nobody has asked")

    monkeypatch.setattr(ShownTables, "past", refuse)
    evaluate("full_trials", trials, budgets=[2], replicates=4, track="transfer")

    def looks(campaign):
        return campaign.history

    with pytest.raises(StrategyFailed, match="nobody has asked"):
        evaluate(looks, trials, budgets=[2], replicates=4, track="transfer")


def test_the_campaigns_of_a_replicate_share_it():
    own = table()
    recorded, campaign = campaigns_of(own, [own, table("rte")])
    assert opened(recorded).history is campaign.history
    (record,) = campaign.history
    assert record.trials is record.trials and record.trials[0].best is record.trials[0].best
    assert not any(values.flags.writeable for values in vars(record._past).values() if isinstance(values, np.ndarray))


def test_nothing_of_the_own_table_nor_a_real_seed_is_in_it():
    own, other = table(rows=(907, 913, 919, 923)), table("rte", rows=(907, 913, 919, 923))
    own = replace(own, score=own.score + 1000)
    _, campaign = campaigns_of(own, [own, other])
    (past,) = (record._past for record in campaign.history)
    values = np.concatenate([np.ravel(value) for value in vars(past).values() if isinstance(value, np.ndarray)])
    assert values.max() < 500 and not set(values.tolist()) & {907, 913, 919, 923}
    assert all(len(value) < 30 for value in vars(past).values() if isinstance(value, np.ndarray))


# --- deletions --------------------------------------------------------------------------------------------------------


def test_deleted_seeds_are_deleted_from_history_too():
    own = table()
    wide = table("mrpc", rows=(1, 3, 5, 9), columns=(10, 20, 50), missing=[(9, 50)])
    single = table("rte", rows=(5,))
    history = ShownTables.of(own, [own, wide, single])
    assert history.whole
    deletion = Deletion("mini", "weight_init_seed", frozenset({5, 9}))
    left = history.keeping([deletion.keeps(other) for other in history.tables])
    assert not left.whole
    recorded, campaign = campaigns_of(own, [], keep=deletion.keeps(own), history=left)
    assert campaign.grid == (3, 4)
    (record,) = campaign.history  # nothing is left of RTE
    assert {real_seeds(trial) for trial in record.trials} == {(r, c) for r in (1, 3) for c in (10, 20, 50)}
    mine, theirs = own_labels(own, recorded), labels_by_seed(record.trials)
    assert sorted(mine[0]) == [3, 7, 11] and theirs[0] == {3: mine[0][3], 1: 3}
    assert theirs[1] == {10: mine[1][10], 20: mine[1][20], 50: 4}


def test_deletions_do_not_reorder_the_labels_that_are_left():
    own, wide = table(), table("mrpc", rows=(*ROWS, *range(50, 58)))
    history = ShownTables.of(own, [own, wide])
    _, whole = campaigns_of(own, [], history=history)
    deletion = Deletion("mini", "weight_init_seed", frozenset({7, 53, 55}))
    left = history.keeping([deletion.keeps(other) for other in history.tables])
    _, again = campaigns_of(own, [], keep=deletion.keeps(own), history=left)
    orders = []
    for campaign in (whole, again):
        rows = labels_by_seed(campaign.history[0].trials)[0]
        assert sorted(rows.values()) == list(range(len(rows)))
        orders.append([seed for seed in sorted(rows, key=rows.get) if seed not in deletion.seeds])
    assert orders[0] == orders[1] and len(orders[1]) == 9


def test_a_row_that_column_deletions_empty_goes_on_in_history():
    own = table(missing=[(7, 10), (7, 30), (7, 40)])  # of row 7 only column 20 is there
    history = ShownTables.of(own, [own, table("rte")])
    deletion = Deletion("mini", "data_order_seed", frozenset({20}))
    left = history.keeping([deletion.keeps(other) for other in history.tables])
    recorded, campaign = campaigns_of(own, [], keep=deletion.keeps(own), history=left)
    assert campaign.grid == (3, 3)
    rows = labels_by_seed(campaign.history[0].trials)[0]
    assert rows == {**own_labels(own, recorded)[0], 7: 3}


def test_what_changes_history_alone_is_run_again():
    """Of 4 × 4 seeds here and 5 × 4 there, five groups of rows: one is there alone, and on the cold track not run."""
    own, wide = table(), table("mrpc", rows=(*ROWS, 50))
    deletions = deletions_of([own, wide])
    seen = []

    def strategy(campaign):
        seen.append((campaign.grid, [record.grid for record in campaign.history]))
        trial = campaign.start()
        trial.advance()

    run = partial(replay, [strategy], [own], [2], history=[own, wide], deletions=deletions)
    (cold,) = run(ReplayOptions(replicates=4))
    touched = [part[0] is not None for part in cold.deleted]
    assert touched == [not 50 <= min(deletion.seeds) for deletion in deletions] and sum(touched) == 8
    seen.clear()
    (transfer,) = run(ReplayOptions(replicates=4, track="transfer"))
    assert all(part[0] is not None for part in transfer.deleted)
    assert seen.count(((4, 4), [(4, 4)])) == 2  # two replicates of the fifth group
    assert seen.count(((4, 4), [(5, 4)])) == 2 and seen.count(((3, 4), [(4, 4)])) == 8
    assert seen.count(((4, 3), [(5, 3)])) == 8 and len(seen) == 20


def test_intervals_on_grids_of_different_size():
    labels = [1, 0] * 30
    own = table_by_hand(additive_predictions(4, 5, seed=1), labels, task="rte")
    wide = table_by_hand(additive_predictions(7, 6, seed=2), labels)
    tables = TrialSet("two", "1.0.0", "0" * 64, None, (own, wide))
    evaluation = evaluate(
        "full_trials", tables, budgets=[2], replicates=10, track="transfer", against="last_checkpoint"
    )
    for row in (*evaluation.rows, *evaluation.against[0].differences):
        assert row.score_low <= row.score <= row.score_high
    assert evaluation.summary.gap_closed_low < evaluation.summary.gap_closed < evaluation.summary.gap_closed_high


def test_seeds_that_only_history_has_do_not_make_intervals_of_other_seeds_narrower():
    """Three rows here, eight there. The campaigns are the same on both tracks; t has two degrees of freedom on both."""
    own = table_by_hand(additive_predictions(3, 8, seed=1), [1, 0] * 30, task="rte")
    wide = table_by_hand(additive_predictions(8, 8, seed=2), [1, 0] * 30)
    tables = TrialSet("two", "1.0.0", "0" * 64, None, (own, wide))
    half_widths = []
    for track in ("cold", "transfer"):
        (row,) = evaluate("full_trials", tables, tasks="rte", budgets=[2], replicates=10, track=track).rows
        half_widths.append(row.score_high - row.score)
    # 4.30 errors on both; of 2.36 errors, as of eight groups, the ratio would be half of that. The errors differ by how
    # five groups that change nothing count among eight.
    assert 0.85 < half_widths[1] / half_widths[0] < 1.35


# --- a strategy that uses it ------------------------------------------------------------------------------------------

BEST_ROW = """
def strategy(campaign):
    scores = {}
    for record in campaign.history:
        for trial in record.trials:
            scores.setdefault(trial.weight_init_seed, []).append(trial.best.score)
    row = max(range(campaign.grid[0]), key=lambda label: sum(scores.get(label, [0])))
    while campaign.remaining > 0:
        trial = campaign.start(weight_init_seed=row)
        while not trial.complete:
            trial.advance()
"""


def good_on_row(row, task, seed):
    """8 × 4 trials, all right on 10 of 20 examples, those of one row on 18."""
    label = np.array([1, 0, 1, 1] * 5)
    right = np.zeros((8, 4, 2, 20), dtype=bool)
    right[..., :10] = True
    right[row, ..., :18] = True
    rng = np.random.default_rng(seed)
    right = rng.permuted(right, axis=-1)
    made = table_by_hand(np.where(right, label, 1 - label), label, task=task)
    return made


@pytest.fixture(scope="module")
def two_tasks() -> TrialSet:
    tables = (good_on_row(5, "rte", 1), good_on_row(5, "sst2", 2))
    return TrialSet("two tasks", "1.0.0", "0" * 64, None, tables)


def test_a_row_that_is_good_everywhere_is_found(two_tasks, tmp_path):
    file = tmp_path / "best_row.py"
    file.write_text(BEST_ROW)
    run = partial(evaluate, str(file), two_tasks, budgets=[2, 4], replicates=10, track="transfer")
    evaluation = run()
    rows = {table.task: table.weight_init_seeds[5] for table in two_tasks.tables}
    campaigns = evaluation.campaigns
    assert [rows[task] for task in campaigns["task"]] == campaigns["weight_init_seed"].tolist()
    # Right on 18 of 20 examples where the others are on 10: a trial at random scores 0.55, and one of that row 0.9.
    assert all(row.score > row.floor + 0.2 for row in evaluation.rows)
    assert run(processes=2).to_json() == evaluation.to_json()
    # Whatever is selected, what is shown is of the whole trial set.
    one = run(tasks="rte")
    assert [row.score for row in one.rows] == [row.score for row in evaluation.rows if row.task == "rte"]


def test_the_same_strategy_without_history(two_tasks, tmp_path):
    file = tmp_path / "best_row.py"
    file.write_text(BEST_ROW)
    evaluation = evaluate(str(file), two_tasks, budgets=[2], replicates=40)
    hits = (evaluation.campaigns["weight_init_seed"] == 105).mean()
    assert hits < 0.3  # label 0 is that row in one campaign of eight


# --- what is refused --------------------------------------------------------------------------------------------------


def test_an_unknown_track():
    with pytest.raises(SelectionError, match="^unknown track 'warm': there are cold, transfer$"):
        ReplayOptions(track="warm")


def test_one_task_is_not_enough(trials):
    alone = trials.select(tasks=["sst2"])
    for run in (
        partial(evaluate, "full_trials", alone, track="transfer"),
        partial(check_strategy, load_strategy("full_trials"), alone, ReplayOptions(track="transfer")),
    ):
        with pytest.raises(
            SelectionError, match="needs a second task of the same model: mini has trials of sst2 alone"
        ):
            run()
