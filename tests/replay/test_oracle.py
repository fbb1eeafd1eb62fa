"""The oracle: told all test scores, it shows the ceiling; and nobody else is told."""

import pickle
from dataclasses import replace

import pytest

from seedbench import StrategyFailed, StrategyFileError, TrialSet, evaluate
from seedbench.checks import check_strategy
from seedbench.evaluation.words import words
from seedbench.replay import ReplayOptions, prepare, replay, replay_one
from seedbench.strategy import load_strategy, refuse_oracle
from tests.synthetic import additive_predictions, table_by_hand

PLAIN = """
def strategy(campaign):
    campaign.start().advance()
    return getattr(campaign, "test_scores", None)
"""


def table(rows=4, columns=4):
    return table_by_hand(additive_predictions(rows, columns, checkpoints=3, examples=40), [1, 0, 1, 0] * 10)


def test_it_keeps_the_best_test_score_of_its_pool():
    replayed, world = table(), prepare(table(), seed=0, replicates=range(6))
    (found,) = replay(["oracle"], [replayed], [1, 2], options=ReplayOptions(replicates=6))
    (scores,) = found.tables
    of_pool = world.test_score[world.order].max(axis=(1, 2))
    assert (scores.score == of_pool).all()  # for every budget
    assert (scores.trials_started == 1).all()
    assert (scores.steps_spent == (scores.checkpoint + 1) * 10).all()
    # The earliest checkpoint of its trial with that score.
    assert (scores.checkpoint[0] == world.test_score[scores.trial[0]].argmax(axis=1)).all()


def test_no_other_strategy_is_told(tmp_path):
    file = tmp_path / "plain.py"
    file.write_text(PLAIN)
    replay_one(str(file), table(), 2, 0)  # returns None: there is nothing of the name
    file.write_text(PLAIN + "strategy.oracle = False")
    replay_one(str(file), table(), 2, 0)
    file.write_text(PLAIN + "strategy.oracle = True")
    with pytest.raises(StrategyFailed, match="returned a dict"):
        replay_one(str(file), table(), 2, 0)


def test_who_is_told_is_settled_before_a_strategy_travels(tmp_path, monkeypatch):
    """The file is executed again in a worker process, where it might say otherwise than where the result is written."""
    file = tmp_path / "sly.py"
    file.write_text(PLAIN + "import os\nstrategy.oracle = 'IN_A_WORKER' in os.environ\n")
    sent = pickle.dumps(load_strategy(str(file)))
    monkeypatch.setenv("IN_A_WORKER", "1")
    assert load_strategy(str(file)).oracle and not pickle.loads(sent).oracle


def test_a_result_says_so():
    tables = TrialSet("one", "1.0.0", "0" * 64, None, (table(),))
    evaluation = evaluate("full_trials", tables, replicates=4, against="oracle")
    assert (evaluation.strategy.oracle, evaluation.against[0].oracle) == (False, True)
    assert words(evaluation)[0].startswith("oracle is an oracle: it was told the test scores")
    for told, row in zip(evaluation.against[0].rows, evaluation.rows, strict=True):
        assert told.score > row.score and row.oracle >= row.ceiling
    alone = replace(evaluation, against=())
    assert not any("oracle" in sentence for sentence in words(alone))


def test_check_says_what_it_is(trials):
    findings = check_strategy(load_strategy("oracle"), trials, campaigns=2)
    assert [finding.passed for finding in findings] == [True, True, None]
    assert findings[-1].text == "an oracle: told all test scores, so not blind, and refused on leaderboards"


def test_it_is_refused_where_there_is_nothing_to_tell():
    refuse_oracle(load_strategy("full_trials"), "a sealed run")
    with pytest.raises(StrategyFileError, match="^strategy oracle is an oracle, .*: a sealed run has none to tell$"):
        refuse_oracle(load_strategy("oracle"), "a sealed run")
