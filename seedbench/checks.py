"""`seedbench check`: does a strategy do the same when run again, and does it depend on nothing but what it paid for?

What it does is the list of its calls (which trials it starts, what it trains, what it keeps), compared call by call:
in other processes with other hash seeds and the campaigns in another order; and with the same random numbers after
everything it had not paid for, and every test score, was replaced; and what it keeps, in sealed processes, as a
leaderboard runs it. Passing is no proof: a strategy that has learnt the published records by heart, say, would pass.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np

from seedbench.campaign import Around, Labels, Measurements, PastArrays
from seedbench.errors import CannotSeal, SeedbenchError, StrategyFailed, StrategyFileError
from seedbench.processes import end_with
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
from seedbench.sandbox import Limits, breach_of_exit, open_sandbox
from seedbench.sandbox.submittable import check_source
from seedbench.strategy import Strategy, load_strategy
from seedbench.text import counted
from seedbench.trialset import Selection, TrialSet, resolve_trials

CAMPAIGNS = 20
SEALED = 3  # of them are run in sealed processes as well
WAYS = ("worse", "better", "shuffled")  # how unpaid values are replaced
PROCESS_TIME_LIMIT = 300.0  # seconds for all campaigns in another process

Call = tuple[Any, ...]  # its kind, then what it was called with: see `_said`


@dataclass(frozen=True)
class CheckResult:
    """One thing that was checked: whether it holds (None: that is not asked of this strategy), and what was seen."""

    passed: bool | None
    text: str


@dataclass(frozen=True)
class Case:
    """One campaign.

    Attributes:
        batch: holds its one replicate.
        budget: in full trials.
        time_limit: wall time in seconds that it may take.
        past: what it is shown of other tables.
    """

    batch: Replicates
    budget: int
    time_limit: float
    past: tuple[PastArrays, ...] = ()

    @property
    def replicate(self) -> int:
        return self.batch.replicates.start

    @property
    def name(self) -> str:
        return f"table {self.batch.table.name}, budget {self.budget}, replicate {self.replicate}"


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
            task.
    """
    cases = _cases(trials, options, campaigns)
    traces = _in_another_process(strategy, cases, hash_seed=1, to_first_failure=True)
    if traces[-1].failed is not None:
        raise traces[-1].failed
    tables, spent = len({case.batch.table.name for case in cases}), np.mean([trace.spent for trace in traces])
    what = f"{counted(len(cases), 'campaign')} on {counted(tables, 'trial table')}"
    results = [CheckResult(True, f"runs: {what}, {spent:.0%} of budget spent")]

    again = _in_another_process(strategy, cases[::-1], hash_seed=2)[::-1]
    if parted := _first_difference(cases, traces, again):
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
    changed = [_altered(case, trace.paid, way) for way in WAYS for case, trace in zip(cases, traces, strict=True)]
    blind = _in_another_process(strategy, changed, hash_seed=1)
    if parted := _first_difference(changed, traces * len(WAYS), blind):
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


# --- what a strategy does ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """What happened in one campaign.

    Attributes:
        calls: the strategy's, and what it kept at the end.
        paid: how many checkpoints were paid for of each trial of the table; those without one are not in it.
        spent: share of the budget.
        failed: why it has no result, if it has none.
    """

    calls: list[Call]
    paid: dict[int, int]
    spent: float
    failed: StrategyFailed | None = None


def _trace(strategy: Strategy, case: Case) -> Trace:
    trials = RecordedTrials(case.batch, case.replicate, past=case.past)
    deadline = Deadline(case.time_limit)
    calls: list[Call] = []
    paid: dict[int, int] = {}
    numbers: dict[Labels, int] = {}  # of the trials, in the order of their first checkpoint

    def asked(weight_init_seed: int | None, data_order_seed: int | None) -> None:
        calls.append(("start", weight_init_seed, data_order_seed))

    def train(labels: Labels, advance: Callable[[], Measurements]) -> Measurements:
        calls.append(("advance", numbers.setdefault(labels, len(numbers))))
        trial = trials.trial(*labels)
        paid[trial] = paid.get(trial, 0) + 1
        return advance()

    source = Around(trials.source(), train, asked)
    try:
        with deadline.installed():
            settled = run_campaign(strategy, trials, case.budget, deadline=deadline, source=source)
    except StrategyFailed as failed:
        return Trace([*calls, ("fail", failed.reason)], paid, 0.0, failed)
    kept = ("keep", settled.weight_init_seed, settled.data_order_seed, settled.checkpoint)
    spent = settled.steps_spent / (case.budget * case.batch.table.num_steps)
    return Trace([*calls, kept], paid, spent)


def _altered(case: Case, paid: dict[int, int], way: str) -> Case:
    """The same campaign with everything replaced that was not paid for: the future, other trials, the test scores."""
    batch, table = case.batch, case.batch.table
    unpaid = np.ones((table.num_trials, table.num_checkpoints), dtype=bool)
    for trial, count in paid.items():
        unpaid[trial, :count] = False
    score, loss, train_loss = batch.score.copy(), batch.validation_loss.copy(), batch.train_loss.copy()
    lowest, highest = min(0.0, float(score.min())), max(1.0, float(score.max()))
    for values, worst, best in ((score, lowest, highest), (loss, 9.0, 0.01), (train_loss, 9.0, 0.01)):
        if way == "shuffled":
            values[unpaid] = np.random.default_rng(case.replicate).permutation(values[unpaid])
        else:
            values[unpaid] = worst if way == "worse" else best
    whole = np.full_like(table.score, 0.0 if way == "worse" else 1.0)
    single = whole.astype(np.float32)
    changed = replace(table, train_loss=single, score=whole, validation_loss=single)
    batch = replace(
        batch, table=changed, score=score, validation_loss=loss, train_loss=train_loss, test_score=whole, curves={}
    )
    return replace(case, batch=batch)


# --- the same again, elsewhere ----------------------------------------------------------------------------------------


def _in_another_process(
    strategy: Strategy, cases: Sequence[Case], *, hash_seed: int, to_first_failure: bool = False
) -> list[Trace]:
    """Runs all campaigns, or those up to one that fails, in a fresh interpreter, one after the other.

    The records of one at a time are in its memory.
    """
    try:
        order = b"".join(map(pickle.dumps, (len(cases), to_first_failure, strategy, *cases)))
    except Exception as error:  # whatever a callable's own pickling raises  # noqa: BLE001
        raise StrategyFileError(f"{strategy.name} cannot be sent to another process ({error}); give a file") from None
    own = [os.getcwd()] if "" in sys.path else []  # from a prompt; last, as no module there is to be Python's own
    paths = os.pathsep.join([path for path in sys.path if path] + own)
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": paths}
    # -P: no module of the folder that this is called from takes the place of one of Python's own.
    command = [sys.executable, "-P", "-c", f"from seedbench.checks import _answer; _answer({os.getpid()})"]
    try:
        done = subprocess.run(
            command,
            input=order,
            stdout=subprocess.PIPE,
            env=environment,
            timeout=PROCESS_TIME_LIMIT,
            check=False,
            start_new_session=True,  # Ctrl-C is for this process to hear, which ends the other
        )
    except subprocess.TimeoutExpired:
        limit = f"{PROCESS_TIME_LIMIT:.0f} seconds"
        ran = counted(len(cases), "campaign")
        raise SeedbenchError(f"{strategy.name}: {ran} in another process took over {limit}") from None
    traces: list[Trace] = []
    with BytesIO(done.stdout) as answers:
        while answers.tell() < len(done.stdout):
            try:
                traces.append(pickle.load(answers))
            except (EOFError, pickle.UnpicklingError):  # of one that was not written to its end
                break
    if len(traces) == len(cases) or (traces and traces[-1].failed):
        return traces
    case, said = cases[len(traces)], breach_of_exit(done.returncode)
    where = case.batch.table.name, case.budget, case.replicate
    failed = StrategyFailed(f"strategy {strategy.name} {said}", *where)
    failed.strategy = strategy.name
    raise failed


def _answer(parent: int) -> None:
    """The other process: cases from stdin, their traces to stdout; what the strategy prints goes to stderr."""
    end_with(parent)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders = sys.stdin.buffer
    count, to_first_failure, strategy = pickle.load(orders), pickle.load(orders), pickle.load(orders)
    for _ in range(count):
        trace = _trace(strategy, pickle.load(orders))
        pickle.dump(trace, answers)  # one by one, so that it is known how far a process came that ended
        answers.flush()
        if to_first_failure and trace.failed:
            break


def _first_difference(cases: Sequence[Case], one: Sequence[Trace], other: Sequence[Trace]) -> str:
    """Where two runs of the same campaigns part, in words; '' where they do not."""
    for case, first, second in zip(cases, one, other, strict=True):
        left, right = first.calls, second.calls
        if left != right:
            shorter = min(len(left), len(right))
            at = next((n for n in range(shorter) if left[n] != right[n]), shorter)
            both = [_said(calls[at]) if at < len(calls) else "nothing" for calls in (left, right)]
            return f"{case.name}: call {at + 1} was {both[0]} in one run and {both[1]} in the other"
    return ""


def _said(call: Call) -> str:
    kind, *values = call
    if kind == "start":
        return f"start({', '.join('any' if value is None else str(value) for value in values)})"
    if kind == "advance":
        return f"advance of trial {values[0] + 1}"
    if kind == "keep":
        return f"keeping checkpoint {values[2] + 1} of the trial of seeds {values[0]}, {values[1]}"
    return f"a failure ({values[0]})"
