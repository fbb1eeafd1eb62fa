"""Pilots of a plan: a few trials at several learning rates, on seeds outside the grids, by which tables take theirs.

A pilot fails where it ends no better than the majority class on the dev set; the test set is not looked at. The rule:
of the rates tried, a table of trials that fail (``takes = "failing"``) takes the lowest at which half or more fail and
one or more does not; a table of trials that do not (``takes = "finishing"``) the highest at which none does. What the
pilots showed lies beside the plan, in a JSON file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from runners.errors import RunnerError
from runners.trial_log import Cell
from seedbench.documents import Count, read_json, to_json
from seedbench.files import write_file

Takes = Literal["failing", "finishing"]
Value = bool | int | float | str
_ANEW = "remove it, and run the pilots again (--pilots)"
#: Of the seed grid.
AXES = ("weight_init_seed", "data_order_seed")


class PilotError(RunnerError):
    """Pilots that are not as their plan says; the message names the file, the pilots and what to do."""


@dataclass(frozen=True)
class PilotsOfPlan:
    """One of ``pilots`` in a plan file.

    Weight-init seeds are dealt to the data-order seeds in turn, as many to each: one trial for each weight-init seed.

    Attributes:
        name: what tables call them.
        learning_rates: those that are tried.
        set: other changed recipe fields.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[\w.-]+$")]
    task: str
    recipe: str
    weight_init_seeds: str
    data_order_seeds: str
    learning_rates: Annotated[list[Annotated[float, msgspec.Meta(gt=0)]], msgspec.Meta(min_length=1)]
    set: dict[str, Value] = field(default_factory=dict)

    def deal(self, rows: Sequence[int], columns: Sequence[int]) -> tuple[Cell, ...]:
        """The trials of these seeds.

        Raises:
            PilotError: the rows cannot be dealt evenly.
        """
        if len(rows) % len(columns):
            raise PilotError(
                f"pilots {self.name!r}: {len(rows)} weight-init seeds cannot be dealt evenly to {len(columns)} "
                "data-order seeds"
            )
        return tuple(Cell(row, columns[at * len(columns) // len(rows)]) for at, row in enumerate(rows))


@dataclass(frozen=True)
class PilotResult:
    """What the pilots of one learning rate showed: of each, its seeds and its score on the dev set at its end."""

    pilots: str
    task: str
    recipe: str
    changes: dict[str, Value]
    learning_rate: float
    majority_score: float
    weight_init_seed: list[Count]
    data_order_seed: list[Count]
    score: Annotated[list[float], msgspec.Meta(min_length=1)]
    failed: Count


@dataclass(frozen=True)
class Choice:
    """The learning rates that the rule takes; None: none of those tried is one."""

    failing: float | None
    finishing: float | None


@dataclass(frozen=True)
class PilotsFile:
    """What all pilots of a plan showed, and what follows, by name."""

    format: Literal[1] = field(default=1, kw_only=True)
    results: list[PilotResult]
    chosen: dict[str, Choice]


def failures(score: Sequence[float], majority_score: float) -> int:
    """How many end no better than the majority class."""
    return sum(not value > majority_score for value in score)


def choose(results: Sequence[PilotResult]) -> dict[str, Choice]:
    """What the rule takes, for each name."""
    chosen = {}
    for name in dict.fromkeys(result.pilots for result in results):
        of_name = [result for result in results if result.pilots == name]
        failing = [one.learning_rate for one in of_name if len(one.score) <= 2 * one.failed < 2 * len(one.score)]
        finishing = [one.learning_rate for one in of_name if one.failed == 0]
        chosen[name] = Choice(min(failing, default=None), max(finishing, default=None))
    return chosen


def results_file(plan: Path) -> Path:
    """Where the results of a plan's pilots lie."""
    return plan.with_name(f"{plan.stem}-pilots.json")


def read_results(plan: Path) -> list[PilotResult]:
    """What the pilots of a plan showed before; [] where none have been run.

    Raises:
        PilotError: their file is damaged, or its counts and its choice are others than the rule's.
    """
    path = results_file(plan)
    if not path.exists():
        return []
    found = read_json(path, PilotsFile, advice=_ANEW, error=PilotError)
    for one in found.results:
        where = f"{path}: pilots {one.pilots!r} at rate {one.learning_rate:g}"
        sizes = {name: len(getattr(one, name)) for name in (*AXES, "score")}
        if len({*sizes.values()}) > 1:
            said = ", ".join(f"{size} {name}" for name, size in sizes.items())
            raise PilotError(f"{where}: must have as many seeds as scores, found {said}: {_ANEW}")
        if one.failed != (failed := failures(one.score, one.majority_score)):
            said = f"'failed' is {one.failed}, and {failed} scores are no better than {one.majority_score:g}"
            raise PilotError(f"{where}: {said}: {_ANEW}")
    if found.chosen != choose(found.results):
        raise PilotError(f"{path}: 'chosen' does not follow from 'results': {_ANEW}")
    return found.results


def result_of(
    pilots: PilotsOfPlan, rate: float, cells: Sequence[Cell], results: Sequence[PilotResult]
) -> PilotResult | None:
    """What these pilots showed at this rate, with the same fields on the same seeds; None: they have not been run."""
    wanted = (pilots.name, pilots.task, pilots.recipe, pilots.set, rate)
    seeds = [(cell.weight_init_seed, cell.data_order_seed) for cell in cells]
    for one in results:
        ran = (one.pilots, one.task, one.recipe, one.changes, one.learning_rate)
        if ran == wanted and list(zip(one.weight_init_seed, one.data_order_seed, strict=True)) == seeds:
            return one
    return None


def write_results(plan: Path, results: Sequence[PilotResult]) -> PilotsFile:
    """Records what the pilots of a plan showed, and what follows."""
    found = PilotsFile(list(results), choose(results))
    write_file(results_file(plan), to_json(found).encode() + b"\n")
    return found


def chosen_rate(plan: Path, pilots: PilotsOfPlan, takes: Takes, cells: Sequence[Cell]) -> float | None:
    """The learning rate that these pilots of a plan gave; None where none have been run.

    Args:
        plan: its file.
        pilots: of that plan.
        takes: which rate.
        cells: the pilots' trials by the plan; of random seeds, which another folder's key has drawn, their number and
            how they are dealt count alone.

    Raises:
        PilotError: their file is damaged, says nothing of these or of other rates, fields and seeds than the plan does
            now, or no rate that was tried is one.
    """
    name, path = pilots.name, results_file(plan)
    if not (results := read_results(plan)):
        return None
    chosen = choose(results)
    if name not in chosen:
        raise PilotError(f"{path}: no results of pilots {name!r}: run them (--pilots)")
    ran = [one for one in results if one.pilots == name]
    tried = ", ".join(f"{one.learning_rate:g}" for one in ran)
    same = all((one.task, one.recipe, one.changes) == (pilots.task, pilots.recipe, pilots.set) for one in ran)
    if not same or sorted(one.learning_rate for one in ran) != sorted(pilots.learning_rates):
        raise PilotError(
            f"{path}: pilots {name!r} were run at rates {tried}, with other rates or fields than {plan.name} has now: "
            "run them again (--pilots)"
        )
    for axis in AXES:
        planned, random = [getattr(cell, axis) for cell in cells], getattr(pilots, f"{axis}s").startswith("random:")
        for one in ran:
            recorded = getattr(one, axis)
            if (_dealt(recorded) != _dealt(planned)) if random else recorded != planned:
                raise PilotError(
                    f"{path}: pilots {name!r} were run with {axis} {_few(recorded)} at rate {one.learning_rate:g}, "
                    f"with others than {plan.name} has now ({getattr(pilots, f'{axis}s')}): run them again (--pilots)"
                )
    rate: float | None = getattr(chosen[name], takes)
    if rate is None:
        raise PilotError(f"{path}: of the rates tried by pilots {name!r} ({tried}) none is {takes}: try others")
    return rate


def _dealt(seeds: Sequence[int]) -> list[int]:
    """Which of the seeds are the same one."""
    return [seeds.index(seed) for seed in seeds]


def _few(seeds: Sequence[int]) -> str:
    """Different seeds, or the first of them and how many there are."""
    shown = list(dict.fromkeys(seeds))
    return ", ".join(map(str, shown[:4])) + (f", … ({len(shown)})" if len(shown) > 4 else "")
