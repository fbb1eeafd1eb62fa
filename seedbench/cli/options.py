"""Arguments and options that several commands take, and what is made of them: one selection, one set of options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from seedbench.commands import count, integer, number


@dataclass(frozen=True)
class Default:
    """What a field of `ReplayOptions` is where it is not given; not imported before it is wanted."""

    field: str

    def __call__(self) -> Any:
        from seedbench.replay import ReplayOptions

        return getattr(ReplayOptions, self.field)

    def __str__(self) -> str:
        return str(self())


STRATEGY = Annotated[
    str,
    typer.Argument(
        metavar="STRATEGY", help="A file.py, file.py:name, or a shipped strategy; with parameters as asha(rungs=2)."
    ),
]
SET = Annotated[
    list[str], typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the strategy; may be repeated.")
]
TRIALS = Annotated[
    str | None, typer.Option(metavar="DIR|HUB_ID", help="A trial set; without it, the one that is bundled.")
]
REVISION = Annotated[str | None, typer.Option(metavar="TAG", help="Tag, branch or commit of a trial set on the Hub.")]
TRACK = Annotated[
    str,
    typer.Option(metavar="NAME", help="cold; or transfer: strategies are shown the trials of the model's other tasks."),
]
TABLES = Annotated[
    list[str],
    typer.Option(metavar="MODEL/TASK/RECIPE", help="This trial table only, or the end of its name; may be repeated."),
]
MODELS = Annotated[list[str], typer.Option(metavar="M", help="This model only; may be repeated.")]
TASKS = Annotated[list[str], typer.Option(metavar="T", help="This task only; may be repeated.")]
RECIPES = Annotated[list[str], typer.Option(metavar="R", help="This recipe only; may be repeated.")]
BUDGETS = Annotated[list[int], typer.Option(metavar="B", parser=count, help="In full trials; may be repeated.")]
REPLICATES = Annotated[int, typer.Option(metavar="N", parser=count, help="Campaigns per table and budget.")]
SEED = Annotated[int, typer.Option(metavar="N", parser=integer, help="Of all randomness.")]
PROTOCOL = Annotated[str, typer.Option(metavar="NAME", help="held-out-2 or dodge2020.")]
PROCESSES = Annotated[int | None, typer.Option(metavar="N", parser=count, help="Without it, one per usable CPU.")]
SANDBOX = Annotated[
    bool,
    typer.Option("--sandbox", show_default=False, help="Run strategies in sealed processes; Linux on x86-64."),
]
TIME_LIMIT = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        parser=number,
        help="What one campaign may take, sealed or not; waiting for a CPU does not count.",
    ),
]
JSON = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result here; - for stdout.")]
HTML = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with figures here.")]

# What a `Selection` and `ReplayOptions` are made of: the parameter of a command, the field, and its default.
_SELECTION: dict[str, tuple[str, Any, Any]] = {
    "trials": ("trials", TRIALS, None),
    "revision": ("revision", REVISION, None),
    "table": ("tables", TABLES, []),
    "model": ("models", MODELS, []),
    "task": ("tasks", TASKS, []),
    "recipe": ("recipes", RECIPES, []),
    "budget": ("budgets", BUDGETS, []),
}
_REPLAY: dict[str, tuple[str, Any, Any]] = {
    "replicates": ("replicates", REPLICATES, Default("replicates")),
    "seed": ("seed", SEED, Default("seed")),
    "protocol": ("protocol", PROTOCOL, Default("protocol")),
    "track": ("track", TRACK, Default("track")),
    "processes": ("processes", PROCESSES, None),
    "sandbox": ("sandbox", SANDBOX, Default("sandbox")),
    "time_limit": ("time_limit", TIME_LIMIT, Default("time_limit")),
}


def with_options(selection: str = "", options: str = "") -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Has a command take options in place of its parameters `selection` and `options`, and makes these of them.

    Args:
        selection: which options make the `Selection`, by their names.
        options: which make the `ReplayOptions`; without `--processes` there is one a CPU that may be used.
    """
    groups = {"selection": selection.split(), "options": options.split()}
    known = _SELECTION | _REPLAY

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(command, localns={"Selection": Any, "ReplayOptions": Any}, include_extras=True)
        parameters: list[Parameter] = []
        for name, own in signature(command).parameters.items():
            if name in groups:
                taken = {one: known[one][1:] for one in groups[name]}
            else:
                taken = {name: (hints[name], own.default)}
            parameters += [
                Parameter(one, Parameter.KEYWORD_ONLY, annotation=kind, default=default)
                for one, (kind, default) in taken.items()
            ]

        @wraps(command)
        def called(**given: Any) -> None:
            made = {name: {known[one][0]: given.pop(one) for one in taken} for name, taken in groups.items() if taken}
            command(**given, **_made(**made))

        called.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return called

    return decorate


def _made(selection: dict[str, Any] | None = None, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """The objects that a command takes, from the values of their fields."""
    from seedbench.cpus import usable_cpus
    from seedbench.replay import ReplayOptions
    from seedbench.trialset import Selection

    made: dict[str, Any] = {}
    if selection is not None:
        made["selection"] = Selection(**selection)
    if options is not None:
        if "processes" in options:
            options |= {"processes": options["processes"] or usable_cpus(), "apart": True, "resume": True}
        made["options"] = ReplayOptions(**options)
    return made
