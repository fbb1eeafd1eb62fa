"""The transfer track: history is of the other tasks, its labels are the campaign's own, and nothing else changes."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from seedbench import Campaign, Checkpoint, SelectionError, StrategyFailed, Trial, TrialComplete, TrialSet, evaluate
from seedbench.campaign import open_campaign, shown_loss
from seedbench.checks import check_strategy
from seedbench.replay import RecordedTrials, ReplayOptions, ShownTables, prepare, replay_one
from seedbench.strategy import load_strategy
from tests.synthetic import additive_predictions, labels_of, table_by_hand

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
    score = level[:, None] + [0.0, 0.4, 0.2]
    fields = {"epochs": 3 if recipe == "few" else 5}
    return replace(made, score=score, test_score=score, fields=fields)


def real_seeds(trial: Trial) -> tuple[int, int]:
    """What the score of a trial of such a table says about who it is."""
    level = round(trial.checkpoints[0].score * 10_000)
    return level // 100, level % 100


def campaigns_of(own, tables, replicate=0):
    """A replicate of a table: `(recorded, the first campaign on it)`."""
    block = prepare(own, seed=5, replicates=range(4))
    recorded = RecordedTrials(block, replicate, ShownTables.of(own, tables))
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


def test_of_a_table_those_trials_are_shown_whose_seeds_are_in_the_pool():
    own, small = table(), table("rte", rows=(3, 5, 99), columns=(10, 20, 30), missing=[(5, 30)])
    for replicate in range(4):
        recorded, campaign = campaigns_of(own, [own, small], replicate)
        rows, columns = own_labels(own, recorded)
        there = {(3, 10), (3, 20), (3, 30), (5, 10), (5, 20)}
        expected = {(row, column) for row, column in there if row in rows and column in columns}
        (record,) = campaign.history
        assert {real_seeds(trial) for trial in record.trials} == expected
        assert record.majority_score == 0.75 and record.checkpoints_per_trial == 3  # 15 of the 20 examples
        assert record.grid == (len({row for row, _ in expected}), len({column for _, column in expected}))


def test_a_table_of_other_seeds_is_not_shown():
    own = table()
    _, campaign = campaigns_of(own, [own, table("rte", rows=(90, 91), columns=(80, 81))])
    assert campaign.history == ()


def test_seeds_with_labels_are_found_by_them():
    """Row 0 is called a in the one table and x in the other."""
    own, other = table(rows=(0, 1), columns=(0, 1)), table("rte", rows=(0, 1), columns=(0, 1))
    named = [
        replace(one, trial_id=np.array([f"mini/few/{name}/{do}" for name in names for do in (0, 1)], dtype=object))
        for one, names in ((own, "ab"), (other, "xy"))
    ]
    assert named[0].seed_labels[0] == {0: "a", 1: "b"}
    assert [len(campaigns_of(own, [own, other])[1].history), len(campaigns_of(named[0], named)[1].history)] == [1, 0]


def test_same_recipe_means_the_same_fields_whatever_the_name():
    own = table()
    renamed = replace(table("rte", recipe="few-again"), fields=own.fields)
    changed = replace(table("mrpc"), fields={"epochs": 4})
    _, campaign = campaigns_of(own, [own, changed, renamed])
    assert [(record.recipe, record.same_recipe) for record in campaign.history] == [("few-again", True), ("few", False)]


def test_history_shows_rounded_losses_and_what_only_repeats():
    own, other = table(), table("rte")
    losses = np.full_like(other.train_loss, 0.123456)
    other = replace(other, train_loss=losses, ended_at=np.full(16, 2, dtype=np.int32))
    _, campaign = campaigns_of(own, [own, other])
    checkpoints = campaign.history[0].trials[0].checkpoints
    assert [checkpoint.train_loss for checkpoint in checkpoints] == [0.123] * 3
    assert [checkpoint.repeated for checkpoint in checkpoints] == [False, False, True]


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
    cell = other.trial_at(ROWS.index(row), COLUMNS.index(column))
    assert [checkpoint.score for checkpoint in trial.checkpoints] == other.score[cell].tolist()
    losses = shown_loss(other.validation_loss[cell]).tolist()
    assert [checkpoint.validation_loss for checkpoint in trial.checkpoints] == losses
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
    wide = table("mrpc", rows=(1, 3, 5, 7, 9, 11, 13), columns=(10, 20, 30, 40, 50))
    recorded, campaign = campaigns_of(own, [own, same, wide], replicate)
    mine = own_labels(own, recorded)
    for axis, size in enumerate(campaign.grid):
        assert sorted(mine[axis].values()) == list(range(size))
        every = labels_by_seed([trial for record in campaign.history for trial in record.trials])[axis]
        assert every == mine[axis]
    for record in campaign.history:  # their order says nothing about the real seeds
        labels = [(trial.weight_init_seed, trial.data_order_seed) for trial in record.trials]
        assert labels == sorted(labels)


def test_all_of_the_pool_is_seen():
    """What is shown of every row and column is part of what a campaign can depend on."""
    own = table()

    def strategy(campaign):
        campaign.start().advance()

    for track, seen in (("cold", 1), ("transfer", 3)):
        found = replay_one(strategy, own, 2, 0, ReplayOptions(track=track), history=[own, table("rte")])
        for packed in (found.rows_seen, found.columns_seen):
            assert np.unpackbits(packed).sum() == seen


@pytest.mark.parametrize("protocol", ["held-out-2", "dodge2020"])
def test_a_strategy_that_does_not_look_runs_the_same_campaigns(trials, protocol):
    cold, transfer = (
        evaluate("asha", trials, budgets=[2], replicates=4, protocol=protocol, track=track)
        for track in ("cold", "transfer")
    )
    assert (cold.track, transfer.track) == ("cold", "transfer")
    assert [row.score for row in cold.rows] == pytest.approx([row.score for row in transfer.rows], abs=0.05)
    for name, values in cold.campaigns.items():
        if not name.endswith("_seen"):
            assert (values == transfer.campaigns[name]).all()


@pytest.mark.parametrize("track", ["cold", "transfer"])
def test_best_of_n_does_not_differ_from_itself(track):
    """Also where all of a pool counts as seen."""
    tables = [
        table_by_hand(additive_predictions(12, 12, task=task, seed=seed), labels_of(task, 60), task=task)
        for seed, task in enumerate(("sst2", "rte"))
    ]
    trials = TrialSet("two tasks", "1.0.0", "0" * 64, None, tuple(tables))
    found = evaluate("full_trials", trials, budgets=[2, 4], replicates=20, track=track)
    for row in found.rows:
        assert row.score_high > row.score
        assert row.difference_low == row.difference == row.difference_high == 0 and row.difference_p == 1


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
    return table_by_hand(np.where(right, label, 1 - label), label, task=task)


@pytest.fixture(scope="module")
def two_tasks() -> TrialSet:
    tables = (good_on_row(5, "rte", 1), good_on_row(5, "sst2", 2))
    return TrialSet("two tasks", "1.0.0", "0" * 64, None, tables)


def test_a_row_that_is_good_everywhere_is_found(two_tasks, tmp_path):
    file = tmp_path / "best_row.py"
    file.write_text(BEST_ROW)
    run = partial(evaluate, str(file), two_tasks, budgets=[2, 4], replicates=10, track="transfer")
    evaluation = run()
    # Right on 18 of 20 examples where the others are on 10: a trial at random scores 0.55, and one of that row 0.9.
    # Three pools of four have the row, and there it is found.
    campaigns = evaluation.campaigns
    for score, seed in zip(campaigns["score"], campaigns["weight_init_seed"], strict=True):
        assert score == (0.9 if seed == 105 else 0.5)
    for table in two_tasks.tables:
        drawn = prepare(table, seed=0, replicates=range(10))
        present = [5 in rows for rows in drawn.rows.tolist()] * 2  # of two budgets
        assert [seed == 105 for seed in campaigns["weight_init_seed"][campaigns["task"] == table.task]] == present
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
