"""An evaluation as one self-contained HTML page: what it says, all tables together, then each by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seedbench.display import Chart, Column, Heading, Page, Paragraph, Part, Table, axes, charts, render
from seedbench.display.terminal import difference, half, multiplier, percent, seconds
from seedbench.evaluation.report import FIRST_LESS_IT, LEGEND, first_less_it_words, levels_words
from seedbench.evaluation.table_figure import BOUGHT, bought_on, how_to_read, table_names
from seedbench.evaluation.words import words

if TYPE_CHECKING:
    from seedbench.evaluation.numbers import Difference, Row, Summary, SummaryDifference
    from seedbench.evaluation.result import Evaluation

_MARKED = f"▲, ▼: {LEGEND['▲ ▼']}"


def evaluation_html(evaluation: Evaluation) -> str:
    """The whole page.

    Raises:
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    trials = evaluation.trials
    parts: list[Part] = [*map(Paragraph, words(evaluation)), *_together(evaluation)]
    for number, name in enumerate(table_names(evaluation)):
        parts += [Heading(" · ".join(name.rsplit("/", 2)), anchor=f"table-{number}"), *_alone(evaluation, name)]
    return render(
        Page(
            title=evaluation.strategy.name,
            parts=tuple(parts),
            lead=(
                f"Evaluated on {trials.name} {trials.version}, protocol {evaluation.protocol}, {evaluation.track} "
                f"track, {evaluation.replicates} replicates, seed {evaluation.seed}."
            ),
            footer=f"seedbench {evaluation.seedbench}; trial set sha256 {trials.sha256}",
        )
    )


def _together(evaluation: Evaluation) -> Iterator[Part]:
    """All tables with signal; nothing where there is none, which the sentences say."""
    if evaluation.summary.gap_closed is None:
        return
    ran: list[tuple[str, Summary, SummaryDifference | None]] = [(evaluation.strategy.name, evaluation.summary, None)]
    ran += [(other.name, other.summary, other.summary_difference) for other in evaluation.against]
    drawn = [
        {"label": name, "gap": its.gap_closed, "low": its.gap_closed_low, "high": its.gap_closed_high}
        for name, its, _ in ran
    ]
    yield Heading("All tables with signal together", anchor="together")
    yield Chart(
        charts.intervals(
            drawn,
            axes.Axis("gap", "gap closed, mean over budgets", format=".0%"),
            levels={"one full trial": 0.0, "best of many": 1.0},
        ),
        "Gap closed",
        "A dot is how much of the way from one full trial to the best of many a strategy goes, the line its 95% "
        "interval over replicates and seeds. Strategies whose lines overlap may still differ, as the table tells.",
    )
    columns = [
        Column("strategy"),
        *(Column(f"budget {at.budget}", numeric=True) for at in evaluation.summary.budgets),
        Column("all", numeric=True, note=f"{LEGEND['all']} of the gap closed: {LEGEND['gap closed']}"),
        Column("±", numeric=True, note=LEGEND["±"]),
        Column("compute", numeric=True, note=LEGEND["compute"]),
        Column("to best-of-n", numeric=True, note=f"gap closed less what best-of-n closes: + is better; {_MARKED}"),
    ]
    rows = [
        (
            name,
            *(percent(at.gap_closed) for at in its.budgets),
            percent(its.gap_closed),
            half(its.gap_closed, its.gap_closed_high, 100).strip() or None,
            multiplier(its.compute_multiplier, its.compute_multiplier_bound),
            difference(its.difference, its.difference_high, its.difference_p, 100, "+.0f").plain,
            None
            if less is None
            else difference(less.gap_closed, less.gap_closed_high, less.gap_closed_p, 100, "+.0f").plain,
        )
        for name, its, less in ran
    ]
    if evaluation.against:
        columns.append(Column(FIRST_LESS_IT, numeric=True, note=first_less_it_words(evaluation)))
    yield Table(tuple(columns), tuple(row[: len(columns)] for row in rows))


def _alone(evaluation: Evaluation, name: str) -> Iterator[Part]:
    """One trial table: its levels, its picture, and the scores of each strategy at each budget."""
    ran: list[tuple[str, Row, Difference | None]] = [
        (evaluation.strategy.name, row, None) for row in evaluation.rows if row.table == name
    ]
    some = [row for _, row, _ in ran]
    for other in evaluation.against:
        pairs = zip(other.rows, other.differences, strict=True)
        ran += [(other.name, row, less) for row, less in pairs if row.table == name]
    yield from (Paragraph(f"{said[0].upper()}{said[1:]}.") for said in levels_words(some))
    yield Chart(bought_on(evaluation, name), BOUGHT, how_to_read(some))
    columns = [
        Column("strategy"),
        Column("budget", numeric=True, note="in full trials"),
        Column("score", numeric=True, note=LEGEND["score"]),
        Column("±", numeric=True, note=LEGEND["±"]),
        Column("to best-of-n", numeric=True, note=f"{LEGEND['to best-of-n']}; {_MARKED}"),
        Column("finds", numeric=True, note=LEGEND["finds"]),
        Column("gap closed", numeric=True, note=LEGEND["gap closed"]),
        Column("compute", numeric=True, note=LEGEND["compute"]),
        Column("started", numeric=True, note=LEGEND["started"]),
        Column("looks", numeric=True, note=LEGEND["looks"]),
    ]
    rows = [
        (
            strategy,
            row.budget,
            f"{row.measured(row.score):.4f}",
            half(row.score, row.score_high, 1, ".4f").strip() or None,
            difference(row.difference, row.difference_high, row.difference_p, 1, "+.4f").plain,
            None if row.difference_detectable is None else f"{row.difference_detectable:.4f}",
            "no signal" if row.no_signal else percent(row.gap_closed) + half(row.gap_closed, row.gap_closed_high, 100),
            multiplier(row.compute_multiplier, row.compute_multiplier_bound),
            f"{row.trials_started:.1f}",
            f"{row.validations:.0f}" if row.validation_seconds is None else seconds(row.validation_seconds),
            None if less is None else difference(less.score, less.score_high, less.score_p, 1, "+.4f").plain,
        )
        for strategy, row, less in ran
    ]
    if evaluation.against:
        columns.append(Column(FIRST_LESS_IT, numeric=True, note=first_less_it_words(evaluation, "score of")))
    yield Table(tuple(columns), tuple(row[: len(columns)] for row in rows))
