"""Pairs of recipes: what paper says of two tables, which tables are no pair, and what is said to be unmeasured."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from seedbench.advice import advise
from seedbench.advice.recipe_words import recipe_words
from seedbench.advice.recipes import FAULTS, recipe_pairs, train_examples_of
from seedbench.evaluation import replay_selected
from seedbench.evaluation.scores import best_of_n_scores
from seedbench.influences import best_of_n, interval, total
from seedbench.replay import ReplayOptions
from seedbench.strategy import load_strategy
from seedbench.trialset import Selection, TrialSet, load_trials
from tests.synthetic import table_by_hand

RECIPE = {"epochs": 3, "batch_size": 16, "learning_rate": 1e-4, "bias_correction": False, "train_examples": 64}
QUICK = {"replicates": 10, "candidates": [("last_checkpoint", {})], "protocol": "dodge2020"}


def counts(recipe, *right, **fields):
    """Runs of one data order and one checkpoint, which have so many of four examples right."""
    table = table_by_hand([[[[1] * count + [0] * (4 - count)]] for count in right], [1, 1, 1, 1])
    status = np.array(["diverged" if count == 1 else "finished" for count in right], dtype=object)
    return replace(table, recipe=recipe, fields=RECIPE | fields, status=status)


FAULTY = counts("faulty", *[1, 3] * 6)
MENDED = counts("mended", *[3] * 12, bias_correction=True)


def advised(*tables, used="faulty"):
    trials = TrialSet("made", "1.0.0", "0" * 64, None, tables)
    return advise(2, trials, recipes=used, **QUICK)


def test_a_pair_on_paper():
    """Of six runs of 1/4 and six of 3/4 one is worth 1/2, the best of two 1/2 + 3/22; all of the mended are 3/4."""
    (pair,) = advised(FAULTY, MENDED).pairs
    assert (pair.faulty, pair.mended, pair.scored_on, pair.budget, pair.steps) == ("faulty", "mended", "dev", 2, 1.0)
    assert pair.fields == {"bias_correction": (False, True)} and pair.diverged == (0.5, 0.0)
    assert (pair.one, pair.best) == pytest.approx((1 / 4, 1 / 4 - 3 / 22))
    assert pair.one_to_best == pytest.approx(1 / 4 - 3 / 22)
    # All of the mended are alike, so all there is of doubt is the faulty ones': of a mean of twelve, by a jackknife.
    values = np.array([1, 3] * 6) / 4
    half = 2.200985 * values.std(ddof=1) / np.sqrt(12)  # t with 11 degrees of freedom
    assert (pair.one_low, pair.one_high) == pytest.approx((1 / 4 - half, 1 / 4 + half), rel=1e-3)


def test_best_of_n_without_campaigns_is_what_it_is_with_them():
    """Its scores and its intervals come from the table alone."""
    (table,) = load_trials().select(recipes="few64-all").tables
    (replayed,) = replay_selected(
        [load_strategy("start_many")],
        Selection(recipes="few64-all", budgets=(4,)),
        ReplayOptions(replicates=20, protocol="dodge2020"),
    ).scores
    alone = best_of_n_scores(table, "dodge2020", [4])
    assert alone.signal is replayed.signal is True
    for n in (1, 4):
        without, with_them = (interval(total([best_of_n(one.sample, n)])) for one in (alone, replayed))
        assert (without.estimate, without.low, without.high) == pytest.approx(
            (with_them.estimate, with_them.low, with_them.high)
        )


def test_seeds_that_two_tables_share_are_one_draw():
    """Where every seed scores a quarter higher with the mended recipe, there is no doubt about the quarter."""
    faulty, mended = counts("faulty", *[1, 2] * 6), counts("mended", *[2, 3] * 6, bias_correction=True)
    (pair,) = advised(faulty, mended).pairs
    assert (pair.one, pair.one_low, pair.one_high) == pytest.approx((1 / 4, 1 / 4, 1 / 4))
    others = replace(mended, weight_init_seeds=mended.weight_init_seeds + 1000)
    (pair,) = advised(faulty, others).pairs
    assert pair.one == pytest.approx(1 / 4) and pair.one_high > 0.3


@pytest.mark.parametrize(
    "other",
    [
        counts("other", *[3] * 12, bias_correction=True, train_examples=128),  # more data
        counts("other", *[3] * 12, bias_correction=True, epochs=2),  # one fault mended, one made
        counts("other", *[3] * 12, learning_rate=2e-5),  # neither
        counts("other", *[3] * 12, bias_correction=None),  # who knows
        replace(counts("other", *[3] * 12, bias_correction=True), model="maxi"),
        replace(counts("other", *[3] * 12, bias_correction=True), score_name="f1"),
    ],
    ids=["examples", "both ways", "learning rate", "unknown", "model", "measure"],
)
def test_what_is_no_pair(other):
    assert recipe_pairs([FAULTY], [FAULTY, other], "dodge2020", 2) == ()


def test_a_table_with_sub_grids_without_a_trial_is_no_pair():
    """Of two seeds an axis one is drawn, and one of the four cells is missing."""
    right = [[1, 1, 1, 0]]
    sparse = table_by_hand([[right, right], [right, None]], [1, 1, 1, 1])
    other = replace(sparse, recipe="other", fields=RECIPE | {"bias_correction": True})
    assert advised(FAULTY, other).pairs == ()


def test_the_mended_recipe_has_nothing_to_mend():
    assert recipe_pairs([MENDED], [FAULTY, MENDED], "dodge2020", 2) == ()


def test_scored_by_the_test_set_where_both_have_one():
    (pair,) = recipe_pairs([FAULTY], [FAULTY, MENDED], "held-out-2", 2)
    assert pair.scored_on == "test"
    (pair,) = recipe_pairs([FAULTY], [FAULTY, replace(MENDED, test_score=None)], "held-out-2", 2)
    assert pair.scored_on == "dev"


def test_what_is_said_of_a_clean_pair():
    """What a pair measures by itself is not left to the literature; epochs are."""
    first, measured, left = recipe_words(advised(FAULTY, MENDED))
    assert first == ("Recipe first: these trials are trained without Adam's bias correction, and 6 of 12 trials fail.")
    assert "mended in place of faulty (bias correction on; 1.0 times the steps) gives +0.2500 ±" in measured
    assert "with the best of 2; 0% of trials fail, not 50%" in measured
    assert left.startswith("No two tables here differ in epochs alone") and "arXiv 2006.04884" in left


def test_what_is_said_of_a_pair_that_differs_in_more():
    mended = replace(counts("mended", *[3] * 12, bias_correction=True, epochs=10, learning_rate=2e-5))
    _, measured, left = recipe_words(advised(FAULTY, mended))
    assert "(bias correction on, epochs 10 for 3 and learning rate 2e-05 for 0.0001; " in measured
    assert left.startswith("No two tables here differ in bias correction or in epochs alone, so what either wins")


def test_of_each_recipe_the_nearest_pairs_are_said_and_the_others_counted():
    other = counts("other", *[1, 3, 3] * 4)
    mended = [
        counts("far", *[3] * 12, bias_correction=True, epochs=10),
        counts("farther", *[3] * 12, bias_correction=True, epochs=10, learning_rate=2e-5),
    ]
    advice = advised(FAULTY, other, MENDED, *mended, used=["faulty", "other"])
    assert [len(pair.fields) for pair in advice.pairs] == [1, 1, 2, 2, 3, 3]
    said = recipe_words(advice)
    assert [line.split(" (")[0].split("sst2 ")[-1] for line in said if line.startswith("Measured")] == [
        "mended in place of faulty",
        "mended in place of other",
    ]
    assert "4 pairs of recipes that differ in more: --json." in said
    said = recipe_words(advised(FAULTY, MENDED, mended[0]))
    assert "1 pair of recipes that differs in more: --json." in said


def test_what_is_said_without_a_fault_and_without_a_record():
    first, left = recipe_words(advised(FAULTY, MENDED, used="mended"))
    assert first == "Recipe: these trials are trained with Adam's bias correction, and 0 of 12 trials fail."
    assert left.startswith("No two tables here differ in epochs alone")
    failing = counts("failing", *[1, 3] * 6, bias_correction=True)
    first, _ = recipe_words(advised(failing, used="failing"))
    assert (
        first.startswith("Recipe first: ") and "with Adam's bias correction, and 6 of 12 trials fail all the" in first
    )
    unknown = replace(FAULTY, fields={}, status=np.full(12, None, dtype=object))
    first, left = recipe_words(advised(unknown))
    assert first == (
        "Recipe first: it is not recorded whether these trials are trained with Adam's bias correction, and it is not "
        "known how many fail."
    )
    assert left.startswith("No two tables here differ in bias correction or in epochs alone")


def test_trials_are_counted_of_the_tables_where_it_is_known_how_many_fail():
    """Of tables that are told together, some may not know it."""
    unknown = replace(FAULTY, recipe="unknown", status=np.full(12, None, dtype=object))
    other = replace(FAULTY, recipe="other")
    trained = "are trained without Adam's bias correction, and"
    said = recipe_words(advised(FAULTY, unknown, used=["faulty", "unknown"]))[0]
    assert (
        said
        == f"Recipe first: the trials of both tables {trained} 6 of 12 trials fail in the 1 table where that is known."
    )
    said = recipe_words(advised(FAULTY, other, unknown, used=["faulty", "other", "unknown"]))[0]
    assert said == (
        f"Recipe first: the trials of all 3 tables {trained} 12 of 24 trials fail in the 2 tables where that is known."
    )


def test_the_bundled_set_has_three_pairs_that_differ_in_one_fault_alone():
    """What the words say of them, counted apart from them; the other pairs differ in two fields or in three."""
    tables = load_trials().tables
    differing = {
        (one.recipe, other.recipe): {name for name in one.fields if one.fields[name] != other.fields[name]}
        for one, other in permutations(tables, 2)
        if (one.model, one.task) == (other.model, other.task)
    }
    alone = {names: fields for names, fields in differing.items() if len(fields) == 1 and fields & {*FAULTS}}
    few64, few128, few256 = "few64-5-epochs-lr4e-4", "few128-5-epochs-lr3e-4", "few256-3-epochs-lr2e-4"
    of = {name: name.replace("-lr", "-no-bias-correction-lr") for name in (few64, few128, few256)}
    twins = [(faulty, mended) for mended, faulty in of.items()]
    assert alone == dict.fromkeys([*twins, *(twin[::-1] for twin in twins)], {"bias_correction"})
    pairs = recipe_pairs(tables, tables, "held-out-2", 8)
    told = {
        (pair.faulty, pair.mended): (
            pair.scored_on,
            len(pair.fields),
            "".join("-+"[low > 0] for low in (pair.one_low, pair.best_low, pair.one_to_best_low)),
        )
        for pair in pairs
    }
    other64, other128 = "few64-5-epochs-no-bias-correction-lr3e-4", "few128-5-epochs-no-bias-correction-lr2e-4"
    other256, cola = "few256-3-epochs-no-bias-correction-lr1e-4", "few1024-3-epochs-no-bias-correction-lr1e-4"
    assert told == {
        **dict.fromkeys(twins, ("test", 1, "+++")),
        (other64, few64): ("test", 2, "++-"),
        (other128, few128): ("test", 2, "+++"),
        (other256, few256): ("test", 2, "+++"),
        (cola, "few1024-3-epochs-lr2e-4"): ("test", 2, "+++"),
        (cola, "few1024-3-epochs-lr3e-4"): ("test", 2, "++-"),
        (few64, "few64-all"): ("dev", 2, "---"),
        (few128, "few128-all"): ("dev", 2, "---"),
        (few256, "few256-all"): ("dev", 2, "++-"),
        (other256, "few256-all"): ("dev", 2, "+++"),
        (other64, "few64-all"): ("dev", 3, "---"),
        (of[few64], "few64-all"): ("dev", 3, "++-"),
        (other128, "few128-all"): ("dev", 3, "+--"),
        (of[few128], "few128-all"): ("dev", 3, "++-"),
        (of[few256], "few256-all"): ("dev", 3, "+++"),
    }
    for pair in pairs:
        assert (pair.diverged[1] == 0) == (pair.task != "cola")
        assert pair.steps == pytest.approx({"few256-all": 5 / 3}.get(pair.mended, 2 if "-all" in pair.mended else 1))
    fails = {pair.faulty: round(144 * pair.diverged[0]) for pair in pairs if len(pair.fields) == 1}
    assert fails == {of[few64]: 96, of[few128]: 94, of[few256]: 26}


def test_training_examples_of_a_recipe_that_takes_all():
    """Three epochs of 16 in 30 steps are 10 a piece: 160 examples, or up to 15 fewer."""
    table = replace(FAULTY, step=np.array([30]), fields=RECIPE | {"train_examples": None})
    assert train_examples_of(table) == 160 and train_examples_of(FAULTY) == 64
    assert train_examples_of(replace(table, fields={})) is None
