"""From a replay's arrays to quantities of `seedbench.influences`: what goes where, on tables that are told apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from seedbench.evaluation import evaluate, held_together
from seedbench.evaluation import scores as scoring
from seedbench.evaluation.rows import together
from seedbench.influences import Campaigns, interval, seen, table_sample, total, unit
from seedbench.replay import ReplayOptions, prepare, replay
from seedbench.trialset import TrialSet
from seedbench.trialset.undefined import undefined_share
from tests.scores import additive_scores, table_of
from tests.synthetic import table_by_hand


def table(rows=6, columns=6, task="sst2", seed=0, **kind):
    rng = np.random.default_rng(seed)
    score = additive_scores(rows, columns, rng=rng)
    return table_of(score, task=task, test=score + rng.normal(0, 0.005, score.shape), **kind)


def scores_of(own, strategies=("full_trials", "last_checkpoint"), replicates=50, budgets=(2, 4)):
    found = replay(strategies, [own], budgets, ReplayOptions(replicates=replicates))
    base = scoring.baseline_of(own, "held-out-2", budgets)
    return scoring.table_scores([one.tables[0] for one in found], base)


def test_best_of_the_first_trials_is_the_control():
    """From the order alone: the kept trial by validation score, its test score, the seeds of all that were started."""
    own = table()
    base = scoring.baseline_of(own, "held-out-2", (4,))
    drawn = prepare(own, seed=0, replicates=range(20))
    found = scoring.best_of_first(base, drawn.order[:, :4].T.astype(np.int32))
    best = own.score.argmax(axis=1)
    for at, first in enumerate(drawn.order[:, :4]):
        kept = max(first, key=lambda trial: own.score[trial].max())
        assert found.score[at] == own.test_score[kept, best[kept]]
    masks = np.zeros((20, 6), dtype=bool)
    for at, first in enumerate(drawn.order[:, :4]):
        masks[at, own.row[first]] = True
    np.testing.assert_array_equal(found.rows.scores(), seen(masks).scores())


def test_a_rule_s_campaigns_are_those_of_the_replay():
    """The sample put together by hand from the masks that the source wrote down."""
    own = table()
    (one,) = replay(["asha"], [own], (2, 4), ReplayOptions(replicates=30))
    replayed = one.tables[0]
    base = scoring.baseline_of(own, "held-out-2", (2, 4))
    rules = [[]]
    for at in range(2):
        masks = [
            np.unpackbits(of[at], axis=1)[:, :6].astype(bool) for of in (replayed.rows_seen, replayed.columns_seen)
        ]
        rules[0].append(Campaigns(replayed.score[at], seen(masks[0]), seen(masks[1])))
    control = [scoring.best_of_first(base, replayed.first[:budget]) for budget in (2, 4)]
    by_hand = table_sample(base, (2, 4), control, rules)
    found = scoring.table_scores([replayed], base).sample
    for name in ("mean", "covariance"):
        np.testing.assert_array_equal(getattr(found.moments, name), getattr(by_hand.moments, name))


def test_tables_of_a_model_share_their_seeds_and_others_do_not():
    rte, sst2 = table(task="rte", seed=1), table(task="sst2", seed=2)
    every = [scores_of(own) for own in (rte, sst2)]
    names = scoring.seed_names(every)
    assert names[0].rows == names[1].rows == [("mini", seed) for seed in range(6)]
    same = scoring.seed_names([every[0], scores_of(table(seeds=(range(10, 16), range(6))))])
    assert not set(same[0].rows) & set(same[1].rows) and same[0].columns == same[1].columns
    ids = np.array(
        [
            f"{sst2.model}/{sst2.recipe}/{'abcdef'[row]}/run-{column}"
            for row, column in zip(sst2.row, sst2.column, strict=True)
        ],
        dtype=object,
    )
    labelled = scoring.seed_names([every[0], scores_of(replace(sst2, trial_id=ids))])
    assert labelled[1].rows == [("mini", label) for label in "abcdef"] and not set(labelled[0].rows) & {
        *labelled[1].rows
    }


def test_the_summary_weighs_tables_by_the_points_to_win():
    every = [scores_of(table(task="rte", seed=1)), scores_of(table(task="sst2", seed=2))]
    assert [one.signal for one in every] == [True, True]
    won = to_win = 0.0
    for one in every:
        base = one.baseline
        won += total([scoring.score(one.sample, 1)]).estimate - base.floor
        to_win += base.ceiling - base.floor
    assert scoring.gap(every, 1).estimate == pytest.approx(won / to_win)
    plain, over = scoring.gap(every, 0), scoring.gap_over_best_of_n(every, 1)
    assert over.estimate == pytest.approx(won / to_win - plain.estimate)
    assert scoring.gap_difference(every, 1, 0).estimate == pytest.approx(over.estimate)
    nothing = scoring.gap_over_best_of_n(every, 0)
    assert (nothing.estimate, nothing.standard_error) == (0, 0)


def test_only_tables_with_signal_and_the_budget_are_in_a_summary():
    large, small = scores_of(table()), scores_of(table(seed=3), budgets=(2,))
    noise = np.random.default_rng(0).normal(size=(2, 6, 6, 3))
    silent = scores_of(table_of(noise[0], test=noise[1]))
    unknown = scores_of(table(4, 5), budgets=(2,))
    assert (silent.signal, unknown.signal) == (False, None)
    every = [large, silent, unknown, small]
    assert scoring.with_signal(every) == [large, small] and scoring.with_signal(every, 4) == [large]
    assert list(scoring.summary_multipliers(every, 0)) == [2, 4]
    assert scoring.summary_multipliers([silent, unknown], 0) == {} and scoring.gap([], 0) is None


def test_the_multiplier_of_best_of_n_is_1_with_an_interval_of_nothing():
    found = scoring.summary_multipliers([scores_of(table()), scores_of(table(task="rte", seed=1))], 0)
    for one in found.values():
        assert (one.estimate, one.low, one.high) == pytest.approx((1, 1, 1))


def test_what_cannot_differ_is_no_comparison():
    one = scores_of(table(), ("full_trials", "last_checkpoint", "start_many"))
    compared = [scoring.mean_over_best_of_n([one], rule) for rule in range(3)]
    p = together(compared)
    assert p[0] == 1.0 and p[1:] == together(compared[1:])
    assert together([None, compared[1]]) == [None, *together(compared[1:2])]
    assert together([total([scoring.score(scores_of(table(4, 5), budgets=(2,)).sample, 0)])]) == [None]


def test_what_cannot_differ_is_no_comparison_of_what_was_evaluated_apart():
    """Holm's 0.02 × 2 and 0.5: best-of-n against itself, twice, and what has no interval do not make it dearer."""
    assert held_together([1.0, 0.02, None, 0.5, 1.0]) == [1.0, pytest.approx(0.04), None, 0.5, 1.0]
    assert held_together([1.0, None]) == [1.0, None] and held_together([]) == []


def test_a_diagonal_has_one_axis():
    score = [[[None] * 2] * 24 for _ in range(24)]
    rng = np.random.default_rng(0)
    for seed in range(24):
        score[seed][seed] = [0.5, 0.5 + 0.1 * rng.random()]
    one = scores_of(table_of(score), ("asha",), budgets=(2,))
    assert one.baseline.grid.diagonal and one.baseline.grid.columns == 1
    around = interval(scoring.gap([one], 0, 2))
    assert around.low < around.estimate < around.high and around.degrees_of_freedom == 11
    assert unit(one.sample, 0, 2).tolist() == [[1.0]]


def test_undefined_share_counts_constant_and_missing_predictions():
    """CoLA, four checkpoints: a constant prediction, one with a -1, and two that are neither."""
    label = [1, 1, 0, 0]
    cells = [[[[1, 1, 1, 1], [1, -1, 0, 0]], [[1, 0, 0, 1], [1, 1, 0, 0]]]]
    assert undefined_share(table_by_hand(cells, label, task="cola")) == 2 / 4
    assert undefined_share(table_by_hand(cells, label)) == 1 / 4  # accuracy is never undefined
    assert undefined_share(table()) is None


def last_of_two(campaign):
    campaign.start().advance()
    return campaign.start().advance()


def test_no_interval_of_a_score_is_wider_than_all_scores_are_apart():
    """Test scores are 0 or 1, by the row, and three campaigns on five rows tell next to nothing."""
    rng = np.random.default_rng(5)
    own = table_by_hand(rng.integers(0, 2, (5, 5, 2, 4)), [0, 1, 0, 1])
    test = (rng.random(5) < 0.5).astype(float)[own.row]
    own = replace(own, test_score=np.repeat(test[:, None], 2, axis=1))
    (one,) = evaluate(last_of_two, TrialSet("made", "1.0.0", "0" * 64, None, (own,)), budgets=[2], replicates=3).rows
    assert (one.score_high - one.score, one.score - one.score_low) == pytest.approx((1, 1))
    replayed = scores_of(own, (last_of_two,), replicates=3, budgets=(2,))
    whole = interval(total([scoring.score(replayed.sample, 0, 2)]))
    assert whole.estimate == one.score and whole.high - whole.estimate > 1.05
