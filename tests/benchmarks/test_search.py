"""How fast `seedbench findings` searches start many, stop early, continue some, on 625 trials × 30 checkpoints.

    pytest tests/benchmarks/test_search.py --benchmark-enable --benchmark-only

The peer simulates the same rule in plain Python, as one would without the closed form. At one budget of 5 full trials
it draws 20 campaigns for each combination, which leaves a standard error of some 0.005; an error of 0.0005 would take
it a hundred times as long. The closed form has none. `seconds_per_combination` is in the extra info, and the ratio of
the two is what counts.
"""

from __future__ import annotations

import random

import numpy as np
import pytest

from seedbench.analyses.search import BUDGETS, search
from seedbench.analyses.started import Combination, combinations, expected_scores
from seedbench.trialset import TrialTable
from tests.scores import additive_scores, table_of

DRAWS = 20


@pytest.fixture(scope="module", params=["accuracies", "no ties"])
def table(request: pytest.FixtureRequest) -> TrialTable:
    """A 25 × 25 grid; scores in 277ths, as of RTE's dev set, or all different."""
    rng = np.random.default_rng(0)
    score = additive_scores(25, 25, rng=rng, checkpoints=30)
    score = score + rng.normal(0, 0.01, score.shape)
    return table_of(np.round(score * 277) / 277 if request.param == "accuracies" else score)


def record(benchmark, count: int) -> None:
    if benchmark.stats:  # None where benchmarks are disabled
        benchmark.extra_info["seconds_per_combination"] = benchmark.stats["median"] / count


def test_every_combination_of_30_budgets(benchmark, table):
    """The search itself: all combinations of budgets 1 to 30, exactly."""
    every = [one for budget in BUDGETS for one in combinations(budget, table.step, table.num_trials)]
    found = benchmark.pedantic(lambda: expected_scores(table.score, every), rounds=3)
    assert len(every) > 4000 and np.isfinite(found).all()
    record(benchmark, len(every))


def test_plain_python(benchmark, table):
    """The peer: one budget, simulated."""
    every = combinations(5, table.step, table.num_trials)
    curves = np.maximum.accumulate(table.score, axis=1).tolist()
    found = benchmark.pedantic(lambda: [simulated(curves, one) for one in every], rounds=3)
    assert np.abs(np.array(found) - expected_scores(table.score, every)).max() < 0.03
    record(benchmark, len(every))


def test_search_with_intervals_and_held_out_seeds(benchmark, table):
    """All that `findings` does for one table: the search, again on halves of the seeds, and its intervals."""
    if not benchmark.enabled:
        pytest.skip("the two above run what this one does")
    found = benchmark.pedantic(lambda: search(table, rng=np.random.default_rng(0)), rounds=1)
    assert [row.budget for row in found.rows] == list(BUDGETS)


def simulated(curves: list[list[float]], one: Combination) -> float:
    """Mean of the best score paid for in `DRAWS` campaigns; `curves` are best scores so far."""
    rng = random.Random(0)
    total = 0.0
    for _ in range(DRAWS):
        started = rng.sample(range(len(curves)), one.started)
        started.sort(key=lambda trial: curves[trial][one.stop - 1], reverse=True)
        paid = [curves[started[0]][one.stop - 1], *(curves[trial][-1] for trial in started[: one.continued])]
        total += max(paid)
    return total / DRAWS
