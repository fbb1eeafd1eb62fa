"""One campaign of one strategy on recorded trials: to its end, or to a failure that says what happened and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from seedbench.campaign import Labels, Settlement, Source, open_campaign
from seedbench.errors import BudgetSpent, CannotSeal, PoolExhausted, SeedbenchError, StrategyFailed
from seedbench.randomness import strategy_stream
from seedbench.replay.deadline import Deadline
from seedbench.replay.source import RecordedTrials
from seedbench.sandbox import Breach
from seedbench.strategy import Strategy, failure_of

if TYPE_CHECKING:
    from seedbench.campaign import Campaign
    from seedbench.sandbox.campaigns import Sandbox


def run_campaign(
    strategy: Strategy,
    recorded: RecordedTrials,
    budget: int,
    *,
    deadline: Deadline,
    source: Source | None = None,
    sandbox: Sandbox | None = None,
    ahead: Callable[[Sequence[tuple[Labels, int]]], None] | None = None,
    cut: Callable[[SeedbenchError], None] | None = None,
) -> Settlement:
    """Runs a strategy, built anew, in a campaign of its own.

    Args:
        strategy: the strategy.
        recorded: one replicate of a table.
        budget: in full trials.
        deadline: what limits the campaign's wall time.
        source: goes around `recorded.source()`, to look on; None for that itself.
        sandbox: where a sealed strategy runs, under limits of its own.
        ahead: told which trials are about to be trained together, see `open_campaign`.
        cut: told what ended the strategy before it returned, `BudgetSpent` or `PoolExhausted`.

    Raises:
        StrategyFailed: the strategy raised anything but `BudgetSpent` or `PoolExhausted`, did not end, paid for
            nothing, or returned something else than a trial or a paid checkpoint of the campaign; or, sealed, did what
            it may not.
        CannotSeal: no sealed process could be had, or the machine lacked files or memory for this side of it.
        RuntimeError: a sealed strategy without a sandbox.
    """
    table, replicate, seed = recorded.table, recorded.replicate, recorded.seed
    rng = partial(strategy_stream, seed, table, budget, replicate)
    source = recorded.source() if source is None else source
    opened = open_campaign(
        source,
        budget,
        rng=rng,
        history=recorded.history,
        test_scores=recorded.test_scores if strategy.oracle else None,
        ahead=ahead,
    )

    def _failed(strategy: Strategy, what: str, frames: str, verdict: str = "") -> StrategyFailed:
        failed = StrategyFailed(f"strategy {strategy.name} {what}", table, budget, replicate, frames, verdict)
        failed.strategy = strategy.name
        return failed

    call: Callable[[Campaign], object]
    if sandbox is not None and strategy.sealed:
        call, deadline = partial(sandbox.run, strategy, steps=source.steps, past=recorded.past), Deadline(0)
    else:
        call = strategy.build()
    try:
        deadline.start()
        try:
            returned = call(opened.campaign)
        except (BudgetSpent, PoolExhausted) as error:
            returned = None
            if cut is not None:
                cut(error)
        finally:
            deadline.stop()
        settlement = opened.settle(returned)
    except (KeyboardInterrupt, CannotSeal):  # the user's, the machine's, not the strategy's
        raise
    except Breach as breach:
        raise _failed(strategy, breach.said, breach.frames, breach.verdict) from None
    except BaseException as error:  # SystemExit included: a strategy does not end the evaluation by ending itself  # noqa: BLE001
        deadline.stop()
        what, frames = failure_of(error, strategy)
        if strategy.sealed and isinstance(error, OSError | MemoryError):  # the machine's: none of it runs on this side
            raise CannotSeal(f"the trusted side of a sealed process {what}") from None
        raise _failed(strategy, what, frames) from None
    opened.close()
    return settlement
