"""What is to be worked on: a trial set, and which of its tables and budgets."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from seedbench.errors import SelectionError

if TYPE_CHECKING:
    import os

    from seedbench.trialset.load import TrialSet
    from seedbench.trialset.table import TrialTable


class SelectionKeywords(TypedDict, total=False):
    """Keywords that every function takes that works on tables of a trial set.

    Attributes:
        revision: tag or commit, if the trial set is a Hub dataset.
        models: only tables of these models, or of this one; empty for all. So too `tasks` and `recipes`.
        tasks: see `models`.
        recipes: see `models`.
    """

    revision: str | None
    models: str | Sequence[str]
    tasks: str | Sequence[str]
    recipes: str | Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which tables of which trial set, under which budgets. What is given is checked here, and nowhere else.

    Where several may be given, so may one alone; none means all.

    Attributes:
        trials: a folder, a Hub dataset, or what `load_trials` returned; None for the bundled trial set.
        revision: tag, branch or commit, if `trials` is a Hub dataset.
        tables: names of tables, `model/task/recipe`, or the end of one after a slash where only one table has it.
        models: of tables, so too `tasks` and `recipes`; a table is selected that fits in all four.
        tasks: see `models`.
        recipes: see `models`.
        budgets: in full trials, ascending, each once.

    Raises:
        SelectionError: a name that is no text, or a budget that is no whole number from 1.
    """

    trials: str | os.PathLike[str] | TrialSet | None = None
    revision: str | None = None
    tables: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    budgets: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for kind in ("table", "model", "task", "recipe"):
            object.__setattr__(self, f"{kind}s", _names(kind, getattr(self, f"{kind}s")))
        object.__setattr__(self, "budgets", _budgets(self.budgets))

    def of(self, name: str, tables: Sequence[TrialTable]) -> tuple[TrialTable, ...]:
        """The tables that are selected, in their order.

        Args:
            name: of the trial set.
            tables: of the trial set.

        Raises:
            SelectionError: a name that no table has, or names that no table has together.
        """
        kept = tuple(tables)
        for kind, of in _KINDS.items():
            wanted, known = getattr(self, f"{kind}s"), sorted({of(table) for table in tables})
            if kind == "table":
                wanted = tuple(_whole(one, known, name) for one in wanted)
            for one in wanted:
                if one not in known:
                    raise SelectionError(f"unknown {kind} {one!r}: trial set {name} has {', '.join(known)}")
            kept = tuple(table for table in kept if not wanted or of(table) in wanted)
        if not kept:
            there = ", ".join(table.name for table in tables)
            raise SelectionError(f"no trial table of trial set {name} fits the selection; it has {there}")
        return kept


def ending_in(wanted: str, names: Sequence[str]) -> list[str]:
    """Of tables' names that which is this one; else those that end in it after a slash."""
    return [name for name in names if name == wanted] or [name for name in names if name.endswith(f"/{wanted}")]


def _whole(wanted: str, names: Sequence[str], trial_set: str) -> str:
    """The name of the one table that is meant; what is none stays as it is."""
    found = ending_in(wanted, names)
    if len(found) > 1:
        raise SelectionError(f"{len(found)} tables of trial set {trial_set} end in {wanted!r}: {', '.join(found)}")
    return found[0] if found else wanted


_KINDS = {
    "table": operator.attrgetter("name"),
    "model": operator.attrgetter("model"),
    "task": operator.attrgetter("task"),
    "recipe": operator.attrgetter("recipe"),
}


def _names(kind: str, given: object) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    names = tuple(given) if isinstance(given, Iterable) else (given,)
    for name in names:
        if not isinstance(name, str):
            raise SelectionError(f"a {kind} is selected by its name, found {_shown(name)}")
    return names


def _budgets(given: object) -> tuple[int, ...]:
    """Budgets as they may be given, one alone included -> ascending, each once."""
    rule = "a budget must be a whole number of full trials from 1, found"
    # An array of no dimensions, too, is one alone; text is none, and no sequence of any.
    alone = not isinstance(given, Iterable) or isinstance(given, str | bytes) or getattr(given, "ndim", 1) == 0
    every: Iterable[Any] = [given] if alone else given  # type: ignore[assignment]
    budgets = {whole_number(budget, rule) for budget in every}
    if budgets and min(budgets) < 1:
        raise SelectionError(f"{rule} {min(budgets)}")
    return tuple(sorted(budgets))


def refuse_unknown(given: Iterable[str], known: type) -> None:
    """Raises `TypeError` for a keyword that is not one of a typed dictionary's."""
    names = known.__annotations__
    for name in given:
        if name not in names:
            raise TypeError(f"unexpected keyword argument {name!r}: there are {', '.join(sorted(names))}")


def whole_number(value: object, rule: str) -> int:
    """An integer of any kind, NumPy's included, as an `int`; not a float, even if it is whole, and no bool.

    Raises:
        SelectionError: it is something else; the text is `rule` and the value.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise SelectionError(f"{rule} {_shown(value)}") from None


def _shown(value: object) -> str:
    return " ".join(repr(value).split())[:80]
