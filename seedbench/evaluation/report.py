"""What a person sees of an evaluation: the scores of each trial table, the strategies side by side, and words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from seedbench.display.terminal import (
    UNDEFINED,
    difference,
    fitted,
    full_trials,
    half,
    interval_plot,
    legend,
    multiplier,
    multiplier_range,
    percent,
    place,
    seconds,
    sparkline,
)
from seedbench.evaluation.words import words
from seedbench.text import counted

if TYPE_CHECKING:
    from seedbench.evaluation.numbers import Difference, Row, Summary
    from seedbench.evaluation.result import Against, Evaluation

PLOT_LIMITS = (-0.25, 1.5)  # gaps beyond these are drawn at the edge
EXAMPLES = 1.96  # half of a 95% interval over examples, in standard errors
TAKEN = 104  # columns of all but the plot
FIRST_LESS_IT = "first less it"  # as in all differences of two strategies: the evaluated one minus the other
LEAVE_OUT = (
    "started",
    "optimism",
    "looks",
    "finds",
    "compute",
    "to best-of-n",
)  # in this order, where there is no room
LEGEND = {
    "score": "mean over the campaigns of what the kept checkpoint scored",
    "±": "half of a 95% interval of this number alone, over replicates and seeds; examples held fixed",
    "to best-of-n": "score less what best-of-n is expected to score with this budget: + is better",
    "▲ ▼": "better, worse: holds at 95% for all lines of a table, or of the summary, together (Holm)",
    "finds": "the true difference to best-of-n that would be marked, by itself, four times in five",
    "gap closed": "0% is one full trial, 100% the best that best-of-n scores with up to 64",
    "compute": "full trials best-of-n needs for this score, per trial of budget",
    "its 95%": "interval of compute, of that number alone",
    "optimism": "how much too high the kept one scored where it was chosen, less that of any trial",
    "started": "trials with at least one checkpoint paid for",
    "looks": "validations paid for, in seconds where known; the budget does not count them",
    "oracle": "the best that any trial of a pool scores",
    "all": "mean over the budgets",
    "best-of-n needs": "full trials to close as much of the gap as is closed above",
}


def evaluation_report(evaluation: Evaluation, width: int) -> Group:
    """Everything about an evaluation for a terminal `width` columns wide."""
    parts: list[RenderableType] = [_heading(evaluation), *_score_tables(evaluation.rows, width)]
    legend_of = dict(LEGEND)
    if evaluation.against:
        name = evaluation.strategy.name
        parts += [Text(f"\nScore of {name} less that of another", style="bold"), *_difference_tables(evaluation, width)]
        legend_of[FIRST_LESS_IT] = first_less_it_words(evaluation)
    parts += [Text("\nGap closed, all tables with signal together", style="bold"), _summary_table(evaluation, width)]
    parts += [Text(), *(Text(sentence) for sentence in words(evaluation))]
    return Group(*parts, Text(), legend(legend_of, parts, (*LEAVE_OUT, "its 95%")))


def first_less_it_words(evaluation: Evaluation, what: str = "gap closed by") -> str:
    """What stands in the column of that name."""
    name = evaluation.strategy.name
    return f"{what} {name} less that of this line, on the same replicates: + is for {name}"


def _heading(evaluation: Evaluation) -> Text:
    trials = evaluation.trials
    facts = [f"{trials.name} {trials.version}", evaluation.protocol, f"{evaluation.track} track"]
    facts += [counted(evaluation.replicates, "replicate"), f"seed {evaluation.seed}"]
    return Text.assemble((evaluation.strategy.name, "bold"), f" on {', '.join(facts)}")


def _score_tables(rows: Sequence[Row], width: int) -> Iterator[RenderableType]:
    """One block a trial table, columns aligned across all of them."""
    plot_width = min(40, width - TAKEN)
    wide = plot_width >= 24  # room for the multiplier's interval, which is wide itself and never the headline
    plot_width -= 14 if wide else 0
    columns = _columns(rows, plot_width if plot_width >= 12 else 0, wide)
    lines = [{title: cell(row) for title, cell in columns.items()} for row in rows]
    widths = {title: max(len(title), *(len(line[title]) for line in lines)) for title in columns}
    for title in LEAVE_OUT:  # what a narrow terminal has no room for
        if sum(widths.values()) + len(widths) > width:
            widths.pop(title, None)
    at = 0
    for number, (_, group) in enumerate(groupby(rows, key=_table)):
        members = list(group)
        yield _group_title(members)
        grid = Table(box=None, show_header=number == 0, header_style="dim", padding=(0, 1, 0, 0), pad_edge=True)
        for title, column_width in widths.items():
            left = title in ("score", "to best-of-n", "gap closed") or title.startswith(" ")
            style = "cyan" if title.startswith(" ") else ""
            grid.add_column(title, justify="left" if left else "right", width=column_width, no_wrap=True, style=style)
        for row, line in zip(members, lines[at : at + len(members)], strict=True):
            grid.add_row(*(line[title] for title in widths), style="dim" if row.no_signal else None)
        at += len(members)
        yield grid


def _columns(rows: Sequence[Row], plot_width: int, wide: bool) -> dict[str, Callable[[Row], Text | str]]:
    """Title -> what stands below it."""
    columns: dict[str, Callable[[Row], Text | str]] = {
        "budget": lambda row: str(row.budget),
        "score": lambda row: f"{row.measured(row.score):.4f}{half(row.score, row.score_high, 1, '.4f')}",
        "to best-of-n": lambda row: difference(row.difference, row.difference_high, row.difference_p, 1, "+.4f"),
        "finds": lambda row: UNDEFINED if row.difference_detectable is None else f"{row.difference_detectable:.4f}",
        "gap closed": lambda row: (
            "no signal" if row.no_signal else percent(row.gap_closed) + half(row.gap_closed, row.gap_closed_high, 100)
        ),
    }
    if plot_width:
        columns[_axis(plot_width)] = lambda row: interval_plot(
            row.gap_closed, row.gap_closed_low, row.gap_closed_high, PLOT_LIMITS, plot_width, marks=(0, 1)
        )
    columns["compute"] = lambda row: multiplier(row.compute_multiplier, row.compute_multiplier_bound)
    if wide:
        columns["its 95%"] = lambda row: multiplier_range(row.compute_multiplier_low, row.compute_multiplier_high)
    if any(row.optimism is not None for row in rows):
        columns["optimism"] = lambda row: UNDEFINED if row.optimism is None else f"{row.optimism:+z.4f}"
    columns["started"] = lambda row: f"{row.trials_started:.1f}"
    columns["looks"] = lambda row: (
        f"{row.validations:.0f}" if row.validation_seconds is None else seconds(row.validation_seconds)
    )
    return columns


def _group_title(rows: Sequence[Row]) -> Text:
    said = "".join(f"\n{sentence}" for sentence in levels_words(rows))
    return Text.assemble("\n", (" · ".join(_table(rows[0])), "bold"), (said, "dim"))


def levels_words(rows: Sequence[Row]) -> list[str]:
    """Between which scores a table's strategies are; and what best-of-n scores where there is no signal.

    Args:
        rows: of one table and strategy.
    """
    row = rows[0]
    floor, ceiling, oracle = map(row.measured, (row.floor, row.ceiling, row.oracle))
    said = f"one full trial {floor:.4f}, best of many {ceiling:.4f}, oracle {oracle:.4f}"
    said += "" if row.sign > 0 else " (lower is better)"
    if row.floor_over_examples is not None and row.ceiling_over_examples is not None:
        ends = (f"±{EXAMPLES * error:.4f}" for error in (row.floor_over_examples, row.ceiling_over_examples))
        said += f" (over other examples: {', '.join(ends)})"
    if not row.no_signal:
        return [said]
    best = ", ".join(
        f"{row.measured(row.best_of_n):.4f}{half(row.best_of_n, row.best_of_n_high, 1, '.4f')} with {row.budget}"
        for row in rows
    )
    return [said, f"no signal; best-of-n scores {best}"]


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
        every: list[tuple[Difference, ...]] = list(zip(*(other.differences for other in others), strict=True))
        for number, (table, group) in enumerate(groupby(every, key=lambda differences: _table(differences[0]))):
            yield Text(f"\n{' · '.join(table)}", style="bold")
            grid = Table(box=None, show_header=number == 0, header_style="dim", padding=(0, 1))
            grid.add_column("budget", justify="right", width=6)
            for other in others:
                grid.add_column(f"to {other.name}", width=column, no_wrap=True)
            for differences in group:
                cells = [difference(d.score, d.score_high, d.score_p, 1, "+.4f") for d in differences]
                grid.add_row(str(differences[0].budget), *cells)
            yield grid


def _summary_table(evaluation: Evaluation, width: int) -> Table:
    """A line per strategy, with its gap closed at each budget."""
    budgets, wide = sorted({row.budget for row in evaluation.rows}), width >= 100
    grid = Table(box=None, header_style="dim", padding=(0, 1) if wide else (0, 1, 0, 0), collapse_padding=True)
    grid.add_column("budget", no_wrap=True)
    for title in [*map(str, budgets), *([""] if wide else []), "all", *(["compute"] if wide else [])]:
        grid.add_column(title, justify="right", no_wrap=True)
    grid.add_column("to best-of-n", no_wrap=True)
    if evaluation.against:
        grid.add_column(FIRST_LESS_IT, no_wrap=True)
    _add_strategy(grid, evaluation.strategy.name, evaluation.summary, budgets, None, wide)
    for other in evaluation.against:
        _add_strategy(grid, other.name, other.summary, budgets, other, wide)
    return fitted(grid, width, [str(budget) for budget in budgets[:-1]])


def _add_strategy(
    grid: Table, name: str, summary: Summary, budgets: Sequence[int], other: Against | None, wide: bool
) -> None:
    at_budget = {at.budget: at.gap_closed for at in summary.budgets}
    gaps = [at_budget.get(budget) for budget in budgets]
    total = percent(summary.gap_closed) + half(summary.gap_closed, summary.gap_closed_high, 100)
    cells: list[RenderableType] = [Text(name, style="" if other else "bold"), *(percent(gap) for gap in gaps)]
    worth = multiplier(summary.compute_multiplier, summary.compute_multiplier_bound)
    cells += [sparkline(gaps), total, worth] if wide else [total]
    cells.append(difference(summary.difference, summary.difference_high, summary.difference_p, 100, "+.0f"))
    if other:
        d = other.summary_difference
        cells.append(difference(d.gap_closed, d.gap_closed_high, d.gap_closed_p, 100, "+.0f"))
    grid.add_row(*cells)
    needed = {
        at.budget: full_trials(at.compute_multiplier * at.budget, at.compute_multiplier_bound) for at in summary.budgets
    }
    if needed and not other:
        texts = [Text(needed.get(budget) or UNDEFINED, style="dim") for budget in budgets]
        grid.add_row(Text("best-of-n needs", style="dim"), *texts)


def _table(row: Row | Difference) -> tuple[str, str, str]:
    return row.model, row.task, row.recipe


def print_report(evaluation: Evaluation, console: Console) -> None:
    """Prints the whole report to a console, fitted to its width."""
    console.print(evaluation_report(evaluation, console.width), soft_wrap=False)
