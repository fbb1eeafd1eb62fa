"""The strategies that ship with seedbench: each one a strategy file, loaded as a user's own is.

Their parameters, and the ranges of these, stand in each file and are checked when one is made. A default is the plain
form of a rule, near its source's. The few other settings that are worth trying stand beside it as `tried`: `advise`
tries them, and the page of all rules (`.github/docs/rules.md`) chooses among them by one procedure, the same for all
rules: the highest geometric mean of the multiplier on the bundled tables without a test set. Those that have one choose
nothing, and judge; `patient_halving` is the exception, whose parameters were chosen on all tables of trial set 2.2.0.

Their classes can be taken from here, `from seedbench.strategies import StartMany`, and are imported when they are.
"""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def __getattr__(name: str) -> Any:
    module = f"{__name__}.{re.sub('(?<!^)(?=[A-Z])', '_', name).lower()}"
    if name[:1].isupper() and find_spec(module) is not None:
        return getattr(import_module(module), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
