"""The findings as one self-contained HTML page: for each question an answer in words, its charts, its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seedbench.analyses import charts
from seedbench.analyses.answers import Diverged, EarlyLate, Factors, Search
from seedbench.analyses.factors import NAMES
from seedbench.analyses.measured import as_measured
from seedbench.analyses.result import Findings, SeedNames, SharedSeeds, TableFindings
from seedbench.analyses.search_charts import search_charts
from seedbench.analyses.words import (
    deviation,
    diverged_sentence,
    early_sentence,
    expected_sentence,
    factors_sentence,
    number,
    p_value,
    search_sentence,
    shared_sentence,
    size_words,
)
from seedbench.display import Cell, Column, Details, Grid, Heading, Link, Note, Page, Paragraph, Part, Table, render
from seedbench.text import counted

FISHER = Link("Fisher 1925", "https://psychclassics.yorku.ca/Fisher/Methods/")
PHIPSON = Link("Phipson and Smyth 2010", "https://doi.org/10.2202/1544-6115.1585")
WILSON = Link("Wilson 1927", "https://doi.org/10.1080/01621459.1927.10502953")


def findings_html(findings: Findings) -> str:
    """The whole page; the same findings give the same text.

    Raises:
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    findings, trials = as_measured(findings), findings.trials
    parts: list[Part] = [
        Paragraph(
            "The score of a trial is its best over its checkpoints, on the whole dev set: chosen and scored on the "
            "same examples, as in the paper, so that the best of many is too good to be true. Intervals are 95%; "
            "where no other source is named they are for other seeds, rows and columns of the grid being left out in "
            "turn; the dev examples are held fixed."
        )
    ]
    for index, table in enumerate(findings.tables):
        parts += _table_parts(table, f"table-{index + 1}")
    parts.append(Heading("Seeds that do well on every task", anchor="every-task"))
    for shared in findings.shared_seeds:
        parts += _shared_parts(shared)
    return render(
        Page(
            title=f"Findings in {trials.name} {trials.version}",
            lead=(
                "What fine-tuning trials that differ only in their random seeds say, after the questions of ",
                charts.DODGE_2020,
                ".",
            ),
            parts=tuple(parts),
            footer=(
                f"seedbench {findings.seedbench}; trial set {trials.name} {trials.version}, sha256 {trials.sha256}; "
                f"seed {findings.seed}, {findings.permutations:,} permutations."
            ),
        )
    )


def _table_parts(table: TableFindings, anchor: str) -> Iterator[Part]:
    """Everything about one trial table."""
    yield Heading(f"{table.model} · {table.task} · {table.recipe}", anchor=anchor)
    yield Paragraph(f"{size_words(table)}.")
    yield from map(Note, table.notes)
    yield Heading("How good is the best of n trials?", level=3)
    yield Paragraph(expected_sentence(table))
    yield from map(Note, table.expected.notes)
    yield charts.expected_chart(table)
    yield Details("The numbers", (_expected_table(table),))
    yield Heading("Weight initialisation or data order?", level=3)
    yield from _factors_parts(table)
    yield Heading("Diverged trials", level=3)
    yield from _diverged_parts(table.diverged, table.step, table.seed_names)
    yield Heading("Does an early score tell the last?", level=3)
    yield from _answer(early_sentence(table.early, table.step))
    yield from map(Note, table.early.notes)
    if any(rho is not None for rho in (*table.early.score, *table.early.best_so_far)):
        yield charts.early_chart(table.early, table.step)
        yield Details("The numbers", (_early_table(table.early, table.step),))
    yield Heading("Start many, stop early, continue some", level=3)
    yield from _answer(search_sentence(table))
    yield from map(Note, table.search.notes)
    if table.search.rows:
        yield Grid(tuple(search_charts(table.search, table.metric)), min_width=380)
        yield Details("The numbers", (_search_table(table.search, len(table.step)),))


def _answer(sentence: str) -> Iterator[Part]:
    if sentence:
        yield Paragraph(sentence)


def _expected_table(table: TableFindings) -> Table:
    expected = table.expected
    columns = (
        Column("n", numeric=True, note="number of trials"),
        Column("expected", numeric=True, note="best of n, without replacement: unbiased"),
        Column("95% interval", numeric=True, note="of the expected score, for other seeds"),
        Column("published", numeric=True, note="best of n, with replacement: biased downwards"),
        Column("spread", numeric=True, note="standard deviation of a best of n drawn with replacement"),
    )
    shown = charts.powers(table.trials)
    rows = tuple(
        (
            f"{n:,}",
            f"{expected.without_replacement[n - 1]:.4f}",
            _interval(expected.low[n - 1], expected.high[n - 1], ".4f"),
            f"{expected.with_replacement[n - 1]:.4f}",
            f"{expected.deviation[n - 1]:.4f}",
        )
        for n in (shown if table.trials in shown else [*shown, table.trials])
    )
    return Table(columns, rows)


def _interval(low: float | None, high: float | None, format_: str) -> str | None:
    return None if low is None or high is None else f"{low:{format_}} to {high:{format_}}"


def _factors_parts(table: TableFindings) -> Iterator[Part]:
    factors, names = table.factors, table.seed_names
    yield from _answer(factors_sentence(factors))
    yield from map(Note, factors.notes)
    if factors.by_seed:
        columns = (Column("seed", numeric=True), Column(f"best {table.metric}", numeric=True))
        rows = tuple(
            (Cell(names.of("weight_init", one.seed), one.seed), Cell(f"{one.value:.4f}", one.value))
            for one in factors.by_seed
        )
        yield Details(f"The {counted(len(rows), 'seed')}", (Table(columns, rows, sortable=True),))
    if factors.heatmap:
        yield charts.heatmap_chart(factors.heatmap, table.metric, table.sign, names)
    if factors.components:
        yield charts.components_chart(factors, table.shares)
        yield _components_table(factors, table.shares)
        yield Paragraph(
            ("F tests of the two-way analysis of variance: ", FISHER, "; permutation tests within the levels of the ")
            + ("other factor: ", PHIPSON, ".")
        )
    if densities := tuple(charts.density_charts(factors, names)):
        yield Grid(densities, min_width=380)


def _components_table(factors: Factors, shares: bool) -> Table:
    tests = {test.factor: test for test in factors.tests}
    columns = (
        Column("source"),
        Column("share", numeric=True, note="of the variance; negative estimates count as 0"),
        Column("standard deviation", numeric=True, note="in hundredths of the score" if shares else "of the score"),
        Column("95% interval", numeric=True),
        Column("F", numeric=True, note="mean square over that of the residual"),
        Column("p, F test", numeric=True),
        Column("p, permutations", numeric=True),
    )
    rows = []
    for one in factors.components:
        test = tests.get(one.source)
        rows.append(
            (
                NAMES.get(one.source, "the rest (interaction, chance)"),
                number(one.share, ".0%"),
                deviation(one.variance, shares),
                f"{deviation(one.low, shares)} to {deviation(one.high, shares)}",
                f"{number(test.f, '.2f')} ({test.degrees_of_freedom[0]}, {test.degrees_of_freedom[1]})"
                if test
                else None,
                p_value(test.p_value) if test else None,
                p_value(test.permutation_p_value) if test else None,
            )
        )
    return Table(columns, tuple(rows))


def _diverged_parts(diverged: Diverged, step: Sequence[int], names: SeedNames) -> Iterator[Part]:
    if sentence := diverged_sentence(diverged, len(step)):
        yield Paragraph((f"{sentence} Interval of the share: ", WILSON, "."))
    yield from map(Note, diverged.notes)
    yield Grid(tuple(charts.diverged_charts(diverged, step)), min_width=280)
    if diverged.partings:
        columns = (
            Column("weight-init seed", numeric=True),
            Column("data-order seed", numeric=True),
            Column(
                "behind from checkpoint", numeric=True, note="below 95% of the finished trials, from there to the end"
            ),
            Column("step", numeric=True),
        )
        rows = tuple(
            (
                Cell(names.of("weight_init", one.weight_init_seed), one.weight_init_seed),
                Cell(names.of("data_order", one.data_order_seed), one.data_order_seed),
                one.checkpoint,
                None if one.step is None else Cell(f"{one.step:,}", one.step),
            )
            for one in diverged.partings
        )
        yield Details(f"The {counted(len(rows), 'diverged trial')}", (Table(columns, rows, sortable=True),))


def _early_table(early: EarlyLate, step: Sequence[int]) -> Table:
    columns = (
        Column("checkpoint", numeric=True),
        Column("step", numeric=True),
        Column("trained", numeric=True),
        Column("score", numeric=True, note="rank correlation of the score at the checkpoint with the best"),
        Column("95% interval", numeric=True),
        Column("best so far", numeric=True, note="rank correlation of the best score until then with the best of all"),
        Column("95% interval", numeric=True),
    )
    rows = tuple(
        (
            str(at + 1),
            f"{step[at]:,}",
            f"{step[at] / step[-1]:.0%}",
            number(early.score[at], ".2f"),
            _interval(early.score_low[at], early.score_high[at], ".2f"),
            number(early.best_so_far[at], ".2f"),
            _interval(early.best_so_far_low[at], early.best_so_far_high[at], ".2f"),
        )
        for at in range(len(step))
    )
    return Table(columns, rows)


def _search_table(search: Search, checkpoints: int) -> Table:
    columns = (
        Column("budget", numeric=True, note="in full trials"),
        Column("start", numeric=True, note="trials started"),
        Column("stop at", numeric=True, note="share of a full trial after which the choice is made"),
        Column("continue", numeric=True, note="trials trained to the end"),
        Column("score", numeric=True, note="expected best score paid for, with hindsight"),
        Column("95% interval", numeric=True),
        Column("best-of-n", numeric=True, note="expected best score of as many full trials"),
        Column(
            "gain", numeric=True, note="relative error reduction against best-of-n, error = 1 - score, with hindsight"
        ),
        Column("95% interval", numeric=True),
        Column("held out", numeric=True, note="the same, chosen on half of the seeds and valued on the other half"),
        Column("of", numeric=True, note="combinations that spend the budget exactly"),
    )
    rows = tuple(
        (
            str(row.budget),
            str(row.started),
            "never" if row.stop == checkpoints else f"{row.fraction:.0%}",
            str(row.continued),
            f"{row.score:.4f}",
            _interval(row.low, row.high, ".4f"),
            f"{row.best_of_n:.4f}",
            number(row.error_reduction, ".1%"),
            _interval(row.error_reduction_low, row.error_reduction_high, ".1%"),
            number(row.held_out_error_reduction, "+.1%"),
            f"{row.combinations:,}",
        )
        for row in search.rows
    )
    return Table(columns, rows)


def _shared_parts(shared: SharedSeeds) -> Iterator[Part]:
    yield Heading(f"{shared.model} · {shared.recipe} · {', '.join(shared.tasks)}", level=3)
    yield from map(Note, shared.notes)
    for factor in shared.factors:
        yield Paragraph(shared_sentence(factor))
        yield from map(Note, factor.notes)
        yield from charts.shared_charts(shared, factor)
