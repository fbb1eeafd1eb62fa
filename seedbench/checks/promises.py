"""The checks, one after the other; the first that does not hold ends them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from seedbench.checks.elsewhere import in_another_process
from seedbench.checks.traces import WAYS, Case, Trace, altered, first_difference
from seedbench.errors import CannotSeal, SeedbenchError, SelectionError, StrategyFailed, StrategyFileError
from seedbench.replay import (
    Deadline,
    RecordedTrials,
    ReplayOptions,
    Replicates,
    ShownTables,
    admitted_budgets,
    from_keywords,
    prepare,
    run_campaign,
    saying_how,
    scored_tables,
    without_secrets,
)
from seedbench.sandbox import Limits, open_sandbox
from seedbench.sandbox.submittable import check_source
from seedbench.strategy import Strategy, load_strategy
from seedbench.text import counted
from seedbench.trialset import Selection, TrialSet, resolve_trials, whole_number

CAMPAIGNS = 20
SEALED = 3  # of them are run in sealed processes as well


@dataclass(frozen=True)
class CheckResult:
    """One thing that was checked: whether it holds (None: that is not asked of this strategy), and what was seen."""

    passed: bool | None
    text: str


class CheckKeywords(TypedDict, total=False):
    """Keywords of `check`; for what they are without, see `seedbench.replay.ReplayOptions`.

    Attributes:
        revision: tag or commit, if the trial set is a Hub dataset.
        seed: of all hidden randomness.
        protocol: "held-out-2" or "dodge2020": which tables there are to run on.
        track: "cold" or "transfer".
        time_limit: seconds that one campaign may take.
    """

    revision: str | None
    seed: int
    protocol: str
    track: str
    time_limit: float


def check(
    strategy: str | Path | Callable[..., Any] | Strategy,
    trials: str | Path | TrialSet | None = None,
    *,
    campaigns: int = CAMPAIGNS,
    **options: Unpack[CheckKeywords],
) -> list[CheckResult]:
    """Checks that a strategy does the same when run again, and depends on nothing but what it has paid for.

    It is run in other processes, so a callable must be one that these can find: not one made at a prompt.

    Args:
        strategy: a file (`my.py`, `my.py:name`), the name of a shipped strategy, or a callable.
        trials: as in `evaluate`.
        campaigns: as in `check_strategy`.
        **options: `revision`, `seed`, `protocol`, `track`, `time_limit`: see `CheckKeywords`.

    Returns:
        What was found, in order; it ends with the first thing that does not hold.

    Raises:
        SeedbenchError: what `check_strategy` and `evaluate` raise.
        TypeError: an unknown option.
    """
    selection, how = from_keywords(trials, options, CheckKeywords)
    return check_selected(load_strategy(strategy), selection, how, campaigns=campaigns)


def check_selected(
    strategy: Strategy, selection: Selection, options: ReplayOptions, *, campaigns: int = CAMPAIGNS
) -> list[CheckResult]:
    """`check`, with its options as they are passed on."""
    with saying_how([strategy], selection, options):
        return check_strategy(strategy, resolve_trials(selection), options, campaigns=campaigns)


def check_strategy(
    strategy: Strategy,
    trials: TrialSet,
    options: ReplayOptions = ReplayOptions(),  # noqa: B008  (frozen)
    *,
    campaigns: int = CAMPAIGNS,
) -> list[CheckResult]:
    """Checks a loaded strategy on recorded trials.

    Args:
        strategy: what `load_strategy` returned.
        trials: any trial set; its tables and budgets are taken in turn.
        options: of the campaigns; their number, and that of processes, are the check's own.
        campaigns: at least so many; more where there are more tables and budgets.

    Returns:
        What was found, in order; it ends with the first thing that does not hold.

    Raises:
        StrategyFailed: a campaign has no result.
        SelectionError: no table of the trial set is large enough for any budget; the transfer track on trials of one
            task; a number of campaigns that is none.
    """
    cases = _cases(trials, options, campaigns)
    traces = in_another_process(strategy, cases, hash_seed=1, to_first_failure=True)
    if traces[-1].failed is not None:
        raise traces[-1].failed
    tables, spent = len({case.batch.table.name for case in cases}), np.mean([trace.spent for trace in traces])
    what = f"{counted(len(cases), 'campaign')} on {counted(tables, 'trial table')}"
    ended = sum(trace.budget_ended for trace in traces)
    cut = f"; the budget ended it, before it returned, in {ended} of them" if ended else ""
    results = [CheckResult(True, f"runs: {what}, {spent:.0%} of budget spent{cut}")]

    again = in_another_process(strategy, cases[::-1], hash_seed=2)[::-1]
    if parted := first_difference(cases, traces, again):
        cause = "it carries state from campaign to campaign, or has randomness of its own; use campaign.rng alone"
        return [*results, CheckResult(False, f"not reproducible: {parted}: {cause}")]
    results.append(
        CheckResult(True, "reproducible: the same calls in another process and order, with another hash seed")
    )

    if strategy.oracle:
        return [
            *results,
            CheckResult(None, "an oracle: told all test scores, so not blind, and refused on leaderboards"),
        ]
    changed = [altered(case, trace.paid, way) for way in WAYS for case, trace in zip(cases, traces, strict=True)]
    blind = in_another_process(strategy, changed, hash_seed=1)
    if parted := first_difference(changed, traces * len(WAYS), blind):
        return [*results, CheckResult(False, f"not blind: {parted}, though only what it had not paid for was changed")]
    tried = f"{len(WAYS)} ways × {counted(len(cases), 'campaign')}"
    results.append(CheckResult(True, f"blind: the same calls when what it had not paid for is changed, {tried}"))
    return [*results, _sealable(strategy, cases[:SEALED], traces)]


def _sealable(strategy: Strategy, cases: Sequence[Case], traces: Sequence[Trace]) -> CheckResult:
    """Whether a leaderboard takes its file, and it does the same in sealed processes; what it keeps is compared."""
    try:
        sealed = load_strategy(strategy, sealed=True)
        check_source(strategy.source.encode(), strategy.filename)
    except SeedbenchError as error:
        return CheckResult(None, f"submit refuses it: {error}")
    try:
        with open_sandbox(Limits(cases[0].time_limit, ceil(cases[0].time_limit))) as sandbox:
            sandbox.load(sealed)
            for case, trace in zip(cases, traces, strict=False):
                trials = RecordedTrials(case.batch, case.replicate, past=case.past)
                kept = run_campaign(sealed, trials, case.budget, deadline=Deadline(0), sandbox=sandbox)
                if trace.calls[-1] != ("keep", kept.weight_init_seed, kept.data_order_seed, kept.checkpoint):
                    return CheckResult(False, f"not the same in a sealed process: {case.name}: keeps something else")
    except CannotSeal as error:
        return CheckResult(None, f"not tried in sealed processes: {error}")
    except StrategyFailed as failed:
        return CheckResult(None, f"cannot be sealed, so --sandbox and submit refuse it: {failed.reason}")
    except StrategyFileError as error:
        return CheckResult(None, f"cannot be sealed, so --sandbox and submit refuse it: {error}")
    return CheckResult(True, f"sealed: keeps the same in sealed processes, {counted(len(cases), 'campaign')}")


def _cases(trials: TrialSet, options: ReplayOptions, campaigns: int) -> list[Case]:
    rule = "campaigns must be a whole number from 1 on, found"
    if (campaigns := whole_number(campaigns, rule)) < 1:
        raise SelectionError(f"{rule} {campaigns}")
    tables = scored_tables(trials.tables, options.protocol)
    admitted = admitted_budgets(tables, ())
    pairs = [(table, budget) for table, budgets in zip(tables, admitted, strict=True) for budget in budgets]
    rounds = -(-campaigns // len(pairs))
    cases = {}
    for table in {table.name: table for table, _ in pairs}.values():
        batch = prepare(table, seed=options.seed, replicates=range(rounds), protocol=options.protocol)
        # What is not needed any more is not there to be found.
        bare = replace(batch, table=without_secrets(table), test_score=batch.test_score.copy())
        shown = ShownTables.of(table, trials.tables) if options.track == "transfer" else None
        for replicate in range(rounds):
            past = RecordedTrials(batch, replicate, history=shown).past()
            cases[table.name, replicate] = (_one_replicate(bare, replicate), past)
    every = [(*cases[table.name, replicate], budget) for replicate in range(rounds) for table, budget in pairs]
    return [Case(batch, budget, options.time_limit, past) for batch, past, budget in every]


def _one_replicate(batch: Replicates, replicate: int) -> Replicates:
    at = slice(batch.replicates.index(replicate), batch.replicates.index(replicate) + 1)
    return replace(
        batch,
        replicates=range(replicate, replicate + 1),
        rows=batch.rows[at],
        columns=batch.columns[at],
        order=batch.order[at],
        curves={},
    )
