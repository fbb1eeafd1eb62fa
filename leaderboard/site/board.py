"""A board's page, the pages of its trial tables, and the site's first page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from leaderboard.site.curves import bought_chart, gap_chart
from leaderboard.site.data import Entry, Standing, rows_of, summary_of, tables_of
from leaderboard.site.words import by, points, rank, score, share, short
from seedbench.display import Cell, Column, Grid, Heading, Link, Note, Page, Paragraph, Part, Source, Table, Text
from seedbench.display.terminal import UNDEFINED, difference, multiplier
from seedbench.evaluation import Row
from seedbench.evaluation.table_figure import BOUGHT

if TYPE_CHECKING:
    from leaderboard.results import Result
    from seedbench.trialset import TrialsIdentity

HUB = "https://huggingface.co/datasets"
SAID = 100  # characters; an entry's own page says all
CELL: TypeAlias = Text | Cell | float | None
_SCORES = "Mean score on the test set at each budget, ± half of a 95% interval over replicates and seeds"


def board_page(standing: Standing) -> Page:
    """The whole page; entries' and tables' pages lie in folders beside it."""
    board = standing.board
    return Page(
        title=f"seedbench leaderboard: {board.name}",
        lead=(
            f"Rules for choosing among fine-tuning trials that differ only in their seeds, scored by replay: protocol "
            f"{board.protocol}, track {board.track}, trial set {board.trials.name} {board.trials.version}. ",
            Link("Rules", "../rules.html"),
            ", ",
            Link("all boards", "../index.html"),
            ".",
        ),
        parts=tuple(_board_parts(standing)),
        footer=(
            f"{board.replicates} replicates, seed {board.seed}; trial set sha256 {board.trials.sha256}",
            *(_pool(standing.pool) if standing.pool else ("; no hidden pool",)),
            ". All results: ",
            Link("CSV", "../results.csv"),
            ", ",
            Link("parquet", "../results.parquet"),
            ".",
        ),
    )


def _board_parts(standing: Standing) -> Iterator[Part]:
    if not standing.entries:
        yield from map(Note, _caveats(standing))
        yield Paragraph("No entry is verified yet.")
    else:
        yield Heading("The board", anchor="board")
        yield board_table(standing)
        yield from map(Note, _caveats(standing))
        if (gaps := gap_chart(standing)) is not None:
            yield gaps
        yield Heading(BOUGHT, anchor="budgets")
        tables = tables_of(standing)
        figures = [bought_chart(standing, table, short(table)) for table in tables]
        yield Grid(tuple(figure for figure in figures if figure is not None), min_width=420)
        yield Heading("Trial tables", anchor="tables")
        yield Table(
            (Column("table"), Column("model")),
            tuple(
                (Link(" · ".join(name.split("/")[-2:]), f"tables/{page}.html"), "/".join(name.split("/")[:-2]))
                for name, page in tables.items()
            ),
        )
    if standing.failed:
        yield Heading("Not verified", anchor="failed")
        rows = tuple(
            (_link(entry), verdict, reason if len(reason) <= SAID else f"{reason[:SAID]}…", by(entry))
            for entry in standing.failed
            for verdict, reason in [_failure(entry)]
        )
        yield Table(
            (Column("strategy"), Column("verdict"), Column("what was wrong"), Column("by")), rows, sortable=True
        )


def _caveats(standing: Standing) -> Iterator[str]:
    """Why the ranks are not the last word, as long as they are not."""
    board = standing.board
    yield from board.notes
    if not board.closed:
        yield "Provisional: the seed is public. It is drawn anew when the board is closed, and all are run again."
    if standing.pool is None:
        season = "This board has" if board.closed else "There is"
        yield (
            f"{season} no hidden pool: ranks are those of public trials, which anybody can learn by heart; rounded "
            "losses make a look-up dearer, not impossible. A public test set lasts a year, then a board has new tables."
        )
    elif standing.ranked_on == "public":
        when = "soon" if board.closed else "when the board is closed"
        yield (
            "Ranks are those of public trials, which anybody can learn by heart. They are replaced by those of the "
            f"hidden pool {when}; its SHA-256, which says that it is chosen already, is at the end of this page."
        )
    if standing.hidden_to_come:
        yield f"Not run on the hidden pool yet: {', '.join(standing.hidden_to_come)}."
    if standing.waiting:
        yield f"Not run with the board's seed yet: {', '.join(standing.waiting)}."


def _pool(pool: TrialsIdentity) -> tuple[str | Link, ...]:
    start = f"; hidden pool sha256 {pool.sha256}, "
    if pool.revision is None:
        return (f"{start}to be revealed after the season as {pool.name} v{pool.version}",)
    return (f"{start}revealed as ", Link(f"{pool.name} v{pool.version}", f"{HUB}/{pool.name}/tree/{pool.revision}"))


def _failure(entry: Entry) -> tuple[str, str]:
    if not entry.public.verified:
        return entry.public.verdict, entry.public.said
    assert entry.hidden is not None, "an entry fails on one of the pools"
    return entry.hidden.verdict, entry.hidden.said


def _link(entry: Entry, folder: str = "strategies/") -> Link:
    return Link(entry.public.name, f"{folder}{entry.slug}.html")


def board_table(standing: Standing) -> Table:
    """A line for each verified entry, the largest gap closed first."""
    columns: list[tuple[Column, Callable[[Entry], CELL]]] = [
        (
            Column(
                "rank",
                numeric=True,
                note="shared by what is not told apart, at 95% for all pairs together (Holm); baselines have none",
            ),
            _rank,
        ),
        (Column("strategy"), _link),
    ]
    if standing.ranked_on == "hidden":
        columns += [
            (
                Column("hidden", numeric=True, note="gap closed on the hidden pool, ± half of a 95% interval"),
                lambda entry: _gap(entry.hidden),
            ),
            (
                Column(
                    "public − hidden", numeric=True, note="in points; large where it knows the public trials by heart"
                ),
                lambda entry: Cell(points(entry.overfit), entry.overfit),
            ),
        ]
    columns += [
        (
            Column(
                "public", numeric=True, note="gap closed on the public trials; 0%: one full trial, 100%: best of many"
            ),
            lambda entry: _gap(entry.public),
        ),
        (
            Column(
                "to best-of-n",
                numeric=True,
                note="in points of the gap, ± half of its own 95% interval; ▲ better, ▼ worse, at 95% for all entries "
                "together (Holm)",
            ),
            lambda entry: _over_best_of_n(standing, entry),
        ),
        (
            Column(
                "finds", numeric=True, note="the difference to best-of-n that is told, by itself, four times in five"
            ),
            _detectable,
        ),
        (
            Column("compute", numeric=True, note="full trials that best-of-n needs, per full trial of budget"),
            _multiplier,
        ),
        (Column("by"), by),
        (Column("kind", note="an entry, or a baseline by the organisers"), _kind),
    ]
    rows: tuple[tuple[CELL, ...], ...] = tuple(tuple(cell(entry) for _, cell in columns) for entry in standing.entries)
    return Table(tuple(column for column, _ in columns), rows, sortable=True, filterable=True)


def _rank(entry: Entry) -> Cell:
    return Cell(rank(entry), None if entry.ranks is None else entry.ranks[0] + entry.ranks[1] / 1e6)


def _kind(entry: Entry) -> str:
    return "baseline" if entry.public.organisers else "entry"


def _gap(result: Result | None) -> Cell:
    summary = summary_of(result)
    if summary is None:
        return Cell(UNDEFINED, None)
    return Cell(share(summary.gap_closed, summary.gap_closed_high), summary.gap_closed)


def _over_best_of_n(standing: Standing, entry: Entry) -> Cell:
    summary, p = summary_of(entry.judged), standing.marks.get(entry.slug)
    if summary is None or summary.difference is None:
        return Cell(UNDEFINED, None)
    shown = difference(summary.difference, summary.difference_high, p, 100, "+.0f").plain
    return Cell(shown, summary.difference)


def _detectable(entry: Entry) -> Cell:
    summary = summary_of(entry.judged)
    if summary is None or summary.difference_detectable is None:
        return Cell(UNDEFINED, None)
    return Cell(f"{summary.difference_detectable * 100:.0f}", summary.difference_detectable)


def _multiplier(entry: Entry) -> Cell:
    summary = summary_of(entry.judged)
    if summary is None:
        return Cell(UNDEFINED, None)
    needed = summary.compute_multiplier
    return Cell(multiplier(needed, summary.compute_multiplier_bound), needed)


def table_page(standing: Standing, table: str) -> Page:
    """The page of one trial table; it lies one folder below the board's."""
    rows = {entry.slug: rows_of(entry.public.measured, table) for entry in standing.entries}
    budgets = sorted({row.budget for some in rows.values() for row in some})
    parts: list[Part] = []
    figure = bought_chart(standing, table, BOUGHT)
    if figure is not None:
        parts.append(figure)
    columns = (
        Column("strategy"),
        *(Column(f"{budget} trials", numeric=True) for budget in budgets),
        Column("kind"),
    )
    lines: tuple[tuple[CELL, ...], ...] = tuple(
        (
            _link(entry, "../strategies/"),
            *(_score(rows[entry.slug], budget) for budget in budgets),
            _kind(entry),
        )
        for entry in standing.entries
    )
    parts.append(Table(columns, lines, caption=_SCORES, sortable=True, filterable=True))
    return Page(
        title=short(table),
        lead=("A trial table of the board ", Link(standing.board.name, "../index.html"), "; public trials."),
        parts=tuple(parts),
        footer=f"Trial set {standing.board.trials.name} {standing.board.trials.version}",
    )


def _score(rows: Sequence[Row], budget: int) -> Cell:
    matching = [row for row in rows if row.budget == budget]
    if not matching:
        return Cell(UNDEFINED, None)
    return Cell(score(matching[0]), matching[0].measured(matching[0].score))


def first_page(standings: Sequence[Standing]) -> Page:
    """The list of all boards, the newest first."""
    columns = (
        Column("board"),
        Column("protocol"),
        Column("track"),
        Column("trial set"),
        Column("entries", numeric=True, note="verified ones"),
        Column("baselines", numeric=True, note="by the organisers, unranked"),
        Column("state", note="final: of hidden trials, under a seed drawn after the entries were closed"),
    )
    rows = tuple(
        (
            Link(each.board.name, f"{each.board.name}/index.html"),
            each.board.protocol,
            each.board.track,
            f"{each.board.trials.name} {each.board.trials.version}",
            *(
                Cell(str(count), count)
                for organisers in (False, True)
                for count in [sum(entry.public.organisers == organisers for entry in each.entries)]
            ),
            "final" if each.final else "provisional",
        )
        for each in standings
    )
    return Page(
        title="seedbench leaderboard",
        lead="How good is a rule for choosing among fine-tuning trials that differ only in their random seeds?",
        parts=(
            Table(columns, rows) if rows else Paragraph("There is no board yet."),
            Heading("What is measured", anchor="measured"),
            Paragraph(
                "A strategy starts, stops and keeps recorded trials under a budget, and sees nothing it has not paid "
                "for. It chooses by the dev set and is scored on a test set that nobody has trained or chosen on. The "
                "gap it closes is 0% where it does as well as one full trial, and 100% where it does as well as the "
                "best that best-of-n gets with up to 64."
            ),
            Heading("Taking part", anchor="submit"),
            Source(
                "seedbench new my_strategy.py\nseedbench check my_strategy.py\n"
                'seedbench submit my_strategy.py --name "My strategy" --authors "A. Author"'
            ),
            Paragraph(
                (
                    "This opens a pull request at ",
                    Link("seedbench/leaderboard", f"{HUB}/seedbench/leaderboard"),
                    ". Your entry is run again, in sealed processes, and what that measures counts. Read the ",
                    Link("rules", "rules.html"),
                    " first. All results: ",
                    Link("CSV", "results.csv"),
                    ", ",
                    Link("parquet", "results.parquet"),
                    ".",
                )
            ),
        ),
    )
