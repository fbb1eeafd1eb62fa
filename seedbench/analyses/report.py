"""What a person sees of the findings in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from seedbench.analyses.factors import SHARED
from seedbench.analyses.measured import as_measured
from seedbench.analyses.result import Findings, SharedFactor, SharedSeeds
from seedbench.analyses.sections import MAX_LINES, notes, numbers, table_parts
from seedbench.analyses.words import number, shared_sentence
from seedbench.display.terminal import UNDEFINED, fitted, legend
from seedbench.text import counted

LEGEND = {
    "score of a trial": "its best over its checkpoints, on the whole dev set: chosen and scored on the same examples",
    "±, 95% interval": "for other seeds: rows and columns of the grid left out in turn; dev examples held fixed",
    "–": "cannot be told: too few trials, or no differences between them",
    "expected": "without replacement, unbiased; published: with replacement; spread: standard deviation of a best of n",
    "sd": "standard deviation between seeds; × 100: in hundredths of the score; the residual holds all that is not one "
    "seed's alone; the interval takes effects for normal (Searle et al. 1992; Ting et al. 1990)",
    "share, F": "of the variance between trials; F: between the means of seeds, against the residual (by analysis of "
    "variance)",
    "p": "chance of as much without any effect; permutations: Phipson and Smyth 2010",
    "diverged": "the interval of their share takes trials for independent (Wilson 1927)",
    "rho": "Spearman's, over trials, of a checkpoint's score with the trial's best; so far: of the best until then; "
    "between tasks, over seeds, whose means are taken for independent (Bonett and Wright 2000)",
    "stop, continue": "the share of a trial at which all that were started stop, and how many of the best go on",
    "gain": "relative error reduction against best-of-n, error = 1 - score; the combination is chosen with hindsight",
    "held out": "the same where the combination is chosen on half of the seeds and valued on the other half",
    "sources": "questions, search: Dodge et al. 2020, arXiv 2002.06305; best of n: Dodge et al. 2019, arXiv 1909.03004",
}


def findings_report(findings: Findings, width: int) -> Group:
    """All findings for a terminal `width` columns wide."""
    findings = as_measured(findings)
    facts = [f"{findings.trials.name} {findings.trials.version}", f"{findings.permutations:,} permutations"]
    heading = Text.assemble(("Findings", "bold"), f" in {', '.join(facts)}, seed {findings.seed}")
    parts: list[RenderableType] = [heading]
    for table in findings.tables:
        parts += table_parts(table, width)
    parts += _shared_parts(findings.shared_seeds, width)
    parts = [fitted(part, width) if isinstance(part, Table) else part for part in parts]
    return Group(*parts, Text(), legend(LEGEND))


def _shared_parts(groups: Sequence[SharedSeeds], width: int) -> Iterator[RenderableType]:
    yield Text(f"\n{'━' * width}", style="dim")
    yield Text("Seeds that do well on every task", style="bold")
    for shared in groups:
        yield Text(f"{shared.model} · {shared.recipe} · {', '.join(shared.tasks)}")
        yield from notes(shared.notes)
        for factor in shared.factors:
            yield from _shared_factor(factor, shared.tasks)


def _shared_factor(factor: SharedFactor, tasks: tuple[str, ...]) -> Iterator[RenderableType]:
    yield Text(shared_sentence(factor))
    yield from notes(factor.notes)
    grid = numbers("tasks ", "Spearman", "95% interval ", "Kendall")
    for one in factor.correlations:
        low, high = one.spearman_low, one.spearman_high
        interval = UNDEFINED if low is None or high is None else f"[{low:.2f}, {high:.2f}]"
        grid.add_row(f"{one.task}, {one.other}", number(one.spearman, ".2f"), interval, number(one.kendall, ".2f"))
    yield grid
    grid = numbers(SHARED[factor.factor], "mean rank", *tasks)
    for at in range(min(len(factor.seeds), MAX_LINES)):
        cells = [f"{mean[at]:.4f} ({rank[at]:g})" for mean, rank in zip(factor.mean, factor.rank, strict=True)]
        grid.add_row(factor.name(factor.seeds[at]), f"{factor.mean_rank[at]:.2f}", *cells)
    yield grid
    if len(factor.seeds) > MAX_LINES:
        yield Text(f" … and {counted(len(factor.seeds) - MAX_LINES, 'more seed')}", style="dim")
