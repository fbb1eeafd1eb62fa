"""The page of all rules on all bundled tables, and its pictures, from what was measured."""

from __future__ import annotations

from dataset_card.own import OWN
from dataset_card.own_page import BUDGETS, ablation, cells_of, limit, mean, mean_multiplier, tuned, worth
from dataset_card.rules import Cell, Kind, Measured, Table
from seedbench import display
from seedbench.display import charts
from seedbench.display.axes import Axis
from seedbench.display.terminal import joined, multiplier
from seedbench.files import work_folder
from seedbench.strategy import DEVELOPED_ON

PAGE = "rules.md"
KINDS: dict[Kind, tuple[str, str]] = {
    "fails": ("Where trials fail", "a tenth of the trials or more end no better than the commoner label"),
    "differs": ("Where few or none fail and seeds differ", "best-of-n can win three points or more"),
    "alike": ("Where seeds are much alike", "best-of-n can win less than three points"),
}


def pages(measured: Measured) -> dict[str, str]:
    """File name -> content: the page and a picture for each kind of table."""
    kinds = [kind for kind in KINDS if any(table.kind == kind for table in measured.tables)]
    pictures = {f"rules-{kind}.svg": picture(measured, kind) for kind in kinds}
    parts = [_top(measured), _safe(measured), *(_kind(measured, kind) for kind in kinds)]
    parts += [tuned(measured), _elsewhere(measured), limit(measured), ablation(measured)]
    return {PAGE: "\n\n".join(parts) + "\n", **pictures}


def _top(measured: Measured) -> str:
    dev = "; the others have none, and are chosen and scored on the dev set (`dodge2020`)"
    tested = ", ".join(f"`{table.name}`" for table in measured.tables if table.protocol != "dodge2020")
    return (
        "# Which rule, and when\n\n"
        f"Every shipped rule, in every setting that `seedbench advise` tries, on every bundled table of "
        f"{measured.trials.name} {measured.trials.version}: {measured.replicates} campaigns each, seed "
        f"{measured.seed}. "
        f"Scored on a test set (`held-out-2`): {tested}{dev}. "
        "`python -m dataset_card.rules --measure` makes it anew, and a test holds the page to what was measured.\n\n"
        "Differences to best-of-n with the same budget come first, in points of the score, with half of a 95% interval "
        "of that number alone; ▲ and ▼ hold for all rules and budgets of a table together. The multiplier (×) is what "
        "best-of-n would need for the same score, in budgets: where best-of-n hardly rises it is noise. A score that "
        "best-of-n is below or above at any budget gives a bound (≤, ≥), which counts as that number in means and "
        "minima."
    )


def _safe(measured: Measured) -> str:
    """Each rule's worst and mean over tables with signal."""
    rows = []
    for rule in measured.rules:
        cells = cells_of(rule, [table for table in measured.tables if table.signal])
        failing = cells_of(rule, [table for table in measured.tables if table.signal and table.kind == "fails"])
        worst = min(cells, key=lambda cell: cell.difference)
        rows.append((mean_multiplier(cells), rule, cells, failing, worst))
    lines = [
        f"| `{rule.label}` | {100 * worst.difference:+.1f} | {min(map(worth, cells)):.2f}× | {mean:.2f}× | "
        f"{mean_multiplier(failing):.2f}× | {sum(cell.difference > 0 for cell in cells)} of {len(cells)} |"
        for mean, rule, cells, failing, worst in sorted(rows, key=lambda row: -row[0])
    ]
    head = (
        "| rule | worst difference | worst × | mean × | mean × where trials fail | better than best-of-n |\n"
        "|---|---|---|---|---|---|"
    )
    never = [
        f"`{rule.label}`"
        for _, rule, cells, _, _ in rows
        if rule.name != "full_trials" and all(cell.difference <= 0 for cell in cells)  # which is best-of-n
    ]
    return (
        "## At a glance\n\n"
        f"Over all tables with signal, budgets of {', '.join(map(str, BUDGETS))}; means of "
        "multipliers are geometric.\n\n"
        + "\n".join([head, *lines])
        + (f"\n\nBetter than best-of-n nowhere here, and kept as baselines: {', '.join(never)}." if never else "")
    )


def _kind(measured: Measured, kind: Kind) -> str:
    title, rule_of_it = KINDS[kind]
    tables = [table for table in measured.tables if table.kind == kind]
    parts = [f"## {title}\n\nThat is: {rule_of_it}.\n\n![Difference to best-of-n of each rule](rules-{kind}.svg)"]
    for table in tables:
        budgets = [cell.budget for cell in measured.rules[0].tables[table.name]]
        lines = [f"| rule | {' | '.join(map(str, budgets))} |", "|---" * (len(budgets) + 1) + "|"]
        order = sorted(measured.rules, key=lambda rule: -sum(cell.difference for cell in rule.tables[table.name]))
        lines += [
            f"| `{rule.label}` | {' | '.join(_said(cell, table) for cell in rule.tables[table.name])} |"
            for rule in order
        ]
        signal = "" if table.signal else " Choosing among full trials wins nothing that is told from noise."
        parts.append(
            f"### {table.name}\n\n{table.trials} trials, {table.diverged} of them failed; one full trial scores "
            f"{table.floor:.4f}, the best of many {table.ceiling:.4f} ({table.protocol}).{signal}\n\n"
            + "\n".join(lines)
        )
    return "\n\n".join(parts)


def _elsewhere(measured: Measured) -> str:
    """Leave a task out, or a table that our own rule was not developed on: chosen on all others, judged there."""
    signal = [table for table in measured.tables if table.signal]
    left_out: dict[str, list[Table]] = {}
    for table in sorted(signal, key=lambda table: table.name):
        left_out.setdefault(f"task {table.name.split('/')[0]}", []).append(table)
    judges = [table for table in signal if table.name not in DEVELOPED_ON[OWN]]
    left_out |= {f"table {table.name}": [table] for table in judges}
    own = [rule for rule in measured.rules if rule.name == OWN]
    others = [rule for rule in measured.rules if rule.name not in (OWN, "full_trials", "last_checkpoint")]
    lines = ["| left out | " + OWN + " | × there | best other rule elsewhere | × there |", "|---|---|---|---|---|"]
    for said, there in left_out.items():
        known = [table for table in signal if table not in there and table not in judges]
        columns = []
        for rules in (own, others):
            best = max(rules, key=lambda rule: mean_multiplier(cells_of(rule, known)))
            cells = cells_of(best, there)
            columns += [f"`{best.label}`", f"{mean_multiplier(cells):.2f} (worst {min(map(worth, cells)):.2f})"]
        lines.append(f"| {said} | {' | '.join(columns)} |")
    return (
        "## Chosen elsewhere\n\n"
        "The setting with the highest geometric mean on the tables that are neither left out nor kept for judging, and "
        "its mean on those left out. "
        f"`{OWN}` itself was developed on all tables here"
        + (
            f" but {joined([table.name for table in judges])}, and its parameters were fixed before "
            f"{'it was' if len(judges) == 1 else 'these were'} opened to it: only "
            f"{'that judges' if len(judges) == 1 else 'they judge'} it. "
            if judges
            else ": none judges it. "
        )
        + "[What was tried to better it](rules-tried.md) is kept by hand.\n\n"
        + "\n".join(lines)
    )


def picture(measured: Measured, kind: Kind) -> str:
    """An SVG: of each rule as it ships the mean difference to best-of-n over the tables of a kind, at each budget.

    Raises:
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    tables = [table for table in measured.tables if table.kind == kind]
    rules = [rule for rule in measured.rules if not rule.parameters]
    points = {
        rule.label: {
            budget: 100 * mean([cell.difference for cell in cells_of(rule, tables) if cell.budget == budget])
            for budget in BUDGETS
        }
        for rule in rules
    }
    rows = [
        {"label": label, "budget": f"budget {budget:>2}", "points": won}
        for label, of in sorted(points.items(), key=lambda one: -sum(one[1].values()))
        for budget, won in of.items()
    ]
    value = Axis("points", "points above best-of-n", format="+.1f")
    chart = charts.intervals(rows, value, series="budget", levels={"": 0}, row_height=24)
    chart = chart.properties(padding={"left": 28, "top": 5, "right": 5, "bottom": 5})  # a reader's letters may be wider
    with work_folder() as folder:
        path = folder / f"rules-{kind}.svg"
        display.save(chart, path, theme="both", width=680, title=KINDS[kind][0])
        return path.read_text(encoding="utf-8")


def _said(cell: Cell, table: Table) -> str:
    half = "" if cell.high is None else f" ±{100 * (cell.high - cell.difference):.1f}"
    marked = cell.p is not None and cell.p < 0.05 and cell.difference
    mark = "" if not marked else " ▲" if cell.difference > 0 else " ▼"
    worth = "" if not table.signal else f", {multiplier(cell.multiplier, cell.bound)}"
    return f"{100 * cell.difference + 0.0:+.1f}{half}{mark}{worth}"
