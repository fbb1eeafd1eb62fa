"""What a person sees of an evaluation: the scores of each trial table, the strategies side by side, and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from seedbench.display.terminal import (
    UNDEFINED,
    full_trials,
    half,
    interval_plot,
    joined,
    multiplier,
    multiplier_range,
    paired_difference,
    percent,
    percent_range,
    place,
    sparkline,
)

if TYPE_CHECKING:
    from seedbench.evaluation.result import (
        Against,
        Difference,
        Evaluation,
        Row,
        StrategyIdentity,
        Summary,
        SummaryDifference,
    )

PLOT_LIMITS = (-0.25, 1.5)  # gaps beyond these are drawn at the edge
LEGEND = {
    "±": "95% interval over replicates and seeds; dev examples held fixed",
    "gap closed": "0% is one full trial, 100% the best of 64 (of all, if fewer)",
    "compute": "full trials best-of-n needs for this score, per trial of budget",
    "optimism": "how much higher the score was that the choice was made on",
    "started": "trials with at least one checkpoint paid for",
}


def evaluation_report(evaluation: Evaluation, width: int) -> Group:
    """Everything about an evaluation for a terminal `width` columns wide."""
    parts: list[RenderableType] = [_heading(evaluation), *_score_tables(evaluation.rows, width)]
    if evaluation.against:
        parts += [Text("\nPaired difference in score", style="bold"), *_difference_tables(evaluation, width)]
    parts += [Text("\nGap closed, all tables together", style="bold"), _summary_table(evaluation, width), Text()]
    parts += [Text(sentence) for sentence in words(evaluation)]
    legend = Table.grid(padding=(0, 2))
    for term, meaning in LEGEND.items():
        legend.add_row(Text(term, style="dim"), Text(meaning, style="dim"))
    return Group(*parts, Text(), legend)


def words(evaluation: Evaluation) -> list[str]:
    """The summary as sentences."""
    name, summary, rows = evaluation.strategy.name, evaluation.summary, evaluation.rows
    count = len({_table(row) for row in rows})
    over = "one trial table" if count == 1 else f"{count} trial tables"
    ran: list[StrategyIdentity | Against] = [evaluation.strategy, *evaluation.against]
    told = [one.name for one in ran if one.oracle]
    sentences = [
        f"{one} is an oracle: it was told the test scores, and shows how far choosing could get." for one in told
    ]
    sentences += [sentence] if (sentence := _worth(name, summary)) else []
    if summary.gap_closed is None:
        sentences.append(f"In these tables no choice does better than one full trial: {name} has no gap to close.")
    else:
        spread = percent_range(summary.gap_closed_low, summary.gap_closed_high)
        sentences.append(
            f"Over {over} {name} closes {percent(summary.gap_closed)} of the gap between one full trial and the best "
            f"of many{spread}."
        )
    for other in evaluation.against:
        if other.summary_difference.gap_closed is not None:
            sentences.append(f"That is {points_of_gap(other.summary_difference, other.name)}.")
    silent = sorted({f"{row.task} {row.recipe}" for row in rows if row.no_signal})
    if silent:
        sentences.append(f"In {joined(silent)} seeds make too little difference to be told from noise (no signal).")
    undefined = sorted({f"{row.task} {row.recipe} {row.undefined_share:.1%}" for row in rows if row.undefined_share})
    if undefined:
        sentences.append(f"Checkpoints whose score is undefined and counted as 0 or as wrong: {joined(undefined)}.")
    if evaluation.left_out:
        sentences.append(f"Left out, having too few trials for these budgets: {joined(evaluation.left_out)}.")
    idle = [row for row in rows if row.budget_spent < 0.9 * row.budget]
    if idle:
        worst = min(idle, key=lambda row: row.budget_spent / row.budget)
        spent, where = f"{worst.budget_spent:.1f} of {worst.budget}", f"{worst.task} {worst.recipe}"
        sentences.append(f"It left budget unspent: in {where} it spent {spent} full trials.")
    return sentences


def _heading(evaluation: Evaluation) -> Text:
    trials = evaluation.trials
    facts = [f"{trials.name} {trials.version}", evaluation.protocol, f"{evaluation.track} track"]
    facts += [f"{evaluation.replicates} replicates", f"seed {evaluation.seed}"]
    return Text.assemble((evaluation.strategy.name, "bold"), f" on {', '.join(facts)}")


def _score_tables(rows: Sequence[Row], width: int) -> Iterator[RenderableType]:
    """One block a trial table, columns aligned across all of them."""
    wide = width >= 110  # room for the multiplier's interval, which is wide itself and never the headline
    plot_width = max(12, min(40, width - (86 if wide else 68)))
    lines = [
        [
            str(row.budget),
            f"{row.score:.4f}{half(row.score, row.score_high, 1, '.4f')}",
            "no signal" if row.no_signal else percent(row.gap_closed) + half(row.gap_closed, row.gap_closed_high, 100),
            ""
            if row.no_signal
            else interval_plot(
                row.gap_closed, row.gap_closed_low, row.gap_closed_high, PLOT_LIMITS, plot_width, marks=(0, 1)
            ),
            multiplier(row.compute_multiplier, row.compute_multiplier_bound),
            *([multiplier_range(row.compute_multiplier_low, row.compute_multiplier_high)] if wide else []),
            f"{row.optimism:+.4f}",
            f"{row.trials_started:.1f}",
        ]
        for row in rows
    ]
    axis = _axis(plot_width)
    titles = ["budget", "score", "gap closed", axis, "compute", *(["its 95%"] if wide else []), "optimism", "started"]
    widths = [max(len(line[i]) for line in [titles, *lines]) for i in range(len(titles))]
    at = 0
    for number, (_, group) in enumerate(groupby(rows, key=_table)):
        members = list(group)
        yield _group_title(members[0])
        grid = Table(box=None, show_header=number == 0, header_style="dim", padding=(0, 1), pad_edge=True)
        for title, column_width in zip(titles, widths, strict=True):
            left = title in ("score", "gap closed", axis)
            style = "cyan" if title == axis else ""
            grid.add_column(title, justify="left" if left else "right", width=column_width, no_wrap=True, style=style)
        for row, line in zip(members, lines[at : at + len(members)], strict=True):
            grid.add_row(*line, style="dim" if row.no_signal else None)
        at += len(members)
        yield grid


def _group_title(row: Row) -> Text:
    return Text.assemble(
        "\n",
        (" · ".join(_table(row)), "bold"),
        (f"\none full trial {row.floor:.4f}, best of many {row.ceiling:.4f}", "dim"),
    )


def _axis(width: int) -> str:
    """The head of the plot: 0% and 100% over their places."""
    line = [" "] * width
    for share, label in ((0.0, "0"), (1.0, "100%")):
        at = min(place(share, PLOT_LIMITS, width), width - len(label))
        line[at : at + len(label)] = label
    return "".join(line)


def _difference_tables(evaluation: Evaluation, width: int) -> Iterator[RenderableType]:
    """As many strategies side by side as the terminal has room for, the others below."""
    column = max(18, *(len(f"to {other.name}") for other in evaluation.against))
    beside = max(1, (width - 8) // (column + 2))
    for at in range(0, len(evaluation.against), beside):
        others = evaluation.against[at : at + beside]
        paired: list[tuple[Difference, ...]] = list(zip(*(other.differences for other in others), strict=True))
        for number, (table, group) in enumerate(groupby(paired, key=lambda differences: _table(differences[0]))):
            yield Text(f"\n{' · '.join(table)}", style="bold")
            grid = Table(box=None, show_header=number == 0, header_style="dim", padding=(0, 1))
            grid.add_column("budget", justify="right", width=6)
            for other in others:
                grid.add_column(f"to {other.name}", width=column, no_wrap=True)
            for differences in group:
                cells = [paired_difference(d.score, d.score_low, d.score_high, 1, "+.4f") for d in differences]
                grid.add_row(str(differences[0].budget), *cells)
            yield grid


def _summary_table(evaluation: Evaluation, width: int) -> Table:
    """A line per strategy; its gap closed at each budget is drawn too where the terminal has room."""
    budgets = sorted({row.budget for row in evaluation.rows})
    grid = Table(box=None, header_style="dim", padding=(0, 1, 0, 0) if width < 100 else (0, 1), collapse_padding=True)
    grid.add_column("budget", no_wrap=True)
    for title in [*map(str, budgets), "", "all", "compute"]:
        grid.add_column(title, justify="right", no_wrap=True)
    if evaluation.against:
        grid.add_column("paired", no_wrap=True)
    _add_strategy(grid, evaluation.strategy.name, evaluation.summary, budgets, None)
    for other in evaluation.against:
        _add_strategy(grid, other.name, other.summary, budgets, other)
    return grid


def _add_strategy(grid: Table, name: str, summary: Summary, budgets: Sequence[int], other: Against | None) -> None:
    at_budget = {at.budget: at.gap_closed for at in summary.budgets}
    gaps = [at_budget.get(budget) for budget in budgets]
    total = percent(summary.gap_closed) + half(summary.gap_closed, summary.gap_closed_high, 100)
    cells: list[RenderableType] = [Text(name, style="" if other else "bold"), *(percent(gap) for gap in gaps)]
    cells += [sparkline(gaps), total, multiplier(summary.compute_multiplier, summary.compute_multiplier_bound)]
    if other:
        d = other.summary_difference
        cells.append(paired_difference(d.gap_closed, d.gap_closed_low, d.gap_closed_high, 100, "+.0f"))
    grid.add_row(*cells)
    needed = {
        at.budget: full_trials(at.compute_multiplier * at.budget, at.compute_multiplier_bound) for at in summary.budgets
    }
    if needed and not other:
        texts = [Text(needed.get(budget) or UNDEFINED, style="dim") for budget in budgets]
        grid.add_row(Text("best-of-n needs", style="dim"), *texts)


def _worth(name: str, summary: Summary) -> str:
    """What plain best-of-n would need for the same: at 8 full trials, or at the budget next to it."""
    known = [at for at in summary.budgets if at.compute_multiplier is not None]
    if not known:
        return ""
    at = min(known, key=lambda at: (abs(at.budget - 8), at.budget))
    if at.compute_multiplier_bound == "<":
        return f"At a budget of {at.budget} full trials {name} finds no more than one full trial does."
    needed = full_trials(at.compute_multiplier * at.budget, at.compute_multiplier_bound)
    needed = f"at least{needed.lstrip('≥')}" if needed.startswith("≥") else needed
    return f"At a budget of {at.budget} full trials {name} finds what plain best-of-n needs {needed.strip()} for."


def _table(row: Row | Difference) -> tuple[str, str, str]:
    return row.model, row.task, row.recipe


def print_report(evaluation: Evaluation, console: Console) -> None:
    """Prints the whole report to a console, fitted to its width."""
    console.print(evaluation_report(evaluation, console.width), soft_wrap=False)


def points_of_gap(difference: SummaryDifference, other: str) -> str:
    """A difference in gap closed in words, as '2 points less of the gap than other (95% interval -7 to +3)'."""
    if difference.gap_closed is None:
        return UNDEFINED
    low, high = difference.gap_closed_low, difference.gap_closed_high
    amount = f"{abs(difference.gap_closed) * 100:.0f}"
    unit = "point" if amount == "1" else "points"
    text = f"{amount} {unit} {'more' if difference.gap_closed >= 0 else 'less'} of the gap than {other}"
    if low is None or high is None:
        return text
    text += f" (95% interval {low * 100:+.0f} to {high * 100:+.0f})"
    return text + ("" if low > 0 or high < 0 else ": the data cannot tell them apart")
