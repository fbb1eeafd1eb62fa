"""The error from examples alone: where it can be known on paper, and that a set of trials carries it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seedbench.trialset import add_trials, load_trials, read_manifest
from seedbench.trialset.resampled import examples_error
from tests.synthetic import split_like_training, table_by_hand, write

LABEL = [1, 0] * 50


def predictions(right: int) -> list[int]:
    """Of 100 examples, the first `right` are predicted as `LABEL` says."""
    return [value if place < right else 1 - value for place, value in enumerate(LABEL)]


def test_one_trial_has_the_error_of_a_share():
    """An accuracy of 0.8 on 100 examples has a standard error of 0.04; 1,000 resamples tell it to 2.3%."""
    error = examples_error(table_by_hand([[[predictions(80)]]], LABEL))
    assert error is not None and error.resamples == 1_000
    assert error.floor == error.ceiling == pytest.approx(0.04, rel=0.1)
    assert error.best_of_n == {}


def test_the_test_set_has_an_error_of_its_own():
    """Chosen on the dev set, where one trial is always right; reported with 0.5 on 100 test examples: 0.05."""
    table = table_by_hand([[[predictions(100)], [predictions(0)]]], LABEL)
    shape = np.array([[predictions(50)], [predictions(90)]], np.int8)
    table = replace(table, test_predicted_label=shape, test_label=table.label, test_score=np.array([[0.5], [0.9]]))
    error = examples_error(table, 2_000)
    assert error is not None
    assert error.best_of_n["2"] == pytest.approx(0.05, rel=0.1)  # the better one on dev, always
    # R(1) is the mean of the two, and they are right and wrong about the same examples.
    share = np.mean([np.array(predictions(50)) == LABEL, np.array(predictions(90)) == LABEL], axis=0)
    assert error.floor == pytest.approx(share.std() / 10, rel=0.1)


def test_nothing_is_said_without_predictions_or_of_another_score():
    table = table_by_hand([[[predictions(80)]]], LABEL)
    assert examples_error(replace(table, predicted_label=None)) is None
    assert examples_error(replace(table, score_name="loss")) is None
    assert examples_error(replace(table, status=np.array(["failed"], dtype=object))) is None


def test_a_trial_set_carries_it(tmp_path):
    folder = write(tmp_path / "set", split_like_training(3, 3, test_examples=40))
    (table,) = load_trials(folder, predictions=True).tables
    known = load_trials(folder).examples_error
    assert known == {table.name: examples_error(table)} == read_manifest(folder).examples_error
    add_trials(folder, [write(tmp_path / "more", split_like_training(2, 2, recipe="more", test_examples=0))])
    assert load_trials(folder).examples_error.keys() == {table.name, "mini/sst2/more"}
    assert load_trials(folder).examples_error[table.name] == known[table.name]
    bare = write(tmp_path / "bare", split_like_training(2, 2, test_examples=0), predictions=False)
    assert load_trials(bare).examples_error == {} and "examples_error" not in (bare / "manifest.json").read_text()
