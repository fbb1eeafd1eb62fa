"""`seedbench check`: does a strategy do the same when run again, and does it depend on nothing but what it paid for?

What it does is the list of its calls (which trials it starts, what it trains, what it keeps), compared call by call:
in other processes with other hash seeds and the campaigns in another order; and with the same random numbers after
everything it had not paid for, and every test score, was replaced. Passing is no proof: a strategy that has learnt the
published records by heart, say, would pass.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seedbench.campaign import Measurements, PastTable
from seedbench.errors import SeedbenchError, StrategyFailed, StrategyFileError
from seedbench.replay import (
    Deadline,
    History,
    RecordedSource,
    RecordedTrials,
    Replicates,
    admitted_budgets,
    history_of_track,
    prepare,
    run_campaign,
)
from seedbench.strategy import Strategy
from seedbench.trialset import TrialSet

PROTOCOL = "held-out-1"
CAMPAIGNS = 20
WAYS = ("worse", "better", "shuffled")  # how unpaid values are replaced
TIME_LIMIT = 60.0  # seconds for one campaign
PROCESS_TIME_LIMIT = 300.0  # seconds for all campaigns in another process

Call = tuple[Any, ...]  # its kind, then what it was called with: see `_said`


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: whether it holds (None: that is not asked of this strategy), and what was seen."""

    passed: bool | None
    text: str


@dataclass(frozen=True)
class Case:
    """One campaign: a block that holds its one replicate, its budget in full trials, and what it is shown of others."""

    block: Replicates
    budget: int
    past: tuple[PastTable, ...] = ()

    @property
    def replicate(self) -> int:
        return self.block.replicates.start

    @property
    def name(self) -> str:
        return f"table {self.block.table.name}, budget {self.budget}, replicate {self.replicate}"


def check_strategy(
    strategy: Strategy, trials: TrialSet, *, seed: int = 0, campaigns: int = CAMPAIGNS, track: str = "cold"
) -> list[Finding]:
    """Checks a loaded strategy on recorded trials.

    Args:
        strategy: what `load_strategy` returned.
        trials: any trial set; its tables and budgets are taken in turn.
        seed: of the hidden randomness.
        campaigns: at least so many; more where there are more tables and budgets.
        track: "cold", or "transfer".

    Returns:
        What was found, in order; it ends with the first thing that does not hold.

    Raises:
        StrategyFailed: a campaign has no result.
        SelectionError: no table of the trial set is large enough for any budget; no such track; the transfer track on
            trials of one task.
    """
    cases = _cases(trials, seed, campaigns, track)
    traces = _in_another_process(strategy, cases, hash_seed=1, to_first_failure=True)
    if traces[-1].failed is not None:
        raise traces[-1].failed
    tables, spent = len({case.block.table.name for case in cases}), np.mean([trace.spent for trace in traces])
    findings = [Finding(True, f"runs: {len(cases)} campaigns on {tables} trial tables, {spent:.0%} of budget spent")]

    again = _in_another_process(strategy, cases[::-1], hash_seed=2)[::-1]
    if parted := _first_difference(cases, traces, again):
        cause = "it carries state from campaign to campaign, or has randomness of its own; use campaign.rng alone"
        return [*findings, Finding(False, f"not reproducible: {parted}: {cause}")]
    findings.append(Finding(True, "reproducible: the same calls in another process and order, with another hash seed"))

    if strategy.oracle:
        return [*findings, Finding(None, "an oracle: told all test scores, so not blind, and refused on leaderboards")]
    changed = [_altered(case, trace.paid, way) for way in WAYS for case, trace in zip(cases, traces, strict=True)]
    blind = _in_another_process(strategy, changed, hash_seed=1)
    if parted := _first_difference(changed, traces * len(WAYS), blind):
        return [*findings, Finding(False, f"not blind: {parted}, though only what it had not paid for was changed")]
    tried = f"{len(WAYS)} ways × {len(cases)} campaigns"
    return [*findings, Finding(True, f"blind: the same calls when what it had not paid for is changed, {tried}")]


def _cases(trials: TrialSet, seed: int, campaigns: int, track: str) -> list[Case]:
    history = history_of_track(track, trials.tables)
    admitted = admitted_budgets(trials.tables, (), PROTOCOL)
    pairs = [(table, budget) for table, budgets in zip(trials.tables, admitted, strict=True) for budget in budgets]
    rounds = -(-campaigns // len(pairs))
    replicates = range(rounds + rounds % 2)
    cases = {}
    for table in {table.name: table for table, _ in pairs}.values():
        block = prepare(table, seed=seed, replicates=replicates, protocol=PROTOCOL)
        # The predictions are not needed any more, and so are not there to be found.
        bare = replace(block, table=replace(table, predicted_label=None, example_loss=None, label=None))
        shown = History.of(table, history) if history else None
        for replicate in range(rounds):
            past = RecordedTrials(block, replicate, history=shown).past()
            cases[table.name, replicate] = (_one_replicate(bare, replicate), past)
    every = [(*cases[table.name, replicate], budget) for replicate in range(rounds) for table, budget in pairs]
    return [Case(block, budget, past) for block, past, budget in every]


def _one_replicate(block: Replicates, replicate: int) -> Replicates:
    at = block.replicates.index(replicate)
    arrays: dict[str, Any] = {
        name: value[at : at + 1] for name, value in vars(block).items() if isinstance(value, np.ndarray)
    }
    return replace(block, replicates=range(replicate, replicate + 1), **arrays)


# --- what a strategy does ---------------------------------------------------------------------------------------------


class _LoggedTrials(RecordedTrials):
    """The trials of a case, which write down what they are asked for; `paid` counts the checkpoints of each trial."""

    def __init__(self, case: Case) -> None:
        super().__init__(case.block, case.replicate)
        self._past = case.past
        self.calls: list[Call] = []
        self.paid: dict[int, int] = {}

    def past(self) -> tuple[PastTable, ...]:
        return self._past

    def source(self) -> RecordedSource:
        source = super().source()
        start = source.start

        def logged_start(
            weight_init_seed: int | None, data_order_seed: int | None
        ) -> tuple[int, int, Callable[[], Measurements]]:
            self.calls.append(("start", weight_init_seed, data_order_seed))
            row, column, train = start(weight_init_seed, data_order_seed)
            number, trial = len(self.paid), self.trial(row, column)
            self.paid[trial] = 0

            def logged_train() -> Measurements:
                self.calls.append(("advance", number))
                self.paid[trial] += 1
                return train()

            return row, column, logged_train

        source.start = logged_start
        return source


@dataclass(frozen=True)
class Trace:
    """What happened in one campaign.

    Attributes:
        calls: the strategy's, and what it kept at the end.
        paid: checkpoints paid for of each trial of the table that was started.
        spent: share of the budget.
        failed: why it has no result, if it has none.
    """

    calls: list[Call]
    paid: dict[int, int]
    spent: float
    failed: StrategyFailed | None = None


def _trace(strategy: Strategy, case: Case) -> Trace:
    trials = _LoggedTrials(case)
    deadline = Deadline(TIME_LIMIT)
    try:
        with deadline.installed():
            settled = run_campaign(strategy, trials, case.budget, deadline=deadline)
    except StrategyFailed as failed:
        return Trace([*trials.calls, ("fail", failed.reason)], trials.paid, 0.0, failed)
    kept = ("keep", settled.weight_init_seed, settled.data_order_seed, settled.checkpoint)
    spent = settled.steps_spent / (case.budget * case.block.table.num_steps)
    return Trace([*trials.calls, kept], trials.paid, spent)


def _altered(case: Case, paid: dict[int, int], way: str) -> Case:
    """The same campaign with everything replaced that was not paid for: the future, other trials, the test half."""
    block, table = case.block, case.block.table
    unpaid = np.ones((table.num_trials, table.num_checkpoints), dtype=bool)
    for trial, count in paid.items():
        unpaid[trial, :count] = False
    score, loss, train_loss = block.validation_score.copy(), block.validation_loss.copy(), table.train_loss.copy()
    for values, worst, best in ((score[0], 0.0, 1.0), (loss[0], 9.0, 0.01), (train_loss, 9.0, 0.01)):
        if way == "shuffled":
            values[unpaid] = np.random.default_rng(case.replicate).permutation(values[unpaid])
        else:
            values[unpaid] = worst if way == "worse" else best
    whole = np.full_like(table.score, 0.0 if way == "worse" else 1.0)
    changed = replace(table, train_loss=train_loss, score=whole, validation_loss=whole.astype(np.float32))
    return replace(
        case,
        block=replace(block, table=changed, validation_score=score, validation_loss=loss, test_score=whole[None]),
    )


# --- the same again, elsewhere ----------------------------------------------------------------------------------------


def _in_another_process(
    strategy: Strategy, cases: Sequence[Case], *, hash_seed: int, to_first_failure: bool = False
) -> list[Trace]:
    """Runs all campaigns, or those up to one that fails, in a fresh interpreter, one after the other.

    The records of one at a time are in its memory.
    """
    try:
        order = b"".join(map(pickle.dumps, (len(cases), to_first_failure, strategy, *cases)))
    except Exception as error:
        raise StrategyFileError(f"{strategy.name} cannot be sent to another process ({error}); give a file") from None
    own = [os.getcwd()] if "" in sys.path else []  # from a prompt; last, as no module there is to be Python's own
    paths = os.pathsep.join([path for path in sys.path if path] + own)
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": paths}
    # -P: no module of the folder that this is called from takes the place of one of Python's own.
    command = [sys.executable, "-P", "-c", "from seedbench.checks import _answer; _answer()"]
    try:
        done = subprocess.run(
            command,
            input=order,
            stdout=subprocess.PIPE,
            env=environment,
            timeout=PROCESS_TIME_LIMIT,
            check=True,
            start_new_session=True,  # Ctrl-C is for this process to hear, which ends the other
        )
        return pickle.loads(done.stdout)
    except subprocess.TimeoutExpired:
        limit = f"{PROCESS_TIME_LIMIT:.0f} seconds"
        raise SeedbenchError(f"{strategy.name}: {len(cases)} campaigns in another process took over {limit}") from None
    except subprocess.CalledProcessError as error:
        raise SeedbenchError(f"{strategy.name}: another process ended with exit code {error.returncode}") from None
    except (EOFError, pickle.UnpicklingError):
        raise SeedbenchError(f"{strategy.name}: ended its process, by os._exit say, before it had returned") from None


def _answer() -> None:
    """The other process: cases from stdin, their traces to stdout; what the strategy prints goes to stderr."""
    if sys.platform == "linux":
        from seedbench.sandbox.kernel import die_with_parent

        die_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    orders = sys.stdin.buffer
    count, to_first_failure, strategy = pickle.load(orders), pickle.load(orders), pickle.load(orders)
    traces: list[Trace] = []
    while len(traces) < count and not (to_first_failure and traces and traces[-1].failed):
        traces.append(_trace(strategy, pickle.load(orders)))
    with answers:
        pickle.dump(traces, answers)


def _first_difference(cases: Sequence[Case], one: Sequence[Trace], other: Sequence[Trace]) -> str:
    """Where two runs of the same campaigns part, in words; '' where they do not."""
    for case, first, second in zip(cases, one, other, strict=True):
        left, right = first.calls, second.calls
        if left != right:
            shorter = min(len(left), len(right))
            at = next((n for n in range(shorter) if left[n] != right[n]), shorter)
            said = [_said(calls[at]) if at < len(calls) else "nothing" for calls in (left, right)]
            return f"{case.name}: call {at + 1} was {said[0]} in one run and {said[1]} in the other"
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
