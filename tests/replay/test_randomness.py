"""Hidden randomness, and the strategy's own."""

from dataclasses import replace

import numpy as np

from seedbench.randomness import strategy_stream, stream
from seedbench.replay import ReplayOptions, prepare, replay
from tests.replay.small import additive, three_by_three


def test_hidden_randomness_is_keyed_by_seed_table_and_replicate_alone():
    table = additive(5, 5)
    whole, part = (prepare(table, seed=5, replicates=replicates) for replicates in (range(12), range(6, 10)))
    for name in ("rows", "columns", "order"):
        np.testing.assert_array_equal(getattr(whole, name)[6:10], getattr(part, name))
    pools = set()
    for seed in (0, 1, 2**70, -1):
        for model in ("mini", "maxi"):
            pools.add(prepare(replace(table, model=model), seed=seed, replicates=range(2)).order.tobytes())
    assert len(pools) == 8


def test_the_hidden_order_cannot_be_made_from_campaign_rng():
    table = additive(5, 5)
    drawn = prepare(table, seed=11, replicates=range(40))
    agreement = []
    for replicate in range(40):
        rng = strategy_stream(11, table.name, 4, replicate)
        sequence = rng.bit_generator.seed_seq
        candidates = [rng, *(np.random.default_rng(child) for child in sequence.spawn(3)), np.random.default_rng(11)]
        candidates += [np.random.Generator(rng.bit_generator.jumped(jump)) for jump in (1, 2)]
        candidates += [np.random.default_rng([*np.atleast_1d(sequence.entropy), replicate])]
        order = drawn.order[replicate]
        for candidate in candidates:
            guessed = [candidate.permutation(size) for size in (5, 5, 16)][2]
            agreement.append(np.corrcoef(guessed, np.argsort(np.argsort(order)))[0, 1])
    # Ranks of independent permutations of 16: correlation 0 on average, with standard deviation 1 / sqrt(15).
    assert abs(np.mean(agreement)) < 4 / np.sqrt(15 * len(agreement))


def test_streams_differ_by_everything_in_their_key():
    keys = [
        ("t", 2, 0, "strategy"),
        ("t", 2, 1, "strategy"),
        ("t", 4, 0, "strategy"),
        ("u", 2, 0, "strategy"),
        ("t", 0, "pool"),
    ]
    numbers = {stream(seed, *key).random() for seed in (0, 1, 2**200) for key in keys}
    assert len(numbers) == 15
    assert stream(7, "a").random() == stream(7, "a").random()


def test_campaign_rng_is_the_strategy_s_own_for_each_campaign():
    table = three_by_three()
    seen = []

    def strategy(campaign):
        seen.append(campaign.rng.random())
        campaign.start().advance()

    replay([strategy], [table], (1,), options=ReplayOptions(replicates=4, seed=9))
    assert seen == [strategy_stream(9, table.name, 1, replicate).random() for replicate in range(4)]
