"""What a replay is asked for: the protocol, and the budgets that a trial table takes part in."""

from __future__ import annotations

from collections.abc import Sequence

from seedbench.errors import SelectionError
from seedbench.trialset import TrialTable

#: `held-out-1`: select on one half of the dev set, report on the other. `dodge2020`: the whole dev set for both.
PROTOCOLS = ("held-out-1", "dodge2020")

#: In full trials; a table takes part in those it has enough trials for.
BUDGETS = (2, 4, 8, 16, 32)


def admitted_budgets(tables: Sequence[TrialTable], budgets: Sequence[int], protocol: str) -> list[tuple[int, ...]]:
    """The budgets that each table takes part in, ascending; none asked for asks for those of `BUDGETS` that fit.

    Args:
        tables: at least one.
        budgets: as of a `Selection`.
        protocol: one of `PROTOCOLS`.

    Raises:
        SelectionError: a budget that one of the tables has too few trials for.
    """
    share = 4 if protocol == "held-out-1" else 1
    for budget in budgets:
        for table in tables:
            if share * budget > table.num_trials:
                largest = table.num_trials // share
                enough = f"enough for a budget of {largest}" if largest else "too few for any budget"
                others = "; leave that table out, or the budget" if len(tables) > 1 else ""
                raise SelectionError(
                    f"budget {budget} needs a table of at least {share * budget} trials under protocol {protocol}; "
                    f"{table.name} has {table.num_trials}, {enough}{others}"
                )
    wanted = budgets or BUDGETS
    admitted = [tuple(budget for budget in wanted if share * budget <= table.num_trials) for table in tables]
    if not any(admitted):
        raise SelectionError(
            f"no table has the {share * wanted[0]} trials that the smallest budget, {wanted[0]}, needs"
        )
    return admitted


def require_predictions(table: TrialTable, protocol: str) -> None:
    """Raises `SelectionError` where a table cannot be replayed under a protocol."""
    if protocol == "held-out-1" and table.predicted_label is None:
        raise SelectionError(
            f"table {table.name} has no predictions, and without them no score on half of the dev set: "
            "protocol held-out-1 needs them, dodge2020 does not"
        )
