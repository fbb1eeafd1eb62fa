"""The shipped strategies plan by training done, not by a number of checkpoints: these need not be evenly spaced."""

import numpy as np
import pytest

from seedbench.campaign import open_campaign
from seedbench.strategy import shipped
from tests.curves import Curves, run, trained

SHIPPED = [name for name in shipped() if name != "oracle"]
PLANNED = ("start_many", "top_k_early", "successive_halving", "hyperband", "asha")
SPACINGS = {
    "dense_early": [1, 2, 3, 4, 5, 6, 7, 8, 9, 90],
    "dense_late": [81, 82, 83, 84, 85, 86, 87, 88, 89, 90],
    "even": [9, 18, 27, 36, 45, 54, 63, 72, 81, 90],
    "doubling": [1, 2, 4, 8, 16, 32, 64, 90],
}


def steps_of(source: Curves) -> list[int]:
    """Training steps of each trial, in the order of starting."""
    return [source.steps[count - 1] if count else 0 for count in trained(source)]


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("name", SHIPPED)
def test_every_rule_finishes_what_it_keeps(name, spacing):
    """Whatever the spacing: with a budget of 8 at least two trials are complete, and next to nothing is left over."""
    steps, random = SPACINGS[spacing], np.random.default_rng(0)
    level = random.random(40) / 2
    curves = [[level[n] + random.random() / 10 + 0.3 * step / 90 for step in steps] for n in range(40)]
    source = Curves(curves, steps, columns=5)
    spent = run(name, source, 8).steps_spent
    assert sum(count == len(steps) for count in trained(source)) >= 2
    assert 8 * 90 - spent < max(np.diff([0, *steps]))


@pytest.mark.parametrize("budget", [1, 2, 3, 4, 8, 16])
@pytest.mark.parametrize("name", PLANNED)
def test_more_looks_late_in_training_change_no_plan(name, budget):
    """Checkpoints at ninths, and the same with six more in every later ninth, at which scores are lower than before.

    Each trial is trained as far, but for the last one, which may get a look or two further for what is left over.
    """
    coarse = [12 * ninth for ninth in range(1, 10)]
    fine = sorted({*coarse, *range(36, 109, 2)})
    random = np.random.default_rng(budget)
    curves = (random.random((70, 1)) / 2 + random.random((70, 9)) / 4 + np.arange(9) / 30).tolist()
    finer = [[curve[coarse.index(step)] if step in coarse else 0.0 for step in fine] for curve in curves]
    sources = Curves(curves, coarse, columns=7), Curves(finer, fine, columns=7)
    kept = [run(name, source, budget) for source in sources]
    assert kept[0][:2] == kept[1][:2]
    done = [np.array(steps_of(source)) for source in sources]
    assert len(done[0]) == len(done[1])
    assert np.count_nonzero(done[0] != done[1]) <= 1 and np.abs(done[0] - done[1]).max() < 12


def campaign(steps):
    return open_campaign(Curves([[0.5] * len(steps)], steps), 1, rng=lambda: np.random.default_rng(0)).campaign


def test_checkpoints_at_a_fraction_of_training():
    early = campaign([1, 2, 4, 8, 16])
    assert early.steps == (1, 2, 4, 8, 16)
    assert [early.checkpoints_at(share) for share in (1e-9, 1 / 16, 0.2, 0.25, 0.3, 0.4, 0.75, 0.76, 1)] == (
        [1, 1, 3, 3, 3, 4, 5, 5, 5]  # 0.2 of 16 is 3.2: 4 is nearer than 2; 0.75 of it is as far from 8 as from 16
    )
    assert [campaign([5]).checkpoints_at(share) for share in (0.01, 1)] == [1, 1]
    assert early.checkpoints_at(0) == 1
    for wrong in (30, -0.1, np.nan):
        with pytest.raises(
            ValueError, match=f"checkpoints_at: a fraction of the training is from 0 to 1, found {wrong:g}"
        ):
            early.checkpoints_at(wrong)


@pytest.mark.parametrize("count", range(1, 41))
def test_checkpoints_at_a_fraction_of_even_ones_is_their_rounded_share(count):
    even = campaign([7 * number for number in range(1, count + 1)])
    for percent in range(1, 101):
        nearest = max(1, (2 * percent * count + 100) // 200)  # halves up
        assert even.checkpoints_at(percent / 100) == nearest


def test_patience_is_of_training_whatever_the_looks():
    # A third of 12 steps: the best is at step 4, and step 8 is the first that is 4 later.
    coarse, fine = Curves([[0.5, 0.4, 0.4]] * 2, [4, 8, 12]), Curves([[0.1] * 3 + [0.5] + [0.4] * 8] * 2)
    for source in (coarse, fine):
        run("patience", source, 1)
    assert steps_of(coarse) == steps_of(fine) == [8, 4]


def test_extrapolation_judges_by_training_too():
    """The same power law of training seen at other checkpoints ends where it ends: above the bar, or below."""
    for steps in (list(range(1, 25)), [1, 2, 3, 4, 6, 8, 16, 24]):
        law = [0.9 - 0.4 / step**0.5 for step in steps]  # 0.82 at the end
        for best, goes_on in ((0.81, True), (0.86, False)):
            source = Curves([[best] * len(steps), law, law], steps)
            run("extrapolation", source, 2)
            assert (trained(source)[1] == len(steps)) is goes_on
