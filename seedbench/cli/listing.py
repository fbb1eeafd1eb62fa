"""Short tables for the terminal: what a trial set holds, what ships, what one campaign did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from seedbench.display.terminal import fitted, joined
from seedbench.text import counted

if TYPE_CHECKING:
    from seedbench.replay import TableReplay
    from seedbench.strategy import Strategy
    from seedbench.trialset import TrialSet


def campaign_table(done: TableReplay, replicate: int) -> Table:
    """One campaign, replayed alone."""
    table, (budget,) = done.table, done.budgets
    trial, checkpoint = done.trial.item(), done.checkpoint.item()
    seeds = table.weight_init_seeds[table.row[trial]], table.data_order_seeds[table.column[trial]]
    row, column = (labels.get(int(seed), seed) for labels, seed in zip(table.seed_labels, seeds, strict=True))
    scores = table.as_measured(np.array([done.score.item(), done.validation_score.item()]))
    lower = "" if table.sign > 0 else " (lower is better)"
    grid = Table(box=None, show_header=False, padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("campaign", f"{table.name}, budget {budget}, replicate {replicate}")
    grid.add_row("kept", f"trial of weight_init_seed {row}, data_order_seed {column}")
    grid.add_row("", f"its checkpoint {checkpoint + 1} of {table.num_checkpoints}, at step {table.step[checkpoint]}")
    grid.add_row("score", f"{scores[0]:.4f}; it was chosen for {scores[1]:.4f}{lower}")
    grid.add_row("started", counted(done.trials_started.item(), "trial"))
    grid.add_row("spent", f"{done.steps_spent.item() / table.num_steps:.2f} of {counted(budget, 'full trial')}")
    return grid


def trials_table(trials: TrialSet, width: int) -> Group:
    """What a trial set holds: for each trial table its grid, its curves, the best validation scores of its trials.

    Args:
        trials: the trial set.
        width: of the terminal, in columns.
    """
    from seedbench.trialset import curve_words, diverged_words, seeds_words

    models = joined(sorted({table.model for table in trials.tables}))
    there = counted(sum(table.num_trials for table in trials.tables), "trial")
    head = Text.assemble(
        (f"{trials.name} {trials.version}", "bold"), f": {there} of {models}", f"\nsha256 {trials.sha256}"
    )
    if trials.revision:
        head.append(f"\nHub commit {trials.revision}")
    parts: list[RenderableType] = [head]
    lines = []
    for table in trials.tables:
        best = table.as_measured(table.score.max(axis=1))
        cells = {
            "trials": str(table.num_trials),
            "seeds": seeds_words(*table.grid, table.num_trials),
            "missing": str(table.missing),
            "diverged": diverged_words(table),
            "checkpoints": str(table.num_checkpoints),
            "lowest": f"{best.min():.4f}",
            "mean": f"{best.mean():.4f}",
            "highest": f"{best.max():.4f}",
        }
        lines.append(cells)
    widths = {title: max(7, len(title), *(len(cells[title]) for cells in lines)) for title in lines[0]}
    for at, (table, cells) in enumerate(zip(trials.tables, lines, strict=True)):
        grid = Table(box=None, show_header=at == 0, header_style="dim", padding=(0, 1))
        for title in cells:
            grid.add_column(title, justify="right", width=widths[title])
        grid.add_row(*cells.values())
        heading = Text(f"\n{table.model} · {table.task} · {table.recipe}", style="bold")
        if table.score_name:
            heading.append(
                f"  {table.metric_words}{'' if table.sign > 0 else ', lower is better'}", style="not bold dim"
            )
        parts += [heading, fitted(grid, width, ("checkpoints", "missing", "seeds"))]
        parts.append(Text(f" {curve_words(table)}", style="dim"))
    parts.append(Text("\nlowest, mean, highest: of the best score on the whole dev set of each trial", style="dim"))
    parts.append(Text("diverged: met a NaN loss, or ended no better than always the commoner label", style="dim"))
    if any((table.status == "failed").any() for table in trials.tables):
        note = "failed: ended by itself, or its scores became NaN; neither diverged nor finished"
        parts.append(Text(note, style="dim"))
    if any(table.unknown.any() for table in trials.tables):
        note = "not known: without a majority score; seedbench trials import --majority-score X compares with it"
        parts.append(Text(note, style="dim"))
    scored = [f"{table.task} {table.recipe}" for table in trials.tables if table.test_score is not None]
    if len(scored) < len(trials.tables):
        note = "No test scores: protocol dodge2020 works on such tables, held-out-2 does not."
        if scored:
            note = f"Test scores: {joined(scored)}; held-out-2 leaves the others out, dodge2020 takes all."
        parts.append(Text(note, style="dim"))
    return Group(*parts)


def strategies_table() -> Table:
    """The shipped strategies, a line each."""
    from seedbench.strategy import describe, shipped

    grid = Table(box=None, show_header=False, padding=(0, 1))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column()
    for name in shipped():
        grid.add_row(name, describe(name))
    return grid


def parameters_table(strategy: Strategy) -> RenderableType:
    """The parameters of a strategy, a line each: the name, the value, and what its author says of it."""
    from seedbench.strategy import parameters_of

    if not (parameters := parameters_of(strategy)):
        return Text(f"{strategy.name} has no parameters.")
    grid = Table(box=None, show_header=False, padding=(0, 1))
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    grid.add_column()
    for parameter in parameters:
        grid.add_row(parameter.name, Text(repr(parameter.value)), Text(parameter.said))
    return Group(Text("Parameters", style="italic"), grid)  # a title of the table would be cut to its width
