"""What is said of a strategy: the first line of its file, its parameters, and where it was developed."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from seedbench import docstrings
from seedbench.strategy.binding import parameter_names
from seedbench.strategy.loading import Strategy, load_strategy, shipped

#: A shipped strategy, and the parameters that differ from its defaults.
Setting = tuple[str, dict[str, Any]]

#: The trial set of these tables; and by strategy those, as task/recipe, that were open while its parameters were
#: chosen. Others judge it.
DEVELOPED_IN = "seedbench/bert-glue-trials"
DEVELOPED_ON = {
    "patient_halving": (
        "cola/dodge2020-lr1e-4-all",
        "mrpc/dodge2020-lr1e-4-all",
        "mrpc/few256-all",
        "rte/dodge2020-lr1e-4-all",
        "sst2/few64-all",
        "sst2/few128-all",
        "sst2/few256-all",
        "sst2/few64-5-epochs-no-bias-correction-lr4e-4",
        "sst2/few128-5-epochs-no-bias-correction-lr3e-4",
    )
}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a strategy: its name, its value where none is given, and what its author says of it."""

    name: str
    value: Any
    said: str


def describe(name: str) -> str:
    """First line of a shipped strategy's docstring, without running it."""
    text = (files("seedbench.strategies") / f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]


def parameters_of(strategy: Strategy) -> tuple[Parameter, ...]:
    """The parameters of a strategy as it is bound, in the order of its fields; none of a function."""
    bound = strategy.build()
    _, said = docstrings.split(type(bound).__doc__)
    return tuple(Parameter(name, getattr(bound, name), said.get(name, "")) for name in parameter_names(bound))


def tried_settings() -> tuple[Setting, ...]:
    """The settings worth trying, of every shipped strategy that says so: its class has them as `tried`."""
    return tuple(
        (name, dict(parameters))
        for name in shipped()
        for parameters in getattr(load_strategy(name).build(), "tried", ())
    )
