"""Sealed strategies do what they do in process, to the byte, and fail as they fail there."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from seedbench import StrategyFailed, StrategyFileError, evaluate
from seedbench.campaign import open_campaign
from seedbench.randomness import stream
from seedbench.replay import Deadline, RecordedTrials, ReplayOptions, prepare, replay, replay_one, run_campaign
from seedbench.sandbox import Limits
from seedbench.strategy import load_strategy, shipped
from tests.campaign.grid import Grid
from tests.synthetic import additive_predictions, table_by_hand

HONEST = [name for name in shipped() if name != "oracle"]


# --- what they do -----------------------------------------------------------------------------------------------------


def test_same_bytes_as_in_process(sandbox, trials):
    """All that ships, the first against all others, on the transfer track: every number of the JSON."""
    first, *others = HONEST
    run = partial(evaluate, first, trials, replicates=4, seed=5, against=others, track="transfer")
    assert run(sandbox=True).to_json() == run().to_json()


def test_same_bytes_for_any_number_of_processes(sandbox, trials):
    run = partial(evaluate, "asha", trials, replicates=4, budgets=[2], recipes="few")
    sealed = run(sandbox=True, processes=2)
    in_process = run()
    assert sealed.to_json() == in_process.to_json()
    for name, column in in_process.campaigns.items():
        assert (sealed.campaigns[name] == column).all()


def test_random_numbers_are_the_campaign_s(sandbox, write, table):
    """The generator, and those spawned from it, decide which trials are trained and which is kept."""
    file = write("""
        def strategy(campaign):
            child = campaign.rng.spawn(1)[0]
            rows, columns = campaign.grid
            while campaign.remaining > 0:
                campaign.start(campaign.rng.integers(rows), child.integers(columns)).advance()
            return campaign.rng.choice(campaign.trials)
    """)
    run = partial(replay, tables=[table], budgets=[1, 2], options=ReplayOptions(replicates=4, seed=3))
    (sealed,), (in_process,) = run([load_strategy(file, sealed=True)]), run([file])
    assert (sealed.tables[0].trial == in_process.tables[0].trial).all()
    assert len(np.unique(in_process.tables[0].trial)) > 1


def test_a_trial_may_have_more_checkpoints_than_16_bits_count(sandbox, write):
    """As curves that were recorded at every step have."""
    file = write("""
        def strategy(campaign):
            trial = campaign.start()
            campaign.advance([trial], campaign.checkpoints_per_trial)
            return trial
    """)
    strategy, source = load_strategy(file, sealed=True), Grid(steps=range(1, 2**16 + 2))
    sandbox.load(strategy)
    campaign, _, _ = open_campaign(source, 1, rng=lambda: stream(0))
    kept = sandbox.run(strategy, campaign, source.steps)
    assert (kept.index, campaign.remaining) == (2**16, 0)


def test_late_values_are_there_whenever_they_are_looked_at(sandbox, write, table):
    """Started at random, trained without a look; then labels, scores, the best, in any order, and one more label."""
    file = write("""
        def strategy(campaign):
            first, second, third = (campaign.start() for _ in range(3))
            assert campaign.trials == () and campaign.unstarted == 6
            one = second.advance()
            other = first.advance()
            assert (one.index, one.fraction, campaign.remaining) == (0, 0.25, 1.5)
            assert campaign.trials == (second, first)
            while not third.complete:
                last = third.advance()
            seeds = {(trial.weight_init_seed, trial.data_order_seed) for trial in (third, first, second)}
            assert len(seeds) == 3 and campaign.start(*sorted(seeds)[0]) in (first, second, third)
            assert third.best.score == max(point.score for point in third.checkpoints) >= last.score
            assert repr(one).startswith(f"<Checkpoint 0 of <Trial weight_init_seed={second.weight_init_seed} ")
            assert not hasattr(one, "nothing") and not hasattr(third, "nothing")
            try:
                campaign.start().best
            except ValueError as error:
                assert "has no best checkpoint: advance it first" in str(error)
            return other
    """)
    run = partial(replay, tables=[table], budgets=[2], options=ReplayOptions(replicates=4, seed=1))
    (sealed,), (in_process,) = run([load_strategy(file, sealed=True)]), run([file])
    for name in ("trial", "checkpoint", "steps_spent", "trials_started", "score"):
        assert (getattr(sealed.tables[0], name) == getattr(in_process.tables[0], name)).all()


def test_several_together_are_the_same_sealed(sandbox, write, table):
    """`campaign.advance`, to where the money ends; what is known of the task; what a checkpoint says."""
    file = write("""
        def strategy(campaign):
            assert (campaign.metric, campaign.dev_examples, campaign.labels) == ("accuracy", 20, 2)
            trials = [campaign.start() for _ in range(5)]
            reached = campaign.advance(trials, 1)
            assert [point.repeated for point in reached] == [False] * 5
            best = sorted(trials, key=lambda trial: trial.best.score, reverse=True)
            try:
                campaign.advance([best[0], best[0]])
            except ValueError:
                campaign.advance(best, campaign.checkpoints_per_trial)
    """)
    run = partial(replay, tables=[table], budgets=[2], options=ReplayOptions(replicates=4, seed=1))
    (sealed,), (in_process,) = run([load_strategy(file, sealed=True)]), run([file])
    for name in ("trial", "checkpoint", "steps_spent", "validations", "rows_seen", "columns_seen", "score"):
        assert (getattr(sealed.tables[0], name) == getattr(in_process.tables[0], name)).all()
    assert (sealed.tables[0].steps_spent == 2 * table.num_steps).all()


def test_more_calls_than_a_message_holds(sandbox, write):
    """2,200 checkpoints that nobody looks at: twice a trial of 1,100."""
    table = table_by_hand(additive_predictions(4, 4, checkpoints=1100, examples=5), [1, 0, 1, 0, 1])
    file = write("""
        def strategy(campaign):
            while True:
                trial = campaign.start()
                while not trial.complete:
                    trial.advance()
    """)
    run = partial(replay, tables=[table], budgets=[2], options=ReplayOptions(replicates=4))
    (sealed,), (in_process,) = run([load_strategy(file, sealed=True)]), run([file])
    assert (sealed.tables[0].checkpoint == in_process.tables[0].checkpoint).all()
    assert (sealed.tables[0].steps_spent == 2 * 11000).all()


def test_one_campaign_again(sandbox, run, trials_folder):
    only = ("evaluate", "asha", "--trials", trials_folder, "--only", "mini/sst2/few:4:1")
    assert run(*only, "--sandbox") == run(*only)


LABELS = """
    import numpy as np

    class Everything:
        __hash__ = lambda self: hash(0)
        __eq__ = lambda self, other: True

    class Index:
        __index__ = lambda self: 0

    CASES = [
        *[(0.0, 0), (True, 0), (False, 0), (np.int64(0), 0), (np.float64(0), 0), ("0", 0), (None, 0.0), (None, "a")],
        *[([0], 0), (0, [0]), (Everything(), 0), (Index(), 0), (0j, 0), (-1, 0), (10**40, 0), (np.array(0), 0)],
        *[(np.array([0]), 0), (0, 1.0), (0.0, None), (Index(), None)],
    ]

    def kind(value):
        parts = ",".join(sorted({kind(one) for one in value})) if isinstance(value, tuple) else ""
        return type(value).__name__ + parts

    def strategy(campaign):
        first = campaign.start(0, 0)
        first.advance()
        told = []
        for case in CASES[PART::5]:
            try:
                told.append(str(campaign.start(*case) is first))
            except Exception as error:
                told.append(f"{type(error).__name__}: {str(error)[:30]}")
        for one in (campaign, first, first.best):
            names = [name for name in dir(one) if name[0] != "_" and name != "advance"]
            told += [kind(getattr(one, name)) for name in names[PART::5]]
        raise ValueError(" ".join(told))
"""


@pytest.mark.parametrize("part", range(5))
def test_labels_and_types_are_the_same_sealed(sandbox, write, table, part):
    """What a label may be, and of which type each value is."""
    recorded = RecordedTrials(prepare(table, seed=0, replicates=range(2)), 0)
    file, said = write(LABELS.replace("PART", str(part))), []
    sandbox.limits = Limits()
    for sealed in (False, True):
        strategy = load_strategy(file, sealed=sealed)
        if sealed:
            sandbox.load(strategy)
        with pytest.raises(StrategyFailed) as failed:
            run_campaign(strategy, recorded, 2, deadline=Deadline(0), sandbox=sandbox if sealed else None)
        said.append(failed.value.reason)
    assert said[0] == said[1] and "raised ValueError" in said[0]


# --- how they fail ----------------------------------------------------------------------------------------------------

FAILURES = {
    "raises": """
        def strategy(campaign):
            trial = campaign.start()
            trial.advance()
            return helper(trial)

        def helper(trial):
            return 1 / (trial.best.index)
    """,
    "chains": """
        def strategy(campaign):
            try:
                campaign.start(weight_init_seed="é")
            except Exception as error:
                raise ValueError("größer") from error
    """,
    "returns something else": "def strategy(campaign):\n    campaign.start().advance()\n    return 'best'\n",
    "pays for nothing": "def strategy(campaign):\n    return None\n",
    "missing cell": "def strategy(campaign):\n    campaign.start(9, 0)\n",
    "label of the wrong kind": "def strategy(campaign):\n    campaign.start(1.5)\n",
    "complete": "def strategy(campaign):\n    trial = campaign.start()\n    while True:\n        trial.advance()\n",
    "idle": "def strategy(campaign):\n    while True:\n        campaign.start(0, 0)\n",
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_said_as_in_process(sandbox, write, table, name):
    file = write(FAILURES[name])
    with pytest.raises(StrategyFailed) as in_process:
        replay_one(file, table, 2, 1, options=ReplayOptions(seed=7))
    with pytest.raises(StrategyFailed) as sealed:
        replay_one(load_strategy(file, sealed=True), table, 2, 1, options=ReplayOptions(seed=7))
    assert str(sealed.value) == str(in_process.value)
    assert sealed.value.frames == in_process.value.frames
    assert sealed.value.verdict in ("raised", "invalid return", "stopped") and in_process.value.verdict == ""


UNUSABLE = {
    "is not Python": "def strategy(campaign)\n    pass\n",
    "raises when loaded": "x = 1\n1 / 0\n",
    "binds nothing": "def other(campaign):\n    pass\n",
    "binds a class": "class strategy:\n    pass\n",
    "nests too deep": "x = " + "(" * 1000 + "\n",
    "holds a zero": "x = 1\0\n",
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_file_that_cannot_be_used_is_refused_as_in_process(sandbox, write, trials, name):
    file = write(UNUSABLE[name])
    with pytest.raises(StrategyFileError) as in_process:
        evaluate(file, trials, replicates=4)
    with pytest.raises(StrategyFileError) as sealed:
        evaluate(file, trials, replicates=4, sandbox=True)
    assert str(sealed.value) == str(in_process.value)
    assert (sealed.value.frames, sealed.value.verdict) == (in_process.value.frames, "unusable")
