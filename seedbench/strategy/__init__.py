"""Strategies: a user's file, the name of a shipped one, or a callable; each of them with parameters, where it has some.

The contract: a strategy is a callable that takes a `Campaign` and returns the `Trial` or the `Checkpoint` to keep, or
None for the best checkpoint seen. A file binds one to the name `strategy`; `my_strategy.py:other` selects another.
Every campaign gets a fresh call, and an object with `__call__` is copied anew for each: nothing is carried over.
A callable with the attribute `oracle = True` gets an `OracleCampaign`, which is told the test scores: it shows how far
choosing could get at best, and is refused wherever strategies are ranked.
Parameters are the fields of a dataclass: `my_strategy.py(fraction=0.5)` is what the file binds, with that value of one.

    loading      a strategy, and how one is loaded
    named        what it is called: names with parameters, and what values those can have
    neighbours   the files beside it that a file imports
    binding      runs a file, finds what it binds, and gives that its parameters
    described    what is said of a strategy: first line, parameters, settings worth trying, where it was developed
    frames       what is said of one that failed
"""

from seedbench.strategy.binding import execute, with_given
from seedbench.strategy.described import (
    DEVELOPED_IN,
    DEVELOPED_ON,
    Setting,
    describe,
    parameters_of,
    tried_settings,
)
from seedbench.strategy.frames import failure_of
from seedbench.strategy.loading import Strategy, load_strategy, one_file_words, refuse_oracle, shipped
from seedbench.strategy.named import checked_parameters, file_of, parse_settings, with_parameters_said
from seedbench.strategy.neighbours import statements, syntax_tree

__all__ = [
    "DEVELOPED_IN",
    "DEVELOPED_ON",
    "Setting",
    "Strategy",
    "checked_parameters",
    "describe",
    "execute",
    "failure_of",
    "file_of",
    "load_strategy",
    "one_file_words",
    "parameters_of",
    "parse_settings",
    "refuse_oracle",
    "shipped",
    "statements",
    "syntax_tree",
    "tried_settings",
    "with_given",
    "with_parameters_said",
]
