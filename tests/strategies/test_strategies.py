"""The shipped strategies, on campaigns small enough to follow on paper, and under every budget and pool.

SEEDBENCH_SLOW=1: under more of them.
"""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedbench.strategies.extrapolation import Extrapolation, Shapes
from seedbench.strategy import shipped
from tests.curves import Curves, Kept, made, run, trained

SLOW = os.environ.get("SEEDBENCH_SLOW") == "1"
SHIPPED = [name for name in shipped() if name != "oracle"]  # that one needs to be told the test scores
FULL_TRIALS_ONLY = ("full_trials", "last_checkpoint", "additive_seeds", "good_seeds", "thompson")


FALLING = [[0.5, 0.9, 0.3, 0.2], [0.4, 0.5, 0.6, 0.7], [0.1, 0.1, 0.1, 1.0]]


def test_full_trials_keeps_the_best_checkpoint_and_last_checkpoint_the_best_end():
    source = Curves(FALLING)
    assert run("full_trials", source, 2) == Kept(0, 0, 1, 8, 2)  # the third trial is never started
    assert run("last_checkpoint", Curves(FALLING), 2) == Kept(1, 0, 3, 8, 2)
    assert trained(source) == [4, 4]


def test_full_trials_with_a_pool_smaller_than_the_budget():
    assert run("full_trials", Curves(FALLING), 9) == Kept(2, 0, 3, 12, 3)


def test_start_many_as_dodge_et_al_describe_it():
    # Start 4, stop at 2 of 4 checkpoints, continue 1: 4 × 2 + 2 = 10 checkpoints of the 12 there are.
    curves = [[0.1, 0.2, 0.9, 0.9], [0.1, 0.4, 0.5, 0.6], [0.3, 0.1, 0.9, 0.9], [0.0, 0.0, 0.9, 0.9]]
    source = Curves(curves)
    assert run(made("start_many", started=4, fraction=0.5, continued=1), source, 3) == Kept(1, 0, 3, 10, 4)
    assert trained(source) == [2, 4, 2, 2]


def test_start_many_without_parameters_spends_the_budget():
    # Budget 4, 10 checkpoints: stop at 2; finish one for 8, so start (40 - 8) / 2 = 16 with 32, and finish the best.
    source = Curves([[number / 100] * 10 for number in range(20)])
    assert run("start_many", source, 4) == Kept(15, 0, 0, 40, 16)
    assert trained(source) == [2] * 15 + [10]


@pytest.mark.parametrize(
    ("parameters", "checkpoints"),
    [({"continued": 5}, [10, 10]), ({"started": 1}, [10]), ({"fraction": 1.0, "continued": 0}, [10, 10])],
)
def test_start_many_with_parameters_that_do_not_fit_the_budget(parameters, checkpoints):
    source = Curves([[0.1] * 10] * 8)
    run(made("start_many", **parameters), source, 2)  # finishes two instead of 5; starts one; trains to the end at most
    assert trained(source) == checkpoints


def test_start_many_that_continues_none_looks_at_as_many_as_it_can():
    source = Curves([[0.1] * 10] * 12)
    run(made("start_many", continued=0), source, 2)  # 20 checkpoints, 2 for each
    assert trained(source) == [2] * 10


def test_top_k_early_with_more_to_finish_than_the_budget_holds():
    source = Curves([[0.1] * 4] * 9)
    run(made("top_k_early", top=5), source, 2)  # two, and no look at others
    assert trained(source) == [4, 4]
    source = Curves([[0.1] * 4] * 9)
    run(made("top_k_early", top=0), source, 2)  # none to finish: 8 looks at the earliest checkpoint
    assert trained(source) == [1] * 8


def test_top_k_early_takes_one_look():
    # Budget 2, 4 checkpoints: finish one (3 more), so look at 8 - 3 = 5.
    curves = [[0.1, 0.9, 0.9, 0.9], [0.2, 0.9, 0.9, 0.9], [0.4, 0.1, 0.2, 0.5], [0.3, 0.9, 0.9, 0.9], [0.0, 1, 1, 1]]
    source = Curves([*curves, [1.0] * 4])
    assert run("top_k_early", source, 2) == Kept(2, 0, 3, 8, 5)
    assert trained(source) == [1, 1, 4, 1, 1]


def test_successive_halving_cuts_to_a_third_at_each_rung():
    # 9 checkpoints: rungs at 1, 3, 9; a start costs 1 + 2/3 + 6/9 = 7/3, so budget 2 starts int(18 / (7/3)) = 7.
    # 7 to 1 checkpoint (7), the best 2 to 3 (4), then the best one on: 6, and the last checkpoint to the next best.
    source = Curves([[number / 10] * 9 for number in (3, 1, 6, 0, 5, 2, 4)] + [[1.0] * 9])
    assert run("successive_halving", source, 2) == Kept(2, 0, 0, 18, 7)
    assert trained(source) == [1, 1, 9, 1, 4, 1, 1]


def test_hyperband_runs_its_brackets_on_fresh_trials():
    # Budget 3, 9 checkpoints, 3 brackets. The first gets a third, 9: round(9 / (7/3)) = 4 to 1, the best to 9: 12.
    # The second half of the rest, 7.5: rungs 3 and 9, a start costs 3 + 6/3 = 5, round(1.5) = 2 to 3, one to 9: 12.
    # 3 checkpoints are left, less than a full trial: round(3 / 9) = 0 start, and the best that was cut goes on.
    source = Curves([[number / 10] * 9 for number in (1, 4, 2, 3, 5, 6)] + [[1.0] * 9])
    assert run("hyperband", source, 3) == Kept(5, 0, 0, 27, 6)
    assert trained(source) == [1, 9, 1, 1, 6, 9]


def test_asha_promotes_as_soon_as_there_is_a_third():
    # 9 checkpoints, rungs at 1, 3, 9. Of every three that reach the first rung one more is promoted: 0, then 3, then 2.
    # With them three have reached the second rung, and the best of those, 0, goes on until the budget is spent.
    source = Curves([[score / 100] * 9 for score in (30, 10, 20, 25, 5, 0, 4, 3, 2, 40)])
    run("asha", source, 2)
    assert source.log == [0, 1, 2, 0, 0, 3, 4, 5, 3, 3, 6, 7, 8, 2, 2, 0, 0, 0]


def test_asha_does_not_promote_one_that_is_no_longer_in_the_top_third():
    # Ranks after six starts: 5 was promoted at three, and the best two of six are 5 and 4.
    source = Curves([[score / 10] * 9 for score in (1, 5, 2, 4, 3, 0)] + [[0.0] * 9] * 6)
    run("asha", source, 1)
    assert source.log == [0, 1, 2, 1, 1, 3, 4, 5, 3]  # the next is trial 3, with 4; its second checkpoint is the last


def test_asha_with_an_empty_pool_promotes_the_best_that_is_left():
    source = Curves([[0.1] * 9, [0.3] * 9, [0.2] * 9])
    run("asha", source, 3)
    assert trained(source) == [9, 9, 9]
    assert source.log[3:11] == [1] * 8  # promoted to the second rung, and from there for want of others


def test_median_stopping_compares_the_best_so_far_with_running_averages():
    # Averages of the two complete trials: 2/8 3/8 4/8 and 4/8 5/8 6/8, so the medians are 3/8 4/8 5/8.
    complete = [[2, 4, 6], [4, 6, 8]]
    weak = [2, 8, 8]  # below at once
    late = [3, 3, 8]  # a tie, then below
    early_peak = [5, 1, 1]  # its best so far is never below
    source = Curves([[point / 8 for point in curve] for curve in (*complete, weak, late, early_peak, [0, 0, 0])])
    run(made("median_stopping", peers=2), source, 4)
    assert trained(source) == [3, 3, 1, 2, 3]


def test_median_stopping_at_the_smallest_budget_compares_with_one():
    source = Curves([[point / 8 for point in curve] for curve in ([2, 4, 6], [1, 8, 8], [2, 3, 3])])
    run("median_stopping", source, 2)
    assert trained(source) == [3, 1, 2]  # the third ties with both averages, and the budget is spent


def test_patience_counts_training_since_the_best():
    curves = [[0.5, 0.4, 0.5, 0.9, 0.9, 0.9], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.0] * 6]
    source = Curves(curves)
    run(made("patience", patience=1 / 3), source, 2)
    assert trained(source) == [3, 6, 3]  # a tie is no improvement
    source = Curves(curves[:1])
    assert run(made("patience", patience=1 / 3), source, 1).steps_spent == 6  # nobody else to start: it goes on


def test_divergence_stop_drops_what_never_beat_the_majority():
    curves = [[0.5, 0.5, 0.9, 0.9], [0.6, 0.5, 0.5, 0.5], [0.5, 0.6, 0.7, 0.8], [1.0] * 4]
    source = Curves(curves, majority=0.5)
    assert run(made("divergence_stop", fraction=0.5), source, 2).trials_started == 3
    assert trained(source) == [2, 4, 2]


def test_percentile_stopping_compares_with_the_scores_at_the_same_checkpoint():
    # Of 2 4 6 and 4 6 8 the medians are 3 5 7.
    weak, late, tie = [2, 8, 8], [3, 4, 8], [3, 5, 7]
    then = [3, 5, 6]  # with the third complete trial the medians are 3 5 7 still; below at its last checkpoint
    source = Curves(
        [[point / 8 for point in curve] for curve in ([2, 4, 6], [4, 6, 8], weak, late, tie, then, [0] * 3)]
    )
    run(made("percentile_stopping", percentile=50, peers=2), source, 5)
    assert trained(source) == [3, 3, 1, 2, 3, 3]


def test_percentile_stopping_asks_for_the_best_quarter_of_five():
    # The fourth of five in ascending order is the 75th percentile: 4.
    complete = [[score / 8] * 3 for score in (1, 2, 3, 4, 5)]
    source = Curves([*complete, [3.5 / 8] * 3, [4 / 8] * 3, [1.0] * 3])
    run("percentile_stopping", source, 7)  # 4 is enough; of six the 75th percentile is 4 again, and 8 is above
    assert trained(source) == [3, 3, 3, 3, 3, 1, 3, 2]


def test_extrapolation_stops_a_flat_curve_and_spares_a_rising_one():
    best = [0.8] * 8
    flat = [0.6] * 8
    rising = [0.9 - 0.4 / number for number in range(1, 9)]  # 0.8 at the fourth checkpoint, 0.85 at the last
    source = Curves([best, flat, rising, flat, best])
    assert run("extrapolation", source, 3) == Kept(2, 0, 7, 24, 4)
    assert trained(source) == [8, 4, 8, 4]


def test_the_chance_of_a_straight_line():
    # Through 0, 0.1, 0.2 at shapes 1, 3/4, 1/2: 0.4 at shape 0. Two degrees of freedom, one of them the prior's: the
    # variance is noise² / 2, times 1 + 1/3 + (3/4)² / (1/8) = 35/6 for the prediction. Student's t with two degrees of
    # freedom is below 1 with probability 1/2 + 1 / (2 √3).
    rule = Extrapolation(noise=0.12)
    shapes, score = np.array([[1.0, 0.75, 0.5]]), np.array([0.0, 0.1, 0.2])
    deviation = 0.12 * (35 / 12) ** 0.5
    assert rule.chance(score, Shapes.of(shapes), 0.4) == pytest.approx(0.5)
    assert rule.chance(score, Shapes.of(shapes), 0.4 - deviation) == pytest.approx(0.5 + 1 / (2 * 3**0.5))
    assert rule.chance(score, Shapes.of(shapes), 0.4 + deviation) == pytest.approx(0.5 - 1 / (2 * 3**0.5))


def test_the_chance_weights_the_shapes_by_how_well_they_fit():
    # The second shape fits exactly and ends at 0.4, the first does not: what counts is where the second ends.
    shapes, score = np.array([[1.0, 0.9, 0.2, 0.1], [1.0, 0.75, 0.5, 0.25]]), np.array([0.0, 0.1, 0.2, 0.3])
    rule = Extrapolation(noise=1e-6)
    assert rule.chance(score, Shapes.of(shapes), 0.39) > 0.99
    assert rule.chance(score, Shapes.of(shapes), 0.41) < 0.01


@pytest.mark.parametrize("name", SHIPPED)
@settings(max_examples=200 if SLOW else 20, deadline=None)
@given(data=st.data())
def test_any_budget_and_any_pool(name, data):
    """Spends the whole budget, or trains the whole pool; keeps what it paid for, and never fails."""
    budget = data.draw(st.sampled_from([1, 2, 3, 4, 8, 16, 32]))
    trials = data.draw(st.integers(1, 4 * budget + 8))
    costs = data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=31))
    if data.draw(st.booleans()):
        costs = [3] * len(costs)  # the usual case: evenly spaced
    steps = [sum(costs[: index + 1]) for index in range(len(costs))]
    random = data.draw(st.randoms(use_true_random=False))
    curves = [[random.choice([0.5, random.random()]) for _ in steps] for _ in range(trials)]
    cells = curves + [None] * data.draw(st.integers(0, trials))  # some cells of the grid are missing
    random.shuffle(cells)
    source = Curves(cells, steps, majority=0.5, columns=data.draw(st.integers(1, len(cells))))
    settled = run(name, source, budget)
    left = budget * steps[-1] - settled.steps_spent
    assert left >= 0
    if name in FULL_TRIALS_ONLY:
        assert settled.steps_spent == min(budget, trials) * steps[-1]
    else:
        assert left < max(costs) or settled.steps_spent == trials * steps[-1]


@pytest.mark.parametrize("name", SHIPPED)
def test_the_pool_the_protocol_promises_is_enough(name):
    """At budget B there are 4B trials; no strategy has to fall back on `PoolExhausted` before it spends its budget."""
    for budget in (2, 4, 8, 16, 32):
        curves = [[((7 * trial + point) % 11 + point) / 40 for point in range(30)] for trial in range(4 * budget)]
        assert run(name, Curves(curves, columns=4), budget).steps_spent == 30 * budget


def test_the_template_of_new_is_a_strategy_too():
    from importlib.resources import files

    source = Curves([[0.1, 0.5, 0.9], [0.2, 0.3, 0.4], [0.3] * 3, [0.2] * 3])
    run(str(files("seedbench.strategies") / "_template.py"), source, 2)
    assert trained(source) == [1, 3, 1, 1]  # two to one checkpoint, the better one on; then the next pair


def test_race_drops_what_is_worse_by_more_than_the_bound():
    # 100 examples, against the best complete trial's 0.8 at the first checkpoint. Binomial: 1.645 standard errors of
    # 0.6 and 0.8 are 1.645 √(0.24 + 0.16) / 10 = 0.104, of 0.72 and 0.8 0.099. Hoeffding: √(2 ln 20 / 100) = 0.245.
    curves = [[0.8, 0.9], [0.6, 0.7], [0.72, 0.85], [0.5, 0.6], [0.5, 0.9]]
    for bound, log in (("binomial", [0, 0, 1, 2, 2, 3, 4]), ("hoeffding", [0, 0, 1, 1, 2, 2, 3, 4])):
        source = Curves(curves, dev_examples=100)
        run(made("race", bound=bound), source, 5)
        assert source.log[: len(log)] == log


def test_race_compares_with_the_best_complete_trial_and_drops_none_where_examples_are_unknown():
    curves = [[0.8, 0.8], [0.9, 0.7], [0.5, 0.9], [0.85, 0.95], [0.75, 0.9], [0.7, 0.9]]
    source = Curves(curves, dev_examples=100)
    run("race", source, 5)  # the leader is the second, then the fourth: 0.85 less 0.094 is below 0.76, 0.7 is too low
    assert source.log[:9] == [0, 0, 1, 1, 2, 3, 3, 4, 5]
    source = Curves(curves)
    run("race", source, 5)
    assert trained(source) == [2] * 5


def test_halving_by_loss_or_both():
    """At the only cut scores say the first, losses the second, both the third of six trials; 3 checkpoints."""
    curves = [[score, 0.9, 0.9] for score in (0.8, 0.2, 0.7, 0.3, 0.1, 0.4)]
    losses = [[loss, 0.5, 0.5] for loss in (0.9, 0.1, 0.2, 0.8, 0.7, 0.6)]
    for rank_by, winner in (("score", 0), ("loss", 1), ("both", 2)):
        for rule in (
            made("successive_halving", rungs=2, reduction_factor=3, rank_by=rank_by),
            made("start_many", started=6, fraction=1 / 3, continued=1, rank_by=rank_by),
        ):
            source = Curves(curves, losses=losses)
            run(rule, source, 3)
            assert source.log[len(trained(source)) :][:2] == [winner] * 2


def test_asha_by_both_ranks_places_a_trial_among_those_before_it():
    # Places at the first rung, of minus scores and losses: 1/2 + 1/2; (3/2 + 1/2) / 2 with a worse score and a better
    # loss; then one that is better in both, (1/2 + 1/2) / 3; its third, of three, goes on.
    source = Curves(
        [[0.5] * 3, [0.4] * 3, [0.6] * 3] + [[0.0] * 3] * 5, losses=[[0.5] * 3, [0.3] * 3, [0.2] * 3] + [[1.0] * 3] * 5
    )
    run(made("asha", rungs=2, rank_by="both"), source, 2)
    assert source.log[:5] == [0, 1, 2, 2, 2]
    source = Curves(
        [[0.5] * 3, [0.4] * 3, [0.6] * 3] + [[0.0] * 3] * 5, losses=[[0.5] * 3, [0.1] * 3, [0.2] * 3] + [[1.0] * 3] * 5
    )
    run(made("asha", rungs=2, rank_by="loss"), source, 2)
    assert source.log[:5] == [0, 1, 2, 1, 1]
