"""What is selected: names and budgets as they may be given, and the tables that fit."""

from pathlib import Path

import numpy as np
import pytest

from seedbench.errors import SelectionError, TrialSetError
from seedbench.trialset import Selection, resolve_trials


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"budgets": (0,)}, "a budget must be a whole number of full trials from 1, found 0"),
        ({"budgets": (4, -1)}, "a budget must be a whole number of full trials from 1, found -1"),
        ({"budgets": (2.5,)}, "a budget must be a whole number of full trials from 1, found 2.5"),
        ({"budgets": 8.0}, "a budget must be a whole number of full trials from 1, found 8.0"),
        ({"budgets": "8"}, "a budget must be a whole number of full trials from 1, found '8'"),
        ({"budgets": True}, "a budget must be a whole number of full trials from 1, found True"),
        ({"tasks": 3}, "a task is selected by its name, found 3"),
        ({"models": [None]}, "a model is selected by its name, found None"),
        ({"tables": (1,)}, "a table is selected by its name, found 1"),
    ],
)
def test_what_cannot_be_selected(given, said):
    with pytest.raises(SelectionError) as caught:
        Selection(**given)
    assert str(caught.value) == said


@pytest.mark.parametrize("budgets", [(8, 2, 8), [2, 8], np.array([8, 2]), {2, 8}])
def test_budgets_are_ascending_each_once(budgets):
    assert Selection(budgets=budgets) == Selection(budgets=(2, 8))


@pytest.mark.parametrize("alone", [8, np.int64(8), np.array(8)])
def test_one_alone(alone):
    assert Selection(budgets=alone).budgets == (8,)
    assert Selection(tasks="rte").tasks == ("rte",)


def test_the_tables_that_fit_in_all(trials):
    def names(**given):
        return [table.name for table in Selection(**given).of(trials.name, trials.tables)]

    every = [table.name for table in trials.tables]
    assert names() == every and names(tables=every[1]) == [every[1]]
    assert names(tasks="sst2") == [name for name in every if "/sst2/" in name]
    assert names(tables="sst2/few") == names(tables=["mini/sst2/few", "sst2/few"]) == ["mini/sst2/few"]
    assert names(tables="other") == ["mini/sst2/other"]
    with pytest.raises(SelectionError, match="2 tables of trial set synthetic end in .few.: mini/mrpc/few"):
        names(tables="few")
    with pytest.raises(SelectionError, match="unknown table 'ew': trial set synthetic has mini/mrpc/"):
        names(tables="ew")
    with pytest.raises(SelectionError, match="unknown table 'm/t/r': trial set synthetic has mini/mrpc/"):
        names(tables="m/t/r")
    other = next(name for name in every if "/sst2/" not in name)
    with pytest.raises(SelectionError, match="no trial table of trial set synthetic fits the selection; it has mini/"):
        names(tasks="sst2", tables=other)


def test_one_way_to_a_trial_set(trials, trials_folder):
    assert resolve_trials(Selection(trials=trials)) is trials
    for folder in (trials_folder, Path(trials_folder)):
        assert resolve_trials(Selection(trials=folder)).identity == trials.identity
    assert resolve_trials(Selection()).tables
    with pytest.raises(
        SelectionError, match="revision 'v1' is of a Hub dataset; trial set synthetic is loaded already"
    ):
        resolve_trials(Selection(trials=trials, revision="v1"))
    with pytest.raises(TrialSetError, match="only a Hub repo has revisions"):
        resolve_trials(Selection(trials=trials_folder, revision="v1"))
