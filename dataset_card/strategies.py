"""What the card says of strategies on the trials, from what ``seedbench evaluate --figure --json`` wrote there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from seedbench.display.terminal import half, multiplier, percent
from seedbench.documents import read_json
from seedbench.errors import TrialSetError
from seedbench.evaluation import Evaluation, Summary
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
    intro = (
        "What strategies that share a compute budget among trials make of them (`seedbench evaluate`), all tables with "
        "signal together:"
    )
    return "\n\n".join([intro, *parts]) + "\n\n"


def _figure(path: Path, trials: TrialSet) -> str:
    if not path.exists():
        return ""
    if trials.sha256[:12] not in path.read_text(encoding="utf-8"):
        raise _outdated(path, "figure")
    return f"![Gap closed by strategies at each budget]({FIGURE})"


def _table(path: Path, trials: TrialSet) -> str:
    """Gap closed of every strategy at each budget and over all, and the first one's less its own."""
    if not path.exists():
        return ""
    advice = f"not what seedbench evaluate writes: make it anew with --json {path}, or remove it"
    evaluation = read_json(path, Evaluation, advice=advice, error=TrialSetError)
    if evaluation.trials.sha256 != trials.sha256:
        raise _outdated(path, "json")
    first = evaluation.strategy.name
    budgets = [at.budget for at in evaluation.summary.budgets]
    lines = [_line(first, evaluation.summary, budgets, "")]
    for one in evaluation.against:
        difference = one.summary_difference
        less = _less(difference.gap_closed, difference.gap_closed_high)
        lines.append(_line(one.name, one.summary, budgets, less))
    header = ["gap closed", *(f"{budget}" for budget in budgets), "all budgets", "compute", f"{first} less it"]
    rows = ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *lines)]
    legend = (
        "Columns are budgets in full trials. 0% is what one full trial scores, 100% the best that best-of-n scores "
        "with up to 64; ± is half of a 95% interval over replicates and seeds, of each number alone. Compute: "
        "full trials that best-of-n needs for the same "
        "score, per full trial of the budget. The last column is paired, in points. "
        f"Protocol {evaluation.protocol}, {evaluation.replicates} replicates, seed {evaluation.seed}."
    )
    return "\n".join(rows) + f"\n\n{legend}"


def _line(name: str, summary: Summary, budgets: Sequence[int], less: str) -> list[str]:
    at_budget = {at.budget: at.gap_closed for at in summary.budgets}
    return [
        f"`{name}`",
        *(percent(at_budget.get(budget)) for budget in budgets),
        percent(summary.gap_closed) + half(summary.gap_closed, summary.gap_closed_high, 100),
        multiplier(summary.compute_multiplier, summary.compute_multiplier_bound),
        less,
    ]


def _less(less: float | None, high: float | None) -> str:
    """The first one minus this one, in points with half of its interval."""
    return "" if less is None else f"{round(100 * less):+d}{half(less, high, 100)}"


def _outdated(path: Path, option: str) -> TrialSetError:
    return TrialSetError(
        f"{path}: made from another version of the trials; make it again (seedbench evaluate … --{option} {path}), or "
        "remove it"
    )
