"""Findings over checkpoints: diverged trials, and what early scores say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from seedbench.analyses.charts import diverged_charts
from seedbench.analyses.diverged import diverged_trials, parts_at, wilson_interval
from seedbench.analyses.early import early_late, spearman
from seedbench.analyses.words import diverged_sentence
from tests.scores import additive_scores, table_of

RISING = [0.5, 0.6, 0.7, 0.8]

# --- diverged ---------------------------------------------------------------------------------------------------------


def test_parting_by_hand():
    behind = np.array([0.5, 0.6, 0.7, 0.8])
    assert parts_at(np.array([0.5, 0.5, 0.5, 0.5]), behind) == 1
    assert parts_at(np.array([0.5, 0.5, 0.7, 0.5]), behind) == 3  # it had caught up
    assert parts_at(np.array([0.4, 0.5, 0.5, 0.5]), behind) == 0
    assert parts_at(np.array([0.4, 0.5, 0.5, 0.8]), behind) is None


def test_two_of_six_diverge():
    """Finished trials end at 0.8 and 0.9; one diverged trial falls at the second checkpoint, one at the third."""
    score = [
        [RISING, [0.5, 0.5, 0.5, 0.5], RISING],
        [[0.5, 0.7, 0.8, 0.9], RISING, [0.5, 0.6, 0.5, 0.5]],
    ]
    table = table_of(score, diverged=[(0, 1), (1, 2)], seeds=([0, 1], [7, 8, 9]))
    found = diverged_trials(table)
    assert (found.trials, found.diverged, found.share) == (6, 2, pytest.approx(1 / 3))
    assert found.behind == tuple(RISING)
    assert [(one.weight_init_seed, one.data_order_seed, one.checkpoint, one.step) for one in found.partings] == [
        (0, 8, 2, 20),
        (1, 9, 3, 30),
    ]
    assert found.median_checkpoint == 2.5 and found.notes == ()
    finished, diverged = found.curves
    assert (finished.status, diverged.status, finished.measure) == ("finished", "diverged", "score")
    assert finished.mean == pytest.approx((0.5, 0.625, 0.725, 0.825))
    assert diverged.mean == pytest.approx((0.5, 0.55, 0.5, 0.5))
    assert finished.low == pytest.approx(RISING)


def test_losses_that_are_no_numbers_are_counted_and_left_out():
    loss = [[[0.7, 0.5], [0.9, np.nan]], [[0.7, 0.3], [0.7, np.inf]]]
    table = table_of(
        [[[0.5, 0.6], [0.5, 0.5]], [[0.5, 0.7], [0.5, 0.5]]], diverged=[(0, 1), (1, 1)], validation_loss=loss
    )
    finished, diverged = (one for one in diverged_trials(table).curves if one.measure == "validation_loss")
    assert finished.mean == pytest.approx((0.7, 0.4)) and finished.undefined == (0, 0)
    assert diverged.mean == (pytest.approx(0.8), None) and diverged.undefined == (0, 2)
    assert diverged.low[1] is None


@pytest.mark.parametrize(
    ("diverged", "note"),
    [
        ([], "No trial diverged"),
        ([(0, 0), (0, 1)], "Every trial diverged"),
        ([(0, 1)], "1 of 1 diverged trials never stay behind"),
    ],
)
def test_what_cannot_be_told_of_diverged_trials(diverged, note):
    found = diverged_trials(table_of([[RISING, RISING]], diverged=diverged))
    assert found.median_checkpoint is None and found.notes[0].startswith(note)


def test_wilson_interval():
    """Wilson's for 2 of 6 and 0 of 4, as scipy has it; exact at the ends."""
    for count, trials in ((2, 6), (0, 4), (4, 4), (37, 625)):
        expected = stats.binomtest(count, trials).proportion_ci(method="wilson")
        assert wilson_interval(count, trials) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert wilson_interval(0, 4)[0] == 0 and wilson_interval(4, 4)[1] == 1


# --- early against late -----------------------------------------------------------------------------------------------


def test_spearman_by_hand_and_as_scipy_has_it():
    """Ranks 1, 2, 3, 4 and 2, 1, 3, 4: differences 1, 1, 0, 0: 1 - 6 · 2 / (4 · 15) = 0.8. A constant has none."""
    late = np.array([0.1, 0.2, 0.3, 0.4])
    early = np.array([[0.2, 0.5], [0.1, 0.5], [0.3, 0.5], [0.4, 0.5]])
    found = spearman(early, late)
    assert found[0] == pytest.approx(0.8) and np.isnan(found[1])
    rng = np.random.default_rng(0)
    tied = rng.integers(4, size=(30, 3)) / 4
    late = rng.integers(5, size=30) / 5
    assert spearman(tied, late) == pytest.approx([stats.spearmanr(column, late).statistic for column in tied.T])


def test_curves_by_hand():
    """Values 0.6, 0.9, 0.8, 0.7. At the first checkpoint all are alike; at the second they are in the opposite order;
    the best until the third is that of the third."""
    score = [[[0.5, 0.4, 0.6, 0.5], [0.5, 0.1, 0.7, 0.9]], [[0.5, 0.2, 0.8, 0.8], [0.5, 0.3, 0.7, 0.7]]]
    found = early_late(table_of(score))
    assert found.score[0] is None and found.score[1] == pytest.approx(-1) and found.constant == 1
    assert found.best_so_far[3] == pytest.approx(1)
    assert found.best_so_far_low[3] is None  # 1 by definition
    assert found.notes[0] == "At 1 checkpoint all trials have the same score: no correlation is defined there."


def test_intervals_cover_more_than_those_for_independent_trials():
    """Early scores that share most of the seeds' effects; the truth from a table of 100 × 100 seeds."""
    rng = np.random.default_rng(0)

    def world(seeds):
        effects = [
            rng.normal(0, sd, (2, *shape)) for sd, shape in ((2, (seeds, 1)), (1, (1, seeds)), (1, (seeds, seeds)))
        ]
        late, noise = sum(effect[0] for effect in effects), sum(effect[1] for effect in effects)
        return np.stack([0.5 + 0.01 * (late + noise), 0.6 + 0.01 * late], axis=-1)

    truth = np.mean([early_late(table_of(world(60))).score[0] for _ in range(30)])
    found = [early_late(table_of(world(8))) for _ in range(60)]
    covered = [one.score_low[0] <= truth <= one.score_high[0] for one in found]
    assert np.mean(covered) >= 0.9
    assert np.mean([one.score_high[0] - one.score_low[0] for one in found]) < 1.5


@pytest.mark.parametrize(
    ("score", "note"),
    [
        ([[RISING]], "A single trial"),
        ([[RISING, RISING], [RISING, RISING]], "All trials have the same best score"),
        ([[RISING, [0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]], "A single weight-init seed"),
    ],
)
def test_what_cannot_be_told_of_early_scores(score, note):
    found = early_late(table_of(score))
    assert set(found.score_low) == {None} and note in found.notes[-1]


def test_early_scores_of_curves_that_never_cross_tell_all():
    found = early_late(table_of(additive_scores(4, 4, rng=np.random.default_rng(0))))
    assert found.score == pytest.approx((1.0,) * 5) and found.score_low == (None,) * 5


def test_what_is_not_known_is_not_counted():
    table = table_of([[RISING, RISING, RISING]], diverged=[(0, 1)])
    status = np.array([None, "diverged", "failed"], dtype=object)
    found = diverged_trials(replace(table, status=status))
    assert (found.trials, found.diverged, found.share) == (1, 1, 1.0)
    assert found.notes[:2] == (
        "Not known whether diverged: 1 trial.",
        "Failed, and counted as neither: 1 trial.",
    )
    found = diverged_trials(replace(table, status=np.full(3, None, dtype=object)))
    assert (found.trials, found.share, found.share_low) == (0, None, None)
    assert [curves.status for curves in found.curves] == ["unknown"]
    (chart,) = diverged_charts(found, table.step.tolist())
    assert "or of which that is unknown" in chart.read
    assert diverged_sentence(found, 3) == "" and found.notes == ("Not known whether diverged: 3 trials.",)
