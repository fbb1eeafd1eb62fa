"""The parts of the page of all rules that are about choosing settings, and about the rule of our own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from dataset_card.own import OWN, PARTS
from dataset_card.rules import Cell, Measured, Rule, Table
from seedbench.display.terminal import joined
from seedbench.strategy import DEVELOPED_ON

BUDGETS = (4, 8, 16)
#: What is asked of a rule where trials fail: the geometric mean of its multipliers at these budgets, and at 32.
ASKED, ASKED_AT_32 = 1.5, 2.5


def cells_of(rule: Rule, tables: Sequence[Table]) -> list[Cell]:
    """A rule's cells on these tables at the budgets that means are taken over."""
    return [cell for table in tables for cell in rule.tables[table.name] if cell.budget in BUDGETS]


def worth(cell: Cell) -> float:
    """A cell's multiplier: a bound counts as what it is, and one that best-of-n does not define as 1."""
    return 1.0 if cell.multiplier is None else cell.multiplier


def mean_multiplier(cells: Sequence[Cell]) -> float:
    """The geometric mean of their multipliers; NaN of none."""
    return math.exp(mean([math.log(worth(cell)) for cell in cells]))


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean; NaN of none."""
    return fmean(values) if values else math.nan


def chooses_settings(table: Table) -> bool:
    """Whether settings are chosen on a table: those with a test set are kept for judging what is chosen."""
    return table.signal and table.protocol == "dodge2020"


def chosen(measured: Measured) -> dict[str, tuple[Rule, Rule]]:
    """Of every rule with several settings: the one with the highest mean on the development tables, and its default."""
    tables = [table for table in measured.tables if chooses_settings(table)]
    found = {}
    for name in dict.fromkeys(rule.name for rule in measured.rules):
        settings = [rule for rule in measured.rules if rule.name == name]
        if len(settings) > 1:
            best = max(settings, key=lambda rule: mean_multiplier(cells_of(rule, tables)))
            found[name] = best, next(rule for rule in settings if not rule.parameters)
    return found


def tuned(measured: Measured) -> str:
    """One procedure for the settings of all rules, and what it chooses."""
    known = [table for table in measured.tables if chooses_settings(table)]
    unseen = [table for table in measured.tables if table.signal and table not in known]
    lines = [
        f"| {name} | `{best.label}` | {_mean_and_worst(best, known)} | {_mean_and_worst(default, known)} | "
        f"{_mean_and_worst(best, unseen)} | {_mean_and_worst(default, unseen)} |"
        for name, (best, default) in sorted(
            chosen(measured).items(), key=lambda one: -mean_multiplier(cells_of(one[1][0], known))
        )
    ]
    same = sum(best is default for best, default in chosen(measured).values())
    seen = sum(table.name in DEVELOPED_ON[OWN] for table in unseen)
    but = f", but for `{OWN}`, which was developed on {seen} of them as well" if seen else ""
    return (
        "## Tuned by one procedure\n\n"
        "The settings of a rule stand beside its parameters in its file (`tried`), and each range is checked when it "
        "is made. Among them one procedure chooses for all rules: the highest geometric mean of the multiplier on the "
        f"{len(known)} tables without a test set. The {len(unseen)} with one choose nothing and judge{but}. A default "
        f"is the plain form of a rule, near its source's, and is not moved by this: in {same} of {len(lines)} rules "
        "the two agree.\n\n"
        "| rule | chosen | there: mean × (worst) | its default there | on the others: mean × (worst) | "
        "its default on the others |\n|---|---|---|---|---|---|\n" + "\n".join(lines)
    )


def limit(measured: Measured) -> str:
    """The rule of our own beside itself, told after a fifth of training which trials fail."""
    own = measured.parts[0]
    tables = [table for table in measured.tables if table.signal and table.name in measured.limit.tables]
    lines, ours, told = [], [], []
    for table in tables:
        pairs = [(a, b) for a, b in zip(cells_of(own, [table]), cells_of(measured.limit, [table]), strict=True)]
        ours += [a for a, _ in pairs]
        told += [b for _, b in pairs]
        said = [f"{worth(a):.2f} of {worth(b):.2f}" for a, b in pairs] + ["–"] * (len(BUDGETS) - len(pairs))
        mine, most = mean_multiplier([a for a, _ in pairs]), mean_multiplier([b for _, b in pairs])
        lines.append(
            f"| {table.name} | {100 * table.diverged / table.trials:.0f}% | {' | '.join(said)} | "
            f"{mine:.2f} of {most:.2f} | {_share([a for a, _ in pairs], [b for _, b in pairs])} |"
        )
    below = [
        f"{table.name} ({mean_multiplier(cells_of(measured.limit, [table])):.2f})"
        for table in tables
        if mean_multiplier(cells_of(measured.limit, [table])) < ASKED
    ]
    harmed = [  # clearly: by more than a twentieth
        table.name
        for table in tables
        if mean_multiplier(cells_of(measured.limit, [table])) < 0.95 * mean_multiplier(cells_of(own, [table]))
    ]
    reached = "reaches" if mean_multiplier(ours) >= ASKED else "does not reach"
    at_32 = any(cell.budget == 32 for of in measured.limit.tables.values() for cell in of)
    return (
        "## How much of the limit\n\n"
        f"`{OWN}` beside the same rule, told after a fifth of training which trials will fail, or are reported by the "
        f"scores of one that does (`dataset_card/own.py`): {measured.own_replicates} campaigns each. No rule can know "
        "it. A share is of the points above best-of-n, summed over budgets: below 0 where the rule is below best-of-n; "
        "none is given where being told wins nothing.\n\n"
        f"| table | of its trials fail | {' | '.join(map(str, BUDGETS))} | mean × | share of the points |\n"
        "|---|---|" + "---|" * (len(BUDGETS) + 2) + "\n" + "\n".join(lines) + "\n\n"
        f"Over these tables the rule's mean is {mean_multiplier(ours):.2f}, the limit's {mean_multiplier(told):.2f}. "
        f"What was aimed at where trials fail is {ASKED}, which the rule {reached}; "
        + (
            f"on {joined(below)} not even the limit gets there. "
            if below
            else "the limit gets there on each of these tables. "
        )
        + (
            f"On {joined(harmed)} being told does harm, and is no limit: trials that end as failures may have good "
            "checkpoints on their way, which the rule keeps and the one that is told throws away. "
            if harmed
            else ""
        )
        + (
            ""
            if at_32
            else f"At a budget of 32 the aim is {ASKED_AT_32}, which is not judged: no bundled table where "
            "trials fail is large enough for that budget."
        )
    )


def ablation(measured: Measured) -> str:
    """What each part of the rule of our own is worth."""
    signal = [table for table in measured.tables if table.signal]
    failing = [table for table in signal if table.kind == "fails"]
    whole = cells_of(measured.parts[0], signal)
    lines = []
    for said, part in zip(PARTS, measured.parts, strict=True):
        cells = cells_of(part, signal)
        less = sum(a.difference < b.difference for a, b in zip(cells, whole, strict=True))
        more = sum(a.difference > b.difference for a, b in zip(cells, whole, strict=True))
        where_fails = mean_multiplier(cells_of(part, failing))
        lines.append(
            f"| {said} | `{part.label}` | {mean_multiplier(cells):.2f} | {where_fails:.2f} | "
            f"{min(map(worth, cells)):.2f} | {100 * min(cell.difference for cell in cells):+.1f} | {less} | {more} |"
        )
    return (
        "## What each part is worth\n\n"
        f"`{OWN}` with one part replaced, on all tables with signal at budgets of {', '.join(map(str, BUDGETS))}: "
        f"{measured.own_replicates} campaigns each, the same for all. Worse and better count the tables and budgets, "
        f"of {len(whole)}, at which it scores lower and higher than the rule as it ships. Checkpoints are evenly "
        "spaced in all bundled tables, so what planning by training done is worth does not show here; a test has it "
        "on uneven ones.\n\n"
        "| part | rule | mean × | mean × where trials fail | worst × | worst difference | worse | better |\n"
        "|---|---|---|---|---|---|---|---|\n" + "\n".join(lines)
    )


def _share(cells: Sequence[Cell], limit: Sequence[Cell]) -> str:
    won, most = (sum(cell.difference for cell in of) for of in (cells, limit))
    return f"{100 * won / most:.0f}%" if most > 0 else "–"


def _mean_and_worst(rule: Rule, tables: Sequence[Table]) -> str:
    cells = cells_of(rule, tables)
    return f"{mean_multiplier(cells):.2f} ({min(map(worth, cells)):.2f})"
