"""What an earlier replay found is taken over: a drawn batch is run again, and all where it comes out differently."""

from dataclasses import replace

import numpy as np
import pytest

from seedbench.evaluation import outcomes_by_table, scored
from seedbench.evaluation.evaluate import evaluate_selected
from seedbench.evaluation.replayed import replay_selected
from seedbench.replay import BATCH, ReplayOptions, table_sha256
from seedbench.replay.content import _ARRAYS
from seedbench.strategy import load_strategy
from seedbench.trialset import Selection

OPTIONS = ReplayOptions(replicates=3 * BATCH)
STRATEGY = "asha"


@pytest.fixture(scope="module")
def measured(trials):
    return scored(replay_selected([load_strategy(STRATEGY)], Selection(trials=trials), OPTIONS))


@pytest.fixture
def known(measured, trials):
    return outcomes_by_table(measured.campaigns, trials.tables, OPTIONS)


def again(trials, known):
    """The evaluation, and how many campaigns were run for it."""
    done = []
    found = evaluate_selected(
        STRATEGY, Selection(trials=trials), OPTIONS, known=known, progress=lambda *at: done.append(at)
    )
    return found, done[-1][0]


def same(one, other):
    return one == other and all(np.array_equal(one.campaigns[name], other.campaigns[name]) for name in one.campaigns)


def test_the_same_evaluation_from_one_batch_of_each_table(trials, measured, known):
    assert known.keys() == {table.name for table in trials.tables}
    found, campaigns = again(trials, known)
    assert same(found, measured) and campaigns == len(measured.rows) * BATCH


@pytest.mark.parametrize("name", ["trial", "steps_spent", "rows_seen", "first"])
def test_what_comes_out_differently_is_run_whole(trials, measured, known, name):
    first = next(iter(known))
    values = getattr(known[first], name).copy()
    values[..., :] += 1  # in every batch, since the one that is run again is drawn
    found, campaigns = again(trials, known | {first: replace(known[first], **{name: values})})
    budgets = known[first].trial.shape[1]
    assert same(found, measured) and campaigns == len(measured.rows) * BATCH + budgets * 2 * BATCH


def test_of_other_budgets_nothing_is_taken_over(trials, measured, known):
    fewer = {name: replace(one, trial=one.trial[:, :0]) for name, one in known.items()}
    found, campaigns = again(trials, fewer)
    assert same(found, measured) and campaigns == len(measured.campaigns["score"])


def test_a_table_is_known_by_all_that_its_campaigns_depend_on(trials):
    table = trials.tables[0]
    name = table_sha256(table)
    assert name == table_sha256(replace(table)) == table_sha256(replace(table, predicted_label=None, status=None))
    changed = {"model": "another", "task": "cola", "recipe": "another", "majority_score": 0.25, "score_name": "-loss"}
    changed |= {"fields": {"epochs": 7}, "label": None}
    for array in _ARRAYS:
        changed[array] = getattr(table, array).copy()
        changed[array].flat[-1] += 1
    names = {table_sha256(replace(table, **{part: value})) for part, value in changed.items()} | {name}
    foreign = replace(table, task="foreign", num_labels=3)
    names |= {table_sha256(foreign), table_sha256(replace(foreign, num_labels=4))}
    assert len(names) == len(changed) + 3
