"""What goes around a source: it looks on, holds back and replaces, and a campaign cannot tell."""

import pytest

from seedbench.campaign import Around, Measurements, TaskFacts, open_campaign
from seedbench.errors import UnknownCell


class Three:
    """Three trials in a row, each of two checkpoints that score 0.1 and 0.2."""

    grid, steps, unstarted, task = (3, 1), (10, 20), 3, TaskFacts(0.5)

    def start(self, weight_init_seed, data_order_seed):
        if weight_init_seed == 9:
            raise UnknownCell("9")
        row = weight_init_seed or 0
        return row, 0, iter([Measurements(0.1, 1.0, 1.0), Measurements(0.2, 1.0, 1.0)])


def test_it_looks_on():
    asked, paid = [], []

    def train(labels, advance):
        measured = advance()
        paid.append((labels, measured[0]))
        return measured

    source = Around(Three(), train, lambda *labels: asked.append(labels))
    campaign = open_campaign(source, 2, rng=lambda: None).campaign
    assert (campaign.grid, campaign.unstarted, campaign.majority_score) == ((3, 1), 3, 0.5)
    second, first = campaign.start(2), campaign.start()
    with pytest.raises(UnknownCell):
        campaign.start(9)
    assert [first.advance().score, second.advance().score, first.advance().score] == [0.1, 0.1, 0.2]
    assert asked == [(2, None), (None, None), (9, None)]  # the refused one, too
    assert paid == [((0, 0), 0.1), ((2, 0), 0.1), ((0, 0), 0.2)]


def test_it_replaces_and_holds_back():
    def train(labels, advance):
        if labels == (1, 0):
            raise RuntimeError("not this one")
        return Measurements(0.9, 2.0, 3.0, True)

    campaign = open_campaign(Around(Three(), train), 2, rng=lambda: None).campaign
    checkpoint = campaign.start(0).advance()
    shown = (checkpoint.score, checkpoint.validation_loss, checkpoint.train_loss, checkpoint.repeated)
    assert shown == (0.9, 2.0, 3.0, True)
    with pytest.raises(RuntimeError, match="not this one"):
        campaign.start(1).advance()
