"""The clock that is left to a sealed process tells nothing of what is not paid for.

A null selector in a segment register is cleared by every interruption, and code to set and read one is found in any
large library: that counts the kernel's ticks, and cannot be taken away. So what is tested is what there is to be timed,
with a better clock than that one: how long whoever evaluates takes to answer, and what is read meanwhile.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import numpy as np

from seedbench.replay import Deadline, RecordedTrials, prepare, run_campaign
from seedbench.sandbox import Limits
from seedbench.strategy import load_strategy
from tests.synthetic import additive_predictions, table_by_hand

SLOW = os.environ.get("SEEDBENCH_SLOW") == "1"
WORLDS, ANSWERS = (8_000, 100) if SLOW else (800, 20)


class Watched(np.ndarray):
    """An array that counts how often something of it is looked at."""

    looks = 0

    def __getitem__(self, at):
        type(self).looks += 1
        return super().__getitem__(at)


def table():
    return table_by_hand(additive_predictions(4, 4, checkpoints=6, examples=20), [1, 0, 1, 0, 1] * 4)


def test_no_test_score_is_read_while_a_strategy_runs(sandbox, tmp_path):
    """They are in the same memory; nothing looks at them before the strategy has ended."""
    batch = prepare(table(), seed=0, replicates=range(1))
    watched = replace(batch, test_score=batch.test_score.view(Watched))
    recorded = RecordedTrials(watched, 0)
    source, looks = recorded.source(), []
    asked = source.start

    def start(*labels):
        row, column, measurements = asked(*labels)

        def measured():
            looks.append(Watched.looks)
            return next(measurements)

        return row, column, iter(measured, None)

    source.start = start
    file = tmp_path / "all.py"
    file.write_text(
        "def strategy(campaign):\n    while campaign.remaining > 0:\n        trial = campaign.start()\n"
        "        while not trial.complete:\n            trial.advance().score\n"
    )
    strategy = load_strategy(file, sealed=True)
    sandbox.limits = Limits()
    sandbox.load(strategy)
    Watched.looks = 0
    settled = run_campaign(strategy, recorded, 4, deadline=Deadline(0), source=source, sandbox=sandbox)
    assert settled.trials_started == 4 and looks == [0] * 24
    assert watched.test_score[0, 0] >= 0 and Watched.looks > 0  # it does count


def test_how_long_an_answer_takes_does_not_tell_the_future():
    """Worlds that are the same but for what is not paid for, good in half of them, answered in turn, timed to the ns.

    Where a world lies in memory moves its times, whatever is in it. So half of the worlds says where to cut between
    good and bad; in the others no more answers are told apart than by chance, which is measured from world to world.
    """
    plain = prepare(table(), seed=0, replicates=range(1))
    good = np.random.default_rng(0).permutation(np.arange(WORLDS) % 2).astype(bool)
    recorded = []
    for which in good:
        score = plain.score.copy()
        score[:, 1:] = float(which)
        recorded.append(RecordedTrials(replace(plain, score=score, test_score=score.copy(), curves={}), 0))
        recorded[-1].read_ahead()
    taken = np.empty((ANSWERS, WORLDS))
    for answer in taken:
        for number in np.random.default_rng(len(taken)).permutation(WORLDS):
            _, _, measurements = recorded[number].source().start(None, None)
            began = time.perf_counter_ns()
            next(measurements)
            answer[number] = time.perf_counter_ns() - began
    learn, test = slice(0, WORLDS // 2), slice(WORLDS // 2, None)
    cuts = np.unique(np.quantile(taken[:, learn], np.linspace(0.01, 0.99, 99)))
    right = np.array([np.mean((taken[:, learn] > cut) == good[learn]) for cut in cuts])
    at = int(np.argmax(np.abs(right - 0.5)))
    truth = good[test] if right[at] > 0.5 else ~good[test]
    told = np.mean((taken[:, test] > cuts[at]) == truth, axis=0)
    error = told.std(ddof=1) / np.sqrt(len(told))
    print(f"{told.mean():.1%} ± {1.96 * error:.1%} of {told.size * len(taken):,} answers told apart")
    assert abs(told.mean() - 0.5) < max(4 * error, 0.02)
