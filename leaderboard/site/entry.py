"""An entry's page: who, what was measured, what it does, its source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from leaderboard.environment import said
from leaderboard.results import VERDICTS, comparable_claim, taken_over_words
from leaderboard.site.curves import score_chart
from leaderboard.site.data import Entry, Standing, rows_of, summary_of, tables_of
from leaderboard.site.words import points, rank, score, share, short
from seedbench import sandbox
from seedbench.comparison import decisions_figure
from seedbench.display import (
    Cell,
    Code,
    Column,
    Details,
    Grid,
    Heading,
    Link,
    Note,
    Page,
    Paragraph,
    Part,
    Source,
    Table,
    Text,
)
from seedbench.display.terminal import UNDEFINED, difference, joined
from seedbench.evaluation import Evaluation, Row
from seedbench.strategy import with_parameters_said

if TYPE_CHECKING:
    from leaderboard.results import Result


def entry_page(standing: Standing, entry: Entry) -> Page:
    """The whole page; it lies one folder below the board's."""
    by = f"by {', '.join(entry.public.authors)}, " if entry.public.authors else ""
    return Page(
        title=entry.public.name,
        lead=(f"{by}on the board ", Link(standing.board.name, "../index.html"), "."),
        parts=tuple(_parts(standing, entry)),
        footer=f"Source sha256 {entry.public.source_sha256}" if entry.public.source_sha256 else "",
    )


def _parts(standing: Standing, entry: Entry) -> Iterator[Part]:
    yield _facts(standing, entry)
    failures = {
        f"{_verdict(result.verdict)}. {result.said}".strip(): (pool, result.frames)
        for pool, result in (("hidden", entry.hidden), ("public", entry.public))
        if result is not None and not result.verified
    }
    for failure, (pool, frames) in failures.items():
        yield Note(f"Not verified on the {pool} trials: {failure}")
        if frames:
            yield Details("Where it failed, in the strategy's own lines", (Source(frames),))
    tables = tables_of(standing)
    figures = [score_chart(standing, table, entry, short(table)) for table in tables]
    if entry.public.measured:
        yield Heading("Scores over the budget", anchor="scores")
        yield Grid(tuple(figure for figure in figures if figure is not None), min_width=380)
        yield Heading("Measured and claimed", anchor="measured")
        yield Paragraph("What its author claims and what the verification measured; the measured result counts.")
        claim = comparable_claim(entry.public)
        if claim is None and entry.public.claimed is not None:
            yield Paragraph(_other_claim(entry.public.claimed))
        yield _measured(entry.public.measured, claim)
        if entry.hidden is not None and entry.hidden.measured:
            yield Heading("On the hidden pool", level=3)
            yield _measured(entry.hidden.measured, None)
    if entry.public.example is not None:
        yield Heading("What it decides", anchor="decisions")
        example = entry.public.example
        yield Paragraph(
            f"One campaign of many: replicate {example.replicate} on {example.table}, a budget of {example.budget} "
            f"full trials, of which it spent {example.full_trials_spent:.1f}."
        )
        yield decisions_figure(example, title="Trials started, left and kept")
    yield Heading("Source", anchor="source")
    if entry.same_as:
        yield Note(f"The same source with the same parameters as {joined(entry.same_as)}.")
    if entry.source is None:
        known = "that was verified is not among the submissions" if entry.public.source_sha256 else "cannot be read"
        yield Note(f"The source {known}.")
    else:
        yield Source(entry.source)
    if entry.public.claimed is not None and (given := entry.public.claimed.strategy.parameters):
        yield Paragraph(f"Its parameters are {with_parameters_said('', given)[1:-1]}.")


def _other_claim(claimed: Evaluation) -> str:
    """A claim that stands beside nothing: of the public seed where the board has its own, or of an older version."""
    summary = claimed.summary
    return (
        f"The claim, {share(summary.gap_closed, summary.gap_closed_high)} of the gap, is of {claimed.trials.name} "
        f"{claimed.trials.version} under seed {claimed.seed}: not of what is measured here."
    )


def _verdict(name: str) -> str:
    meaning = {**sandbox.VERDICTS, **VERDICTS}.get(name)
    return f"{name} ({meaning})" if meaning else name


def _facts(standing: Standing, entry: Entry) -> Table:
    result = entry.public
    link: Text = Link(result.url, result.url) if result.url else UNDEFINED
    kind = "a baseline by the organisers, unranked" if result.organisers else f"rank {rank(entry)}"
    if entry in standing.failed:
        kind = "not verified"
    rows: list[tuple[Text, Text]] = [
        ("Standing", f"{kind} on the {standing.ranked_on} trials"),
        ("Gap closed, public trials", _gap(result)),
    ]
    if entry.hidden is not None:
        rows.append(("Gap closed, hidden pool", _gap(entry.hidden)))
        rows.append(("Public minus hidden, in points", points(entry.overfit)))
    if different := {*(result.packages or ()), *(entry.hidden.packages or () if entry.hidden else ())}:
        rows.append(("Measured with other packages than pinned", said(tuple(sorted(different)))))
    if result.taken_over:
        rows.append(("Taken over", taken_over_words(result)))
    rows += [("Licence", result.license or UNDEFINED), ("Link", link), ("Folder", Code(f"submissions/{entry.slug}/"))]
    return Table((Column("about"), Column("this entry")), tuple(rows))


def _gap(result: Result) -> str:
    summary = summary_of(result)
    return share(summary.gap_closed, summary.gap_closed_high) if summary else UNDEFINED


def _measured(measured: Evaluation, claimed: Evaluation | None) -> Table:
    columns = (
        Column("table"),
        Column("budget", numeric=True, note="in full trials"),
        Column("measured", numeric=True, note="mean score of what it kept, on the test set, ± half of a 95% interval"),
        *([Column("claimed", numeric=True)] if claimed else []),
        Column(
            "gap closed", numeric=True, note="0% is one full trial, 100% the best that best-of-n gets with up to 64"
        ),
        Column("to best-of-n", numeric=True, note="score less what best-of-n is expected to score: + is better"),
        Column(
            "optimism", numeric=True, note="how much too high it scored where it was chosen, less that of any trial"
        ),
        Column("started", numeric=True, note="trials with at least one checkpoint, on average"),
        Column("spent", numeric=True, note="of the budget, in full trials, on average"),
    )

    def line(row: Row) -> tuple[Text | Cell | float | None, ...]:
        theirs = [other for other in rows_of(claimed, row.table) if other.budget == row.budget]
        claim = theirs[0].measured(theirs[0].score) if theirs else None
        gap = share(row.gap_closed, row.gap_closed_high)
        return (
            short(row.table),
            Cell(str(row.budget), row.budget),
            Cell(score(row), row.measured(row.score)),
            *([None if claim is None else Cell(f"{claim:.4f}", claim)] if claimed else []),
            Cell("no signal" if row.no_signal else gap, row.gap_closed),
            Cell(difference(row.difference, row.difference_high, row.difference_p, 1, "+.4f").plain, row.difference),
            UNDEFINED if row.optimism is None else Cell(f"{row.optimism:+z.4f}", row.optimism),
            Cell(f"{row.trials_started:.1f}", row.trials_started),
            Cell(f"{row.budget_spent:.1f}", row.budget_spent),
        )

    return Table(columns, tuple(map(line, measured.rows)), sortable=True)
