"""A comparison as one self-contained HTML page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from seedbench.comparison.decisions_figure import decisions_figure, score_range
from seedbench.comparison.report import comparison_words, example_words, kept_words
from seedbench.display import (
    Cell,
    Chart,
    Column,
    Details,
    Grid,
    Heading,
    Link,
    Page,
    Paragraph,
    Part,
    Table,
    axes,
    charts,
    render,
)
from seedbench.text import counted

if TYPE_CHECKING:
    import altair as alt

    from seedbench.comparison.compare import Comparison, Example, Parted
    from seedbench.evaluation import Difference

BINS = 21  # of a histogram of differences; odd, so that one of them is about zero
WAGER = Link("Wager, Hastie and Efron 2014", "https://arxiv.org/abs/1311.4555")


def comparison_html(comparison: Comparison) -> str:
    """The whole page.

    Raises:
        SeedbenchError: altair or vl-convert-python is not installed.
    """
    evaluation, (one, other) = comparison.evaluation, comparison.names
    trials = evaluation.trials
    pairs = list(zip(evaluation.against[0].differences, comparison.parted, strict=True))
    widest = max(abs(value) for part in comparison.parted for value in part.differences) or 1.0
    parts: list[Part] = [Paragraph(sentence) for sentence in comparison_words(comparison)]
    for number, (name, group) in enumerate(groupby(pairs, key=lambda pair: _name(pair[1]))):
        parts += _table_parts(name, f"table-{number}", list(group), comparison.names, widest)
    return render(
        Page(
            title=f"{one} against {other}",
            parts=tuple(parts),
            lead=(
                f"Two strategies on the same {evaluation.replicates} replicates of {trials.name} {trials.version}, "
                f"protocol {evaluation.protocol}, {evaluation.track} track, seed {evaluation.seed}. Differences are "
                f"{one} minus {other}, in reported score: above 0, {one} is better."
            ),
            footer=f"seedbench {evaluation.seedbench}; trial set sha256 {trials.sha256}",
        )
    )


def _table_parts(
    name: str, anchor: str, pairs: Sequence[tuple[Difference, Parted]], names: tuple[str, str], widest: float
) -> Iterator[Part]:
    """Everything about one trial table."""
    yield Heading(name, anchor=anchor)
    yield _numbers(pairs)
    rows = [
        {
            "label": f"budget {part.budget}",
            "score": difference.score,
            "low": difference.score_low,
            "high": difference.score_high,
        }
        for difference, part in pairs
    ]
    value = axes.Axis("score", "difference in mean reported score", format="+.4f")
    yield Chart(
        charts.intervals(rows, value, levels={"": 0}),
        f"Mean difference at each budget, {names[0]} minus {names[1]}",
        "Right of the dashed line the first is better. Each line is a 95% interval over replicates and seeds, of "
        "this budget alone; the table says what holds for all of them together.",
        sources=(WAGER,),
        notes=("Too few seeds say nothing about others: there is no interval.",)
        if all(difference.score_low is None for difference, _ in pairs)
        else (),
    )
    histograms = tuple(
        Chart(
            _histogram(part.differences, widest),
            f"Budget {part.budget}: {part.won} won, {part.tied} tied, {part.lost} lost",
            f"How many of {len(part.differences)} replicates differ by how much.",
        )
        for _, part in pairs
    )
    yield Heading("Replicate by replicate", level=3)
    yield Grid(histograms, min_width=260)
    yield Heading("Where the decisions part: the largest wins and losses", level=3)
    nearest = min((part for _, part in pairs), key=lambda part: (abs(part.budget - 8), part.budget))
    for example in nearest.examples[:1]:
        yield Paragraph(f"Budget {nearest.budget}, {_head(example)}. {example_words(example, names)}")
        yield _drawn(example, names)
    for _, part in pairs:
        folded = tuple(_folded(example, names) for example in part.examples)
        if folded:
            yield Details(f"Budget {part.budget}: {counted(len(folded), 'example')}", folded)
    if not any(part.examples for _, part in pairs):
        yield Paragraph("There is none: what they keep scores the same in every replicate.")


def _numbers(pairs: Sequence[tuple[Difference, Parted]]) -> Table:
    columns = (
        Column("budget", numeric=True, note="in full trials"),
        Column("difference", numeric=True, note="in mean reported score"),
        Column(
            "95% interval", numeric=True, note="of this budget alone, over replicates and seeds; examples held fixed"
        ),
        Column("p", numeric=True, note="all budgets of the table together (Holm): below 0.05 it is told from 0"),
        Column("finds", numeric=True, note="the true difference that is told from 0, by itself, four times in five"),
        Column("won", numeric=True, note="replicates in which what the first kept scores better"),
        Column("tied", numeric=True),
        Column("lost", numeric=True),
        Column("parted", numeric=True, note="replicates in which they pay for, or keep, different checkpoints"),
        Column("after", numeric=True, note="full trials that both had spent alike by then (median)"),
        Column("spent", numeric=True, note="mean difference in budget spent, in full trials"),
    )
    rows = tuple(
        (
            str(part.budget),
            f"{difference.score:+z.4f}",
            None
            if difference.score_low is None or difference.score_high is None
            else Cell(f"{difference.score_low:+z.4f} to {difference.score_high:+z.4f}", difference.score_low),
            None if difference.score_p is None else Cell(f"{difference.score_p:.3f}", difference.score_p),
            None if difference.score_detectable is None else f"{difference.score_detectable:.4f}",
            str(part.won),
            str(part.tied),
            str(part.lost),
            str(part.parted),
            None if part.spent_before is None else f"{part.spent_before:.1f}",
            f"{part.spent_difference:+z.2f}",
        )
        for difference, part in pairs
    )
    return Table(columns, rows)


def _histogram(differences: Sequence[float], widest: float) -> alt.LayerChart | alt.FacetChart:
    """Bars over equal bins within ±widest, those about zero in the middle, told apart by which side is better."""
    import altair as alt

    width = 2 * widest / (BINS - 1)
    bins = Counter(round(value / width) for value in differences)
    x = alt.X("from:Q", bin="binned", title="difference in reported score", scale=alt.Scale(domain=[-widest, widest]))
    y = alt.Y("replicates:Q", title="replicates")
    tips = [
        alt.Tooltip("from:Q", title="from", format="+.4f"),
        alt.Tooltip("to:Q", title="to", format="+.4f"),
        alt.Tooltip("replicates:Q"),
    ]
    shown: list[alt.Chart] = []
    for style, sign in (("bad", -1), ("muted", 0), ("good", 1)):
        rows = [
            {"from": (at - 0.5) * width, "to": (at + 0.5) * width, "replicates": times}
            for at, times in sorted(bins.items())
            if (at > 0) - (at < 0) == sign
        ]
        if rows:
            bars = alt.Chart(alt.Data(values=rows)).mark_bar(style=style, binSpacing=1)  # type: ignore[no-untyped-call]
            shown.append(bars.encode(x=x, x2="to", y=y, tooltip=tips))
    rule = alt.Chart(alt.Data(values=[{"from": 0}])).mark_rule(style="reference")  # type: ignore[no-untyped-call]
    return alt.layer(*shown, rule.encode(x=alt.X("from:Q"))).properties(height=140)


def _folded(example: Example, names: tuple[str, str]) -> Details:
    return Details(_head(example), (Paragraph(example_words(example, names)), _drawn(example, names)))


def _head(example: Example) -> str:
    return (
        f"replicate {example.replicate}: {example.difference:+z.4f} in score, {example.spent_difference:+z.1f} full "
        "trials spent"
    )


def _drawn(example: Example, names: tuple[str, str]) -> Grid:
    """The decisions of either strategy, side by side."""
    both = (example.one, example.other)
    scores = score_range(*both)
    drawn = (
        decisions_figure(
            decisions,
            title=f"{name} {kept_words(decisions)}",
            parted_after=example.parted_after,
            scores=scores,
        )
        for name, decisions in zip(names, both, strict=True)
    )
    return Grid(tuple(drawn), min_width=380)


def _name(part: Parted) -> str:
    return f"{part.model} · {part.task} · {part.recipe}"
