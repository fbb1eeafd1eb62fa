"""What a strategy decided, checkpoint by checkpoint, and where two of them part: on campaigns that fit on paper."""

import sys
from dataclasses import replace

import pytest

from seedbench.evaluation import evaluate
from seedbench.replay import (
    Decision,
    Decisions,
    ReplayOptions,
    decision,
    parting,
    prepare,
    replay,
    replay_one,
    steps_before,
)
from seedbench.replay.decisions import TrainedTrial
from tests.synthetic import additive_predictions, table_by_hand

RED, BLUE, GREEN = (1, 10), (2, 20), (3, 30)  # trials, by their seeds


def campaign(*stretches, kept=(RED, 0)):
    """Three checkpoints a trial, after 10, 20 and 40 steps; stretches of (trial, checkpoints in a row)."""
    seeds = list(dict.fromkeys(trial for trial, _ in stretches))
    trained = {trial: sum(count for other, count in stretches if other == trial) for trial in seeds}
    trials = tuple(TrainedTrial(*trial, tuple(i / 10 for i in range(trained[trial]))) for trial in seeds)
    return Decisions(
        strategy="mine",
        table="m/t/r",
        budget=2,
        replicate=0,
        steps=(10, 20, 40),
        trials=trials,
        stretches=tuple((seeds.index(trial), count) for trial, count in stretches),
        kept_trial=seeds.index(kept[0]),
        kept_checkpoint=kept[1],
        score=0.5,
        steps_spent=sum((0, 10, 20, 40)[count] for count in trained.values()),
    )


FULL = campaign((RED, 3), (BLUE, 3))


@pytest.mark.parametrize(
    ("other", "at", "did", "other_did"),
    [
        # Red is left after its first checkpoint, for blue.
        (campaign((RED, 1), (BLUE, 1)), 1, Decision("trains", RED, 1), Decision("starts", BLUE, 0, RED, 0)),
        # Green comes in the place of blue; red is complete, so nothing was left.
        (campaign((RED, 3), (GREEN, 3)), 3, Decision("starts", BLUE, 0), Decision("starts", GREEN, 0)),
        # From blue back to red.
        (
            campaign((RED, 1), (BLUE, 1), (RED, 1)),
            1,
            Decision("trains", RED, 1),
            Decision("starts", BLUE, 0, RED, 0),
        ),
        # Nothing but red, which is kept at its second checkpoint.
        (campaign((RED, 3), kept=(RED, 1)), 3, Decision("starts", BLUE, 0), Decision("ends", RED, 1)),
        # The end comes in the middle of blue.
        (campaign((RED, 3), (BLUE, 2)), 5, Decision("trains", BLUE, 2), Decision("ends", RED, 0, BLUE, 1)),
        # The same is paid for, something else kept.
        (replace(FULL, kept_trial=1), 6, Decision("ends", RED, 0), Decision("ends", BLUE, 0)),
    ],
)
def test_parting(other, at, did, other_did):
    assert (parting(FULL, other), parting(other, FULL)) == (at, at)
    assert decision(FULL, at) == did
    assert decision(other, at) == other_did


def test_the_same_decisions_do_not_part():
    assert parting(FULL, campaign((RED, 3), (BLUE, 3))) is None


def test_going_back_to_a_trial():
    assert decision(campaign((RED, 1), (BLUE, 1), (RED, 1)), 2) == Decision("back", RED, 1, BLUE, 0)


def test_steps_before():
    """10 steps for red's first checkpoint, 10 for blue's, 10 more for red's second."""
    halting = campaign((RED, 1), (BLUE, 1), (RED, 2))
    assert [steps_before(halting, at) for at in range(5)] == [0, 10, 20, 30, 50]
    assert halting.steps_spent == 50 and halting.full_trials_spent == 1.25
    assert [halting.trained(trial) for trial in (RED, BLUE, GREEN)] == [3, 1, 0]


# --- recording --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table():
    return table_by_hand(additive_predictions(4, 4, checkpoints=3, examples=40), [1, 0, 1, 0, 1] * 8)


def there_and_back(campaign):
    """Starts four trials; trains the second twice, the first once, the second to its end; keeps its second checkpoint.

    The third is started without being trained, which costs nothing, and so is no decision.
    """
    first, second, _ = (campaign.start() for _ in range(3))
    kept = [second.advance(), second.advance()][1]
    first.advance()
    second.advance()
    return kept


def test_what_is_recorded(table):
    found = replay_one(there_and_back, table, 2, 3, ReplayOptions(seed=5), decisions=True).decisions.item()
    block = prepare(table, seed=5, replicates=range(2, 4))
    first, second = block.order[1, :2]
    assert (found.strategy, found.table, found.budget, found.replicate) == ("there_and_back", table.name, 2, 3)
    assert found.stretches == ((0, 2), (1, 1), (0, 1))
    assert [trial.seeds for trial in found.trials] == [
        (table.weight_init_seeds[table.row[trial]], table.data_order_seeds[table.column[trial]])
        for trial in (second, first)
    ]
    assert found.trials[0].validation_score == tuple(block.score[second])
    assert found.trials[1].validation_score == (block.score[first, 0],)
    assert found.kept == (found.trials[0].seeds, 1)
    assert found.validation_score == block.score[second, 1]
    assert found.score == block.test_score[second, 1]
    assert found.steps == (10, 20, 30) and found.steps_spent == 40


@pytest.mark.parametrize("name", ["asha", "hyperband", "median_stopping"])
def test_the_same_campaigns_as_in_an_evaluation(trials, name):
    """Each replicate's score, kept seeds and steps, on every table and budget: recording changes nothing."""
    evaluated = evaluate(name, trials, replicates=6, seed=3).campaigns
    (replayed,) = replay([name], trials.tables, (), ReplayOptions(replicates=6, seed=3), decisions=True)
    recorded = {
        (*table.table.name.split("/"), found.budget, found.replicate): found
        for table in replayed.tables
        for found in table.decisions.flat
    }
    keys = [evaluated[column] for column in ("model", "task", "recipe", "budget", "replicate")]
    assert len(recorded) == len(keys[0])
    for at, key in enumerate(zip(*keys, strict=True)):
        found = recorded[key]
        assert found.score == evaluated["score"][at] and found.steps_spent == evaluated["steps_spent"][at]
        kept = evaluated["weight_init_seed"][at], evaluated["data_order_seed"][at]
        assert found.kept == (kept, evaluated["checkpoint"][at])
        assert len(found.trials) == evaluated["trials_started"][at]


def test_what_a_strategy_sees_of_other_tasks(trials):
    """On the transfer track it is shown the other task's trials, on the cold one nothing."""
    seen = []

    def strategy(campaign):
        seen.append([past.task for past in campaign.history])
        campaign.start().advance()

    table = next(table for table in trials.tables if table.task == "mrpc")
    for track in ("cold", "transfer"):
        replay_one(strategy, table, 2, 0, ReplayOptions(track=track), history=trials.tables, decisions=True)
    assert seen == [[], ["sst2", "sst2"]]


def _large(trials):
    """The 6 x 6 table."""
    return [table for table in trials.tables if table.grid == (6, 6)]


@pytest.mark.parametrize("processes", [1, 2])
def test_batches_are_put_together(trials, monkeypatch, processes):
    """Six replicates in batches of two: the same as all in one."""

    def decided(processes):
        options = ReplayOptions(replicates=6, processes=processes)
        found = replay(["asha", "full_trials"], _large(trials), (2, 4), options, decisions=True)
        return [one.tables[0].decisions for one in found]

    whole = decided(1)
    monkeypatch.setattr(sys.modules["seedbench.replay.replay"], "BATCH", 2)  # the function has the module's name
    part = decided(processes)
    for name, one, other in zip(("asha", "full_trials"), part, whole, strict=True):
        assert one.shape == (2, 6) and one.tolist() == other.tolist()
        where = [(found.strategy, found.budget, found.replicate) for found in one.flat]
        assert where == [(name, budget, replicate) for budget in (2, 4) for replicate in range(6)]
    assert all(found.full_trials_spent == found.budget for found in part[1].flat)


def test_nothing_is_recorded_unasked(table):
    assert replay_one("asha", table, 2, 0).decisions is None
