"""How one campaign is run again: what to type, for whoever has to look into a failure."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from seedbench.errors import StrategyFailed
from seedbench.replay.options import ReplayOptions
from seedbench.strategy import Strategy
from seedbench.trialset import Selection, TrialSet

_OPTIONS = {"protocol": "--protocol", "track": "--track", "seed": "--seed", "time_limit": "--time-limit"}


@contextmanager
def saying_how(strategies: Sequence[Strategy], selection: Selection, options: ReplayOptions) -> Iterator[None]:
    """A campaign that fails says how it is run again: by a command, or in Python where the strategy is a callable."""
    try:
        yield
    except StrategyFailed as failed:
        which = next((strategy for strategy in strategies if strategy.name == failed.strategy), None)
        if which is not None:
            of = _in_python if which.given is not None else _on_the_command_line
            failed.again = of(which, failed, selection, options)
        raise


def _on_the_command_line(
    strategy: Strategy, failed: StrategyFailed, selection: Selection, options: ReplayOptions
) -> str:
    if isinstance(selection.trials, TrialSet):  # which came from a place that is not known here
        return ""
    words = ["seedbench", "evaluate", strategy.as_given]
    words += [] if selection.trials is None else ["--trials", str(selection.trials)]
    words += [] if selection.revision is None else ["--revision", selection.revision]
    for name, option in _OPTIONS.items():
        if (value := getattr(options, name)) != getattr(ReplayOptions, name):
            words += [option, f"{value:g}" if name == "time_limit" else str(value)]
    words += ["--sandbox"] if options.sandbox else []
    return shlex.join([*words, "--only", failed.campaign])


def _in_python(strategy: Strategy, failed: StrategyFailed, selection: Selection, options: ReplayOptions) -> str:
    if options.track != ReplayOptions.track:
        return ""
    given = {"budget": failed.budget, "replicate": failed.replicate}
    given |= {} if options.seed == ReplayOptions.seed else {"seed": options.seed}
    said = [repr(failed.table), *(f"{name}={value}" for name, value in given.items())]
    if isinstance(selection.trials, TrialSet):
        said.append("trials=trials")
    elif selection.trials is not None:
        said.append(f"trials={str(selection.trials)!r}")
    if selection.revision is not None:
        said.append(f"revision={selection.revision!r}")
    name = strategy.given.__name__ if inspect.isfunction(strategy.given) else ""
    return f"{name if name.isidentifier() else 'strategy'}(seedbench.open_campaign({', '.join(said)}))"
