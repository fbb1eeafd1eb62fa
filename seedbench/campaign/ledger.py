"""The other side of a campaign: its source, the budget, the books, and what is kept in the end.

A campaign asks a source to start trials and to train them, pays before it looks, and writes down what it was told. The
source is a recorded table, a pipe out of a sealed process, or live training, and nothing here can tell which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import index as to_index
from typing import TYPE_CHECKING, NamedTuple

from seedbench.campaign.objects import Campaign, Checkpoint, OracleCampaign, Trial
from seedbench.campaign.rules import chosen, marks_of, not_paid_for, one_by_one, reach, refusal, stop_if_idle
from seedbench.campaign.source import Labels, Measurements, Source
from seedbench.errors import InvalidReturn

if TYPE_CHECKING:
    import numpy as np

    from seedbench.campaign.history import PastTable

#: Fewer checkpoints of a trial are cheaper one by one; so many are booked first, and become objects when looked at.
FEW = 5


class Settlement(NamedTuple):
    """How a campaign ended: the kept checkpoint and what was spent.

    Attributes:
        weight_init_seed: label of the kept trial.
        data_order_seed: likewise.
        checkpoint: index of the kept checkpoint.
        steps_spent: training steps paid for.
        trials_started: trials with a paid checkpoint.
        validations: checkpoints paid for, but for those that only repeat what was measured at a trial's end.
    """

    weight_init_seed: int
    data_order_seed: int
    checkpoint: int
    steps_spent: int
    trials_started: int
    validations: int


class OpenCampaign(NamedTuple):
    """A campaign, and its two ends that only the runner holds; see `open_campaign`."""

    campaign: Campaign
    settle: Callable[[object], Settlement]
    close: Callable[[], None]


Booked = list[Checkpoint | Measurements]  # paid for: objects, or, where nobody has looked yet, what was measured


def open_campaign(
    source: Source,
    budget: int,
    *,
    rng: Callable[[], np.random.Generator],
    history: Callable[[], tuple[PastTable, ...]] = tuple,
    test_scores: Callable[[], Mapping[tuple[int, int], Sequence[float]]] | None = None,
    ahead: Callable[[Sequence[tuple[Labels, int]]], None] | None = None,
) -> OpenCampaign:
    """Opens a campaign.

    Args:
        source: where trials come from.
        budget: in full trials.
        rng: makes `campaign.rng`, when it is first asked for.
        history: gives `campaign.history`, when it is asked for.
        test_scores: gives those of an `OracleCampaign`; None: open an ordinary one.
        ahead: told by `campaign.advance` which trials it is going to train, by their labels and with how many
            checkpoints each, before it asks for the first: those that the budget pays for. They may be trained
            together then. None: nobody wants to know.

    Returns:
        campaign: for the strategy.
        settle: takes what the strategy returned (None where `BudgetSpent` or `PoolExhausted` ended it) and says what is
            kept. It goes by its own books: a strategy that tampers with its objects can keep nothing it has not paid
            for. Raises `InvalidReturn` where nothing was paid for, or where something else was returned than a trial or
            a paid checkpoint of this campaign.
        close: takes the campaign's objects apart, so that they are freed at once instead of by the garbage collector.
    """
    marks = marks_of(tuple(source.steps))
    done = (0, *source.steps)  # training steps after so many checkpoints
    length, steps_of_trial = len(source.steps), source.steps[-1]
    total: int = budget * steps_of_trial
    remaining: float = total  # a whole number; float only for the type of an endless cost
    unstarted = source.unstarted
    start_trial = source.start
    lowest = float("-inf")
    idle, idle_since = 0, (remaining, unstarted)
    started: dict[Labels, Trial] = {}
    books: dict[Trial, tuple[Booked, Iterator[Measurements]]] = {}  # which no strategy holds
    paid: list[Trial] = []  # those with a checkpoint

    def count_idle() -> None:
        nonlocal idle, idle_since
        if idle_since != (remaining, unstarted):
            idle, idle_since = 0, (remaining, unstarted)
        idle += 1
        stop_if_idle(idle)

    def refuse(trial: Trial, index: int) -> BaseException:
        count_idle()
        return refusal(trial, marks[index][0], remaining)

    def start(weight_init_seed: int | None, data_order_seed: int | None) -> Trial:
        nonlocal unstarted
        if type(weight_init_seed) is type(data_order_seed) is int and (weight_init_seed, data_order_seed) in started:
            count_idle()
            return started[weight_init_seed, data_order_seed]
        try:
            row, column, measurements = start_trial(weight_init_seed, data_order_seed)
        except Exception:
            count_idle()
            raise
        unstarted -= 1
        measure = measurements.__next__
        booked: Booked = []
        trial = Trial()
        trial.weight_init_seed = row
        trial.data_order_seed = column
        trial.complete = False
        trial._best = trial._shown = None
        trial._show = show
        started[row, column] = trial
        books[trial] = booked, measurements

        # A replay's time goes here, and to what `start` makes: every variable shared with it costs each trial a cell.
        def advance() -> Checkpoint:
            nonlocal remaining
            index = len(booked)
            cost, step, fraction = marks[index]
            if cost > remaining:
                raise refuse(trial, index)
            remaining -= cost
            checkpoint = Checkpoint()
            checkpoint.trial = trial
            checkpoint.index = index
            checkpoint.step = step
            checkpoint.fraction = fraction
            score, checkpoint.validation_loss, checkpoint.train_loss, checkpoint.repeated = measure()
            checkpoint.score = score
            booked.append(checkpoint)
            if index == 0:
                paid.append(trial)
                trial._best = checkpoint
            elif score > trial._best.score:  # type: ignore[union-attr]
                trial._best = checkpoint
            if trial._shown is not None:
                trial._shown.append(checkpoint)
            if index + 1 == length:
                trial.complete = True
            return checkpoint

        trial.advance = advance
        return trial

    def train(trial: Trial, count: int) -> list[Measurements]:
        """Trains a trial to so many checkpoints from here, or to its end; what was measured is booked as it is."""
        nonlocal remaining
        booked, measurements = books[trial]
        first, new = len(booked), list[Measurements]()
        to, wanted = reach(done, first, max(0, to_index(count)), remaining)  # a step back would be paid out
        remaining -= done[to] - done[first]
        try:
            new.extend(islice(measurements, to - first))
        finally:  # a source that fails leaves what it measured before
            booked += new
            if new and first == 0:
                paid.append(trial)
            known, best = trial._best, None
            score = lowest if known is None else known.score
            for index, measured in enumerate(new, first):
                if measured[0] > score:
                    score, best = measured[0], index
            if best is not None:
                trial._best = made(trial, booked, best)
            if trial._shown is not None:
                trial._shown += [made(trial, booked, index) for index in range(first, len(booked))]
            trial.complete = len(booked) == length
        if to < wanted or first == length:
            raise refuse(trial, to)
        return new

    def advance_by(trial: Trial, count: int) -> Checkpoint:
        if count < FEW or type(trial) is not Trial or trial not in books:
            return one_by_one(trial, count)
        train(trial, count)
        booked, _ = books[trial]
        return made(trial, booked, len(booked) - 1)

    def show(trial: Trial) -> list[Checkpoint]:
        if trial not in books:  # a copy
            trial = started[trial.weight_init_seed, trial.data_order_seed]
        booked, _ = books[trial]
        return [one if type(one) is Checkpoint else made(trial, booked, at) for at, one in enumerate(booked)]

    def made(trial: Trial, booked: Booked, index: int) -> Checkpoint:
        """What is booked there as an object, the same one whenever it is asked for."""
        measured = booked[index]
        if isinstance(measured, Checkpoint):
            return measured
        checkpoint = booked[index] = Checkpoint()
        checkpoint.trial = trial
        checkpoint.index = index
        _, checkpoint.step, checkpoint.fraction = marks[index]
        checkpoint.score, checkpoint.validation_loss, checkpoint.train_loss, checkpoint.repeated = measured
        return checkpoint

    def settle(returned: object) -> Settlement:
        checkpoint = chosen(returned, paid)
        for (row, column), trial in started.items():
            booked, _ = books[trial]
            if checkpoint in booked:
                spent, looks = total - int(remaining), sum(_validations(booked) for booked, _ in books.values())
                return Settlement(row, column, booked.index(checkpoint), spent, len(paid), looks)
        raise not_paid_for()

    def told_ahead(trials: Sequence[Trial], checkpoints: int) -> None:
        money, coming = remaining, []
        for trial in trials:
            labels = (trial.weight_init_seed, trial.data_order_seed)
            first = len(books[started[labels]][0])
            to, wanted = reach(done, first, checkpoints, money)
            money -= done[to] - done[first]
            coming.append((labels, to - first))
            if to < wanted:
                break
        ahead([(labels, number) for labels, number in coming if number])  # type: ignore[misc]

    def ended() -> Checkpoint:
        raise InvalidReturn("advanced a trial of an earlier campaign; every campaign starts its own")

    def close() -> None:
        for trial in books:
            trial.advance, trial._shown, trial._show, trial._best = ended, [], _nothing, None
        books.clear()
        started.clear()

    if test_scores is None:
        campaign = Campaign()
    else:
        campaign = OracleCampaign()
        campaign._test_scores = lambda: test_scores()
    campaign.budget = budget
    campaign.grid = source.grid
    campaign.checkpoints_per_trial = length
    campaign.steps = tuple(source.steps)
    campaign.majority_score, campaign.metric, campaign.dev_examples, campaign.labels = source.task
    campaign._history = lambda: history()  # as it is, it might lead to the records
    campaign._ahead = told_ahead if ahead else None
    campaign._start = start
    campaign._advance_by = advance_by
    campaign._train = train
    campaign._remaining = lambda: remaining / steps_of_trial
    campaign._trials = lambda: tuple(paid)
    campaign._unstarted = lambda: unstarted
    campaign._new_rng = lambda: rng()
    campaign._rng = None
    return OpenCampaign(campaign, settle, close)


def _nothing(_: Trial) -> list[Checkpoint]:
    """What a trial of a closed campaign shows."""
    return []


def _validations(booked: Booked) -> int:
    """The checkpoints of a trial that were measured; what comes after its own end only repeats."""
    if booked and booked[-1].repeated:
        return sum(not checkpoint.repeated for checkpoint in booked)
    return len(booked)
