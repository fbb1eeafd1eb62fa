"""What a replay is asked for: the protocol, and the budgets that a trial table takes part in."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from seedbench.errors import SelectionError
from seedbench.trialset import TrialTable

#: `held-out-1`: select on one half of the dev set, report on the other. `dodge2020`: the whole dev set for both.
PROTOCOLS = ("held-out-1", "dodge2020")

#: In full trials; a table takes part in those it has enough trials for.
BUDGETS = (2, 4, 8, 16, 32)


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


def budgets_of(given: Sequence[int] | int) -> tuple[int, ...]:
    """Budgets as they may be given, one alone included -> ascending, each once.

    Raises:
        SelectionError: one that is no positive whole number.
    """
    rule = "a budget must be a whole number of full trials from 1, found"
    # An array of no dimensions, too, is one alone; text is none, and no sequence of any.
    alone = not isinstance(given, Iterable) or isinstance(given, str | bytes) or getattr(given, "ndim", 1) == 0
    every: Iterable[Any] = [given] if alone else given  # type: ignore[assignment]
    found = {whole_number(budget, rule) for budget in every}
    if found and min(found) < 1:
        raise SelectionError(f"{rule} {min(found)}")
    return tuple(sorted(found))


def _shown(value: object) -> str:
    return " ".join(repr(value).split())[:80]


def admitted_budgets(
    tables: Sequence[TrialTable], budgets: Sequence[int] | int, protocol: str
) -> list[tuple[int, ...]]:
    """The budgets that each table takes part in, ascending; an empty sequence asks for those of `BUDGETS` that fit.

    Raises:
        SelectionError: a budget that is no positive whole number, or that one of the tables has too few trials for.
    """
    share = 4 if protocol == "held-out-1" else 1
    asked = budgets_of(budgets)
    for budget in asked:
        for table in tables:
            if share * budget > table.num_trials:
                largest = table.num_trials // share
                enough = f"enough for a budget of {largest}" if largest else "too few for any budget"
                others = "; leave that table out, or the budget" if len(tables) > 1 else ""
                raise SelectionError(
                    f"budget {budget} needs a table of at least {share * budget} trials under protocol {protocol}; "
                    f"{table.name} has {table.num_trials}, {enough}{others}"
                )
    wanted = asked or BUDGETS
    admitted = [tuple(budget for budget in wanted if share * budget <= table.num_trials) for table in tables]
    if not any(admitted):
        raise SelectionError(
            f"no table has the {share * wanted[0]} trials that the smallest budget, {wanted[0]}, needs"
        )
    return admitted


def require_protocol(table: TrialTable, protocol: str) -> None:
    """Raises `SelectionError` where a table cannot be replayed under a protocol."""
    if protocol not in PROTOCOLS:
        raise SelectionError(f"unknown protocol {protocol!r}: there are {', '.join(PROTOCOLS)}")
    if protocol == "held-out-1" and table.predicted_label is None:
        raise SelectionError(
            f"table {table.name} has no predictions, and without them no score on half of the dev set: "
            "protocol held-out-1 needs them, dodge2020 does not"
        )
