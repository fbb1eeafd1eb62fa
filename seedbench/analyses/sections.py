"""The findings of a trial table for a terminal: for each question an answer in words, its numbers, a small picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from seedbench.analyses.answers import Diverged, EarlyLate
from seedbench.analyses.drawing import curve_bars, density_table, heatmap_text
from seedbench.analyses.result import TableFindings
from seedbench.analyses.words import (
    deviation,
    diverged_sentence,
    early_sentence,
    expected_sentence,
    factors_sentence,
    number,
    p_value,
    search_sentence,
    size_words,
)
from seedbench.display.terminal import UNDEFINED, interval_plot
from seedbench.text import counted

MAX_LINES = 12  # of a table over budgets or checkpoints
_BUDGETS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 25, 30)
_MEASURES = {"score": "score", "validation_loss": "validation loss", "train_loss": "train loss"}


def table_parts(table: TableFindings, width: int) -> Iterator[RenderableType]:
    """Everything about one trial table."""
    yield Text(f"\n{'━' * width}", style="dim")
    yield Text(f"{table.model} · {table.task} · {table.recipe}", style="bold")
    yield Text(size_words(table), style="dim")
    yield from notes(table.notes)
    yield from _expected(table, width)
    yield from _factors(table, width)
    yield from _diverged(table.diverged, table.step)
    yield from _early(table.early, table.step, width)
    yield from _search(table)


def title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def notes(sentences: Sequence[str]) -> Iterator[Text]:
    yield from (Text(sentence, style="yellow") for sentence in sentences)


def numbers(*titles: str) -> Table:
    """A table without lines; columns of numbers, on the right, but those whose title ends in a space."""
    grid = Table(box=None, header_style="dim", padding=(0, 1))
    for name in titles:
        grid.add_column(name.strip(), justify="left" if name.endswith(" ") else "right", no_wrap=True)
    return grid


def _expected(table: TableFindings, width: int) -> Iterator[RenderableType]:
    expected, trials = table.expected, table.trials
    yield title("Expected validation performance: the best of n trials")
    yield Text(expected_sentence(table))
    ends = [value for value in (*expected.low, *expected.high, *expected.without_replacement) if value is not None]
    limits = (min(ends), max(ends))
    plot = max(12, min(50, width - 54))
    axis = f"{limits[0]:.3f}{f'{limits[1]:.3f}':>{plot - 5}} "
    grid = numbers("n", "expected", "±", axis, "published", "spread")
    for n in [n for n in (2**power for power in range(trials.bit_length())) if n < trials] + [trials]:
        value, low, high = (curve[n - 1] for curve in (expected.without_replacement, expected.low, expected.high))
        drawn = interval_plot(value, low, high, limits, plot, ()) if limits[1] > limits[0] else ""
        error = _half(value, low, high)
        published, spread = expected.with_replacement[n - 1], expected.deviation[n - 1]
        grid.add_row(str(n), number(value, ".4f"), error, drawn, f"{published:.4f}", f"{spread:.4f}")
    yield grid
    yield from notes(expected.notes)


def _factors(table: TableFindings, width: int) -> Iterator[RenderableType]:
    factors, names = table.factors, table.seed_names
    yield title("Weight initialisation against data order")
    if factors.components:
        sd = "sd × 100" if table.shares else "sd"
        tests = {test.factor: test for test in factors.tests}
        yield Text(factors_sentence(factors))
        grid = numbers("", "share", sd, "95% interval", "F", "p (F test)", "p (permutation)")
        for one in factors.components:
            test = tests.get(one.source)
            grid.add_row(
                one.source.replace("_", "-"),
                number(one.share, ".0%"),
                deviation(one.variance, table.shares),
                f"{deviation(one.low, table.shares)} to {deviation(one.high, table.shares)}",
                number(test.f, ".2f") if test else "",
                p_value(test.p_value) if test else "",
                p_value(test.permutation_p_value) if test else "",
            )
        yield grid
    yield from notes(factors.notes)
    if factors.by_seed:
        grid = numbers("seed", "best score")
        for seed in factors.by_seed[:MAX_LINES]:
            grid.add_row(names.of("weight_init", seed.seed), f"{seed.value:.4f}")
        yield grid
        if len(factors.by_seed) > MAX_LINES:
            yield Text(f" … and {counted(len(factors.by_seed) - MAX_LINES, 'more seed')}", style="dim")
    if factors.heatmap:
        picture = heatmap_text(factors.heatmap, width, names)
        yield Text() if picture else Text("The grid is too wide to draw here: --html draws it.", style="dim")
        if picture:
            yield picture
    if densities := density_table(factors.densities, factors.points, width, names):
        yield Text()
        yield densities


def _diverged(diverged: Diverged, step: Sequence[int]) -> Iterator[RenderableType]:
    yield title("Diverged trials")
    yield Text(diverged_sentence(diverged, len(step)))
    yield from notes(diverged.notes)
    grid = numbers("mean ", "", "first", f"{counted(len(step), 'checkpoint')} ", "last", "not finite")
    for measure, name in _MEASURES.items():
        curves = [one for one in diverged.curves if one.measure == measure]
        known = [value for one in curves for value in one.mean if value is not None]
        for one in curves:
            grid.add_row(
                name,
                one.status,
                number(one.mean[0], ".4f"),
                Text(curve_bars(one.mean, min(known), max(known)) if known else "", style="cyan"),
                number(one.mean[-1], ".4f"),
                str(sum(one.undefined)) if sum(one.undefined) else "",
            )
    yield grid


def _early(early: EarlyLate, step: Sequence[int], width: int) -> Iterator[RenderableType]:
    yield title("Early against late: what a checkpoint says about a trial's best score")
    if sentence := early_sentence(early, step):
        yield Text(sentence)
    yield from notes(early.notes)
    plot = max(12, min(48, width - 57))
    axis = f"-1{'0':^{plot - 3}}1 "
    grid = numbers("at", "step", "trained", "rho", "95% interval ", axis, "so far")
    for at in _some(len(step)):
        value, low, high = early.score[at], early.score_low[at], early.score_high[at]
        grid.add_row(
            str(at + 1),
            f"{step[at]:,}",
            f"{step[at] / step[-1]:.0%}",
            number(value, ".2f"),
            UNDEFINED if low is None or high is None else f"[{low:.2f}, {high:.2f}]",
            interval_plot(value, low, high, (-1, 1), plot, (0,)),
            number(early.best_so_far[at], ".2f"),
        )
    yield grid


def _some(count: int) -> list[int]:
    """Places of at most `MAX_LINES` checkpoints, evenly chosen, the last among them."""
    every = -(-count // MAX_LINES)
    return list(range(count - 1, -1, -every))[::-1]


def _search(table: TableFindings) -> Iterator[RenderableType]:
    rows = table.search.rows
    yield title("Start many, stop early, continue some: the best combination at each budget")
    if sentence := search_sentence(table):
        yield Text(sentence)
    yield from notes(table.search.notes)
    if not rows:
        return
    grid = numbers("budget", "start", "stop", "continue", "score", "±", "best-of-n", "gain", "held out")
    for row in rows:
        if row.budget in _BUDGETS or row is rows[-1]:
            plain = row.stop == len(table.step)
            grid.add_row(
                str(row.budget),
                str(row.started),
                "never" if plain else f"{row.fraction:.0%}",
                str(row.continued),
                f"{row.score:.4f}",
                _half(row.score, row.low, row.high),
                f"{row.best_of_n:.4f}",
                number(row.error_reduction, ".1%"),
                _signed(row.held_out_error_reduction),
                style="dim" if plain else None,
            )
    yield grid


def _half(value: float | None, low: float | None, high: float | None) -> str:
    """Half of an interval, of one that ends at a perfect score the other half; one that four decimals round to nothing
    is none."""
    half = 0.0 if value is None or low is None or high is None else max(high - value, value - low)
    return f"{half:.4f}" if half >= 0.00005 else UNDEFINED


def _signed(share: float | None) -> str:
    return UNDEFINED if share is None else f"{round(share, 3) + 0.0:+.1%}"  # never minus zero
