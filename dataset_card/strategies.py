"""What the card says of strategies on the trials, from what ``seedbench evaluate --figure --json`` wrote there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seedbench.display.terminal import half, multiplier, percent
from seedbench.errors import TrialSetError
from seedbench.trialset import TrialSet
from seedbench.trialset.files import EVALUATION, FIGURE


def strategies(folder: Path, trials: TrialSet) -> str:
    """The figure and the table, each where it is there; empty where neither is.

    Raises:
        TrialSetError: one was made from other trials, or the table is none.
    """
    parts = [part for part in (_figure(folder / FIGURE, trials), _table(folder / EVALUATION, trials)) if part]
    if not parts:
        return ""
    said = (
        "What strategies that share a compute budget among trials make of them, on held-out halves of the dev sets "
        "(`seedbench evaluate`):"
    )
    return "\n\n".join([said, *parts]) + "\n\n"


def _figure(path: Path, trials: TrialSet) -> str:
    if not path.exists():
        return ""
    if trials.sha256[:12] not in path.read_text(encoding="utf-8"):
        raise _outdated(path, "figure")
    return f"![Gap closed by strategies at each budget]({FIGURE})"


def _table(path: Path, trials: TrialSet) -> str:
    """Gap closed of every strategy at each budget and over all, and how much more of it than the first one's."""
    if not path.exists():
        return ""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["trials"]["sha256"] != trials.sha256:
            raise _outdated(path, "json")
        first = found["strategy"]["name"]
        budgets = [at["budget"] for at in found["summary"]["budgets"]]
        lines = [_line(first, found["summary"], budgets, None)]
        lines += [_line(one["name"], one["summary"], budgets, one["summary_difference"]) for one in found["against"]]
        replicates, seed, protocol = found["replicates"], found["seed"], found["protocol"]
    except (ValueError, KeyError, TypeError) as error:
        raise TrialSetError(
            f"{path}: not what seedbench evaluate writes ({error!r}); make it anew with --json {path}, or remove it"
        ) from None
    header = ["gap closed", *(f"{budget}" for budget in budgets), "all budgets", "compute", f"more than {first}"]
    rows = ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *lines)]
    legend = (
        "Columns are budgets in full trials. 0% is what one full trial scores, 100% what the best of 64 scores; ± is "
        "half of a 95% interval over replicates and seeds. Compute: full trials that best-of-n needs for the same "
        "score, per full trial of the budget. The last column is paired, in points. "
        f"Protocol {protocol}, {replicates} replicates, seed {seed}."
    )
    return "\n".join(rows) + f"\n\n{legend}"


def _line(name: str, summary: dict[str, Any], budgets: Sequence[int], less: dict[str, Any] | None) -> list[str]:
    at_budget = {at["budget"]: at["gap_closed"] for at in summary["budgets"]}
    gap, high = summary["gap_closed"], summary["gap_closed_high"]
    return [
        f"`{name}`",
        *(percent(at_budget.get(budget)) for budget in budgets),
        percent(gap) + half(gap, high, 100),
        multiplier(summary["compute_multiplier"], summary["compute_multiplier_bound"]),
        "" if less is None else _more(less["gap_closed"], less["gap_closed_high"]),
    ]


def _more(less: float | None, high: float | None) -> str:
    """The first one minus this one, turned round, in points with half of its interval."""
    return "" if less is None else f"{-round(100 * less) + 0:+d}{half(less, high, 100)}"


def _outdated(path: Path, option: str) -> TrialSetError:
    return TrialSetError(
        f"{path}: made from another version of the trials; make it again (seedbench evaluate … --{option} {path}), or "
        "remove it"
    )
