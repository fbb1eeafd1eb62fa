"""Without a budget, without trials, and where choosing wins nothing: what is chosen, why, and what is said of it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from seedbench.advice import advise
from seedbench.advice.gains import expected_largest
from seedbench.advice.nearest import nearest, situation_of
from seedbench.advice.result import Situation
from seedbench.advice.words import notes
from seedbench.errors import SelectionError
from seedbench.trialset import TrialSet, load_trials
from tests.advice.said import said_of
from tests.advice.test_recipes import QUICK, counts
from tests.synthetic import table_by_hand


def trial_set(*tables):
    return TrialSet("made", "1.0.0", "0" * 64, None, tables)


# --- which budget -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("min_gain", "budget", "reached"),
    [(0.2, 1, True), (0.1, 2, True), (3 / 22 - 1e-6, 2, True), (3 / 22 + 1e-6, 1, True), (0.05, 2, False)],
)
def test_a_budget_on_paper(min_gain, budget, reached):
    """Of six runs of 1/4 and six of 3/4: R(1) = 1/2, R(2) = 3/4 - 5/44, R(3) = 3/4 - 1/22. Pools of 9 allow for 2."""
    found = advise(None, trial_set(counts("made", *[1, 3] * 6)), min_gain=min_gain, **QUICK)
    choice = found.budget_choice
    assert (found.budget, choice.reached, choice.min_gain) == (budget, reached, min_gain)
    assert [(one.full_trials, one.score, one.one_more) for one in choice.worths] == [
        (1, pytest.approx(1 / 2), pytest.approx(3 / 22)),
        (2, pytest.approx(3 / 4 - 5 / 44), pytest.approx(5 / 44 - 1 / 22)),
    ]
    said = [words for words in said_of(found) if words.startswith("Budget: ")]
    assert len(said) == 1 and (f"expected to win less than {min_gain:g}." in said[0]) == reached
    assert ("or more. One more would still win" in said[0]) == (not reached)


def test_the_interval_of_a_budget_holds_it():
    found = advise(None, recipes="few64-all", **QUICK)
    choice = found.budget_choice
    assert choice.low <= found.budget <= choice.high and choice.low < choice.high
    at = {one.full_trials: one for one in choice.worths}
    assert at[found.budget].one_more < choice.min_gain <= at[1].one_more
    assert [one.full_trials for one in choice.worths] == sorted({1, 2, 4, 8, 16, found.budget})


def ranked(*test_scores):
    """Runs of one data order and one checkpoint: the dev set has them in this order, the best first."""
    count = len(test_scores)
    table = table_by_hand([[[[1] * (count - rank) + [0] * rank]] for rank in range(count)], [1] * count)
    return replace(table, test_score=np.array(test_scores)[:, None])


#: R(n + 1) - R(n) of these, from n = 1 on: -0.110, -0.008, 0.032, 0.046, 0.050, 0.049, 0.046, 0.043, 0.040, 0.037 ...
RISES_AGAIN = ranked(*[1.0] * 8, *[0.0] * 50, *[0.75] * 42)


@pytest.mark.parametrize(("min_gain", "budget", "reached"), [(0.045, 8, True), (0.06, 1, True), (0.03, 12, False)])
def test_a_budget_after_which_no_more_wins_much(min_gain, budget, reached):
    """The second wins nothing on test examples, and later ones do."""
    found = advise(None, trial_set(RISES_AGAIN), min_gain=min_gain, **{**QUICK, "protocol": "held-out-2"})
    choice = found.budget_choice
    assert (found.budget, choice.reached, choice.largest) == (budget, reached, 12)
    assert choice.worths[0].one_more < 0
    (said,) = (words for words in said_of(found) if words.startswith("Budget"))
    assert ("From there on, up to 12 full trials, one more is expected to win less than" in said) == reached
    assert ("and these trials can be replayed with no larger one." in said) == (not reached)


def test_a_budget_whose_interval_is_open_was_looked_for_up_to_the_largest():
    """The first alone is good, so much of it is doubt. The last one shown is 4, the last one looked at is 5."""
    table = ranked(1.0, 0.0, 0.0, *[0.6] * 41)
    found = advise(None, trial_set(table), min_gain=0.02, **{**QUICK, "protocol": "held-out-2"})
    choice = found.budget_choice
    assert (choice.low, choice.high, choice.largest, choice.worths[-1].full_trials) == (1, None, 5, 4)
    (said,) = (words for words in said_of(found) if words.startswith("Budget"))
    assert "(95% interval: 1 to more than 5)" in said


def test_a_budget_by_estimates_that_tell_nothing_says_so():
    """Beside "Train one full trial." no other number is advised."""
    rng = np.random.default_rng(1)
    enough = {**QUICK, "protocol": "held-out-2", "replicates": 200}
    found = advise(None, trial_set(ranked(*rng.normal(0.5, 0.05, 40))), **enough)
    assert found.wins_nothing and "Train one full trial." in said_of(found)[0]
    (said,) = (words for words in said_of(found) if words.startswith("Budget"))
    assert said.startswith("Budget, by estimates that are not told from noise: ")
    assert notes(found) == ["No signal in sst2 by-hand: choosing wins nothing there, or less than two standard errors."]


# --- no trials yet ----------------------------------------------------------------------------------------------------


def chosen(examples, corrected):
    tables = load_trials().tables
    return {f"{one.task} {one.recipe}" for one in nearest("bundled", tables, situation_of(examples, corrected))}


def test_the_nearest_tables():
    """By ratio, and what is up to 1.5 times as far off as the nearest is near, too."""
    few256 = {"sst2 few256-all", "mrpc few256-all", "sst2 few256-3-epochs-lr2e-4"}
    assert chosen(300, True) == few256
    assert chosen(500, True) == few256 | {"cola few1024-3-epochs-lr2e-4", "cola few1024-3-epochs-lr3e-4"}
    assert chosen(3000, False) == {"rte dodge2020-lr1e-4-all", "mrpc dodge2020-lr1e-4-all"}
    assert chosen(64, None) == {
        "sst2 few64-all",
        "sst2 few64-5-epochs-lr4e-4",
        "sst2 few64-5-epochs-no-bias-correction-lr3e-4",
        "sst2 few64-5-epochs-no-bias-correction-lr4e-4",
    }
    near = {"sst2 few64-all", "sst2 few64-5-epochs-lr4e-4"}  # 1.41 times
    assert chosen(90, True) == near | {"sst2 few128-all", "sst2 few128-5-epochs-lr3e-4"}  # and 1.42
    assert chosen(1_000_000, False) == {"cola dodge2020-lr1e-4-all"}
    assert len(chosen(None, True)) == 9 and len(chosen(None, False)) == 10


def test_what_is_said_of_the_nearest_tables(run):
    code, out, err = run(
        *("advise", "--budget", 4, "--train-examples", 300, "--bias-correction", "--replicates", 4, "--processes", 1)
    )
    assert (code, err) == (0, "")
    said = " ".join(out.split())
    assert said.startswith(
        "Nearest to 300 training examples and Adam with bias correction among the recorded trials: mrpc few256-all "
        "(256 examples), sst2 few256-3-epochs-lr2e-4 (256 examples) and sst2 few256-all (256 examples)."
    )
    assert "another model, task or learning rate differs is unknown" in said
    assert "protocol dodge2020" in said and "The same examples chose, so part of that is their luck" in said


def test_tables_with_test_scores_keep_their_protocol():
    found = advise(4, train_examples=100, bias_correction=False, replicates=4, candidates=[("last_checkpoint", {})])
    assert found.protocol == "held-out-2" and len(found.tables) == 4  # two rates at 128 examples, two at 64
    near = found.situation
    assert (near.examples_factor, near.farthest_factor, near.protocol_asked) == (128 / 100, 100 / 64, None)
    assert "held-out-2 takes test scores" not in " ".join(said_of(found))


def test_how_near_is_said_of_the_tables_that_are_used():
    """MRPC is nearest to 3,600 examples; RTE alone has enough trials for a budget of 20, and is off by 1.44 times."""
    quick = {"replicates": 4, "processes": 1, "candidates": [("last_checkpoint", {})]}
    found = advise(20, train_examples=3600, bias_correction=False, **quick)
    assert [(table.task, table.train_examples) for table in found.tables] == [("rte", 2496)]
    assert found.situation.examples_factor == 3600 / 2496


@pytest.mark.parametrize(("examples", "factor", "far"), [(1000, 4, False), (1250, 5, True), (25, 10, True)])
def test_how_far_the_nearest_is_off(examples, factor, far):
    table = counts("made", *[1, 3] * 6, train_examples=250)
    found = advise(2, trial_set(table), train_examples=examples, **QUICK)
    assert found.situation == Situation(examples, None, examples_factor=factor, farthest_factor=factor)
    said = " ".join(said_of(found))
    assert (f"Nothing recorded is near: the nearest is off by a factor of {factor} in training" in said) == far
    assert (f"In training examples they are off by a factor of {factor}.0." in said) != far


@pytest.mark.parametrize("fields", [{"train_examples": 0}, {"train_examples": None, "epochs": 30, "batch_size": 32}])
def test_no_training_examples_are_an_unknown_number(fields):
    """Of a table whose steps are epochs, or that says 0: a table beside it that says how many is taken."""
    unknown, known = counts("unknown", *[1, 3] * 6, **fields), counts("known", *[1, 3] * 6, train_examples=250)
    with pytest.raises(SelectionError, match="no selected table of trial set .* says how many examples"):
        advise(2, trial_set(unknown), train_examples=500, **QUICK)
    found = advise(2, trial_set(unknown, known), train_examples=500, **QUICK)
    assert [table.recipe for table in found.tables] == ["known"]
    assert advise(2, trial_set(unknown), **QUICK).tables[0].train_examples is None


@pytest.mark.parametrize(
    ("examples", "said"),
    [(512, "off by a factor of 2.0."), (600, "off by a factor of 1.7 to 2.3."), (3600, "off by a factor of 1.")],
)
def test_how_far_those_are_that_were_taken_is_said(examples, said):
    """Without bias correction: two tables of 256 examples and CoLA's 1,024; of 3,600 RTE's and MRPC's are near."""
    quick = {"replicates": 4, "processes": 1, "candidates": [("last_checkpoint", {})]}
    words = " ".join(said_of(advise(16, train_examples=examples, bias_correction=False, **quick)))
    assert (f"In training examples they are {said}" in words) == (examples != 3600)


def test_that_a_rule_was_developed_on_what_advises_it_is_said():
    quick = {"replicates": 20, "processes": 1, "candidates": [("patient_halving", {}), ("race", {})]}
    found = advise(8, train_examples=64, bias_correction=False, **quick)
    assert len(found.tables) == 2 and found.distinct[0].name == "patient_halving"
    words = " ".join(said_of(found))
    assert "patient_halving was developed on 1 of these 2 tables, where its score flatters it." in words
    assert "race was developed" not in words
    elsewhere = replace(found, trials=replace(found.trials, name="somebody/else"))
    assert "was developed" not in " ".join(said_of(elsewhere))


def test_another_protocol_in_place_of_the_one_asked_for_is_said():
    unreported = replace(counts("made", *[1, 3] * 6, train_examples=64), test_score=None)
    found = advise(2, trial_set(unreported), train_examples=64, **QUICK | {"protocol": "held-out-2"})
    assert (found.protocol, found.situation.protocol_asked) == ("dodge2020", "held-out-2")
    assert said_of(found)[1] == (
        "held-out-2 takes test scores, and not every table here has them: all is scored on the dev set, which also "
        "chose (dodge2020)."
    )
    asked = advise(2, trial_set(unreported), train_examples=64, **QUICK)
    assert asked.situation.protocol_asked is None and "takes test scores" not in " ".join(said_of(asked))


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"score": 5}, "score must be from 0 to 1, as accuracy is, found 5"),
        ({"score": -0.1}, "score must be from 0 to 1, as accuracy is, found -0.1"),
        ({"score": float("nan")}, "score must be a finite number, as 0.72, found nan"),
        ({"min_gain": 1.5}, "min_gain must be at most 1, as accuracy is from 0 to 1, found 1.5"),
    ],
)
def test_a_score_that_cannot_be(given, rule):
    with pytest.raises(SelectionError, match=rule):
        advise(None, trial_set(counts("made", *[1, 3] * 6)), **given, **QUICK)


def test_a_score_that_another_table_can_have():
    """A Matthews correlation may be below 0; of somebody's own measure nobody knows."""
    correlated = replace(counts("other", *[1, 3] * 6), task="cola")
    found = advise(2, trial_set(counts("made", *[1, 3] * 6), correlated), score=-0.5, **QUICK)
    assert {table.needed.bound for table in found.tables} == {"<"}
    own = replace(counts("made", *[1, 3] * 6), score_name="reward")
    assert advise(2, trial_set(own), score=5, **QUICK).tables[0].needed.bound == ">"


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"train_examples": 0}, "train_examples must be a whole number from 1 on, found 0"),
        ({"train_examples": 2.5}, "train_examples must be a whole number from 1 on, found 2.5"),
        ({"bias_correction": "yes"}, "bias_correction must be True or False, found 'yes'"),
        ({"bias_correction": 1}, "bias_correction must be True or False, found 1"),
        ({"bias_correction": 0.0}, "bias_correction must be True or False, found 0.0"),
        ({"train_examples": 500}, "train_examples: no selected table of trial set made says how many examples"),
        ({"bias_correction": True}, "bias_correction: no selected table of trial set made is recorded as trained with"),
    ],
)
def test_a_situation_that_is_refused(given, rule):
    unknown = replace(counts("made", *[1, 3] * 6), fields={})
    with pytest.raises(SelectionError, match=rule):
        advise(2, trial_set(unknown), **given, **QUICK)


def test_a_numpy_bool_is_a_bool():
    assert situation_of(None, np.True_) == situation_of(None, True)
    assert chosen(None, np.False_) == chosen(None, False)


# --- three kinds of table ---------------------------------------------------------------------------------------------


def drawn(hard, skill, rows=8, columns=8, examples=400, seed=0):
    """Trials that have half of the examples right, and of the rest as many as their skill says, by chance."""
    rng = np.random.default_rng(seed)
    label = np.arange(examples) % 2
    chance = np.where(rng.random(examples) < hard, 0.5, 1.0)
    right = rng.random((rows, columns, 1, examples)) < chance * skill(rng, (rows, columns, 1, 1))
    return table_by_hand(np.where(right, label, 1 - label), label)


def test_seeds_that_are_alike_may_win_nothing():
    """All are equally good, and scored by the examples that chose: what the best of many wins is luck."""
    alike = drawn(0.3, lambda rng, shape: np.ones(shape))
    found = advise(4, trial_set(alike), **QUICK)
    assert found.may_be_luck and 0 < found.to_win <= found.to_win_by_luck
    assert said_of(found)[0].startswith("Choosing among seeds may win nothing here: ")


def test_seeds_that_differ_win_more_than_luck():
    differ = drawn(0.3, lambda rng, shape: rng.uniform(0.6, 1, shape))
    found = advise(4, trial_set(differ), **QUICK)
    assert not found.may_be_luck and found.to_win > found.to_win_by_luck
    assert said_of(found)[0].startswith("Recipe first: ")


def test_a_test_set_needs_no_bound_of_luck():
    found = advise(4, trial_set(drawn(0.3, lambda rng, shape: np.ones(shape))), **{**QUICK, "protocol": "held-out-2"})
    assert found.to_win_by_luck is None and not found.may_be_luck


@pytest.mark.parametrize("unknown", [1, 64])
def test_luck_is_not_bounded_where_it_is_not_known_how_many_fail(unknown):
    alike = drawn(0.3, lambda rng, shape: np.ones(shape))
    status = alike.status.copy()
    status[:unknown] = None
    found = advise(4, trial_set(replace(alike, status=status)), **QUICK)
    assert found.to_win_by_luck is None and not found.may_be_luck


@pytest.mark.parametrize(
    ("table", "first"),
    [
        ("few64-5-epochs-no-bias-correction-lr4e-4", "Recipe first: "),  # trials fail
        ("few64-all", "Recipe: "),  # they differ
        ("few256-all", "Choosing among seeds may win nothing here: "),  # they are alike
    ],
)
def test_the_first_words_on_each_kind_of_bundled_table(table, first):
    found = advise(4, tasks="sst2", recipes=table, **QUICK)
    assert said_of(found)[0].startswith(first)


def test_the_expected_largest_of_normal_numbers():
    """1 / sqrt(pi) of two, 3 / (2 sqrt(pi)) of three; of one it is 0."""
    root = math.sqrt(math.pi)
    assert [expected_largest(n) for n in (1, 2, 3)] == pytest.approx([0, 1 / root, 3 / 2 / root], abs=1e-6)
