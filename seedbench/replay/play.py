"""A campaign to play with: on a recorded table, at a prompt or in a notebook."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from seedbench.campaign import Campaign
from seedbench.campaign import open_campaign as opened
from seedbench.errors import SelectionError
from seedbench.randomness import SEED_RULE, strategy_stream
from seedbench.replay.replicates import prepare
from seedbench.replay.source import RecordedTrials
from seedbench.trialset import Selection, TrialSet, TrialTable, ending_in, resolve_trials, whole_number


def open_campaign(
    table: str | TrialTable,
    budget: int = 4,
    *,
    trials: str | Path | TrialSet | None = None,
    revision: str | None = None,
    replicate: int = 0,
    seed: int = 0,
) -> Campaign:
    """Opens a campaign on a recorded trial table, to be played by hand or handed to a strategy.

    It is the very campaign that an evaluation of the cold track with this seed runs as this replicate: the same pool,
    order, labels and random numbers. Nothing is scored at the end.

    Args:
        table: its name, `model/task/recipe`, or the end of that after a slash where only one table has it; or the
            table.
        budget: in full trials.
        trials: where the table is, as in `evaluate`; None for the bundled trial set.
        revision: tag or commit, if the trial set is a Hub dataset.
        replicate: number of the replicate, from 0.
        seed: of all hidden randomness.

    Raises:
        SelectionError: no such table, or several; a budget below 1, a replicate below 0.
        TrialSetError: a trial set that cannot be read or trusted.
    """
    numbers = []
    for value, rule, lowest in (
        (budget, "a budget must be a whole number of full trials from 1, found", 1),
        (replicate, "a replicate must be a whole number from 0, found", 0),
    ):
        numbers.append(number := whole_number(value, rule))
        if number < lowest:
            raise SelectionError(f"{rule} {number}")
    seed = whole_number(seed, SEED_RULE)
    found = table if isinstance(table, TrialTable) else _named(table, Selection(trials=trials, revision=revision))
    # What is seen is the same under both protocols; this one takes every table.
    batch = prepare(found, seed=seed, replicates=range(numbers[1], numbers[1] + 1), protocol="dodge2020")
    recorded = RecordedTrials(batch, numbers[1])
    rng = partial(strategy_stream, seed, found.name, *numbers)
    return opened(recorded.source(), numbers[0], rng=rng).campaign


def _named(name: str, selection: Selection) -> TrialTable:
    tables = {one.name: one for one in resolve_trials(selection).tables}
    fitting = ending_in(name, list(tables))
    if len(fitting) != 1:
        several = f"{len(fitting)} trial tables end in" if fitting else "no trial table"
        there = ", ".join(fitting or tables)
        raise SelectionError(f"{several} {name!r}: {'they' if fitting else 'there'} are {there}")
    return tables[fitting[0]]
